"""Hubness and CSLS against float64 brute force: nearest rows of all rows, N_k, r(w), and landings by CSLS."""

import gc
import json
import re
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import geometry as geo
from geometry.errors import GeometryError, OptionError
from geometry.health.hubs import find_hubs
from geometry.hubness import (
    Occurrence,
    check_metric,
    gaussian_biases,
    gaussian_occurrence,
    gaussian_rows,
    local_means,
    means_of,
    occurrence,
)
from geometry.landing import settling
from geometry.search import neighbors

METRICS = ("logit", "cosine", "euclidean", "csls")
SPACES = ("raw", "folded", "centered", "whitened")
NEAREST, OCCURRENCE, GAUSSIAN = (
    sys.modules[f"geometry.hubness.{name}"] for name in ("nearest", "occurrence", "gaussian")
)  # functions of their package are called the same


def awkward_rows(vocab: int = 420, dim: int = 16, seed: int = 0) -> np.ndarray:
    """Rows around a mean, with copies (more of one than the slack holds), two zero rows and one far too long."""
    generator = np.random.default_rng(seed)
    rows = (generator.normal(size=(vocab, dim)) + 0.5).astype(np.float32)
    rows[100:150] = rows[100]
    rows[200:203] = rows[17]
    rows[[30, 300]] = 0
    rows[42] *= 40
    return rows


def awkward_head(make_head, model_type: str = "llama", *, masked: bool = False) -> geo.Head:
    """A head of those rows, whatever the model calls its matrix; ``masked``: the unused ones lie together."""
    rows = awkward_rows()
    if masked:
        unused = make_head(rows).undertrained.references
        rows[unused] = 3 * np.eye(16)[3] + 0.02 * np.random.default_rng(9).normal(size=(len(unused), 16))
    tensors = {"lm_head.weight": rows} if model_type == "phi" else None
    head: geo.Head = make_head(rows, model_type=model_type, tensors=tensors)
    assert bool(len(head.undertrained.ids)) is masked
    return head


def cosines(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine similarities, each summed along its own row, so that equal rows are equally near."""
    units, theirs = (
        np.divide(part, lengths, out=np.zeros_like(part), where=lengths > 0)
        for part in (rows, others)
        for lengths in [np.linalg.norm(part, axis=1, keepdims=True)]
    )
    return np.stack([(theirs * one).sum(axis=1) for one in units])


def brute_means(head: geo.Head, k: int = 10) -> np.ndarray:
    """r of every finite row: the mean of its k largest cosine similarities to candidates, less its own."""
    rows = head.space.apply(head.opened.matrix.rows(range(head.vocab)))
    rows[~head.opened.finite] = 0
    near = cosines(rows, rows)
    near[:, ~head.candidates()] = -np.inf
    np.fill_diagonal(near, -np.inf)
    return np.where(head.opened.finite, np.sort(near, axis=1)[:, -k:].mean(axis=1), 0.0)


def brute_scores(head: geo.Head, metric: str) -> np.ndarray:
    """Scores of all pairs of rows by the definitions, −inf for a row with itself."""
    stored = head.opened.matrix.rows(range(head.vocab)).astype(np.float64)
    rows = head.space.apply(stored)
    if metric == "cosine":
        scores = cosines(rows, rows)
    elif metric == "csls":
        means = brute_means(head)
        scores = 2 * cosines(rows, rows) - means[:, None] - means[None, :]
    elif metric == "euclidean":
        scores = np.stack([-np.sqrt(((rows - one) ** 2).sum(axis=1)) for one in rows])
    elif head.space.name == "raw":
        scores = np.stack([(rows * one).sum(axis=1) for one in rows])
    else:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        on_sphere = np.sqrt(head.dim) * np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
        scores = np.stack([(rows * one).sum(axis=1) for one in on_sphere])
        readout = head.readout
        scores += 0 if readout.beta is None else stored @ readout.beta.astype(np.float64)
        scores += 0 if readout.bias is None else readout.bias
    np.fill_diagonal(scores, -np.inf)
    return scores


def brute_counts(head: geo.Head, metric: str, k: int = 10, asked: np.ndarray | None = None) -> np.ndarray:
    ids = np.flatnonzero(head.candidates())
    scores = np.round(brute_scores(head, metric)[np.ix_(ids, ids)], 12)  # what differs below rounding is a tie
    who = np.arange(len(ids)) if asked is None else asked
    best = np.lexsort((np.broadcast_to(ids, (len(who), len(ids))), -scores[who]), axis=1)[:, :k]
    return np.bincount(best.ravel(), minlength=len(ids))


def meaningless(metric: str, space: str) -> bool:
    return (metric == "logit" and space == "whitened") or (metric == "csls" and space in ("raw", "whitened"))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks on either side, and a slack that near ties overrun."""
    for name in ("ASKING_BYTES", "ANSWERING_BYTES", "SETTLING_BYTES", "SCANNING_BYTES"):
        monkeypatch.setattr(NEAREST, name, 1)
    monkeypatch.setattr(NEAREST, "SLACK", 2)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("model_type", ["llama", "phi", pytest.param("bert", marks=pytest.mark.slow)])
def test_every_metric_and_space_counts_as_brute_force_does(
    make_head, small_blocks, model_type: str, space: str, metric: Any
):
    head = awkward_head(make_head, model_type).in_space(space)
    if meaningless(metric, space):
        with pytest.raises(GeometryError, match=f"metric {metric}"):
            occurrence(head, metric)
        return
    found = occurrence(head, metric)
    assert found.n_queries == len(found.ids) == head.candidates().sum()
    assert found.counts.sum() == 10 * found.n_queries
    np.testing.assert_array_equal(found.counts, brute_counts(head, metric))


def test_rows_that_are_all_alike_but_one_are_counted_by_id(make_head):
    """Hundreds of copies tie for every place: the lowest ids come first, and a copy is not its own neighbour."""
    rows = np.tile(np.arange(1.0, 9.0), (300, 1))
    rows[299] *= -1
    head = make_head(rows, with_tokenizer=False)
    for metric in ("cosine", "euclidean"):
        expected = np.zeros(300, dtype=int)
        expected[:10] = 299
        expected[10] = 10
        np.testing.assert_array_equal(occurrence(head, metric).counts, expected)


@pytest.mark.parametrize("metric", ["logit", "cosine", "euclidean"])
def test_many_zero_rows_are_answered_by_id(make_head, small_blocks, metric: Any):
    rows = awkward_rows()
    rows[50:250] = 0
    head = make_head(rows, with_tokenizer=False).folded()
    np.testing.assert_array_equal(occurrence(head, metric).counts, brute_counts(head, metric))


def test_near_ties_below_float32_are_settled_in_float64(make_head):
    rows = np.full((200, 64), 1000.0, dtype=np.float32)
    rows[:, 0] = 1.0 + np.random.default_rng(0).permutation(200).astype(np.float32) * np.finfo(np.float32).eps
    head = make_head(rows, with_tokenizer=False)
    largest = np.argsort(-rows[:, 0])[:11]
    counts = occurrence(head, "logit").counts
    assert set(np.flatnonzero(counts)) == set(largest)
    assert counts[largest].tolist() == [199] * 10 + [10]


def test_a_few_near_ties_at_the_last_place_are_settled_in_float64(make_head):
    """Fewer than the slack holds, so that float32 leaves nothing open but their order."""
    rows = np.full((200, 64), 10.0, dtype=np.float32)
    rows[:20] = 1000.0
    rows[:20, 0] = 1.0 + np.random.default_rng(0).permutation(20).astype(np.float32) * np.finfo(np.float32).eps
    head = make_head(rows, with_tokenizer=False)
    counts = occurrence(head, "logit").counts
    assert set(np.flatnonzero(counts)) == set(np.argsort(-rows[:20, 0])[:11])


@pytest.mark.parametrize("space", ["folded", "centered"])
def test_r_is_the_mean_of_the_ten_nearest_cosines(make_head, small_blocks, space: str):
    rows = awkward_rows()
    rows[7, 3], rows[9, 0] = np.nan, np.inf
    head = make_head(rows).in_space(space)
    found = local_means(head)
    assert found.shape == (420,)
    np.testing.assert_allclose(found, brute_means(head), atol=1e-12)
    assert local_means(head) is found  # once a head and space
    counted = geo.open_head(head.source).in_space(space)
    occurrence(counted, "cosine")
    assert (means_of(counted).known == (head.candidates() | ~head.opened.finite)).all()  # the ten nearest are known
    np.testing.assert_allclose(local_means(counted), found, atol=1e-12)
    vectors = np.stack([head.rows([5])[0], np.ones(16), np.zeros(16)]).astype(np.float64)
    near = cosines(vectors, head.rows(np.flatnonzero(head.candidates())).astype(np.float64))
    np.testing.assert_allclose(
        means_of(head).of_vectors(vectors), np.sort(near, axis=1)[:, -10:].mean(axis=1), atol=1e-6
    )


def test_what_is_known_of_r_goes_with_its_head(make_head):
    head = make_head(awkward_rows())
    head.land("sea", metric="csls")
    gone = weakref.ref(head.opened.matrix)
    del head
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("sample", [40, 420])
def test_what_r_is_at_least_is_never_more_than_r(make_head, monkeypatch: pytest.MonkeyPatch, sample: int):
    """Not even by float32's rounding, where all rows are the sample."""
    head = make_head(awkward_rows()).centered()
    monkeypatch.setattr(sys.modules["geometry.hubness.means"], "SAMPLE", sample)
    means = means_of(head)
    means.bound()
    below = means.values.copy()
    assert (below <= local_means(head)).all()
    assert below.mean() > 0.3 * local_means(head).mean()  # and says something


def brute_csls(head: geo.Head, vector: np.ndarray) -> np.ndarray:
    near = cosines(vector[None, :], head.space.apply(head.opened.matrix.rows(range(head.vocab))))[0]
    own = np.sort(near[head.candidates()])[-10:].mean()
    return 2 * near - own - brute_means(head)


def make_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find r of few rows at a time, from loose bounds."""
    monkeypatch.setattr(sys.modules["geometry.hubness.means"], "SAMPLE", 30)
    for name, value in (("QUICK", 0), ("AHEAD", 1), ("MOST_SHARE", 1.0)):
        monkeypatch.setattr(settling, name, value)


CASES = [
    {},
    {"among": "words"},
    {"exclude_inputs": True},
    {"keep_undertrained": True},
    {"fold_variants": True, "k": 40},
]


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("space", ["folded", "centered"])
@pytest.mark.parametrize("options", CASES, ids=lambda options: next(iter(options), "plain"))
def test_a_landing_by_csls_is_that_of_brute_force(
    make_head, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], space: str, lazily: bool
):
    if lazily:
        make_lazy(monkeypatch)
    head = awkward_head(make_head, "phi", masked=True).in_space(space)
    landing = head.land("sea + 0.5*horse", metric="csls", **options)
    truth = brute_csls(head, landing.concept.vector)
    dropped = {one for one in range(420) if options.get("exclude_inputs")} & near_inputs(head, landing)
    allowed = head.candidates(options.get("among", "all"), keep_undertrained=options.get("keep_undertrained", False))
    order = [one for one in np.lexsort((np.arange(420), -np.round(truth, 12))) if allowed[one] and one not in dropped]
    if options.get("fold_variants"):
        lines: dict[int, set[int]] = {}
        for one in order:
            if not any(one in variants for variants in lines.values()):
                lines[one] = set(head.words().variants(int(one)))
        order = list(lines)
    assert [one.id for one in landing.landings] == order[: options.get("k", 10)]
    np.testing.assert_allclose(
        [one.score for one in landing.landings], truth[[one.id for one in landing.landings]], atol=1e-9
    )
    assert bool(means_of(head).known.all()) is not lazily


def test_what_is_said_beside_a_landing_is_the_same_where_r_is_found_of_few_rows(
    make_head, monkeypatch: pytest.MonkeyPatch
):
    """What the mask hides, and where random sums land."""
    head = awkward_head(make_head, masked=True)
    for options in ({"k": 40}, {"k": 100}, {"k": 5, "null": True}):
        asked: Any = {"metric": "csls", **options}
        eager = geo.open_head(head.source).land("sea + #0", **asked)
        with monkeypatch.context() as patched:
            make_lazy(patched)
            lazy = geo.open_head(head.source).land("sea + #0", **asked)
        assert {**lazy.to_dict(), "head": None} == {**eager.to_dict(), "head": None}
        assert any("would be such rows" in note for note in eager.notes), options


def near_inputs(head: geo.Head, landing: Any) -> set[int]:
    inputs = landing.concept.input_ids
    return set(inputs) | {variant for token in inputs for variant in head.words().variants(token)}


def test_csls_goes_with_the_null_samples_and_several_sums(make_head):
    head = make_head(awkward_rows())
    landing = head.land("sea + horse", metric="csls", null=True, sample=5, seed=3)
    assert all(0 <= one.null_share <= 1 and 0 <= one.probability <= 1 for one in landing.landings)
    assert len(landing.samples) == 5
    assert landing.to_dict()["metric"] == "csls"
    alone = head.land("sea + horse", metric="csls")
    assert [one.score for one in alone.landings] == [one.score for one in landing.landings]


def test_neighbors_by_csls(make_head):
    head = make_head(awkward_rows()).folded()
    vector = np.random.default_rng(1).normal(size=(1, 16))
    truth = np.where(head.candidates(), brute_csls(head, vector[0]), -np.inf)
    (found,) = neighbors(head, vector, 12, metric="csls")
    assert found.ids.tolist() == np.lexsort((np.arange(420), -np.round(truth, 12)))[:12].tolist()


@pytest.mark.parametrize("space", ["raw", "whitened"])
def test_csls_is_refused_where_it_has_no_meaning(make_head, space: str):
    with pytest.raises(OptionError, match=f"metric csls arrived in space {space}; expected folded or centered"):
        make_head().land("sea", metric="csls", space=space)


def test_the_figures_of_a_count():
    from scipy.stats import skew

    counts = np.random.default_rng(0).poisson(3, size=400)
    found = Occurrence(np.arange(400), counts, 3, 400)
    assert found.skew == pytest.approx(skew(counts))
    assert found.antihub_share == (counts == 0).mean() == found.antihubs / 400
    assert found.top_share == pytest.approx(np.sort(counts)[-4:].sum() / counts.sum())
    assert np.isnan(Occurrence(np.arange(4), np.full(4, 2), 2, 4).skew)


def test_a_planted_hub_is_found_and_csls_holds_it_back(make_head):
    """Rows spread about a common direction, and one row nearer to it than they are."""
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(420, 128))
    rows[:, 0] += 11
    rows[350, 1:] *= 0.45
    head = make_head(rows, tensors={"model.norm.weight": np.ones(128)}, with_tokenizer=False).folded()
    found = find_hubs(head, metrics=("cosine", "csls"))
    cosine, csls = found.metrics
    assert cosine.top[0].id == 350
    assert cosine.top[0].count > 200 > 2 * csls.found.counts[350]
    assert csls.skew < cosine.skew


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_gaussian_rows_are_as_hubby_as_their_own_chance_value(make_head, shift: float):
    """Rows that are Gaussian: what is found is what chance gives, over several draws; with a norm's shift too."""
    root = np.random.default_rng(1).normal(size=(16, 16))
    rows = np.random.default_rng(2).normal(size=(420, 16)) @ root + 0.5
    beta, none = shift * np.random.default_rng(3).normal(size=16), np.zeros(420)
    norm = {"model.final_layernorm.weight": np.ones(16), "model.final_layernorm.bias": beta}
    tensors = {"lm_head.weight": rows, "lm_head.bias": none, **norm}
    head = make_head(rows, model_type="phi", tensors=tensors, with_tokenizer=False).folded()
    for metric in METRICS if shift == 0 else ("logit",):
        found = occurrence(head, metric)  # type: ignore[arg-type]
        drawn = []
        for seed in range(8):
            chance = gaussian_rows(head, seed=seed)
            biases = gaussian_biases(head, chance) if metric == "logit" else None
            drawn.append(gaussian_occurrence(chance, metric, biases=biases, n_queries=420))  # type: ignore[arg-type]
        for figure in ("skew", "antihub_share", "top_share"):
            values = np.array([getattr(one, figure) for one in drawn])
            assert abs(getattr(found, figure) - values.mean()) < 4 * values.std(ddof=1) + 1e-3, (metric, figure)


def test_gaussian_rows_have_the_heads_moments_and_are_the_same_when_drawn_again(
    make_head, monkeypatch: pytest.MonkeyPatch
):
    head = make_head(
        np.random.default_rng(3).normal(size=(4_000, 8)) @ np.diag(np.arange(1.0, 9.0)) + 2, with_tokenizer=False
    )
    for space in ("raw", "centered"):
        rows = gaussian_rows(head.in_space(space))
        monkeypatch.setattr(GAUSSIAN, "KEPT_BYTES", 0)
        again = gaussian_rows(head.in_space(space))
        monkeypatch.undo()
        np.testing.assert_array_equal(rows.part(1_000, 2_100), again.part(1_000, 2_100))
        own = head.in_space(space).rows(range(4_000))
        drawn = rows.part(0, 4_000)
        # in units of the head's own spread, four standard errors of 4,000 draws
        values, vectors = np.linalg.eigh(np.cov(own.T))
        scores = (drawn - own.mean(axis=0)) @ vectors / np.sqrt(values)
        np.testing.assert_allclose(scores.mean(axis=0), 0, atol=4 / 4_000**0.5)
        np.testing.assert_allclose(np.cov(scores.T), np.eye(8), atol=4 * (2 / 4_000) ** 0.5)


def test_a_sample_asks_where_a_head_is_too_large(make_head, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(OCCURRENCE, "MOST_WORK", 420 * 16 * 50)
    head = make_head(awkward_rows()).folded()
    found = occurrence(head, "cosine", seed=4)
    assert found.n_queries == 420 * 16 * 50 // (16 * len(found.ids)) < 420
    asked = np.sort(np.random.default_rng(4).permutation(len(found.ids))[: found.n_queries])
    np.testing.assert_array_equal(found.counts, brute_counts(head, "cosine", asked=asked))


def test_the_record_of_hubs(make_head):
    head = make_head(awkward_rows(), model_type="phi").folded()
    found = find_hubs(head, seed=1)
    shown = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert shown["head"]["fingerprint"] == head.fingerprint
    assert (shown["space"], shown["k"], shown["seed"]) == ("folded", 10, 1)
    assert list(shown["metrics"]) == list(METRICS)
    counts = found.counts["cosine"]
    assert ((counts == -1) == ~head.candidates()).all()
    assert shown["metrics"]["cosine"]["largest"] == counts.max() == shown["metrics"]["cosine"]["top"][0]["count"]
    kinds = found.metrics[0].kinds
    assert sum(one.n for one in kinds) == head.candidates().sum()
    assert sum(one.n * one.mean for one in kinds) == pytest.approx(head.candidates().sum())
    text = str(found)
    assert text == repr(found) == "\n\n\n".join(table.text() for table in found.tables())
    assert found._repr_html_().count("<table>") == len(found.tables())
    assert max(map(len, text.splitlines())) <= 100
    assert "chance: Gaussian rows" in text
    assert find_hubs(head, seed=1).to_dict() == found.to_dict()


def test_what_has_no_meaning_in_a_space_is_left_out_and_told(make_head):
    found = find_hubs(make_head(awkward_rows()).whitened())
    assert [one.metric for one in found.metrics] == ["cosine", "euclidean"]
    assert any("logit is left out" in note for note in found.notes)
    assert any("csls is left out" in note for note in found.notes)
    bare = find_hubs(make_head(awkward_rows(), with_tokenizer=False), metrics=("cosine",))
    assert bare.metrics[0].kinds == ()
    assert bare.metrics[0].top[0].text.startswith("#")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((1, 4)), "hubness over k=10 nearest of 1 rows was asked for; expected"),
        (np.random.default_rng(0).normal(size=(10, 4)), "of 10 rows"),
        (np.tile([0.1, 0.2, 0.3], (50, 1)), "are all the same: none is nearer than another"),
    ],
    ids=["one", "no more than k", "constant"],
)
def test_rows_without_hubs_are_one_clear_line(make_head, rows: np.ndarray, message: str):
    with pytest.raises(OptionError, match=message):
        find_hubs(make_head(rows, with_tokenizer=False).folded())


def test_r_of_one_row_alone_is_zero(make_head):
    head = make_head(np.ones((1, 4)), with_tokenizer=False).folded()
    assert local_means(head).tolist() == [0.0]
    assert head.land("#0", metric="csls").landings[0].score == pytest.approx(2 - 1)


def test_wrong_words_are_refused(make_head):
    with pytest.raises(OptionError, match="metric 'dot' arrived; expected one of logit, cosine, euclidean, csls"):
        check_metric("dot", "folded")
    with pytest.raises(OptionError, match="k=420 arrived"):
        occurrence(make_head(with_tokenizer=False), "cosine", k=420)


PAGE = Path(__file__).resolve().parent.parent / "docs" / "hubness.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["organism", "tinystories"])
def test_the_page_tells_what_is_found(name: str, request: pytest.FixtureRequest):
    found = find_hubs(geo.open_head(name if name == "organism" else request.getfixturevalue(name)).folded())
    page = PAGE.read_text(encoding="utf-8")
    for row in found.tables()[0].rows:
        assert "| " + " | ".join([f"`{row[0]}`", *row[1:]]) + " |" in page
    for one in found.metrics[:3]:
        lengths = found.head.norms[one.found.ids]
        shares = [(lengths < found.head.norms[hub.id]).mean() for hub in one.top]
        assert min(shares) > 0.9 if one.metric == "logit" else max(shares) < 0.01


@pytest.mark.slow
def test_the_page_tells_how_far_draws_of_chance_differ(tinystories: Path):
    few, many, told = [1.0], [1.0], PAGE.read_text(encoding="utf-8")
    for name in ("organism", tinystories):
        head = geo.open_head(name).folded()
        draws = [gaussian_rows(head, seed=seed) for seed in range(5)]
        asking = int(head.candidates().sum())
        for metric in METRICS[:3]:
            biases = [gaussian_biases(head, rows) if metric == "logit" else None for rows in draws]
            found = [
                gaussian_occurrence(rows, metric, biases=own, n_queries=asking)  # type: ignore[arg-type]
                for rows, own in zip(draws, biases, strict=True)
            ]
            for ratios, figures in ((few, ("skew", "largest")), (many, ("antihub_share", "top_share"))):
                for figure in figures:
                    values = [getattr(one, figure) for one in found]
                    ratios.append(max(values) / min(values))
                    if (name, metric, figure) == (tinystories, "logit", "skew"):
                        assert f"({min(values):.0f} to {max(values):.0f})" in told
    assert f"up to {max(few):.1f} times the least" in told
    assert f"at most {max(many):.2f} times" in told


@pytest.mark.slow
def test_the_page_tells_why_the_tiger_falls_back():
    head = geo.open_head("organism").folded()
    (tiger,) = head.words().emoji_ids("🐅")
    means = local_means(head)
    share = (means[head.candidates()] < means[tiger]).mean()
    told = re.search(r"its r of ([\d.]+) is above that of ([\d.]+)% of the rows", PAGE.read_text(encoding="utf-8"))
    assert told is not None
    assert told.groups() == (f"{means[tiger]:.3f}", f"{100 * share:.1f}")
