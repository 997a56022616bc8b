"""Search against a float64 brute force: ids and scores, ties by id, every metric, space and backend."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import geometry as geo
from geometry.errors import OptionError, ReadoutError
from geometry.scoring import score_with
from geometry.search import neighbors

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


def check(head: geo.Head, vectors: np.ndarray, metric: Any, k: int, backend: Any, allowed: np.ndarray) -> None:
    found = neighbors(head, vectors, k, metric=metric, allowed=allowed, backend=backend)
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


def test_nothing_allowed_finds_nothing(make_head):
    found = neighbors(make_head(), np.ones((1, 16)), 3, allowed=np.zeros(420, dtype=bool))
    assert found[0].ids.tolist() == []
