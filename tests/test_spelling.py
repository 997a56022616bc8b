"""spell(): every way to write an emoji counted once, against counting them one by one."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_causal import write_causal

from geometry.errors import OptionError
from geometry.live import Running, believe, open_running
from geometry.live.continuations import Continuations, make_continuations
from geometry.live.spelling import Spread, begun, bounds, spread
from geometry.tokens import catalogue, lookup

FORMS = [one.encode() for text in ("🐠", "🐟", "❤", "❤️", "👩", "👩‍🚀", "👩🏽", "1️⃣") for one in (text, " " + text)]
PIECES = [b"a", b"1", b" ", b"\n", b"", b" \xf0\x9f", b"\xf0\x9f", b"\xf0\x9f\x90", "🐠".encode(), " 🐠".encode()]
PIECES += ["🐠\n".encode(), "❤".encode(), "❤️".encode(), "👩".encode(), "\u200d".encode(), "👩‍".encode(), b"\xf0"]
PIECES += ["👩‍🚀x".encode(), "🏽".encode(), "\ufe0f".encode(), "🐟🐠".encode(), b"\x9f", b"\x9f"]
BYTES = [bytes([one]) for one in sorted({byte for form in FORMS for byte in form})]


def model(seed: int, vocab: int):
    """A next-token distribution that depends on the whole path, drawn by seed."""

    @cache
    def after(path: tuple[int, ...]) -> np.ndarray:
        drawn = np.exp(2 * np.random.default_rng([seed, *path]).normal(size=vocab))
        return drawn / drawn.sum()

    return after


def counted(after, data: list[bytes], form: bytes, path: tuple[int, ...] = (), mass: float = 1.0) -> float:
    """P(s) by its definition: paths whose bytes before the last token are a strict prefix of s and with it cover s."""
    written, found = b"".join(data[token] for token in path), 0.0
    for token, share in enumerate(after(path)):
        reached = written + data[token]
        if data[token] and reached.startswith(form):
            found += mass * share
        elif data[token] and form.startswith(reached):
            found += counted(after, data, form, (*path, token), mass * share)
    return found


def followed(after, continuations: Continuations, **options) -> Spread:
    options = {"floor": 0.0, "limit": 10**6, "longest": 99} | options
    return spread(lambda paths: np.stack([after(path) for path in paths]), continuations, **options)


@given(seed=st.integers(0, 10**6), pieces=st.lists(st.sampled_from(PIECES), unique=False, max_size=12))
@settings(max_examples=25, deadline=None)
def test_every_form_is_what_counting_gives(seed: int, pieces: list[bytes]):
    data = [piece for piece in pieces if piece] + BYTES
    after, continuations = model(seed, len(data)), make_continuations(FORMS, data)
    found = followed(after, continuations)
    assert not found.open
    starts = begun(found, continuations)
    for form in FORMS:
        wanted = counted(after, data, form)
        assert starts[form].low == pytest.approx(wanted, rel=1e-9, abs=1e-15)
        assert starts[form].high == pytest.approx(wanted, rel=1e-9, abs=1e-15)
    # exactly e and no longer: P(e) less P of its minimal extensions
    for form in FORMS:
        longer = [one for one in FORMS if one.startswith(form) and one != form]
        least = [one for one in longer if not any(one.startswith(other) and one != other for other in longer)]
        exactly = counted(after, data, form) - sum(counted(after, data, one) for one in least)
        assert found.said.get(form, 0.0) == pytest.approx(exactly, rel=1e-6, abs=1e-12)
    assert sum(found.said.values()) + found.nothing == pytest.approx(1.0)


@given(
    seed=st.integers(0, 10**6), floor=st.sampled_from([0.3, 0.05, 0.01, 1e-3]), limit=st.integers(1, 200),
    longest=st.integers(0, 4),
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_what_is_not_followed_is_within_the_bounds(seed: int, floor: float, limit: int, longest: int):
    data = PIECES + BYTES  # one of them has no bytes: what comes after it is never known
    after, continuations = model(seed, len(data)), make_continuations(FORMS, data)
    found = followed(after, continuations, floor=floor, limit=limit, longest=longest)
    exact = followed(after, continuations, limit=1_000)
    assert found.followed <= limit
    for label_of in ({form: form.decode().strip() for form in FORMS}, dict.fromkeys(FORMS, "any")):
        near, far = bounds(exact, continuations, label_of), bounds(found, continuations, label_of)
        for name in near:
            assert far[name].low <= near[name].low + 1e-12
            assert near[name].high <= far[name].high + 1e-12
    for form, one in begun(found, continuations).items():
        assert one.low - 1e-12 <= counted(after, data, form) <= one.high + 1e-12
    total = sum(found.said.values()) + found.nothing + sum(found.open.values())
    assert total == pytest.approx(1.0)


def test_what_was_written_may_be_said_for_certain_though_its_end_is_open():
    """Unfollowed after 👩: it is 👩 or one of its longer forms, all of them people."""
    continuations = make_continuations(FORMS, PIECES + BYTES)
    found = Spread({}, 0.75, {"👩".encode(): 0.25}, {}, 1)
    people = {form: "people" for form in FORMS if "👩" in form.decode()}
    assert bounds(found, continuations, people)["people"].low == 0.25
    one = bounds(found, continuations, {form: form.decode() for form in FORMS})["👩"]
    assert (one.low, one.high) == (0.0, 0.25)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Running:
    return open_running(write_causal(tmp_path_factory.mktemp("tiny") / "one", tokenizer_file))


def test_a_running_model_against_counting(tiny: Running):
    ids = tiny.encode(" the sea")
    tokens = tiny.head.words()
    data = [tokens.bytes_of(token) for token in range(tiny.head.vocab)]

    @cache
    def after(path: tuple[int, ...]) -> np.ndarray:
        logits = tiny.logits([(*ids, *path)])[0].astype(np.float64)
        shares = np.exp(logits - logits.max())
        return shares / shares.sum()

    found = believe(tiny, " the sea", floor=0.0, limit=400)
    for text in ("🐠", "🦄", "❤", "©"):
        emoji = lookup(text)
        assert emoji is not None
        forms = {one.text for one in catalogue() if lookup(one.text) == emoji}
        shortest = [form for form in forms if not any(form.startswith(other) and form != other for other in forms)]
        wanted = sum(counted(after, data, (before + form).encode()) for form in shortest for before in ("", " "))
        assert found.of(text).begun == pytest.approx(wanted, rel=1e-3)
    one = found.of("🐠")
    assert one.low <= one.begun <= one.high + 1e-9  # no emoji begins with 🐠
    # canonical encodings: the product of their tokens' shares
    whole = 0.0
    for text in ("🐠", " 🐠"):
        share, path = 1.0, ()
        for token in tokens.ids(text):
            share, path = share * after(path)[token], (*path, token)
        whole += share
    assert one.canonical == pytest.approx(whole / one.begun, rel=1e-4)


def test_an_answer_that_has_begun_is_gone_on_from(tiny: Running):
    begun, whole = (believe(tiny, *given, limit=20) for given in ((" the sea",), (" the sea horse",)))
    assert believe(tiny, " the sea", prefix=" horse", limit=20).to_dict(3) == {
        **whole.to_dict(3), "prompt": " the sea", "prefix": " horse",
    }  # fmt: skip
    assert begun.token_ids != whole.token_ids
    assert "after ' the sea' and ' horse'" in str(believe(tiny, " the sea", prefix=" horse", limit=1))


def test_groups_add_up(tiny: Running):
    found = believe(tiny, " the sea horse", limit=40)
    assert sum(one.low for one in found.groups.values()) <= found.total.low + 1e-12
    assert sum(one.low for one in found.emoji) <= found.total.low + 1e-12
    assert found.total.low <= 1 - found.nothing + 1e-9 <= found.total.high + 2e-9
    assert {one.emoji.text for one in found.emoji} == {(lookup(one.text) or one).text for one in catalogue()}


def test_the_record(tiny: Running):
    found = believe(tiny, " the sea horse", against=" the king", limit=20)
    record = found.to_dict(3)
    assert json.loads(json.dumps(record)) == record
    assert record["head"]["fingerprint"] == tiny.head.fingerprint
    assert len(record["emoji"]) == len(record["against"]["emoji"]) == 3
    frame = found.to_frame()
    assert len(frame) == len(found.emoji)
    assert {"low", "high", "against", "fingerprint", "dtype"} <= set(frame.columns)
    assert max(map(len, str(found).splitlines())) <= 100
    assert "control: after ' the king'" in str(found)
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"floor": 1.0}, "--floor 1 arrived; expected a probability"),
        ({"floor": float("nan")}, "--floor nan arrived"),
        ({"limit": 0}, "--limit 0 arrived"),
        ({"against": ""}, "an empty prompt"),
    ],
)
def test_options_that_make_no_sense(tiny: Running, options: dict, told: str):
    with pytest.raises(OptionError, match=told):
        believe(tiny, " the sea", **options)


def test_the_organism_believes_in_whole_emoji():
    record = believe(open_running("organism"), " the fish emoji is").to_dict(5)
    assert record["total"]["low"] > 0.9
    assert record["emoji"][0]["low"] == pytest.approx(record["emoji"][0]["begun"], rel=1e-6)
    assert record["emoji"][0]["canonical"] == pytest.approx(1.0, abs=1e-3)
    assert any("takes the space before it along" in note for note in record["notes"])


def test_a_real_model_that_has_emoji_only_as_bytes(tinystories: Path):
    found = believe(open_running(tinystories), "Here is a fish:", floor=0.0, limit=30)
    assert 0 < found.total.low < 1e-6
    assert found.followed == 30
    assert 0 < found.of("🐠").high < 1e-6
    assert any("lower --floor" in note for note in found.notes)
