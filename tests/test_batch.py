"""Batches: the rows are those of the library's own functions, whoever computes them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from batch_trials import GRID, contents, run, written
from head_factory import HeadFactory

import geometry as geo
from geometry.batch import Crew, crew, make_plan, read_plan, run_batch
from geometry.batch.forecast import forecast
from geometry.batch.parts import Target, parts, slugs
from geometry.batch.work import block_size
from geometry.batch.workers import Serial
from geometry.concepts import evaluate, residual
from geometry.errors import OptionError, PlanError
from geometry.landing import LandingOptions, land_many
from geometry.phantoms import find_phantoms
from geometry.recall import census
from geometry.scoring import score_with
from geometry.why import WhyOptions, explain

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> list[str]:
    make_head = HeadFactory(tmp_path_factory.mktemp("heads"), tokenizer_file)
    return [str(make_head(seed=seed).opened.checkpoint.folder) for seed in (11, 12)]


@pytest.fixture
def plan(heads, tmp_path: Path):
    """Two heads, 96 sums, two rounds, 20 parts."""
    given = {"heads": heads, "expressions": GRID, "k": 4, "metrics": ["logit", "cosine"], "part": 20}
    return make_plan(given, tmp_path)


SHARED = (
    "head", "fingerprint", "expression", "space", "metric", "rank", "id", "text", "bytes", "kind", "score",
    "is_input", "is_variant", "seed", "version",
)  # fmt: skip
"""Columns that a landing's own frame has too, and in which every value must be the same."""


def test_every_row_is_that_of_a_single_landing_in_every_space_by_every_metric(heads, make_head, tmp_path: Path):
    odd = make_head(model_type="phi", seed=3)  # a bias, a shift, a centring norm
    sums = ["sea + horse", "king - man + woman", "0.5 * fish - 2 * boat", "mean(dog, puppy) + (sun - sea)"]
    given = {"heads": [heads[0], str(odd.opened.checkpoint.folder)], "expressions": sums, "k": 4, "part": 3, "seed": 5}
    given |= {"spaces": ["raw", "folded", "centered", "whitened"], "metrics": ["logit", "cosine", "euclidean", "csls"]}
    plan = make_plan(given, tmp_path)
    outcome = run_batch(plan, tmp_path / "out")
    frame = geo.read_batch(tmp_path / "out")
    assert outcome.manifest["rows"] == {"landings": len(frame), "errors": 0}
    assert len(frame) == 2 * 13 * 4 * 4
    assert frame.attrs["complete"]
    for spec in plan.heads:
        head = geo.open_head(spec)
        bound = _furthest(head, sums)
        for space, metric in plan.pairs:
            whose = (frame.fingerprint == head.fingerprint) & (frame.space == space) & (frame.metric == metric)
            for index, rows in frame[whose].groupby("index"):
                asked = LandingOptions(k=4, metric=metric, seed=5)
                (alone,) = land_many(head, [sums[index]], asked, space=space)
                expected = alone.to_frame()
                for name in SHARED:
                    assert rows[name].tolist() == expected[name].tolist(), name
                if space == "raw":
                    assert rows.probability.isna().all()
                else:
                    apart = np.abs(np.log(rows.probability.to_numpy() / expected.probability.to_numpy(dtype=float)))
                    assert apart.max() <= bound[index]


def _furthest(head: geo.Head, sums: list[str]) -> list[float]:
    """How far the logarithms of two computations of a probability can lie apart: twice a float32 product's error.

    A product of dim factors summed in any order errs by at most dim · 2⁻²⁴ · ‖x‖ · ‖w‖ (Higham, Accuracy and Stability,
    section 3.1); rounding x, adding the bias and rounding the logit add one unit each.
    """
    folded = head.in_space("folded")
    queries = score_with(folded, np.stack([residual(folded, evaluate(folded, one)) for one in sums]), "logit")
    reach = np.linalg.norm(queries.x, axis=1) * head.opened.raw_norms.max()
    if queries.shift is not None:
        reach += np.abs(queries.shift).max()
    return (2 * (head.dim + 3) * 2.0**-24 * reach).tolist()


def test_a_files_metadata_say_what_holds_for_all_of_its_rows(heads, tmp_path: Path):
    given = {"heads": heads[:1], "expressions": ["sea", "king"], "metrics": ["cosine"], "part": 1}
    plan = make_plan(given, tmp_path)
    run_batch(plan, tmp_path / "out")
    head = geo.open_head(plan.heads[0])
    file = tmp_path / "out" / "landings" / slugs(plan)[plan.heads[0]] / "folded-cosine-000001.parquet"
    told = json.loads(pq.read_schema(file).metadata[b"geometry"])
    whence = {"head": head.name, "spec": plan.heads[0], "fingerprint": head.fingerprint, "space": "folded"}
    assert told == whence | {"metric": "cosine", "seed": 0} | {
        "record": "landings",
        "format": 1,
        "version": geo.__version__,
    }
    (row, *_) = pq.read_table(file, partitioning=None).slice(0, 1).to_pylist()
    assert {name: row[name] for name in (*whence, "version")} == whence | {"version": geo.__version__}


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


def test_bad_heads_and_expressions_are_rows_and_the_rest_goes_on(heads, tmp_path: Path):
    sums = ["sea + horse", "sea +", "nosuchwordatall", "sea - sea", "king"]
    plan_file = written(tmp_path / "plan.toml", heads=[heads[0], "./nowhere", heads[1]], expressions=sums)
    done = run(plan_file, "-o", tmp_path / "out")
    assert done.returncode == 1
    said = (
        r"error: 5 rows of errors in '.*errors'; the rest is done; the first says: .*/0: cannot read the expression.*\n"
    )
    assert re.fullmatch(said, done.stderr)
    errors = geo.read_batch(tmp_path / "out", "errors")
    bad = errors[errors.expression.notna()]
    assert [sums.index(one) for one in bad.expression] == bad["index"].tolist()
    assert str(errors["index"].dtype) == "Int64"
    assert set(bad.expression) == set(sums[1:4]) - {one for one in sums[1:4] if _lands(heads[0], one)}
    (nowhere,) = errors[errors.expression.isna()].itertuples()
    assert (nowhere.head, nowhere.spec, nowhere.error) == ("./nowhere", "./nowhere", "CheckpointError")
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


def test_heads_of_one_name_are_told_apart_in_every_row(heads, tmp_path: Path):
    for number, spec in enumerate(heads):
        (tmp_path / "runs" / str(number)).mkdir(parents=True)
        (tmp_path / "runs" / str(number) / "final").symlink_to(spec)
    given = {"heads": ["runs/*/final"], "expressions": ["sea", "sea sea"], "k": 1}
    run_batch(make_plan(given, tmp_path), tmp_path / "out")
    found = [geo.read_batch(tmp_path / "out", record) for record in ("landings", "errors")]
    for frame in found:
        assert frame["head"].nunique() <= 2
        assert sorted(frame.spec) == ["runs/0/final", "runs/1/final"]
    by_spec = dict(zip(found[0].spec, found[0].fingerprint, strict=True))
    assert by_spec == {f"runs/{number}/final": geo.open_head(spec).fingerprint for number, spec in enumerate(heads)}
    (file,) = (tmp_path / "out" / "landings" / "final").iterdir()
    assert json.loads(pq.read_schema(file).metadata[b"geometry"])["spec"] == "runs/0/final"


def test_a_part_that_fails_as_a_whole_is_tried_again(heads, make_head, tmp_path: Path):
    odd = make_head(vocab=1030, dim=1026)  # too few real rows to whiten
    given = {"heads": [str(odd.opened.checkpoint.folder)], "expressions": ["sea"], "spaces": ["whitened"]}
    outcome = run_batch(make_plan(given | {"metrics": ["cosine"]}, tmp_path), tmp_path / "out")
    assert not outcome.manifest["complete"]
    assert outcome.manifest["rows"] == {"landings": 0, "errors": 1}
    assert "full covariance" in geo.read_batch(tmp_path / "out", "errors").message[0]


EXPLAINED = (
    "id", "text", "bytes", "kind", "score", "margin", "by_bias", "by_mean", "by_norm", "by_angle", "flip_angle",
    "win_angle",
)  # fmt: skip


@pytest.mark.slow
def test_explanations_are_those_of_why(heads, tmp_path: Path):
    sums = ["sea + horse", "king - man + woman"]
    given = {"heads": heads[:1], "expressions": sums, "k": 3, "record": ["why"], "spaces": ["folded", "centered"]}
    run_batch(make_plan(given, tmp_path), tmp_path / "out")
    frame = geo.read_batch(tmp_path / "out", "why")
    assert len(frame) == 2 * 2 * 3
    for (space, expression), rows in frame.groupby(["space", "expression"]):
        options = WhyOptions(k=3, cascade=0, vacancy=False)
        why = explain(geo.open_head(heads[0]), expression, options, space=space)
        for name in EXPLAINED:
            assert rows[name].tolist() == [getattr(rival, name) for rival in why.rivals], name
        assert [json.loads(one) for one in rows.by_term] == [rival.by_term for rival in why.rivals]
        assert rows["rank"].tolist() == [1, 2, 3]
        assert set(rows.winner) == {why.winner.id}
        assert set(rows.fingerprint) == {why.head.fingerprint}


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
    targets = [Target(plan.spec(head), slug, head, "", head) for head, slug in slugs(plan).items()]
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
        (
            GOOD | {"metrics": ["csls"], "spaces": ["raw"]},
            "metrics: metric csls arrived in space raw; expected folded or centered; add a m",
        ),
        (GOOD | {"metrics": ["logit", "csls"], "spaces": ["raw"]}, "; add a space that goes with csls, or take csls"),
        (GOOD | {"record": ["maps"]}, "record: 'maps' arrived; expected one of landings, why, census, phantoms, audit"),
        (GOOD | {"exclude_inputs": 1}, "exclude_inputs = 1 arrived; expected true or false"),
        (GOOD | {"expressions": "sea"}, "expressions = 'sea' arrived; expected a list of texts, { file"),
        (GOOD | {"expressions": {"templates": ["{a} + {"], "words": {"a": ["x"]}}}, "the template '{a} + {' arrived"),
        (GOOD | {"expressions": {"templates": ["{a}"], "words": {"b": ["x"]}}}, "expressions: {a} has no words"),
        (GOOD | {"seed": 2**63}, "seed = 9223372036854775808 arrived; expected 0 to 9,223,372,036,854,775,807"),
        (
            GOOD | {"expressions": {"templates": ["{a}"], "words": {"a": {"fil": "x"}}}},
            "expressions.words.a = {'fil': 'x'} arrived; expected a list of words or { file = ",
        ),
        (
            GOOD | {"expressions": {"templates": ["{a}"], "words": {"a": {"file": os.devnull}}}},
            f"expressions.words.a: {os.devnull!r} holds no words; expected one a line",
        ),
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
    with pytest.raises(PlanError, match=r"cannot be read .embedded null byte"):
        run_batch(make_plan(GOOD | {"expressions": {"file": "a\0b"}}, tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "of_windows.toml").write_bytes(b'\xef\xbb\xbfheads = ["organism"]\r\nexpressions = ["sea"]\r\n')
    assert read_plan(tmp_path / "of_windows.toml").heads == ("organism",)


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
    with pytest.raises(OptionError, match="holds other files and no batch"):
        forecast(plan, tmp_path / "other", Crew(Serial(), 1))
    with pytest.raises(PlanError, match="holds no batch"):
        geo.read_batch(tmp_path / "other")
    with pytest.raises(PlanError, match="this batch has landings, errors"):
        geo.read_batch(out, "why")


def test_damaged_files_are_named(heads, tmp_path: Path):
    plan, out = make_plan({"heads": heads[:1], "expressions": ["sea"]}, tmp_path), tmp_path / "out"
    whole = run_batch(plan, out)
    (file,) = out.rglob("*.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:100])
    for ask in (lambda: run_batch(plan, out), lambda: geo.read_batch(out)):
        with pytest.raises(PlanError, match=f"{file.name}' cannot be read .*; delete it and run the batch again"):
            ask()
    file.unlink()
    assert run_batch(plan, out).manifest == whole.manifest
    assert file.read_bytes() == content
    for odd in ("{", "[]", "{}", '{"plan": 1, "expressions": 2, "heads": 3, "version": 4}', "null"):
        (out / "manifest.json").write_text(odd, encoding="utf-8")
        with pytest.raises(PlanError, match="expected what `geometry batch` wrote"):
            run_batch(plan, out)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(heads, tmp_path: Path):
    plan_file = written(tmp_path / "plan.toml", heads=[*heads, "./nowhere"], part=20, k=4)
    done = run(plan_file, "-o", tmp_path / "out", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["expressions"], said["parts"], said["kept"], said["rows"]) == (96, 10, 0, 2 * 96 * 4)
    assert [head["nbytes"] for head in said["heads"]] == [420 * 16 * 4] * 2 + [0]
    assert "no such head" in said["heads"][2]["error"]
    assert not (tmp_path / "out").exists()


def test_what_has_no_meaning_together_is_left_out_and_said(heads, tmp_path: Path):
    spaces, metrics = ["folded", "whitened"], ["logit", "cosine", "csls"]
    plan_file = written(
        tmp_path / "plan.toml", heads=heads[:1], expressions=["sea"], k=2, spaces=spaces, metrics=metrics
    )
    done = run(plan_file, "-o", tmp_path / "out", "--dry-run")
    assert "left out: logit in whitened: metric logit has no meaning on whitened rows" in done.stdout
    assert (
        "left out: csls in whitened: metric csls arrived in space whitened; expected folded or centered" in done.stdout
    )
    outcome = run_batch(read_plan(plan_file), tmp_path / "out")
    assert outcome.told().endswith("left out, having no meaning: logit in whitened, csls in whitened")
    assert [(one["space"], one["metric"]) for one in outcome.manifest["left_out"]] == [
        ("whitened", "logit"), ("whitened", "csls"),
    ]  # fmt: skip
    assert outcome.manifest["complete"]
    assert outcome.errors == 0
    frame = geo.read_batch(tmp_path / "out")
    landed = set(zip(frame.space, frame.metric, strict=True))
    assert landed == {("folded", "logit"), ("folded", "cosine"), ("folded", "csls"), ("whitened", "cosine")}


def test_memory_does_not_grow_with_sums():
    assert block_size(256, 10) == 1024
    assert block_size(4096, 10) * 4096 * 8 * 8 <= 128 * 2**20
    assert block_size(10**9, 10) == 1


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
    shown = re.findall(r"```sql\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL)
    assert len(shown) == 3
    for query, answer in shown:
        found = str(duckdb.sql(query.replace("sums/", f"{tmp_path}/sums/")))
        assert found.split() == answer.split()


def test_sweep_heads_tells_winners_and_what_went_wrong(heads, tmp_path: Path):
    script = [sys.executable, ROOT / "scripts" / "sweep_heads.py", *heads, "./nowhere", "-e", "sea + horse", "-k", "2"]
    done = subprocess.run([*script, "-o", tmp_path / "sweep"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ./nowhere: no such head")
    winners = {geo.open_head(spec).land("sea + horse", exclude_inputs=True).landings[0].text for spec in heads}
    first, *found = done.stdout.splitlines()
    assert first == "sea + horse"
    assert len(found) == len(winners)
    assert all(f" × {text.strip()}  in " in done.stdout for text in winners)
    assert all(spec in done.stdout for spec in heads)
    assert len(geo.read_batch(tmp_path / "sweep")) == 4
