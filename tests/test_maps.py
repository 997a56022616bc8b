"""The map of emoji: a plane of principal components, and how far it can be trusted."""

import numpy as np
import pytest
from head_factory import HeadFactory

import geometry as geo
from geometry.errors import GeometryError
from geometry.figures.emojimap import push_apart
from geometry.linalg import unit
from geometry.maps import map_emoji


@pytest.fixture(scope="module")
def folded() -> geo.Head:
    return geo.open_head("organism").folded()


def test_the_plane_is_that_of_the_first_components(folded: geo.Head):
    found = map_emoji(folded)
    rows = unit(folded.rows(found.ids))
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    assert found.variance == pytest.approx(values[:2].sum() / values.sum())
    np.testing.assert_allclose(np.var(found.points, axis=0), values[:2], rtol=1e-6)
    np.testing.assert_allclose(found.place(rows), found.points, atol=1e-9)
    assert len(set(found.texts)) == len(found.texts) == 1328


def test_trust_is_counted_as_by_hand(folded: geo.Head):
    found = map_emoji(folded)
    rows = unit(folded.rows(found.ids))
    shared = 0
    for index in range(0, len(rows), 60):
        near = set(np.argsort(((rows - rows[index]) ** 2).sum(axis=1))[1:11].tolist())
        drawn = set(np.argsort(((found.points - found.points[index]) ** 2).sum(axis=1))[1:11].tolist())
        shared += len(near & drawn)
    assert 0.5 < found.trust < 1
    assert found.overlap == pytest.approx(shared / 10 / len(range(0, len(rows), 60)), abs=0.06)


def test_how_much_lies_in_the_plane(folded: geo.Head):
    found = map_emoji(folded)
    inside = found.mean + 0.3 * found.axes[0] - 0.1 * found.axes[1]
    assert 0 < found.in_plane(inside[None])[0] <= 1
    away = found.place(inside[None])[0]
    np.testing.assert_allclose(away, (unit(inside) - found.mean) @ found.axes.T)


def test_too_few_emoji_make_no_map(make_head: HeadFactory):
    with pytest.raises(GeometryError, match="has 5 whole emoji; expected at least 10 for a map"):
        map_emoji(make_head())


def test_pushing_apart_moves_little_and_always_the_same():
    points = np.random.default_rng(0).uniform(0, 4, size=(200, 2))
    moved = push_apart(points, 0.2)
    apart = np.linalg.norm(moved[:, None] - moved[None], axis=2) + np.eye(200)
    assert (apart < 0.19).sum() < 10
    assert np.abs(moved - points).max() < 0.5
    assert np.array_equal(moved, push_apart(points, 0.2))
    assert len(push_apart(points[:1], 0.2)) == 1
