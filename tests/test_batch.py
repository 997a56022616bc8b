"""Batches: the rows are those of single landings, whoever computes them and however often it is killed."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from head_factory import HeadFactory

import geometry as geo
from geometry.batch import crew, make_plan, read_plan, run_batch
from geometry.batch.parts import Target, parts, slugs
from geometry.batch.work import block_size
from geometry.errors import OptionError, PlanError
from geometry.phantoms import find_phantoms
from geometry.recall import census
from geometry.why import WhyOptions, explain

ROOT = Path(__file__).resolve().parent.parent
WORDS = ["sea", "horse", "fish", "king", "queen", "man", "woman", "boat", "ocean", "young", "dog", "sun"]
GRID = {"templates": ["{a} + {b}", "{a} - 0.5 * {b}"], "words": {"a": WORDS, "b": ["horse", "queen", "boat", "puppy"]}}


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> list[str]:
    make_head = HeadFactory(tmp_path_factory.mktemp("heads"), tokenizer_file)
    return [str(make_head(seed=seed).opened.checkpoint.folder) for seed in (11, 12)]


@pytest.fixture
def plan(heads, tmp_path: Path):
    """Two heads, 96 sums, two rounds, 20 parts."""
    given = {"heads": heads, "expressions": GRID, "k": 4, "metrics": ["logit", "cosine"], "part": 20}
    return make_plan(given, tmp_path)


def written(plan_file: Path, **given: object) -> Path:
    """A plan as its user writes it."""
    expressions = given.pop("expressions", GRID)
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    if isinstance(expressions, dict) and "words" in expressions:
        lines += ["[expressions]", f"templates = {json.dumps(expressions['templates'], ensure_ascii=False)}"]
        lines += ["[expressions.words]"]
        lines += [f"{name} = {json.dumps(ws, ensure_ascii=False)}" for name, ws in expressions["words"].items()]
    elif isinstance(expressions, dict):
        lines += ["[expressions]", f"file = {json.dumps(expressions['file'])}"]
    else:
        lines += [f"expressions = {json.dumps(expressions, ensure_ascii=False)}"]
    plan_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return plan_file


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "geometry", "batch", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != ".lock"}


def test_every_row_is_that_of_a_single_landing(plan, tmp_path: Path):
    outcome = run_batch(plan, tmp_path / "out")
    frame = geo.read_batch(tmp_path / "out")
    assert geo.read_batch(tmp_path / "out", "errors").message.tolist() == []
    assert outcome.manifest["rows"] == {"landings": len(frame), "errors": 0}
    assert len(frame) == 2 * 2 * 96 * 4
    assert frame.attrs["complete"]
    sums = list(plan.expressions)
    for spec in plan.heads:
        head = geo.open_head(spec)
        for metric in plan.metrics:
            mine = frame[(frame.fingerprint == head.fingerprint) & (frame.metric == metric)]
            for index, rows in list(mine.groupby("index"))[::5]:
                alone = head.land(sums[index], k=4, metric=metric, space="folded")
                expected = alone.to_frame()
                assert set(rows.expression) == {sums[index]}
                for name in ("head", "rank", "id", "text", "bytes", "kind", "score", "is_input", "is_variant", "space"):
                    assert rows[name].tolist() == expected[name].tolist(), name
                # float32 products depend in their last bits on how many sums are landed together
                assert rows.probability.tolist() == pytest.approx(expected.probability.tolist(), rel=1e-5)
    assert set(frame.version) == {geo.__version__}


@pytest.mark.parametrize("threads", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["threads", "processes"])
def test_a_part_gives_the_same_bytes_wherever_it_is_done(plan, tmp_path: Path, threads: bool):
    run_batch(plan, tmp_path / "here")
    with crew(2, threads=threads) as two:
        run_batch(plan, tmp_path / "there", two)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_what_is_there_is_kept_and_what_is_not_is_computed_again(plan, tmp_path: Path):
    out = tmp_path / "out"
    assert run_batch(plan, out).computed == 20
    undisturbed = contents(out)
    files = sorted((out / "landings").rglob("*.parquet"))
    stamps = {file: file.stat().st_mtime_ns for file in files}
    for gone in files[3:6]:
        gone.unlink()
    (out / ".0123456789abcdef.parquet").write_bytes(b"left by a killed run")
    outcome = run_batch(plan, out)
    assert (outcome.computed, outcome.kept) == (3, 17)
    assert contents(out) == undisturbed
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items() if file not in files[3:6])


def _kill_and_go_on(plan_file: Path, out: Path, kills: int, *options: str, seed: int = 0) -> None:
    generator = random.Random(seed)
    wanted = None
    for _ in range(kills):
        process = subprocess.Popen(command(plan_file, "-o", out, *options), stdout=-3, stderr=-3)
        # wait until there is something new, so that kills fall among the parts and not into the imports
        before = len(list(out.rglob("*.parquet")))
        while process.poll() is None and len(list(out.rglob("*.parquet"))) <= before:
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.03))
        process.kill()
        process.wait()
        wanted = len(list(out.rglob("*.parquet")))
    assert wanted is not None


@pytest.fixture
def many_parts(heads, tmp_path: Path) -> Path:
    """48 files of four sums each."""
    return written(tmp_path / "plan.toml", heads=heads, part=4, k=3)


def test_killed_at_any_point_it_ends_with_the_rows_of_an_undisturbed_run(many_parts: Path, tmp_path: Path):
    run_batch(read_plan(many_parts), tmp_path / "undisturbed")
    _kill_and_go_on(many_parts, tmp_path / "killed", 3)
    assert not json.loads((tmp_path / "killed" / "manifest.json").read_text())["complete"]
    outcome = run_batch(read_plan(many_parts), tmp_path / "killed")
    assert outcome.kept > 0
    assert outcome.computed > 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["serial", "processes"])
def test_killed_fifty_times(heads, tmp_path: Path, options):
    plan_file = written(tmp_path / "plan.toml", heads=heads, part=1, metrics=["logit", "cosine", "euclidean"], k=3)
    run_batch(read_plan(plan_file), tmp_path / "undisturbed")
    _kill_and_go_on(plan_file, tmp_path / "killed", 50, *options)
    run_batch(read_plan(plan_file), tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupt_ends_it_cleanly_and_says_how_to_go_on(many_parts: Path, tmp_path: Path, ending):
    out = tmp_path / "out"
    process = subprocess.Popen(command(many_parts, "-o", out), stdout=-3, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(out.rglob("*.parquet")):
        time.sleep(0.01)
    process.send_signal(ending)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.startswith("interrupted: what is done is in ")
    assert len(said.splitlines()) == 1
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


def test_bad_heads_and_expressions_are_rows_and_the_rest_goes_on(heads, tmp_path: Path):
    sums = ["sea + horse", "sea +", "nosuchwordatall", "sea - sea", "king"]
    plan_file = written(tmp_path / "plan.toml", heads=[heads[0], "./nowhere", heads[1]], expressions=sums)
    done = run(plan_file, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert re.fullmatch(r"error: \d+ rows of errors are in '.*errors'; the rest is done\n", done.stderr)
    errors = geo.read_batch(tmp_path / "out", "errors")
    bad = errors[errors.expression.notna()]
    assert [sums.index(one) for one in bad.expression] == bad["index"].tolist()
    assert set(bad.expression) == set(sums[1:4]) - {one for one in sums[1:4] if _lands(heads[0], one)}
    (nowhere,) = errors[errors.expression.isna()].itertuples()
    assert (nowhere.head, nowhere.error) == ("./nowhere", "CheckpointError")
    frame = geo.read_batch(tmp_path / "out")
    assert {"sea + horse", "king"} <= set(frame.expression)
    assert frame.fingerprint.nunique() == 2
    before = contents(tmp_path / "out")
    assert run(plan_file, "-o", tmp_path / "out").returncode == 1
    assert contents(tmp_path / "out") == before


def _lands(spec: str, expression: str) -> bool:
    try:
        geo.open_head(spec).land(expression)
    except geo.GeometryError:
        return False
    return True


def test_a_part_that_fails_as_a_whole_is_tried_again(heads, make_head, tmp_path: Path):
    odd = make_head(vocab=1030, dim=1026)  # too few real rows to whiten
    given = {"heads": [str(odd.opened.checkpoint.folder)], "expressions": ["sea"], "spaces": ["whitened"]}
    outcome = run_batch(make_plan(given | {"metrics": ["cosine"]}, tmp_path), tmp_path / "out")
    assert not outcome.manifest["complete"]
    assert outcome.manifest["rows"] == {"landings": 0, "errors": 1}
    assert "full covariance" in geo.read_batch(tmp_path / "out", "errors").message[0]


@pytest.mark.slow
def test_explanations_are_those_of_why(heads, tmp_path: Path):
    given = {"heads": heads[:1], "expressions": ["sea + horse"], "k": 3, "record": ["why"]}
    run_batch(make_plan(given, tmp_path), tmp_path / "out")
    frame = geo.read_batch(tmp_path / "out", "why")
    assert len(frame) == 3
    for expression, rows in frame.groupby("expression"):
        why = explain(geo.open_head(heads[0]), str(expression), WhyOptions(k=3, cascade=0, vacancy=False))
        assert rows.id.tolist() == [rival.id for rival in why.rivals]
        assert rows.margin.tolist() == [rival.margin for rival in why.rivals]
        assert [json.loads(one) for one in rows.by_term] == [rival.by_term for rival in why.rivals]
        assert set(rows.winner) == {why.winner.id}


@pytest.mark.slow
def test_reports_on_heads_are_those_of_the_library(tmp_path: Path):
    given = {"heads": ["organism", "organism-bytes"], "record": ["census", "phantoms", "audit"]}
    outcome = run_batch(make_plan(given, tmp_path), tmp_path / "out")
    assert outcome.manifest["complete"] == (not outcome.errors)
    head = geo.open_head("organism")
    expected = {
        "census": census(head, space="folded"),
        "phantoms": find_phantoms(head, space="folded"),
        "audit": geo.audit(head, space="folded"),
    }
    for record, wanted in expected.items():
        frame = geo.read_batch(tmp_path / "out", record)
        mine = frame[frame.fingerprint == head.fingerprint]
        assert mine.space.tolist() == ["folded"]
        assert json.loads(mine.report.iloc[0]) == json.loads(json.dumps(wanted.to_dict()))


def test_sources_give_the_same_sums(heads, tmp_path: Path):
    (tmp_path / "sums.txt").write_text("sea + horse\n\n// a note\n  king \n", encoding="utf-8")
    (tmp_path / "words.txt").write_text("sea\nking\n", encoding="utf-8")
    of_file = make_plan({"heads": ["organism"], "expressions": {"file": "sums.txt"}}, tmp_path)
    assert list(of_file.expressions) == ["sea + horse", "king"]
    filled = {"templates": ["{a} + {b}", "{b}"], "words": {"a": {"file": "words.txt"}, "b": ["x", "y"]}}
    streamed = make_plan({"heads": ["organism"], "expressions": filled}, tmp_path)
    assert list(streamed.expressions) == ["sea + x", "sea + y", "king + x", "king + y", "x", "y"]


def test_globs_are_expanded_and_every_part_has_its_own_file(tmp_path: Path):
    for name in ("b", "a", "c.other"):
        (tmp_path / "heads" / name).mkdir(parents=True)
    given = {"heads": ["heads/[ab]", "org/b", "organism"], "expressions": ["x", "y", "z"], "part": 2}
    plan = make_plan(given | {"record": ["landings", "why"], "spaces": ["folded", "raw"]}, tmp_path)
    assert plan.heads == ("heads/a", "heads/b", "org/b", "organism")
    assert plan.spec("heads/a") == str((tmp_path / "heads" / "a").resolve())
    assert plan.spec("organism") == "organism"
    assert slugs(plan) == {"heads/a": "a", "heads/b": "b", "org/b": "b-2", "organism": "organism"}
    targets = [Target(plan.spec(head), slug, head, "") for head, slug in slugs(plan).items()]
    files = [part.place.file for part in parts(plan, targets, 3)]
    assert files[:2] == ["landings/a/folded-logit-000000.parquet", "landings/a/folded-logit-000001.parquet"]
    assert len(files) == len(set(files)) == 4 * 2 * 2 * 2


GOOD = {"heads": ["organism"], "expressions": ["sea"]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expressions": ["sea"]}, "the plan has no 'heads'"),
        ({"heads": ["organism"]}, "the plan has no 'expressions'"),
        (GOOD | {"metric": "logit"}, "the key 'metric' arrived; expected one of heads, "),
        (GOOD | {"heads": []}, "heads = [] arrived; expected a list of texts"),
        (GOOD | {"heads": ["none/*"]}, "heads: nothing matches 'none/*'"),
        (GOOD | {"k": "5"}, "k = '5' arrived; expected a whole number"),
        (GOOD | {"k": 0}, "options: k=0 arrived"),
        (GOOD | {"part": 0}, "part = 0 arrived; expected 1 to 1,000,000"),
        (GOOD | {"metrics": ["dot"]}, "metrics: 'dot' arrived; expected one of logit, cosine"),
        (
            GOOD | {"spaces": ["whitened"]},
            "metrics: metric logit has no meaning on whitened rows; add a metric that goes",
        ),
        (GOOD | {"metrics": ["csls"], "spaces": ["raw"]}, "metrics: metric csls arrived in space raw; add a metric"),
        (GOOD | {"metrics": ["logit", "csls"], "spaces": ["raw"]}, "; add a space that goes with csls, or take csls"),
        (GOOD | {"record": ["maps"]}, "record: 'maps' arrived; expected one of landings, why, census, phantoms, audit"),
        (GOOD | {"exclude_inputs": 1}, "exclude_inputs = 1 arrived; expected true or false"),
        (GOOD | {"expressions": "sea"}, "expressions = 'sea' arrived; expected a list of texts, { file"),
        (GOOD | {"expressions": {"templates": ["{a} + {"], "words": {"a": ["x"]}}}, "the template '{a} + {' arrived"),
        (GOOD | {"expressions": {"templates": ["{a}"], "words": {"b": ["x"]}}}, "expressions: {a} has no words"),
        (GOOD | {"expressions": {"templates": ["{a.b}"], "words": {"a": ["x"]}}}, "expected plain names in braces"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(given, said: str, tmp_path: Path):
    with pytest.raises(PlanError, match=re.escape(said)):
        make_plan(given, tmp_path)


def test_files_that_are_no_plan_or_no_text(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("heads = [", encoding="utf-8")
    with pytest.raises(PlanError, match="is no TOML"):
        read_plan(tmp_path / "bad.toml")
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "sums.txt").write_bytes(b"sea\n\xff\xfe\n")
    with pytest.raises(PlanError, match="is no UTF-8"):
        run_batch(make_plan(GOOD | {"expressions": {"file": "sums.txt"}}, tmp_path), tmp_path / "out")
    (tmp_path / "sums.txt").write_bytes(b"// nothing\n")
    with pytest.raises(PlanError, match="expressions are none"):
        run_batch(make_plan(GOOD | {"expressions": {"file": "sums.txt"}}, tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(heads, tmp_path: Path):
    given = {"heads": heads[:1], "expressions": ["sea"]}
    plan = make_plan(given, tmp_path)
    out = tmp_path / "out"
    run_batch(plan, out)
    with pytest.raises(PlanError, match="k is 10 there and 3 here; give another -o"):
        run_batch(make_plan(given | {"k": 3}, tmp_path), out)
    with pytest.raises(PlanError, match="the expressions' digest is"):
        run_batch(make_plan(given | {"expressions": ["king"]}, tmp_path), out)
    from filelock import FileLock

    with FileLock(out / ".lock"), pytest.raises(OptionError, match="is being written by another run"):
        run_batch(plan, out)
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="is a file; expected a folder"):
        run_batch(plan, tmp_path / "file")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letters.txt").touch()
    with pytest.raises(OptionError, match="holds other files and no batch"):
        run_batch(plan, tmp_path / "other")
    with pytest.raises(PlanError, match="holds no batch"):
        geo.read_batch(tmp_path / "other")
    with pytest.raises(PlanError, match="this batch has landings, errors"):
        geo.read_batch(out, "why")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(heads, tmp_path: Path):
    plan_file = written(tmp_path / "plan.toml", heads=[*heads, "./nowhere"], part=20, k=4)
    done = run(plan_file, "-o", tmp_path / "out", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["expressions"], said["parts"], said["kept"], said["rows"]) == (96, 10, 0, 2 * 96 * 4)
    assert [head["nbytes"] for head in said["heads"]] == [420 * 16 * 4] * 2 + [0]
    assert "no such head" in said["heads"][2]["error"]
    assert not (tmp_path / "out").exists()


def test_memory_does_not_grow_with_sums():
    assert block_size(256, 10) == 1024
    assert block_size(4096, 10) * 4096 * 8 * 8 <= 128 * 2**20
    assert block_size(10**9, 10) == 1


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
            "import resource, sys; from geometry.batch import *; run_batch(read_plan(sys.argv[1]), sys.argv[2]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        out = tmp_path / f"out{count}"
        done = subprocess.run([sys.executable, "-c", code, plan_file, out], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) * 1024)
        assert len(geo.read_batch(out)) == count * 5
    assert peaks[1] - peaks[0] < 24 * 2**20


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A Dask scheduler and two workers on this machine, and the scheduler's address."""
    pytest.importorskip("distributed")
    started = [_dask_process("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", folder / "s.json")]
    try:
        _until((folder / "s.json").exists)
        address = json.loads((folder / "s.json").read_text())["address"]
        for name in ("one", "two"):
            local = folder / name
            local.mkdir()
            quiet = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
            started.append(_dask_process("dask_worker", address, *quiet, "--local-directory", local))
        yield address, started[1:]
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
    with _cluster(tmp_path) as (address, workers):
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
        process = subprocess.Popen(command(many_parts, "-o", out, "--cluster", address), stderr=subprocess.PIPE)
        _until(lambda: len(list(out.rglob("*.parquet"))) >= 5)
        assert len(list(out.rglob("*.parquet"))) < 40
        workers[0].kill()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert contents(out) == contents(tmp_path / "here")


def test_a_cluster_that_is_not_there_is_one_line(many_parts: Path, tmp_path: Path):
    done = run(many_parts, "-o", tmp_path / "out", "--cluster", "nonsense", "--workers", 2)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --cluster arrived with --workers or --threads")
    for asked, said in (({"cluster": "nonsense"}, "--cluster 'nonsense' arrived"), ({"workers": 0}, "--workers 0")):
        with pytest.raises(OptionError, match=said), crew(**asked):
            pass


def test_the_page_on_batches_runs_as_it_stands(tmp_path: Path):
    page = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    plan_text = (ROOT / "docs" / "batch.toml").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    assert shown in plan_text
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "batch.toml").write_text(plan_text, encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("8 parts computed, 0 kept · rows: 576 of landings, 0 of errors")
    duckdb = pytest.importorskip("duckdb")
    query, answer = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL)[0]
    found = str(duckdb.sql(query.replace("sums/", f"{tmp_path}/sums/")))
    assert found.split() == answer.split()


def test_sweep_heads_tells_winners_and_what_went_wrong(heads, tmp_path: Path):
    script = [sys.executable, ROOT / "scripts" / "sweep_heads.py", *heads, "./nowhere", "-e", "sea + horse", "-k", "2"]
    done = subprocess.run([*script, "-o", tmp_path / "sweep"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ./nowhere: no such head")
    winners = {geo.open_head(spec).land("sea + horse", exclude_inputs=True).landings[0].text for spec in heads}
    assert done.stdout.startswith("sea + horse  →  ")
    assert all(text.strip() in done.stdout for text in winners)
    assert len(geo.read_batch(tmp_path / "sweep")) == 4
