"""Forged folders in the suite: a few seconds of what `make fuzz` does for longer, and proof that it would notice."""

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import watcher
import worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journey import BrokenPromiseError, check_message, travel
from mutations import KINDS, Link, mutated, write
from seeds import Files, pack, seeds

from geometry.tokens.emoji import catalogue

QUICK = settings(
    max_examples=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

NAMES = st.sampled_from(["lm_head.weight", "model.embed_tokens.weight", "model.norm.weight", "vocab", "merges", "type"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | NAMES
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4))
SIZES = st.lists(st.integers(-1, 9) | st.sampled_from([2**31, 2**62, 2**63]), max_size=4)
ENTRIES = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "BF16", "F4", "F64", "X"]), "shape": SIZES, "data_offsets": SIZES}
)


@pytest.fixture(autouse=True)
def _few_emoji(monkeypatch: pytest.MonkeyPatch) -> None:
    few = catalogue()[:: worker.FEW]
    monkeypatch.setattr("geometry.tokens.regime.catalogue", lambda: few)


class Folders:
    """A new folder for every example."""

    def __init__(self, base: Path) -> None:
        self.base, self.made = base, 0

    def __call__(self, files: Any) -> Path:
        self.made += 1
        folder = self.base / f"{self.made}" / "input"
        folder.mkdir(parents=True)
        write(folder, files)
        return folder


@pytest.fixture
def forge(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.mark.parametrize("number", range(len(seeds())))
def test_the_honest_folders_are_answered(number: int, forge: Folders):
    answered, _ = travel(forge(seeds()[number]), Random(0))
    assert answered >= 8


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=list(KINDS))
def test_forged_folders(kind: int, forge: Folders):
    for turn in range(8):
        _, files, random = mutated(77, kind + turn * len(KINDS))
        travel(forge(files), random)


@given(header=st.dictionaries(NAMES, ENTRIES | VALUES, max_size=4), body=st.binary(max_size=80))
@QUICK
def test_any_header(forge: Folders, header: Any, body: bytes):
    text = json.dumps(header).encode()
    travel(forge({"model.safetensors": len(text).to_bytes(8, "little") + text + body}), Random(0))


@given(data=st.binary(max_size=60))
@QUICK
def test_any_bytes(forge: Folders, data: bytes):
    for name in (
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer.model",
        "model.safetensors.index.json",
    ):
        honest = {key: one for key, one in seeds()[0].items() if not (name == "tokenizer.model" and "tokenizer" in key)}
        travel(forge({**honest, name: data}), Random(0))


@given(
    changes=st.dictionaries(
        st.sampled_from(["model_type", "rms_norm_eps", "tie_word_embeddings", "text_config"]), VALUES
    )
)
@QUICK
def test_any_config(forge: Folders, changes: Any):
    travel(forge(_with(seeds()[0], "config.json", changes)), Random(0))


@given(
    changes=st.dictionaries(
        st.sampled_from(["normalizer", "pre_tokenizer", "decoder", "added_tokens", "model"]), VALUES
    ),
    number=st.integers(0, 2),
)
@QUICK
def test_any_tokenizer(forge: Folders, changes: Any, number: int):
    travel(forge(_with(seeds()[number], "tokenizer.json", changes)), Random(0))


def _with(files: Files, name: str, changes: Any) -> Files:
    return {**files, name: json.dumps(json.loads(files[name]) | changes).encode()}


def test_watched_workers_find_nothing():
    found = watcher.run(2 * len(KINDS), seed=78, workers=2)
    assert found.inputs == 2 * len(KINDS)
    assert found.faults == {}


# The harness must be able to fail


@pytest.mark.parametrize("message", ["", "two\nlines", "\x1b[31mred", "a" * 5_000, "\u202eback"])
def test_a_message_that_is_no_printable_line_is_noticed(message: str):
    with pytest.raises(BrokenPromiseError):
        check_message(message)


def test_a_number_from_outside_the_folder_is_noticed(forge: Folders):
    rows = worker.canary_rows()
    with pytest.raises(BrokenPromiseError, match="from outside"):
        travel(forge({"model.safetensors": pack({"lm_head.weight": rows})}), Random(0))


def _raise(folder: Path) -> None:
    raise KeyError("x")


def _burn(folder: Path) -> None:
    start = time.process_time()
    while time.process_time() - start < worker.CPU_SECONDS + 0.1:
        pass


def _fill(folder: Path) -> None:
    bytearray(worker.MEMORY_BYTES + 30 * 2**20)[::4_096] = b"x" * -(-(worker.MEMORY_BYTES + 30 * 2**20) // 4_096)


def _stray(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "outside")
    (folder.parent / "outside").write_text("secret")
    (folder / "link").read_text()


@pytest.mark.parametrize(
    ("misbehave", "fault"),
    [
        (_raise, "KeyError in"),
        (_burn, "took 1 s"),
        (_fill, "MiB"),
        (_stray, "opened …/outside"),
        (lambda folder: None, ""),
    ],
)
def test_each_fault_is_noticed(misbehave: Any, fault: str, forge: Folders, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker, "travel", lambda folder, random: misbehave(folder) or (1, 0))
    folder = forge({})
    guard = worker.Guard()
    found = worker.measured(guard, folder, 0, Random(0))["fault"]
    assert fault in found
    assert bool(fault) == bool(found)


@pytest.mark.parametrize(("ending", "fault"), [("os.abort()", "the process died"), ("time.sleep(60)", "no end after")])
def test_a_worker_that_dies_or_stands_still_is_noticed(
    ending: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = tmp_path / "stub.py"
    script.write_text(
        "import json, os, sys, time\n"
        "for number in range(*map(int, sys.argv[2:5])):\n"
        "    print(json.dumps({'what': 'begin', 'number': number}), flush=True)\n"
        f"    if number == 1: {ending}\n"
        "    print(json.dumps({'what': 'end', 'number': number, 'kind': 'cut', 'size': 1, 'answered': 1,\n"
        "                      'refused': 0, 'seconds': 0.1, 'grown': 0, 'fault': ''}), flush=True)\n"
    )
    monkeypatch.setattr(watcher, "WORKER", script)
    monkeypatch.setattr(watcher, "WALL_SECONDS", 0.5)
    found = watcher.run(4, seed=0, workers=1)
    assert {what.split(" (")[0].removesuffix(" 0 s"): at for what, at in found.faults.items()} == {fault: [1]}
    assert found.kinds == {"cut": 3, "did not come back": 1}


def test_links_that_lead_out_are_among_the_inputs():
    found = [one for n in range(0, 1_400) for one in mutated(0, n)[1].values() if isinstance(one, Link)]
    assert any("canary" in link.target for link in found)
