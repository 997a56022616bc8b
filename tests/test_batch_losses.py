"""What a batch can lose on the way, each said in one line: a worker, the disk, a head, its sums; and what it counts."""

import errno
import os
import shutil
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from batch_trials import WORDS, contents, two_heads, written

import geometry as geo
from geometry.atomic import replace_file
from geometry.batch import Crew, folder, make_plan, read_plan, run_batch, running, shelf, work
from geometry.batch.sources import Lines
from geometry.batch.workers import Serial, lost
from geometry.errors import OptionError, PlanError, WorkerError
from geometry.landing import scans


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> list[str]:
    return two_heads(tmp_path_factory.mktemp("heads"), tokenizer_file)


@pytest.fixture
def twelve_parts(heads, tmp_path: Path) -> Path:
    """12 files of 16 sums each."""
    return written(tmp_path / "plan.toml", heads=heads, part=16, k=3)


class Losing(Executor):
    """Does a few jobs, then says of every other one that its worker is gone."""

    def __init__(self, error: BaseException, good: int) -> None:
        self.error, self.good = error, good

    def submit(self, fn, /, *args):
        future: Future = Future()
        self.good -= 1
        if self.good < 0:
            future.set_exception(self.error)
        else:
            future.set_result(fn(*args))
        return future


class KilledWorker(Exception):  # noqa: N818
    """Dask's, as far as its name goes."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            BrokenExecutor("x"),
            r"a worker process was ended from outside while landings/.*parquet or one of \d ",
        ),
        (CancelledError(), r"the cluster gave up landings/.*parquet: its scheduler went away"),
    ],
)
def test_a_worker_that_goes_away_is_one_line_and_what_was_done_is_kept(twelve_parts: Path, tmp_path: Path, error, said):
    out = tmp_path / "out"
    plan = read_plan(twelve_parts)
    with pytest.raises(WorkerError, match=said) as raised:
        run_batch(plan, out, Crew(Losing(error, good=8), size=2))
    assert "run the same command again" in str(raised.value)
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    outcome = run_batch(read_plan(twelve_parts), out)
    assert 0 < outcome.kept < 7
    assert outcome.manifest["complete"]


def test_a_worker_that_goes_away_over_a_head_is_one_line(twelve_parts: Path, tmp_path: Path):
    losing = Crew(Losing(BrokenExecutor(), good=1), size=2)
    plan = read_plan(twelve_parts)
    with pytest.raises(WorkerError, match="while the opening of heads was worked on"):
        run_batch(plan, tmp_path / "new", losing)
    assert not (tmp_path / "new").exists()


def test_a_part_that_ends_every_worker_is_named():
    said = str(lost(KilledWorker(), "landings/a/b.parquet"))
    assert said.startswith("every worker of the cluster that took up landi")


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(twelve_parts: Path, tmp_path: Path, monkeypatch):
    left = [5]

    def fills(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(path, content)

    plan = read_plan(twelve_parts)
    monkeypatch.setattr(folder, "replace_file", fills)
    with pytest.raises(OptionError, match=r"cannot be written \(No space left on device\)"):
        run_batch(plan, tmp_path / "out")
    monkeypatch.undo()
    assert run_batch(plan, tmp_path / "out").kept == 4


@pytest.fixture
def own_head(make_head) -> Path:
    """A head that a test may change."""
    return make_head(seed=21).opened.checkpoint.folder


def _other_weights(head: Path, make_head) -> None:
    shutil.copy(make_head(seed=22).opened.checkpoint.folder / "model.safetensors", head / "new")
    (head / "new").replace(head / "model.safetensors")


def test_a_head_that_is_another_one_now_is_refused(own_head: Path, make_head, tmp_path: Path):
    plan = make_plan({"heads": [str(own_head)], "expressions": ["sea", "king"], "part": 1}, tmp_path)
    run_batch(plan, tmp_path / "out")
    before = contents(tmp_path / "out")
    # also if it was away in the meantime
    own_head.rename(tmp_path / "away")
    assert run_batch(plan, tmp_path / "out").errors == 1
    (tmp_path / "away").rename(own_head)
    _other_weights(own_head, make_head)
    with pytest.raises(PlanError, match=r"the fingerprint of .* is [0-9a-f]{16} there and [0-9a-f]{16} here; give"):
        run_batch(plan, tmp_path / "out")
    assert contents(tmp_path / "out").keys() - before.keys() == {f"errors/{own_head.name}.parquet"}


@pytest.mark.parametrize("change", ["replaced", "written to"])
def test_a_head_that_changes_in_the_middle_gives_no_row_of_another(
    own_head, make_head, tmp_path: Path, change, monkeypatch
):
    seen = []

    def changes(head, *rest):
        seen.append(head)
        if len(seen) == 3:
            if change == "replaced":
                _other_weights(own_head, make_head)
            else:
                os.utime(own_head / "model.safetensors")
        return landed(head, *rest)

    landed = work._landed
    plan = make_plan({"heads": [str(own_head)], "expressions": WORDS, "part": 3}, tmp_path)
    monkeypatch.setattr(work, "_landed", changes)
    outcome = run_batch(plan, tmp_path / "out")
    monkeypatch.undo()
    assert not outcome.manifest["complete"]
    frame, errors = (geo.read_batch(tmp_path / "out", record) for record in ("landings", "errors"))
    assert frame.fingerprint.nunique() == 1
    assert errors.message.str.contains("was written to while it was read")[0]
    if change == "replaced":
        assert sorted(frame["index"].unique()) == [*range(6)]
        assert errors.message.str.contains("changed since the batch began: its fingerprint was")[1]
    else:
        assert sorted(frame["index"].unique()) == [*range(6), *range(9, 12)]
        assert run_batch(plan, tmp_path / "out").manifest["complete"]
        assert geo.read_batch(tmp_path / "out", "errors").empty


def test_sums_that_change_in_the_middle_are_told(heads, tmp_path: Path, monkeypatch):
    sums = tmp_path / "sums.txt"
    sums.write_text("sea\nking\n", encoding="utf-8")

    def changes(plan, *rest):
        found = run_parts(plan, *rest)
        sums.write_text("sea\nqueen\n", encoding="utf-8")
        return found

    run_parts = running._run
    plan = make_plan({"heads": heads[:1], "expressions": {"file": sums.name}}, tmp_path)
    monkeypatch.setattr(running, "_run", changes)
    with pytest.raises(PlanError, match="expressions changed while they were gone through"):
        run_batch(plan, tmp_path / "out")
    monkeypatch.undo()
    sums.write_text("sea\nking\n", encoding="utf-8")
    with pytest.raises(PlanError, match="the expressions' digest is changed there"):
        run_batch(plan, tmp_path / "out")


def test_the_rate_is_that_of_this_run(twelve_parts: Path, tmp_path: Path, monkeypatch):
    told: list[int] = []

    @contextmanager
    def counting(label, *, total, done=0):
        told.extend((total, done))
        yield told.append

    monkeypatch.setattr(running, "counting", counting)
    run_batch(read_plan(twelve_parts), tmp_path / "out")
    assert told == [192, 0, *[16] * 12]
    for file in sorted((tmp_path / "out" / "landings").rglob("*.parquet"))[:5]:
        file.unlink()
    told.clear()
    run_batch(read_plan(twelve_parts), tmp_path / "out")
    assert told == [192, 112, *[16] * 5]


def test_a_head_is_opened_once_and_a_block_of_sums_takes_one_scan(make_head, tmp_path: Path, monkeypatch):
    folders = [str(make_head(seed=seed).opened.checkpoint.folder) for seed in (31, 32, 33)]
    (tmp_path / "sums.txt").write_text("".join(f"{n} * sea + horse\n" for n in range(1, 31)), encoding="utf-8")
    opened, passes, readings = [], [], []
    open_head, scan, lines = shelf.open_head, scans.scan, Lines.__iter__
    monkeypatch.setattr(shelf, "open_head", lambda spec: opened.append(spec) or open_head(spec))
    monkeypatch.setattr(scans, "scan", lambda head, readers: passes.append(head) or scan(head, readers))
    monkeypatch.setattr(Lines, "__iter__", lambda self: readings.append(self) or lines(self))
    given = {"heads": folders, "expressions": {"file": "sums.txt"}, "part": 10, "spaces": ["folded", "centered"]}
    plan = make_plan(given, tmp_path)
    run_batch(plan, tmp_path / "out")
    assert opened == folders
    assert len(passes) == 3 * 2 * 3
    assert len(readings) == 2 + 3 * 2  # counted before and after, and gone through for each head and space
    next((tmp_path / "out" / "landings").rglob("*-000002.parquet")).unlink()
    opened.clear()
    readings.clear()
    run_batch(plan, tmp_path / "out")
    assert len(readings) == 2 + 1
    assert opened == folders[:1]  # the two that were used last are open still


def test_a_worker_of_another_version_is_told(twelve_parts: Path, tmp_path: Path, monkeypatch):
    """Parts say which version hands them out; the worker's is looked at where they are done."""

    class Elsewhere(Serial):
        def submit(self, fn, /, *args):
            with monkeypatch.context() as patch:
                patch.setattr(geo, "__version__", "9.9")
                return super().submit(fn, *args)

    with pytest.raises(WorkerError, match=r"a worker has geometry 9\.9, the batch is of .*; install that version"):
        run_batch(read_plan(twelve_parts), tmp_path / "out", Crew(Elsewhere(), 1))
    assert not list((tmp_path / "out").rglob("landings/**/*.parquet"))
    assert run_batch(read_plan(twelve_parts), tmp_path / "out").manifest["complete"]
