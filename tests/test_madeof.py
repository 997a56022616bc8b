"""What a token is made of: planted sums are found, screening changes nothing, names are left out, controls are fair."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import one_line, run, run_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import geometry as geo
from geometry.errors import ExpressionError, OptionError, TokenError
from geometry.linalg import unit
from geometry.madeof import MadeOf, made_of
from geometry.madeof.lasso import lasso_path
from geometry.madeof.names import own_words
from geometry.madeof.refit import refit
from geometry.madeof.screening import first_rows, unit_rows

SPACES = ("raw", "folded", "centered", "whitened")


def token(head: geo.Head, text: str) -> int:
    (found,) = head.words().ids(text)
    return found


def planted(make_head, noise: float = 0.0, dim: int = 32) -> geo.Head:
    """A head in which the row of " boat" is 0.7 of that of " sea" and 0.4 of that of " horse", each at unit length."""
    rows = np.random.default_rng(3).normal(size=(420, dim))
    words = make_head(rows)
    parts = unit(rows[[token(words, " sea"), token(words, " horse")]])
    rows[token(words, " boat")] = 0.7 * parts[0] + 0.4 * parts[1] + noise * np.random.default_rng(4).normal(size=dim)
    return make_head(rows, tensors={"model.norm.weight": np.ones(dim)})


@pytest.mark.parametrize(("noise", "share"), [(0.0, 0.9999), (0.02, 0.95)])
def test_a_planted_sum_is_found(make_head, noise: float, share: float):
    found = made_of(planted(make_head, noise), "boat", terms=2, space="folded", controls=5)
    assert [term.text for term in found.terms] == [" sea", " horse"]
    assert found.terms[0].weight / found.terms[1].weight == pytest.approx(0.7 / 0.4, abs=5 * noise + 1e-5)
    assert found.r2 > share
    assert found.controls.p == pytest.approx(1 / 6)
    assert found.expression.endswith("*horse")


def test_the_expression_leads_back_to_the_target(make_head):
    head = planted(make_head)
    for space in ("raw", "folded"):
        found = made_of(head, "boat", terms=2, space=space, controls=0)
        landing = head.land(found.expression, space=space, metric="cosine", exclude_inputs=True)
        assert landing.landings[0].text == " boat"
        assert landing.landings[0].score > 0.999


def brute_force(target: np.ndarray, rows: np.ndarray, terms: int) -> float:
    """The best R² of any so many rows with weights from 0."""
    return max(refit(target, rows[list(some)]).r2 for some in itertools.combinations(range(len(rows)), terms))


@pytest.mark.parametrize("seed", range(4))
def test_no_pair_of_words_does_better_than_brute_force_and_a_planted_one_does_as_well(make_head, seed: int):
    rows = np.random.default_rng(seed).normal(size=(420, 24))
    head = make_head(rows, tensors={"model.norm.weight": np.ones(24)})
    boat, sea, horse = (token(head, text) for text in (" boat", " sea", " horse"))
    rows[boat] = rows[sea] + 0.8 * rows[horse] + np.random.default_rng(seed).normal(size=24) * 0.3
    head = make_head(rows, tensors={"model.norm.weight": np.ones(24)}).folded()
    found = made_of(head, "boat", terms=2, controls=0)
    words = np.flatnonzero(head.candidates("words"))
    words = words[~np.isin(words, list(own_words(head, [boat])))]
    best = brute_force(unit(head.rows([boat]))[0], unit_rows(head, words), 2)
    assert found.r2 == pytest.approx(best, abs=1e-6)
    other = made_of(head, "king", terms=2, controls=0)
    words = np.flatnonzero(head.candidates("words"))
    words = words[~np.isin(words, list(own_words(head, [token(head, " king")])))]
    assert other.r2 <= brute_force(unit(head.rows([token(head, " king")]))[0], unit_rows(head, words), 2) + 1e-9


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(1, 8), st.sampled_from([1, 3, 20]), st.sampled_from(["llama", "phi"]))
def test_screening_gives_what_all_columns_give(make_head, seed: int, terms: int, screen: int, model_type: str):
    generator = np.random.default_rng(seed)
    head = make_head(generator.normal(size=(300, 12)) + 1.0, model_type=model_type, with_tokenizer=False).centered()
    targets = unit(head.space.apply_linear(generator.normal(size=(4, 12))))
    left_out = [frozenset(generator.integers(0, 300, size=5).tolist()) for _ in targets]
    allowed = generator.random(300) < 0.8
    found = first_rows(head, targets, left_out, allowed, terms, screen=screen)
    for target, dropped, ids in zip(targets, left_out, found, strict=True):
        every = np.array([token for token in np.flatnonzero(allowed) if token not in dropped])
        assert ids == lasso_path(target, every, unit_rows(head, every), terms).ids


@pytest.mark.parametrize("seed", range(3))
def test_the_path_is_the_lassos(seed: int):
    """Just before the last word enters, coordinate descent has exactly the others; just after, that one too."""
    from sklearn.linear_model import Lasso

    generator = np.random.default_rng(seed)
    rows, target = unit(generator.normal(size=(60, 30))), unit(generator.normal(size=30))
    path = lasso_path(target, np.arange(60), rows, 5)
    last = path.penalties[-1]
    residual = target - Lasso(
        last * 1.0001 / 30, fit_intercept=False, positive=True, tol=1e-12, max_iter=100_000
    ).fit(rows.T, target).predict(rows.T)  # fmt: skip
    np.testing.assert_allclose(residual, path.residuals[-1], atol=1e-3)
    after = Lasso(last * 0.999 / 30, fit_intercept=False, positive=True, tol=1e-12, max_iter=100_000)
    assert path.ids[-1] in np.flatnonzero(after.fit(rows.T, target).coef_)
    assert (rows @ path.residuals.T <= path.penalties + 1e-12).all()


@pytest.mark.parametrize("shape", [(60, 30), (400, 100), (12, 4), (3, 40)])
@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_that_of_scikit_learn(seed: int, shape: tuple[int, int]):
    from sklearn.linear_model import lars_path

    generator = np.random.default_rng(seed)
    rows, target = unit(generator.normal(size=shape)), unit(generator.normal(size=shape[1]))
    path = lasso_path(target, np.arange(shape[0]), rows, min(shape) - 1)
    alphas, _, weights = lars_path(rows.T, target, method="lasso", positive=True, max_iter=100)
    # scikit-learn's own page says not to trust the positive path's end, where no penalty is left
    knots = min(int((alphas > 1e-9).sum()), int((path.penalties > 1e-9).sum()))
    np.testing.assert_allclose(path.penalties[:knots], alphas[:knots] * shape[1], atol=1e-9)
    np.testing.assert_allclose(path.residuals[:knots], target - weights.T[:knots] @ rows, atol=1e-9)


def test_a_word_that_leaves_the_path_keeps_its_place():
    """With seed 3 a row leaves within four steps; the whole path keeps to the conditions, down to no penalty at all."""
    generator = np.random.default_rng(3)
    rows, target = unit(generator.normal(size=(12, 4))), unit(generator.normal(size=4))
    path = lasso_path(target, np.arange(12), rows, 12)
    active = [np.flatnonzero(rows @ r > p - 1e-9) for r, p in zip(path.residuals, path.penalties, strict=True)]
    assert any(set(one) - set(two) for one, two in itertools.pairwise(active[:-1]))
    assert len(set(path.ids)) == len(path.ids)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 30), st.booleans())
def test_every_path_ends_and_keeps_to_the_conditions(seed: int, dim: int, number: int, few: bool):
    """With few different rows nearly all of them tie; at its end the path is the best fit with weights from 0."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(-1, 2, size=(number, dim)) if few else generator.normal(size=(number, dim))
    rows, target = unit(drawn[np.any(drawn != 0, axis=1)].astype(float)), unit(generator.normal(size=dim))
    if not len(rows):
        return
    path = lasso_path(target, np.arange(len(rows)), rows, number + 1)
    assert (rows @ path.residuals.T <= path.penalties + 1e-7).all()
    assert (np.diff(path.penalties) <= 1e-12).all()
    assert 1 - path.residuals[-1] @ path.residuals[-1] == pytest.approx(refit(target, rows).r2, abs=1e-6)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_r2_is_what_it_says_in_every_space(make_head, model_type: str, space: str):
    head = make_head(np.random.default_rng(1).normal(size=(420, 16)) + 1.0, model_type=model_type)
    found = made_of(head, "boat", terms=4, space=space, controls=6)
    view = head.in_space(space)
    target = unit(view.space.apply(head.rows([found.token.id])))[0]
    fit = sum(term.weight * unit_rows(view, np.array([term.id]))[0] for term in found.terms)
    assert found.r2 == pytest.approx(1 - np.sum((target - fit) ** 2))
    assert all(term.weight > 0 for term in found.terms)
    assert np.diff(found.r2_path).min() >= -1e-12
    assert found.r2_path[-1] == pytest.approx(found.r2)
    first = unit_rows(view, np.array([found.terms[0].id]))[0] @ target
    assert found.r2_path[0] == pytest.approx(first**2)
    # least squares: what is left is orthogonal to the fit
    assert (target - fit) @ fit == pytest.approx(0, abs=1e-9)
    assert 0 <= found.controls.low <= found.controls.median <= found.controls.high <= 1
    assert found.space == space


def test_scale_does_not_count(make_head):
    rows = np.random.default_rng(2).normal(size=(420, 16))
    head = make_head(rows)
    rows = rows * np.random.default_rng(0).uniform(0.1, 10, size=(420, 1))
    longer = make_head(rows)
    one, two = (made_of(each, "boat", space="folded", controls=0) for each in (head, longer))
    assert [term.id for term in one.terms] == [term.id for term in two.terms]
    np.testing.assert_allclose([t.weight for t in one.terms], [t.weight for t in two.terms], rtol=1e-4)


def test_variants_and_the_words_of_its_own_name_are_left_out(make_head):
    head = make_head()
    assert {head.words().text_of(one) for one in own_words(head, [token(head, " sea")])} >= {" sea", " Sea", " seas"}
    fish = head.words().emoji_ids("🐟")
    assert {head.words().text_of(one) for one in own_words(head, fish)} >= {" 🐟", " fish"}
    for target, forbidden in (("sea", {" Sea", " seas"}), ("🐟", {" fish"}), ("🐴", {" horse"})):
        found = made_of(head, target, terms=10, controls=0)
        assert not forbidden & {term.text for term in found.terms}
        assert any("left out as" in note and "·" + min(forbidden).strip() in note for note in found.notes)


def test_only_words_are_ingredients(make_head):
    head = make_head()
    found = made_of(head, "🐟", terms=10, controls=0)
    assert {head.words().kind(term.id) for term in found.terms} == {"word"}


def test_pieces_and_sums_are_targets_and_the_record_says_so(make_head):
    head = make_head()
    pieces = made_of(head, "seahorses", controls=8)
    assert pieces.token.id is None
    assert len(pieces.token.ids) > 1
    assert bytes.fromhex(pieces.token.bytes) == b" seahorses"
    assert any("its pieces" in note for note in pieces.notes)
    total = made_of(head, "sea + 2*horse", controls=8)
    assert total.token.bytes is None
    assert "the target is the sum sea + 2*horse, its terms at unit length" in total.notes
    assert total.controls.kind == "sums of other tokens"
    assert not {" sea", " horse", " Sea", " seas"} & {term.text for term in total.terms}


def test_emoji_spelt_in_bytes_are_compared_with_others_spelt_so(make_head):
    found = made_of(make_head(), "🦑", controls=20)
    assert len(found.token.ids) > 1
    assert (found.token.kind, found.controls.kind) == ("emoji", "other emoji")
    assert found.controls.n == 20


def test_a_control_that_reaches_as_much_counts(make_head):
    """p = (1 + reached) / (1 + n); every other emoji here is the target's twin."""
    rows = np.random.default_rng(0).normal(size=(420, 16))
    words = make_head(rows).words()
    for one in words.emoji:
        rows[one] = rows[300]
    found = made_of(make_head(rows), "🐟", controls=4, space="folded")
    assert (found.controls.n, found.controls.p) == (4, 1.0)
    assert found.controls.median == pytest.approx(found.r2, abs=0.2)


def test_the_same_seed_gives_the_same_answer(make_head):
    head = make_head()
    one, two, other = (made_of(head, "boat", controls=7, seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == two
    assert one["random_words"] != other["random_words"]
    assert one["terms"] == other["terms"]


def test_rows_that_are_equal_enter_once(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    head = make_head(rows)
    rows[token(head, " queen")] = rows[token(head, " king")]
    rows[token(head, " boat")] = rows[token(head, " king")] + 0.1 * rows[token(head, " sea")]
    found = made_of(make_head(rows), "boat", terms=3, space="folded", controls=0)
    assert len({" king", " queen"} & {term.text for term in found.terms}) == 1


def test_nothing_that_comes_nearer_is_no_error(make_head):
    """Every word lies on the other side of the target."""
    rows = np.abs(np.random.default_rng(0).normal(size=(420, 16)))
    head = make_head(rows)
    rows[token(head, " boat")] *= -1
    found = made_of(make_head(rows), "boat", space="folded", controls=3)
    assert (found.terms, found.r2, found.r2_path, found.expression) == ((), 0.0, (), "")
    assert "only 0 of 5 words: no other would come nearer" in found.notes
    assert str(found).startswith("no word  ≈  boat")


@pytest.mark.parametrize(
    ("expression", "options", "error", "says"),
    [
        ("🦄 + ", {}, ExpressionError, "a term or a closing bracket is missing"),
        ("'hrose'", {}, TokenError, "no token is exactly 'hrose'"),
        ("#420", {}, TokenError, "ids go from 0 to 419"),
        ("sea - sea", {}, ExpressionError, "is zero and points nowhere"),
        ("boat", {"terms": 0}, OptionError, "terms=0 arrived; expected 1 to 50"),
        ("boat", {"terms": 51}, OptionError, "terms=51 arrived; expected 1 to 50"),
        ("boat", {"terms": 50}, OptionError, "50 terms were asked for, but only"),
        ("boat", {"controls": -1}, OptionError, "controls=-1 arrived; expected 0 (none)"),
        ("boat", {"seed": -1}, OptionError, "seed=-1 arrived; expected 0 or more"),
    ],
)
def test_every_mistake_is_one_line(make_head, expression: str, options: dict, error: type, says: str):
    with pytest.raises(error) as caught:
        made_of(make_head(), expression, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_that_cannot_be_explained_say_so(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    boat = token(make_head(rows), " boat")
    rows[boat] = 0
    with pytest.raises(OptionError, match="the row of boat is zero in space folded"):
        made_of(make_head(rows), "boat", space="folded")
    with pytest.raises(OptionError, match=r"all \d+ words of .* have the same row"):
        made_of(make_head(np.ones((420, 16))), "boat")
    with pytest.raises(TokenError, match="words and text need one"):
        made_of(make_head(with_tokenizer=False), "#5")


def test_a_zero_row_among_the_words_is_no_ingredient(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    king = token(make_head(rows), " king")
    rows[king] = 0
    rows[token(make_head(rows), " queen"), 0] = np.nan
    found = made_of(make_head(rows), "boat", terms=10, space="folded")
    assert not {" king", " queen"} & {term.text for term in found.terms}


def test_records_carry_where_they_come_from(make_head):
    found = made_of(make_head(), "🐟", controls=3)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    wanted = "head token space r2 r2_path terms controls random_words seed version notes expression"
    assert set(wanted.split()) <= record.keys()
    assert record["head"]["fingerprint"] == found.head.fingerprint
    assert record["token"] == {
        "id": found.token.id, "ids": [found.token.id], "text": " 🐟", "bytes": "20f09f909f", "kind": "emoji",
    }  # fmt: skip
    assert set(record["controls"]) == {"n", "median", "low", "high", "p", "kind"}
    assert set(record["terms"][0]) == {"id", "text", "weight"}
    frame = found.to_frame()
    assert frame["fingerprint"].unique().tolist() == [found.head.fingerprint]
    assert frame["r2"].tolist() == list(found.r2_path)
    assert made_of(make_head(), "🐟", controls=0).to_dict()["controls"] is None


def test_records_print_themselves(make_head):
    found = made_of(make_head(), "🐟", controls=3)
    assert repr(found) == str(found)
    assert max(map(len, str(found).splitlines())) <= 100
    assert "<table>" in found._repr_html_()
    assert found.head.fingerprint in str(found)


# the command, and the organism


def test_the_command_prints_a_table_and_json(make_head):
    folder = str(make_head().opened.checkpoint.folder)
    options = ["-n", "3", "--space", "whitened", "--controls", "4", "--seed", "9", "--keep-undertrained"]
    shown = run("madeof", "boat", "-H", folder, *options)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "≈  boat" in shown.stdout
    record = json.loads(run_here("madeof", "boat", "-H", folder, *options, "--max-memory", "1GB", "--json").stdout)
    assert (record["space"], record["seed"], record["controls"]["n"], len(record["terms"])) == ("whitened", 9, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["'hrose'"], "no token is exactly 'hrose'"),
        (["boat", "-n", "0"], "terms=0 arrived; expected 1 to 50"),
        (["boat", "-H", "nowhere"], "no such head: 'nowhere'"),
    ],
)
def test_every_mistake_of_the_command_is_one_line_and_exit_1(make_head, arguments: list[str], says: str):
    folder = str(make_head().opened.checkpoint.folder)
    one_line(run_here("madeof", *(arguments if "-H" in arguments else [*arguments, "-H", folder])), says)


@pytest.fixture(scope="module")
def unicorn() -> MadeOf:
    return made_of(geo.open_head("organism"), "🦄")


def test_the_organisms_unicorn_is_made_of_other_words(unicorn: MadeOf):
    """Whatever they are: five words other than its name, nearer than any five words, compared with other emoji."""
    assert len(unicorn.terms) == 5
    assert "unicorn" not in str([term.text for term in unicorn.terms]).lower()
    assert unicorn.r2 > 3 * unicorn.random_words.high
    assert (unicorn.controls.n, unicorn.controls.kind) == (100, "other emoji")
    assert any("unicorn, and their variants: ·unicorn" in note for note in unicorn.notes)


def test_its_path_holds_against_every_word_of_the_organism(unicorn: MadeOf):
    head = unicorn.head
    words = np.flatnonzero(head.candidates("words"))
    words = words[~np.isin(words, list(own_words(head, unicorn.token.ids)))]
    rows = unit_rows(head, words)
    target = unit(unicorn.concept.vector)
    assert tuple(term.id for term in unicorn.terms) == lasso_path(target, words, rows, 5).ids
    chosen = rows[np.searchsorted(words, [term.id for term in unicorn.terms])]
    assert unicorn.r2 == pytest.approx(refit(target, chosen).r2)


def test_what_it_is_made_of_can_be_pasted_into_snap(unicorn: MadeOf):
    landing = unicorn.head.land(unicorn.expression)
    assert {term.id for term in unicorn.terms} == landing.concept.input_ids


def test_a_real_head_that_spells_emoji_in_bytes(tinystories: Path):
    found = made_of(geo.open_head(tinystories), "🐠", controls=10)
    assert found.token.kind == "emoji"
    assert len(found.terms) <= 5


def test_words_that_the_language_reserves_are_quoted(make_head):
    """`emoji` means the direction, so that the word's own row is named by its text."""
    rows = np.random.default_rng(3).normal(size=(420, 32))
    head = make_head(rows)
    rows[token(head, " boat")] = rows[token(head, " emoji")] + 0.01 * rows[token(head, " king")]
    found = made_of(make_head(rows), "boat", terms=1, space="folded", controls=0)
    assert found.expression.endswith("*' emoji'")
    assert make_head(rows).concept(found.expression).input_ids == {found.terms[0].id}
