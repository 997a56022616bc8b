"""Maps of the page: those of the library, drawn aside where that takes long, and only so many kept."""

import json
import shutil
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from asking import SEAHORSE, Client

import geometry as geo
from geometry.explore import planes
from geometry.explore.drawing import Draughtsman
from geometry.explore.planes import Planes
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import open_shelf
from geometry.maps import emoji_map
from geometry.maps.page import scatter_data


def test_a_map_is_what_its_page_has(client: Client, composing: "geo.Head"):
    told = client.get("/api/map", method="pca", space="centered")
    assert told == json.loads(json.dumps(scatter_data(emoji_map(composing, method="pca", space="centered"))))
    status, headers, body = client.raw("/atlas.png")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert client.raw("/atlas.png", headers={"If-None-Match": headers["etag"]})[0] == 304
    assert client.ask("/api/map", method="tsne")[0] == 400


def test_a_umap_is_drawn_aside_and_asked_for_again(client: Client, monkeypatch):
    may_draw = threading.Event()

    def draw(self: Draughtsman, volume: Any, space: Any) -> Any:
        assert may_draw.wait(30)
        return emoji_map(volume.head, method="pca", space=space)

    monkeypatch.setattr(Draughtsman, "draw", draw)
    monkeypatch.setattr(client.desk, "planes", Planes())
    assert client.ask("/api/map", method="umap") == (202, {"state": "drawing"})
    assert client.get("/api/land", q=SEAHORSE)["composite"]["umap"] is None
    may_draw.set()
    until = time.monotonic() + 20
    while client.ask("/api/map", method="umap")[0] == 202:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.get("/api/land", q=SEAHORSE)["composite"]["umap"] is not None


def _drawn(drawing: Planes, volume: Any, space: Any = "folded") -> Any:
    """The UMAP once it is there."""
    until = time.monotonic() + 120
    while (found := drawing.umap(volume, space)) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_a_umap_that_fails_says_so_and_is_not_begun_again(composing: "geo.Head", monkeypatch):
    volume, begun = open_shelf([str(composing.opened.checkpoint.folder)]).default, []
    monkeypatch.setattr(Draughtsman, "draw", lambda *_: begun.append(1) or 1 / 0)
    drawing = Planes()
    for _ in range(2):
        with pytest.raises(RefusedError, match="ZeroDivisionError"):
            _drawn(drawing, volume)
    assert len(begun) == 1


def test_what_the_other_process_says_is_heard(make_head, monkeypatch):
    volume = open_shelf([str(make_head(with_tokenizer=False).opened.checkpoint.folder)]).default
    with pytest.raises(RefusedError, match="words and text need one"):
        Draughtsman().draw(volume, "folded")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RefusedError, match="the UMAP of 0 was not drawn: status 1"):
        Draughtsman().draw(volume, "folded")


@pytest.mark.slow
def test_a_umap_drawn_elsewhere_is_the_same(composing: "geo.Head"):
    volume = open_shelf([str(composing.opened.checkpoint.folder)]).default
    found, own = _drawn(Planes(), volume), emoji_map(composing, space="folded")
    assert np.array_equal(found.points, own.points)
    vector = volume.head.in_space("folded").concept(SEAHORSE).vector[None]
    assert np.array_equal(found.place(vector), own.place(vector))
    other = replace(volume, head=geo.open_head("organism"))
    with pytest.raises(RefusedError, match="changed on the disk"):
        Draughtsman().draw(other, "folded")


@pytest.mark.slow
def test_what_is_drawn_is_left_when_the_server_ends(composing: "geo.Head"):
    volume, drawing = open_shelf([str(composing.opened.checkpoint.folder)]).default, Planes()
    assert drawing.umap(volume, "folded") is None
    time.sleep(1)
    assert drawing.umap(volume, "raw") is None
    drawing.close()
    for space in ("folded", "raw"):
        with pytest.raises(RefusedError, match="was not drawn"):
            _drawn(drawing, volume, space)


def test_only_so_many_maps_are_kept(composing: "geo.Head", monkeypatch):
    monkeypatch.setattr(planes, "KEPT", 2)
    volume, drawn = open_shelf([str(composing.opened.checkpoint.folder)]).default, Planes()
    first = drawn.pca(volume, "folded")
    assert drawn.pca(volume, "folded") is first
    drawn.pca(volume, "raw"), drawn.pca(volume, "centered")
    assert drawn.pca(volume, "folded") is not first
