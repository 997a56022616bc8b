"""Which tokens can come first: against Qhull, linear programs, grids on the sphere, and proofs checked alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

import geometry as geo
from geometry.errors import OptionError, ReadoutError, TokenError
from geometry.head import Head
from geometry.linalg import unit
from geometry.reachability import Survey, far, firsts, settling, survey
from geometry.reachability.evidence import bound_of
from geometry.reachability.far import FEW_AXES
from geometry.reachability.polyhedron import least_norm, nearest_in_polyhedron
from geometry.reachability.rivals import find_rivals
from geometry.reachability.settling import settle
from geometry.reachability.sphere import crossing

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def biased(head: Head, bias: np.ndarray) -> Head:
    """The same head with a bias, whatever its model knows of one."""
    readout = replace(head.readout, bias=bias.astype(np.float32))
    return Head(replace(head.opened, readout=readout, views={}))


def parts(found: Survey) -> tuple[np.ndarray, np.ndarray]:
    """Every row in the space, and its bias."""
    rivals = find_rivals(found.head)
    every = np.arange(found.head.vocab)
    return rivals.rows(every), rivals.biases(every)


def check_proofs(found: Survey) -> None:
    """Every verdict of the hull or the sphere is proven by what the record holds, and by nothing else."""
    rows, bias = parts(found)
    for token, one in found.evidence.items():
        lead = found.radius * np.linalg.norm(rows[token] - one.weights @ rows[one.ids])
        if one.bound != 0:  # else: its cell ends within the sphere
            assert one.bound == pytest.approx(lead + bias[token] - one.weights @ bias[one.ids], abs=1e-9)
        assert one.weights.sum() == pytest.approx(1)
        assert (one.weights > 0).all()
        assert token not in one.ids
        if one.status == "reachable":
            assert one.witness is not None
            assert np.linalg.norm(one.witness) == pytest.approx(found.radius)
            logits = rows @ one.witness + bias
            others = np.delete(logits, np.flatnonzero((rows == rows[token]).all(axis=1) & (bias == bias[token])))
            assert logits[token] > others.max()
            assert one.lead == pytest.approx(logits[token] - others.max(), abs=1e-9 * (1 + np.abs(logits).max()))
            assert one.bound >= one.lead - 1e-9
        if one.status == "never":
            assert one.bound <= 2e-6 * found.radius * np.linalg.norm(rows - rows[token], axis=1).max()
            assert one.witness is None


# without a bias: corners of the hull


@pytest.mark.parametrize("space", ["raw", "folded", "centered"])
@pytest.mark.parametrize("dim", [2, 3, 4, 6])
def test_the_reachable_are_the_corners_of_qhull(make_head, dim: int, space: str):
    found = survey(make_head(vocab=70, dim=dim, seed=dim, with_tokenizer=False), space=space)
    corners = ConvexHull(parts(found)[0]).vertices
    np.testing.assert_array_equal(found.having("reachable"), np.sort(corners))
    np.testing.assert_array_equal(found.never, np.setdiff1d(np.arange(70), corners))
    check_proofs(found)


def wins_somewhere(token: int, rows: np.ndarray, bias: np.ndarray) -> bool:
    """Is there any x at all with (w_t − w_j)·x + b_t − b_j ≥ 10⁻⁶ for every j? A linear program."""
    others = np.delete(np.arange(len(rows)), token)
    levels = bias[token] - bias[others] - 1e-6
    solved = linprog(np.zeros(rows.shape[1]), A_ub=rows[others] - rows[token], b_ub=levels, bounds=(None, None))
    return bool(solved.status == 0)


@FEW
@given(st.integers(0, 2**31), st.integers(2, 40), st.integers(1, 6))
def test_small_heads_against_the_linear_program(make_head, seed: int, vocab: int, dim: int):
    found = survey(make_head(vocab=vocab, dim=dim, seed=seed, with_tokenizer=False))
    rows, bias = parts(found)
    expected = [wins_somewhere(token, 1e3 * rows, bias) for token in range(vocab)]  # a cone: any scale will do
    np.testing.assert_array_equal(found.status == "reachable", expected)
    assert not len(found.undecided)
    check_proofs(found)


def planted(
    generator: np.random.Generator, vocab: int, dim: int, inside: int, mixed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of which some are means, with random shares, of others; and which."""
    rows = generator.normal(size=(vocab, dim)) * generator.uniform(0.9, 1.1, size=(vocab, 1)) + 1.0
    tokens = generator.choice(vocab, inside, replace=False)
    others = np.setdiff1d(np.arange(vocab), tokens)
    for token in tokens:
        rows[token] = generator.dirichlet(np.ones(mixed)) @ rows[generator.choice(others, mixed, replace=False)]
    return rows, np.sort(tokens)


def test_planted_insides_are_found_and_nothing_else(make_head, monkeypatch):
    monkeypatch.setattr(settling, "HULLS_AT_ONCE", 7)
    rows, tokens = planted(np.random.default_rng(0), 1500, 48, 20, 60)
    found = survey(make_head(rows, with_tokenizer=False))
    np.testing.assert_array_equal(found.never, tokens)
    assert len(found.having("reachable")) == 1480
    check_proofs(found)


@pytest.mark.slow
def test_planted_insides_are_found_in_a_head_of_real_size(make_head):
    rows, tokens = planted(np.random.default_rng(1), 50_257, 768, 8, 400)
    found = survey(make_head(rows, with_tokenizer=False))
    np.testing.assert_array_equal(found.never, tokens)
    assert len(found.having("reachable")) == 50_257 - 8
    assert all(one.gap <= 1e-3 for one in found.evidence.values())


@pytest.mark.parametrize(("seed", "power"), [(0, -3), (1, 0), (2, 0.5), (3, 3)])
def test_turning_and_scaling_change_nothing(make_head, seed: int, power: float):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(60, 5)) + 1
    turned = rows @ np.linalg.qr(generator.normal(size=(5, 5)))[0] * 10**power
    plain, other = (survey(make_head(one, with_tokenizer=False), space="raw") for one in (rows, turned))
    np.testing.assert_array_equal(plain.status, other.status)


# with a bias: the norm's sphere


def circle(head: Head, points: int) -> np.ndarray:
    """Residuals all around the sphere that the norm of a head of two directions puts out."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    around = np.column_stack([np.cos(angles), np.sin(angles)])
    if head.dim == 3:  # a LayerNorm's plane
        around = around @ (np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]]))
    return around * np.sqrt(head.dim)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("size", [0.1, 1.0, 5.0])
def test_with_a_bias_the_winners_are_those_all_around_the_circle(make_head, model_type: str, size: float):
    generator = np.random.default_rng(int(10 * size))
    dim = 3 if model_type == "phi" else 2
    rows, bias = generator.normal(size=(80, dim)), generator.normal(size=80) * size
    head = make_head(rows, vocab=80, model_type=model_type, with_tokenizer=False)
    found = survey(biased(head, bias))
    assert found.biased
    mapped, total = parts(found)
    u = circle(found.head, 50_000)
    winners = np.unique((u @ mapped.T + total).argmax(axis=1))
    assert set(winners.tolist()) <= set(found.having("reachable").tolist())
    wide = [token for token in found.having("reachable").tolist() if token not in winners]
    assert len(wide) <= 1  # an arc of less than 1/50,000
    assert not len(found.undecided)
    check_proofs(found)


@FEW
@given(st.integers(0, 2**31), st.integers(2, 60), st.integers(2, 8), st.sampled_from([0.1, 1.0, 4.0]))
def test_with_a_bias_every_verdict_is_proven(make_head, seed: int, vocab: int, dim: int, size: float):
    head = make_head(vocab=vocab, dim=dim, seed=seed, with_tokenizer=False)
    found = survey(biased(head, np.random.default_rng(seed).normal(size=vocab) * size))
    check_proofs(found)
    rows, bias = parts(found)
    assert all(wins_somewhere(token, rows, bias) for token in found.having("reachable").tolist())
    drawn = unit(np.random.default_rng(seed).normal(size=(4_000, dim))) * found.radius
    assert not set(found.never.tolist()) & set((drawn @ rows.T + bias).argmax(axis=1).tolist())
    for token in found.undecided.tolist():  # open is only what lies in the hull and has a cell within the ball
        assert found.evidence[token].distance == 0
        assert dim > FEW_AXES


def test_a_token_inside_the_hull_can_win_by_its_bias_and_one_outside_lose_by_it(make_head):
    ring = np.array([[3.0, 0], [0, 3], [-3, 0], [0, -3], [0.1, 0.1], [2.9, 0]])
    head = make_head(ring, tensors={"model.norm.weight": np.ones(2)}, with_tokenizer=False)
    plain = survey(head)
    assert plain.never.tolist() == [4, 5]
    given_way = survey(biased(head, np.array([0.0, 0, 0, 0, 2.9, 0])))  # it wins between two corners
    assert given_way.status.tolist() == ["reachable"] * 5 + ["never"]
    assert survey(biased(head, np.array([0.0, 0, 0, 0, 2, 0]))).never.tolist() == [4, 5]
    held_down = survey(biased(head, np.array([-9.0, 0, 0, 0, 0, 0])))
    assert held_down.status.tolist() == ["never", *["reachable"] * 3, "never", "reachable"]
    assert held_down.evidence[0].bound < 0
    assert held_down.evidence[0].distance > 0


def test_a_cell_within_the_ball_is_never_met(make_head):
    """The middle row wins at the origin and nowhere on the sphere: no residual of the norm puts it first."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rows = np.vstack([np.column_stack([np.cos(angles), np.sin(angles)]) * 3, np.zeros((1, 2))])
    head = make_head(rows, tensors={"model.norm.weight": np.ones(2)}, with_tokenizer=False)
    found = survey(biased(head, np.append(np.zeros(12), 1.0)))
    assert found.never.tolist() == [12]
    assert found.evidence[12].step == "sphere"
    assert (found.status[:12] == "reachable").all()


def test_a_bias_of_one_number_for_all_changes_nothing(make_head):
    head = make_head(vocab=50, dim=3, with_tokenizer=False)
    plain, moved = survey(head), survey(biased(head, np.full(50, 7.0)))
    np.testing.assert_array_equal(plain.status, moved.status)
    assert not moved.biased


def test_with_a_bias_and_residuals_of_any_length_the_linear_program_agrees(make_head):
    generator = np.random.default_rng(4)
    head = biased(make_head(vocab=60, dim=3, with_tokenizer=False), generator.normal(size=60)).folded()
    rivals = replace(find_rivals(head), free=True)
    found = settle(rivals, np.arange(60), seed=0)
    rows, bias = rivals.rows(np.arange(60)), rivals.biases(np.arange(60))
    expected = [wins_somewhere(token, rows, bias) for token in range(60)]
    np.testing.assert_array_equal(found.status == "reachable", expected)
    np.testing.assert_array_equal(found.status == "never", np.logical_not(expected))


def test_a_far_point_is_found_where_a_bounded_cell_leaves_the_ball(make_head, monkeypatch):
    """A long box around the origin: its corners are far out, its sides are near."""
    rows = np.array([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    bias = np.array([0.0, -4, -4, -0.3, -0.3, -0.3, -0.3])
    head = make_head(rows, tensors={"model.norm.weight": np.ones(3)}, with_tokenizer=False)
    rivals = find_rivals(biased(head, bias).folded())
    for axes in (FEW_AXES, 0):  # by its corners, and by climbing
        monkeypatch.setattr(far, "FEW_AXES", axes)
        found = far.far_point(rivals, 0, np.zeros(3), np.array([1]), 1e-9, seed=0)
        assert found.point is not None
        assert np.linalg.norm(found.point) >= rivals.radius
        assert (np.abs(found.point) <= [4, 0.3001, 0.3001]).all()
    assert survey(biased(head, bias)).status[0] == "reachable"


# equal rows, few rows, empty ones


def test_equal_rows_are_one_and_go_to_the_lowest_id(make_head):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[[7, 30]] = rows[2]
    found = survey(make_head(rows, with_tokenizer=False))
    assert found.having("tied").tolist() == [7, 30]
    assert found.lowest[[7, 30]].tolist() == [2, 2]
    assert found.competing == 38
    alone = survey(make_head(np.delete(rows, [7, 30], axis=0), with_tokenizer=False))
    np.testing.assert_array_equal(np.delete(found.status, [7, 30]), alone.status)


def test_rows_that_only_rounding_tells_apart_lead_nowhere(make_head):
    """A plain LayerNorm does not see what is added to all numbers of a row; in float64 the last digit may differ."""
    rows = np.round(np.random.default_rng(0).normal(size=(40, 5)) * 64) / 64
    rows[30:] = rows[:10] + np.arange(1, 11)[:, None]

    def asked(some: np.ndarray) -> Survey:
        tensors = {"lm_head.weight": some, "lm_head.bias": np.zeros(len(some))}
        plain = {"model.final_layernorm.weight": np.ones(5), "model.final_layernorm.bias": np.zeros(5)}
        return survey(make_head(some, model_type="phi", with_tokenizer=False, tensors=tensors | plain))

    found, alone = asked(rows), asked(rows[:30])
    apart = np.flatnonzero(found.status[30:] != "tied")
    assert (alone.status[apart] == "reachable").any()
    assert "reachable" not in found.status[30:]
    assert "reachable" not in found.status[apart]
    np.testing.assert_array_equal(found.status[10:30], alone.status[10:30])


def test_equal_rows_with_other_biases_are_not_one(make_head):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[[7, 30]] = rows[2]
    bias = np.zeros(40)
    bias[30] = 1.0
    found = survey(biased(make_head(rows, with_tokenizer=False), bias))
    assert found.status[[2, 7]].tolist() == ["never", "tied"]
    assert found.evidence[2].bound == pytest.approx(-1)
    check_proofs(found)


def test_rows_that_only_a_folded_norm_makes_equal(make_head):
    rows = np.random.default_rng(0).normal(size=(30, 3))
    rows[5] = rows[4] + [0, 0, 1]
    head = make_head(rows, tensors={"model.norm.weight": np.array([1.0, 2, 0])}, with_tokenizer=False)
    assert survey(head).having("tied").tolist() == [5]
    assert not len(survey(head, space="raw").having("tied"))


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_one_token_and_rows_all_alike(make_head, model_type: str):
    one = survey(make_head(vocab=1, dim=4, model_type=model_type, with_tokenizer=False))
    assert (one.status.tolist(), one.competing) == (["reachable"], 1)
    row = np.random.default_rng(0).normal(size=(1, 4))
    alike = {"lm_head.weight": np.tile(row, (9, 1)), "lm_head.bias": np.zeros(9)} if model_type == "phi" else None
    found = survey(make_head(np.tile(row, (9, 1)), model_type=model_type, with_tokenizer=False, tensors=alike))
    assert found.status.tolist() == ["reachable", *["tied"] * 8]
    zeros = survey(make_head(np.zeros((5, 4)), with_tokenizer=False))
    assert zeros.status.tolist() == ["reachable", *["tied"] * 4]


def test_a_zero_row_comes_first_where_all_others_are_on_one_side(make_head):
    rows = np.abs(np.random.default_rng(0).normal(size=(20, 3))) + 0.1
    rows[3] = 0
    assert survey(make_head(rows, with_tokenizer=False)).status[3] == "reachable"
    rows[4] = [-1, -1, -1]
    assert survey(make_head(rows, with_tokenizer=False)).status[3] == "never"


def test_a_head_without_a_norm_is_asked_for_any_length(make_head):
    head = make_head(vocab=50, dim=3, model_type="nobody-knows", with_tokenizer=False)
    found = survey(head)
    assert found.free
    np.testing.assert_array_equal(found.having("reachable"), np.sort(ConvexHull(parts(found)[0]).vertices))
    assert "residuals of any length" in " ".join(str(found).split())


def test_rows_that_are_not_finite_neither_compete_nor_are_asked_for(make_head):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    rows[7, 1] = np.nan
    found = survey(make_head(rows, with_tokenizer=False))
    assert 7 not in found.ids
    assert found.competing == 49
    np.testing.assert_array_equal(
        found.status, survey(make_head(np.delete(rows, 7, axis=0), with_tokenizer=False)).status
    )


# all pairs


@pytest.mark.parametrize("small", [False, True], ids=["whole", "tiles"])
@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", ["raw", "folded"])
def test_all_pairs_equal_brute_force(make_head, monkeypatch, space: str, model_type: str, small: bool):
    if small:
        monkeypatch.setattr(firsts, "TILE_BYTES", 8 * 12 * 50)
        monkeypatch.setattr(firsts, "MOST", 37)
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(420, 12)) + 1.0
    rows[5] = rows[9] * (1 + 1e-7)  # nearer than float32 can tell
    head = make_head(rows, model_type=model_type).in_space(space)
    rivals = find_rivals(head)
    every = np.flatnonzero(rivals.competing)
    mapped, bias = rivals.rows(every), rivals.biases(every)
    for residuals in (unit(mapped) * rivals.radius, unit(generator.normal(size=mapped.shape)) * rivals.radius):
        logits = residuals @ mapped.T + bias
        own = np.diag(logits).copy()
        np.fill_diagonal(logits, -np.inf)
        won = firsts.come_first(rivals, every, lambda ids, u=residuals: u[np.searchsorted(every, ids)], label="test")
        np.testing.assert_array_equal(won, own > logits.max(axis=1) + 1e-12)


def test_a_zero_residual_wins_nothing(make_head):
    rivals = find_rivals(make_head(vocab=30, dim=4, model_type="phi", with_tokenizer=False).folded())
    every = np.flatnonzero(rivals.competing)
    assert not firsts.come_first(rivals, every, lambda ids: np.zeros((len(ids), 4)), label="test").any()


# pieces


@FEW
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 4))
def test_the_least_norm_is_least(seed: int, boundaries: int, dim: int):
    generator = np.random.default_rng(seed)
    normals, levels = unit(generator.normal(size=(boundaries, dim))), generator.normal(size=boundaries)
    found = least_norm(normals, levels)
    assert (found.multipliers >= 0).all()
    feasible = linprog(np.zeros(dim), A_ub=-normals, b_ub=-levels, bounds=(None, None)).status == 0
    assert (found.point is not None) == feasible
    if found.point is None:
        assert np.abs(found.multipliers @ normals).max() <= 1e-6 * found.multipliers.sum()
        assert found.multipliers @ levels > 0
    else:
        assert (normals @ found.point >= levels - 1e-9).all()
        drawn = generator.normal(size=(2_000, dim)) * 2
        inside = drawn[(drawn @ normals.T >= levels).all(axis=1)]
        assert (np.linalg.norm(inside, axis=1) >= np.linalg.norm(found.point) - 1e-9).all()


def test_nearest_in_a_polyhedron_moves_only_where_it_must():
    normals, levels = np.eye(2), np.array([1.0, -5.0])
    np.testing.assert_allclose(nearest_in_polyhedron(normals, levels, np.array([0.0, 3.0])), [1, 3])
    np.testing.assert_allclose(nearest_in_polyhedron(normals, levels, np.array([2.0, 3.0])), [2, 3])
    empty = np.array([[1.0, 0], [-1, 0]])
    assert nearest_in_polyhedron(empty, np.ones(2), np.zeros(2)) is None


def test_a_ray_leaves_the_ball_on_the_sphere():
    point = crossing(np.array([0.5, 0.5]), np.array([1.0, 0.0]), 2.0)
    np.testing.assert_allclose(point, [np.sqrt(4 - 0.25), 0.5])


def test_a_bound_holds_for_every_residual(make_head):
    head = make_head(vocab=40, dim=3, model_type="phi", with_tokenizer=False).folded()
    rivals = find_rivals(head)
    rows, bias = rivals.rows(np.arange(40)), rivals.biases(np.arange(40))
    generator = np.random.default_rng(0)
    drawn = unit(generator.normal(size=(3_000, 3))) * rivals.radius
    logits = drawn @ rows.T + bias
    for token in range(10):
        ids = generator.choice(np.delete(np.arange(40), token), 6, replace=False)
        lead = (logits[:, [token]] - np.delete(logits, token, axis=1)).min(axis=1).max()
        assert lead <= bound_of(rivals, token, ids, generator.dirichlet(np.ones(6)))


# on real heads, and the record


def test_on_the_organism_a_sample_is_reachable(make_head):
    head = geo.open_head("organism")
    ids = np.sort(np.random.default_rng(0).choice(8_000, 100, replace=False))
    found = survey(head, ids=ids)
    assert (found.status == "reachable").all()
    check_proofs(found)
    assert found.competing == 8_000
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["n"], told["reachable"], told["never"]) == (100, 100, 0)
    assert sum(one["n"] for one in told["by_step"]) == sum(one["n"] for one in told["by_kind"]) == 100
    assert told["head"]["fingerprint"] == head.fingerprint


def test_on_a_real_head_with_a_bias_a_sample_is_reachable(tinystories):
    head = geo.open_head(tinystories)
    masked = head.undertrained.ids[::150]
    found = survey(head, ids=[*range(0, 14_000, 350), *masked.tolist()])
    assert found.biased
    assert (found.status == "reachable").all()
    assert "sphere" in found.step
    check_proofs(found)


def test_the_record_tells_what_never_comes_first_and_why(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[300] = rows[310:340].mean(axis=0)
    rows[301] = rows[302]
    found = survey(make_head(rows, tensors={"model.norm.weight": np.ones(16)}))
    assert found.never.tolist() == [300]
    assert found.having("tied").tolist() == [302]
    told = json.loads(json.dumps(found.to_dict()))
    (one,) = [token for token in told["tokens"] if token["status"] == "never"]
    assert (one["id"], one["distance"]) == (300, 0)
    assert one["members"] >= len(one["nearest"]) == 5
    assert told["ties"] == [{"id": 302, "first": 301}]
    text = str(found)
    assert "1 can never come first, 1 tied with a lower id" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "<table>" in found._repr_html_()
    frame = found.to_frame()
    assert len(frame) == len(found.ids)
    assert frame.set_index("id").loc[300, "status"] == "never"
    assert np.isnan(frame.set_index("id").loc[0, "bound"])
    assert {"fingerprint", "space", "seed", "version"} <= set(frame.columns)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_a_sample_is_drawn_beside(make_head, model_type: str):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[300] = rows[310:340].mean(axis=0)
    head = make_head(rows, model_type=model_type)
    found = survey(head, ids=range(290, 310), sampled=7)
    assert found.sampled is not None
    assert found.sampled.what == "words"
    assert len(found.sampled.tokens) == len(found.sampled.random) == 7
    assert found.sampled == survey(head, ids=range(290, 310), sampled=7).sampled
    assert found.sampled != survey(head, ids=range(290, 310), sampled=7, seed=1).sampled
    told = json.loads(json.dumps(found.to_dict()))
    assert all(0 <= one["percentile_sampled"] <= 100 for one in told["tokens"])
    assert len(told["tokens"]) >= 1
    assert "random rows" in str(found)
    assert all(len(line) <= 100 for line in str(found).splitlines())


def test_ids_are_asked_for_once_and_in_order(make_head):
    found = survey(make_head(vocab=50, dim=4, with_tokenizer=False), ids=[9, 3, 9])
    assert found.ids.tolist() == [3, 9]


def test_what_has_no_answer_says_so(make_head):
    rows = np.random.default_rng(0).normal(size=(20, 4))
    rows[5] = np.inf
    head = make_head(rows, with_tokenizer=False)
    with pytest.raises(OptionError, match=r"ids=\[\] arrived; expected at least one token id"):
        survey(head, ids=[])
    with pytest.raises(TokenError, match="id 20 arrived; expected 0 to 19"):
        survey(head, ids=[20])
    with pytest.raises(TokenError, match="id 5 arrived, whose row holds NaN, infinity"):
        survey(head, ids=[5])
    with pytest.raises(ReadoutError, match="space whitened arrived; its products are no logits"):
        survey(head, space="whitened")
    with pytest.raises(OptionError, match="sampled=-1 arrived; expected 0, for no sample, or more"):
        survey(head, sampled=-1)
    with pytest.raises(OptionError, match="seed=-1 arrived"):
        survey(head, seed=-1)
    with pytest.raises(OptionError, match="has no finite row that stands for a token"):
        survey(make_head(np.full((4, 4), np.nan), with_tokenizer=False))
