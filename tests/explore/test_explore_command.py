"""`geometry explore`: its port, its ending, and what it says without its extra."""

import os
import signal
import subprocess
import sys

import pytest
from asking import GEOMETRY, Client, needs_extra

import geometry as geo
from geometry.errors import OptionError
from geometry.explore.desk import Desk
from geometry.explore.serving import bind, is_loopback
from geometry.explore.shelf import Shelf


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
    needs_extra()
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


def test_without_the_extra_it_says_what_to_type():
    code = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['', 'explore']\nfrom geometry.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'pip install "unembedding-geometry[explore]"' in done.stderr
