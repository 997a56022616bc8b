"""Maps of the shelf's heads: PCA at once, UMAP by a process of its own, both kept; and sums put on them."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from geometry.choices import SpaceName
from geometry.errors import GeometryError
from geometry.explore.drawing import Draughtsman
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import Volume
from geometry.search import neighbors

if TYPE_CHECKING:
    import geometry.maps

Method = Literal["umap", "pca"]

KEPT = 24
"""Maps kept, those used last: of one head in all spaces there are eight."""

NEAREST = 10

Key = tuple[str, SpaceName, Method]


class Planes:
    """The maps drawn so far."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[Key, geometry.maps.EmojiMap | GeometryError] = OrderedDict()
        self._drawing: set[Key] = set()
        self._lock, self._draughtsman = threading.Lock(), Draughtsman()

    def pca(self, volume: Volume, space: SpaceName) -> "geometry.maps.EmojiMap":
        """Return the map by principal components, drawn now if it is not there.

        Raises:
            GeometryError: There are too few emoji for one.
        """
        found = self._find((volume.name, space, "pca"))
        if found is not None:
            return found
        try:
            return self._project(volume, space)
        except GeometryError as error:
            self._keep((volume.name, space, "pca"), error)
            raise

    def umap(self, volume: Volume, space: SpaceName) -> "geometry.maps.EmojiMap | None":
        """Return the UMAP if it is drawn; otherwise it is being drawn from now on.

        Raises:
            GeometryError: It cannot be drawn.
        """
        key: Key = (volume.name, space, "umap")
        found = self._find(key)
        if found is not None:
            return found
        with self._lock:
            if key not in self._drawing:
                self._drawing.add(key)
                thread = threading.Thread(target=self._draw_aside, args=(volume, space), name="umap", daemon=True)
                thread.start()
        return None

    def ready(self, volume: Volume, space: SpaceName) -> "dict[Method, geometry.maps.EmojiMap | None]":
        """Return the maps that a sum can be put on now; a UMAP is not begun for it."""
        if not volume.maps:
            return {"umap": None, "pca": None}
        try:
            return {"umap": self._find((volume.name, space, "umap")), "pca": self.pca(volume, space)}
        except GeometryError:
            return {"umap": None, "pca": None}

    def close(self) -> None:
        """Leave what is being drawn."""
        self._draughtsman.leave()

    def _find(self, key: Key) -> "geometry.maps.EmojiMap | None":
        with self._lock:
            found = self._drawn.get(key)
            if found is not None:
                self._drawn.move_to_end(key)
        if isinstance(found, GeometryError):
            raise found
        return found

    def _draw_aside(self, volume: Volume, space: SpaceName) -> None:
        key: Key = (volume.name, space, "umap")
        try:
            self._keep(key, self._draughtsman.draw(volume, space))
        except GeometryError as error:
            self._keep(key, error)
        except Exception as error:
            self._keep(key, RefusedError(f"the UMAP of {volume.name} failed ({type(error).__name__}: {error})", 500))
        finally:
            with self._lock:
                self._drawing.discard(key)

    def _project(self, volume: Volume, space: SpaceName) -> "geometry.maps.EmojiMap":
        from geometry.maps import emoji_map

        found: geometry.maps.EmojiMap = emoji_map(volume.head, method="pca", space=space)
        self._keep((volume.name, space, "pca"), found)
        return found

    def _keep(self, key: Key, found: "geometry.maps.EmojiMap | GeometryError") -> None:
        with self._lock:
            self._drawn[key] = found
            while len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)


def composite(planes: Planes, volume: Volume, space: SpaceName, vector: Float64[np.ndarray, " dim"]) -> dict[str, Any]:
    """Return where a vector of the space lies on the maps that are there, and the map's points nearest to it.

    Nearest by cosine similarity in full dimension, whatever the picture says.
    """
    maps = planes.ready(volume, space)
    placed: dict[str, Any] = {method: None if one is None else _place(one, vector) for method, one in maps.items()}
    drawn = maps["pca"]
    return {**placed, "nearest": [] if drawn is None else _nearest(volume, drawn, space, vector)}


def _place(drawn: "geometry.maps.EmojiMap", vector: Float64[np.ndarray, " dim"]) -> list[float]:
    return [round(value, 4) for value in drawn.place(vector[None, :])[0].tolist()]


def _nearest(
    volume: Volume, drawn: "geometry.maps.EmojiMap", space: SpaceName, vector: Float64[np.ndarray, " dim"]
) -> list[dict[str, Any]]:
    allowed = np.zeros(volume.head.vocab, dtype=np.bool_)
    allowed[drawn.ids] = True
    (found,) = neighbors(volume.head.in_space(space), vector[None, :], NEAREST, metric="cosine", allowed=allowed)
    texts = dict(zip(drawn.ids.tolist(), drawn.texts, strict=True))
    pairs = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
    return [{"id": token, "text": texts[token], "similarity": score} for token, score in pairs]
