"""Heads of the page: told apart, found where they lie, never fetched."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import geometry as geo
from geometry.checkpoint import hub
from geometry.errors import CheckpointError
from geometry.explore import shelf
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import open_shelf


def test_heads_of_one_name_are_told_apart(make_head, tmp_path: Path):
    first = make_head().opened.checkpoint.folder
    (tmp_path / "else").mkdir()
    second = tmp_path / "else" / first.name
    second.symlink_to(first)
    opened = open_shelf([str(first), str(second), str(first)])
    assert [volume.name for volume in opened] == [first.name, f"{first.name}-2"]
    with pytest.raises(RefusedError, match="expected one of"):
        opened.get(str(first))
    assert opened.get("") is opened.default


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("org/model", "the page fetches nothing"),
        ("hf://org/model@main", "the page fetches nothing"),
        ("/no/such/place", "no such head"),
        ("nowhere", "no such head"),
    ],
)
def test_heads_that_are_not_here(spec: str, says: str, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("GEOMETRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(CheckpointError, match=says):
        open_shelf([spec])


def test_a_head_that_was_fetched_before_is_opened_by_its_commit(composing: "geo.Head", monkeypatch):
    folder, commit = composing.opened.checkpoint.folder, "0" * 40
    cache = SimpleNamespace(
        commit_of=lambda name: (commit, ""), find=lambda kind, name, at: (kind, at) == ("heads", commit)
    )
    opened: list[str] = []

    def open_kept(spec: str) -> "geo.Head":
        opened.append(spec)
        return geo.open_head(folder)

    monkeypatch.setattr(hub, "user_caches", lambda: [cache])
    monkeypatch.setattr(shelf, "open_head", open_kept)
    (volume,) = open_shelf(["org/model"])
    assert (opened, volume.typed) == ([f"org/model@{commit}"], "org/model")
    monkeypatch.setattr(hub, "user_caches", list)
    monkeypatch.setattr(hub, "find_snapshot", lambda name: folder)
    open_shelf(["org/model"])
    assert opened[1:] == [str(folder)]
