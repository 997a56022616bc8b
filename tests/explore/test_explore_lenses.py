"""Layers and tries on the page: those of the commands, and one line where no model runs."""

import shlex
from types import SimpleNamespace

import pytest
from asking import Client

import geometry as geo
from geometry.explore.lenses import Lenses
from geometry.explore.refusals import RefusedError


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


def test_copied_lenses_and_tries_parse(organism: Client):
    for told in (
        organism.get("/api/lens", prompt="-a 'fish' $HOME"),
        organism.get("/api/retry", prompt="-a 'fish' $HOME", steps="1"),
    ):
        compile(told["python"], "copied", "exec")
        assert "--prompt=-a 'fish' $HOME" in shlex.split(told["command"])
        assert "-a 'fish' $HOME" in told["python"]
