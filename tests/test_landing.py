"""Landings: how words are understood, what a sum becomes, and what stands beside the ranking."""

import json
from pathlib import Path

import numpy as np
import pytest

import geometry as geo
from geometry.concepts import evaluate, residual
from geometry.errors import ExpressionError, OptionError, ReadoutError, TokenError
from geometry.landing import LandingOptions, land_many


def token(head: geo.Head, text: str) -> int:
    (found,) = head.words().ids(text)
    return found


def planted(make_head, dim: int = 32) -> geo.Head:
    """A head in which the row of " boat" is that of " sea" plus that of " horse", and " Sea" that of " sea"."""
    rows = np.random.default_rng(3).normal(size=(420, dim))
    words = make_head(rows)
    rows[token(words, " boat")] = rows[token(words, " sea")] + rows[token(words, " horse")]
    rows[token(words, " Sea")] = rows[token(words, " sea")] * 1.01
    return make_head(rows, tensors={"model.norm.weight": np.ones(dim)})


def test_a_planted_sum_lands_where_it_was_planted(make_head):
    landing = planted(make_head).land("sea + horse", metric="cosine", exclude_inputs=True)
    assert landing.landings[0].text == " boat"
    assert landing.landings[0].score > 0.9


def untrained_corner(make_head) -> geo.Head:
    """A head whose unused rows, and a dozen others, lie together and near " sea"."""
    generator = np.random.default_rng(4)
    rows = generator.normal(size=(420, 32))
    words = make_head(rows).words()
    corner = generator.normal(size=32) + rows[token(make_head(rows), " sea")]
    unused = [i for i in range(420) if words.kind(i) == "padding" or i in words.reserved]
    unused += [words.byte_tokens[byte] for byte in (0xC0, 0xC1, *range(0xF5, 0x100))]
    for i in (*unused, *range(290, 302)):
        rows[i] = corner + generator.normal(size=32) * 0.1
    return make_head(rows)


@pytest.mark.parametrize("space", ["raw", "folded", "centered", "whitened"])
def test_a_concept_is_linear_before_the_sphere(make_head, space: str):
    head = make_head().in_space(space)
    parts = {word: evaluate(head, word).vector for word in ("sea", "horse", "king")}
    whole = evaluate(head, "2*(sea - 0.5*horse) + mean(king, sea)").vector
    np.testing.assert_allclose(whole, 2.5 * parts["sea"] - parts["horse"] + 0.5 * parts["king"], rtol=1e-12)


def test_terms_have_unit_length_except_in_raw_and_as_stored(make_head):
    head = make_head()
    stored = head.rows(head.words().word("sea"))[0]
    np.testing.assert_allclose(evaluate(head, "sea").vector, stored, rtol=1e-6)
    centered = head.centered()
    assert np.linalg.norm(evaluate(centered, "sea").vector) == pytest.approx(1)
    kept = evaluate(centered, "sea", as_stored=True).vector
    np.testing.assert_allclose(kept, centered.rows(head.words().word("sea"))[0], rtol=1e-5)


def test_pieces_enter_as_one_unit_term_and_the_result_says_so(make_head):
    head = make_head().centered()
    concept = evaluate(head, "seahorses + king")
    assert len(concept.terms) == 2
    assert len(concept.terms[0].ids) > 1
    assert np.linalg.norm(concept.terms[0].vector) == pytest.approx(1)
    assert "seahorses is no token here: its pieces" in concept.notes[0]


def test_the_residual_lies_on_the_sphere(make_head):
    for space in ("folded", "centered", "whitened"):
        head = make_head().in_space(space)
        assert np.linalg.norm(residual(head, evaluate(head, "sea + 3*horse"))) == pytest.approx(np.sqrt(head.dim))


@pytest.mark.parametrize("space", ["folded", "centered", "whitened"])
def test_probabilities_are_those_of_the_models_own_logits(make_head, space: str):
    """p = softmax of head.logits at γ∘u, temperature included, whatever space the terms were added up in."""
    head = make_head(model_type="gemma2", tensors={"model.norm.weight": np.full(16, 0.5)},
                     final_logit_softcapping=2.0, rms_norm_eps=1e-6, tie_word_embeddings=True)  # fmt: skip
    metric = "cosine" if space == "whitened" else "logit"
    landing = head.land("sea + horse", k=400, space=space, metric=metric, temperature=0.5, keep_undertrained=True)
    viewed = head.in_space(space)
    u = residual(viewed, evaluate(viewed, "sea + horse"))
    logits = head.logits((head.readout.gain * u)[None, :], normed=True)[0].astype(np.float64) / 0.5
    truth = np.exp(logits - np.logaddexp.reduce(logits))
    for one in landing.landings:
        assert one.probability == pytest.approx(truth[one.id], rel=1e-4)


def test_without_a_known_readout_there_are_ranks_and_no_probabilities(make_head):
    head = make_head(model_type="no-such-family")
    landing = head.land("sea + horse")
    assert all(one.probability is None for one in landing.landings)
    assert any('not folded: model_type "no-such-family" is not in the readout table' in note for note in landing.notes)
    assert head.land("sea", space="raw").landings[0].probability is None
    with pytest.raises(ReadoutError, match="logits are not available"):
        head.logits(np.ones((1, 16), dtype=np.float32))
    with pytest.raises(ReadoutError, match="sampling needs probabilities"):
        head.land("sea", sample=3)


def test_inputs_and_their_variants_are_marked_and_can_be_left_out(make_head):
    head = planted(make_head)
    shown = head.land("sea + horse", k=420)
    marks = {one.text: (one.is_input, one.is_variant) for one in shown.landings}
    assert marks[" sea"] == (True, False)
    assert marks[" Sea"] == marks[" seas"] == (False, True)
    assert marks[" boat"] == (False, False)
    left = head.land("sea + horse", k=420, exclude_inputs=True)
    assert not [one for one in left.landings if one.is_input or one.is_variant]
    ranks = [one.rank for one in left.landings]
    assert ranks == list(range(1, len(ranks) + 1))


def test_variants_fold_into_one_line(make_head):
    landing = planted(make_head).land("sea", k=5, fold_variants=True, metric="cosine")
    assert len(landing.landings) == 5
    first = landing.landings[0]
    texts = {first.text, *(landing.head.words().text_of(one) for one in first.folded)}
    assert {" sea", " Sea"} <= texts


def test_candidates_among_words_and_emoji(make_head):
    head = make_head()
    assert {one.kind for one in head.land("sea", among="words", k=50).landings} == {"word"}
    assert {one.text.strip() for one in head.land("sea", among="emoji", k=50).landings} == set("🐟🐠🐡🐴🦄")


def test_samples_follow_the_probabilities_and_the_seed(make_head):
    head = make_head()
    once, again = (head.land("sea + horse", sample=200, seed=5).samples for _ in range(2))
    assert once == again != head.land("sea + horse", sample=200, seed=6).samples
    cold = head.land("sea + horse", sample=50, temperature=1e-3)
    assert set(cold.samples) == {cold.landings[0].id}
    inputs = {i for word in ("sea", "horse") for i in head.words().word(word)}
    assert not inputs & set(head.land("sea + horse", sample=500, temperature=50.0, exclude_inputs=True).samples)


def test_a_hub_shows_in_the_null_column(make_head):
    """A row that every sum lands on is no finding: its share of random sums says so."""
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[:, 0] += 4
    words = make_head(rows)
    hub = token(words, " boat")
    rows[hub] = 0
    rows[hub, 0] = 400
    head = make_head(rows, tensors={"model.norm.weight": np.ones(16)})
    landing = head.land("sea + horse", space="folded", null=True, exclude_inputs=True)
    assert landing.landings[0].id == hub
    assert landing.landings[0].null_share > 0.9
    assert sum(one.null_share for one in landing.landings) <= 1 + 1e-9


def test_the_null_is_drawn_by_seed_and_keeps_what_is_no_word(make_head):
    head = make_head()
    first, again = (head.land("sea + horse", null=True, seed=1).to_dict()["landings"] for _ in range(2))
    assert first == again
    assert any("with 1 random word for" in n and "🐠 kept" in n for n in head.land("sea + 🐠", null=True).notes)
    assert any("no null" in note for note in head.land("#5 + #6", null=True).notes)


def test_a_batch_equals_single_landings(make_head):
    head = make_head()
    expressions = ["sea + horse", "king - man + woman", "🐠 + 🐴", "#40"]
    together = land_many(head, expressions, LandingOptions(k=7))
    for expression, one in zip(expressions, together, strict=True):
        alone = head.land(expression, k=7)
        assert [(line.id, line.score) for line in one.landings] == [(line.id, line.score) for line in alone.landings]
        # the sum under a probability is taken over float32 products, whose rounding depends on the batch
        np.testing.assert_allclose(
            [line.probability for line in one.landings], [line.probability for line in alone.landings], rtol=1e-4
        )


def test_the_bias_and_the_shift_of_the_norm_are_in_the_score(make_head):
    head = make_head(model_type="phi", layer_norm_eps=0.0)
    landing = head.land("sea + horse", k=420, space="folded", keep_undertrained=True)
    viewed = head.folded()
    u = residual(viewed, evaluate(viewed, "sea + horse"))
    truth = head.logits(u[None, :].astype(np.float32))[0]
    scores = {one.id: one.score for one in landing.landings}
    np.testing.assert_allclose([scores[i] for i in sorted(scores)], truth[sorted(scores)], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("expression", "error", "says"),
    [
        ("sea + emoji", TokenError, "needs at least 50 whole-emoji tokens from 5 groups; this head has 5 from 1"),
        ("sea - sea", ExpressionError, "is zero and points nowhere"),
        ("0*sea", ExpressionError, "is zero and points nowhere"),
        ("'hrose'", TokenError, "no token is exactly 'hrose'"),
        ("#420", TokenError, "this head has 420 rows: ids go from 0 to 419"),
        ("#99999999999999999999999", TokenError, "ids go from 0 to 419"),
        ("<DE AD BE EF>", TokenError, "no token has exactly the bytes <DE AD BE EF>; write its parts"),
    ],
)
def test_what_cannot_be_evaluated_says_why(make_head, expression: str, error: type, says: str):
    with pytest.raises(error) as caught:
        make_head().land(expression)
    assert says in str(caught.value)


def test_a_head_without_a_tokenizer_still_takes_ids(make_head):
    head = make_head(with_tokenizer=False)
    assert head.tokens is None
    assert head.land("#5 + #6").landings[0].text.startswith("#")
    assert head.logits(np.ones((2, 16), dtype=np.float32)).shape == (2, 420)
    with pytest.raises(TokenError, match="words and text need one: give token ids, such as #42"):
        head.land("sea")


def test_a_row_that_is_not_finite_is_no_term(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[300, 3] = np.inf
    with pytest.raises(TokenError, match="uses row 300, which holds NaN, infinity or numbers beyond use"):
        make_head(rows).land("#300 + sea")
    assert any("1 rows hold NaN, infinity or" in note for note in make_head(rows).land("sea").notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 0}, "k=0 arrived; expected at least 1"),
        ({"temperature": 0.0}, "temperature=0.0 arrived"),
        ({"temperature": float("nan")}, "temperature=nan arrived"),
        ({"sample": -1}, "sample=-1 arrived"),
        ({"seed": -1}, "seed=-1 arrived"),
    ],
)
def test_options_that_make_no_sense(options: dict, says: str):
    with pytest.raises(OptionError) as caught:
        LandingOptions(**options)
    assert says in str(caught.value)


def test_records_carry_where_they_come_from(make_head):
    landing = make_head().land("sea + horse")
    record = landing.to_dict()
    assert record["head"] == {"name": "0", "fingerprint": landing.head.fingerprint, "vocab": 420, "dim": 16}
    assert (record["space"], record["metric"], record["version"]) == ("folded", "logit", geo.__version__)
    assert record["options"]["seed"] == 0
    assert [term["label"] for term in record["terms"]] == ["sea", "horse"]
    keys = {"rank", "id", "text", "bytes", "kind", "score", "probability", "is_input", "is_variant", "null_share"}
    assert keys <= record["landings"][0].keys()
    frame = landing.to_frame()
    assert frame["fingerprint"].unique().tolist() == [landing.head.fingerprint]
    assert landing.head.fingerprint in str(landing)
    assert max(map(len, str(landing).splitlines())) <= 100


def test_markup_in_tokens_is_text(make_head):
    landing = make_head().land("sea")
    table = landing.table()
    hostile = type(table)(table.title, table.columns[-1:], (("[/red] :horse: <b>",),))
    assert "[/red] :horse: <b>" in hostile.text()
    assert "&lt;b&gt;" in hostile.html()


def test_the_mask_note_counts_what_the_mask_really_hides(make_head):
    head = untrained_corner(make_head)
    masked = set(head.undertrained.ids.tolist())
    assert masked
    for exclude in (False, True):
        options = {"k": 60, "space": "raw", "metric": "cosine", "exclude_inputs": exclude}
        note = head.land("sea + horse", **options).notes[-1]
        shown = head.land("sea + horse", keep_undertrained=True, **options)
        hits = [one.rank for one in shown.landings if one.id in masked]
        assert [one.rank for one in shown.landings if one.undertrained] == hits
        assert (f"without the mask {len(hits)} of the first 60" in note) == bool(hits)
        assert not hits or f"at rank {hits[0]}:" in note


def test_the_winner_is_named_however_few_are_shown(make_head):
    head = planted(make_head)
    landing = head.land("5*sea + horse", k=1, metric="cosine")
    assert landing.landings[0].is_input
    assert str(landing).startswith("5*sea + horse  →  boat\n")
    assert head.land("sea", among="emoji", k=1).winner in head.words().emoji


def test_nothing_to_land_on_says_so(make_head, tmp_path: Path):
    head = make_head()
    folder = head.opened.checkpoint.folder
    spec = json.loads((folder / "tokenizer.json").read_text())
    words = {f"w{number}": number for number in range(60)}
    spec["model"] = {"type": "WordLevel", "vocab": words, "unk_token": "w0"}
    spec["added_tokens"] = []
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    landing = geo.open_head(folder).land("#1 + #2", among="emoji")
    assert landing.landings == ()
    assert "nothing is left to land on among its emoji" in landing.notes
    assert str(landing).startswith("#1 + #2  →  nothing\n")


@pytest.mark.parametrize("weight", ["1e300", "1e-300"])
@pytest.mark.parametrize("space", ["raw", "folded", "centered"])
def test_only_the_direction_of_a_sum_decides(make_head, weight: str, space: str):
    head = make_head()
    plain = [one.id for one in head.land("sea - horse", space=space).landings]
    scaled = head.land(f"{weight}*sea - {weight}*horse", space=space)
    assert [one.id for one in scaled.landings] == plain


def test_weights_beyond_any_number_are_refused(make_head):
    with pytest.raises(ExpressionError, match="multiply beyond any number"):
        make_head().land("1e308*(1e308*sea)")
    with pytest.raises(OptionError, match="distances need one below"):
        make_head().land("1e300*sea", metric="euclidean")


@pytest.mark.parametrize("temperature", [1e-3, 1e3])
def test_probabilities_at_the_ends_of_the_scale_of_temperatures(make_head, temperature: float):
    found = make_head(with_tokenizer=False).land("#5 + #6", k=420, temperature=temperature)
    assert sum(one.probability for one in found.landings) == pytest.approx(1, abs=0.02)
    assert found.landings[0].probability == max(one.probability for one in found.landings)


def test_what_the_null_keeps_is_an_input_of_its_sums_too(make_head):
    """🐠 outweighs every random word, and would win its own null if it were a candidate there."""
    landing = make_head().land("sea + 5*🐠", null=True, k=420)
    fish = next(one for one in landing.landings if one.text == " 🐠")
    assert fish.is_input
    assert fish.null_share == 0.0


def test_words_written_as_text_or_id_have_a_null_too(make_head):
    head = make_head()
    sea = head.words().word("sea")[0]
    assert any("with 2 random words" in note for note in head.land(f"#{sea} + horse", null=True).notes)
    tokenless = make_head(with_tokenizer=False).land("#1", null=True)
    assert any("no null" in note for note in tokenless.notes)


def test_one_bad_expression_among_many_is_named(make_head):
    with pytest.raises(TokenError, match=r"^in 'emoji \+ sea': the emoji direction needs"):
        land_many(make_head(), ["sea", "emoji + sea"])
    with pytest.raises(OptionError, match="expected a list of expressions"):
        land_many(make_head(), "sea")


def test_records_print_themselves(make_head):
    head = make_head()
    landing = head.land("sea")
    assert repr(landing) == str(landing)
    assert repr(head) == "Head('0', 420 × 16, space raw)"
    assert repr(head.concept("sea + horse")) == "Concept('sea + horse', 2 terms, space raw)"
    assert "<table>" in landing._repr_html_()


# what must be seen on real heads


def test_minilm_knows_that_a_king_less_a_man_plus_a_woman_is_a_queen(minilm):
    landing = geo.open_head(minilm).land("king - man + woman", space="centered", exclude_inputs=True)
    assert landing.landings[0].text == " queen"


def test_tinystories_goes_from_the_sea_to_the_ocean(tinystories):
    landing = geo.open_head(tinystories).land("sea", metric="cosine", exclude_inputs=True)
    assert landing.landings[0].text == " ocean"
    assert landing.landings[0].score == pytest.approx(0.75, abs=0.01)


def test_the_sphere_gives_a_sum_its_size_against_the_bias(tinystories):
    landing = geo.open_head(tinystories).land("sea + horse", space="centered", exclude_inputs=True)
    assert [one.text for one in landing.landings[:3]] == [" boat", " fish", " dog"]


def test_the_mask_keeps_the_untrained_cluster_out_and_says_so(tinystories):
    head = geo.open_head(tinystories)
    assert len(head.undertrained.ids) > 400
    masked = head.land("sea + horse + <F0> + <9F>", metric="cosine", exclude_inputs=True)
    shown = head.land("sea + horse + <F0> + <9F>", metric="cosine", exclude_inputs=True, keep_undertrained=True)
    untrained = set(head.undertrained.ids.tolist())
    assert not untrained & {one.id for one in masked.landings}
    assert {one.id for one in shown.landings} <= untrained
    assert any("without the mask 10 of the first 10 would be such rows" in note for note in masked.notes)
    assert any("10 of these 10 are rows that are hidden by default" in note for note in shown.notes)


def test_a_head_without_references_masks_nothing_and_says_so(make_head, tokenizer_file, tmp_path):
    head = make_head(with_tokenizer=False)
    assert "without a tokenizer none is known" in head.undertrained.reason
    spec = json.loads(tokenizer_file.read_text())
    assert len([t for t in spec["added_tokens"] if t["content"].startswith("<unused")]) == 8
    assert len(make_head().undertrained.ids) < 420
