"""What is kept: found again without a network, gone on with after a kill, safe with two at once, listed and pruned."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from loopback import Loopback
from models import single, tensors
from safetensors.numpy import save

import geometry as geo
from geometry.checkpoint.hub import download, holdings, prune, user_caches
from geometry.errors import CheckpointError

OPEN = "import geometry as geo; print(geo.open_head('org/model').fingerprint)"


def python(code: str, hub: Loopback, **more: str) -> subprocess.Popen[str]:
    """Start another process that believes the loopback server to be the Hub."""
    variables = {**os.environ, "HF_ENDPOINT": hub.endpoint, **more}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_offline_mode_works_from_what_is_kept(hub: Loopback) -> None:
    hub.add("org/model", single())
    fingerprint = geo.open_head("org/model").fingerprint
    asked = len(hub.seen)
    process = python(OPEN, hub, HF_HUB_OFFLINE="1")
    out, err = process.communicate(timeout=60)
    assert out.strip() == fingerprint, err
    assert "offline mode" in err
    assert "using org/model as kept" in err
    assert len(hub.seen) == asked


def test_a_dead_hub_leaves_what_is_kept(hub: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    hub.add("org/model", single())
    fingerprint = geo.open_head("org/model").fingerprint
    hub.hub.shutdown()
    hub.hub.server_close()
    assert geo.open_head("org/model").fingerprint == fingerprint
    assert "using org/model as kept: commit" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="nothing of org/other at main is kept"):
        geo.open_head("org/other")


def test_offline_a_model_that_the_client_downloaded_will_do(hub: Loopback, tmp_path: Path) -> None:
    files = single()
    commit = hub.add("org/model", files)
    repo = tmp_path / "client" / "models--org--model"
    for name, content in files.items():
        (repo / "blobs").mkdir(parents=True, exist_ok=True)
        (repo / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
        (repo / "blobs" / name).write_bytes(content)
        (repo / "snapshots" / commit / name).symlink_to(f"../../blobs/{name}")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    process = python(OPEN, hub, HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(tmp_path / "client"))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.strip() == geo.open_head("org/model").fingerprint


def test_a_run_that_was_killed_is_gone_on_with(hub: Loopback, cache: Path) -> None:
    hub.add("org/model", single())
    slow = (
        "import os, threading, geometry as geo\n"
        "from geometry.checkpoint.hub import download\n"
        "download.CHUNK, download.WORKERS = 2**13, 1\n"
        "add = download._Journal.add\n"
        "def then_die(self, number, checksum):\n"
        "    add(self, number, checksum)\n"
        "    if number == 7: os.kill(os.getpid(), 9)\n"
        "download._Journal.add = then_die\n"
        "geo.open_head('org/model')\n"
    )
    process = python(slow, hub)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not list(cache.glob("*/heads/*/*"))
    asked = len(hub.seen)
    download_chunk = download.CHUNK
    try:
        download.CHUNK = 2**13
        head = geo.open_head("org/model")
    finally:
        download.CHUNK = download_chunk
    np.testing.assert_array_equal(head.rows(range(head.vocab)), tensors()["lm_head.weight"])
    ranges = [one.range for one in hub.seen[asked:] if one.origin == "store"]
    total = -(-tensors()["lm_head.weight"].nbytes // 2**13) + 1
    assert len(ranges) == 1 + total - 8, "the header, and the chunks that had not come"


@pytest.fixture
def half_a_head(hub: Loopback, cache: Path) -> Path:
    """A head whose fetching a person gave up on after a chunk had come."""
    hub.add("org/model", single())
    add = download._Journal.add

    def add_then_stop(self: download._Journal, number: int, checksum: int) -> None:
        add(self, number, checksum)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download._Journal, "add", add_then_stop)
        with pytest.raises(KeyboardInterrupt):
            geo.open_head("org/model")
    [partial] = cache.glob("*/partial/heads--*/model.safetensors")
    return partial


def test_half_a_head_that_was_damaged_is_not_gone_on_with(hub: Loopback, half_a_head: Path) -> None:
    damaged = bytearray(half_a_head.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    half_a_head.write_bytes(bytes(damaged))
    head = geo.open_head("org/model")
    np.testing.assert_array_equal(head.rows(range(head.vocab)), tensors()["lm_head.weight"])


def test_half_a_head_of_a_file_that_changed_is_not_gone_on_with(hub: Loopback, half_a_head: Path) -> None:
    [files] = hub.repos["org/model"].commits.values()
    other = {name: value + 1 for name, value in tensors().items()}
    files["model.safetensors"] = save(other)
    head = geo.open_head("org/model")
    np.testing.assert_array_equal(head.rows(range(head.vocab)), other["lm_head.weight"])


def test_two_processes_at_once_fetch_once(hub: Loopback) -> None:
    hub.add("org/model", single())
    both = [python(OPEN, hub) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0] != ""
    ranges = [one.range for one in hub.seen if one.origin == "store"]
    assert len(ranges) == len(set(ranges)), "a range was fetched twice"


DAMAGES = {
    "provenance empty": ("provenance.json", lambda content: b""),
    "provenance of nothing": ("provenance.json", lambda content: b'{"format": 1}'),
    "another commit": ("provenance.json", lambda content: content.replace(b'"commit": "', b'"commit": "f')),
    "a size that is none": ("provenance.json", lambda content: content.replace(b'"bytes_read": ', b'"bytes_read": -')),
    "of another format": ("provenance.json", lambda content: content.replace(b'"format": 1', b'"format": 0')),
    "weights cut": ("model.safetensors", lambda content: content[:-1]),
    "weights empty": ("model.safetensors", lambda content: b""),
    "weights gone": ("model.safetensors", None),
    "config edited": ("config.json", lambda content: content.replace(b"1e-05", b"1e-06")),
    "config gone": ("config.json", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_fetched_again(damage: str, hub: Loopback, cache: Path) -> None:
    file, change = DAMAGES[damage]
    commit = hub.add("org/model", single())
    geo.open_head("org/model")
    path = next(cache.glob("*/heads/org--model")) / commit / file
    before = path.read_bytes()
    path.unlink() if change is None else path.write_bytes(change(before))
    process = python(OPEN, hub, HF_HUB_OFFLINE="1")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out
    assert damage == "of another format" or "geometry cache --prune org/model" in err
    head = geo.open_head(f"org/model@{commit}")
    np.testing.assert_array_equal(head.rows(range(head.vocab)), tensors()["lm_head.weight"])
    if file != "provenance.json":
        assert path.read_bytes() == before


def test_a_changed_byte_is_found_by_the_check(hub: Loopback, cache: Path) -> None:
    hub.add("org/model", single())
    geo.open_head("org/model")
    assert "all 1 are what was fetched" in run("--check")
    [path] = cache.glob("*/heads/*/*/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert 'tensor "model.norm.weight" is not what was fetched; remove it with `geometry cache' in run("--check")


def test_another_hubs_word_is_not_taken_for_a_commit(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = hub.add("org/model", single())
    mirror = Loopback()
    try:
        mirror.add("org/model", single(tied=True))
        mirror.repos["org/model"].commits = {commit: single(tied=True)}
        mirror.repos["org/model"].branches = {"main": commit}
        monkeypatch.setenv("HF_ENDPOINT", mirror.endpoint)
        assert geo.open_head(f"org/model@{commit}").opened.layout.tied
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        assert not geo.open_head(f"org/model@{commit}").opened.layout.tied
    finally:
        mirror.close()


def test_a_cache_that_can_only_be_read(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/model", single())
    fingerprint = geo.open_head("org/model").fingerprint

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for place in (
        "pathlib.Path.mkdir",
        "pathlib.Path.rename",
        "os.utime",
        "geometry.checkpoint.hub.cache.replace_file",
    ):
        monkeypatch.setattr(place, refuse)
    assert geo.open_head("org/model").fingerprint == fingerprint


def test_giving_up_does_not_wait_for_the_server(hub: Loopback, cache: Path) -> None:
    hub.add("org/model", single())
    code = (
        "import geometry.checkpoint.hub.fetch as fetch, geometry.checkpoint.hub.download as download\n"
        "import geometry as geo, pathlib, sys\n"
        "bring = download._fetch_all\n"
        "def say(*arguments):\n"
        "    print('fetching', flush=True)\n"
        "    bring(*arguments)\n"
        "download._fetch_all = say\n"
        "geo.open_head('org/model')\n"
    )
    process = python(code, hub)
    hub.lies.after_header = (429, "60")
    assert process.stdout is not None
    assert process.stdout.readline() == "fetching\n"
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    hub.lies.after_header = None
    geo.open_head("org/model")


def test_leftovers_are_swept(hub: Loopback, cache: Path) -> None:
    commit = hub.add("org/model", single())
    geo.open_head("org/model")
    [part] = [path for path in cache.iterdir() if path.is_dir()]
    left = part / "partial" / ".removed-0123456789abcdef"
    left.mkdir(parents=True)
    half = part / "partial" / f"heads--org--other--{commit}"
    half.mkdir()
    (half / ".0123456789abcdef.tiktoken").write_bytes(b"")
    run("--prune")
    assert not left.exists()
    assert not list(part.glob("refs/*"))
    assert not half.exists()


def run(*arguments: str) -> str:
    """What ``geometry cache`` prints, errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "geometry", "cache", *arguments], capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def test_the_cache_is_listed_and_pruned(hub: Loopback, cache: Path, tokenizer_file: Path) -> None:
    assert "kept in" in run()
    commit = hub.add("org/model", single())
    hub.add("org/other", single(tokenizer_file.read_bytes()))
    geo.open_head("org/model")
    geo.open_head("org/other")
    assert {one.repo for one in holdings(user_caches())} == {"org/model", "org/other"}
    text = run()
    assert "org/model" in text
    assert commit[:12] in text
    assert max(map(len, text.splitlines())) <= 100
    records = [json.loads(line) for line in run("--json").splitlines()]
    assert {record["repo"] for record in records} == {"org/model", "org/other"}
    assert records[0]["nbytes"] > tensors()["lm_head.weight"].nbytes
    assert ": nothing" in run("--prune", "--unused-days", "1")
    assert "error: nothing of 'org/absent' is kept" in run("--prune", "org/absent")
    assert "org/model" in run("--prune", "org/model")
    assert [one.repo for one in holdings(user_caches())] == ["org/other"]
    run("--prune")
    assert holdings(user_caches()) == []
    assert not list(cache.glob("*/heads/*/*"))
    assert geo.open_head("org/model").vocab == len(tensors()["lm_head.weight"])


def test_prune_by_revision_and_age(hub: Loopback) -> None:
    old = hub.add("org/model", single())
    hub.add("org/model", single(tied=True), branch="dev")
    geo.open_head("org/model")
    geo.open_head("org/model@dev")
    [entry] = [one.folder for one in holdings(user_caches()) if one.commit == old]
    os.utime(entry, (time.time() - 40 * 86_400,) * 2)
    assert [one.commit for one in prune(user_caches(), unused_days=30.0)] == [old]
    geo.open_head("org/model")
    assert [one.commit for one in prune(user_caches(), [f"org/model@{old[:8]}"])] == [old]
    assert [one.revisions for one in prune(user_caches(), ["org/model@dev"])] == [("dev",)]
