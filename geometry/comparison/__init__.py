"""Two heads held against each other: what tuning moved, or what two models have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.choices import DEFAULT_SPACE, SPACES, SpaceName, check_choice, check_seed
from geometry.comparison.alignment import Alignment, TokenFigures, compare_rows, fit_maps, halve
from geometry.comparison.drift import SetDrift, compare_sets, drifts
from geometry.comparison.pairs import Pairs, match_tokens
from geometry.comparison.record import Comparison
from geometry.comparison.rows import Matched, centre, let_go
from geometry.comparison.sides import DEFAULT_EXPRESSIONS, check_expressions, compare_landings
from geometry.comparison.similarity import Kernel, compare_neighbours, kernel_alignment
from geometry.comparison.sums import sum_up
from geometry.errors import GeometryError, OptionError
from geometry.head import Head

__all__ = ["DEFAULT_EXPRESSIONS", "Comparison", "compare"]

BY_CHANCE = 0.5
"""Tokens with more CKA than this when they are dealt out again are too few to say anything."""


def compare(
    a: Head,
    b: Head,
    *,
    space: SpaceName = "raw",
    expressions: Sequence[str] | None = None,
    align: bool | None = None,
    phantoms: bool = True,
    seed: int = 0,
) -> Comparison:
    """Compare the rows of two heads whose tokens have the same bytes, and where sums land in each.

    Rows are taken in ``space`` and always centred over the matched tokens. Heads too large to be in memory together are
    let go of as they are read.

    Args:
        a, b: The heads; of two that were tuned apart, the parent first.
        space: Where rows are taken: ``raw`` is as stored.
        expressions: Sums to land in both, in the default space; a few that most heads can read by default.
        align: Whether B is also compared with A under the best orthogonal map; by default where rows are equally long.
        phantoms: Whether the tokens that names without an emoji land on are a set of their own, which takes some time.
        seed: Of halves, permutations, samples, controls and intervals.

    Returns:
        Linear CKA with its value for permuted tokens; per-token cosine similarity and ratio of lengths, before and
        after alignment, with a held-out half and a permuted null; the Jaccard index of nearest neighbours; the drift of
        emoji, their prefixes and phantoms' landings against matched control tokens; landings side by side.

    Raises:
        OptionError: No tokens in common, rows that do not vary, ``align`` for rows of different length, a bad choice.
        TokenError: Only one of the heads has a tokenizer.
        ExpressionError: An expression that does not parse.
    """
    check_choice("space", space, SPACES)
    check_seed(seed)
    asked = check_expressions(DEFAULT_EXPRESSIONS if expressions is None else expressions)
    if align and a.dim != b.dim:
        raise OptionError(
            f"align was asked of rows of {a.dim:,} and {b.dim:,} numbers; an orthogonal map needs as many in both: "
            "leave it out, CKA and neighbours compare them as they are"
        )
    a, b = let_go(a, b)
    pairs = match_tokens(a, b)
    matched = centre(a.in_space(space), b.in_space(space), pairs)
    aligned = matched.same_dim and align is not False
    whole = _whole(matched, seed=seed, aligned=aligned)
    figures = whole.figures
    landed, why = _landed(a, phantoms=phantoms and figures is not None, seed=seed)
    sets, left_out = _sets(a, pairs, figures, landed, seed=seed)
    if not pairs.by_bytes and expressions is None:
        asked = ()
    return Comparison(
        a=a,
        b=b,
        space=space,
        seed=seed,
        pairs=pairs,
        kernel=whole.kernel,
        neighbours=compare_neighbours(matched, seed=seed),
        figures=figures,
        measures={} if figures is None else drifts(figures),
        alignment=whole.alignment,
        sets=sets,
        sides=compare_landings(a, b, pairs, asked, space=DEFAULT_SPACE),
        notes=(*_notes(a, b, pairs, whole, aligned=aligned), *why, *left_out),
    )


@dataclass(frozen=True, eq=False)
class _Whole:
    """What is known of all matched rows, without the products of dim × dim numbers that it was read from."""

    kernel: Kernel
    figures: TokenFigures | None
    alignment: Alignment | None


def _whole(matched: Matched, *, seed: int, aligned: bool) -> _Whole:
    half = halve(len(matched), seed) if aligned else None
    sums = sum_up(matched, half)
    kernel = kernel_alignment(sums)
    if not matched.same_dim:
        return _Whole(kernel, None, None)
    fit = None if half is None else fit_maps(matched, sums, half, seed=seed)
    return _Whole(kernel, *compare_rows(matched, fit))


def _landed(head: Head, *, phantoms: bool, seed: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The emoji that names without one land on, or why that is not known."""
    if not phantoms or head.tokens is None:
        return (), ()
    from geometry.phantoms import find_phantoms

    try:
        found = find_phantoms(head, seed=seed)
    except GeometryError as error:
        return (), (f"no phantoms' landings: {error}",)
    return tuple(sorted({one.emoji for one in found.phantoms if one.lead > 0})), ()


def _sets(
    head: Head,
    pairs: Pairs,
    figures: TokenFigures | None,
    landed: Sequence[int],
    *,
    seed: int,
) -> tuple[tuple[SetDrift, ...], tuple[str, ...]]:
    if figures is None or head.tokens is None:
        return (), ()
    return compare_sets(head, pairs, figures, landed, seed=seed)


def _notes(a: Head, b: Head, pairs: Pairs, whole: _Whole, *, aligned: bool) -> tuple[str, ...]:
    notes = []
    if whole.kernel.chance > BY_CHANCE:
        notes.append(
            f"{len(pairs):,} tokens are too few to say anything: dealt out again they have a CKA of "
            f"{whole.kernel.chance:.2f}"
        )
    if not pairs.by_bytes:
        notes.append("neither head has a tokenizer: rows were matched by id, and nothing is known of their kinds")
    if a.dim != b.dim:
        notes.append(
            f"rows of {a.dim:,} and {b.dim:,} numbers: no cosines, no alignment, no drift; CKA, neighbours and "
            "landings need no equal length"
        )
    elif not aligned:
        notes.append("not aligned, as asked: drift is that of rows as they are")
    if whole.figures is not None and (none := int(np.isnan(whole.figures.ratio_before).sum())):
        notes.append(f"{none:,} rows are the mean itself in A or B: without direction, cosine similarity 0, no drift")
    inexact = [head for head in (a, b) if head.tokens is not None and not head.tokens.exact]
    for note in dict.fromkeys(head.tokens.note for head in inexact if head.tokens is not None):
        names = [head.name for head in inexact if head.tokens is not None and head.tokens.note == note]
        notes.append(f"{', '.join(names)}: {note}")
    return tuple(notes)
