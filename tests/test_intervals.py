"""Figures and their intervals: against SciPy, against families drawn by hand, and what must hold of all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import false_discovery_control, spearmanr

from geometry.intervals import RESAMPLES, discovery_rates, mean_figure, rank_correlation, ratio_figure, resampled

SHARES = st.floats(0, 1, allow_nan=False)


def items(count: int = 60, kin: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=count), rng.integers(0, kin, count)


def test_a_mean_is_resampled_by_whole_families() -> None:
    values, family = items()
    found = mean_figure(values, family, seed=3)
    assert found.value == pytest.approx(values.mean())
    kin = np.unique(family)
    drawn = np.random.default_rng(3).integers(0, len(kin), size=(RESAMPLES, len(kin)))
    means = [np.concatenate([values[family == kin[i]] for i in row]).mean() for row in drawn]
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])))


def test_a_ratio_is_resampled_with_both_its_sides() -> None:
    values, family = items()
    below = np.random.default_rng(5).uniform(1, 2, len(values))
    found = ratio_figure(values, below, family, seed=3)
    assert found.value == pytest.approx(values.sum() / below.sum())
    mean, scaled = mean_figure(values, family, 3), ratio_figure(values, np.full_like(values, 4.0), family, 3)
    assert (4 * scaled.value, 4 * scaled.low, 4 * scaled.high) == pytest.approx((mean.value, mean.low, mean.high))
    same = ratio_figure(2 * below, below, family, 3)
    assert (same.value, same.low, same.high) == pytest.approx((2, 2, 2))


def test_any_statistic_is_resampled_alike() -> None:
    """Of equally large families a mean has the same interval either way, up to the draws."""
    values, family = np.random.default_rng(4).normal(size=400), np.arange(400) // 2
    one, other = mean_figure(values, family, 0), resampled(lambda drawn: float(values[drawn].mean()), family, 0)
    assert other.value == pytest.approx(one.value)
    assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.02)


def test_resamples_hold_whole_families() -> None:
    _, family = items()
    seen = []
    resampled(lambda drawn: float(seen.append(drawn) or len(drawn)), family, 1)
    assert len(seen) == RESAMPLES + 1
    sizes = np.bincount(family)
    for drawn in seen[::97]:
        counts = np.bincount(drawn, minlength=len(family))
        times = [set(counts[family == kin].tolist()) for kin in np.unique(family)]
        assert all(len(one) == 1 for one in times)
        assert sum(one.pop() * size for one, size in zip(times, sizes[sizes > 0], strict=True)) == len(drawn)


def test_a_resample_without_a_figure_is_passed_over() -> None:
    found = resampled(lambda drawn: float("nan") if drawn[0] == 0 else float(len(drawn)), np.arange(5), 0)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (5, 5)


def test_the_seed_alone_decides() -> None:
    values, family = items()
    assert mean_figure(values, family, 1) == mean_figure(values, family, 1) != mean_figure(values, family, 2)
    renamed = mean_figure(values, 100 - family, 1)
    assert renamed.value == mean_figure(values, family, 1).value
    statistic = lambda drawn: float(values[drawn].mean())  # noqa: E731
    assert resampled(statistic, family, 1) == resampled(statistic, family, 1) != resampled(statistic, family, 2)


def test_one_family_gives_no_width() -> None:
    values = np.array([1.0, 2.0, 6.0])
    found = mean_figure(values, np.zeros(3, dtype=np.int64), 0)
    assert (found.low, found.value, found.high) == pytest.approx((3, 3, 3))


def test_the_interval_covers_what_it_should() -> None:
    """Of 200 samples of 40 families each, about 95% have the true mean between low and high."""
    rng, covered = np.random.default_rng(0), 0
    for seed in range(200):
        kin = np.repeat(rng.normal(size=40), 3)
        found = mean_figure(kin + 0.3 * rng.normal(size=120), np.arange(120) // 3, seed)
        covered += found.low <= 0 <= found.high
    assert 180 <= covered <= 198


@given(st.integers(2, 30).flatmap(lambda n: arrays(np.float64, (2, n), elements=st.integers(-4, 4).map(float))))
def test_rank_correlation_is_scipys(pair: np.ndarray) -> None:
    found = rank_correlation(*pair)
    if np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0:
        assert np.isnan(found)
        return
    assert found == pytest.approx(spearmanr(*pair).statistic, abs=1e-12)
    assert found == pytest.approx(rank_correlation(pair[1], pair[0]))
    assert found == pytest.approx(rank_correlation(pair[0] ** 3, pair[1]))  # order alone counts
    assert found == pytest.approx(-rank_correlation(-pair[0], pair[1]))


@given(arrays(np.float64, st.integers(1, 40), elements=SHARES))
def test_discovery_rates_are_scipys(p: np.ndarray) -> None:
    found = discovery_rates(p)
    np.testing.assert_allclose(found, false_discovery_control(p, method="bh"), atol=1e-12)
    assert ((p <= found + 1e-12) & (found <= 1)).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= -1e-12).all()


@given(arrays(np.float64, st.integers(1, 40), elements=SHARES), st.randoms(use_true_random=False))
def test_discovery_rates_know_no_order(p: np.ndarray, random) -> None:
    order = np.array(random.sample(range(len(p)), len(p)))
    np.testing.assert_allclose(discovery_rates(p[order]), discovery_rates(p)[order])


def test_discovery_rates_of_one_and_of_none() -> None:
    assert discovery_rates(np.array([0.3])).tolist() == [0.3]
    assert discovery_rates(np.empty(0)).tolist() == []
    np.testing.assert_allclose(discovery_rates(np.array([0.01, 0.02, 0.9])), [0.03, 0.03, 0.9])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30).flatmap(lambda n: arrays(np.float64, n, elements=st.floats(-100, 100))), st.integers(0, 9))
def test_an_interval_lies_within_what_was_given(values: np.ndarray, seed: int) -> None:
    found = mean_figure(values, np.arange(len(values)) // 2, seed)
    room = 1e-9 * (1 + np.abs(values).max())
    assert values.min() - room <= found.low <= found.high <= values.max() + room
    up = mean_figure(values + 1000, np.arange(len(values)) // 2, seed)
    assert (up.value, up.low, up.high) == pytest.approx((found.value + 1000, found.low + 1000, found.high + 1000))


def test_what_strata_differ_in_counts_for_nothing() -> None:
    rng = np.random.default_rng(0)
    stratum = rng.integers(0, 3, size=600)
    one, other = rng.normal(size=(2, 600)) + 5.0 * stratum
    assert rank_correlation(one, other) > 0.7
    assert abs(rank_correlation(one, other, within=stratum)) < 0.12
    together = one + 0.1 * rng.normal(size=600)
    assert rank_correlation(one, together, within=stratum) > 0.9
    assert rank_correlation(one, other, within=np.zeros(600, dtype=np.int64)) == rank_correlation(one, other)
    assert np.isnan(rank_correlation(one[:3], other[:3], within=np.arange(3)))
