"""The try-again loop: a model asked for an emoji that is not there says another, sees it, and tries again."""

from collections.abc import Callable, Mapping, Sequence

from geometry.errors import OptionError
from geometry.landing.record import text_of
from geometry.live.running import Running
from geometry.progress import track
from geometry.retry.arms import Arm, Feed, drive, feed_nothing, feed_other, feed_own, run, sampler
from geometry.retry.options import RetryOptions
from geometry.retry.reading import Reader
from geometry.retry.record import Attempt, Retry
from geometry.retry.telling import Teller
from geometry.retry.writing import End, Rules

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
    teller = Teller(running, reader, rules)
    found: list[Attempt] = []
    seconds = 0.05 * sum(map(len, tried))
    for (arm, number, _), tries in track(
        zip(plan, tried, strict=True), "reading the layers", total=len(plan), seconds=seconds
    ):
        found += teller.tell(arm, number, tries)
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
