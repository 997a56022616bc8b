"""A UMAP drawn by a process of its own: it takes seconds of every thread there is, and typing goes on meanwhile."""

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from geometry.choices import SpaceName
from geometry.errors import GeometryError
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import Volume

if TYPE_CHECKING:
    import geometry.maps


class Draughtsman:
    """Draws one UMAP at a time, and can be sent away."""

    def __init__(self) -> None:
        self._pencil, self._left = threading.Lock(), False
        self._child: subprocess.Popen[bytes] | None = None

    def draw(self, volume: Volume, space: SpaceName) -> "geometry.maps.EmojiMap":
        """Return the UMAP of a head's emoji: `geometry.maps.emoji_map`'s own, made elsewhere.

        Raises:
            RefusedError: It could not be made, or the server ends.
        """
        # -P: what lies in the folder that the server was started in is no module of ours
        words = [sys.executable, "-P", "-m", __name__, volume.source, space]
        with self._pencil:
            if self._left:
                raise RefusedError(f"the UMAP of {volume.name} was not drawn: the server ends", 503)
            self._child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            told, said = self._child.communicate()
            failed = self._child.returncode
        if failed:
            last = said.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"status {failed}"
            raise RefusedError(f"the UMAP of {volume.name} was not drawn: {last}", 500)
        found = pickle.loads(told)  # from our own child
        if isinstance(found, str):
            raise RefusedError(found)
        volume.check_unchanged(found.head_facts["fingerprint"])
        drawn: geometry.maps.EmojiMap = replace(found, head=volume.head.in_space(space))
        return drawn

    def leave(self) -> None:
        """End what is being drawn, and draw nothing that waits for it."""
        self._left = True
        if self._child is not None and self._child.poll() is None:
            self._child.kill()


def main(spec: str, space: SpaceName) -> None:
    """Draw a UMAP and write it to standard output, or in its place the line that says why not."""
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print is no answer
    from geometry.head import open_head
    from geometry.maps import emoji_map

    try:
        found: object = replace(emoji_map(open_head(spec), space=space), head=None)
    except GeometryError as error:
        found = str(error)
    with os.fdopen(answer, "wb") as file:
        pickle.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
