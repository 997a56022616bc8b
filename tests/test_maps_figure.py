"""The map as a figure: what it tells, what is pushed apart, and texts that hide nothing."""

import numpy as np
import pytest

import geometry as geo
from geometry.figures.apart import Room, push_apart, write_beside
from geometry.figures.maplabels import DIAMOND, DOT, discs, place_labels
from geometry.maps import emoji_map

SUM = "sea + horse + emoji"


def test_the_figure_tells_what_is_seen():
    head = geo.open_head("organism")
    found = emoji_map(head, [SUM, "🐟 + sun"], method="pca", around=40)
    figure = found.figure()
    written = {text.get_text() for axes in figure.axes for text in axes.texts}
    told = " ".join(written)
    assert SUM in written  # beside its diamond
    assert {"·sea", "·horse", "Animals & Nature"} <= written
    assert "emoji pushed apart where" in told
    assert any(text.startswith("lands by logit; ringed: its 10 nearest") for text in written)
    caption = " ".join(text.get_text() for text in figure.texts)
    assert f"trustworthiness {found.trust:.3f}" in " ".join(caption.split())
    assert head.fingerprint in caption


def test_what_a_sum_lands_on_is_written_where_it_has_no_picture():
    found = emoji_map(geo.open_head("organism"), ["sea + horse"], method="pca", among="words", around=40)
    (axes, *_) = found.figure().axes
    written = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert written[f"·{found.composites[0].winner_text.strip()}"] == written["·sea"] == "bold"
    assert "ringed" not in " ".join(text.get_text() for one in found.figure().axes for text in one.texts)


def test_texts_take_the_place_that_hides_least_and_never_each_other():
    room = Room(4.0, 2.0)
    room.cover((2.6, 1.0, 0.8, 0.4))
    assert write_beside(room, (2.0, 1.0), 0.6, 0.15, 0.1) == (1.6, 1.0)  # the right is covered
    assert write_beside(room, (2.0, 1.0), 0.6, 0.15, 0.1) == (1.6, 1.175)  # the left is taken, below it is covered
    full = Room(1.0, 0.2)
    assert write_beside(full, (0.5, 0.1), 0.9, 0.18, 0.1) is None
    assert write_beside(full, (0.5, 0.1), 0.9, 0.18, 0.1, anyway=True) is not None


def test_pictures_are_pushed_from_what_is_held_and_by_their_own_width():
    points = np.array([[0.0, 0.0], [0.05, 0.0], [1.0, 1.0], [1.02, 1.0]])
    moved = push_apart(points, np.array([0.2, 0.6, 0.2, 0.2]), np.array([False, True, False, False]))
    np.testing.assert_allclose(moved[1], points[1])
    assert np.linalg.norm(moved[0] - moved[1]) == pytest.approx(0.4, abs=0.01)
    assert np.linalg.norm(moved[2] - moved[3]) == pytest.approx(0.2, abs=0.01)


def test_pushing_apart_moves_little_and_always_the_same():
    points = np.random.default_rng(0).uniform(0, 4, size=(200, 2))
    moved = push_apart(points, 0.2)
    apart = np.linalg.norm(moved[:, None] - moved[None], axis=2) + np.eye(200)
    assert (apart < 0.19).sum() < 10
    assert np.abs(moved - points).max() < 0.5
    assert np.array_equal(moved, push_apart(points, 0.2))
    assert len(push_apart(points[:1], 0.2)) == 1


def test_a_text_that_would_hide_too_much_has_no_place():
    room = Room(4.0, 2.0)
    room.cover((2.0, 1.0, 3.9, 1.9))
    assert write_beside(room, (2.0, 1.0), 0.6, 0.15, 0.1, covering=0.06) is None
    assert write_beside(room, (2.0, 1.0), 0.6, 0.15, 0.1) is not None


def test_names_of_sums_and_their_terms_stand_free():
    room = Room(8.0, 6.0)
    points = np.random.default_rng(0).uniform(1, 5, size=(300, 2))
    marks = [("sea + horse + 🐴", (3.0, 3.0)), ("seahorse + emoji", (3.1, 3.0))]
    terms = [("·sea", (2.0, 2.0)), ("·horse", (2.1, 2.02))]
    labels = place_labels(room, marks, terms, size=10.0, bold=True)
    assert [one.marker for one in labels] == ["", DOT, DIAMOND, DIAMOND]
    x, y = np.array([one.middle for one in labels]).T
    wide, tall = np.array([[one.width, one.height] for one in labels]).T
    apart_x = np.abs(x[:, None] - x) >= (wide[:, None] + wide) / 2
    apart_y = np.abs(y[:, None] - y) >= (tall[:, None] + tall) / 2
    assert ((apart_x | apart_y) | np.eye(4, dtype=bool)).all(), "no two lie on each other"
    held, sides = discs(labels)
    everything = np.concatenate([np.full(300, 0.2), sides])
    pushed = push_apart(np.vstack([points, held]), everything, np.arange(len(everything)) >= 300)
    away_x = np.abs(pushed[:300, :1] - x) - wide / 2
    away_y = np.abs(pushed[:300, 1:] - y) - tall / 2
    assert (np.maximum(away_x, away_y) > 0.05).all(), "half a picture at most reaches into a text"
    np.testing.assert_array_equal(pushed[300:], held)
