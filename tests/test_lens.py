"""The lens against brute force: first tokens, ranks, emoji in the making, sums and spans, records."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head_factory import HeadFactory
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import geometry as geo
from geometry import pages
from geometry.concepts import residual
from geometry.errors import GeometryError
from geometry.landing.nulls import draw_random_sums
from geometry.readings import reading as reading_module
from geometry.readings.explained import shares, span
from geometry.readings.reading import best, rank_of
from geometry.readings.tables import lens_tables
from geometry.readings.words import cells, share, signed
from geometry.residuals import Residuals

SUM = "sea + horse + emoji"


def states_of(head: geo.Head, layers: int = 3, positions: int = 4, seed: int = 1) -> Residuals:
    drawn = np.random.default_rng(seed).normal(size=(layers, positions, head.dim)).astype(np.float32)
    return Residuals(drawn, tuple(range(20, 20 + positions)), last_is_normed=False)


@pytest.fixture(scope="module")
def organism() -> geo.Head:
    return geo.open_head("organism")


# numbers


@given(arrays(np.float32, st.integers(1, 30), elements=st.integers(-3, 3).map(float)), st.data())
def test_first_tokens_and_ranks_with_ties(logits: np.ndarray, data: st.DataObject):
    ordered = sorted(range(len(logits)), key=lambda token: (-logits[token], token))
    k = data.draw(st.integers(1, len(logits)))
    assert best(logits, k).tolist() == ordered[:k]
    token = data.draw(st.integers(0, len(logits) - 1))
    assert rank_of(logits, token) == ordered.index(token) + 1


def test_every_cell_is_what_the_heads_logits_say(make_head: HeadFactory):
    head = make_head(model_type="phi")
    residuals = states_of(head)
    found = geo.lens(head, residuals, k=3, track=["#7", "sea"])
    last = head.logits(residuals.states[-1]).astype(np.float64)
    for layer in range(3):
        logits = head.logits(residuals.states[layer]).astype(np.float64)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        final = np.exp(last - last.max(axis=1, keepdims=True))
        final /= final.sum(axis=1, keepdims=True)
        order = np.argsort(-p, axis=1, kind="stable")[:, :3]
        assert np.array_equal(found.reading.ids[layer], order)
        np.testing.assert_allclose(found.reading.probabilities[layer], np.take_along_axis(p, order, 1), atol=1e-6)
        np.testing.assert_allclose(found.reading.entropy[layer], -(p * np.log(p)).sum(axis=1), atol=1e-5)
        np.testing.assert_allclose(found.reading.divergence[layer], (final * np.log(final / p)).sum(axis=1), atol=1e-5)
        assert np.array_equal(found.reading.ranks[layer, :, 0], 1 + (p > p[:, [7]]).sum(axis=1))
    assert np.all(found.reading.divergence[-1] == 0)


@pytest.mark.parametrize("norm", ["normed", "raw"])
def test_blocks_change_nothing(norm: str, make_head: HeadFactory, monkeypatch: pytest.MonkeyPatch):
    head = make_head()
    whole = geo.lens(head, states_of(head), norm=norm, track=["sea"])
    monkeypatch.setattr(reading_module, "LOGIT_BYTES", 1)
    parts = geo.lens(head, states_of(head), norm=norm, track=["sea"])
    for name in ("ids", "ranks"):
        assert np.array_equal(getattr(whole.reading, name), getattr(parts.reading, name))
    for name in ("probabilities", "entropy", "divergence", "tracked"):
        np.testing.assert_allclose(getattr(whole.reading, name), getattr(parts.reading, name), atol=1e-5)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_the_last_state_is_not_normed_twice(model_type: str, make_head: HeadFactory):
    head = make_head(model_type=model_type)
    states = states_of(head).states
    normed = np.concatenate([states[:-1], head.readout.normed(states[-1])[None]])
    before, behind = (geo.lens(head, Residuals(x, last_is_normed=y)) for x, y in ((states, False), (normed, True)))
    found_out = geo.lens(head, Residuals(normed))
    for one in (behind, found_out):
        assert np.array_equal(before.reading.ids, one.reading.ids)
        np.testing.assert_allclose(before.reading.probabilities, one.reading.probabilities, atol=1e-5)
        np.testing.assert_allclose(before.directions, one.directions, atol=1e-4)
    assert any("by its length it has been through the final norm" in note for note in found_out.notes)


def test_raw_is_the_product_alone(make_head: HeadFactory):
    head = make_head()
    residuals = states_of(head)
    found = geo.lens(head, residuals, norm="raw", k=1)
    products = residuals.states.astype(np.float64) @ head.rows(range(head.vocab)).T
    assert np.array_equal(found.reading.ids[:, :, 0], products.argmax(axis=2))
    # the model's own last reading is normed all the same, and divergences are taken from that
    assert np.all(found.reading.divergence[-1] > 0)


def test_rows_that_are_not_finite_have_no_probability(make_head: HeadFactory):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[50] = np.nan
    head = make_head(rows)
    found = geo.lens(head, states_of(head), k=100, track=["#51"])
    assert 50 not in found.reading.ids
    assert np.all(np.isfinite(found.reading.entropy))
    assert any("1 rows hold NaN" in note for note in found.notes)
    with pytest.raises(GeometryError, match="#50 uses row 50, which holds NaN"):
        geo.lens(head, states_of(head), track=["#50"])


def test_a_head_whose_norm_is_not_known(make_head: HeadFactory):
    head = make_head(model_type="nobody_knows")
    with pytest.raises(GeometryError, match="ask for --norm raw, which ranks the rows by their products alone"):
        geo.lens(head, states_of(head))
    residuals = states_of(head)
    found = geo.lens(head, residuals, norm="raw", explain="sea + horse")
    products = residuals.states.astype(np.float64) @ head.rows(range(head.vocab)).T
    assert np.array_equal(found.reading.ids[:, :, 0], products.argmax(axis=2))
    cell = next(found.cells())
    assert cell["top"][0]["probability"] is None
    assert cell["entropy"] is None
    assert "no probabilities" in str(found)


# what is tracked


def test_what_is_tracked(organism: geo.Head):
    tokens = organism.words()
    found = geo.lens(organism, states_of(organism), track=["sea", "'.'", "🐠", "#42", "seahorses", SUM]).tracked
    assert [one.kind for one in found] == ["token", "token", "token", "token", "piece", "sum"]
    assert tokens.bytes_of(found[0].id) == b" sea"
    assert tokens.bytes_of(found[1].id) == b"."
    assert tokens.emoji[found[2].id].text == "🐠"
    assert found[3].id == 42
    assert found[4].id == tokens.word("seahorses")[0]
    assert "its first piece" in found[4].note
    assert found[5].id == organism.land(SUM, space="folded").winner
    with pytest.raises(GeometryError, match="#8000 arrived"):
        geo.lens(organism, states_of(organism), track=["#8000"])


def test_an_emoji_in_bytes_is_tracked_behind_its_space(tmp_path: Path):
    head = byte_head(tmp_path, b" \xf0\x9f\x90\xa0")
    (one,) = geo.lens(head, Residuals(np.ones((2, 1, head.dim), np.float32)), track=["🐠"]).tracked
    assert one.kind == "piece"
    assert head.words().bytes_of(one.id) == b" \xf0\x9f"


# emoji in the making


def byte_head(folder: Path, *_: bytes) -> geo.Head:
    """A head that spells emoji in bytes as Llama 3 does: space + F0 9F is one token, then byte by byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "ð"), ("Ġð", "Ł")]
    vocab = {piece: number for number, piece in enumerate([*letters, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "bytes.json"))
    (folder / "heads").mkdir(exist_ok=True)
    return HeadFactory(folder / "heads", folder / "bytes.json")(np.eye(len(vocab)))


def reading_bytes(head: geo.Head, *layers: list[bytes]) -> np.ndarray:
    """States in which a head of unit rows reads these tokens, a layer a list."""
    ids = [[head.words().with_bytes(data)[0] for data in layer] for layer in layers]
    return np.eye(head.vocab, dtype=np.float32)[np.array(ids)] * 9


def ids_of(head: geo.Head, *data: bytes) -> tuple[int, ...]:
    return tuple(head.words().with_bytes(one)[0] for one in data)


def test_three_steps_spell_an_emoji(tmp_path: Path):
    head = byte_head(tmp_path)
    states = reading_bytes(head, [b"x", b"x", b"x"], [b" \xf0\x9f", b"\x90", b"\xa0"])
    read = ids_of(head, b":", b" \xf0\x9f", b"\x90")
    found = geo.lens(head, Residuals(states, read, last_is_normed=False))
    assert found.spelt[0] == (None, None, None)
    first, second, third = found.spelt[1]
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.bytes, first.before, first.emoji) == ("20f09f", "", None)
    assert (second.bytes, second.before, second.emoji) == ("20f09f90", "20f09f", None)
    assert (third.bytes, third.before, third.emoji) == ("20f09f90a0", "20f09f90", "🐠")
    told = str(found)
    assert "⟨A0⟩ = 🐠" in told
    assert "·⟨F0 9F 90⟩…" in told
    assert list(found.cells())[-1]["spelt"] == {"bytes": "20f09f90a0", "before": "20f09f90", "emoji": "🐠"}


def test_without_the_text_a_layers_own_readings_are_joined(tmp_path: Path):
    head = byte_head(tmp_path)
    states = reading_bytes(head, [b" \xf0\x9f", b"\x90", b"\xb4"], [b" \xf0\x9f", b"x", b"\xa0"])
    found = geo.lens(head, Residuals(states, last_is_normed=False)).spelt
    assert [one and one.emoji for one in found[0]] == [None, None, "🐴"]
    # a letter between breaks it off, and a byte that continues nothing spells nothing
    assert [one and one.bytes for one in found[1]] == ["20f09f", None, None]


def test_what_is_not_adjacent_is_not_joined(tmp_path: Path):
    head = byte_head(tmp_path)
    states = reading_bytes(head, [b" \xf0\x9f", b"\x90", b"\xa0"])
    read = ids_of(head, b":", b" \xf0\x9f", b"\x90")
    apart = Residuals(states, read, last_is_normed=False, about={"positions": "3,4,9"})
    assert apart.where == (3, 4, 9)
    assert [one and one.emoji for one in geo.lens(head, apart).spelt[0]] == [None, None, None]
    assert any("stood at 3, 4, 9 of the text" in note for note in geo.lens(head, apart).notes)
    chosen = geo.lens(head, Residuals(states, last_is_normed=False), positions=[0, 2]).spelt[0]
    assert chosen[1] is None


# sums and spans


def test_standing_against_a_loop(make_head: HeadFactory):
    head = make_head(model_type="phi")
    residuals = states_of(head)
    found = geo.lens(head, residuals, concept="sea + horse", space="centered", seed=3)
    standing, view = found.standing, head.centered()
    assert standing is not None
    concept = view.concept("sea + horse")
    drawn = draw_random_sums(view, concept, 1_000, seed=3)
    assert drawn is not None
    assert standing.low is not None
    assert standing.high is not None
    assert standing.below is not None
    for layer, position in ((0, 0), (2, 3)):
        x = residuals.states[layer, position].astype(np.float64)
        x = x - x.mean()
        own = x @ concept.vector / np.linalg.norm(x) / np.linalg.norm(concept.vector)
        others = drawn.sums @ x / np.linalg.norm(x) / np.linalg.norm(drawn.sums, axis=1)
        assert standing.cosine[layer, position] == pytest.approx(own)
        assert standing.low[layer, position] == pytest.approx(np.percentile(others, 5))
        assert standing.high[layer, position] == pytest.approx(np.percentile(others, 95))
        assert standing.below[layer, position] == pytest.approx((others < own).mean())
    again = geo.lens(head, residuals, concept="sea + horse", space="centered", seed=3).standing
    assert again is not None
    assert np.array_equal(standing.low, again.low)


@pytest.mark.parametrize("space", ["folded", "centered", "whitened"])
def test_a_residual_that_is_the_sum_stands_on_it(space: str, organism: geo.Head):
    view = organism.in_space(space)
    aim = residual(view, view.concept(SUM)).astype(np.float32)
    noise = np.random.default_rng(0).normal(size=organism.dim).astype(np.float32)
    states = np.stack([noise, aim, aim])[:, None]
    found = geo.lens(organism, Residuals(states, last_is_normed=False), concept=SUM, explain=SUM, space=space)
    assert found.standing is not None
    assert found.explained is not None
    assert found.explained.below is not None
    np.testing.assert_allclose(found.standing.cosine[1:], 1.0, atol=1e-5)
    np.testing.assert_allclose(found.explained.share[1:], 1.0, atol=1e-5)
    assert np.all(found.explained.below[1:] == 1)
    assert np.all(found.explained.projected[1:] == found.explained.winner[1:])
    assert found.explained.share[0, 0] < 0.1


def test_shares_are_those_of_least_squares(make_head: HeadFactory):
    head = make_head().folded()
    rng = np.random.default_rng(2)
    vectors, u = rng.normal(size=(3, head.dim)), rng.normal(size=(5, head.dim))
    found = shares(u, span(head, vectors))
    for part, x in zip(found, u, strict=True):
        left = x - vectors.T @ np.linalg.lstsq(vectors.T, x, rcond=None)[0]
        assert part == pytest.approx(1 - left @ left / (x @ x))
    assert len(span(head, np.vstack([vectors, vectors[0] * 2]))) == 3
    assert shares(np.zeros((1, head.dim)), span(head, vectors))[0] == 0


@pytest.mark.parametrize("norm", ["normed", "raw"])
def test_what_the_projection_leaves(norm: str, make_head: HeadFactory):
    """Replaced by hand: the residual's part in the span, through the model's own norm, however the rest is read."""
    head = make_head()
    residuals = states_of(head)
    found = geo.lens(head, residuals, explain="sea + horse", positions=[1], norm=norm).explained
    assert found is not None
    assert found.positions == (1,)
    assert np.array_equal(found.winner[:, 0], head.logits(residuals.states[:, 1]).argmax(axis=1))
    basis = np.linalg.qr(np.stack([head.folded().concept(word).vector for word in ("sea", "horse")]).T)[0].T
    x = residuals.states[:, 1].astype(np.float64)
    inside = (x @ basis.T) @ basis
    for part, told in ((inside, found.projected), (x - inside, found.removed)):
        logits = head.logits((part * 1e4).astype(np.float32))  # so long that the norm's eps is nothing
        assert np.array_equal(logits.argmax(axis=1), told[:, 0])


def test_a_sum_without_words_has_no_band(organism: geo.Head):
    found = geo.lens(organism, states_of(organism), concept="🐠 + emoji", explain="🐠 + emoji")
    assert found.standing is not None
    assert found.explained is not None
    assert found.standing.low is None
    assert found.explained.random_survivals is None
    assert "no band: the sum has no word" in str(found)
    assert "random" not in str(found).split("Position")[-1]


# records


@pytest.fixture(scope="module")
def full(organism: geo.Head) -> "geo.readings.Lens":  # type: ignore[name-defined]
    residuals = states_of(organism, layers=3, positions=12)
    return geo.lens(organism, residuals, k=2, track=["sea", "🐠", SUM], concept=SUM, explain=SUM)


def test_the_contract_of_the_json(full, organism: geo.Head):
    lines = list(full.cells())
    assert [(one["layer"], one["position"]) for one in lines] == [(a, b) for a in range(3) for b in range(12)]
    for one in lines:
        json.dumps(one, allow_nan=False)
        assert {*one} >= {"layer", "position", "top", "head", "norm", "metric", "space", "seed", "version"}
        assert [*one["top"][0]] == ["id", "text", "probability"]
        assert one["top"][0]["probability"] >= one["top"][1]["probability"]
        assert one["head"]["fingerprint"] == organism.fingerprint
    assert lines[-1]["explained"]["share"] == full.explained.share[-1, 0]
    assert lines[0]["explained"] is None  # the last position alone, where none is chosen
    assert lines[-1]["tracked"][2]["cosine_similarity"] == lines[-1]["standing"]["cosine_similarity"]
    whole = full.to_dict()
    assert len(whole["cells"]) == 36
    assert whole["residuals"]["dim"] == organism.dim


def test_what_states_were_computed_in_and_where_they_stood_is_told(make_head: HeadFactory):
    head = make_head()
    states = states_of(head)
    for dtype, shown in (("bfloat16", True), ("float32", False), ("a lie\nof two lines", False)):
        about = {"dtype": dtype, "positions": "4,6,7,9"}
        found = geo.lens(head, replace(states, about=about))
        assert ("states in" in found.provenance()) is shown
        assert "\n" not in found.provenance()
        assert [one["text_position"] for one in found.cells()][:4] == [4, 6, 7, 9]
        assert {one["dtype"] for one in found.cells()} == {found.dtype}
        assert found.dtype == (None if "lie" in dtype else dtype)


def test_two_sums_have_two_bands_each_with_its_note(organism: geo.Head):
    found = geo.lens(organism, states_of(organism), concept="sea + horse", explain="tropical + fish")
    assert ["random words for sea and horse" in note for note in found.notes].count(True) == 1
    assert ["random words for tropical and fish" in note for note in found.notes].count(True) == 1


def test_numbers_are_short_and_never_less_than_nothing():
    assert [share(value) for value in (0.0, 1e-30, 0.0004, 0.047, 0.69, 0.999)] == [
        "0", "1e-30", "4e-04", ".047", ".69", "1.0",
    ]  # fmt: skip
    assert (signed(-0.0001), signed(-0.084), signed(0.004, 2)) == ("0.000", "−0.084", "0.00")


def test_tables_fit_a_terminal(full):
    assert max(map(cells, str(full).splitlines())) <= 100
    first, *others = lens_tables(full)
    assert "the last that fit of 12" in first.title[2]
    assert len(others) >= 3
    for table in (first, *others):  # no cell is folded: every row is one line
        body = replace(table, title=(), notes=()).text().splitlines()
        assert len(body) == 2 + full.layers
    assert str(full) == repr(full)
    assert "<table>" in full._repr_html_()


def test_a_frame_has_a_row_for_every_token_told(full, organism: geo.Head):
    frame = full.to_frame()
    assert len(frame) == 3 * 12 * 2
    assert {"layer", "position", "rank", "id", "text", "probability", "entropy", "divergence"} <= {*frame.columns}
    assert (frame.fingerprint == organism.fingerprint).all()


def test_figures_are_drawn_and_are_the_same_each_time(full, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from geometry.figures import save
    from geometry.readings import drawing

    every = drawing.map_emoji(full.head.folded(), method="pca")
    few = replace(
        every,
        ids=every.ids[:40],
        texts=every.texts[:40],
        points=every.points[:40],
        norms=every.norms[:40],
        nearest=every.nearest[:40],
        similarities=every.similarities[:40],
    )  # a thousand pictures take seconds
    monkeypatch.setattr(drawing, "map_emoji", lambda head, **_: few)

    for name, draw in (("lens", full.figure), ("map", full.map)):
        for number in (1, 2):
            save(draw(), tmp_path / f"{name}{number}.svg")
        one, other = ((tmp_path / f"{name}{number}.svg").read_bytes() for number in (1, 2))
        assert one == other
    with pytest.raises(GeometryError, match="position 99 arrived; this lens has read 0, 1"):
        full.map(99)


def test_the_page_holds_everything_and_loads_nothing(full):
    page = full.page()
    assert page.startswith("<!DOCTYPE html>")
    for outside in ("http:", "https:", "src=", "@import", "url("):
        assert outside not in page
    assert "default-src 'none'" in page
    data = json.loads(page.split('id="lens-data">')[1].split("</script>")[0])
    assert (len(data["cells"]), len(data["cells"][0])) == (3, 12)
    inside, without = (data["tokens"][token] for token in data["cells"][2][11]["w"])
    told = [*full.cells()][-1]["explained"]
    assert (inside, without) == tuple(pages.token(told[name]["text"]) for name in ("projected", "removed"))
    assert data["tokens"][data["cells"][2][11]["t"][0][0]] == pages.token(
        next(iter([*full.cells()][-1]["top"]))["text"]
    )


def test_what_a_token_holds_stays_text_on_a_page():
    hostile = "</script><img src=x onerror=alert(1)>"
    assert "<" not in pages.token(hostile)
    embedded = pages.embedded("x", {"a": hostile})
    assert embedded.count("<") == 2
    assert json.loads(embedded.split(">", 1)[1].removesuffix("</script>")) == {"a": hostile}
    assert "<img" not in pages.page(hostile, "", footer=hostile)
    assert pages.text("a 🐠 & b") == 'a <span class="emoji">🐠</span> &amp; b'
    assert "❤️" in pages.text("❤")


# what is wrong, in one line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 0}, "k=0 arrived; expected 1 to 100"),
        ({"space": "raw"}, "space 'raw' arrived; expected one of folded, centered, whitened"),
        ({"positions": [4]}, "position 4 arrived; these residuals have 4: 0 to 3, or -1 for the last"),
        ({"positions": []}, "no position arrived"),
        ({"seed": -1}, "seed=-1 arrived"),
        ({"track": ["sea +"]}, "a term is missing after the sign"),
        ({"concept": "sea - sea"}, "is zero and points nowhere"),
        ({"explain": "0*sea + nonexistentεword"}, ""),
    ],
)
def test_options_that_make_no_sense(options: dict, says: str, make_head: HeadFactory):
    head = make_head()
    if not says:
        geo.lens(head, states_of(head), **options)  # weights do not matter to a span, and pieces are summed
        return
    with pytest.raises(GeometryError) as told:
        geo.lens(head, states_of(head), **options)
    assert says in str(told.value)


def test_residuals_of_another_model(make_head: HeadFactory):
    head = make_head()
    with pytest.raises(GeometryError, match=r"residuals of width 8 arrived; .* has rows of 16: capture them from"):
        geo.lens(head, np.ones((2, 2, 8), np.float32))
    with pytest.raises(GeometryError, match=r"the token id 420 arrived; .* has 420 rows"):
        geo.lens(head, Residuals(np.ones((2, 1, 16), np.float32), (420,)))
    found = geo.lens(head, Residuals(np.ones((2, 1, 16), np.float32), about={"fingerprint": "ffff"}))
    assert any("captured beside the head ffff" in note for note in found.notes)


def test_a_head_without_a_vocabulary(make_head: HeadFactory):
    head = make_head(with_tokenizer=False)
    found = geo.lens(head, states_of(head), track=["#3"])
    assert found.tracked[0].text == "#3"
    assert found.spelt == ()
    assert "tokens are shown by id" in str(found)
    assert "#" in found.page()
    with pytest.raises(GeometryError, match="words and text need one"):
        geo.lens(head, states_of(head), track=["sea"])
