"""The try-again loop: a model asked for an emoji that is not there says another, sees it, and tries again."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from geometry.errors import OptionError
from geometry.landing.record import text_of
from geometry.live.running import Pass, Running
from geometry.progress import track
from geometry.retry.arms import Arm, Feed, Try, drive, feed_nothing, feed_other, feed_own, run, sampler
from geometry.retry.options import RetryOptions
from geometry.retry.reading import Layer, Reader, moved
from geometry.retry.record import Attempt, Retry
from geometry.retry.writing import End, Rules, Written
from geometry.tokens import printable

__all__ = ["Arm", "Attempt", "End", "Retry", "RetryOptions", "retry"]


def retry(running: Running, prompt: str, options: RetryOptions | None = None) -> Retry:
    """Let a model try, feed back what it said, and let it try again.

    Three arms, the same but for what stands before the next try: the model's own words, ids as produced; the same with
    another emoji of the said one's Unicode subgroup; nothing. A run ends when the model says that there is none, stops,
    says an emoji that was said or fed before, writes none within the window, or when context or steps run out.

    Args:
        running: The model.
        prompt: What to go on from.
        options: See `RetryOptions`.

    Raises:
        GeometryError: The prompt does not fit, or the concept cannot be evaluated on the model's head.
    """
    options = options or RetryOptions()
    ids, tokens = running.encode(prompt, chat=options.chat), running.head.words()
    if len(ids) >= running.context:
        raise OptionError(
            f"a prompt of {len(ids):,} tokens arrived; {running.name} reads {running.context:,} at most, and none "
            "would be left to answer with; shorten it"
        )
    between = tokens.ids(options.between) if options.between else ()
    reader = Reader(running.head, options.concept, options.k)
    ledger = reader.ledger
    winner = None if ledger is None else text_of(running.head, int(ledger.ids[ledger.order[0]]))
    rules = Rules(_bytes_of(running), stop_tokens(running), options.window, running.context)
    plan = _plan(options)
    feeds: Mapping[Arm, Feed] = {Arm.OWN: feed_own, Arm.FRESH: feed_nothing}
    runs = []
    for arm, number, temperature in plan:
        # run n draws alike in every arm, so that arms part only where what is fed back does
        choose = sampler(temperature, (options.seed, number, 0))
        feed = feed_other(tokens, (options.seed, number, 1)) if arm is Arm.OTHER else feeds[arm]
        runs.append(run(ids, arm, options.steps, rules, choose, feed, between))
    tried = drive(runs, running.logits, most=options.steps * options.window)
    found: list[Attempt] = []
    seconds = 0.05 * sum(map(len, tried))
    for (arm, number, _), tries in track(
        zip(plan, tried, strict=True), "reading the layers", total=len(plan), seconds=seconds
    ):
        found += _read(running, reader, rules, arm, number, tries)
    return Retry(
        head=running.head, dtype=running.dtype, prompt=prompt, prompt_ids=ids, options=options, attempts=tuple(found),
        concept_winner=winner, notes=_notes(options, found),
    )  # fmt: skip


def stop_tokens(running: Running) -> frozenset[int]:
    """Return the tokens that end a text: whatever model or tokenizer call its end, its beginning or its padding."""
    found: set[int] = set()
    for holder in (running.model.generation_config, running.model.config, running.tokenizer):
        for name in ("eos_token_id", "bos_token_id", "pad_token_id"):
            value = getattr(holder, name, None)
            found.update(value if isinstance(value, list | tuple) else [] if value is None else [value])
    return frozenset(int(token) for token in found)


def _plan(options: RetryOptions) -> list[tuple[Arm, int, float]]:
    """Return arm, number and temperature of every run; what is greedy with nothing drawn runs once."""
    own = max(options.runs, 1) if options.temperature else 1
    plan = [(Arm.OWN, number, options.temperature) for number in range(1, own + 1)]
    plan += [(Arm.OTHER, number, options.temperature) for number in range(1, options.runs + 1)]
    return plan + [(Arm.FRESH, number, options.fresh_temperature) for number in range(1, options.runs + 1)]


def _bytes_of(running: Running) -> Callable[[int], bytes]:
    tokens = running.head.words()
    return lambda token: tokens.bytes_of(token) if token < tokens.size else b""


def _read(running: Running, reader: Reader, rules: Rules, arm: Arm, number: int, tries: Sequence[Try]) -> list[Attempt]:
    """Read every try of a run; where all of them stand in one text, that is run once."""
    found: list[Attempt] = []
    known: Pass | None = None
    before: Float32[np.ndarray, " dim"] | None = None
    if arm is not Arm.FRESH:
        known = running.read((*tries[-1].written.start, *tries[-1].written.ids))
    for one in tries:
        written, (first, last) = one.written, _places(one.written)
        text = (*written.start, *written.ids)
        alike = known is not None and known.ids[: last + 1] == text[: last + 1]
        seen = known if known is not None and alike else running.read(text)
        states = reader.entering(seen.states[:, [first, last]], last_normed=seen.last_is_normed)
        x = states[-1, 0]
        said = (*text, written.stop)[first + 1]
        token = int(seen.logits[first].argmax()) if said is None else said
        ending: tuple[Layer, ...] = reader.layers(states[:, 1]) if last != first else ()
        found.append(
            Attempt(
                arm=arm, run=number, step=one.step, ids=written.ids, text=_text(rules, written), emoji=written.emoji,
                fed_ids=one.fed, fed_emoji=one.fed_emoji, end=one.end, phrase=written.phrase, first=first + 1,
                last=last + 1, snap=reader.snap(token, x, seen.logits[first]), layers=reader.layers(states[:, 0]),
                layers_last=ending, moved=None if before is None else moved(before, x),
            )
        )  # fmt: skip
        before = x
    return found


def _places(written: Written) -> tuple[int, int]:
    """Return the positions whose residuals said the emoji's first and last token.

    Of a text that was stopped, the one that said so twice; of another without an emoji, that of its first token.
    """
    start = len(written.start)
    if written.emoji is not None:
        return start + written.first - 1, start + written.last - 1
    at = start - 1 + (len(written.ids) if written.stop is not None else 0)
    return at, at


def _text(rules: Rules, written: Written) -> tuple[str, str, str]:
    """Return what was written as text that a terminal shows: before the emoji, the emoji, behind it."""
    data = b"".join(map(rules.bytes_of, written.ids))
    if written.emoji is None:
        return printable(data), "", ""
    start, stop = written.span
    return printable(data[:start]), data[start:stop].decode(), printable(data[stop:])


def _notes(options: RetryOptions, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    notes = []
    if options.runs and options.temperature == 0:
        notes.append(
            "own and other are greedy, fresh is drawn at temperature 1, since greedily it would say the same each time:"
            " with --temperature 1 all three are drawn alike"
        )
    same = [
        one for one in attempts if one.arm is Arm.OTHER and one.fed_emoji is not None and one.emoji == one.fed_emoji
    ]
    if same:
        notes.append(f"{len(same)} times no other emoji of the subgroup could be fed back, and its own was")
    return tuple(notes)
