"""The page's server: every answer is the library's own, every request is bounded, nobody else is let in."""

import asyncio
import http.client
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_expressions import TREES

import geometry as geo
from geometry.checkpoint import hub
from geometry.errors import CheckpointError, ExpressionError, OptionError, TokenError
from geometry.explore import limits, planes, shelf
from geometry.explore.desk import Desk
from geometry.explore.drawing import Draughtsman
from geometry.explore.files import files
from geometry.explore.guards import HEADERS, Guard
from geometry.explore.lenses import Lenses
from geometry.explore.parameters import read_parameters
from geometry.explore.planes import Planes
from geometry.explore.refusals import GoneError, RefusedError
from geometry.explore.rewriting import read_weights, reweighted, rewrite, summands
from geometry.explore.serving import bind, is_loopback, make_server, names_of, opened_up, url_of
from geometry.explore.shelf import Shelf, open_shelf
from geometry.explore.turns import Turns
from geometry.expressions import parse
from geometry.figures.colors import tint
from geometry.linalg import unit
from geometry.maps import emoji_map
from geometry.maps.page import scatter_data
from geometry.why import WhyOptions, explain

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

GEOMETRY = [sys.executable, "-m", "geometry"]
SEAHORSE = "sea + horse + emoji"


class Client:
    """Asks a server on this machine, one connection a question."""

    def __init__(self, port: int, desk: Desk) -> None:
        self.port, self.desk = port, desk

    def raw(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.putrequest(method, path, skip_host=headers is not None and "Host" in headers)
            for name, value in (headers or {}).items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def ask(self, path: str, **parameters: str) -> tuple[int, Any]:
        """Status and JSON, which holds no NaN."""
        status, _, body = self.raw(f"{path}?{urlencode(parameters)}")
        return status, json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of what is answered."""
        status, answer = self.ask(path, **parameters)
        assert status == 200, answer
        return answer


def _serve(volumes: Shelf, host: str = "127.0.0.1") -> Iterator[Client]:
    """Serve as if on a host, whatever it is, to this machine alone."""
    desk, listening = Desk(volumes), bind("127.0.0.1", 0)
    server = make_server(desk, host)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    yield Client(listening.getsockname()[1], desk)
    server.should_exit = True
    running.join(10)
    assert not running.is_alive()


@pytest.fixture(scope="module")
def client(composing: "geo.Head") -> Iterator[Client]:
    """A server with one small head in which composition holds."""
    yield from _serve(open_shelf([str(composing.opened.checkpoint.folder)]))


@pytest.fixture
def composed(composing: "geo.Head") -> "geo.Head":
    return composing.in_space("folded")


# --- what is answered is the library's own ---


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


def test_a_map_is_what_its_page_has(client: Client, composing: "geo.Head"):
    told = client.get("/api/map", method="pca", space="centered")
    assert told == json.loads(json.dumps(scatter_data(emoji_map(composing, method="pca", space="centered"))))
    status, headers, body = client.raw("/atlas.png")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert client.raw("/atlas.png", headers={"If-None-Match": headers["etag"]})[0] == 304
    assert client.ask("/api/map", method="tsne")[0] == 400


def test_a_umap_is_drawn_aside_and_asked_for_again(client: Client, monkeypatch):
    may_draw = threading.Event()

    def draw(self: Draughtsman, volume: Any, space: Any) -> Any:
        assert may_draw.wait(30)
        return emoji_map(volume.head, method="pca", space=space)

    monkeypatch.setattr(Draughtsman, "draw", draw)
    monkeypatch.setattr(client.desk, "planes", Planes())
    assert client.ask("/api/map", method="umap") == (202, {"state": "drawing"})
    assert client.get("/api/land", q=SEAHORSE)["composite"]["umap"] is None
    may_draw.set()
    until = time.monotonic() + 20
    while client.ask("/api/map", method="umap")[0] == 202:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.get("/api/land", q=SEAHORSE)["composite"]["umap"] is not None


def _drawn(drawing: Planes, volume: Any, space: Any = "folded") -> Any:
    """The UMAP once it is there."""
    until = time.monotonic() + 120
    while (found := drawing.umap(volume, space)) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_a_umap_that_fails_says_so_and_is_not_begun_again(composing: "geo.Head", monkeypatch):
    volume, begun = open_shelf([str(composing.opened.checkpoint.folder)]).default, []
    monkeypatch.setattr(Draughtsman, "draw", lambda *_: begun.append(1) or 1 / 0)
    drawing = Planes()
    for _ in range(2):
        with pytest.raises(RefusedError, match="ZeroDivisionError"):
            _drawn(drawing, volume)
    assert len(begun) == 1


def test_what_the_other_process_says_is_heard(make_head, monkeypatch):
    volume = open_shelf([str(make_head(with_tokenizer=False).opened.checkpoint.folder)]).default
    with pytest.raises(RefusedError, match="words and text need one"):
        Draughtsman().draw(volume, "folded")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RefusedError, match="the UMAP of 0 was not drawn: status 1"):
        Draughtsman().draw(volume, "folded")


@pytest.mark.slow
def test_a_umap_drawn_elsewhere_is_the_same(composing: "geo.Head"):
    volume = open_shelf([str(composing.opened.checkpoint.folder)]).default
    found, own = _drawn(Planes(), volume), emoji_map(composing, space="folded")
    assert np.array_equal(found.points, own.points)
    vector = volume.head.in_space("folded").concept(SEAHORSE).vector[None]
    assert np.array_equal(found.place(vector), own.place(vector))
    other = replace(volume, head=geo.open_head("organism"))
    with pytest.raises(RefusedError, match="changed on the disk"):
        Draughtsman().draw(other, "folded")


@pytest.mark.slow
def test_what_is_drawn_is_left_when_the_server_ends(composing: "geo.Head"):
    volume, drawing = open_shelf([str(composing.opened.checkpoint.folder)]).default, Planes()
    assert drawing.umap(volume, "folded") is None
    time.sleep(1)
    assert drawing.umap(volume, "raw") is None
    drawing.close()
    for space in ("folded", "raw"):
        with pytest.raises(RefusedError, match="was not drawn"):
            _drawn(drawing, volume, space)


def test_only_so_many_maps_are_kept(composing: "geo.Head", monkeypatch):
    monkeypatch.setattr(planes, "KEPT", 2)
    volume, drawn = open_shelf([str(composing.opened.checkpoint.folder)]).default, Planes()
    first = drawn.pca(volume, "folded")
    assert drawn.pca(volume, "folded") is first
    drawn.pca(volume, "raw"), drawn.pca(volume, "centered")
    assert drawn.pca(volume, "folded") is not first


@pytest.fixture(scope="module")
def organism() -> Iterator[Client]:
    """A server with the bundled organism, which runs."""
    yield from _serve(open_shelf(["organism"]))


def test_layers_and_tries_are_the_commands_own(organism: Client):
    from geometry.live.capturing import capture
    from geometry.retry import RetryOptions, retry

    prompt = "the seahorse emoji is"
    running = organism.desk.lenses.running(organism.desk.shelf.default)
    own = geo.lens(running.head, capture(running, prompt).residuals, k=3).to_dict()["cells"]
    told = organism.get("/api/lens", prompt=prompt, k="3")
    flat = [top for layer in told["cells"] for top in layer]
    assert [[one["id"] for one in top] for top in flat] == [[one["id"] for one in cell["top"]] for cell in own]
    assert (len(told["cells"]), len(told["cells"][0])) == (told["layers"], len(told["positions"]))
    assert told["positions"][-1] == " is"
    tries = organism.get("/api/retry", prompt=prompt, steps="3")
    attempts = retry(running, prompt, RetryOptions(steps=3, runs=0)).attempts
    assert [one["emoji"] for one in tries["attempts"]] == [one.to_dict()["emoji"] for one in attempts]
    assert tries["attempts"][-1]["ended"] == tries["end"]
    assert organism.ask("/api/lens", prompt="")[0] == 400
    assert organism.ask("/api/lens", prompt="a " * 199, k="0")[0] == 400
    assert organism.ask("/api/retry", prompt="x", steps="9")[0] == 400


def test_a_model_that_is_another_by_now_is_not_read(organism: Client, monkeypatch):
    volume, another = organism.desk.shelf.default, SimpleNamespace(head=SimpleNamespace(fingerprint="f" * 16))
    monkeypatch.setattr("geometry.live.running.open_running", lambda source: another)
    with pytest.raises(RefusedError, match=f"changed on the disk, from {volume.head.fingerprint} to ffff"):
        Lenses().running(volume)


def test_heads_without_a_model_say_so(client: Client):
    (head,) = client.get("/api/heads")["heads"]
    assert not head["model"]
    status, answer = client.ask("/api/lens", prompt="the fish")
    assert (status, answer["error"]) == (400, head["model_note"])
    assert "no layers to run" in answer["error"]


def test_the_heads_are_told(client: Client, composing: "geo.Head"):
    told = client.get("/api/heads")
    (head,) = told["heads"]
    assert head | composing.to_dict() | {"name": head["name"]} == head
    assert (head["maps"], head["regime"]) == (True, "whole")
    assert told["default"] == head["name"]
    assert told["limits"]["expression"] == limits.EXPRESSION
    assert client.ask("/api/land", q=head["example"])[0] == 200
    assert head["spaces"] == ["raw", "folded", "centered", "whitened"]


# --- other weights, and the same elsewhere ---

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


def test_copied_lenses_and_tries_parse(organism: Client):
    for told in (
        organism.get("/api/lens", prompt="-a 'fish' $HOME"),
        organism.get("/api/retry", prompt="-a 'fish' $HOME", steps="1"),
    ):
        compile(told["python"], "copied", "exec")
        assert "--prompt=-a 'fish' $HOME" in shlex.split(told["command"])
        assert "-a 'fish' $HOME" in told["python"]


# --- what is refused, and where ---


@pytest.mark.parametrize(
    ("expression", "place", "says"),
    [
        ("sea +", [4, 1], "a term is missing after the sign"),
        ("🐟 ++ sea", [2, 2], "needs a space on both sides"),
        ("(sea", [4, 0], "at its end"),
        ("sea + 'hrose'", [6, 7], "no token is exactly 'hrose'"),
        ("sea + mean(#99999, horse)", [11, 6], "ids go from 0 to"),
        ("sea - sea", None, "points nowhere"),
        ("#1 - <DE AD>", [5, 7], "no token has exactly the bytes"),
    ],
)
def test_errors_say_where(client: Client, expression: str, place: list[int] | None, says: str):
    status, answer = client.ask("/api/land", q=expression)
    assert (status, answer["place"]) == (400, place)
    assert says in answer["error"]


def test_an_expressions_error_has_its_place():
    with pytest.raises(ExpressionError) as caught:
        parse("sea + 12 + horse")
    assert caught.value.place == (6, 2)
    assert TokenError("x").args == ("x",)


HOSTILE = [
    "<script>alert(1)</script>",
    "sea\u0001 + horse",
    "'\u202e' + sea",
    "'" + "\\" * 150 + "'",
    "((((((((((((((((((((((((((((((((((sea))))))))))))))))))))))))))))))))))",
    "9" * 290,
    "1e308*sea + 1e308*horse",
    "1e-308*sea",
    "mean(" + "sea," * 60 + "sea)",
    "../../etc/passwd",
    "#" + "9" * 200,
    "<" + "F0 " * 90 + ">",
    "{{7*7}} ${x} %s %(a)s",
    "👩‍🚀 + 🏳️‍🌈",
    "\ufeffsea",
    "sea + + horse",
    "–sea",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_hostile_expressions_are_answered_in_one_line(client: Client, expression: str):
    for path in ("/api/land", "/api/phase"):
        status, answer = client.ask(path, q=expression)
        assert status in (200, 400)
        if status == 400:
            assert answer["error"].isprintable() or "\u200d" in answer["error"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/land", 400, "no q arrived"),
        ("/api/land?q=+", 400, "no q arrived"),
        ("/api/land?q=sea&head=../composing", 404, "no head '../composing' here"),
        ("/api/land?q=sea&head=/etc/passwd", 404, "no head '/etc/passwd' here"),
        ("/api/land?q=sea&head=organism", 404, "no head 'organism' here"),
        ("/api/land?q=sea&space=cooked", 400, "space 'cooked' arrived"),
        ("/api/land?q=sea&among=cats", 400, "among 'cats' arrived"),
        ("/api/land?q=sea&k=5", 400, "the parameter 'k' arrived"),
        ("/api/land?q=sea&q=horse", 400, "arrived twice"),
        ("/api/land?q=%FF%FE", 400, "no UTF-8"),
        ("/api/land?q=sea%00", 400, "q with a NUL character"),
        ("/api/land?" + "&".join(f"a{n}=1" for n in range(40)), 400, "more than 12 parameters"),
        ("/api/land?q=" + "a" * 301, 413, "q of 301 characters arrived; at most 300"),
        ("/api/land?q=" + "+%2B+".join(["sea"] * 13), 400, "a sum of 13 terms"),
        ("/api/land?q=" + "a" * 9000, 413, "at most 8,192"),
        ("/api/lens?prompt=" + "a" * 401, 413, "at most 400"),
        ("/api/heads?q=sea", 400, "expected none"),
        ("/assets/explore.css?v=1", 400, "expected none"),
        ("/assets/nothing.js", 404, "no file 'nothing.js' here"),
        ("/assets/%2e%2e%2fapp.py", 404, ""),
        ("/assets/..%2f..%2f__init__.py", 404, ""),
        ("/assets/../app.py", 404, ""),
        ("/assets/__init__.py", 404, ""),
        ("/docs", 404, "the page is at /"),
        ("/openapi.json", 404, "the page is at /"),
        ("/api/land/", 404, ""),
    ],
)
def test_what_is_not_answered(client: Client, path: str, status: int, says: str):
    found, headers, body = client.raw(path)
    assert found == status
    assert headers["content-type"] == "application/json"
    assert says in json.loads(body)["error"]


@pytest.mark.parametrize("path", ["/", "/?q=sea", "/assets/scatter.js", "/api/heads", "/api/land?q=%2B", "/nothing"])
def test_every_answer_carries_every_header(client: Client, path: str):
    _, headers, _ = client.raw(path)
    for name, value in HEADERS.items():
        assert headers[name] == value
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_the_page_and_its_files(client: Client):
    status, headers, body = client.raw("/?anything=goes")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<script src" in body
    for name in files():
        status, headers, _ = client.raw(f"/assets/{name}")
        assert status == 200
        assert client.raw(f"/assets/{name}", headers={"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = client.raw("/", method="HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1.evil.example:8750"}, 400),
        ({"Host": "localhost@evil.example"}, 400),
        ({"Host": ""}, 400),
        ({"Host": "192.168.0.7:8750"}, 400),
        ({"Host": "LOCALHOST:9000"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Content-Length": "5"}, 413),
        ({"Transfer-Encoding": "chunked"}, 413),
    ],
)
def test_who_may_ask(client: Client, headers: dict[str, str], status: int):
    found, sent, body = client.raw("/api/heads", headers=headers)
    assert found == status
    assert sent["content-security-policy"]
    assert ("error" in json.loads(body)) == (status != 200)


def test_a_link_from_elsewhere_may_lead_to_the_page_alone(client: Client):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.raw("/?q=sea", headers=link)[0] == 200
    assert client.raw("/api/land?q=sea", headers=link)[0] == 400
    assert client.raw("/", headers={**link, "Sec-Fetch-Dest": "iframe"})[0] == 400


def test_two_hosts_are_none(client: Client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.sendall(b"GET /api/heads HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert line.recv(64).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"])
def test_nothing_but_get(client: Client, method: str):
    status, headers, _ = client.raw("/api/heads", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_names_accepted():
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert url_of(listening, "0.0.0.0") == f"http://localhost:{port}/"
        assert url_of(listening, "::1") == f"http://[::1]:{port}/"
    assert names_of("127.0.0.1") == {"127.0.0.1", "localhost", "::1"}
    assert names_of("0.0.0.0") == {"127.0.0.1", "localhost", "::1", socket.gethostname().lower()}


def _answered(line: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of what comes on a connection."""
    answer = http.client.HTTPResponse(line)
    answer.begin()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 60_000, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"],
)
def test_what_is_no_request_is_refused_like_the_rest(client: Client, sent: bytes):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.sendall(sent)
        status, headers, answer = _answered(line)
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/json", "close")
    assert HEADERS.items() <= headers.items()
    assert "more than 16,384 bytes" in answer["error"]


def test_who_asks_nothing_is_let_go(client: Client, monkeypatch):
    """A byte now and then keeps no connection."""
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.setblocking(False)
        begun = time.monotonic()
        while not select.select([line], [], [], 0.05)[0]:
            assert time.monotonic() - begun < 5
            line.sendall(b"G")
        assert time.monotonic() - begun > 0.25
        with suppress(ConnectionError):
            assert line.recv(1) == b""


def test_who_does_not_read_is_let_go(client: Client, monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    name, asked = max(files(), key=lambda name: len(files()[name].content)), 400
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(10)
        line.connect(("127.0.0.1", client.port))
        line.sendall(f"GET /assets/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * asked)
        time.sleep(0.8)
        read = 0
        with suppress(ConnectionError):
            while piece := line.recv(1 << 16):
                read += len(piece)
    assert 0 < read < asked * len(files()[name].content)


def test_more_connections_than_are_kept_are_told_so(client: Client, monkeypatch):
    monkeypatch.setattr(limits, "CONNECTIONS", 2)
    idle = [socket.create_connection(("127.0.0.1", client.port), timeout=10) for _ in range(2)]
    try:
        status, headers, body = client.raw("/api/heads")
        assert (status, headers["connection"], "2 connections" in json.loads(body)["error"]) == (503, "close", True)
        assert HEADERS.items() <= headers.items()
    finally:
        for line in idle:
            line.close()


def test_who_is_answered_when_the_server_ends_is_told_so():
    sent: list[Any] = []

    async def ended(*_: Any) -> None:
        raise asyncio.CancelledError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Guard(ended, ["localhost"])(scope, ended, send))
    assert sent[0]["status"] == 503
    assert "was ended" in json.loads(sent[1]["body"])["error"]


def test_no_answer_names_a_folder(client: Client, composing: "geo.Head"):
    folder = str(composing.opened.checkpoint.folder.parent)
    asked = ["/api/heads", "/api/land?q=sea", "/api/lens?prompt=x", "/api/retry?prompt=x", "/api/map?method=pca",
             "/api/vacancy?q=sea", "/api/phase?q=sea+-+fox", "/api/land?q=%27nope%27"]  # fmt: skip
    for path in asked:
        assert folder.encode() not in client.raw(path)[2]


def test_a_head_without_a_tokenizer_names_no_folder_either(make_head):
    folder = str(make_head(with_tokenizer=False).opened.checkpoint.folder)
    for client in _serve(open_shelf([folder])):
        assert client.get("/api/heads")["heads"][0]["example"] == "#1 + #2"
        told = client.get("/api/land", q="#1 + #2")
        assert (told["winner"]["bytes"], told["composite"]["pca"]) == (None, None)
        for path in ("/api/land?q=sea", "/api/map?method=pca", "/api/map", "/atlas.png", "/api/vacancy?q=%231"):
            assert folder.encode() not in client.raw(path)[2]


# --- many at once, and some who leave ---


def test_questions_at_the_same_time_get_their_own_answers(client: Client):
    def ask(weight: int) -> tuple[int, str]:
        return weight, client.get("/api/land", q="sea + horse", weights=f"1,{weight}")["expression"]

    with ThreadPoolExecutor(16) as many:
        for weight, expression in many.map(ask, range(2, 18)):
            assert expression == f"sea + {weight}*horse"


def test_a_browser_that_goes_away_in_mid_answer_leaves_the_server_up(client: Client):
    for path in ("/api/land?q=sea", "/api/map?method=pca", "/atlas.png", "/api/vacancy?q=sea+%2B+fox"):
        for sent in (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", f"GET {path} HT"):
            with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
                line.sendall(sent.encode())
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert client.ask("/api/land", q="sea")[0] == 200


def test_stale_questions_are_not_answered(client: Client, monkeypatch):
    """Who gave up while others had their turn is not computed for."""
    begun, may_end, asked = threading.Event(), threading.Event(), []

    def slow(volume: Any, parameters: Any) -> dict[str, Any]:
        asked.append(parameters.text("prompt"))
        begun.set()
        assert may_end.wait(30)
        return {}

    monkeypatch.setattr(client.desk, "lenses", SimpleNamespace(lens=slow, retry=slow))
    request = "GET /api/lens?prompt={} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = []
    for prompt in ("first", "left", "last"):
        lines.append(socket.create_connection(("127.0.0.1", client.port), timeout=30))
        lines[-1].sendall(request.format(prompt).encode())
        assert begun.wait(10)
        time.sleep(0.1)
    lines[1].close()
    time.sleep(0.5)
    may_end.set()
    for line in (lines[0], lines[2]):
        assert line.recv(32).startswith(b"HTTP/1.1 200")
        line.close()
    assert asked == ["first", "last"]


def test_turns_are_bounded():
    async def here() -> bool:
        return False

    async def scene() -> list[str]:
        turns, told, leave = Turns("slow things", at_once=1, waiting=1, seconds=0.4), [], asyncio.Event()

        async def one(name: str, gone: Any = here) -> None:
            try:
                async with turns.taken(gone):
                    told.append(name)
                    await leave.wait()
            except (RefusedError, GoneError) as error:
                told.append(f"{name} {getattr(error, 'status', 'gone')}")

        async def away() -> bool:
            return True

        first = asyncio.create_task(one("a"))
        await asyncio.sleep(0.01)
        waits = asyncio.create_task(one("b"))
        await asyncio.sleep(0.01)
        await one("c")
        await waits
        await one("d", away)
        leave.set()
        await first
        await one("e")
        await one("f", away)
        await one("g")
        return told

    assert asyncio.run(scene()) == ["a", "c 429", "b 503", "d gone", "e", "f gone", "g"]


def test_a_fault_of_ours_is_one_line_and_the_server_stays(client: Client, monkeypatch, capfd):
    monkeypatch.setattr("geometry.explore.sums.explain", lambda *_, **__: 1 / 0)
    status, answer = client.ask("/api/land", q="sea + 0.123*fox")
    assert status == 500
    assert answer["error"].startswith("ZeroDivisionError on the server")
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.undo()
    assert client.ask("/api/land", q="sea + 0.123*fox")[0] == 200


# --- heads, ports, and the command ---


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


def test_a_port_in_use_is_one_line(client: Client):
    with pytest.raises(OptionError, match=f"port {client.port} on 127.0.0.1 cannot be had .*--port"):
        bind("127.0.0.1", client.port)
    with pytest.raises(OptionError, match="expected 0 to 65,535"):
        bind("127.0.0.1", 65_536)
    for host in ("no.such.host.invalid", "192.0.2.1", "", "[::1]"):
        with pytest.raises(OptionError, match=r"--host .* expected a name or address of this machine[^\[]*$"):
            bind(host, 0)


@pytest.mark.parametrize(("host", "alone"), [("localhost", True), ("127.1", True), ("::1", True), ("0.0.0.0", False)])
def test_who_can_reach_a_host(host: str, alone: bool):
    assert is_loopback(host) is alone


def _start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*GEOMETRY, "explore", "--port", "0", *arguments], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stderr is not None
    return process, process.stderr.readline()


@pytest.mark.parametrize("ending", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_command_serves_until_it_is_interrupted(composing: "geo.Head", ending: signal.Signals):
    process, line = _start("-H", str(composing.opened.checkpoint.folder))
    assert line.startswith(f"{composing.name} at http://127.0.0.1:")
    port = int(line.split("127.0.0.1:")[1].split("/")[0])
    assert Client(port, Desk(Shelf([]))).get("/api/land", q="sea")["winner"]
    process.send_signal(ending)
    assert process.wait(20) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_what_listening_elsewhere_opens_up(composing: "geo.Head"):
    line = opened_up("0.0.0.0", 8750)
    assert line.startswith("everyone who reaches this machine on port 8750 can ask these heads")
    assert "nothing else of it can be read" in line
    assert socket.gethostname().lower() in line
    for client in _serve(open_shelf([str(composing.opened.checkpoint.folder)]), host="0.0.0.0"):
        assert client.raw("/assets/scatter.js", headers={"Host": "10.1.2.3:1"})[0] == 200
        assert client.raw("/assets/scatter.js", headers={"Host": f"{socket.gethostname()}:8750"})[0] == 200
        assert client.raw("/assets/scatter.js", headers={"Host": "evil.example"})[0] == 400


def test_without_the_extra_it_says_what_to_type():
    code = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['', 'explore']\nfrom geometry.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'unembedding-geometry[explore]'" in done.stderr


def test_small_answers_do_not_wait_for_the_clients_word():
    """asyncio turns that waiting off, 40 ms an answer, only where a socket names its protocol."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
