"""The logit lens: the head applied to the residual after every layer, with controls beside what is read in it.

nostalgebraist (2020), "interpreting GPT: the logit lens". What is read in a middle layer is a correlate: the model need
not use it. So every table has its controls, and a prompt should have its own: something that exists, something else
asked.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.errors import TokenError
from geometry.head import Head
from geometry.readings.explained import Explained, explain_states
from geometry.readings.options import LensOptions, NormName
from geometry.readings.reading import Reading, read_states, winners
from geometry.readings.record import Lens
from geometry.readings.spelt import Spelt, spell_cells
from geometry.readings.standing import Standing, stand
from geometry.readings.states import check_fits, directions, entering, last_is_normed, regained
from geometry.readings.tracking import Tracked, resolve
from geometry.residuals import Residuals, find_residuals

__all__ = ["Explained", "Lens", "LensOptions", "Reading", "Spelt", "Standing", "Tracked", "lens", "read_lens"]


def lens(
    head: Head,
    residuals: Residuals | Float[np.ndarray, "layers positions dim"] | str | Path,
    *,
    k: int = 5,
    norm: NormName = "normed",
    track: Sequence[str] = (),
    positions: Sequence[int] | None = None,
    concept: str | None = None,
    explain: str | None = None,
    space: SpaceName | None = None,
    last_is_normed: bool | None = None,
    seed: int = 0,
) -> Lens:
    """Read the residuals of every layer with a head: see `LensOptions` for the options.

    Args:
        head: Of the model that the residuals are from, or of a sibling of the same width.
        residuals: As read, an array (layers, positions, dim), or a file that `read_residuals` reads.

    Raises:
        GeometryError: They cannot be read or do not fit the head, or an option makes no sense here.
    """
    options = LensOptions(
        k=k, norm=norm, track=(track,) if isinstance(track, str) else tuple(track),
        positions=None if positions is None else tuple(positions), concept=concept, explain=explain, space=space,
        last_is_normed=last_is_normed, seed=seed,
    )  # fmt: skip
    return read_lens(head, find_residuals(residuals), options)


def read_lens(head: Head, residuals: Residuals, options: LensOptions | None = None) -> Lens:
    """Read residuals, captured just now or read from a file; see `lens`."""
    options = options or LensOptions()
    check_fits(head, residuals, options.norm)
    head = head.in_space("raw")
    places = options.places(residuals.shape[1])
    normed, note = last_is_normed(head, residuals, options.last_is_normed)
    viewed = head.in_space(options.space or DEFAULT_SPACE)
    tracked = tuple(resolve(head, text, viewed.space.name) for text in options.track)
    states = residuals.states[:, list(places)]
    enters = entering(head, states, options.norm, last_normed=normed)
    final = entering(head, states[-1:], "normed" if head.readout.known else "raw", last_normed=normed)[0]
    reading = read_states(head, enters, final, k=options.k, tracked=[one.id for one in tracked])
    ways = directions(head, states, last_normed=normed)
    explained = None
    if options.explain is not None:
        at = list(range(len(places))) if options.positions is not None else [len(places) - 1]
        first = reading.ids[:, at, 0]
        if options.norm == "raw":  # projections are read at the norm's length, and so is what they are held against
            first = winners(head, regained(head, ways[:, at].reshape(-1, head.dim))).reshape(first.shape)
        explained = explain_states(
            viewed, ways[:, at], first, options.explain, positions=[places[i] for i in at], seed=options.seed
        )
    standing = None if options.concept is None else stand(viewed, ways, options.concept, seed=options.seed)
    return Lens(
        head=head,
        residuals=residuals,
        options=options,
        positions=places,
        last_is_normed=normed,
        reading=reading,
        directions=ways,
        tracked=tracked,
        cosines={index: one.cosines(ways) for index, one in enumerate(tracked) if one.direction is not None},
        spelt=_spelt(head, reading, places, residuals),
        standing=standing,
        explained=explained,
        notes=tuple(_notes(head, residuals, options, note, normed, tracked, standing, explained)),
    )


def _spelt(
    head: Head, reading: Reading, places: tuple[int, ...], residuals: Residuals
) -> tuple[tuple[Spelt | None, ...], ...]:
    tokens = head.tokens
    if tokens is None:
        return ()
    return spell_cells(tokens, reading.ids[:, :, 0].tolist(), places, residuals.token_ids, residuals.where)


def _notes(
    head: Head,
    residuals: Residuals,
    options: LensOptions,
    note: str,
    normed: bool,
    tracked: tuple[Tracked, ...],
    standing: Standing | None,
    explained: Explained | None,
) -> list[str]:
    whose = residuals.about.get("fingerprint", head.fingerprint)
    notes = [one.note for one in tracked] + [note]
    if whose != head.fingerprint:
        notes.append(
            f"the residuals were captured beside the head {whose}, and are read with another: {head.fingerprint}"
        )
    if residuals.where != tuple(range(residuals.shape[1])):
        notes.append(f"its positions stood at {', '.join(map(str, residuals.where))} of the text")
    if options.norm == "raw":
        but = " (the last state has been through it already)" if normed else ""
        notes.append(f"raw: no norm is applied{but}, so that probabilities are as sharp as the state is long")
    if not head.readout.known:
        notes.append(f"no probabilities: {head.readout.reason}")
    if head.readout.note:
        notes.append(head.readout.note)
    unreadable = int((~head.opened.finite).sum())
    if unreadable:
        notes.append(f"{unreadable:,} rows hold NaN, infinity or numbers beyond use and are left out")
    try:
        head.words()
    except TokenError as error:
        notes.append(f"tokens are shown by id: {error}")
    notes += [] if standing is None else [*standing.concept.notes, standing.note]
    notes += [] if explained is None else [*explained.concept.notes, explained.note]
    if explained is not None and options.norm == "raw" and head.readout.normalizes:
        notes.append("whether the first token survives is asked of the normed state, raw or not")
    return list(dict.fromkeys(filter(None, notes)))
