"""The contest of emoji against all other rows: against a float64 brute force, and what has nobody left to win."""

import sys

import numpy as np
import pytest
from jaxtyping import Float64, TypeCheckError

import geometry as geo
from geometry import contest as module
from geometry.contest import Contest, contest
from geometry.products import residual_view, residuals_of, row_biases, row_products

SPACES = ["raw", "folded", "centered", "whitened"]


def residuals(head: geo.Head, count: int = 40, seed: int = 1) -> np.ndarray:
    """Residuals that random sums in the head's space stand for."""
    return residuals_of(head, np.random.default_rng(seed).normal(size=(count, head.dim)))


def left_out(head: geo.Head, count: int = 40) -> list[frozenset[int]]:
    """Rows that each query leaves out, emoji among them."""
    rng = np.random.default_rng(2)
    return [
        frozenset(rng.integers(0, head.vocab, 30).tolist())
        | frozenset(rng.choice(head.opened.emoji_ids, int(rng.integers(0, 4))).tolist())
        for _ in range(count)
    ]


def every_score(view: geo.Head, asked: np.ndarray) -> Float64[np.ndarray, "queries vocab"]:
    """Every row's logit before scale and cap, in float64, from the stored rows and the readout's vectors alone."""
    stored = view.opened.matrix.rows(np.arange(view.vocab)).astype(np.float64)
    readout = view.readout
    scores = asked @ view.space.apply(stored).T
    if view.space.name == "raw":
        return scores
    if readout.beta is not None:
        scores += stored @ (readout.beta.astype(np.float64) * readout.prescale)
    return scores if readout.bias is None else scores + readout.bias


def check(found: Contest, view: geo.Head, asked: np.ndarray, gone: list[frozenset[int]], allowed: np.ndarray) -> None:
    scores = every_score(view, asked)
    scores[:, ~allowed] = -np.inf
    for query, tokens in enumerate(gone):
        scores[query, list(tokens)] = -np.inf
    is_emoji = np.isin(np.arange(view.vocab), view.opened.emoji_ids)
    for ids, told, kind in (
        (found.emoji, found.emoji_score, is_emoji),
        (found.other, found.other_score, ~is_emoji),
    ):
        among = np.where(kind, scores, -np.inf)
        best = among.max(axis=1)
        assert ids.tolist() == np.where(np.isfinite(best), among.argmax(axis=1), -1).tolist()
        np.testing.assert_allclose(told, best, rtol=1e-12)
    np.testing.assert_array_equal(found.winner, scores.argmax(axis=1))
    np.testing.assert_allclose(found.best, scores.max(axis=1), rtol=1e-12)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", SPACES)
def test_it_is_the_brute_force(make_head, model_type: str, space: str) -> None:
    head = make_head(model_type=model_type).in_space(space)
    view, asked, gone = residual_view(head), residuals(head), left_out(head)
    check(contest(view, asked, gone), view, asked, gone, head.candidates())
    some = head.candidates() & (np.arange(head.vocab) % 3 != 0)
    some[head.opened.emoji_ids[:2]] = True
    check(contest(view, asked, gone, candidates=some), view, asked, gone, some)


def test_pieces_and_passes_change_nothing(make_head, monkeypatch: pytest.MonkeyPatch) -> None:
    head = make_head(model_type="phi").folded()
    asked, gone = residuals(head), left_out(head)
    whole = contest(head, asked, gone)
    for name, value in (("SETTLED", 3), ("AT_ONCE", 7), ("SCORES_BYTES", 1), ("block_rows", lambda matrix: 11)):
        monkeypatch.setattr(module, name, value)
    pieces = contest(head, asked, gone)
    for name in ("emoji", "emoji_score", "other", "other_score"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_residuals_may_be_made_where_they_are_asked_for(make_head) -> None:
    head = make_head().folded()
    asked, gone, parts = residuals(head), left_out(head), []

    class Made:
        def __len__(self) -> int:
            return len(asked)

        def __getitem__(self, part: slice, /) -> Float64[np.ndarray, "queries dim"]:
            parts.append(part.stop - part.start)
            return asked[part]

    found = contest(head, Made(), gone)
    np.testing.assert_array_equal(found.lead, contest(head, asked, gone).lead)
    assert max(parts) <= module.SETTLED


def test_one_pass_over_the_head_serves_them_all(make_head, monkeypatch: pytest.MonkeyPatch) -> None:
    head = make_head().centered()
    asked, gone, passes = residuals(head), left_out(head), []
    matrix = type(head.opened.matrix)
    blocks = matrix.raw_blocks
    monkeypatch.setattr(matrix, "raw_blocks", lambda self, size: passes.append(size) or blocks(self, size))
    contest(head, asked, gone)
    assert len(passes) == 1


def test_where_no_row_of_a_sort_is_left(make_head) -> None:
    head = make_head().folded()
    asked = residuals(head, 2)
    is_emoji = np.isin(np.arange(head.vocab), head.opened.emoji_ids)
    every = frozenset(range(head.vocab))
    emoji = frozenset(head.opened.emoji_ids.tolist())
    found = contest(head, asked, [emoji, every - emoji])
    assert found.emoji[0] == -1
    assert found.other[1] == -1
    assert found.emoji_score[0] == found.other_score[1] == -np.inf
    assert found.lead.tolist() == [-np.inf, np.inf]
    assert found.winner.tolist() == [found.other[0], found.emoji[1]]
    assert (contest(head, asked, [frozenset()] * 2, candidates=~is_emoji).emoji == -1).all()
    assert (contest(head, asked, [every] * 2).best == -np.inf).all()


def test_nobody_asked(make_head) -> None:
    head = make_head().folded()
    found = contest(head, np.empty((0, head.dim)), [])
    assert [len(values) for values in (found.emoji, found.other, found.lead, found.best, found.winner)] == [0] * 5


def test_equal_scores_go_to_the_lower_id(make_head) -> None:
    """One row under an emoji's id and under others': the sorts are level, whoever is asked."""
    rows = np.random.default_rng(0).normal(size=(420, 16))
    head = make_head(rows)
    emoji = int(head.opened.emoji_ids[0])
    words = np.setdiff1d(np.flatnonzero(head.candidates()), head.opened.emoji_ids)
    for other in (int(words[words < emoji][-1]), int(words[words > emoji][0])):
        rows = np.random.default_rng(0).normal(size=(420, 16))
        rows[emoji] *= 4
        rows[other] = rows[emoji]
        head = make_head(rows)
        found = contest(head, rows[[emoji]].astype(np.float32).astype(np.float64), [frozenset()])
        assert (found.emoji[0], found.other[0], found.lead[0]) == (emoji, other, 0.0)
        assert found.winner[0] == min(emoji, other)


def test_rows_that_cannot_be_read_never_win(make_head) -> None:
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[[5, 300]] = np.nan
    rows[301, 3] = np.inf
    head = make_head(rows)
    emoji = int(head.opened.emoji_ids[1])
    rows[emoji] = np.nan
    head = make_head(rows).folded()
    assert emoji not in head.opened.emoji_ids
    asked, gone = residuals(head), left_out(head)
    for given in (None, np.ones(head.vocab, dtype=np.bool_)):
        found = contest(head, asked, gone, candidates=given)
        finite = np.isfinite(rows).all(axis=1)
        allowed = finite if given is not None else head.candidates()
        view = head
        with np.errstate(invalid="ignore"):
            scores = every_score(view, asked)
        scores[:, ~allowed] = -np.inf
        for query, tokens in enumerate(gone):
            scores[query, list(tokens)] = -np.inf
        assert found.winner.tolist() == scores.argmax(axis=1).tolist()
        assert np.isfinite(found.lead).all()


def test_residuals_of_another_width_are_refused(make_head) -> None:
    head = make_head().folded()
    with pytest.raises((ValueError, TypeCheckError)):
        contest(head, np.zeros((1, head.dim + 1)), [frozenset()])


@pytest.mark.parametrize(("queries", "shown"), [(3, False), (40_000_000, True)])
def test_a_bar_is_shown_where_many_names_take_long(make_head, monkeypatch, queries: int, shown: bool) -> None:
    """The head is small: only how many are asked can make it slow."""
    expected = []
    monkeypatch.setattr(module, "PRODUCTS_A_SECOND", 1e11 * 3 / queries)
    monkeypatch.setattr(module, "track", lambda items, label, **given: expected.append(given) or items)
    head = make_head().folded()
    contest(head, residuals(head, 3), [frozenset()] * 3)
    assert (expected[0]["seconds"] >= sys.modules["geometry.progress"].SHOWN_FROM_SECONDS) == shown
    assert expected[0]["total"] == 1


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", SPACES)
def test_products_and_biases_are_those_of_float64(make_head, model_type: str, space: str) -> None:
    head = make_head(model_type=model_type).in_space(space)
    vectors = np.random.default_rng(3).normal(size=(3, head.dim))
    rows = head.space.apply(head.opened.matrix.rows(np.arange(head.vocab)))
    np.testing.assert_allclose(row_products(head, vectors), rows @ vectors.T, rtol=1e-9, atol=1e-9)
    view, biases = residual_view(head), row_biases(residual_view(head))
    none = np.zeros((1, head.dim))
    if space == "raw" or model_type == "llama":
        assert biases is None
    else:
        np.testing.assert_allclose(biases, every_score(view, none)[0], rtol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_residuals_lie_on_the_sphere(make_head, space: str) -> None:
    head = make_head().in_space(space)
    sums = np.random.default_rng(3).normal(size=(4, head.dim))
    found = residuals_of(head, sums)
    if space == "raw":
        np.testing.assert_array_equal(found, sums)
        return
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.sqrt(head.dim))
    np.testing.assert_allclose(found, residuals_of(head, 7 * sums))
    assert not residuals_of(head, np.zeros((1, head.dim))).any()
    assert residuals_of(head, np.empty((0, head.dim))).shape == (0, head.dim)
