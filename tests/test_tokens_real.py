"""Real tokenizers: known ids, and parity with the ``tokenizers`` library."""

from pathlib import Path

import pytest
import tokenizers

from geometry.errors import TokenError
from geometry.tokens import Vocabulary, decode, open_vocabulary, spell

TEXTS = ["Once upon a time, a seahorse said: 'It's 12345 o'clock!'", "  two\n\nlines\t", "naïve 🐠 and ❤️", "日本語", ""]


@pytest.fixture(scope="module")
def gpt_2(test_data: Path) -> Vocabulary:
    return open_vocabulary(test_data / "tokenizers" / "gpt-2.tokenizer.json", 50304)


@pytest.fixture(scope="module")
def llama_2(test_data: Path) -> Vocabulary:
    return open_vocabulary(test_data / "tokenizers" / "llama-2.tokenizer.json")


@pytest.fixture(scope="module")
def llama_3(test_data: Path) -> Vocabulary:
    return open_vocabulary(test_data / "tokenizers" / "llama-3.tiktoken.model", 128_256)


@pytest.fixture(scope="module")
def qwen(test_data: Path) -> Vocabulary:
    return open_vocabulary(test_data / "tokenizers" / "qwen.tiktoken")


def test_gpt_2(gpt_2: Vocabulary):
    spelling = spell(gpt_2, " 🐠")
    assert [(piece.id, piece.bytes) for piece in spelling.pieces] == [
        (12520, b" \xf0\x9f"),
        (238, b"\x90"),
        (254, b"\xa0"),
    ]
    for printed in ("ĠðŁ Ĳ ł", "ĠðŁ IJ ł", "12520 238 254"):
        assert decode(gpt_2, printed).ids == (12520, 238, 254)
        assert decode(gpt_2, printed).text == " 🐠"
    assert decode(gpt_2, "IJ").text == "IJ"
    assert gpt_2.emoji[32485].name == "slightly smiling face"
    assert gpt_2.kind(50256) == "special"
    assert gpt_2.kind(50303) == "padding"
    assert gpt_2.regime().bare.regime == "bytes"


@pytest.mark.parametrize("text", TEXTS)
def test_gpt_2_agrees_with_the_library(gpt_2: Vocabulary, text: str):
    assert list(gpt_2.ids(text)) == tokenizers.Tokenizer.from_file(str(gpt_2.source)).encode(text).ids


def test_a_pruned_gpt_2(tinystories: Path):
    vocabulary = open_vocabulary(tinystories)
    assert vocabulary.size == 14_019
    assert [vocabulary.byte_tokens[value] for value in "🐠".encode()] == [172, 253, 238, 254]
    assert vocabulary.regime().after_space.regime == "bytes"
    assert [vocabulary.text_of(i) for i in vocabulary.word("seahorse")] == [" se", "ah", "orse"]


def test_llama_2(llama_2: Vocabulary):
    assert llama_2.word("sea") == llama_2.ids(" sea") == (7205,)
    assert llama_2.word("horse") == (10435,)
    assert [llama_2.text_of(i) for i in llama_2.ids("horse")] == ["hor", "se"]
    assert llama_2.emoji_ids("🌍") == (31494,)
    assert llama_2.with_bytes(b"A") == (29909, 68)
    assert llama_2.text_of(29871) == " "


@pytest.mark.parametrize("text", TEXTS)
def test_llama_2_agrees_with_the_library_after_its_own_space(llama_2: Vocabulary, text: str):
    library = tokenizers.Tokenizer.from_file(str(llama_2.source))
    expected = library.encode(text, add_special_tokens=False).ids if text else []
    assert list(llama_2.ids(" " + text if text else "")) == expected


def test_llama_3(llama_3: Vocabulary):
    assert (llama_3.word("sea"), llama_3.word("horse")) == ((9581,), (15580,))
    assert llama_3.with_bytes(b"\xf0\x9f") == (9468,)
    assert llama_3.ids(" 🐠")[0] == 11410
    assert decode(llama_3, " ".join(map(str, llama_3.ids(" 🐠")))).text == " 🐠"
    assert (llama_3.bytes_of(128_255), llama_3.kind(128_255)) == (b"", "padding")
    assert llama_3.regime().bare.regime == "bytes"
    # Numbers are cut in threes, and a contraction stands apart: Llama 3's pattern.
    assert [llama_3.text_of(i) for i in llama_3.ids("It's 12345")] == ["It", "'s", " ", "123", "45"]


@pytest.mark.slow
def test_qwen(qwen: Vocabulary):
    known = {"🐠": 147313, "🐟": 146302, "🐴": 148391, "🌊": 145843, "🦄": 146162}
    assert {emoji: qwen.ids(emoji) for emoji in known} == {emoji: (i,) for emoji, i in known.items()}
    assert {emoji: qwen.emoji_ids(emoji) for emoji in known} == {emoji: (i,) for emoji, i in known.items()}
    assert [qwen.bytes_of(i) for i in qwen.ids(" 🐠")] == [b" \xf0\x9f", b"\x90", b"\xa0"]
    assert (qwen.regime().bare.regime, qwen.regime().after_space.regime) == ("whole", "bytes")
    assert qwen.kinds.tolist().count("emoji") == len(qwen.emoji) > 899
    # Qwen cuts numbers into digits and writes texts in NFC.
    assert [qwen.text_of(i) for i in qwen.ids(" 123")] == [" ", "1", "2", "3"]
    assert qwen.ids("e\u0301") == qwen.ids("é")


@pytest.mark.parametrize("text", TEXTS)
def test_tiktoken_texts_come_back(llama_3: Vocabulary, qwen: Vocabulary, text: str):
    for vocabulary in (llama_3, qwen):
        assert b"".join(map(vocabulary.bytes_of, vocabulary.ids(text))).decode() == text


@pytest.mark.slow
def test_own_merging_by_rank_agrees_with_the_library(llama_3: Vocabulary):
    # The library's BPE needs the merges: every split of a token into two others is offered, the order of ranks decides.
    from geometry.tokens.pieces import bytes_to_piece

    tokens = {llama_3.bytes_of(i): i for i in range(128_000)}
    merges = [
        (bytes_to_piece(token[:cut]), bytes_to_piece(token[cut:]))
        for token in tokens
        for cut in range(1, len(token))
        if token[:cut] in tokens and token[cut:] in tokens
    ]
    vocab = {bytes_to_piece(token): i for token, i in tokens.items()}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for word in (" seahorse", " antidisestablishmentarianism", "🐠", " ☃☃", "Ωμέγα", " Donaudampfschiff"):
        assert list(llama_3.ids(word)) == library.encode(word).ids


def test_minilm(minilm: Path):
    vocabulary = open_vocabulary(minilm)
    assert vocabulary.size == 30_522
    assert [vocabulary.piece_of(i) for i in vocabulary.word("King")] == ["king"]
    assert [vocabulary.piece_of(i) for i in vocabulary.quoted("horse")] == ["##horse"]
    assert [vocabulary.piece_of(i) for i in vocabulary.word("seahorse")] == ["sea", "##horse"]
    assert vocabulary.kind(1) == "special"  # [unused0]
    assert len(vocabulary.reserved) == 994
    with pytest.raises(TokenError, match="' 🐠' has a part that no token of this vocabulary spells"):
        vocabulary.emoji_ids("🐠")
    with pytest.raises(TokenError, match=r"no token is exactly 'horsse': did you mean 'horse'"):
        vocabulary.quoted("horsse")
    assert spell(vocabulary, " 🐠").ids == (100,)


@pytest.mark.parametrize("text", TEXTS)
def test_minilm_agrees_with_the_library_after_a_space(minilm: Path, text: str):
    vocabulary = open_vocabulary(minilm)
    library = tokenizers.Tokenizer.from_file(str(vocabulary.source))
    library.no_padding()
    assert list(vocabulary.encode(" " + text)) == library.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", ["gpt_2", "llama_2", "llama_3", pytest.param("qwen", marks=pytest.mark.slow)])
def test_every_token_s_kind_and_text_can_be_had(name: str, request: pytest.FixtureRequest):
    vocabulary: Vocabulary = request.getfixturevalue(name)
    kinds = vocabulary.kinds
    assert len(kinds) == vocabulary.size
    for token_id in range(0, vocabulary.size, 7):
        assert vocabulary.text_of(token_id)
        assert kinds[token_id] == vocabulary.kind(token_id)
        assert (kinds[token_id] == "padding") or token_id in vocabulary.with_bytes(vocabulary.bytes_of(token_id))
