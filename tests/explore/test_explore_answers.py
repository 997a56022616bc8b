"""What the page's server answers is the library's own."""

import json

import numpy as np
import pytest
from asking import SEAHORSE, Client

import geometry as geo
from geometry.explore import limits
from geometry.explore.desk import Desk
from geometry.explore.parameters import read_parameters
from geometry.explore.shelf import open_shelf
from geometry.expressions import parse
from geometry.figures.colors import tint
from geometry.linalg import unit
from geometry.maps import emoji_map
from geometry.why import WhyOptions, explain


@pytest.mark.parametrize(
    ("expression", "space", "among"),
    [
        (SEAHORSE, "folded", "all"),
        ("sea", "raw", "all"),
        ("0.5*sea - 2*horse + mean(fox, walrus)", "centered", "words"),
        ("-sea + (horse + emoji)", "whitened", "emoji"),
    ],
)
def test_a_landing_is_what_why_and_land_say(client: Client, composing: "geo.Head", expression, space, among):
    told = client.get("/api/land", q=expression, space=space, among=among)
    why = explain(composing, expression, WhyOptions(k=7, among=among, vacancy=False), space=space)
    winner, rivals = told["winner"], told["rivals"]
    assert (winner["id"], winner["score"], winner["by_term"]) == (why.winner.id, why.winner.score, why.winner.by_term)
    assert [(one["id"], one["margin"]) for one in rivals] == [(one.id, one.margin) for one in why.rivals]
    for one in (winner, *rivals):
        assert sum(one["by_term"].values()) + one["by_bias"] == pytest.approx(one["score"], abs=1e-9)
    assert told["cascade"] == [step.text for step in why.cascade]
    assert told["expression"] == str(parse(expression))
    assert (told["space"], told["fingerprint"], told["version"]) == (space, composing.fingerprint, geo.__version__)
    if space in ("folded", "centered"):
        landed = composing.land(expression, k=8, space=space, among=among, exclude_inputs=True)
        assert [one["id"] for one in (winner, *rivals)] == [one.id for one in landed.landings]
        assert [one["probability"] for one in (winner, *rivals)] == [one.probability for one in landed.landings]
    else:
        assert winner["probability"] is None


def test_inputs_are_told_with_their_own_rank(client: Client, composing: "geo.Head"):
    told = client.get("/api/land", q="sea + horse")["inputs"]
    landed = [one for one in composing.land("sea + horse", k=20).landings if one.is_input or one.is_variant]
    assert [(one["id"], one["rank"], one["score"]) for one in told] == [(one.id, one.rank, one.score) for one in landed]


def test_a_sum_is_placed_on_the_map_and_its_neighbours_are_those_of_all_dimensions(client: Client, composed):
    told = client.get("/api/land", q=SEAHORSE)["composite"]
    drawn, vector = emoji_map(composed, method="pca"), composed.concept(SEAHORSE).vector
    assert told["pca"] == pytest.approx(drawn.place(vector[None])[0], abs=1e-4)
    assert told["umap"] is None
    cosines = unit(composed.rows(drawn.ids).astype(np.float64)) @ unit(vector)
    best = np.lexsort((drawn.ids, -cosines))[:10]
    assert [one["id"] for one in told["nearest"]] == drawn.ids[best].tolist()
    assert [one["similarity"] for one in told["nearest"]] == pytest.approx(cosines[best].tolist(), abs=1e-6)
    assert told["terms"] == sorted(composed.concept(SEAHORSE).input_ids)


def test_a_phase_diagram_is_whys_in_colours(client: Client, composing: "geo.Head"):
    told = client.get("/api/phase", q=SEAHORSE)["phase"]
    own = explain(composing, SEAHORSE, WhyOptions(vacancy=False)).to_dict()["phase"]
    assert [{key: one[key] for key in own["regions"][0]} for one in told["regions"]] == own["regions"]
    first = told["regions"][0]
    assert first["color"] == "#" + "".join(f"{round(255 * part):02x}" for part in tint(first["text"]))
    varied = client.get("/api/phase", q="sea + horse + emoji + fox", vary="sea,fox")["phase"]
    assert (varied["shape"], varied["terms"]) == ("plane", ["sea", "fox"])
    assert "two" in client.get("/api/phase", q="sea")["reason"]
    assert "vary two" in client.get("/api/phase", q="sea + horse + emoji + fox")["reason"]
    assert client.ask("/api/phase", q="sea + horse", vary="sea,cow")[0] == 400


def test_a_head_with_a_bias_has_a_grid_and_no_map(make_head):
    folder = make_head(model_type="phi", with_tokenizer=False).opened.checkpoint.folder
    desk = Desk(open_shelf([str(folder)]))
    asked = read_parameters(b"q=%231%20-%20%232", ("q",))
    told = desk.questions()["/api/phase"].work(desk.shelf.default, asked)["phase"]
    grid = np.array(told["grid"])
    assert (grid.shape, told["exact"], told["grid_step"]) == ((121, 121), False, 4 / 120)
    assert 0 <= grid.min() <= grid.max() < len(told["regions"])
    landed = desk.questions()["/api/land"].work(desk.shelf.default, asked)
    assert landed["winner"]["by_bias"] != 0
    assert landed["composite"]["pca"] is None


def test_the_row_that_is_missing_is_whys(client: Client, composing: "geo.Head"):
    told = client.get("/api/vacancy", q=SEAHORSE)
    own = explain(composing, SEAHORSE).vacancy
    assert own is not None
    assert told["vacancy"] == json.loads(json.dumps(own.to_dict()))
    drawn = emoji_map(composing, method="pca", space="folded")
    assert told["composite"]["pca"] == pytest.approx(drawn.place(own.row[None])[0], abs=1e-4)
    assert "names nothing in words" in client.get("/api/vacancy", q="emoji")["reason"]
    status, answer = client.ask("/api/vacancy", q="sea + horse + 1e308*emoji")
    assert (status, "can be explained" in answer["error"]) == (400, True)


@pytest.mark.slow
def test_a_kept_fit_asked_with_another_weight_is_a_new_one(client: Client, composing: "geo.Head"):
    for weight in ("0.5", "0", "-1"):
        told = client.get("/api/vacancy", q=SEAHORSE, weights=f"1,1,{weight}")
        own = explain(composing, told["expression"]).vacancy
        assert own is not None
        assert told["vacancy"] == json.loads(json.dumps(own.to_dict()))


def test_the_heads_are_told(client: Client, composing: "geo.Head"):
    told = client.get("/api/heads")
    (head,) = told["heads"]
    assert head | composing.to_dict() | {"name": head["name"]} == head
    assert (head["maps"], head["regime"]) == (True, "whole")
    assert told["default"] == head["name"]
    assert told["limits"]["expression"] == limits.EXPRESSION
    assert client.ask("/api/land", q=head["example"])[0] == 200
    assert head["spaces"] == ["raw", "folded", "centered", "whitened"]
