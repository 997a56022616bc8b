"""The map of tokens: exact neighbours, planes and layouts that repeat, and how far they can be trusted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from head_factory import HeadFactory

import geometry as geo
from geometry.errors import GeometryError
from geometry.linalg import unit
from geometry.maps import EmojiMap, emoji_map, read_map
from geometry.maps.groups import GROUPS, KINDS, is_kind
from geometry.maps.neighbors import nearest_points, one_thread
from geometry.maps.placing import Placer, membership
from geometry.maps.planes import principal_plane
from geometry.maps.rows import answers_of
from geometry.maps.trust import trust_of
from geometry.tokens.kinds import Kind

SUM = "sea + horse + emoji"


@pytest.fixture(scope="module")
def folded() -> geo.Head:
    return geo.open_head("organism").folded()


@pytest.fixture(scope="module")
def plane(folded: geo.Head) -> EmojiMap:
    return emoji_map(folded, [SUM, "🐟 + sun"], method="pca")


@pytest.fixture(scope="module")
def umap(folded: geo.Head) -> EmojiMap:
    """A small UMAP: only this file loads umap-learn, which takes seconds."""
    return emoji_map(folded, [SUM], around=150)


def _brute(rows: np.ndarray, k: int) -> np.ndarray:
    similar = rows @ rows.T
    np.fill_diagonal(similar, -np.inf)
    return np.argsort(-similar, axis=1, kind="stable")[:, :k]


# Neighbours


def test_neighbours_are_those_of_brute_force(folded: geo.Head, plane: EmojiMap):
    rows = unit(folded.rows(plane.ids))
    assert np.array_equal(plane.nearest, _brute(rows, 10))
    np.testing.assert_allclose(plane.similarities, np.take_along_axis(rows @ rows.T, plane.nearest, axis=1), atol=1e-6)
    one = plane.composites[0]
    query = unit(folded.concept(SUM).vector)
    assert np.array_equal(one.nearest, np.argsort(-(rows @ query), kind="stable")[:10])
    assert folded.land(SUM, among="emoji").winner == plane.ids[one.winner]


def test_equal_rows_are_near_in_order_and_never_themselves():
    rows = unit(np.random.default_rng(0).normal(size=(40, 8)))
    rows[[3, 7, 21]] = rows[30]
    found = nearest_points(answers_of(rows), 5)
    assert (found.places != np.arange(40)[:, None]).all()
    assert found.places[30, :3].tolist() == [3, 7, 21]
    assert found.places[7, :3].tolist() == [3, 21, 30]
    zero = np.vstack([rows, np.zeros((1, 8))])
    assert nearest_points(answers_of(zero), 3).places[40].tolist() == [0, 1, 2]


def test_threads_are_as_before():
    import faiss

    before = faiss.omp_get_max_threads()
    with one_thread():
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == before


# Planes and trust


def test_the_plane_is_that_of_the_first_components(folded: geo.Head, plane: EmojiMap):
    rows = unit(folded.rows(plane.ids))
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    assert plane.variance == pytest.approx(values[:2].sum() / values.sum(), rel=1e-6)
    np.testing.assert_allclose(np.var(plane.points, axis=0), values[:2], rtol=1e-6)
    np.testing.assert_allclose(plane.place(rows), plane.points, atol=1e-6)
    assert len(set(plane.texts)) == len(plane.texts) == 1328


def test_how_much_lies_in_the_plane(plane: EmojiMap):
    inside = plane.plane.mean + 0.3 * plane.plane.axes[0] - 0.1 * plane.plane.axes[1]
    assert 0 < plane.in_plane(inside[None])[0] <= 1
    np.testing.assert_allclose(plane.place(inside[None])[0], (unit(inside) - plane.plane.mean) @ plane.plane.axes.T)


@pytest.mark.parametrize("dim", [2, 3, 12])
def test_narrow_rows_have_a_plane_too(dim: int):
    rows = unit(np.random.default_rng(1).normal(size=(30, dim)))
    found = principal_plane(answers_of(rows))
    away = rows - rows.mean(axis=0)
    sizes = np.linalg.svd(away, compute_uv=False)
    assert found.variance == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum())
    np.testing.assert_allclose(found.plane.axes @ found.plane.axes.T, np.eye(2), atol=1e-9)


def test_trust_is_that_of_scikit_learn(folded: geo.Head, plane: EmojiMap, monkeypatch: pytest.MonkeyPatch):
    from sklearn.manifold import trustworthiness

    rows = unit(folded.rows(plane.ids))[:400]
    points, answers = plane.points[:400], answers_of(rows)
    near = nearest_points(answers, 10)
    found = trust_of(answers, near, points, 10)
    assert found.trust == pytest.approx(trustworthiness(rows, points, n_neighbors=10), abs=1e-12)
    away = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    drawn = np.argsort(away, axis=1)[:, :10]
    shared = [len({*a} & {*b}) for a, b in zip(drawn.tolist(), near.places.tolist(), strict=True)]
    assert found.overlap == pytest.approx(np.mean(shared) / 10)
    monkeypatch.setattr("geometry.maps.trust.MOST_ASKED", 300)
    monkeypatch.setattr("geometry.maps.trust.SAMPLE", 200)
    sampled = trust_of(answers, near, points, 10, seed=1)
    assert sampled.asked == 200
    assert sampled.trust == pytest.approx(found.trust, abs=0.03)


def test_groups_keep_to_themselves_more_than_by_chance(plane: EmojiMap):
    generator, names = np.random.default_rng(0), np.array(plane.groups)
    permuted = [generator.permutation(names) for _ in range(30)]
    chance = np.mean([(one[plane.nearest] == one[:, None]).mean() for one in permuted])
    *each, every = plane.shares
    assert every.chance == pytest.approx(chance, abs=0.005)
    assert every.own == pytest.approx((names[plane.nearest] == names[:, None]).mean())
    assert sum(one.n for one in each) == every.n == 1328
    assert "share its Unicode group, by chance 13%" in emoji_map(plane.head, method="pca").headline()


def test_the_headline_names_every_sum_while_there_is_room(plane: EmojiMap):
    fish, horse = (_winner(plane, at) for at in (1, 0))
    assert plane.headline() == f"{SUM}  →  {horse} · 🐟 + sun  →  {fish}, among 1,328 emoji"
    many = replace(plane, composites=plane.composites * 9)
    assert many.headline().startswith(f"{SUM}  →  {horse} · 🐟 + sun  →  {fish} · ")
    assert many.headline().endswith(" and 13 more, among 1,328 emoji")


def _winner(plane: EmojiMap, at: int) -> str:
    return plane.texts[plane.composites[at].winner or 0]


def test_no_group_or_kind_has_the_colour_of_another():
    assert len(set(GROUPS.values())) == len(GROUPS)
    kinds = {name: color for name, color in KINDS.items() if name != "token"}  # alone on its maps
    assert len({*kinds.values(), *GROUPS.values()}) == len(kinds) + len(GROUPS)
    assert set(KINDS) == {*get_args(Kind), "token"} - {"emoji"}
    assert (is_kind("word"), is_kind("Objects"), is_kind("something new")) == (True, False, True)


# UMAP


def test_a_umap_repeats_and_holds_on_to_exact_neighbours(folded: geo.Head, umap: EmojiMap):
    again = emoji_map(folded, [SUM], around=150)
    assert np.array_equal(umap.points, again.points)
    assert np.array_equal(umap.composites[0].point, again.composites[0].point)
    other = emoji_map(folded, [SUM], around=150, seed=1)
    assert not np.array_equal(umap.points, other.points)
    assert np.array_equal(umap.nearest, other.nearest)
    assert umap.trust > emoji_map(folded, [SUM], around=150, method="pca").trust
    # "sea" and "horse" are no emoji: their rows are added, and the emoji direction has none
    assert len(umap.ids) == 152
    assert [umap.texts[place].strip() for place in umap.composites[0].terms] == ["sea", "horse"]


@pytest.mark.slow
def test_what_is_put_on_a_umap_lies_where_umap_learn_puts_it(folded: geo.Head, umap: EmojiMap):
    """Its own transform draws a few of the others by chance: ours is in the middle of that, and keeps neighbours."""
    from umap import UMAP

    def kept(at: np.ndarray) -> float:
        away = ((at[:, None] - peer.embedding_[None]) ** 2).sum(axis=2)
        drawn = np.argsort(away, axis=1)[:, :10]
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(near, drawn, strict=True)]))

    rows = unit(folded.rows(emoji_map(folded, [SUM], around=400, method="pca").ids)).astype(np.float32)
    peer = UMAP(n_neighbors=15, min_dist=0.3, spread=1.5, metric="cosine", random_state=0, n_jobs=1).fit(rows)
    ours = Placer(answers_of(rows.astype(np.float64)), peer.embedding_.astype(np.float64), 15, umap._placer.curve)
    new = unit(rows[::10] + 0.03 * np.random.default_rng(0).normal(size=rows[::10].shape)).astype(np.float32)
    near = np.argsort(-(new @ rows.T), axis=1, kind="stable")[:, :10]
    found, theirs = ours.place(new.astype(np.float64)), []
    for peer.transform_seed in range(5):
        theirs.append(np.concatenate([peer.transform(one[None]) for one in new]))
    middle = np.median(theirs, axis=0)
    scatter = np.median(np.linalg.norm(theirs - middle, axis=2))
    assert np.median(np.linalg.norm(found - middle, axis=1)) < 1.2 * scatter
    assert scatter < 0.05 * np.ptp(peer.embedding_, axis=0).max()
    assert kept(found) > np.mean([kept(one) for one in theirs]) - 0.02


def test_a_vector_is_drawn_as_strongly_as_umap_learn_draws_it():
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    distances = np.sort(np.random.default_rng(0).uniform(0.1, 0.9, size=(1, 15))).astype(np.float32)
    sigmas, rhos = smooth_knn_dist(distances, 15.0, local_connectivity=0.0)
    places = np.arange(15, dtype=np.int32)[None]
    _, _, strengths, _ = compute_membership_strengths(places, distances, sigmas, rhos, bipartite=True)
    np.testing.assert_allclose(membership(distances[0].astype(np.float64)), strengths, rtol=1e-4)


def test_a_row_of_the_map_lies_near_itself_and_a_new_one_beside_its_neighbours(folded: geo.Head, umap: EmojiMap):
    rows = unit(folded.rows(umap.ids))
    width = float(np.ptp(umap.points, axis=0).max())
    away = np.linalg.norm(umap.place(rows) - umap.points, axis=1)
    assert np.median(away) < 0.1 * width
    assert umap.placed_overlap is not None
    assert umap.placed_overlap > 0.6 * umap.overlap > 0.05
    alone = umap.place(rows[5:6])
    np.testing.assert_allclose(umap.place(rows[4:7])[1], alone[0], atol=1e-9)  # whoever else is asked for
    nudged = umap.place(rows[5:6] + 1e-6)
    assert np.linalg.norm(nudged - alone) < 0.01 * width  # so that a slider moves it and does not throw it


# What is asked for


def test_a_neighbourhood_is_what_ranks_first(folded: geo.Head):
    found = emoji_map(folded, [SUM, "fish + sun"], method="pca", among="all", around=20)
    first = {one.id for sum_ in (SUM, "fish + sun") for one in folded.land(sum_, 20).landings}
    own = {term.ids[0] for sum_ in (SUM, "fish + sun") for term in folded.concept(sum_).terms if term.ids}
    assert set(found.ids.tolist()) == first | own
    assert "tokens" in found.headline()
    words = emoji_map(folded, method="pca", among="words", space="centered")
    assert set(words.kinds) == {"word"}
    assert words.space == "centered"
    assert "keeps" in words.headline()  # one kind: nothing to share by chance


def test_sums_in_whitened_land_by_cosine_similarity(folded: geo.Head):
    found = emoji_map(folded, [SUM], method="pca", space="whitened", around=30)
    assert found.composites[0].metric == "cosine"
    assert (
        found.ids[found.composites[0].winner]
        == folded.land(SUM, among="emoji", space="whitened", metric="cosine").winner
    )


def test_few_points_lower_the_neighbours_and_say_so(make_head: HeadFactory):
    head = make_head()
    found = emoji_map(head)
    assert len(found.ids) == 5
    assert found.nearest.shape == (5, 4)
    assert found.settings["neighbors"] == 5
    assert np.isfinite(found.points).all()
    assert "UMAP held on to 5 nearest points, not to 15" in " ".join(found.notes)
    assert "with 5 points, all figures are of the 2 nearest" in found.notes
    assert found.overlap_by_chance == 0.5
    names, (*_, every) = np.array(found.groups), found.shares  # of all 4 others, every share would be that of chance
    assert every.own == (names[found.nearest[:, :2]] == names[:, None]).mean()


def test_what_cannot_be_mapped_is_one_line(make_head: HeadFactory, folded: geo.Head, monkeypatch: pytest.MonkeyPatch):
    head = make_head()
    same = make_head(np.ones((420, 16)))
    lines = [
        (lambda: emoji_map(head, ["sea"], around=1, among="words"), "around=1 gives 1 points; expected at least 4"),
        (lambda: emoji_map(head, around=5), "around=5 arrived without an expression"),
        (lambda: emoji_map(head, ["sea"], around=0), "around=0 arrived; expected 1 to 50,000"),
        (lambda: emoji_map(head, "sea"), "the text 'sea' arrived; expected a list of expressions"),
        (lambda: emoji_map(head, ["sea"] * 1_001), "1,001 sums arrived; expected at most 1,000 on one map"),
        (lambda: emoji_map(head, ["xyzzy +"]), "xyzzy"),
        (lambda: emoji_map(head, neighbors=1), "neighbors=1 arrived; expected 2 to 1,000"),
        (lambda: emoji_map(head, min_dist=3.0), "min_dist=3.0 arrived; expected 0 to spread, 1.5"),
        (lambda: emoji_map(head, spread=0.0), "spread=0.0 arrived"),
        (lambda: emoji_map(head, seed=-1), "seed=-1 arrived"),
        (lambda: emoji_map(same, method="pca", among="all"), "all 335 points have the same direction"),
        (lambda: emoji_map(folded, method="pca").place(np.ones((1, 3))), "vectors of shape (1, 3) arrived; expected"),
    ]  # fmt: skip
    for call, said in lines:
        with pytest.raises(GeometryError) as error:
            call()
        assert said in str(error.value)
    monkeypatch.setattr("geometry.maps.rows.MOST_POINTS", 100)
    with pytest.raises(GeometryError, match="1,328 whole emoji of organism arrived; a map shows at most 100"):
        emoji_map(folded, method="pca")


def test_rows_that_are_not_finite_are_no_points(make_head: HeadFactory):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[300] = np.nan
    found = emoji_map(make_head(rows), method="pca", among="all")
    assert 300 not in found.ids
    assert np.isfinite(found.points).all()
    bare = emoji_map(make_head(rows, with_tokenizer=False), method="pca", among="all")
    assert (bare.texts[0], bare.kinds[0], bare.names[0]) == ("#0", "token", "")


# Files


def _same(one: EmojiMap, other: EmojiMap) -> None:
    assert one.to_dict(points=True) == other.to_dict(points=True)
    assert np.array_equal(one.points, other.points)
    assert one.figure is not None
    assert str(one) == str(other)


@pytest.mark.parametrize("name", ["plane", "umap"])
def test_a_map_is_read_as_it_was_written(name: str, folded: geo.Head, tmp_path: Path, request: pytest.FixtureRequest):
    found = request.getfixturevalue(name)
    found.write(tmp_path / "m.parquet")
    found.write(tmp_path / "again.parquet")
    assert (tmp_path / "m.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()
    alone = read_map(tmp_path / "m.parquet")
    _same(found, alone)
    query = folded.concept("fish + sun").vector[None]
    with pytest.raises(GeometryError, match="read from a file without its head; give read_map"):
        alone.place(query)
    np.testing.assert_allclose(read_map(tmp_path / "m.parquet", folded).place(query), found.place(query), atol=1e-9)


def test_a_stored_map_is_a_table_for_anyone(plane: EmojiMap, tmp_path: Path):
    import pandas as pd

    plane.write(tmp_path / "m.parquet")
    frame = pd.read_parquet(tmp_path / "m.parquet")
    assert len(frame) == 1328 + 2
    assert set(frame.columns) < set(plane.to_frame().columns)
    assert frame.text[frame.is_composite].tolist() == [SUM, "🐟 + sun"]
    fish = frame[frame.text == "🐟"].iloc[0]
    assert (fish["name"], fish["group"], fish["bytes"]) == ("fish", "Animals & Nature", "f09f909f")
    assert len(fish.nearest) == len(fish.similarities) == 10
    assert (plane.to_frame().fingerprint == plane.head.fingerprint).all()


def _spoilt(plane: EmojiMap, folder: Path, spoil) -> Path:
    """A stored map with something wrong in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    plane.write(folder / "m.parquet")
    table = spoil(pq.read_table(folder / "m.parquet"), pa)
    pq.write_table(table, folder / "spoilt.parquet")
    return folder / "spoilt.parquet"


def _with(name: str, row: int, value):
    def spoil(table, pa):
        values = table.column(name).to_pylist()
        values[row] = value
        place = table.column_names.index(name)
        return table.set_column(place, table.field(name), pa.array(values, table.field(name).type))

    return spoil


def _facts(**changed):
    def spoil(table, pa):
        facts = json.loads(table.schema.metadata[b"geometry"])
        return table.replace_schema_metadata({b"geometry": json.dumps(facts | changed)})

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_with("x", 3, float("nan")), "x is nan instead of a number"),
        (_with("y", 3, None), "y is None instead of a number"),
        (_with("similarities", 0, [float("inf")] * 10), "similarities is inf"),
        (_with("nearest", 0, [1] * 10), "it is damaged (KeyError: 1)"),
        (_with("nearest", 0, [7000]), "a row has not 10 nearest"),
        (_with("id", 0, 7999), "its ids are not in ascending order"),
        (_with("id", 0, None), "a point has no id"),
        (_with("text", 0, None), "text is None instead of text"),
        (_with("is_composite", 0, None), "a row does not say whether it is a sum"),
        (_with("winner", -1, 5), "it is damaged"),
        (lambda table, pa: table.drop_columns(["norm"]), "its column 'norm' is nothing instead of double"),
        (lambda table, pa: table.slice(0, 3), "it has 3 points"),
        (lambda table, pa: table.replace_schema_metadata({}), "it does not say which head it is of"),
        (lambda table, pa: table.replace_schema_metadata({b"geometry": b"{"}), "cannot be read as a map"),
        (lambda table, pa: pa.concat_tables([table] * 40), "rows take"),
        (_facts(space="rotated"), "its space or method is none"),
        (_facts(seed=True), "its seed is True"),
        (_facts(head={"name": "x"}), "it is damaged (KeyError: 'fingerprint')"),
        (_facts(trust="high"), "trust is 'high' instead of a number"),
        (_facts(settings={"among": "emoji"}), "its settings do not say what was mapped"),
        (_facts(settings={"among": "emoji", "around": None, "keep_undertrained": False, "k": 9}), "its k is 9"),
        (_with("x", 3, 1e308), "x is 1e+308, not -1e+09 to 1e+09"),
        (_with("similarities", 0, [9.0] * 10), "similarities is 9.0, not -1 to 1"),
        (_with("text", 3, "w" * 20_001), "text has 20,001 characters, more than 20,000"),
        (_facts(overlap=-3), "overlap is -3, not"),
        (_facts(notes="abc"), "its notes are no list of at most 5,000"),
    ],
)  # fmt: skip
def test_a_strangers_file_is_one_line(plane: EmojiMap, tmp_path: Path, spoil, said: str):
    with pytest.raises(GeometryError) as error:
        read_map(_spoilt(plane, tmp_path, spoil))
    assert said in str(error.value)
    assert "spoilt.parquet' cannot be read as a map" in str(error.value)


def test_what_is_no_stored_map_is_one_line(plane: EmojiMap, make_head: HeadFactory, tmp_path: Path):
    (tmp_path / "text.parquet").write_text("no parquet")
    for path, said in ((tmp_path / "text.parquet", "cannot be read as a map"), (tmp_path / "no", "is not there"),
                       (tmp_path, "it is no file")):  # fmt: skip
        with pytest.raises(GeometryError, match=said):
            read_map(path)
    plane.write(tmp_path / "m.parquet")
    with pytest.raises(GeometryError, match=r"of fingerprint .* arrived for a map of organism"):
        read_map(tmp_path / "m.parquet", make_head())
    for path, said in ((tmp_path / "m.csv", "ends in .parquet"), (tmp_path / "no" / "m.parquet", "there is no folder")):
        with pytest.raises(GeometryError, match=said):
            plane.write(path)
    assert {path.name for path in tmp_path.iterdir()} <= {"heads", "text.parquet", "m.parquet"}
