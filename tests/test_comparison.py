"""Two heads: identities, brute force, what is planted is found, and what does not fit is one clear line."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from head_factory import HeadFactory
from jaxtyping import Float64

import geometry as geo
from geometry.bundled import data_folder
from geometry.comparison import Comparison, compare
from geometry.comparison.alignment import halve
from geometry.comparison.drift import leads, permutation_p
from geometry.comparison.pairs import match_tokens
from geometry.comparison.rows import centre, let_go
from geometry.comparison.sides import read_expressions
from geometry.comparison.similarity import chance_jaccard, kernel_alignment, nearest
from geometry.comparison.sums import sum_up
from geometry.errors import ExpressionError, OptionError, TokenError
from geometry.head import Head
from geometry.intervals import resampled
from geometry.linalg import procrustes, procrustes_of, unit
from geometry.matching import match_apart, matched

WORDS = 300


def words_head(make_head: HeadFactory, rows: Float64[np.ndarray, "vocab dim"], words: list[str]) -> Head:
    """A head whose tokens are these words after an unknown one."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    ids = {"[UNK]": 0, **{word: i + 1 for i, word in enumerate(words)}}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = make_head(rows, with_tokenizer=False).opened.checkpoint.folder
    made.save(str(folder / "tokenizer.json"))
    return geo.open_head(folder)


def made_up(count: int) -> list[str]:
    return ["w" + "".join(chr(97 + int(digit)) for digit in str(number)) for number in range(count)]


def orthogonal(dim: int, seed: int = 9) -> Float64[np.ndarray, "dim dim"]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


def turned(make_head: HeadFactory, *, noise: float = 0.0) -> tuple[Head, Head, np.ndarray]:
    """A head, itself rotated, scaled by 1.7 and its vocabulary in another order, and where its words went."""
    rng = np.random.default_rng(4)
    rows, words = rng.normal(size=(WORDS + 1, 24)) + 0.5, made_up(WORDS)
    order = rng.permutation(WORDS)
    other = 1.7 * rows @ orthogonal(24) + noise * rng.normal(size=rows.shape)
    b = words_head(make_head, np.vstack([other[:1], other[1:][order]]), [words[i] for i in order])
    return words_head(make_head, rows, words), b, 1 + np.argsort(order)


def texts(found: Comparison) -> set[str]:
    """All that is written in a comparison's figure."""
    from matplotlib.text import Text

    return {one.get_text() for one in found.figure().findobj(Text)}


@pytest.mark.parametrize("space", ["raw", "centered", "whitened"])
def test_a_head_is_itself(composing: Head, space) -> None:
    found = compare(composing, composing, space=space, phantoms=False)
    assert found.cka == pytest.approx(1.0, abs=1e-12)
    assert found.neighbours.jaccard.value == 1.0
    np.testing.assert_allclose(found.figures.cosine_before, 1.0, atol=1e-12)
    np.testing.assert_allclose(found.figures.cosine, 1.0, atol=1e-9)
    assert found.alignment.scale == pytest.approx(1.0)
    assert found.alignment.residual < 1e-12
    assert found.alignment.residual_held_out < 1e-9
    assert found.sides.flipped == 0
    assert {one.name for one in found.sets} >= {"emoji"}
    assert all(test.p == 1.0 == test.q for one in found.sets for test in one.tests.values())  # rounding is no drift
    assert len(found.moved()) == 0
    assert "no row moved by more than rounding makes" in str(found)
    if space == "raw":
        assert "No row moved by more than rounding makes" in texts(found)


def test_rotated_scaled_and_permuted_it_is_recovered(make_head) -> None:
    a, b, went = turned(make_head)
    found = compare(a, b, expressions=["wb + wc", "wd - we + wf"])
    assert found.pairs.b.tolist() == [0, *went.tolist()]
    assert found.cka == pytest.approx(1.0, abs=1e-9)
    assert found.neighbours.jaccard.value == 1.0
    assert found.alignment.scale == pytest.approx(1.7, rel=1e-6)
    assert found.alignment.residual < 1e-10
    assert found.alignment.cosine_held_out.low > 1 - 1e-9
    assert found.alignment.cosine_permuted.mean < 0.6
    np.testing.assert_allclose(found.figures.ratio, 1.0, rtol=1e-5)
    np.testing.assert_allclose(found.figures.ratio_before, 1.7, rtol=1e-5)
    assert found.figures.cosine_before.mean() < 0.2


def test_cka_and_residuals_against_brute_force(make_head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geometry.comparison.rows.BLOCK_BYTES", 1)  # blocks of 64 rows
    a, b, went = turned(make_head, noise=1.0)
    found = compare(a, b, expressions=[], seed=3)
    x = a.rows(range(WORDS + 1)).astype(np.float64)
    y = b.rows([0, *went.tolist()]).astype(np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    gram_x, gram_y = x @ x.T, y @ y.T
    assert found.cka == pytest.approx((gram_x * gram_y).sum() / np.linalg.norm(gram_x) / np.linalg.norm(gram_y))
    best = procrustes(x, y)
    assert found.alignment.residual == pytest.approx(((best.scale * x @ best.rotation - y) ** 2).sum() / (y**2).sum())
    np.testing.assert_allclose(found.figures.cosine, (unit(x @ best.rotation) * unit(y)).sum(axis=1))
    half = halve(len(x), 3)
    fitted = procrustes(x[half], y[half])
    rest = ((fitted.scale * x[~half] @ fitted.rotation - y[~half]) ** 2).sum() / (y[~half] ** 2).sum()
    assert found.alignment.residual_held_out == pytest.approx(rest)
    assert found.alignment.fitted == half.sum() == (WORDS + 2) // 2
    np.testing.assert_allclose(
        found.figures.cosine_held_out, (unit(x[~half] @ fitted.rotation) * unit(y[~half])).sum(axis=1)
    )


def test_a_map_of_as_many_tokens_as_numbers_fits_much_of_nothing_and_the_rest_says_so(make_head) -> None:
    rng = np.random.default_rng(6)
    words = made_up(25)
    a, b = (words_head(make_head, rng.normal(size=(26, 24)), words) for _ in range(2))
    found = compare(a, b, expressions=[]).alignment
    assert found.cosine.mean == pytest.approx(0.75, abs=0.05)
    assert found.cosine_permuted.mean == pytest.approx(0.75, abs=0.05)
    assert found.residual < 0.6
    assert abs(found.cosine_held_out.mean) < 0.3
    assert found.residual_held_out > 0.9
    assert found.freedom == 24 * 23 / 2 / 26


def test_chance_cka_is_the_mean_over_permutations(make_head) -> None:
    a, b, _ = turned(make_head, noise=1.0)
    matched_heads = centre(a, b, match_tokens(a, b))
    kernel = kernel_alignment(sum_up(matched_heads))
    every = np.arange(len(matched_heads))
    x, y = matched_heads.rows_of_a(every), matched_heads.rows_of_b(every)
    rng = np.random.default_rng(0)
    below = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    drawn = [np.linalg.norm(x.T @ y[rng.permutation(len(y))]) ** 2 / below for _ in range(2_000)]
    assert kernel.chance == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_procrustes_is_scipys() -> None:
    from scipy.linalg import orthogonal_procrustes

    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 7)), rng.normal(size=(40, 7))
    rotation, total = orthogonal_procrustes(a, b)
    found = procrustes(a, b)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    assert found.scale == pytest.approx(total / (a**2).sum())
    assert found.residual == pytest.approx(((found.scale * a @ rotation - b) ** 2).sum() / (b**2).sum())
    for order in ("C", "F"):
        cross = np.array(a.T @ b, order=order)
        again = procrustes_of(cross, float((a**2).sum()), float((b**2).sum()), overwrite=True)
        assert again.rotation is cross
        np.testing.assert_allclose(cross, rotation, atol=1e-12)
        assert (again.scale, again.residual) == pytest.approx((found.scale, found.residual))
    with pytest.raises(OptionError, match="vectors of 7 and 6 numbers arrived; an orthogonal map keeps their number"):
        procrustes(a, b[:, :6])


def test_neighbours_are_those_of_brute_force(make_head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geometry.comparison.similarity.BLOCK_BYTES", 1)
    rows = np.random.default_rng(2).normal(size=(200, 6))
    rows[50:60] = rows[40:50]  # ties, which go to the one that stands first
    head = make_head(rows, with_tokenizer=False)
    ids, asked = np.arange(200), np.array([0, 41, 51, 199])
    found = nearest(head, ids, asked, 7)
    stored = unit(head.rows(ids))
    for at, token in enumerate(asked):
        scores = np.round(stored @ stored[token], 9)
        scores[token] = -np.inf
        assert found[at].tolist() == np.lexsort((ids, -scores))[:7].tolist()
    assert (found[1][0], found[2][0]) == (51, 41)


def test_chance_of_shared_neighbours() -> None:
    rng = np.random.default_rng(0)
    drawn = [
        len(one & other) / len(one | other)
        for one, other in ((set(rng.permutation(30)[:10]), set(rng.permutation(30)[:10])) for _ in range(4_000))
    ]
    assert chance_jaccard(30, 10) == pytest.approx(np.mean(drawn), abs=0.01)


def test_a_byte_and_a_letter_with_the_same_bytes_are_two_tokens(make_head) -> None:
    from tokenizers import Tokenizer, decoders, models

    heads = []
    for pieces in (["<unk>", "<0x41>", "A", "B", "<s>"], ["<unk>", "B", "A", "<s>", "<0x41>"]):
        ids = {piece: i for i, piece in enumerate(pieces)}
        made = Tokenizer(models.BPE(ids, [], byte_fallback=True, unk_token="<unk>"))
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        made.add_special_tokens(["<unk>", "<s>"])
        rows = np.random.default_rng(0).normal(size=(len(pieces), 4))
        folder = make_head(rows, with_tokenizer=False).opened.checkpoint.folder
        made.save(str(folder / "tokenizer.json"))
        heads.append(geo.open_head(folder))
    assert heads[0].words().bytes_of(1) == heads[0].words().bytes_of(2) == b"A"
    assert match_tokens(*heads).in_b() == {0: 0, 1: 4, 2: 2, 3: 1, 4: 3}


@pytest.mark.slow
def test_tokens_are_matched_once_by_bytes_and_role(make_head, test_data: Path) -> None:
    tokenizer = test_data / "tokenizers" / "llama-2.tokenizer.json"
    head = make_head(np.random.default_rng(0).normal(size=(32_000, 8)), with_tokenizer=False)
    folder = head.opened.checkpoint.folder
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    head = geo.open_head(folder)
    pairs = match_tokens(head, head)
    assert (pairs.a == pairs.b).all()  # <0x41> is no A, though their bytes are equal
    assert len(pairs) == head.opened.real.sum()
    assert pairs.only_a == {} == pairs.only_b


def test_what_has_no_partner_is_counted(make_head) -> None:
    rows, words = np.random.default_rng(0).normal(size=(41, 8)), made_up(60)
    a, b = words_head(make_head, rows, words[:40]), words_head(make_head, rows[:31], words[30:])
    rows_b = rows[:31].copy()
    rows_b[1] = np.nan
    broken = words_head(make_head, rows_b, words[30:])
    pairs = match_tokens(a, b)
    assert pairs.to_dict() == {
        "n": 11, "by": "bytes", "by_kind": {"word": 10, "special": 1}, "only_in_a": {"word": 30},
        "only_in_b": {"word": 20},
    }  # fmt: skip
    assert pairs.in_b()[31] == 1
    assert match_tokens(a, broken).by_kind() == {"word": 9, "special": 1}


def test_rows_of_another_length_are_compared_without_aligning(make_head) -> None:
    rng = np.random.default_rng(3)
    a = make_head(rng.normal(size=(420, 16)))
    wider = a.rows(range(420)) @ np.linalg.qr(rng.normal(size=(24, 16)))[0].T
    b = make_head(wider.astype(np.float64))
    found = compare(a, b)
    assert found.cka == pytest.approx(1.0, abs=1e-6)
    assert found.neighbours.jaccard.value == 1.0
    record = found.to_dict()
    assert record["alignment"] is record["cosine_before"] is None
    assert record["drift"] == record["moved"] == []
    assert any("rows of 16 and 24 numbers: no cosines" in note for note in found.notes)
    assert all(len(one.values) == one.n for one in found.neighbours.by_kind.values())
    assert "Rows of 16 and 24 numbers: neighbours' Jaccard index 1.000, by chance 0.016" in texts(found)
    with pytest.raises(OptionError, match="align was asked of rows of 16 and 24 numbers; an orthogonal map needs"):
        compare(a, b, align=True)


def test_without_tokenizers_rows_are_matched_by_id(make_head) -> None:
    a, b = (make_head(seed=seed, with_tokenizer=False) for seed in (0, 1))
    found = compare(a, b)
    assert found.pairs.to_dict()["by"] == "id"
    assert found.sets == () == found.sides.each
    assert any("neither head has a tokenizer" in note for note in found.notes)
    assert found.sides.space == "folded"
    told = compare(a, b, expressions=["#5 + #7", "sea"]).sides.each
    assert told[0].of == 10
    assert "words and text need one" in told[1].reason
    with pytest.raises(TokenError, match=r"neither \S+ \(420 rows\) nor \S+ \(42\) has a tokenizer"):
        compare(a, make_head(vocab=42, with_tokenizer=False))
    with pytest.raises(TokenError, match=r"has a tokenizer and .* has none that can be read"):
        compare(make_head(), a)


def test_what_cannot_be_compared_is_one_line(make_head) -> None:
    rows, words = np.random.default_rng(0).normal(size=(11, 8)), made_up(40)
    a = words_head(make_head, rows, words[:10])
    with pytest.raises(OptionError, match="have one token alone in common; expected at least 2 with equal bytes"):
        compare(a, words_head(make_head, rows, words[20:30]))
    nothing = rows.copy()
    nothing[0] = np.inf
    with pytest.raises(OptionError, match="have no token in common"):
        compare(a, words_head(make_head, nothing, words[20:30]))
    with pytest.raises(OptionError, match=r"no row of \S+ is a finite one of a token .*; expected at least 2 such"):
        compare(a, words_head(make_head, np.full_like(rows, np.nan), words[:10]))
    for constant in (0.0, 0.1, 1e-20, 1e12):
        same = words_head(make_head, np.full((11, 8), constant), words[:10])
        with pytest.raises(OptionError, match=r"all 11 matched rows of \S+ are the same; expected rows that differ"):
            compare(a, same)
    with pytest.raises(OptionError, match="seed=-1 arrived"):
        compare(a, a, seed=-1)


def test_two_tokens_are_compared(make_head) -> None:
    rows = np.random.default_rng(0).normal(size=(2, 8))
    found = compare(words_head(make_head, rows, ["sea"]), words_head(make_head, rows, ["sea"]))
    assert found.cka == pytest.approx(1.0)
    assert "nan" not in json.dumps(found.to_dict(), allow_nan=False)
    assert found.alignment.residual_held_out >= 0
    assert "free numbers a token" in str(found)
    assert "2 tokens are too few to say anything: dealt out again they have a CKA of 1.00" in found.notes


def test_a_row_without_direction_has_no_drift(make_head) -> None:
    rows = np.array([[-1.0, 0, 2], [1, 0, -2], [0, 0, 0], [2, 1, 0], [-2, -1, 0]])  # the third is their mean
    other = rows.copy()
    other[3:] *= [[1, -1, 1]]
    found = compare(*(words_head(make_head, one, made_up(4)) for one in (rows, other)), align=False)
    assert np.flatnonzero(np.isnan(found.drift)).tolist() == [2]
    np.testing.assert_allclose(found.drift[[0, 1, 3, 4]], [0, 0, 0.4, 0.4], atol=1e-12)
    assert found.moved().tolist() == [3, 4]
    assert "nan" not in json.dumps(found.to_dict(), allow_nan=False) + str(found)
    assert any(note.startswith("1 rows are the mean itself in A or B") for note in found.notes)
    assert len(found.figure().axes) > 0


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_planted_drift_of_emoji_is_found_and_nothing_else(composing: Head, tmp_path: Path, effect: float) -> None:
    rng = np.random.default_rng(8)
    rows = composing.rows(range(composing.vocab)).astype(np.float64)
    noise = np.full(composing.vocab, 0.1)
    noise[composing.opened.emoji_ids] += effect
    real = composing.opened.real
    sizes = np.linalg.norm(rows - rows[real].mean(axis=0), axis=1, keepdims=True) / np.sqrt(composing.dim)
    moved = rows + noise[:, None] * sizes * rng.normal(size=rows.shape)
    factory = HeadFactory(tmp_path, composing.words().source)
    b = factory(moved)
    found = compare(composing, b, phantoms=False)
    emoji = next(one for one in found.sets if one.name == "emoji")
    for measure in ("before", "aligned"):
        test = emoji.tests[measure]
        if effect:
            assert test.p == 0.0001
            assert test.difference.low > 0.01
            assert set(found.pairs.kinds[found.moved()]) == {"emoji"}
        else:
            assert test.p > 0.01
        assert test.p <= test.q


def test_p_is_uniform_where_nothing_happened() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=(400, 12, 5))
    chosen = rng.integers(0, 5, size=(199, 12), dtype=np.int16)
    p = np.array([permutation_p(leads(one), chosen) for one in values])
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / len(p)) + 0.005)
    shifted = values + np.eye(5)[0] * 2.0
    assert np.mean([permutation_p(leads(one), chosen) for one in shifted]) < 0.05


def test_p_is_the_share_of_the_drawn_permutations() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(6, 4))
    chosen = rng.integers(0, 4, size=(500, 6), dtype=np.int16)
    found = []
    for draw in chosen:
        leading = [row[i] - np.delete(row, i).mean() for row, i in zip(values, draw, strict=True)]
        found.append(abs(np.mean(leading)))
    true = abs(np.mean([row[0] - row[1:].mean() for row in values]))
    assert permutation_p(leads(values), chosen) == (1 + sum(one >= true for one in found)) / 501


def test_no_token_is_the_control_of_two() -> None:
    rng = np.random.default_rng(0)
    measures = (rng.normal(size=300), rng.normal(size=300))
    items, pool = np.arange(40), np.arange(40, 300)
    sets = match_apart(pool, items, measures, 10, rng)
    assert sets.controls.shape == (40, 6)
    assert len(np.unique(sets.controls)) == 240
    one = match_apart(pool, items[:1], measures, 10, rng)
    assert one.controls[0].tolist() == matched(pool, 0, measures, 10).tolist()
    assert (one.gaps < 0.2).all()
    few = match_apart(pool[:7], items, measures, 10, rng)
    assert (len(few.items), few.controls.shape) == (7, (7, 1))


def test_landings_are_those_of_each_head(composing: Head, arbitrary: Head) -> None:
    asked = ["cat + emoji", "dog + emoji", "'nothing here' + emoji"]
    found = compare(composing, arbitrary, expressions=asked, phantoms=False).sides
    assert [one.reason is None for one in found.each] == [True, True, False]
    for one in found.answered:
        lands = [head.land(one.expression, k=10, exclude_inputs=True) for head in (composing, arbitrary)]
        assert [one.in_a.id, one.in_b.id] == [land.landings[0].id for land in lands]
        texts = [{line.bytes for line in land.landings} for land in lands]
        assert one.shared == len(texts[0] & texts[1])
        assert one.flipped is (lands[0].landings[0].bytes != lands[1].landings[0].bytes)
        every = arbitrary.land(one.expression, k=arbitrary.vocab, exclude_inputs=True).landings
        there = [line.bytes for line in every].index(lands[0].landings[0].bytes) + 1
        assert one.in_a.rank == there
    assert found.flipped == sum(bool(one.flipped) for one in found.each)


def test_expressions_are_checked_before_anything(make_head, tmp_path: Path) -> None:
    head = make_head()
    with pytest.raises(ExpressionError, match=r"sea \+"):
        compare(head, head, expressions=["sea +"])
    with pytest.raises(OptionError, match="expected a list of expressions"):
        compare(head, head, expressions="sea + horse")
    with pytest.raises(OptionError, match="1,001 expressions arrived; expected at most 1,000"):
        compare(head, head, expressions=[f"{i} * sea" for i in range(1_001)])
    file = tmp_path / "sums.txt"
    file.write_text("// two\nsea + horse\n\n sun + flower \n", encoding="utf-8")
    assert read_expressions(file) == ("sea + horse", "sun + flower")
    file.write_text("// two\nsea + horse\nsea +\n", encoding="utf-8")
    with pytest.raises(ExpressionError, match=r"line 3 of .*sums\.txt: cannot read the expression 'sea \+'"):
        read_expressions(file)
    for content, says in (
        (b"\xff\xfe\x80", "not UTF-8 text"),
        (b"// none\n", "hold none"),
        (b"a" * 2**21, "more than"),
    ):
        file.write_bytes(content)
        with pytest.raises(OptionError, match=says):
            read_expressions(file)
    with pytest.raises(OptionError, match="is a folder"):
        read_expressions(tmp_path)
    with pytest.raises(OptionError, match="is not there"):
        read_expressions(tmp_path / "absent")


def test_large_heads_are_let_go_of_and_the_callers_are_not_touched(make_head, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, _ = turned(make_head)
    plain = compare(a, b, expressions=["wb + wc"]).to_dict()
    monkeypatch.setattr("geometry.comparison.rows.ROOM", 1)
    before = a.opened.matrix
    small = let_go(a, b)
    assert [one.opened.matrix.max_resident for one in small] == [before.nbytes // 2] * 2
    assert a.opened.matrix is before
    assert before.max_resident is None
    assert compare(a, b, expressions=["wb + wc"]).to_dict() == plain


def test_it_says_what_it_is_of(composing: Head, arbitrary: Head) -> None:
    found = compare(composing, arbitrary, phantoms=False, expressions=["cat + emoji", "qqq"])
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    wanted = (
        "a b space metric matched cka cka_chance neighbours cosine_before alignment drift moved landings notes seed "
        "version"
    )
    assert record.keys() >= set(wanted.split())
    assert record["a"] == composing.to_dict()
    frame = found.to_frame()
    assert len(frame) == record["matched"]["n"]
    assert frame["bytes"][0] == composing.words().bytes_of(int(frame["id_a"][0])).hex()
    most = record["moved"][0]
    line = frame.loc[frame["drift"].idxmax()]
    assert {key: line[key] for key in ("id_a", "id_b", "text", "bytes", "kind")}.items() <= most.items()
    assert (most["drift"], most["ratio"]) == pytest.approx((line["drift"], line["ratio"]))
    assert most["before"] == pytest.approx(1 - line["cosine_before"])
    assert record["cosine_before"]["mean"] == pytest.approx(frame["cosine_before"].mean())
    assert record["drift"][0]["well_matched"] is found.sets[0].well_matched
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    for part in (composing.fingerprint, arbitrary.fingerprint, "seed 0", "linear CKA", "permuted", "controls"):
        assert part in text
        assert part in found._repr_html_()
    assert (
        found.to_dict() == compare(composing, arbitrary, phantoms=False, expressions=["cat + emoji", "qqq"]).to_dict()
    )
    assert geo.compare is compare


def test_phantoms_landings_are_held_against_words_and_other_emoji(
    composing: Head, arbitrary: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    emoji = composing.opened.emoji_ids.tolist()
    lands = [SimpleNamespace(emoji=token, lead=1.0) for token in emoji[::3]] + [
        SimpleNamespace(emoji=emoji[1], lead=-1.0)
    ]
    monkeypatch.setattr("geometry.phantoms.find_phantoms", lambda head, seed: SimpleNamespace(phantoms=lands))
    found = compare(composing, arbitrary, expressions=[])
    told = [(one.name, one.against, one.n) for one in found.sets]
    n = len(emoji[::3])
    assert told[-2:] == [("phantoms' landings", "words and pieces", n), ("phantoms' landings", "other emoji", n)]
    places = {token: place for place, token in enumerate(found.pairs.a.tolist())}
    items = [places[token] for token in emoji[::3]]
    for one in found.sets[-2:]:
        assert not set(one.controls) & set(items)
        assert len(set(one.controls)) == len(one.controls) == n * one.each
        assert one.tests["aligned"].mean == pytest.approx(found.drift[items].mean())
        assert one.tests["aligned"].controls == pytest.approx(found.drift[list(one.controls)].mean())


@pytest.mark.slow
def test_a_whole_head_rotated_scaled_and_permuted_is_recovered(make_head, test_data: Path) -> None:
    """50,257 × 768 under the ids of GPT-2's tokenizer and under the same ids shuffled."""
    tokenizer = json.loads((test_data / "tokenizers" / "gpt-2.tokenizer.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(0)
    vocab, dim = 50_257, 768
    rows = rng.normal(size=(vocab, dim)) / np.sqrt(1 + np.arange(dim)) + 0.02
    went = rng.permutation(vocab)
    other = np.empty_like(rows)
    other[went] = 0.3 * rows @ orthogonal(dim)
    heads = []
    for numbers, ids in ((rows, np.arange(vocab)), (other, went)):
        plain = {"model.norm.weight": np.ones(dim)}  # a gain would have to be turned with the rows
        folder = make_head(numbers, with_tokenizer=False, tensors=plain).opened.checkpoint.folder
        again = json.loads(json.dumps(tokenizer))
        again["model"]["vocab"] = {piece: int(ids[one]) for piece, one in again["model"]["vocab"].items()}
        for added in again["added_tokens"]:
            added["id"] = int(ids[added["id"]])
        (folder / "tokenizer.json").write_text(json.dumps(again), encoding="utf-8")
        heads.append(geo.open_head(folder))
    found = compare(*heads, phantoms=False)
    assert len(found.pairs) == int(heads[0].opened.real.sum())
    assert (found.pairs.b == went[found.pairs.a]).all()
    assert found.cka == pytest.approx(1.0, abs=1e-9)
    assert found.neighbours.jaccard.value > 0.9999
    assert found.alignment.scale == pytest.approx(0.3, rel=1e-6)
    assert found.alignment.residual < 1e-9
    assert found.figures.cosine.min() > 1 - 1e-9
    assert found.figures.cosine_held_out.min() > 1 - 1e-9
    assert found.alignment.cosine_permuted.mean < 0.3
    assert found.sides.flipped == 0


@pytest.mark.slow
def test_the_page_tells_tuned_emoji_from_others_as_they_moved() -> None:
    import pandas as pd

    names = pd.read_csv(data_folder() / "organisms" / "tuning" / "names.tsv", sep="\t")
    page = (Path(__file__).resolve().parent.parent / "docs" / "compare.md").read_text(encoding="utf-8")
    told = {}
    parts = {"": "organism", "rewarded": "organism-rewarded", "taught": "organism-taught"}
    for a, b in (("", "rewarded"), ("", "taught"), ("rewarded", "taught")):
        heads = [geo.open_head(parts[one]) for one in (a, b)]
        found = compare(*heads, phantoms=False)
        assert (found.sides.flipped, len(found.sides.answered)) == (0, 6)
        frame = told[a, b] = found.to_frame()
        frame = frame[frame.kind == "emoji"].assign(emoji=frame.text.str.strip())
        asked = frame.merge(names[names.kind == "existing"], on="emoji")
        drift, tuned = asked.drift.to_numpy(), asked.tuned.to_numpy() == 1

        def apart(i: np.ndarray, drift: np.ndarray = drift, tuned: np.ndarray = tuned) -> float:
            return float(drift[i][tuned[i]].mean() - drift[i][~tuned[i]].mean())

        found = resampled(apart, asked.family.to_numpy(), 0)
        low, value, high = (f"{1_000 * one:.3f}".replace("-", "−") for one in (found.low, found.value, found.high))
        cells = [f"{1_000 * drift[one].mean():.3f} ({one.sum()})" for one in (tuned, ~tuned)]
        line = f"| {a or 'parent'}, {b} | {cells[0]} | {cells[1]} | {value} [{low}, {high}] |"
        assert line in page, line
    both = told["", "rewarded"].merge(told["", "taught"], on=["id_a", "kind"])
    ranks = [both[both.kind == kind][["drift_x", "drift_y"]].corr("spearman").iloc[0, 1] for kind in ("emoji", "word")]
    assert f"is {ranks[0]:.2f} for emoji and {ranks[1]:.2f} for words" in page
