"""A plane for a head's tokens: where they lie on it, what is near them in full dimension, and how far to believe it."""

from collections.abc import Sequence

from geometry.choices import DEFAULT_SPACE, Among, SpaceName, check_choice, check_seed
from geometry.errors import OptionError
from geometry.head import Head
from geometry.maps.layout import check_layout
from geometry.maps.making import MapOptions, make_map
from geometry.maps.neighbors import one_thread
from geometry.maps.record import METHODS, EmojiMap, MethodName, Placed
from geometry.maps.rows import MOST_SUMS
from geometry.maps.stored import read_map

__all__ = ["EmojiMap", "Placed", "emoji_map", "read_map"]


def emoji_map(
    head: Head,
    expressions: Sequence[str] = (),
    *,
    method: MethodName = "umap",
    among: Among = "emoji",
    around: int | None = None,
    space: SpaceName | None = None,
    keep_undertrained: bool = False,
    neighbors: int = 15,
    min_dist: float = 0.3,
    spread: float = 1.5,
    seed: int = 0,
) -> EmojiMap:
    """Map tokens of a head, and put sums among them.

    Rows are taken at unit length in the head's space, so that near means alike by cosine similarity. The same head,
    options and seed give the same map, however many threads there are.

    Args:
        head: in another space than ``raw`` it answers in its own.
        expressions: sums to place, at most 1,000.
        method: ``umap``, or ``pca``: the plane of the first two principal components.
        among: tokens: ``emoji`` (each once), ``words`` or ``all``, at most 50,000.
        around: only so many of them for each sum, those that rank first for it, and the sums' own terms.
        space: overrides the head's.
        keep_undertrained: masked rows too.
        neighbors: nearest points that UMAP holds on to, itself counted.
        min_dist, spread: UMAP's own, such that little need be pushed apart in a picture.
        seed: of UMAP, and of the trust figures' sample above 5,000 points.

    Raises:
        GeometryError: an expression cannot be evaluated here, or there are too few or too many points.
    """
    if isinstance(expressions, str):
        raise OptionError(f"the text {expressions!r} arrived; expected a list of expressions")
    if len(expressions) > MOST_SUMS:
        raise OptionError(f"{len(expressions):,} sums arrived; expected at most {MOST_SUMS:,} on one map: give fewer")
    check_choice("method", method, METHODS)
    check_seed(seed)
    check_layout(neighbors, min_dist, spread)
    options = MapOptions(
        method=method, among=among, around=around, keep_undertrained=keep_undertrained, neighbors=neighbors,
        min_dist=float(min_dist), spread=float(spread), seed=seed,
    )  # fmt: skip
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    with one_thread():
        return make_map(head.in_space(space), expressions, options)
