"""How many hits chance gives: exact permutation tests of labels against answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, factorial
from typing import Any


@dataclass(frozen=True, slots=True)
class Hits:
    """Answers compared with what was expected, and with the same answers dealt out at random.

    Attributes:
        n: How many were asked.
        hits: How many answers were the expected label.
        chance: Mean hits over all permutations of the labels over the answers that really came.
        p: Share of those permutations with at least as many hits: exact, one-sided.
    """

    n: int
    hits: int
    chance: float
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def compare(expected: Sequence[str], answers: Sequence[str]) -> Hits:
    """Count the answers that are the expected label, and what permuting the labels would give.

    The number of permutations with exactly k hits comes from rook polynomials: a label that is expected a times
    and answered b times can be hit j times at once in C(a,j)·C(b,j)·j! ways (Riordan, *An Introduction to
    Combinatorial Analysis*, ch. 7).

    >>> compare(["bird", "fish"], ["bird", "fish"])
    Hits(n=2, hits=2, chance=1.0, p=0.5)
    """
    n = len(expected)
    hits = sum(a == b for a, b in zip(expected, answers, strict=True))
    if n == 0:
        return Hits(0, 0, 0.0, 1.0)
    wanted, given = Counter(expected), Counter(answers)
    rooks = [1]
    for label, a in wanted.items():
        b = given[label]
        ways = [comb(a, j) * comb(b, j) * factorial(j) for j in range(min(a, b) + 1)]
        product = [0] * (len(rooks) + len(ways) - 1)
        for i, left in enumerate(rooks):
            for j, right in enumerate(ways):
                product[i + j] += left * right
        rooks = product
    # Inclusion and exclusion turns "these j hits at least" into "exactly k hits".
    exactly = [
        sum((-1) ** (j - k) * comb(j, k) * rooks[j] * factorial(n - j) for j in range(k, len(rooks)))
        for k in range(len(rooks))
    ]
    chance = sum(a * given[label] for label, a in wanted.items()) / n
    return Hits(n, hits, chance, sum(exactly[hits:]) / factorial(n))
