"""Heads from a Hub: the right tensors, few bytes, the commit recorded, and the token kept at home."""

import json
from pathlib import Path

import numpy as np
import pytest
from loopback import Loopback
from models import sharded, single, tensors

import geometry as geo
from geometry.info import describe

MAKERS = {"single": single, "sharded": sharded}


@pytest.fixture
def tokenizer(tokenizer_file: Path) -> bytes:
    return tokenizer_file.read_bytes()


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("layout", MAKERS)
def test_a_head_is_the_one_of_the_whole_checkpoint(
    layout: str, tied: bool, hub: Loopback, tokenizer: bytes, tmp_path: Path
) -> None:
    files = MAKERS[layout](tokenizer, tied=tied)
    commit = hub.add("org/model", files)
    local = tmp_path / "whole"
    local.mkdir()
    for name, content in files.items():
        (local / name).write_bytes(content)
    head, whole = geo.open_head("org/model"), geo.open_head(local)
    assert (head.fingerprint, head.vocab, head.dim) == (whole.fingerprint, whole.vocab, whole.dim)
    np.testing.assert_array_equal(head.rows(range(head.vocab)), whole.rows(range(head.vocab)))
    residuals = np.random.default_rng(0).normal(size=(3, head.dim)).astype(np.float32)
    np.testing.assert_array_equal(head.logits(residuals), whole.logits(residuals))
    assert str(head.land("sea + horse", exclude_inputs=True).landings) == str(
        whole.land("sea + horse", exclude_inputs=True).landings
    )
    mine, its = describe(head).to_dict(), describe(whole).to_dict()
    assert mine["source"] == f"hf://org/model@{commit}"
    for key in ("tied", "head_tensor", "norm", "readout", "dtype", "bytes_total", "regime", "tokens"):
        assert mine[key] == its[key], key


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("layout", MAKERS)
def test_what_is_read_is_head_norm_headers_and_small_files(
    layout: str, tied: bool, hub: Loopback, tokenizer: bytes
) -> None:
    files = MAKERS[layout](tokenizer, tied=tied)
    hub.add("org/model", files)
    info = describe(geo.open_head("hf://org/model@main")).to_dict()
    head = tensors(tied=tied)["model.embed_tokens.weight"].nbytes
    small = sum(len(content) for name, content in files.items() if name.endswith(".json"))
    touched = {one.path.split("?")[0] for one in hub.seen if one.origin == "store"}
    allowed = head + 64 * 4 + 128 * 1024 * len(touched) + small
    listed = sum(one.sent for one in hub.seen if "/api/" in one.path)
    assert hub.bytes_sent() <= allowed
    assert hub.bytes_sent() + listed == info["bytes_read"]
    assert info["bytes_total"] == sum(len(v) for k, v in files.items() if k.endswith((".safetensors", ".json")))
    assert not any("README" in one.path for one in hub.seen)
    if layout == "sharded":
        assert len(touched) == 2


def test_the_commit_is_pinned_and_recorded(hub: Loopback, cache: Path) -> None:
    first = hub.add("org/model", single())
    other = {**single(), "config.json": json.dumps({"model_type": "llama", "rms_norm_eps": 0.5}).encode()}
    second = hub.add("org/model", other, branch="dev/x")
    assert geo.open_head("org/model@dev/x").readout.eps == 0.5
    assert geo.open_head("org/model").readout.eps == 1e-5
    assert geo.open_head(f"org/model@{second}").readout.eps == 0.5
    asked = {one.path.split("/resolve/")[1].split("/")[0] for one in hub.seen if "/resolve/" in one.path}
    assert asked == {first, second}
    record = json.loads((next(cache.glob("*/heads/org--model")) / first / "provenance.json").read_text())
    assert record["origin"]["commit"] == first
    assert [tensor["name"] for tensor in record["tensors"]] == ["lm_head.weight", "model.norm.weight"]
    assert {"sha256", "file", "offset", "nbytes", "etag"} <= record["tensors"][0].keys()


def test_what_is_kept_is_not_fetched_again(hub: Loopback) -> None:
    commit = hub.add("org/model", single())
    first = describe(geo.open_head("org/model")).to_dict()
    asked = len(hub.seen)
    again = describe(geo.open_head("org/model")).to_dict()
    assert [one.path.split("?")[0] for one in hub.seen[asked:]] == ["/api/models/org/model/revision/main"]
    assert (first["hub"]["cached"], again["hub"]["cached"]) == (False, True)
    assert first["bytes_read"] == again["bytes_read"]
    asked = len(hub.seen)
    geo.open_head(f"org/model@{commit}")
    assert len(hub.seen) == asked, "a commit never changes: nothing is to be asked"


def test_a_branch_that_moved_is_fetched_anew(hub: Loopback) -> None:
    hub.add("org/model", single())
    old = geo.open_head("org/model")
    hub.add("org/model", single(tied=True))
    new = geo.open_head("org/model")
    assert old.opened.layout.head == "lm_head.weight"
    assert new.opened.layout.head == "model.embed_tokens.weight"


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: Loopback) -> None:
    hub.add("org/model", sharded(), gated=True)
    geo.open_head("org/model")
    sent = {(one.origin, one.authorization) for one in hub.seen}
    assert sent == {("hub", f"Bearer {Loopback.TOKEN}"), ("store", "")}


def test_without_a_token_nothing_is_sent(hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere/token")
    hub.add("org/model", single())
    geo.open_head("org/model")
    assert {one.authorization for one in hub.seen} == {""}


def test_a_tokenizer_alone_reads_no_weights(hub: Loopback, tokenizer: bytes) -> None:
    from geometry.cli.heads import open_words

    hub.add("org/model", single(tokenizer))
    words = open_words("org/model")
    assert words.ids(" sea")
    assert not any("safetensors" in one.path for one in hub.seen)
    asked = len(hub.seen)
    open_words("org/model")
    assert len(hub.seen) == asked + 1


def test_the_embedding_comes_when_it_is_asked_for(hub: Loopback) -> None:
    hub.add("org/model", sharded())
    head = geo.open_head("org/model")
    before = describe(head).to_dict()["bytes_read"]
    info = describe(head, check_tied=True).to_dict()
    assert info["embedding"] == "different"
    assert info["bytes_read"] > before + tensors()["model.embed_tokens.weight"].nbytes
    asked = len(hub.seen)
    assert describe(geo.open_head("org/model"), check_tied=True).to_dict()["embedding"] == "different"
    assert len(hub.seen) == asked + 1


def test_a_model_that_was_renamed(hub: Loopback) -> None:
    hub.add("new/model", single(), gated=True)
    hub.lies.moved["old/model"] = "new/model"
    assert geo.open_head("old/model").vocab == len(tensors()["lm_head.weight"])
    assert {(one.origin, one.authorization) for one in hub.seen} == {
        ("hub", f"Bearer {Loopback.TOKEN}"), ("store", "")
    }  # fmt: skip


def test_a_local_folder_of_that_name_comes_first(
    hub: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("org/model", single())
    folder = tmp_path / "org" / "model"
    folder.mkdir(parents=True)
    for name, content in single(tied=True).items():
        (folder / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert geo.open_head("org/model").opened.layout.tied
    assert not hub.seen
    assert not geo.open_head("hf://org/model").opened.layout.tied
