"""Under-trained rows, found from the head alone: rows that lie where rows known to be unused lie.

The rule follows Land & Bartolo (2024), "Fishing for Magikarp", as far as a head without its embedding allows:
references are rows nothing can have trained (reserved names, padding, bytes that valid UTF-8 never holds); a row
is masked when it is as close to them as they are to each other, and closer than any letter or digit, which are
always trained. Where either anchor is missing, or the unused rows do not even lie together, the rule masks nothing, and
says so.
"""

import string
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.checkpoint import StoredMatrix
from geometry.linalg import remove_direction, unit
from geometry.moments import blocks, first_direction, row_moments
from geometry.tokens import Vocabulary

MIN_REFERENCES = 8
NEVER_IN_UTF8 = (0xC0, 0xC1, *range(0xF5, 0x100))


@dataclass(frozen=True, eq=False)
class Undertrained:
    """Which rows are masked, and how that was decided.

    Attributes:
        ids: masked rows, ascending.
        references: rows known to be unused.
        threshold: cosine similarity to the references' mean from which a row is masked; None if none can be.
        reason: one sentence for the reader.
        scores: every row's cosine similarity to that mean, as the rule takes it; None where it was not taken.
        highest_anchor: the highest of a letter or digit; None likewise.
    """

    ids: Int64[np.ndarray, " masked"]
    references: Int64[np.ndarray, " references"]
    threshold: float | None
    reason: str
    scores: Float64[np.ndarray, " vocab"] | None = None
    highest_anchor: float | None = None


def find_undertrained(
    matrix: StoredMatrix,
    tokens: Vocabulary | None,
    finite: Bool[np.ndarray, " vocab"],
    references: Int64[np.ndarray, " references"] | None = None,
    fewest: int = MIN_REFERENCES,
) -> Undertrained:
    """Apply the rule to a head's rows as stored.

    Args:
        matrix: the head.
        tokens: its vocabulary; without one nothing is known to be unused.
        finite: rows without NaN or infinity; the others are left out of everything.
        references: rows to go by; by default all that are known to be unused. A part of them lets the rule be tested
            on the rest.
        fewest: references below which nothing is masked.

    Returns:
        Rows with s ≥ the references' 1st percentile (each left out of its own mean), s being the cosine similarity
        to the references' mean after the mean row and the first principal component are removed; none where that
        percentile is not above every single ASCII letter and digit, or references or letters are missing.
    """
    none = np.empty(0, dtype=np.int64)
    if tokens is None:
        return Undertrained(none, none, None, "no row is masked as under-trained: without a tokenizer none is known")
    vocab = matrix.shape[0]
    references = known_unused(tokens, vocab, finite) if references is None else references
    anchors = always_trained(tokens, vocab, finite)
    if len(references) < fewest or len(anchors) == 0:
        lack = (
            f"only {len(references)} of its rows are known to be unused, {fewest} are needed"
            if len(anchors)
            else "it has no single letters or digits to compare with"
        )
        return Undertrained(none, references, None, f"no row is masked as under-trained: {lack}")

    trained = finite.copy()
    trained[references] = False
    mean, component = row_moments(matrix, trained).mean, first_direction(matrix, trained)

    unused = unit(remove_direction(matrix.rows(references) - mean, component))
    others = unit((unused.sum(axis=0) - unused) / (len(unused) - 1))
    own = float(np.percentile((unused * others).sum(axis=1), 1))
    target = unit(unused.mean(axis=0))
    scores = similarities(matrix, mean, component, target)
    highest_anchor = float(scores[anchors].max())
    if own <= highest_anchor:
        why = f"its {len(references)} unused rows are no closer to each other ({own:.2f}) than a letter is to them"
        reason = f"no row is masked as under-trained: {why} ({highest_anchor:.2f})"
        return Undertrained(none, references, None, reason, scores, highest_anchor)
    masked = np.flatnonzero(finite & (scores >= own))
    count = f"{len(masked):,} rows are" if len(masked) != 1 else "1 row is"
    reason = (
        f"{count} masked as under-trained (cosine similarity ≥ {own:.2f} to the mean of {len(references)} "
        f"unused rows; letters and digits reach {highest_anchor:.2f})"
    )
    return Undertrained(masked, references, own, reason, scores, highest_anchor)


def similarities(
    matrix: StoredMatrix,
    mean: Float64[np.ndarray, " dim"],
    component: Float64[np.ndarray, " dim"],
    target: Float64[np.ndarray, " dim"],
) -> Float64[np.ndarray, " vocab"]:
    """Cosine similarity of every row, less mean and component, to the target; −inf where a row is not finite."""
    scores = np.full(matrix.shape[0], -np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        for start, block in blocks(matrix, "under-trained rows"):
            rest = block - mean.astype(np.float32)
            along, towards = (rest @ np.stack([component, target], axis=1).astype(np.float32)).astype(np.float64).T
            lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", rest, rest, dtype=np.float64) - along**2, 0.0))
            cosines = np.divide(towards, lengths, out=np.zeros_like(lengths), where=lengths > 0)
            scores[start : start + len(block)] = np.where(np.isfinite(cosines), cosines, -np.inf)
    return scores


def known_unused(
    tokens: Vocabulary, vocab: int, finite: Bool[np.ndarray, " vocab"]
) -> Int64[np.ndarray, " references"]:
    """Return the finite rows that nothing can have trained: reserved names, padding, bytes no UTF-8 holds."""
    known = set(tokens.reserved)
    if tokens.lists_special:
        # a file without its control tokens says nothing of the rows past its ranks: trained ones are among them
        known |= set(np.flatnonzero(~tokens.is_token[:vocab]).tolist())
    known |= {tokens.byte_tokens[byte] for byte in NEVER_IN_UTF8 if byte in tokens.byte_tokens}
    return np.array(sorted(token for token in known if token < vocab and finite[token]), dtype=np.int64)


def always_trained(tokens: Vocabulary, vocab: int, finite: Bool[np.ndarray, " vocab"]) -> Int64[np.ndarray, " anchors"]:
    """Return single letters and digits that text really turns into: a lower-casing tokenizer never yields "A"."""
    found = set()
    for character in string.ascii_letters + string.digits:
        ids = tokens.encode(character)
        if len(ids) == 1 and ids[0] < vocab and finite[ids[0]] and tokens.bytes_of(ids[0]) == character.encode():
            found.add(ids[0])
    return np.array(sorted(found), dtype=np.int64)
