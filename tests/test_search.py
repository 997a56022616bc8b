"""Search against a float64 brute force: ids and scores, ties by id, every metric, space and backend."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import geometry as geo
from geometry.errors import OptionError, ReadoutError
from geometry.scoring import score_with
from geometry.search import BestRows, neighbors, scan
from geometry.search.device import choose_device, stored_there
from geometry.search.narrow import NarrowRows

METRICS = ("logit", "cosine", "euclidean")
SPACES = ("raw", "folded", "centered", "whitened")


def brute_force(head: geo.Head, vector: np.ndarray, metric: str) -> np.ndarray:
    """Scores of every row in float64, by the definitions and nothing else."""
    stored = head.opened.matrix.rows(range(head.vocab)).astype(np.float64)
    rows = head.space.apply(stored)
    if metric == "cosine":
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
        return np.divide(rows @ vector, lengths, out=np.zeros(len(rows)), where=lengths > 0)
    if metric == "euclidean":
        return -np.linalg.norm(rows - vector, axis=1)
    scores = rows @ vector
    if head.space.name != "raw":
        readout = head.readout
        scores = scores + (0 if readout.beta is None else stored @ readout.beta.astype(np.float64))
        scores = scores + (0 if readout.bias is None else readout.bias)
    return scores


def check(
    head: geo.Head, vectors: np.ndarray, metric: Any, k: int, backend: Any, allowed: np.ndarray, device: str = "cpu"
) -> None:
    found = neighbors(head, vectors, k, metric=metric, allowed=allowed, backend=backend, device=device)
    for vector, one in zip(vectors, found, strict=True):
        truth = np.where(allowed, brute_force(head, vector, metric), -np.inf)
        order = np.lexsort((np.arange(head.vocab), -truth))[: min(k, allowed.sum())]
        np.testing.assert_allclose(one.scores, truth[order], rtol=1e-9, atol=1e-9)
        distinct = np.diff(truth[order], append=-np.inf, prepend=np.inf)
        settled = (np.abs(distinct[:-1]) > 1e-9) & (np.abs(distinct[1:]) > 1e-9)
        np.testing.assert_array_equal(one.ids[settled], order[settled])
        assert (np.diff(one.scores) <= 0).all()


@pytest.mark.parametrize("backend", ["faiss", "scan"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("model_type", ["llama", "phi", "bert"])
def test_every_metric_and_space_equals_brute_force(make_head, model_type: str, space: str, metric: str, backend: str):
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(420, 16)) + 3.0
    head = make_head(rows, model_type=model_type).in_space(space)
    if space == "whitened" and metric == "logit":
        with pytest.raises(ReadoutError, match="use --metric cosine or euclidean"):
            score_with(head, np.ones((1, 16)), metric)
        return
    vectors = generator.normal(size=(7, 16)) * 4
    check(head, vectors, metric, 10, backend, head.opened.finite)
    check(head, vectors, metric, 3, backend, generator.random(420) < 0.2)
    check(head, vectors, metric, 1000, backend, head.opened.finite)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(1, 40), st.sampled_from(METRICS), st.sampled_from(["faiss", "scan"]))
def test_ties_are_broken_by_id(make_head, seed: int, k: int, metric: str, backend: str):
    """Rows drawn from a handful, so that nearly everything ties, more often than the slack holds."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(-2, 3, size=(4, 8)).astype(np.float32)[generator.integers(0, 4, size=300)]
    head = make_head(rows, with_tokenizer=False)
    vector = generator.normal(size=(1, 8))
    found = neighbors(head, vector, k, metric=metric, backend=backend)[0]
    truth = score_with(head, vector, metric).exact(0, np.arange(300))
    assert found.ids.tolist() == np.lexsort((np.arange(300), -truth))[:k].tolist()


def test_near_ties_below_float32_are_settled_in_float64(make_head):
    """Rows that float32 products cannot tell apart keep their float64 order, in either backend."""
    generator = np.random.default_rng(0)
    rows = np.full((200, 64), 1000.0, dtype=np.float32)
    rows[:, 0] = np.float32(1.0) + generator.permutation(200).astype(np.float32) * np.finfo(np.float32).eps
    head = make_head(rows, with_tokenizer=False)
    vector = np.ones((1, 64))
    for backend in ("faiss", "scan"):
        found = neighbors(head, vector, 5, metric="logit", backend=backend)[0]
        assert found.ids.tolist() == np.argsort(-rows[:, 0], kind="stable")[:5].tolist()


def test_rows_that_are_not_finite_are_never_found(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[7, 3], rows[9, 0] = np.nan, np.inf
    head = make_head(rows)
    for metric in METRICS:
        found = neighbors(head, np.ones((2, 16)), 420, metric=metric)
        assert all(not {7, 9} & set(one.ids.tolist()) for one in found)
        assert all(np.isfinite(one.scores).all() for one in found)


def test_a_zero_row_has_cosine_similarity_zero(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[5] = 0
    head = make_head(rows)
    found = neighbors(head, np.ones((1, 16)), 420, metric="cosine", allowed=np.ones(420, dtype=bool))[0]
    assert found.scores[found.ids.tolist().index(5)] == 0.0


def test_k_must_be_positive(make_head):
    with pytest.raises(OptionError, match="k=0 arrived; expected at least 1"):
        neighbors(make_head(), np.ones((1, 16)), 0)


def test_many_queries_are_asked_some_at_a_time(make_head, monkeypatch):
    head, vectors = make_head(), np.random.default_rng(0).normal(size=(7, 16))
    together = neighbors(head, vectors, 5)
    monkeypatch.setattr("geometry.search.rows.ASKED_AT_ONCE", 3)
    for one, other in zip(neighbors(head, vectors, 5), together, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()
    assert neighbors(head, vectors[:0], 5) == []


def test_nothing_allowed_finds_nothing(make_head):
    found = neighbors(make_head(), np.ones((1, 16)), 3, allowed=np.zeros(420, dtype=bool))
    assert found[0].ids.tolist() == []


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")
    ),
]

STORED = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def stored_head(folder: Path, rows: np.ndarray, dtype: str = "bf16", bias: np.ndarray | None = None) -> geo.Head:
    """A head whose rows are stored in some dtype, under a norm whose gain is not trivial."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "lm_head.weight": torch.from_numpy(rows).to(STORED[dtype]),
        "model.norm.weight": torch.rand(rows.shape[1], generator=generator) + 0.5,
    }
    if bias is not None:
        tensors["lm_head.bias"] = torch.from_numpy(bias).float()
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "llama", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    return geo.open_head(folder)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("space", ["raw", "folded", "centered"])
def test_products_of_stored_rows_equal_brute_force(tmp_path, space: str, metric: str, dtype: str, device: str):
    """More rows than one group, a last group that is not full, sizes that differ by thousands, zeros and twins."""
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(1_501, 40)) * 10.0 ** generator.uniform(-2, 1, size=(1_501, 1)) + 0.1
    rows[[3, 700]], rows[900] = 0.0, rows[11]
    head = stored_head(tmp_path / "head", rows, dtype, generator.normal(size=1_501)).in_space(space)
    vectors = generator.normal(size=(9, 40)) * 3
    for k, allowed in ((10, head.opened.finite), (3, generator.random(1_501) < 0.1), (2_000, head.opened.finite)):
        check(head, vectors, metric, k, "narrow", allowed, device)
    check(head, vectors[:1], metric, 10, "narrow", generator.random(1_501) < 0.9, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("queries", [1, 3, 150])
def test_narrow_products_give_what_float32_gives(tmp_path, queries: int, device: str):
    """The same ids and the same scores to the last bit, so that no answer tells which way it was found."""
    generator = np.random.default_rng(3)
    head = stored_head(tmp_path / "head", generator.normal(size=(6_000, 64)) + 0.3)
    vectors = generator.normal(size=(queries, 64))
    for metric in METRICS:
        narrow = neighbors(head, vectors, 12, metric=metric, backend="narrow", device=device)
        for backend in ("faiss", "scan"):
            wide = neighbors(head, vectors, 12, metric=metric, backend=backend)
            for one, other in zip(narrow, wide, strict=True):
                np.testing.assert_array_equal(one.ids, other.ids)
                np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("device", DEVICES)
def test_rows_that_bf16_cannot_tell_apart_are_settled(tmp_path, device: str):
    """A common part a thousand times as large as the differences: too many rows are in doubt, and float32 is asked."""
    generator = np.random.default_rng(4)
    rows = generator.integers(-3, 4, size=(5_000, 32)) + 256.0
    head = stored_head(tmp_path / "head", rows)
    vectors = np.ones((2, 32)) + generator.normal(size=(2, 32)) * 1e-3
    scoring = score_with(head, vectors, "logit")
    best = BestRows(scoring, head.candidates(), 5, backend="narrow", device=device)
    scan(head, [best])
    assert 0 in best._way.found()[1]
    for query, found in enumerate(best.result()):
        truth = scoring.exact(query, np.arange(5_000))
        assert found.ids.tolist() == np.lexsort((np.arange(5_000), -truth))[:5].tolist()


@pytest.mark.parametrize("device", DEVICES)
def test_awkward_stored_rows(tmp_path, device: str):
    """Rows that are not finite, huge ones, and ones so small that a processor may take them for 0."""
    generator = np.random.default_rng(5)
    rows = generator.normal(size=(1_000, 16))
    rows[5, 3], rows[6, 0], rows[7, 1], rows[8] = np.nan, np.inf, -np.inf, 1e13
    rows[9], rows[10], rows[11:20] = 1e30, -1e13, generator.normal(size=(9, 16)) * 1e-39
    head = stored_head(tmp_path / "head", rows)
    vectors = generator.normal(size=(4, 16))
    for metric in ("logit", "cosine"):
        scoring = score_with(head, vectors, metric)
        found = neighbors(head, vectors, 1_000, metric=metric, backend="narrow", device=device)
        for query, one in enumerate(found):
            ids = np.flatnonzero(head.candidates())
            truth = scoring.exact(query, ids)
            assert not {5, 6, 7, 9} & set(one.ids.tolist())
            assert one.ids.tolist() == ids[np.lexsort((ids, -truth))].tolist()
        few = neighbors(head, vectors, 7, metric=metric, backend="narrow", device=device)
        assert [one.ids.tolist() for one in few] == [one.ids[:7].tolist() for one in found]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(1, 70), st.integers(1, 20), st.sampled_from(METRICS))
def test_bounds_hold_for_every_row(tmp_path, seed: int, k: int, queries: int, metric: str):
    """No row's score lies outside what its rounded product allows, and ties among few distinct rows go by id."""
    generator = np.random.default_rng(seed)
    few = generator.normal(size=(5, 24)) * 10.0 ** generator.uniform(-3, 3, size=(5, 1))
    head = stored_head(tmp_path / str(seed), few[generator.integers(0, 5, size=400)], bias=generator.normal(size=400))
    head = head.in_space("raw" if seed % 2 else "folded")
    vectors = generator.normal(size=(queries, 24))
    scoring = score_with(head, vectors, metric)
    way = NarrowRows(scoring, head.candidates(), k, "cpu")
    raw = head.opened.matrix.raw_block(0, 400)
    products = way._multiply(stored_there(head.opened.matrix, 0, raw, "cpu")).double().numpy()
    real = head.rows(range(400)) if head.space.name == "raw" else head.opened.matrix.rows(range(400))
    linear = scoring.x @ real.astype(np.float64).T + scoring.offset[:, None]
    linear = linear * (1.0 if scoring.scale is None else scoring.scale)
    linear = linear + (0.0 if scoring.shift is None else scoring.shift)
    for query in range(queries):
        low, high = way._bounds.scores(products[query], np.full(400, query), np.arange(400))
        assert (low <= linear[query]).all()
        assert (linear[query] <= high).all()
    for query, found in enumerate(neighbors(head, vectors, k, metric=metric, backend="narrow", device="cpu")):
        truth = scoring.exact(query, np.arange(400))
        assert found.ids.tolist() == np.lexsort((np.arange(400), -truth))[:k].tolist()


def test_the_product_at_hand_is_taken_for_large_heads_in_bf16(tmp_path, make_head, monkeypatch):
    generator = np.random.default_rng(6)
    large = stored_head(tmp_path / "large", generator.normal(size=(70_000, 64)))
    for head, taken in ((large, True), (make_head(), False)):
        best = BestRows(score_with(head, np.ones((1, head.dim)), "logit"), head.candidates(), 5, device="cpu")
        assert best.takes_stored == taken
    monkeypatch.setattr("geometry.search.narrow.rounds_once", lambda *_: False)
    best = BestRows(score_with(large, np.ones((1, 64)), "logit"), large.candidates(), 5, device="cpu")
    assert not best.takes_stored
    best = BestRows(score_with(large, np.full((1, 64), 1e20), "cosine"), large.candidates(), 5, device="cpu")
    assert not best.takes_stored


def test_a_pass_decodes_only_for_those_who_ask(tmp_path):
    head = stored_head(tmp_path / "head", np.random.default_rng(7).normal(size=(3_000, 32)))
    scoring = score_with(head, np.ones((1, 32)), "logit")
    ways = [BestRows(scoring, head.candidates(), 5, backend=backend) for backend in ("narrow", "faiss", "scan")]
    scan(head, ways)
    first, *others = (way.result()[0] for way in ways)
    for other in others:
        np.testing.assert_array_equal(first.ids, other.ids)


def test_a_device_that_is_not_there_is_named(make_head, monkeypatch):
    with pytest.raises(OptionError, match="device 'tpu' arrived; expected one of auto, cpu, cuda"):
        choose_device("tpu")
    monkeypatch.setenv("GEOMETRY_DEVICE", "abacus")
    with pytest.raises(OptionError, match=r"\$GEOMETRY_DEVICE 'abacus' arrived"):
        choose_device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("GEOMETRY_DEVICE", "cuda")
    with pytest.raises(OptionError, match="expected a GPU that torch can use, and it finds none; use cpu"):
        choose_device()
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == "cpu"
