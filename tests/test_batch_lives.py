"""A batch that is killed, interrupted or cut off, and gone on with; many sums; a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from batch_trials import command, contents, run, two_heads, written

import geometry as geo
from geometry.batch import crew, read_plan, run_batch
from geometry.errors import OptionError

KILL_OFTEN = Path(__file__).with_name("kill_often.py")


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> list[str]:
    return two_heads(tmp_path_factory.mktemp("heads"), tokenizer_file)


@pytest.fixture
def many_parts(heads, tmp_path: Path) -> Path:
    """48 files of four sums each."""
    return written(tmp_path / "plan.toml", heads=heads, part=4, k=3)


@pytest.mark.parametrize(
    ("kills", "workers", "seconds"),
    [
        pytest.param(6, 1, 0.2, id="serial"),
        pytest.param(50, 1, 0.2, marks=pytest.mark.slow, id="fifty-serial"),
        pytest.param(15, 2, 4.0, marks=pytest.mark.slow, id="processes"),
    ],
)
def test_killed_at_random_it_ends_with_the_rows_of_an_undisturbed_run(
    many_parts: Path, tmp_path: Path, kills: int, workers: int, seconds: float
):
    run_batch(read_plan(many_parts), tmp_path / "undisturbed")
    out = tmp_path / "killed"
    asked = [sys.executable, KILL_OFTEN, many_parts, out, str(kills), str(workers), str(seconds)]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == kills
    assert len(set(json.loads(done.stdout))) > 1  # they fell on different parts
    run_batch(read_plan(many_parts), out)
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupt_ends_it_cleanly_and_says_how_to_go_on(many_parts: Path, tmp_path: Path, ending):
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(many_parts, "-o", out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(out.rglob("*.parquet")):
        time.sleep(0.01)
    process.send_signal(ending)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.startswith("interrupted: what is done is in ")
    assert len(said.splitlines()) == 1
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


@pytest.mark.slow
def test_a_process_that_the_kernel_ends_is_one_line(many_parts: Path, tmp_path: Path):
    out = tmp_path / "out"
    asked = command(many_parts, "-o", out, "--workers", 2)
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _until(lambda: list(out.rglob("*.parquet")) != [])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("error: a worker process was ended from outside while landings/")
    assert len(said.splitlines()) == 1
    run_batch(read_plan(many_parts), out)
    run_batch(read_plan(many_parts), tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_sums(heads, tmp_path: Path):
    peaks = []
    for count in (2_000, 20_000):
        sums = tmp_path / f"{count}.txt"
        sums.write_text("".join(f"{1 + n / count:.6f} * sea + horse\n" for n in range(count)), encoding="utf-8")
        plan_file = written(
            tmp_path / f"{count}.toml", heads=heads[:1], part=1_000, k=5, expressions={"file": sums.name}
        )
        code = (
            "import re, sys; from geometry.batch import *; run_batch(read_plan(sys.argv[1]), sys.argv[2]);"
            # the peak since this program began: getrusage's would begin with that of the process it was forked from
            r"print(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1])"
        )
        out = tmp_path / f"out{count}"
        done = subprocess.run([sys.executable, "-c", code, plan_file, out], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) * 1024)
        assert len(geo.read_batch(out)) == count * 5
    assert peaks[1] - peaks[0] < 24 * 2**20


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a Dask scheduler on this machine, and the processes: it, and two workers."""
    pytest.importorskip("distributed")
    started = [_dask_process("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", folder / "s.json")]
    try:
        _until(lambda: (folder / "s.json").exists() and (folder / "s.json").stat().st_size > 0)
        address = json.loads((folder / "s.json").read_text())["address"]
        for name in ("one", "two"):
            local = folder / name
            local.mkdir()
            quiet = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
            started.append(_dask_process("dask_worker", address, *quiet, "--local-directory", local))
        yield address, started
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _dask_process(module: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", "--host", "127.0.0.1", *map(str, arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(many_parts: Path, tmp_path: Path):
    run_batch(read_plan(many_parts), tmp_path / "here")
    out = tmp_path / "there"
    with _cluster(tmp_path) as (address, started):
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
        process = subprocess.Popen(command(many_parts, "-o", out, "--cluster", address), stderr=subprocess.PIPE)
        _until(lambda: len(list(out.rglob("*.parquet"))) >= 5)
        assert len(list(out.rglob("*.parquet"))) < 40
        started[1].kill()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert contents(out) == contents(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killed", "said"),
    [(0, "error: the cluster gave up landings/"), (1, "error: every worker of the cluster that took up landings/")],
    ids=["scheduler", "worker"],
)
def test_a_cluster_that_breaks_is_one_line(many_parts: Path, tmp_path: Path, monkeypatch, killed: int, said: str):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    out = tmp_path / "out"
    with _cluster(tmp_path) as (address, started):
        asked = command(many_parts, "-o", out, "--cluster", address)
        process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _until(lambda: len(list(out.rglob("*.parquet"))) >= 5)
        started[killed].kill()
        _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith(said)
    assert len(told.splitlines()) == 1, told
    assert run_batch(read_plan(many_parts), out).kept >= 5


def test_a_cluster_that_is_not_there_is_one_line(many_parts: Path, tmp_path: Path):
    done = run(many_parts, "-o", tmp_path / "out", "--cluster", "nonsense", "--workers", 2)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --cluster arrived with --workers or --threads")
    for asked, said in (({"cluster": "nonsense"}, "--cluster 'nonsense' arrived"), ({"workers": 0}, "--workers 0")):
        with pytest.raises(OptionError, match=said), crew(**asked):
            pass
