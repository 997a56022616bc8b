"""Compounds that a head holds as one word, asked for by their parts: rainbow from rain + bow.

The list is bundled and was fixed before any head was looked at (``data/compounds/README.md``).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int64

from geometry.choices import SPACES, SpaceName
from geometry.errors import TokenError
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.lexicon import Compound, compounds
from geometry.names import name_sums, near_ids, whole_words
from geometry.recall.measures import Values, by_group, rank_values, recall
from geometry.recall.record import Answer, Census
from geometry.standings import Standings, scores_of, standings

Parts = tuple[tuple[int, ...], ...]
"""The token of each part, as names have their words."""

FEWEST = 20
"""Fewer compounds than this give no figure worth an interval."""


def word_census(head: Head, space: SpaceName | None, seed: int) -> Census:
    """Ask for every bundled compound that a head has as one token, by parts that it has as one token each.

    Raises:
        TokenError: It has too few of them.
    """
    known = list(_known(head))
    if len(known) < FEWEST:
        raise TokenError(
            f"{head.name} has {len(known)} of {len(compounds())} compounds with their parts as single words; "
            f"a census needs at least {FEWEST}"
        )
    asked = [one for one, _, _ in known]
    own = np.array([token for _, token, _ in known], dtype=np.int64)
    parts = [words for _, _, words in known]
    lasts = [one.parts[-1] for one in asked]
    family = np.array([lasts.index(last) for last in lasts], dtype=np.int64)
    if space is not None:
        return _measure(head.in_space(space), asked, own, parts, family, seed, ())
    first = np.isin(family, np.random.default_rng(seed).permutation(np.unique(family))[: len(set(lasts)) // 2])
    scored = {
        one: float((_ask(head.in_space(one), _keep(parts, first), own[first]).above == 0).mean()) for one in SPACES
    }
    # On a tie the simpler space, which comes first, is taken, as among emoji.
    best = max(scored, key=lambda one: scored[one])
    told = ", ".join(f"{one} {value:.3f}" for one, value in scored.items())
    note = (
        f"space {best} chosen by recall@1 on one half of the last parts ({int(first.sum())} compounds: {told}); all "
        f"figures here are of the other half ({int((~first).sum())} compounds)"
    )
    rest = [one for one, here in zip(asked, first, strict=True) if not here]
    return _measure(head.in_space(best), rest, own[~first], _keep(parts, ~first), family[~first], seed, (note,))


def _measure(
    head: Head,
    asked: Sequence[Compound],
    own: Int64[np.ndarray, " items"],
    parts: Sequence[Parts],
    family: Int64[np.ndarray, " items"],
    seed: int,
    notes: tuple[str, ...],
) -> Census:
    rng = np.random.default_rng(seed)
    dealt, firsts = rng.permutation(len(asked)), rng.permutation(len(asked))
    ways: dict[str, list[Parts]] = {
        "last part alone": [name[-1:] for name in parts],
        "first part alone": [name[:1] for name in parts],
        "parts permuted": [parts[i] for i in dealt],
        "first parts permuted": [(*parts[i][:1], *name[1:]) for i, name in zip(firsts, parts, strict=True)],
    }
    found = _ask(head, parts, own)
    values = _values(found)
    baselines = {name: recall(_values(_ask(head, words, own)), values, family, seed) for name, words in ways.items()}
    answers = tuple(
        Answer(one.compound, " + ".join(one.parts), one.kind, int(above) + 1, int(token), text_of(head, int(token)))
        for one, above, token in zip(asked, found.above, found.first, strict=True)
    )
    return Census(
        head=head,
        among="words",
        n=len(asked),
        families=len(set(family.tolist())),
        seed=seed,
        own=recall(values, values, family, seed),
        baselines=baselines,
        by_group=by_group([one.kind for one in asked], own, found.first, family, seed),
        answers=answers,
        notes=(
            *notes,
            f"{len(asked)} of {len(compounds())} listed compounds, asked for by their parts among all words; parts and "
            "their variants are no candidates; families share the last part. joined: the parts written together; "
            "meant: the parts' meaning",
        ),
    )


def _ask(head: Head, parts: Sequence[Parts], own: Int64[np.ndarray, " items"]) -> Standings:
    """Where each compound stands for the sum of some words, these and their variants being no candidates."""
    queries = name_sums(head, parts)
    own_scores = np.array([scores_of(head, queries[i : i + 1], own[i : i + 1])[0, 0] for i in range(len(own))])
    left_out = [near_ids(head, name) - {int(token)} for name, token in zip(parts, own, strict=True)]
    return standings(head, queries, own, own_scores, left_out, head.candidates("words"))


def _values(found: Standings) -> Values:
    return rank_values(found.above + 1)


def _known(head: Head) -> Iterator[tuple[Compound, int, Parts]]:
    """Yield the compounds that are one word each, of parts that are, with their tokens."""
    words = head.candidates("words")
    for one in compounds():
        whole, parts = whole_words(head, one.compound), tuple(whole_words(head, part) for part in one.parts)
        single = len(whole) == 1 and all(len(ids) == 1 for ids in parts)
        if single and words[whole[0]] and whole[0] not in near_ids(head, parts):
            yield one, whole[0], parts


def _keep(parts: Sequence[Parts], keep: Bool[np.ndarray, " items"]) -> list[Parts]:
    return [name for name, here in zip(parts, keep.tolist(), strict=True) if here]
