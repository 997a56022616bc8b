"""Vocabularies of every family: tiny ones built here, so that each awkward token is known."""

import base64
import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

from geometry.errors import TokenError
from geometry.tokens import Vocabulary, decode, open_vocabulary, spell
from geometry.tokens.pieces import bytes_to_piece
from geometry.tokens.tiktoken import TiktokenEncoder

BYTES = {bytes_to_piece(bytes([value])): value for value in range(256)}


def byte_level() -> tokenizers.Tokenizer:
    """All 256 bytes, a few merges, emoji as added tokens that take the space before them: an organism's shape."""
    merges = [("s", "e"), ("se", "a"), ("Ġ", "sea"), ("ð", "Ł"), ("Ġ", "ðŁ"), ("Ġ", "a"), ("sea", "s")]
    merges += [("Ġsea", "s")]
    vocab = BYTES | {a + b: 256 + n for n, (a, b) in enumerate(merges)}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<unused1>"])
    tokenizer.add_tokens([AddedToken("🐠", lstrip=True, normalized=False), AddedToken("seahorse", lstrip=True)])
    return tokenizer


def sentencepiece() -> tokenizers.Tokenizer:
    """Llama 2's shape: a mark for the space, put before every text, and byte fallback."""
    pieces = ["<unk>", "<s>", *(f"<0x{value:02X}>" for value in range(256)), "▁", "s", "e", "a", "A"]
    merges = [("s", "e"), ("se", "a"), ("▁", "sea")]
    pieces += [a + b for a, b in merges]
    tokenizer = tokenizers.Tokenizer(
        models.BPE(
            vocab={piece: n for n, piece in enumerate(pieces)},
            merges=merges,
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    return tokenizer


def unigram() -> tokenizers.Tokenizer:
    """T5's shape: Metaspace after the white space is thrown away; no byte fallback."""
    vocab = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0), ("▁sea", -3.0), ("horse", -5.0), ("s", -6.0), ("ea", -4.0)]
    tokenizer = tokenizers.Tokenizer(models.Unigram([*vocab, ("<0x41>", -9.0)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    return tokenizer


def wordpiece() -> tokenizers.Tokenizer:
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "sea", "##sea", "##horse", "horse", ",", "##,", "##s"]
    vocab = {piece: n for n, piece in enumerate(pieces)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(2)
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return tokenizer


TIKTOKEN = [bytes([value]) for value in range(256)] + [b"se", b"sea", b" sea", b"\xf0\x9f", b" \xf0\x9f"]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Vocabulary]:
    def open_one(make: Callable[[], tokenizers.Tokenizer], rows: int | None = None) -> Vocabulary:
        make().save(str(tmp_path / "tokenizer.json"))
        return open_vocabulary(tmp_path, rows)

    return open_one


@pytest.fixture
def tiktoken_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.tiktoken"
    path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(token), n) for n, token in enumerate(TIKTOKEN)))
    return path


def texts(vocabulary: Vocabulary, ids: tuple[int, ...]) -> list[str]:
    return [vocabulary.text_of(token_id) for token_id in ids]


@pytest.mark.parametrize(
    ("make", "text", "expected"),
    [
        (byte_level, "sea", ["sea"]),
        (byte_level, " sea", [" sea"]),
        (byte_level, "SEA", ["sea"]),
        (byte_level, " 🐠", ["🐠"]),
        (byte_level, "a🐠", ["a", "🐠"]),
        (byte_level, " 🐟", [" ⟨F0 9F⟩", "⟨90⟩", "⟨9F⟩"]),
        (byte_level, "<s>", ["<", "s", ">"]),
        (byte_level, "", []),
        (byte_level, "\x00", ["⟨U+0000⟩"]),
        (sentencepiece, "sea", ["sea"]),
        (sentencepiece, " sea", [" sea"]),
        (sentencepiece, "é", ["⟨C3⟩", "⟨A9⟩"]),
        (unigram, " sea", [" sea"]),
        (unigram, "sea", ["s", "ea"]),
        (unigram, " seahorse", [" sea", "horse"]),
        (wordpiece, " horse", [" horse"]),
        (wordpiece, "horse", ["horse"]),
        (wordpiece, " seahorse", [" sea", "horse"]),
        (wordpiece, "seahorses", ["sea", "horse", "s"]),
        (wordpiece, "horse, sea", ["horse", " ,", " sea"]),
        (wordpiece, ", horse", [" ,", " horse"]),
    ],
)
def test_ids_are_exactly_the_text(opened, make, text: str, expected: list[str]):
    vocabulary = opened(make)
    assert texts(vocabulary, vocabulary.ids(text)) == expected


@pytest.mark.parametrize("make", [byte_level, sentencepiece])
@pytest.mark.parametrize("text", ["sea", " sea", "  sea sea", "\n", "é", "🐟", " a\x00b", "\u200d", "\ufe0f", "[/red]"])
def test_exact_families_give_the_text_back(opened, make, text: str):
    vocabulary = opened(make)
    assert b"".join(map(vocabulary.bytes_of, vocabulary.ids(text))).decode() == text


def test_a_continued_word_and_an_initial_one_are_different_rows(opened):
    vocabulary = opened(wordpiece)
    assert [vocabulary.piece_of(i) for i in vocabulary.ids("horse")] == ["##horse"]
    assert [vocabulary.piece_of(i) for i in vocabulary.ids(" horse")] == ["horse"]
    assert [vocabulary.piece_of(i) for i in vocabulary.quoted("horse")] == ["##horse"]
    assert [vocabulary.piece_of(i) for i in vocabulary.word("Horse")] == ["horse"]
    assert not vocabulary.exact
    assert "WordPiece" in vocabulary.note


@pytest.mark.parametrize("make", [unigram, sentencepiece, byte_level])
def test_a_control_token_in_a_text_is_read_as_text(opened, make):
    vocabulary = opened(make)
    special = {i for i in range(vocabulary.size) if vocabulary.kind(i) == "special"} - {0 if make is unigram else -1}
    for written in ("<s>", "</s>", "<unused1>"):
        assert not special & set(vocabulary.encode("sea" + written))


def test_kinds(opened):
    vocabulary = opened(byte_level, 280)
    by_piece = {vocabulary.piece_of(i): vocabulary.kind(i) for i in range(vocabulary.size)}
    assert by_piece["Ġsea"] == "word"
    assert by_piece["sea"] == by_piece["1"] == by_piece["Ġ"] == "piece"
    assert by_piece["ðŁ"] == by_piece["ĠðŁ"] == by_piece["ð"] == "emoji_prefix"
    assert by_piece["Ĳ"] == by_piece["ł"] == "continuation"
    assert by_piece[bytes_to_piece(b"\xff")] == "bytes"
    assert by_piece["🐠"] == "emoji"
    assert by_piece["seahorse"] == "word"
    assert by_piece["<s>"] == by_piece["<unused1>"] == "special"
    assert by_piece[None] == "padding"
    assert vocabulary.kinds.tolist() == [vocabulary.kind(i) for i in range(280)]
    assert [emoji.name for emoji in vocabulary.emoji.values()] == ["tropical fish"]
    assert vocabulary.reserved == {by_id for by_id in range(268) if vocabulary.piece_of(by_id) == "<unused1>"}


def test_rows_beyond_the_tokenizer_are_padding_and_rows_short_of_it_are_not_found(opened):
    padded = opened(byte_level, 300)
    assert (padded.size, padded.tokenizer_size) == (300, 268)
    assert (padded.bytes_of(299), padded.text_of(299), padded.kind(299)) == (b"", "⟨pad 299⟩", "padding")
    assert padded.variants(299) == frozenset()
    assert padded.with_bytes(b"") == ()
    with pytest.raises(TokenError, match="token id 300 is out of range: this vocabulary has ids 0 to 299"):
        padded.bytes_of(300)
    short = opened(byte_level, 258)
    assert short.size == 268
    assert short.with_bytes(b" sea") == ()
    assert short.emoji == {}
    with pytest.raises(TokenError, match="needs token 258, but the head has rows 0 to 257"):
        short.word("sea")


def test_a_byte_has_two_tokens_in_sentencepiece_and_the_ordinary_one_comes_first(opened):
    vocabulary = opened(sentencepiece)
    assert [vocabulary.piece_of(i) for i in vocabulary.with_bytes(b"A")] == ["A", "<0x41>"]
    assert vocabulary.piece_of(vocabulary.byte_tokens[0x41]) == "<0x41>"
    assert len(vocabulary.byte_tokens) == 256


def test_a_byte_piece_is_text_without_byte_fallback(opened):
    vocabulary = opened(unigram)
    assert vocabulary.with_bytes(b"<0x41>") == (7,)
    assert vocabulary.byte_tokens.keys() == {ord(" "), ord("s")}


def test_rank_is_the_order_of_scores_in_unigram_and_of_ids_elsewhere(opened):
    vocabulary = opened(unigram)
    assert [vocabulary.rank(i) for i in range(8)] == [0, 1, 2, 3, 5, 6, 4, 7]
    assert opened(byte_level).rank(261) == 261


def test_words_and_their_errors(opened):
    vocabulary = opened(unigram)
    assert texts(vocabulary, vocabulary.word("sea")) == [" sea"]
    with pytest.raises(TokenError, match=r"' hörse' has a part .*: did you mean 'horse'\?"):
        vocabulary.word("hörse")
    with pytest.raises(TokenError, match=r"no token is exactly 'sea': did you mean ' sea'\?"):
        vocabulary.quoted("sea")
    with pytest.raises(TokenError, match="only white space"):
        vocabulary.word(" ")
    assert spell(vocabulary, " 🐠").pieces[-1].kind == "special"


@pytest.mark.parametrize("method", ["ids", "encode", "word", "quoted", "emoji_ids"])
def test_text_that_is_no_unicode(opened, method: str):
    with pytest.raises(TokenError, match=r"\\udcff' is no valid Unicode text: write it in UTF-8"):
        getattr(opened(byte_level), method)("\udcff")


def test_what_bpe_leaves_out_in_silence_is_an_error(opened):
    def pruned() -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer(models.BPE(vocab={"Ġ": 0, "s": 1, "e": 2}, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer

    vocabulary = opened(pruned)
    assert vocabulary.encode(" sea") == (0, 1, 2)
    with pytest.raises(TokenError, match="' sea' has a part that no token of this vocabulary spells"):
        vocabulary.word("sea")


def test_emoji_take_their_whole_token_first(opened):
    vocabulary = opened(byte_level)
    assert texts(vocabulary, vocabulary.emoji_ids("🐠")) == ["🐠"]
    assert texts(vocabulary, vocabulary.emoji_ids("🐟")) == [" ⟨F0 9F⟩", "⟨90⟩", "⟨9F⟩"]


def test_variants_are_case_space_and_plural(opened):
    vocabulary = opened(byte_level)
    (sea,) = vocabulary.word("sea")
    assert sorted(texts(vocabulary, tuple(vocabulary.variants(sea)))) == [" seas", "sea", "seas"]
    assert sorted(texts(vocabulary, tuple(vocabulary.variants(0x41)))) == [" a", "a"]
    (prefix,) = vocabulary.with_bytes(b"\xf0\x9f")
    assert texts(vocabulary, tuple(vocabulary.variants(prefix))) == [" ⟨F0 9F⟩"]


def test_emoji_still_reachable(opened):
    vocabulary = opened(byte_level)
    page = {emoji.text for emoji in vocabulary.reachable(vocabulary.ids(" 🐟")[:2])}
    assert {"🐟", "🐠", "🐴", "🐉"} <= page
    assert all(text.encode().startswith(b"\xf0\x9f\x90") for text in page)
    assert [emoji.text for emoji in vocabulary.reachable(vocabulary.ids("🐠"))] == ["🐠"]
    assert vocabulary.reachable(vocabulary.ids("sea")) == ()


def test_every_spelling_writes_the_emoji_and_none_is_missing(opened):
    vocabulary = opened(byte_level)
    ways = vocabulary.spellings("🐠")
    assert texts(vocabulary, ways[0]) == ["🐠"]
    assert len(ways) == len(set(ways)) == 3  # the token; F0 9F, 90, A0; four bytes
    assert {b"".join(map(vocabulary.bytes_of, way)) for way in ways} == {"🐠".encode()}
    assert len(vocabulary.spellings("🐠", after_space=True)) == 4
    assert len(vocabulary.spellings("👩🏽\u200d❤\ufe0f\u200d💋\u200d👩🏿")) <= 1000


def test_regime_of_a_tiny_vocabulary(opened):
    bytes_only = opened(byte_level).regime()
    assert (bytes_only.bare.regime, bytes_only.bare.whole, bytes_only.bare.groups) == ("bytes", 1, 1)
    assert (bytes_only.after_space.whole, bytes_only.after_space.none) == (1, 0)
    nothing = opened(wordpiece).regime().to_dict()
    assert nothing["bare"] == nothing["after_space"]
    assert nothing["bare"]["regime"] == "none"
    assert nothing["bare"]["none"] == nothing["bare"]["of"] == 3664


def test_regime_whole_needs_many_emoji_of_several_groups(opened):
    from geometry.tokens import catalogue

    def of_groups(groups: set[str]) -> tokenizers.Tokenizer:
        tokenizer = byte_level()
        tokenizer.add_tokens([e.text for e in catalogue() if e.group in groups and e.status == "fully-qualified"][:400])
        return tokenizer

    flags = opened(lambda: of_groups({"Flags"})).regime().bare
    assert (flags.regime, flags.groups) == ("bytes", 2)
    many = {"Flags", "Food & Drink", "Activities", "Travel & Places", "Animals & Nature"}
    animals = opened(lambda: of_groups(many)).regime().bare
    assert (animals.regime, animals.groups) == ("bytes", 3)  # the first 400 of them lie in three groups


@pytest.mark.parametrize("printed", ["ĠðŁ Ĳ ł", "ĠðŁ IJ ł"])
def test_printed_pieces_are_read_back_also_after_nfkc(opened, printed: str):
    vocabulary = opened(byte_level)
    decoded = decode(vocabulary, printed)
    assert decoded.text == " 🐠"
    assert decode(vocabulary, printed).text == " 🐠"
    assert decoded.ids == decode(vocabulary, "260 144 160").ids == (260, 144, 160)


def test_other_printed_pieces(opened):
    vocabulary = opened(byte_level)
    assert decode(vocabulary, "ĠðŁIJł").to_dict()["pieces"] == [
        {"id": None, "text": " 🐠", "bytes": "20f09f90a0", "kind": "emoji"}
    ]
    assert decode(vocabulary, "ð Ł").text == "⟨F0 9F⟩"
    with pytest.raises(TokenError, match="token id 999 is out of range"):
        decode(vocabulary, "1 999")
    with pytest.raises(TokenError, match="nothing to decode"):
        decode(vocabulary, " ")
    pieces = opened(sentencepiece)
    assert decode(pieces, "▁sea <0xF0> <0x9F> <0x90> <0xA0>").text == " sea🐠"
    with pytest.raises(TokenError, match=r"'▁horse' is no piece of this vocabulary"):
        decode(pieces, "▁horse")


def test_a_spelling_as_json_and_as_a_table(opened):
    spelling = spell(opened(byte_level), " sea🐟")
    assert spelling.to_dict()["pieces"][:2] == [
        {"id": 258, "text": " sea", "bytes": "20736561", "kind": "word"},
        {"id": 259, "text": "⟨F0 9F⟩", "bytes": "f09f", "kind": "emoji_prefix"},
    ]
    assert json.loads(json.dumps(spelling.to_dict()))["text"] == " sea🐟"
    lines = [line.split() for line in str(spelling).splitlines()]
    assert lines[2] == ["id", "bytes", "kind", "token"]
    assert lines[4:6] == [
        ["258", "20", "73", "65", "61", "word", "·sea"],
        ["259", "F0", "9F", "emoji_prefix", "⟨F0", "9F⟩"],
    ]


def test_a_tiktoken_file(tiktoken_file: Path):
    vocabulary = open_vocabulary(tiktoken_file, 270)
    assert vocabulary.ids(" sea") == (258,)
    assert vocabulary.ids("seas") == (257, ord("s"))
    assert vocabulary.ids(" 🐠") == (260, 0x90, 0xA0)
    assert vocabulary.ids("") == ()
    assert vocabulary.bytes_of(260) == b" \xf0\x9f"
    assert vocabulary.kind(265) == "padding"
    assert decode(vocabulary, "ĠðŁ IJ ł").text == " 🐠"
    assert "cl100k_base's pattern is assumed" in vocabulary.note
    assert open_vocabulary(tiktoken_file.parent).source == tiktoken_file


def test_a_tiktoken_file_without_every_byte(tmp_path: Path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(b"YQ== 0\n")
    with pytest.raises(TokenError, match="'ab' has a part that no token of this vocabulary spells"):
        open_vocabulary(path).ids("ab")
    assert open_vocabulary(path).regime().bare.none == 3664


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10**6))
def test_merging_takes_the_lowest_rank_first_and_the_leftmost_of_equals(data: bytes, seed: int):
    """Against the plain rule: look at every pair, merge the best, start again."""
    generator = random.Random(seed)
    data = bytes(byte % 3 + 97 for byte in data)
    words = {bytes([97 + one]) for one in range(3)}
    while len(words) < 25:
        words.add(generator.choice(sorted(words)) + generator.choice(sorted(words)))
    ranks = {word: rank for rank, word in enumerate(sorted(words, key=lambda word: (len(word), generator.random())))}
    encoder = TiktokenEncoder.__new__(TiktokenEncoder)
    encoder._ranks = ranks
    parts = [data[i : i + 1] for i in range(len(data))]
    while True:
        pairs = [(ranks[a + b], place) for place, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not pairs:
            break
        _, place = min(pairs)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    assert encoder._merge(data) == [ranks[part] for part in parts]
