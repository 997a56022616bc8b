"""Several heads asked for the same phantoms: one table, and how far their rankings agree."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

import geometry
from geometry.errors import OptionError
from geometry.intervals import Figure, rank_correlation, resampled
from geometry.names import words_of
from geometry.phantoms.record import SHOWN, Phantoms
from geometry.phantoms.search import LONG
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two heads agree.

    Attributes:
        one, other: Their places among the heads.
        rank_correlation: Spearman's ρ of E over the names both can spell, ranks taken less the mean rank of names of
            as many tokens in both (longer names have a lower E in any head); with its interval over last words
            resampled; None where too few names differ.
        same_emoji: Share of those names for which both name the same emoji best.
        n: How many names.
    """

    one: int
    other: int
    rank_correlation: Figure | None
    same_emoji: float
    n: int


@dataclass(frozen=True, eq=False, repr=False)
class Several(Tabled):
    """Phantoms of several heads, side by side.

    Attributes:
        heads: What each of them says.
        names: The names that all can spell, by mean rank.
        agreements: Of every two heads.
    """

    heads: tuple[Phantoms, ...]
    names: tuple[str, ...]
    agreements: tuple[Agreement, ...]

    def table(self, k: int | None = None, names: Sequence[str] = ()) -> Table:
        """The first k names, 20 by default, and some names besides: E, belief and best emoji a head.

        Raises:
            OptionError: k is not positive, or no head was asked for a name.
        """
        self.heads[0].first(k)
        index = [{one.name: one for one in head.phantoms} for head in self.heads]
        for name in names:
            if not any(name in found for found in index):
                self.heads[0].first(k, [name])
        rows = []
        for name in dict.fromkeys([*self.names[: SHOWN if k is None else k], *names]):
            category = next(found[name].category for found in index if name in found)
            cells = [name, category]
            for found in index:
                cells.append(f"{found[name].lead:+.1f} {found[name].belief:.2f}" if name in found else "–")
            best = "  ".join(dotted(found[name].emoji_text) if name in found else "–" for found in index)
            rows.append((*cells, best))
        columns = [Column("name", "left"), Column("category", "left")]
        columns += [Column(f"E, belief in {letter}", "left") for letter in self._letters()]
        columns.append(Column("best emoji", "left"))
        title = (
            f"{len(self.names):,} names without an emoji that all {len(self.heads)} heads can spell, by mean rank",
        )
        heads = [f"{letter}: {head.provenance()}" for letter, head in zip(self._letters(), self.heads, strict=True)]
        return Table((*title, *heads), tuple(columns), tuple(rows), tuple(map(self._said, self.agreements)))

    def to_dict(self) -> dict[str, Any]:
        """Return the heads' own records and how far they agree."""
        return {
            "heads": [head.to_dict() for head in self.heads],
            "agreements": [
                {
                    "heads": [self.heads[one.one].head.fingerprint, self.heads[one.other].head.fingerprint],
                    "rank_correlation": None if one.rank_correlation is None else asdict(one.rank_correlation),
                    "same_emoji": one.same_emoji,
                    "n": one.n,
                }
                for one in self.agreements
            ],
            "version": geometry.__version__,
        }

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def _letters(self) -> list[str]:
        return [chr(ord("A") + i) for i in range(len(self.heads))]

    def _said(self, one: Agreement) -> str:
        letters, rho = self._letters(), one.rank_correlation
        figure = "not to be had" if rho is None else f"{rho.value:.2f} [{rho.low:.2f} {rho.high:.2f}]"
        return (
            f"{letters[one.one]} and {letters[one.other]} agree on {one.n:,} names: rank correlation {figure}, lengths "
            f"in tokens accounted for; the same best emoji for {one.same_emoji:.0%}"
        )


def several(heads: Sequence[Phantoms]) -> Several:
    """Put the phantoms of several heads side by side.

    Raises:
        OptionError: No name is spelt by all of them.
    """
    index = [{one.name: one for one in head.phantoms} for head in heads]
    common = [name for name in index[0] if all(name in found for found in index)]
    if not common:
        raise OptionError(f"{len(heads)} heads have no name in common; give a lexicon whose names they can spell")
    ranks = np.array([[found[name].rank for found in index] for name in common]).mean(axis=1)
    names = tuple(common[i] for i in np.argsort(ranks, kind="stable"))
    agreements = []
    for one, other in combinations(range(len(heads)), 2):
        pairs = [(index[one][name], index[other][name]) for name in common]
        leads = np.array([[a.lead, b.lead] for a, b in pairs])
        lengths = np.array([LONG * min(a.tokens, LONG) + min(b.tokens, LONG) for a, b in pairs])

        def statistic(
            drawn: Int64[np.ndarray, " drawn"],
            leads: Float64[np.ndarray, "names 2"] = leads,
            lengths: Int64[np.ndarray, " names"] = lengths,
        ) -> float:
            return rank_correlation(leads[drawn, 0], leads[drawn, 1], within=lengths[drawn])

        last = [words_of(name)[-1] for name in common]
        family = np.array([last.index(word) for word in last], dtype=np.int64)
        figure = resampled(statistic, family, heads[one].seed)
        told = figure if np.isfinite([figure.value, figure.low, figure.high]).all() else None
        same = float(np.mean([a.emoji_text.strip() == b.emoji_text.strip() for a, b in pairs]))
        agreements.append(Agreement(one, other, told, same, len(common)))
    return Several(tuple(heads), names, tuple(agreements))
