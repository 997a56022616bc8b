"""What the page does not answer is refused in one line that says where, and names no folder."""

import json

import pytest
from asking import Client, serve

import geometry as geo
from geometry.errors import ExpressionError, TokenError
from geometry.explore.shelf import open_shelf
from geometry.expressions import parse


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


def test_no_answer_names_a_folder(client: Client, composing: "geo.Head"):
    folder = str(composing.opened.checkpoint.folder.parent)
    asked = ["/api/heads", "/api/land?q=sea", "/api/lens?prompt=x", "/api/retry?prompt=x", "/api/map?method=pca",
             "/api/vacancy?q=sea", "/api/phase?q=sea+-+fox", "/api/land?q=%27nope%27"]  # fmt: skip
    for path in asked:
        assert folder.encode() not in client.raw(path)[2]


def test_a_head_without_a_tokenizer_names_no_folder_either(make_head):
    folder = str(make_head(with_tokenizer=False).opened.checkpoint.folder)
    for client in serve(open_shelf([folder])):
        assert client.get("/api/heads")["heads"][0]["example"] == "#1 + #2"
        told = client.get("/api/land", q="#1 + #2")
        assert (told["winner"]["bytes"], told["composite"]["pca"]) == (None, None)
        for path in ("/api/land?q=sea", "/api/map?method=pca", "/api/map", "/atlas.png", "/api/vacancy?q=%231"):
            assert folder.encode() not in client.raw(path)[2]


def test_a_fault_of_ours_is_one_line_and_the_server_stays(client: Client, monkeypatch, capfd):
    monkeypatch.setattr("geometry.explore.sums.explain", lambda *_, **__: 1 / 0)
    status, answer = client.ask("/api/land", q="sea + 0.123*fox")
    assert status == 500
    assert answer["error"].startswith("ZeroDivisionError on the server")
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.undo()
    assert client.ask("/api/land", q="sea + 0.123*fox")[0] == 200
