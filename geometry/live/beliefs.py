"""Asking a running model for its belief in every emoji."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64

from geometry.errors import OptionError
from geometry.linalg import log_sum_exp
from geometry.live.continuations import Continuations, make_continuations
from geometry.live.prefix import Prefix
from geometry.live.record import Belief, Beliefs
from geometry.live.running import Running
from geometry.live.spelling import Bounds, Path, Spread, begun, bounds, spread
from geometry.tokens import Emoji, Vocabulary, catalogue, lookup

__all__ = ["Belief", "Beliefs", "believe"]

FLOOR = 1e-6
LIMIT = 2_000
UNSURE = 0.1
"""Where more than this share of what is said was not followed, a note says so."""


def believe(
    running: Running,
    prompt: str,
    *,
    chat: bool = False,
    prefix: str = "",
    against: str | None = None,
    floor: float = FLOOR,
    limit: int = LIMIT,
) -> Beliefs:
    """Return the probability of every emoji of the catalogue as the next thing said, over all token paths.

    P(s) = Σ over the token paths whose bytes before the last token are a strict prefix of s and with it cover s, for
    s = e and s = ``" "`` + e; exactly e is P(e) − Σ P(its minimal extensions in the catalogue), which is what is
    counted here directly: a path says the longest form that its bytes start with.

    Args:
        running: The model.
        prompt: What it reads.
        chat: By its chat template.
        prefix: How its answer begins.
        against: Another prompt, as a control: one that asks for no emoji, or for another; its answer begins alike.
        floor: Paths less likely than this are not followed; what they may still say is in the upper bounds.
        limit: How many paths are followed at most, the likeliest first.

    Raises:
        OptionError: a prompt that is empty or too long, a floor outside 0 to 1, or a limit below 1.
        TokenError: the model's tokenizer cannot be read here.
    """
    if not 0.0 <= floor < 1.0:
        raise OptionError(f"--floor {floor:g} arrived; expected a probability from 0 to below 1, such as 1e-6")
    if limit < 1:
        raise OptionError(f"--limit {limit} arrived; expected at least 1 path to follow")
    control = None
    if against is not None:
        control = believe(running, against, chat=chat, prefix=prefix, floor=floor, limit=limit)
    ids = running.encode(prompt, chat=chat, prefix=prefix)
    tokens = running.head.words()
    continuations, canonical, start = _continuations(tokens), _canonical(tokens), Prefix(running, ids)

    def ask(paths: Sequence[Path]) -> Float64[np.ndarray, "paths vocab"]:
        logits = start.logits(paths).astype(np.float64)
        found: Float64[np.ndarray, "paths vocab"] = np.exp(logits - log_sum_exp(logits)[:, None])
        return found

    found = spread(
        ask, continuations, watch=canonical, floor=floor, limit=limit, longest=running.context - len(ids)
    )  # fmt: skip
    groups, subgroups = (_masses(found, continuations, kind) for kind in ("group", "subgroup"))
    return Beliefs(
        head=running.head,
        prompt=prompt,
        chat=chat,
        prefix=prefix,
        token_ids=ids,
        dtype=running.dtype,
        floor=floor,
        limit=limit,
        emoji=_rows(found, continuations, canonical),
        groups=groups,
        subgroups=subgroups,
        total=bounds(found, continuations, dict.fromkeys(_forms(), ""))[""],
        nothing=found.nothing,
        unfollowed=sum(found.open.values()),
        followed=found.followed,
        against=control,
        notes=_notes(tokens, canonical, found),
    )


@cache
def _forms() -> Mapping[bytes, Emoji]:
    """Every sequence of the catalogue, bare and after a space, with the emoji it is a form of."""
    return {
        (before + one.text).encode(): lookup(one.text) or one for one in catalogue() for before in ("", " ")
    }  # fmt: skip


@lru_cache(maxsize=4)
def _continuations(tokens: Vocabulary) -> Continuations:
    return make_continuations(_forms(), [tokens.bytes_of(token) for token in range(tokens.rows)])


@lru_cache(maxsize=4)
def _canonical(tokens: Vocabulary) -> dict[Path, bytes]:
    """Return the canonical encoding of every form, and the bytes it writes: an added token may swallow the space."""
    forms, found = _forms(), dict[Path, bytes]()
    for form in forms:
        path = tokens.encode(form.decode())
        written = b"".join(map(tokens.bytes_of, path))
        if path and written in forms and written.strip(b" ") == form.strip(b" ") and max(path) < tokens.rows:
            found[path] = written
    return found


def _masses(found: Spread, continuations: Continuations, kind: str) -> dict[str, Bounds]:
    """Return the belief in each group or subgroup, the strongest first."""
    label = {form: str(getattr(emoji, kind)) for form, emoji in _forms().items()}
    return dict(sorted(bounds(found, continuations, label).items(), key=lambda item: (-item[1].low, -item[1].high)))


def _rows(found: Spread, continuations: Continuations, canonical: Mapping[Path, bytes]) -> tuple[Belief, ...]:
    exactly = bounds(found, continuations, {form: emoji.text for form, emoji in _forms().items()})
    forms: dict[str, list[bytes]] = {}
    entries: dict[str, Emoji] = {}
    for form, emoji in _forms().items():
        forms.setdefault(emoji.text, []).append(form)
        entries[emoji.text] = emoji
    paths: dict[str, list[Path]] = {}
    for path, written in canonical.items():
        paths.setdefault(_forms()[written].text, []).append(path)
    starts, rows = begun(found, continuations), []
    for text, emoji in entries.items():
        start = sum(starts[form].low for form in _shortest(forms[text]))
        whole = sum(found.watched.get(path, 0.0) for path in _shortest(paths.get(text, [])))
        share = min(whole / start, 1.0) if start and text in paths else None
        rows.append(Belief(emoji, exactly[text].low, exactly[text].high, start, share))
    return tuple(sorted(rows, key=lambda one: (-one.low, -one.high)))


def _shortest(given: Sequence[Any]) -> list[Any]:
    """Return those of some byte strings or paths that start with no other of them: they exclude one another."""
    kept = set(given)
    return [one for one in given if not any(one[:end] in kept for end in range(len(one)))]


def _notes(tokens: Vocabulary, canonical: Mapping[Path, bytes], found: Spread) -> tuple[str, ...]:
    notes = []
    if sum(found.open.values()) > UNSURE * sum(found.said.values()):
        notes.append("much of what may be an emoji was not followed: a lower --floor or a higher --limit narrows it")
    swallowing = any(tokens.encode(" " + written.decode()) == path for path, written in list(canonical.items())[:64])
    if swallowing:
        notes.append("an emoji's token here takes the space before it along: it counts as written bare")
    notes += [tokens.note] * bool(tokens.note)
    return tuple(notes)
