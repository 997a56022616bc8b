"""The command line as its user meets it: output, JSON, exit codes, and one line for every mistake."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import GEOMETRY, one_line, run, run_here


@pytest.fixture
def folder(make_head) -> str:
    """A small head's folder."""
    return str(make_head().opened.checkpoint.folder)


def test_info_says_what_the_head_is_and_what_was_read(minilm: Path):
    record = json.loads(run("info", "-H", str(minilm), "--json").stdout)
    wanted = "name source fingerprint vocab dim dtype tied head_tensor norm readout bytes_read bytes_total regime"
    assert {*wanted.split(), "tokens", "masked"} <= record.keys()
    assert (record["vocab"], record["dim"], record["dtype"]) == (30522, 384, "F32")
    assert 30522 * 384 * 4 <= record["bytes_read"] < record["bytes_total"]
    assert record["regime"]["bare"]["regime"] == "none"


def test_info_of_a_causal_model(tinystories: Path):
    shown = run("info", "-H", str(tinystories))
    assert shown.returncode == 0
    assert "ln·w+b" in shown.stdout
    record = json.loads(run("info", "-H", str(tinystories), "--json", "--full-hash", "--check-tied").stdout)
    assert record["tied"] is True
    assert record["embedding"] == "one tensor"
    assert len(record["sha256"]) == 64
    assert record["regime"]["after_space"]["regime"] == "bytes"


def test_info_without_a_tokenizer(make_head):
    folder = str(make_head(with_tokenizer=False).opened.checkpoint.folder)
    record = json.loads(run_here("info", "-H", folder, "--json").stdout)
    assert record["tokens"] is None
    assert "holds no tokenizer" in record["note"]
    assert run_here("info", "-H", folder).returncode == 0


def test_tokens_of_real_tokenizers(test_data: Path):
    files = test_data / "tokenizers"
    for file, text, ids in (
        ("gpt-2.tokenizer.json", " 🐠", [12520, 238, 254]),
        ("llama-3.tiktoken.model", " 🐠", [11410, 238, 254]),
        ("qwen.tiktoken", "🐠", [147313]),
    ):
        record = json.loads(run_here("tokens", text, "-H", str(files / file), "--json").stdout)
        found = [piece["id"] for piece in record["pieces"]]
        assert found[0] == ids[0]
        assert len(found) == len(ids)
        assert bytes.fromhex("".join(piece["bytes"] for piece in record["pieces"])).decode() == text
    assert [p["id"] for p in record["pieces"]] == [147313]


@pytest.mark.parametrize("printed", ["ĠðŁ Ĳ ł", "ĠðŁ IJ ł", "12520 238 254"])
def test_decoding_printed_pieces(test_data: Path, printed: str):
    done = run_here(
        "tokens", "--decode", printed, "-H", str(test_data / "tokenizers" / "gpt-2.tokenizer.json"), "--json"
    )
    assert json.loads(done.stdout)["text"] == " 🐠"


def test_snap_prints_a_table_and_json(folder: str):
    shown = run("snap", "-H", folder, "sea + horse")
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert shown.stdout.startswith("sea + horse  →  ")
    assert max(map(len, shown.stdout.splitlines())) <= 100
    lines = run("snap", "-H", folder, "sea + horse", "king - man", "--json", "-k", "3").stdout.splitlines()
    assert [json.loads(line)["expression"] for line in lines] == ["sea + horse", "king - man"]
    assert all(len(json.loads(line)["landings"]) == 3 for line in lines)


def test_options_reach_the_landing(folder: str):
    done = run_here(
        "snap", "-H", folder, "--json", "--metric", "euclidean", "--space", "whitened", "--among", "words",
        "--exclude-inputs", "--fold-variants", "--keep-undertrained", "--as-stored", "--null", "--temperature", "0.5",
        "--sample", "3", "--seed", "9", "--max-memory", "1GB", "--", "-sea + horse",
    )  # fmt: skip
    record = json.loads(done.stdout)
    assert (record["space"], record["metric"]) == ("whitened", "euclidean")
    assert record["options"] == {
        "k": 10, "metric": "euclidean", "among": "words", "exclude_inputs": True, "fold_variants": True,
        "keep_undertrained": True, "as_stored": True, "null": True, "temperature": 0.5, "sample": 3, "seed": 9,
    }  # fmt: skip
    assert len(record["samples"]) == 3


def test_the_head_can_come_from_the_environment(folder: str):
    assert run_here("snap", "sea", GEOMETRY_HEAD=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["snap", "sea", "-H", "/no/such/folder"], "no such head: '/no/such/folder'; expected a folder"),
        (["snap", "sea", "-H", "nowhere"], "no such head: 'nowhere'; expected a folder"),
        (["snap", "sea +"], "cannot read the expression 'sea +' at column 5"),
        (["snap", "sea", "-k", "0"], "k=0 arrived; expected at least 1"),
        (["snap", "'hrose'"], "no token is exactly 'hrose'"),
        (["snap", "#420"], "ids go from 0 to 419"),
        (["snap", "<DE AD>"], "no token has exactly the bytes <DE AD>"),
        (["snap", "sea", "--space", "whitened"], "use --metric cosine or euclidean, or another space"),
        (["snap", "sea", "--temperature", "-1"], "temperature=-1.0 arrived"),
        (["snap", "sea", "--max-memory", "lots"], "'lots' arrived; expected a size such as 500MB or 2GB"),
        (["tokens", "--decode", "海"], "'海' is no piece of this vocabulary"),
    ],
)
def test_every_mistake_is_one_line_and_exit_1(folder: str, arguments: list[str], says: str):
    given = arguments if "-H" in arguments else [*arguments, "-H", folder]
    one_line(run_here(*given), says)


def test_near_spellings_are_offered(minilm: Path):
    done = run_here("snap", "'horsse'", "-H", str(minilm))
    assert done.returncode == 1
    assert "did you mean" in done.stderr


def test_a_folder_without_a_head(tmp_path: Path):
    done = run_here("info", "-H", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "holds no head" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_text(folder: str):
    done = subprocess.run([*GEOMETRY, "snap", b"sea + \xff", "-H", folder], capture_output=True)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"no valid UTF-8" in done.stderr


def test_a_terminal_without_unicode(folder: str):
    done = run("snap", "🐠", "-H", folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")


def test_usage_is_exit_2(folder: str):
    assert run("snap").returncode == 2
    assert run_here("snap", "sea", "--metric", "manhattan", "-H", folder).returncode == 2
    assert run_here("no-such-command").returncode == 2


def test_a_traceback_only_with_debug(folder: str):
    assert "Traceback" not in run("snap", "sea +", "-H", folder).stderr
    assert "Traceback" in run("--debug", "snap", "sea +", "-H", folder).stderr


def test_a_reader_that_goes_away_is_no_error(folder: str):
    done = subprocess.run(
        f"{sys.executable} -m geometry snap -H {folder} -k 400 sea | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_why_is_one_object_a_line():
    done = run("why", "sea + horse + emoji", "seahorse + emoji", "--json", "-k", "3", "--cascade", "4", "--no-vacancy")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["expression"], second["expression"]) == ("sea + horse + emoji", "seahorse + emoji")
    assert (len(first["rivals"]), len(first["cascade"])) == (3, 4)
    for rival in first["rivals"]:
        assert sum(rival["by_term"].values()) + rival["by_bias"] == pytest.approx(rival["margin"], rel=1e-5)
        second_reading = rival["by_mean"] + rival["by_norm"] + rival["by_angle"] + rival["by_bias"]
        assert second_reading == pytest.approx(rival["margin"], rel=1e-5)
    snapped = json.loads(run_here("snap", "sea + horse + emoji", "--json", "--exclude-inputs").stdout)
    assert first["winner"]["id"] == snapped["landings"][0]["id"]


# what differs from process to process, such as hashes, shows in an svg's ids; dates show within one too
@pytest.mark.parametrize(("ending", "again"), [("png", run_here), ("svg", run), ("pdf", run_here)])
def test_why_draws_itself_the_same_each_time(folder: str, tmp_path: Path, ending: str, again: Callable):
    paths = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
    for path, way in zip(paths, (run_here, again), strict=True):
        done = way("why", "-H", folder, "sea + horse + king", "--no-vacancy", "-o", str(path))
        assert done.returncode == 0, done.stderr
        assert f"drawn: {path}" in done.stderr
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(list(tmp_path.glob(f"*.{ending}"))) == 2


def test_why_refuses_in_one_line(folder: str, tmp_path: Path):
    one_line(run_here("why", "-H", folder, "sea", "horse", "-o", str(tmp_path / "x.png")), "a figure is drawn of one")
    one_line(run_here("why", "-H", folder, "sea", "-o", str(tmp_path / "x.gif")), "expected a name that ends in .png")
    one_line(run_here("why", "-H", folder, "sea", "-o", str(tmp_path / "no" / "x.png")), "there is no folder")
    one_line(run_here("why", "-H", folder, "sea + horse", "--vary", "king"), "the terms of this sum are sea, horse")
    one_line(run_here("why", "-H", folder, "sea + horse", "-k", "0"), "k=0 arrived")
    one_line(
        run_here("why", "-H", folder, "sea", "--figure", "vacancy", "--no-vacancy", "-o", "x.png"),
        "leave one of them out",
    )
    one_line(run_here("why", "-H", folder, "sea + 'zzzz'"), "no token is exactly 'zzzz'")
    one_line(run_here("why", "-H", folder, "sea - sea"), "points nowhere")
    assert list(tmp_path.iterdir()) == [tmp_path / "heads"]


def test_census_in_json_has_the_keys_promised():
    record = json.loads(run_here("census", "--space", "folded", "--json").stdout)
    for key in ("recall_at_1", "recall_at_5", "mrr", "same_group", "same_subgroup"):
        assert record[key].keys() == {"value", "low", "high"}
    assert {"n", "baselines", "by_group", "head", "space", "seed", "version"} <= record.keys()
    assert record["baselines"]["names permuted"]["recall_at_1"]["value"] < 0.05 < record["recall_at_1"]["value"]


def test_census_of_a_head_without_emoji_is_one_line(tinystories: Path, folder: str):
    one_line(
        run_here("census", "-H", str(tinystories)), "has 0 whole emoji named in words it holds; at least 50 are needed"
    )
    one_line(run_here("census", "-H", folder, "--among", "words"), "compounds with their parts as single words")
    one_line(run_here("census", "--seed", "-3"), "seed=-3 arrived; expected 0 or more")
    assert run_here("census", "--among", "flags").returncode == 2


def test_census_by_words_draws_itself(minilm: Path, tmp_path: Path):
    done = run_here("census", "-H", str(minilm), "--among", "words", "-o", str(tmp_path / "census.svg"))
    assert done.returncode == 0, done.stderr
    assert "compounds by their parts: recall@1" in done.stdout
    assert (tmp_path / "census.svg").read_text(encoding="utf-8").startswith("<?xml")
