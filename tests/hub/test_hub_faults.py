"""Every way a server can lie or fail: each ends in the right head or in one clear line, and nothing wrong is kept."""

import json
from collections.abc import Callable
from copy import copy
from pathlib import Path

import numpy as np
import pytest
from loopback import Loopback
from models import sharded, single, tensors
from safetensors import safe_open

import geometry as geo
from geometry.checkpoint.hub import download, exchange, wire
from geometry.errors import CheckpointError

CHUNK = 2**16
"""A tensor of these tests is fetched in several requests."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CHUNK", CHUNK)


def refusal(spec: str) -> str:
    """Return the one line with which a head is refused."""
    with pytest.raises(CheckpointError) as caught:
        geo.open_head(spec)
    line = str(caught.value)
    assert line.isprintable(), line
    assert len(line) < 600, line
    assert Loopback.TOKEN not in line, line
    assert Loopback.SECRET not in line, line
    return line


def kept(cache: Path) -> list[Path]:
    """Return what lies in the cache as if it were whole."""
    return sorted(cache.glob("*/heads/*/*/*"))


def assert_right(cache: Path) -> None:
    """The one head in the cache is the checkpoint's, tensor by tensor."""
    [file] = cache.glob("*/heads/*/*/model.safetensors")
    with safe_open(file, "numpy") as opened:
        for name in list(opened.keys()):
            np.testing.assert_array_equal(opened.get_tensor(name), tensors()[name])
    assert not list(cache.glob("*/partial/*"))


def set_lies(hub: Loopback, **lies: object) -> None:
    for name, value in lies.items():
        assert hasattr(hub.lies, name)
        setattr(hub.lies, name, copy(value))


PASSING: dict[str, dict[str, object]] = {
    "cut within every header": {"cut": 1000},
    "cut at every chunk": {"cut": CHUNK - 1},
    "cut in small pieces": {"cut": CHUNK // 8},
    "one body is a byte short": {"short": 1},
    "four bodies are a byte short": {"short": 4},
    "429, Retry-After in seconds": {"busy": [(429, "0"), (429, "0")]},
    "503, Retry-After as a date": {"busy": [(503, "Wed, 21 Oct 2015 07:28:00 GMT")]},
    "small files whose length the Hub lists": {"no_length": True},
    "429, Retry-After zero, four times": {"busy": [(429, "0")] * 4},
    "503 without a word": {"busy": [(503, None), (500, None), (502, "soon")]},
    "signatures that expired": {"expired": 3},
}


@pytest.mark.parametrize("maker", [single, sharded])
@pytest.mark.parametrize("fault", PASSING)
def test_faults_that_pass(fault: str, maker: Callable[[], dict[str, bytes]], hub: Loopback, cache: Path) -> None:
    hub.add("org/model", maker())
    set_lies(hub, **PASSING[fault])
    head = geo.open_head("org/model")
    np.testing.assert_array_equal(head.rows(range(head.vocab)), tensors()["lm_head.weight"])
    assert_right(cache)


def shift(said: str) -> str:
    return said.replace("bytes 0-", "bytes 1-")


LASTING: dict[str, tuple[dict[str, object], str]] = {
    "Range is ignored": ({"ignore_range": True}, "ignores byte ranges"),
    "no body comes": ({"cut": 0}, "did not come"),
    "a length too long by one": ({"edit_range": lambda said: said + "0"}, "changed while it was read"),
    "another range": ({"edit_range": shift}, "came; the server is at fault"),
    "no such Content-Range": ({"edit_range": lambda _: "bytes */*"}, "came; the server is at fault"),
    "a Content-Range of huge numbers": ({"edit_range": lambda _: f"bytes 0-{10**30}/{10**31}"}, "came; the server"),
    "more bytes than asked for": ({"extra": b"x" * 10}, "more bytes came than"),
    "encoded": ({"headers": {"Content-Encoding": "gzip"}}, "comes encoded"),
    "always busy": ({"busy": [(503, "0")] * 50}, "did not come"),
    "wait for an hour": ({"busy": [(429, "3600")]}, "asks to wait 3,600 s"),
    "signatures never valid": ({"expired": 10**9}, "answers 403"),
    "the file changes between requests": ({"change_after": 2}, "entity tag went from"),
    "the file changes after its header": ({"change_after": 1}, "entity tag went from"),
    "the Hub lists another size": ({"edit_size": lambda size: size + 1}, "changed while it was read"),
    "sent to a file": ({"redirect": "file:///etc/passwd"}, "expected an https address"),
    "sent to a host that is none": ({"redirect": "http://[bad/x"}, "expected an https address"),
    "sent to a port that is none": ({"redirect": "http://localhost:99999999/x"}, "expected an https address"),
    "sent nowhere": ({"redirect": "http://"}, "redirected more than"),
    "sent to another scheme": ({"redirect": "ftp://127.0.0.1/x"}, "expected an https address"),
    "the store says 404": ({"store_says": 404}, "answers 404"),
    "the store says 416": ({"store_says": 416}, "answers 416"),
    "the store says 204": ({"store_says": 204}, "answers 204"),
    "another commit's files": ({"commit_says": "f" * 40}, "the answer is for commit"),
    "small files without their length or size": (
        {"no_length": True, "edit_size": lambda size: None}, "comes without its length"
    ),
    "a number that is none": ({"edit_range": lambda _: "bytes 0-65535/²"}, "came; the server is at fault"),
    "a date beyond all": ({"busy": [(503, "Mon, 01 Jan 2024 00:00:00 +99999999999999")] * 50}, "did not come"),
    "the listing is no JSON": ({"listing": b"<html>"}, "does not parse"),
    "the listing is a list": ({"listing": b"[]"}, "expected an object"),
    "the listing has no commit": ({"listing": b'{"siblings": []}'}, "is this address a Hub?"),
    "the listing's commit is a path": ({"listing": b'{"sha": "../../x", "siblings": []}'}, "is this address a Hub?"),
    "the listing's files have no names": (
        {"listing": b'{"sha": "%s", "siblings": [{}]}' % (b"a" * 40)}, "expected a name"
    ),
}  # fmt: skip


@pytest.mark.parametrize("maker", [single, sharded])
@pytest.mark.parametrize("fault", LASTING)
def test_faults_that_last(fault: str, maker: Callable[[], dict[str, bytes]], hub: Loopback, cache: Path) -> None:
    lies, says = LASTING[fault]
    hub.add("org/model", maker())
    set_lies(hub, **lies)
    if hub.lies.change_after == 1 and maker is sharded:
        hub.lies.change_after = 2  # two headers are read first
    assert says in refusal("org/model")
    assert kept(cache) == []
    hub.lies = type(hub.lies)()
    geo.open_head("org/model")
    assert_right(cache)


@pytest.mark.parametrize("limit", ["TIMEOUT", "ANSWER_TIMEOUT"])
def test_a_server_that_says_nothing(limit: str, hub: Loopback, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, limit, 0.1)
    hub.add("org/model", single())
    hub.lies.silent = 1.0
    assert "does not answer" in refusal("org/model")
    assert kept(cache) == []


def test_a_server_that_dawdles(hub: Loopback, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.05)
    monkeypatch.setattr(wire, "REQUESTS", 3)
    hub.add("org/model", single())
    hub.lies.drip = 0.01
    assert "bytes came in" in refusal("org/model")
    assert kept(cache) == []


@pytest.mark.parametrize("token", ["hf_\x0bx", "hf_t\u00f6ken"])
def test_a_token_that_is_none_is_not_shown(token: str, hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    line = refusal("org/model")
    assert "holds what no token holds" in line
    assert "ken" not in line.partition("HF_TOKEN")[2].partition("no token")[0]
    assert not hub.seen


def test_an_expired_token_is_named(hub: Loopback) -> None:
    hub.lies.busy = [(401, None)]
    assert "log in anew with `hf auth login`" in refusal("org/model")


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"errors": [1]}', b'{"errors": {"message": 3}}', b"[1]"])
def test_refusals_that_the_client_trips_over(body: bytes, hub: Loopback) -> None:
    hub.lies.refusal = body
    assert "cannot be fetched" in refusal("org/model")


def test_checks_hold_behind_a_rename(hub: Loopback, cache: Path) -> None:
    hub.add("new/model", single())
    hub.lies.moved["old/model"] = "new/model"
    hub.lies.commit_says = "d" * 40
    assert "the answer is for commit" in refusal("old/model")
    assert kept(cache) == []


def test_several_tokenizers_are_left_alone(hub: Loopback) -> None:
    hub.add("org/model", {**single(), **{f"{n}.tiktoken": b"YQ== 0\n" for n in range(20)}})
    assert geo.open_head("org/model").tokens is None
    assert not any("tiktoken" in one.path for one in hub.seen)


@pytest.mark.parametrize("address", ["huggingface", "http://me:secret@a", " ", "ftp://a", "http://a b", "https://"])
def test_an_endpoint_that_is_none(address: str, hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert "expected an address such as" in refusal("org/model")


def test_https_is_never_left_for_http() -> None:
    line = wire.Wire("org/model@main")
    assert line._next("http://a/x", "/y", "f") == "http://a/y"
    assert line._next("http://a/x", "https://b/y", "f") == "https://b/y"
    with pytest.raises(CheckpointError, match="expected an https address"):
        line._next("https://a/x", "http://b/y", "f")


def test_a_redirect_in_circles(hub: Loopback, cache: Path) -> None:
    commit = hub.add("org/model", single())
    hub.lies.redirect = f"{hub.endpoint}/org/model/resolve/{commit}/model.safetensors"
    assert "redirected more than" in refusal("org/model")
    assert kept(cache) == []


@pytest.mark.parametrize("cut", [331, 1021, 4096, CHUNK - 1, CHUNK, CHUNK + 1])
def test_wherever_a_stream_breaks_the_file_is_put_together(cut: int, hub: Loopback, cache: Path) -> None:
    hub.add("org/model", single())
    hub.lies.cut = cut
    geo.open_head("org/model")
    assert_right(cache)


def test_a_server_that_gives_a_byte_at_a_time_is_given_up_on(hub: Loopback, cache: Path) -> None:
    hub.add("org/model", single())
    hub.lies.cut = 1
    assert "did not come" in refusal("org/model")
    assert kept(cache) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("org/gated", "is gated: ask for access at"),
        ("org/private", "is private and no token with access"),
        ("org/nothing", "is not on"),
        ("org/model@nowhere", "no such branch, tag or commit"),
        ("org/model@" + "0" * 40, "no such branch, tag or commit"),
    ],
)
def test_no_access(name: str, says: str, hub: Loopback, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    hub.add("org/model", single())
    hub.add("org/gated", single(), gated=True)
    hub.add("org/private", single(), private=True)
    line = refusal(name)
    assert says in line
    assert "hf_of_somebody_else" not in line
    assert kept(cache) == []


HEADERS = {
    "a terabyte": ((10**12).to_bytes(8, "little") + b"{}" * 40, "claims 1,000,000,000,000 bytes"),
    "a header longer than the file": ((10**6).to_bytes(8, "little") + b"{}" * 40, "is truncated"),
    "no JSON": ((80).to_bytes(8, "little") + b"x" * 80, "does not parse"),
    "a tensor of a terabyte": (None, "is truncated: its tensors take"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
    "empty": (b"", "came; the server is at fault"),
}


@pytest.mark.parametrize("lie", HEADERS)
def test_hostile_headers(lie: str, hub: Loopback, cache: Path) -> None:
    content, says = HEADERS[lie]
    if content is None:
        entry = {"dtype": "F32", "shape": [2**18, 2**20], "data_offsets": [0, 2**40]}
        text = json.dumps({"lm_head.weight": entry}).encode()
        content = len(text).to_bytes(8, "little") + text
    hub.add("org/model", {**single(), "model.safetensors": content})
    line = refusal("org/model")
    assert says in line or (lie == "empty" and "answers 416" in line)
    assert kept(cache) == []
    assert hub.bytes_sent() < 200_000


@pytest.mark.parametrize(
    ("weight_map", "says"),
    [
        ({"lm_head.weight": "../../secret.safetensors"}, "names the shard"),
        ({"lm_head.weight": "/etc/x.safetensors"}, "names the shard"),
        ({"lm_head.weight": "http://elsewhere/x.safetensors"}, "which its index names"),
        ({"lm_head.weight": "absent.safetensors"}, "which its index names"),
        ({"lm_head.weight": "model-1.safetensors"}, "which does not hold it"),
        ({}, "no weight_map"),
        ({"lm_head.weight": 7}, "no names"),
        ({"x": "model-1.safetensors"}, "no head and no embedding"),
    ],
)
def test_hostile_indexes(weight_map: object, says: str, hub: Loopback, cache: Path) -> None:
    index = json.dumps({"weight_map": weight_map}).encode()
    hub.add("org/model", {**sharded(), "model.safetensors.index.json": index})
    assert says in refusal("org/model")
    assert kept(cache) == []
    assert not list(cache.glob("*/partial/*"))


def test_files_that_are_far_too_large_are_not_fetched(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/model", single(b" " * 10_000))
    monkeypatch.setattr("geometry.checkpoint.hub.fetch.MAX_TOKENIZER_BYTES", 5_000)
    assert "tokenizer.json has 10,000 bytes; expected at most 5,000" in refusal("org/model")


def test_a_head_that_the_disk_has_no_room_for(hub: Loopback, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    hub.add("org/model", single())
    monkeypatch.setattr(download, "SPARE_BYTES", 2**60)
    assert "are free there; make room" in refusal("org/model")
    assert kept(cache) == []


def test_a_cache_that_cannot_be_written(hub: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("GEOMETRY_CACHE", str(tmp_path / "file" / "cache"))
    hub.add("org/model", single())
    assert "cannot be written" in refusal("org/model")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"pytorch_model.bin": b"PK"}, "as a pickle"),
        ({"a-Q8_0.gguf": b"GGUF"}, "only GGUF files"),
        ({"a.safetensors": b"", "b.safetensors": b""}, "holds 2 safetensors files"),
        ({"README.md": b""}, "holds no head"),
        (
            {"adapter_config.json": b'{"base_model_name_or_path": "org/base"}', "adapter_model.safetensors": b""},
            'holds an adapter of "org/base"',
        ),
    ],
)
def test_repositories_without_weights(files: dict[str, bytes], says: str, hub: Loopback) -> None:
    hub.add("org/model", files)
    assert says in refusal("org/model")


@pytest.mark.parametrize(
    "name", ["hf://", "hf://org", "hf://a/b/c", "hf://../x", "hf://org/model@", "hf://org/--model"]
)
def test_names_that_are_none(name: str, hub: Loopback) -> None:
    refusal(name)
    assert not hub.seen
