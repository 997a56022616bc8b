"""Folders that lie: hostile indexes, links, pointers, pipes and JSON."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from forged import entry, forge, write_head, write_sharded

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.checkpoint.guards import MAX_INDEX_BYTES, MAX_JSON_BYTES
from geometry.errors import CheckpointError

INDEX = "model.safetensors.index.json"


def refusal(spec: Path | str) -> str:
    """Return the one line with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "../secret/a.safetensors",
        "sub/../../a.safetensors",
        "/etc/a.safetensors",
        "C:a.safetensors",
        "C:/a.safetensors",
        "sub\\a.safetensors",
        "a\0.safetensors",
        "a\n.safetensors",
        "a.bin",
        "a.safetensors/..",
        "",
    ],
)
def test_hostile_shard_names(name: str, tmp_path: Path) -> None:
    write_head(tmp_path / "secret" / "a.safetensors")
    folder = write_sharded(tmp_path / "model", {"lm_head.weight": name})
    assert "names the shard" in refusal(folder)


def test_a_shard_in_a_folder_below_is_fine(tmp_path: Path) -> None:
    folder = write_sharded(tmp_path, {"lm_head.weight": "sub/b.safetensors"})
    write_head(folder / "sub" / "b.safetensors")
    assert "lm_head.weight" in open_checkpoint(folder).tensors


def test_a_shard_that_is_missing(tmp_path: Path) -> None:
    folder = write_sharded(tmp_path, {"lm_head.weight": "a.safetensors", "x": "b.safetensors"})
    assert 'names the shard "b.safetensors", which is not there' in refusal(folder)


@pytest.mark.parametrize(
    ("config", "of"),
    [('{"base_model_name_or_path": "org/base"}', '"org/base"'), ("{}", "a model that it does not name")],
)
def test_an_adapters_folder(config: str, of: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(config)
    adapter = tmp_path / "adapter_model.safetensors"
    write_head(adapter)
    told = f"holds an adapter of {of}, and no head; merge it into that model, or open that one"
    assert told in refusal(tmp_path)
    adapter.rename(tmp_path / "adapter_model.bin")
    assert told in refusal(tmp_path)
    write_head(tmp_path / "model.safetensors")
    assert "lm_head.weight" in open_checkpoint(tmp_path).tensors


def test_a_tensor_that_its_shard_lacks(tmp_path: Path) -> None:
    folder = write_sharded(tmp_path, {"model.embed_tokens.weight": "a.safetensors"})
    checkpoint = open_checkpoint(folder)
    with pytest.raises(CheckpointError, match=r'places tensor "model.embed_tokens.weight" in "a.safetensors", which'):
        find_layout(checkpoint.tensors, checkpoint.config)


def test_stale_tensors_in_a_shard_are_ignored(tmp_path: Path) -> None:
    folder = write_sharded(tmp_path, {"lm_head.weight": "b.safetensors"})
    write_head(folder / "b.safetensors", rows=16)
    write_head(folder / "a.safetensors", rows=99)
    checkpoint = open_checkpoint(folder)
    assert checkpoint.tensors["lm_head.weight"].shape == (16, 4)
    assert checkpoint.bytes_total == (folder / "b.safetensors").stat().st_size


@pytest.mark.parametrize("weight_map", [{}, [], None, "a.safetensors"])
def test_an_index_without_a_weight_map(weight_map: Any, tmp_path: Path) -> None:
    assert "no weight_map" in refusal(write_sharded(tmp_path, weight_map))


@pytest.mark.parametrize("weight_map", [{"a": 1}, {"a": ["a.safetensors"]}, {"a": None}])
def test_an_index_whose_files_are_no_names(weight_map: Any, tmp_path: Path) -> None:
    assert "whose files are no names" in refusal(write_sharded(tmp_path, weight_map))


def test_an_index_with_a_key_twice(tmp_path: Path) -> None:
    folder = write_sharded(tmp_path, {})
    (folder / INDEX).write_text('{"weight_map": {"a": "a.safetensors", "a": "b.safetensors"}}')
    assert 'has "a" twice' in refusal(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_link_out_of_the_folder(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_head(folder / "model.safetensors")
    outside = tmp_path / "outside"
    outside.write_bytes((folder / "model.safetensors").read_bytes() if "model" in file else b"{}")
    (folder / file).unlink(missing_ok=True)
    (folder / file).symlink_to(outside)
    assert "outside its folder" in refusal(folder)


def test_a_linked_folder_out_of_the_folder(tmp_path: Path) -> None:
    write_head(tmp_path / "outside" / "a.safetensors")
    folder = write_sharded(tmp_path / "model", {"lm_head.weight": "sub/a.safetensors"})
    (folder / "sub").symlink_to(tmp_path / "outside")
    assert "outside its folder" in refusal(folder)


@pytest.mark.parametrize("target", ["nowhere", "model.safetensors"])
def test_a_link_to_nothing_or_to_itself(target: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(target)
    assert "cannot be opened" in refusal(tmp_path)


def test_a_link_inside_the_folder_is_fine(tmp_path: Path) -> None:
    write_head(tmp_path / "weights" / "w")
    (tmp_path / "model.safetensors").symlink_to("weights/w")
    assert "lm_head.weight" in open_checkpoint(tmp_path).tensors


def hub_cache(tmp_path: Path, target: str) -> Path:
    """Write a Hub cache with one snapshot whose model file links to ``target``, and return the snapshot."""
    repo = tmp_path / "models--org--name"
    write_head(repo / "blobs" / "abc")
    write_head(tmp_path / "models--org--other" / "blobs" / "def")
    snapshot = repo / "snapshots" / "rev"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(target)
    return snapshot


def test_the_hubs_cache_is_fine(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(hub_cache(tmp_path, "../../blobs/abc"))
    assert "lm_head.weight" in checkpoint.tensors
    assert checkpoint.name == "org/name"


def test_another_models_blobs_are_not(tmp_path: Path) -> None:
    assert "outside its folder" in refusal(hub_cache(tmp_path, "../../../models--org--other/blobs/def"))


def test_a_file_named_by_the_person_may_be_a_link(tmp_path: Path) -> None:
    write_head(tmp_path / "outside")
    (tmp_path / "link.safetensors").symlink_to("outside")
    assert "lm_head.weight" in open_checkpoint(tmp_path / "link.safetensors").tensors


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", INDEX])
def test_a_pipe_does_not_hang(file: str, tmp_path: Path) -> None:
    if file != INDEX:
        write_head(tmp_path / "model.safetensors")
    (tmp_path / file).unlink(missing_ok=True)
    os.mkfifo(tmp_path / file)
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize("spec", ["/dev/null", "/dev/zero"])
def test_a_device(spec: str) -> None:
    assert "not a regular file" in refusal(spec)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    assert "not a regular file" in refusal(tmp_path)


@pytest.mark.parametrize(("file", "limit"), [("config.json", MAX_JSON_BYTES), (INDEX, MAX_INDEX_BYTES)])
def test_oversize_json_is_refused_unread(file: str, limit: int, tmp_path: Path) -> None:
    if file == "config.json":
        write_head(tmp_path / "model.safetensors")
    with (tmp_path / file).open("wb") as sparse:
        sparse.truncate(limit + 1)
    assert f"expected at most {limit:,}" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not parse"),
        ("[]", "is a list; expected an object"),
        ('{"a": ', "does not parse"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 10_000 + "}", "does not parse"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_bad_config(text: str, says: str, tmp_path: Path) -> None:
    write_head(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(text)
    assert says in refusal(tmp_path)


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickles_are_not_opened(pickle: str, tmp_path: Path) -> None:
    (tmp_path / pickle).write_bytes(b"\x80\x04.")
    says = refusal(tmp_path)
    assert pickle in says
    assert "expected safetensors; convert it first" in says


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no head: expected model.safetensors" in refusal(tmp_path)


def test_several_files_without_an_index(tmp_path: Path) -> None:
    write_head(tmp_path / "a.safetensors")
    write_head(tmp_path / "b.safetensors")
    assert "holds 2 safetensors files and no model.safetensors.index.json" in refusal(tmp_path)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"PK")
    assert "no safetensors file by its name" in refusal(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "no such head: ''; expected a folder, a .safetensors or .gguf file, a bundled name (organism"),
        ("nothing", "no such head: 'nothing'"),
        ("a\0b", "no such head"),
        ("x" * 5000, "no such head"),
        ("org/model", "no folder or file 'org/model' here; on the Hub: org/model@main: the list of its files did not"),
        ("hf://org/model@v1", "nothing of org/model at v1 is kept in"),
    ],
)
def test_no_such_head(spec: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("geometry.checkpoint.hub.wire.PAUSE", 0.001)
    assert says in refusal(spec)


HEADS: dict[str, tuple[str, list[int], str]] = {
    "one axis": ("F32", [8], "has shape [8]; expected (vocab, dim)"),
    "three axes": ("F32", [2, 2, 2], "has shape [2, 2, 2]"),
    "no rows": ("F32", [0, 4], "has shape [0, 4]"),
    "no columns": ("F32", [4, 0], "has shape [4, 0]"),
    "double": ("F64", [8, 4], "stored as F64"),
    "integers": ("I32", [8, 4], "stored as I32"),
    "eight bits": ("F8_E4M3", [8, 4], "stored as F8_E4M3"),
}
WIDTH = {"F32": 4, "F64": 8, "I32": 4, "F8_E4M3": 1}


@pytest.mark.parametrize("beside", [True, False], ids=["beside an embedding", "alone"])
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_of_the_wrong_kind(kind: str, beside: bool, tmp_path: Path) -> None:
    dtype, shape, says = HEADS[kind]
    size = WIDTH[dtype]
    for n in shape:
        size *= n
    header = {"lm_head.weight": entry(dtype, shape, 0, size)}
    if beside:
        header["model.embed_tokens.weight"] = entry("F32", [8, 4], size, size + 128)
        size += 128
    forge(tmp_path / "model.safetensors", header, bytes(size))
    checkpoint = open_checkpoint(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        find_layout(checkpoint.tensors, checkpoint.config)
    assert says in str(caught.value)


@pytest.mark.parametrize("companion", ["qweight", "weight_scale_inv", "scales"])
def test_a_quantised_head(companion: str, tmp_path: Path) -> None:
    header = {
        "model.embed_tokens.weight": entry("F32", [8, 4], 0, 128),
        f"lm_head.{companion}": entry("I32", [2], 128, 136),
    }
    forge(tmp_path / "model.safetensors", header, bytes(136))
    checkpoint = open_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="the head is quantised"):
        find_layout(checkpoint.tensors, checkpoint.config)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "true", '"1e-5"', "[1]"])
def test_a_number_of_the_config_that_is_none(value: str, tmp_path: Path) -> None:
    from geometry.readout import make_readout

    header = {
        "model.embed_tokens.weight": entry("F32", [8, 4], 0, 128),
        "model.norm.weight": entry("F32", [4], 128, 144),
    }
    forge(tmp_path / "model.safetensors", header, bytes(144))
    (tmp_path / "config.json").write_text(f'{{"model_type": "llama", "rms_norm_eps": {value}}}')
    checkpoint = open_checkpoint(tmp_path)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    reason = make_readout(checkpoint.config, layout, checkpoint).reason
    assert "for rms_norm_eps; expected a finite number" in reason


def test_an_infinity_that_nobody_reads_is_let_through(tmp_path: Path) -> None:
    write_head(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "mamba2", "time_step_limit": [0.0, Infinity]}')
    assert json.dumps(open_checkpoint(tmp_path).config["time_step_limit"]) == "[0.0, Infinity]"
