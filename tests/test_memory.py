"""The harness of the memory table on a small head: the same answers whatever may stay in memory. Nothing is timed."""

import sys
from pathlib import Path

import numpy as np
import pytest

import geometry as geo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import memory

VOCAB, DIM, DRAWN = 10_240, 1_024, 2_048


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sparse")
    assert memory.write_sparse_head(folder, VOCAB, DIM, drawn=DRAWN) == 2 * VOCAB * DIM
    return folder


def test_a_head_that_may_not_stay_gives_the_same_answers(sparse: Path):
    roomy = geo.open_head(sparse).land("sea + horse")
    tight = memory.measure(sparse, ["sea + horse"], most=16_000_000)
    assert tight["answers"] == [[one.id for one in roomy.landings]]
    assert tight["peak"] > 0


def test_a_sparse_head_against_brute_force(sparse: Path):
    head = geo.open_head(sparse, max_memory=16_000_000)
    found = head.land("#5 + #7", space="raw", keep_undertrained=True)
    rows = head.rows(range(VOCAB)).astype(np.float64)
    scores = rows @ (rows[5] + rows[7])
    order = np.lexsort((np.arange(VOCAB), -scores))
    order = order[head.candidates(keep_undertrained=True)[order]][:10]
    assert [one.id for one in found.landings] == order.tolist()
    assert not head.rows([DRAWN, VOCAB - 1]).any()


def test_a_head_of_nothing_but_holes_answers_or_says_why(tmp_path: Path):
    memory.write_sparse_head(tmp_path, 2_048, 64, drawn=0)
    head = geo.open_head(tmp_path)
    with pytest.raises(geo.errors.GeometryError, match="is zero and points nowhere"):
        head.land("#5 + #7", space="raw")
