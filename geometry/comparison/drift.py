"""Which rows moved: emoji, their prefixes and phantoms' landings, each against control tokens like it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from geometry.comparison.alignment import TokenFigures
from geometry.comparison.pairs import Pairs
from geometry.families import families
from geometry.head import Head
from geometry.intervals import Figure, discovery_rates, mean_figure
from geometry.matching import match_apart, match_measures

CONTROLS = 10
"""Controls of each item, or fewer where the others do not suffice for all items to have their own."""

DRAWS, AT_ONCE = 9_999, 200
"""Permutations, and how many of them are held at once."""

FEWEST_OTHERS = 30
"""Emoji that no phantom lands on, at least, for those that one lands on to be held against them."""

POORLY = 0.1
"""Items and controls that are further apart than this, as a share of all that could be controls, are no match."""

NOTHING = 1e-12
"""1 − cosine similarity, or half the square of a log of lengths, that rounding to float32 leaves of no drift at all."""

MEASURES = {
    "before": "1 − cosine similarity",
    "aligned": "the same, aligned",
    "length": "|log of the ratio of lengths|",
}
"""What is called drift, and what it is."""

ORDINARY, OTHER_EMOJI = ("word", "piece"), "other emoji"


@dataclass(frozen=True, slots=True)
class Test:
    """One measure of one set of tokens against their controls.

    Attributes:
        mean, controls: The measure's mean over the items, and over their controls.
        difference: Mean over items of (item − mean of its controls), with its interval over families of emoji.
        p: (1 + permutations with at least this difference) / (1 + permutations), two-sided: in each, every item changes
            places with one of its controls or stays, at random.
        q: Its false discovery rate over all tests of the comparison (Benjamini & Hochberg).
    """

    mean: float
    controls: float
    difference: Figure
    p: float
    q: float = 1.0


@dataclass(frozen=True, slots=True)
class SetDrift:
    """What became of one set of tokens.

    Attributes:
        name, against: What the items are, and what their controls are.
        n: How many items have controls.
        each: How many controls each has; no token is a control twice.
        unmatched: Items for which no control was left.
        gap: How far items and controls are apart in row length and merge rank: the mean difference of their places
            among all that could be controls, 0 to 1.
        tests: Measure → its test.
        controls: The controls' places among the matched tokens.
    """

    name: str
    against: str
    n: int
    each: int
    unmatched: int
    gap: tuple[float, float]
    tests: Mapping[str, Test]
    controls: tuple[int, ...] = field(repr=False)

    @property
    def well_matched(self) -> bool:
        """Whether controls are like the items in what they were matched on."""
        return max(self.gap) <= POORLY

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; the controls themselves are left out."""
        return {
            "name": self.name, "against": self.against, "n": self.n, "controls_each": self.each,
            "unmatched": self.unmatched, "gap": {"length": self.gap[0], "rank": self.gap[1]},
            "well_matched": self.well_matched,
            "tests": {measure: asdict(test) for measure, test in self.tests.items()},
        }  # fmt: skip


def drifts(figures: TokenFigures) -> dict[str, Float64[np.ndarray, " tokens"]]:
    """Return each measure of `MEASURES` for every token, larger for what moved more.

    What rounding alone can make is 0, so that no test finds a pattern in it; a row that is zero in either head has no
    direction, and its drift is not a number.
    """
    found = {"before": 1.0 - figures.cosine_before}
    if figures.cosine is not None:
        found["aligned"] = 1.0 - figures.cosine
    length = np.abs(np.log(figures.ratio_before if figures.ratio is None else figures.ratio))
    known = np.isfinite(length)
    found = {name: np.where(values < NOTHING, 0.0, values) for name, values in found.items()}
    found["length"] = np.where(length**2 / 2 < NOTHING, 0.0, length)
    return {name: np.where(known, values, np.nan) for name, values in found.items()}


def compare_sets(
    head: Head, pairs: Pairs, figures: TokenFigures, landed: Sequence[int], *, seed: int
) -> tuple[tuple[SetDrift, ...], tuple[str, ...]]:
    """Hold emoji, emoji prefixes and phantoms' landings against tokens like them.

    Args:
        head: The first head, which tokens are matched in.
        pairs: The matched tokens.
        figures: What is known of each; controls are matched on length, of the rows that drift is measured on, and on
            merge rank: the same turn of a shorter row is more.
        landed: Ids in it that names without an emoji land on.
        seed: Of matching, permutations and intervals.

    Returns:
        What was found, and notes on what was not asked.
    """
    measures = drifts(figures)
    known = np.all([np.isfinite(one) for one in measures.values()], axis=0)
    emoji, prefixes = pairs.kinds == "emoji", pairs.kinds == "emoji_prefix"
    reached = emoji & np.isin(pairs.a, np.array(landed, dtype=np.int64))
    ordinary = np.isin(pairs.kinds, ORDINARY)
    asked = [("emoji", emoji, "words and pieces", ordinary), ("emoji prefixes", prefixes, "words and pieces", ordinary)]
    if reached.any():
        asked.append(("phantoms' landings", reached, "words and pieces", ordinary))
        if int((emoji & ~reached & known).sum()) >= FEWEST_OTHERS:
            asked.append(("phantoms' landings", reached, OTHER_EMOJI, emoji & ~reached))
    lengths = np.full(head.vocab, np.nan)
    lengths[pairs.a] = figures.length
    matching = (lengths, match_measures(head)[1])
    found, notes = [], list[str]()
    for name, items, against, others in asked:
        if not (items & known).any() or not (others & known).any():
            lacking = name if not (items & known).any() else f"{against} as controls of {name}"
            notes.append(f"no {lacking} among the matched tokens")
            continue
        found.append(_compare_set(head, pairs, measures, matching, name, items & known, against, others & known, seed))
    return _with_rates(found), tuple(notes)


def _compare_set(
    head: Head,
    pairs: Pairs,
    measures: Mapping[str, Float64[np.ndarray, " tokens"]],
    matching: Sequence[Float64[np.ndarray, " vocab"]],
    name: str,
    items: Bool[np.ndarray, " tokens"],
    against: str,
    others: Bool[np.ndarray, " tokens"],
    seed: int,
) -> SetDrift:
    sets = match_apart(pairs.a[others], pairs.a[items], matching, CONTROLS, np.random.default_rng([seed, 2]))
    place = np.full(head.vocab, -1)
    place[pairs.a] = np.arange(len(pairs))
    # a row a set: the item, then its controls
    members = np.hstack([place[sets.items][:, None], place[sets.controls]])
    rng = np.random.default_rng([seed, 3])
    chosen = rng.integers(0, members.shape[1], size=(DRAWS, len(members)), dtype=np.int16)
    kin = _families(head, sets.items)
    tests = {measure: _test(values[members], chosen, kin, seed) for measure, values in measures.items()}
    return SetDrift(
        name, against, len(members), members.shape[1] - 1, int(items.sum()) - len(members),
        (float(sets.gaps[0]), float(sets.gaps[1])), tests, tuple(members[:, 1:].ravel().tolist()),
    )  # fmt: skip


def _test(
    values: Float64[np.ndarray, "sets members"],
    chosen: Integer[np.ndarray, "draws sets"],
    kin: Int64[np.ndarray, " sets"],
    seed: int,
) -> Test:
    """Test one measure; the item stands first in each set."""
    differences = leads(values)
    return Test(
        mean=float(values[:, 0].mean()),
        controls=float(values[:, 1:].mean()),
        difference=mean_figure(differences[:, 0].copy(), kin, seed),
        p=permutation_p(differences, chosen),
    )


def leads(values: Float64[np.ndarray, "sets members"]) -> Float64[np.ndarray, "sets members"]:
    """Return each member's value less the mean of its set's other members."""
    others = values.shape[1] - 1
    mean = values.sum(axis=1, keepdims=True) / others
    found: Float64[np.ndarray, "sets members"] = values * (1 + 1 / others) - mean
    return found


def permutation_p(differences: Float64[np.ndarray, "sets members"], chosen: Integer[np.ndarray, "draws sets"]) -> float:
    """Return the two-sided p of the first members' mean lead.

    Args:
        differences: From `leads`.
        chosen: Which member takes the item's place.
    """
    true, rows = abs(float(differences[:, 0].mean())), np.arange(len(differences))
    # of draws that are level but for rounding, as those that change nothing are, all count
    level = true - 1e-12 * float(np.abs(differences).max(initial=0.0))
    hits = 0
    for start in range(0, len(chosen), AT_ONCE):
        drawn = differences[rows, chosen[start : start + AT_ONCE]].mean(axis=1)
        hits += int((np.abs(drawn) >= level).sum())
    return (1 + hits) / (1 + len(chosen))


def _families(head: Head, ids: Int64[np.ndarray, " sets"]) -> Int64[np.ndarray, " sets"]:
    """The family of each emoji; a token that is none makes one of its own."""
    known = head.words().emoji
    emoji = [known[token] for token in ids.tolist() if token in known]
    if len(emoji) < len(ids):
        return np.arange(len(ids))
    return np.array(families(emoji), dtype=np.int64)


def _with_rates(found: Sequence[SetDrift]) -> tuple[SetDrift, ...]:
    tests = [(i, measure) for i, one in enumerate(found) for measure in one.tests]
    rates = iter(discovery_rates(np.array([found[i].tests[measure].p for i, measure in tests])).tolist())
    return tuple(
        replace(one, tests={measure: replace(test, q=next(rates)) for measure, test in one.tests.items()})
        for one in found
    )
