"""Bytes ↔ pieces ↔ printable text, for every byte there is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.tokens import catalogue, printable
from geometry.tokens.decoding import choose, readings
from geometry.tokens.kinds import kind_of
from geometry.tokens.pieces import Alphabet, bytes_to_piece, piece_to_bytes
from geometry.tokens.trie import ByteTrie, reachable
from geometry.tokens.variants import inflections, near_spellings


@given(st.binary())
def test_the_byte_alphabet_goes_there_and_back(data: bytes):
    assert piece_to_bytes(bytes_to_piece(data)) == data


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_piece_is_in_the_alphabet_or_its_own_utf8(piece: str):
    data = piece_to_bytes(piece)
    assert data == piece.encode() or bytes_to_piece(data) == piece


def test_the_alphabet_is_gpt_2_s():
    assert bytes_to_piece(" 🐠\n\x00\xad".encode()) == "ĠðŁĲłĊĀÂŃ"
    assert len({bytes_to_piece(bytes([value])) for value in range(256)}) == 256
    assert piece_to_bytes("\x80") == b"\xc2\x80"
    assert piece_to_bytes("日Ġ") == "日Ġ".encode()


@pytest.mark.parametrize(
    ("alphabet", "piece", "data"),
    [
        (Alphabet("sentencepiece", "▁", True), "▁sea", b" sea"),
        (Alphabet("sentencepiece", "▁", True), "<0x0A>", b"\n"),
        (Alphabet("sentencepiece", "▁", False), "<0x0A>", b"<0x0A>"),
        (Alphabet("sentencepiece", "▁", True), "▁▁", b"  "),
        (Alphabet("wordpiece", "##"), "##horse", b"horse"),
        (Alphabet("wordpiece", "##"), "horse", b" horse"),
        (Alphabet("wordpiece", "##"), "##", b""),
        (Alphabet("wordpiece", "##"), "#", b" #"),
        (Alphabet("suffix", "</w>"), "horse</w>", b"horse "),
        (Alphabet("suffix", "</w>"), "hor", b"hor"),
        (Alphabet("words"), "horse", b" horse"),
        (Alphabet("plain"), "▁", "▁".encode()),
    ],
)
def test_alphabets(alphabet: Alphabet, piece: str, data: bytes):
    assert alphabet.to_bytes(piece) == data


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b" sea", " sea"),
        (b" \xf0\x9f", " ⟨F0 9F⟩"),
        (b"\x90", "⟨90⟩"),
        (b"a\xffb\xf0\x9f\x90", "a⟨FF⟩b⟨F0 9F 90⟩"),
        (b"\xed\xa0\x80", "⟨ED A0 80⟩"),
        ("\u200d".encode(), "⟨U+200D⟩"),
        ("\ufe0f".encode(), "⟨U+FE0F⟩"),
        (" ❤\ufe0f".encode(), " ❤\ufe0f"),
        ("👩\u200d🚀".encode(), "👩\u200d🚀"),
        ("👩\u200d".encode(), "👩⟨U+200D⟩"),
        ("a\ufe0f".encode(), "a⟨U+FE0F⟩"),
        (b"\x00", "⟨U+0000⟩"),
        (b"\n\t", "⟨U+000A⟩⟨U+0009⟩"),
        ("\u00a0".encode(), "⟨U+00A0⟩"),
        ("e\u0301".encode(), "e\u0301"),
        ("\u0301".encode(), "⟨U+0301⟩"),
        (b"[/red]", "[/red]"),
        ("⟨F0⟩".encode(), "⟨U+27E8⟩F0⟩"),
        ("▁".encode(), "▁"),
        (b"", ""),
    ],
)
def test_printable(data: bytes, shown: str):
    assert printable(data) == shown


@given(st.lists(st.one_of(st.binary(max_size=6), st.text(max_size=3).map(str.encode)), max_size=3).map(b"".join))
def test_printable_text_never_hides_anything_and_never_lies(data: bytes):
    shown = printable(data)
    if any(data.removeprefix(b" ") == emoji.text.encode() for emoji in catalogue()):
        return
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cn", "Co", "Cs"} for c in shown)
    assert unprint(shown) == data


def unprint(shown: str) -> bytes:
    """Read `printable`'s text back: the proof that it is unambiguous."""
    data, rest = b"", shown
    while rest:
        before, opening, rest = rest.partition("⟨")
        data += before.encode()
        if opening:
            code, _, rest = rest.partition("⟩")
            data += chr(int(code[2:], 16)).encode() if code.startswith("U+") else bytes.fromhex(code)
    return data


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("🐠".encode(), "emoji"),
        (" 🐠".encode(), "emoji"),
        ("  🐠".encode(), "piece"),
        ("❤".encode(), "emoji"),
        ("❤\ufe0f".encode(), "emoji"),
        ("🏽".encode(), "emoji"),
        ("1\ufe0f\u20e3".encode(), "emoji"),
        (b"1", "piece"),
        (b"#", "piece"),
        (b"\xf0", "emoji_prefix"),
        (b" \xf0\x9f", "emoji_prefix"),
        (b"\xe2", "emoji_prefix"),
        ("🇩".encode(), "emoji_prefix"),
        ("👩\u200d".encode(), "emoji_prefix"),
        (b"\x90", "continuation"),
        (b"\xa0,", "continuation"),
        (b"\xff", "bytes"),
        (b"\xf5", "bytes"),
        (b" \x90", "bytes"),
        (b" horse", "word"),
        (" été".encode(), "word"),
        (b" o'clock", "word"),
        (b" don'", "piece"),
        (b"horse", "piece"),
        (b" 12", "piece"),
        (b" ,", "piece"),
        (b"  horse", "piece"),
        (b" ", "piece"),
        (b"", "piece"),
        ("\ufe0f".encode(), "piece"),
        ("\u200d".encode(), "piece"),
    ],
)
def test_kind_of_bytes(data: bytes, kind: str):
    assert kind_of(data) == kind


@given(st.sets(st.binary(max_size=4)), st.binary(max_size=3))
def test_the_trie_agrees_with_a_scan(strings: set[bytes], prefix: bytes):
    trie = ByteTrie(strings)
    assert trie.under(prefix) == tuple(sorted(s for s in strings if s.startswith(prefix)))
    assert trie.opens(prefix) == any(s.startswith(prefix) and s != prefix for s in strings)
    assert (prefix in trie) == (prefix in strings)
    assert len(trie) == len(strings)


def test_the_page_of_the_fish_holds_sixty_four_code_points():
    page = {emoji.text[0] for emoji in reachable(b"\xf0\x9f\x90")}
    assert page == {chr(code) for code in range(0x1F400, 0x1F440)}


@given(st.binary(min_size=1, max_size=4))
def test_every_piece_is_among_the_readings_of_what_nfkc_makes_of_it(data: bytes):
    piece = bytes_to_piece(data)
    mangled = unicodedata.normalize("NFKC", piece)
    # Where NFKC leaves a space, a printed line has been cut apart: those cannot be put back.
    if " " not in mangled and len(mangled) == sum(len(unicodedata.normalize("NFKC", c)) for c in piece):
        assert piece in set(readings(mangled))


def test_readings_are_bounded():
    assert len(list(readings("IJ" * 40))) == 4096


def test_no_valid_choice_is_none():
    assert choose([[b"\xf0"], [b"a", b"b"]]) is None
    assert choose([]) == []


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("horse", "horses", True),
        ("fox", "foxes", True),
        ("pony", "ponies", True),
        ("bus", "buses", True),
        ("a", "as", False),
        ("glas", "glass", False),
        ("sea", "seal", False),
        ("car", "cares", False),
        ("not", "notes", False),
        ("note", "notes", True),
        ("had", "hades", False),
        ("new", "news", False),
    ],
)
def test_plurals_in_both_directions(one: str, other: str, related: bool):
    assert (other in inflections(one)) is related
    assert (one in inflections(other)) is related


@given(st.text("aeisxy", max_size=6), st.text("aeisxy", max_size=6))
def test_being_a_plural_is_mutual(one: str, other: str):
    assert (other in inflections(one)) == (one in inflections(other))


def test_near_spellings():
    words = ["horse", "Horses", "house", "sea", "orchestra"]
    assert near_spellings("horsse", words, 2) == ["horse", "Horses"]
    assert near_spellings(" ", words, 2) == []
