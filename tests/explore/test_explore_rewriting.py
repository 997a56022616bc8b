"""Other weights for a sum's terms, and what is copied to do the same elsewhere."""

import json
import shlex
import subprocess
import sys

import pytest
from asking import GEOMETRY, SEAHORSE, Client
from hypothesis import given
from hypothesis import strategies as st
from test_expressions import TREES

import geometry as geo
from geometry.errors import OptionError
from geometry.explore.rewriting import read_weights, reweighted, rewrite, summands
from geometry.expressions import parse
from geometry.why import explain

WEIGHTS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: value + 0.0)


@given(TREES, st.data())
def test_a_reweighted_sum_has_the_same_terms_with_these_weights(tree, data):
    terms = summands(parse(str(tree)))
    weights = data.draw(st.lists(WEIGHTS, min_size=len(terms), max_size=len(terms)))
    again = parse(str(reweighted(parse(str(tree)), weights)))
    assert summands(again) == [(weight, node) for weight, (_, node) in zip(weights, terms, strict=True)]


@pytest.mark.parametrize(
    ("expression", "weights", "rewritten"),
    [
        (SEAHORSE, "1,1,1", SEAHORSE),
        (SEAHORSE, "0.5,-1,2", "0.5*sea - horse + 2*emoji"),
        ("2*(sea + horse) - mean(fox, 3*sea)", "1,0", "(sea + horse) + 0*mean(fox, 3*sea)"),
        ("2*(sea + horse)", "1", "1*(sea + horse)"),
        ("sea", "-1", "-sea"),
        ("2*(3*sea) + fox", "1,1", "1*(3*sea) + fox"),
        (" sea +  horse ", "", "sea + horse"),
    ],
)
def test_rewriting(expression: str, weights: str, rewritten: str):
    assert rewrite(expression, weights) == rewritten


@pytest.mark.parametrize("weights", ["1,2", "1,nan,1", "1,,1", "1,1e999,1", "inf,1,1", "1;1;1", "1,0x1,1", "١,1,1"])
def test_weights_that_make_no_sense(weights: str):
    with pytest.raises(OptionError, match="expected"):
        reweighted(parse(SEAHORSE), read_weights(weights))


def test_sliders_move_the_sum(client: Client, composing: "geo.Head"):
    told = client.get("/api/land", q="2*(sea + horse) + emoji", weights="0.25,-1.5")
    assert told["expression"] == "0.25*(sea + horse) - 1.5*emoji"
    assert told["sliders"] == [{"label": "sea + horse", "weight": 0.25}, {"label": "emoji", "weight": -1.5}]
    assert [one["weight"] for one in told["terms"]] == [0.25, 0.25, -1.5]
    assert told["winner"]["score"] == explain(composing, told["expression"]).winner.score
    assert client.ask("/api/land", q=SEAHORSE, weights="0,0,0") == (
        400,
        {"error": "the sum '0*sea + 0*horse + 0*emoji' is zero and points nowhere; give terms that do not cancel out",
         "place": None},
    )  # fmt: skip
    assert client.ask("/api/land", q=SEAHORSE, weights="1e-9,1,1")[0] == 400


@pytest.mark.parametrize(
    ("expression", "space", "among"),
    [("-sea + horse + '🐟'", "centered", "emoji"), pytest.param(SEAHORSE, "whitened", "all", marks=pytest.mark.slow)],
)
def test_what_is_copied_gives_the_same(client: Client, composing: "geo.Head", expression, space, among):
    told = client.get("/api/land", q=expression, space=space, among=among)
    folder = composing.opened.checkpoint.folder.parent
    words = shlex.split(told["command"])
    done = subprocess.run(
        [*GEOMETRY, words[1], "--json", *words[2:]], capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["winner"]["id"], record["winner"]["score"]) == (told["winner"]["id"], told["winner"]["score"])
    assert [one["id"] for one in record["rivals"]] == [one["id"] for one in told["rivals"]]
    code = told["python"] + "import json; print(json.dumps([why.winner.id, why.winner.score]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=60)
    assert json.loads(done.stdout.splitlines()[-1]) == [told["winner"]["id"], told["winner"]["score"]], done.stderr
    assert f"the folder that holds {composing.name}" in " ".join(told["notes"])
