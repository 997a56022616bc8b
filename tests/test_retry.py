"""The try-again loop: models whose every word is known, against writing on in one go, and the organism for real."""

import json
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from command_line import one_line, run_here
from command_line import run as run_command
from hypothesis import given, settings
from hypothesis import strategies as st

import geometry as geo
from geometry.errors import OptionError
from geometry.live.running import Running, open_running
from geometry.readings.states import undo
from geometry.retry import Arm, End, Retry, RetryOptions, retry
from geometry.retry.arms import drive, feed_nothing, feed_other, feed_own, greedy, run, sampler, subgroup_of
from geometry.retry.phrases import PHRASES, says_none
from geometry.retry.reading import Reader, moved
from geometry.retry.tables import retry_tables
from geometry.retry.writing import Rules, Written, first_emoji, write
from geometry.tokens import catalogue, lookup
from geometry.why import WhyOptions, explain

# Bytes as tokens: what a model may say is then every string there is.

STOP = 256


def as_bytes(token: int) -> bytes:
    return bytes([token]) if token < 256 else b""


def rules(window: int = 24, context: int = 10_000) -> Rules:
    return Rules(as_bytes, frozenset({STOP}), window, context)


def says(text: bytes, *, stop: bool = True) -> Callable[[tuple[int, ...]], np.ndarray]:
    """A model that says one text from the first position on, whatever it is given, and stops."""

    def logits(ids: tuple[int, ...]) -> np.ndarray:
        found = np.zeros(257, dtype=np.float32)
        place = len(ids) - 1
        found[text[place] if place < len(text) else (STOP if stop else 32)] = 9.0
        return found

    return logits


def tries(text: str, *, arm: Arm = Arm.OWN, steps: int = 8, window: int = 24, **kept: Any) -> Any:
    one = run((0,), arm, steps, rules(window, **kept), greedy, feed_own, ())
    (found,) = drive([one], lambda texts: np.stack([says(text.encode())(ids) for ids in texts]), most=100)
    return found


@pytest.mark.parametrize(
    ("text", "said", "end"),
    [
        ("🐟🐠🐟🐡", "🐟🐠🐟", End.REPEATED),
        ("🐟, no. 🐠! there is none", "🐟🐠", End.NONE),
        ("🐟 or rather 🐠.", "🐟🐠", End.STOPPED),
        ("", "", End.STOPPED),
        ("🐟 and then nothing of the kind for very long, on and on", "🐟", End.NO_EMOJI),
        ("🐟🐠🐡🐴🦄🐳🐋🐬🐙🦑", "🐟🐠🐡🐴🦄🐳🐋🐬", End.STEPS),
        ("there is no seahorse emoji 🐟", "", End.NONE),
    ],
)
def test_every_end_is_told_from_the_others(text: str, said: str, end: End):
    found = tries(text, window=40)
    assert "".join(one.written.emoji.text for one in found if one.written.emoji) == said
    assert found[-1].end is end
    assert all(one.end is None for one in found[:-1])


def test_a_full_context_ends_it():
    found = tries("🐟🐠🐡", context=7)
    assert [one.written.emoji for one in found] == [lookup("🐟"), None]
    assert found[-1].end is End.CONTEXT
    assert len(found[-1].written.start) + len(found[-1].written.ids) == 7


def test_an_emoji_that_fills_window_or_context_still_counts():
    assert tries("🐟", window=4)[0].written.emoji == lookup("🐟")
    assert tries("👩‍🚀", window=4)[0].written.emoji == lookup("👩")
    assert tries("🐟", context=5)[0].written.emoji == lookup("🐟")


@pytest.mark.parametrize("text", ["👩‍🚀", "❤️", "❤️‍🔥", "🇸🇪", "👋🏽", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🐈‍⬛"])
def test_an_emoji_is_read_as_long_as_it_is(text: str):
    found = tries(f"a {text} b", window=40)
    assert found[0].written.emoji == lookup(text)
    assert b"".join(map(as_bytes, found[0].written.ids)).decode() == f"a {text}"
    written = found[0].written
    assert (written.first, written.last) == (2, len(written.ids) - 1)


@pytest.mark.parametrize("emoji", random.Random(0).sample(catalogue(), 60), ids=lambda one: one.name)
def test_the_first_emoji_is_found_by_trying_every_stretch(emoji):
    data = f"x1 {emoji.text}!🐟".encode()
    known = {one.text.encode() for one in catalogue()}
    spans = [(i, j) for i in range(len(data)) for j in range(i + 1, len(data) + 1) if data[i:j] in known]
    first = min(i for i, _ in spans)
    found = first_emoji(data)
    assert found is not None
    assert (found.start, found.stop) == (first, max(j for i, j in spans if i == first))


PIECES = ["👩", "\u200d", "🚀", "❤", "\ufe0f", "🐟", "🇸", "🇪", "a", " ", "🔥", "🏽", "there is none"]


@given(st.lists(st.sampled_from(PIECES), max_size=14), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_feeding_back_what_was_said_is_writing_on(pieces: list[str], steps: int):
    """The tries of the own arm, one behind the other, are the text that the model writes in one go."""
    text = "".join(pieces)
    found = tries(text, steps=steps, window=60)
    joined = b"".join(b"".join(map(as_bytes, one.written.ids)) for one in found)
    assert text.encode().startswith(joined)
    ids: tuple[int, ...] = (0,)
    for one in found:
        assert one.written.start == ids
        ids = (*ids, *one.written.ids)
    for one in found[:-1]:
        assert one.fed == one.written.ids
    said = [one.written.emoji for one in found]
    assert all(emoji is not None for emoji in said[:-1])


def test_phrases_are_found_where_they_end():
    for phrase in PHRASES:
        assert says_none(phrase.example) == phrase.name or says_none(phrase.example) is not None
        assert says_none("yes: 🐟.", before=phrase.example) is None
    assert says_none("There’s  no such emoji") is not None
    assert says_none("there is no doubt: 🐟") is None
    assert says_none("there is no. emoji") is None


def test_phrases_may_begin_in_the_prompt():
    assert says_none(" none", before="is there a yak emoji? no, there is") == "there is none"


def random_model(seed: int, width: int = 257) -> Callable[[Sequence[tuple[int, ...]]], np.ndarray]:
    """Logits drawn by the text alone, with a liking for the bytes of a few fish."""
    liked = [b for text in ("🐟", "🐠", "🐡", " ") for b in text.encode()]

    def logits(texts: Sequence[tuple[int, ...]]) -> np.ndarray:
        rows = []
        for ids in texts:
            row = np.random.default_rng([seed, *ids]).normal(size=width)
            row[liked] += 6.0
            row[STOP] += 2.0
            rows.append(row)
        return np.float32(rows)

    return logits


def test_runs_in_a_batch_are_what_they_are_alone():
    model = random_model(3)

    def make(number: int) -> Any:
        return run((0,), Arm.FRESH, 4, rules(), sampler(1.3, (number,)), feed_nothing, ())

    together = drive([make(number) for number in range(6)], model, most=100)
    alone = [drive([make(number)], model, most=100)[0] for number in range(6)]
    assert together == alone
    assert len({one[0].written.ids for one in together}) > 1
    assert all(one.written.start == (0,) for each in together for one in each)


def test_samples_are_of_the_softmax():
    logits = np.float32([0.0, 1.0, -1.0, 2.0])
    draw = sampler(0.7, (5,))
    counts = np.bincount([draw(logits) for _ in range(4_000)], minlength=4) / 4_000
    wanted = np.exp(logits / 0.7) / np.exp(logits / 0.7).sum()
    np.testing.assert_allclose(counts, wanted, atol=0.03)
    assert sampler(0.0, (5,))(logits) == 3
    assert greedy(np.float32([1, 2, 2])) == 1
    assert sampler(1.0, (0,))(np.float32([-np.inf, 3, -np.inf])) == 1


# Tokens of a real tokenizer, and a model with states, which are chosen so that the head gives the logits wanted.


class Scripted:
    """A model of one block that says what a function of the ids so far tells it; its states are those logits."""

    device = "cpu"

    def __init__(self, head: geo.Head, speak: Callable[[tuple[int, ...]], int], stop: int) -> None:
        rows = head.rows(np.arange(head.vocab)).astype(np.float64)
        self._inverse, self._rows = np.linalg.pinv(rows), torch.tensor(rows, dtype=torch.float32)
        self._speak, self._shape = speak, (head.vocab, head.dim)
        self.generation_config = SimpleNamespace(eos_token_id=[stop], bos_token_id=None, pad_token_id=None)
        self.config = SimpleNamespace()
        self.seen: list[tuple[int, ...]] = []

    def get_input_embeddings(self) -> Any:
        return SimpleNamespace(weight=np.empty(self._shape))

    def forward(self) -> None: ...

    def __call__(self, input_ids: torch.Tensor, **_: Any) -> Any:
        texts = [tuple(row) for row in input_ids.tolist()]
        self.seen += texts
        logits = np.zeros((*input_ids.shape, self._shape[0]))
        for row, ids in enumerate(texts):
            for place in range(len(ids)):
                logits[row, place, self._speak(ids[: place + 1])] = 30.0
        states = torch.tensor(logits @ self._inverse.T, dtype=torch.float32)
        return SimpleNamespace(logits=states @ self._rows.T, hidden_states=(states * 0.5, states))


@pytest.fixture
def speaker(make_head) -> Callable[..., Running]:
    """A running model that speaks as a function says; token 0 stops."""
    head = make_head(dim=420)

    def make(speak: Callable[[tuple[int, ...]], int], context: int = 200) -> Running:
        vocabulary = head.words()

        class Tokenizer:
            bos_token_id = eos_token_id = pad_token_id = None
            chat_template = None

            def __call__(self, text: str, **_: Any) -> Any:
                return SimpleNamespace(input_ids=list(vocabulary.ids(text)))

        return Running(Scripted(head, speak, 0), Tokenizer(), head, "scripted", "float32", context)

    return make


def lines(running: Running, text: str) -> tuple[int, ...]:
    return running.head.words().ids(text)


def test_the_exact_ids_are_fed_back(speaker: Callable[..., Running], tokenizer_file):
    """The model spells 🐟 in bytes, which no encoding of its text would give: those bytes it must see again."""
    from geometry.tokens import open_vocabulary

    words = open_vocabulary(tokenizer_file)
    (whole,) = words.ids(" 🐟")
    odd = tuple(words.with_bytes(bytes([b]))[0] for b in " 🐟".encode())
    assert words.ids(" 🐟") != odd
    horse = words.ids(" horse")

    def speak(ids: tuple[int, ...]) -> int:
        said = ids[len(horse) :]
        return odd[len(said)] if len(said) < len(odd) else 0

    running = speaker(speak)
    found = retry(running, " horse", RetryOptions(runs=0))
    own = found.of(Arm.OWN)
    assert own[0].ids == own[0].fed_ids == odd
    assert own[1].end is End.STOPPED
    assert any(ids == (*horse, *odd) for ids in running.model.seen)
    assert not any(whole in ids for ids in running.model.seen)
    # the emoji's four bytes, behind the space's
    assert (own[0].first, own[0].last) == (len(horse) + 1, len(horse) + 4)
    assert own[0].layers_last[-1].top[0].id == odd[-1]
    assert own[0].snap_last.id == odd[-1]
    logits = running.logits([(*horse, *odd[:i]) for i in range(1, 5)]).astype(np.float64)
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    each = chances[range(4), odd[1:]] / chances.sum(axis=1)
    assert own[0].probability == pytest.approx(each.prod(), rel=1e-4)


def test_the_other_arm_feeds_another_of_the_subgroup(speaker: Callable[..., Running]):
    fish = [" 🐟", " 🐠", " 🐡"]

    def speak(ids: tuple[int, ...]) -> int:
        return lines(running, fish[(len(ids) - 1) % 3])[0]

    running = speaker(speak)
    found = retry(running, " horse", RetryOptions(runs=6, steps=2))
    for number in range(1, 7):
        other = found.of(Arm.OTHER, number)
        for one, after in pairwise(other):
            assert one.emoji is not None
            assert one.fed_emoji is not None
            assert one.fed_emoji != one.emoji
            assert one.fed_emoji.subgroup == one.emoji.subgroup
            assert len(one.fed_ids) == 1
            assert after.first == one.first + 1
    fresh = [one for one in found.attempts if one.arm is Arm.FRESH]
    assert {one.first for one in fresh} == {1}
    assert all(not one.fed_ids for one in fresh)


def test_what_shares_a_token_with_the_emoji_is_kept(speaker: Callable[..., Running]):
    running = speaker(lambda ids: 0)
    words = running.head.words()
    feed = feed_other(words, (0,))
    ids = (*words.ids(" sea"), *words.ids(" 🐟"))
    start = len(b" sea ")
    written = Written((1,), ids, lookup("🐟"), 1, 1, (start, start + 4))
    fed, emoji = feed(written, frozenset())
    assert emoji in subgroup_of(written.emoji)
    assert b"".join(map(words.bytes_of, fed)).decode() == f" sea {emoji.text}"
    assert emoji.text in {"🐠", "🐡"}
    allowed = feed_other(words, (0,))(written, frozenset({"🐠"}))[1]
    assert allowed == lookup("🐡")


def test_text_between_tries(speaker: Callable[..., Running]):
    def speak(ids: tuple[int, ...]) -> int:
        return lines(running, [" 🐟", " 🐠"][ids.count(lines(running, " boat")[0])])[0]

    running = speaker(speak)
    found = retry(running, " horse", RetryOptions(runs=0, between=" boat", steps=2))
    assert [one.emoji.text for one in found.attempts if one.emoji] == ["🐟", "🐠"]
    assert found.attempts[1].first == found.attempts[0].first + 2


# The organism


@pytest.fixture(scope="module")
def organism() -> Running:
    return open_running("organism")


@pytest.fixture(scope="module")
def loop(organism: Running) -> Retry:
    options = RetryOptions(
        concept="sea + horse + emoji", between=" no, the seahorse emoji is", runs=2, steps=3, temperature=1.0, seed=2
    )
    return retry(organism, " the seahorse emoji is", options)


def test_the_loop_runs_on_the_organism(organism: Running, loop: Retry):
    assert {one.arm for one in loop.arms} == set(Arm)
    for arm in loop.arms:
        assert arm.runs == sum(arm.ends.values()) == 2
        assert arm.again <= arm.kept <= arm.second <= arm.first <= 2
    for one in loop.attempts:
        assert one.snap.id == (one.ids[0] if one.emoji else one.snap.id)
        assert len(one.layers) == 4
        assert one.layers[-1].top[0].probability == pytest.approx(max(top.probability for top in one.layers[-1].top))
    seen = [one for one in loop.attempts if one.step == 2]
    assert seen
    assert all(one.moved is not None and 0 <= one.moved.degrees <= 180 for one in seen)


def test_what_is_read_is_what_the_model_says(organism: Running, loop: Retry):
    """Probabilities, margins and the last layer against a forward pass of one's own."""
    ids = torch.tensor([loop.prompt_ids])
    with torch.no_grad():
        out = organism.model(ids, output_hidden_states=True)
    logits = out.logits[0, -1].double().numpy()
    chances = np.exp(logits) / np.exp(logits).sum()
    for one in loop.attempts:
        if one.step > 1 or one.emoji is None or len(one.ids) > 1:
            continue
        assert one.snap.probability == pytest.approx(chances[one.snap.id], rel=1e-4)
        assert one.layers[-1].top[0].probability == pytest.approx(chances.max(), rel=1e-4)
        for rival in one.snap.rivals:
            assert rival.margin == pytest.approx(logits[one.snap.id] - logits[rival.id], abs=1e-3)
            assert sum(rival.by_term.values()) + rival.rest + rival.by_bias == pytest.approx(rival.margin)
        middle = organism.model.lm_head(organism.model.model.norm(out.hidden_states[2][0, -1])).detach().numpy()
        assert one.layers[2].top[0].id == middle.argmax()


def test_margins_of_the_concept_are_those_of_why(organism: Running, loop: Retry):
    one = loop.of(Arm.OWN)[0]
    told = explain(organism.head, "sea + horse + emoji", WhyOptions(rivals=("#" + str(one.snap.id),), vacancy=False))
    scores = {told.winner.id: told.winner.score, **{rival.id: rival.score for rival in told.rivals}}
    for rival in one.snap.rivals:
        if rival.composite is None or rival.id not in scores:
            continue
        assert rival.composite["margin"] == pytest.approx(scores[one.snap.id] - scores[rival.id], abs=1e-6)
    assert loop.concept_winner == "🐴"
    assert 0 <= one.snap.share <= 1


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_a_residuals_margin_is_taken_apart_exactly(make_head, model_type: str):
    """With gain, shift and bias: parts add up, and a residual that is a term has nothing left over."""
    head = make_head(model_type=model_type)
    reader = Reader(head, "sea + 2*horse", 4)
    x = np.random.default_rng(0).normal(size=(1, head.dim)).astype(np.float32)
    normed = head.readout.normed(x)
    logits = head.logits(x)[0]
    said = int(logits.argmax())
    snap = reader.snap(said, normed[0], logits)
    assert [rival.margin for rival in snap.rivals] == pytest.approx(
        [logits[said] - logits[rival.id] for rival in snap.rivals], abs=1e-4
    )
    folded = head.in_space("folded")
    u = undo(head.readout, normed)[0]
    for rival in snap.rivals:
        rows = folded.rows([said, rival.id]).astype(np.float64)
        assert rival.margin - rival.by_bias == pytest.approx((rows[0] - rows[1]) @ u, abs=1e-4)
        assert sum(rival.by_term.values()) + rival.rest + rival.by_bias == pytest.approx(rival.margin)
    term = folded.concept("sea").terms[0].vector
    again = (term * head.readout.gain + (0 if head.readout.beta is None else head.readout.beta)).astype(np.float32)
    pure = reader.snap(said, again, logits)
    assert pure.share == pytest.approx(1, abs=1e-6)
    assert pure.weights == pytest.approx({"sea": 1, "horse": 0}, abs=1e-5)
    assert [rival.rest for rival in pure.rivals] == pytest.approx([0] * 4, abs=1e-4)


def test_moving_is_measured_by_angle_and_length():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8)).astype(np.float32)
    far = moved(a, b)
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert far.cosine_distance == pytest.approx(1 - cosine, abs=1e-6)
    assert far.degrees == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-4)
    assert far.distance == pytest.approx(np.linalg.norm(a - b), rel=1e-5)
    assert moved(a, a).degrees == 0


def test_the_record_can_be_printed_and_saved(loop: Retry):
    rows = loop.rows()
    assert json.loads(json.dumps(loop.to_dict(), allow_nan=False))["prompt"] == loop.prompt
    wanted = {"arm", "run", "step", "text", "ids", "emoji", "end", "moved", "said", "layers", "head", "seed", "version"}
    assert all(wanted <= row.keys() for row in rows)
    assert len(loop.to_frame()) == len(rows) == len(loop.attempts)
    assert max(map(len, str(loop).splitlines())) <= 100
    assert "<table>" in loop._repr_html_()
    assert len(list(retry_tables(loop))) == 4


def test_the_same_seed_says_the_same(organism: Running):
    options = RetryOptions(temperature=1.5, runs=1, steps=2, seed=4)
    one, other = (retry(organism, " the seahorse emoji is", options) for _ in range(2))
    assert one.rows() == other.rows()
    another = retry(organism, " the seahorse emoji is", RetryOptions(temperature=1.5, runs=1, steps=2, seed=5))
    assert [x.ids for x in another.attempts] != [x.ids for x in one.attempts]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "steps=0 arrived; expected a whole number from 1"),
        ({"runs": -1}, "runs=-1 arrived"),
        ({"window": 0}, "window=0 arrived"),
        ({"k": True}, "k=True arrived"),
        ({"temperature": -1.0}, "temperature=-1.0 arrived"),
        ({"temperature": float("nan")}, "temperature=nan arrived"),
        ({"seed": -1}, "seed=-1 arrived"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str):
    with pytest.raises(OptionError, match=says):
        RetryOptions(**options)


def test_a_prompt_that_leaves_no_room(organism: Running):
    with pytest.raises(OptionError, match="none would be left to answer with"):
        retry(organism, " sea" * 127)


def test_writing_yields_what_it_goes_on_from():
    attempt = write((7,), rules(), greedy)
    assert next(attempt) == (7,)
    with pytest.raises(StopIteration) as stopped:
        attempt.send(np.eye(257, dtype=np.float32)[STOP])
    assert stopped.value.value == Written((7,), (), end=End.STOPPED, stop=STOP)


# The page and the command line


def test_the_page_shows_every_try_and_loads_nothing(loop: Retry):
    shown = loop.page()
    assert shown.count('class="try"') == sum(len(loop.of(arm)) for arm in Arm)
    assert "://" not in shown
    for label in ("sea", "horse", "emoji", "the rest of the residual"):
        assert label in shown


def test_the_command_prints_one_object_an_attempt_and_writes_a_page(tmp_path: Path):
    page = tmp_path / "loop.html"
    done = run_command(
        "retry", "--prompt", " the seahorse emoji is", "--json", "--runs", "1", "--steps", "2", "-o", str(page)
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["arm"] for row in rows} == {"own", "other", "fresh"}
    assert rows[0]["emoji"]["subgroup"] == "animal-marine"
    assert rows[-1]["end"] in {end.name.lower() for end in End}
    assert "</html>" in page.read_text(encoding="utf-8")
    assert done.stderr == f"note: written: {page}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--prompt", ""], "an empty prompt arrived", marks=pytest.mark.slow),
        (["--prompt", " sea", "--steps", "0"], "steps=0 arrived; expected a whole number from 1"),
        (["--prompt", " sea", "-o", "loop.png"], "expected a name that ends in .html"),
        (["--prompt", " sea", "--concept", "sea +"], "cannot read the expression 'sea +'"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], says: str):
    one_line(run_here("retry", *arguments), says)
