"""The audit: every figure against its definition, planted faults found, and what is known of the bundled heads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import one_line, run, run_here
from hypothesis import given
from hypothesis import strategies as st

import geometry as geo
from geometry.bundled import data_folder
from geometry.errors import OptionError
from geometry.figures import save
from geometry.health import audit
from geometry.health.drawing import _at_least
from geometry.health.indicators import HALVES, RULE, found, hide_half, indicators, overlap
from geometry.health.inventory import take_inventory, writable
from geometry.health.lengths import measure_sizes
from geometry.health.spectrum import ledoit_wolf, measure_spectrum
from geometry.health.suspects import find_suspects, spread
from geometry.health.truth import read_truth
from geometry.intervals import rank_correlation
from geometry.linalg import unit
from geometry.tokens.utf8 import utf8_state

UNREAD = data_folder() / "organisms" / "whole" / "unread.tsv"


# tokens and emoji


@given(st.text(max_size=4), st.integers(0, 16), st.integers(0, 16))
def test_a_part_of_a_text_is_never_called_impossible(text: str, start: int, stop: int):
    """What is cut out of valid UTF-8 opens, continues or is complete; whole texts are complete."""
    data = text.encode()
    assert utf8_state(data) == "complete"
    piece = data[start:stop]
    state = utf8_state(piece)
    assert state != "never"
    begins_within = piece[:1] != b"" and 0x80 <= piece[0] <= 0xBF
    assert (state == "continues") == begins_within
    if state == "complete":
        piece.decode()


@pytest.mark.parametrize("data", [b"\xff", b"\xc0", b"\xc1\x80", b"\xf5\x80", b"\xe0\x80", b"a\xf0a", b"\x80" * 4])
def test_bytes_of_no_text_are_called_so(data: bytes):
    assert utf8_state(data) == "never"


@given(st.binary(max_size=8), st.sets(st.binary(min_size=1, max_size=3), max_size=8))
def test_what_can_be_written_is_what_some_sequence_of_tokens_writes(data: bytes, tokens: set[bytes]):
    written = {b""}
    for _ in range(len(data)):
        written |= {one + token for one in written for token in tokens if data.startswith(one + token)}
    assert writable(tokens)(data) == max(map(len, written))


def test_the_organisms_own_emoji_are_whole_and_all_others_need_rows_that_nothing_trained():
    head = geo.open_head("organism")
    inventory = take_inventory(head)
    assert sum(one.whole for one in inventory.groups) == len({e.text for e in head.words().emoji.values()}) == 1_328
    assert sum(one.n for one in inventory.groups) == 3_664
    for one in inventory.groups:
        assert one.whole + one.spelt + one.partly + one.impossible == one.n
    # the text holds no byte of an emoji, only 👩‍🚀 and the like can be put together from whole ones
    animals = next(one for one in inventory.groups if one.group == "Animals & Nature")
    assert animals.masked == animals.spelt > 0
    assert sum(one.n for one in inventory.kinds) == head.vocab


def test_a_whole_emoji_whose_only_row_is_masked_counts_as_masked(make_head):
    words = make_head().words()
    fish, horse = words.ids(" 🐠")[0], words.ids(" 🐴")[0]
    head, _ = planted(make_head, fish)
    assert {fish, horse} <= words.emoji.keys()
    assert fish in head.undertrained.ids
    assert horse not in head.undertrained.ids
    whole, without = (
        next(one for one in take_inventory(view).groups if one.group == "Animals & Nature")
        for view in (head, planted(make_head)[0])
    )
    assert (whole.whole, whole.masked) == (without.whole, without.masked + 1)


@pytest.mark.slow
def test_a_vocabulary_without_bytes_writes_only_what_it_holds(minilm: Path):
    inventory = take_inventory(geo.open_head(minilm))
    total = {name: sum(getattr(one, name) for one in inventory.groups) for name in ("n", "whole", "impossible")}
    assert total["whole"] < 20
    assert total["impossible"] > 0.9 * total["n"]


# rows that nothing trained


def planted(make_head: Any, *besides: int) -> tuple[geo.Head, set[int]]:
    """A head whose unused rows lie in one corner, and three more beside them."""
    generator = np.random.default_rng(4)
    rows = generator.normal(size=(420, 32)) * 2
    words = make_head(rows).words()
    unused = {i for i in range(420) if words.kind(i) == "padding"} | words.reserved
    unused |= {words.byte_tokens[byte] for byte in (0xC0, 0xC1, *range(0xF5, 0x100))}
    corner, more = generator.normal(size=32), {300, 310, 320, *besides}
    for token in unused | more:
        rows[token] = corner + generator.normal(size=32) * 0.05
    return make_head(rows), more


def test_every_sign_is_what_it_says(make_head):
    head, _ = planted(make_head)
    rows = head.rows(range(head.vocab)).astype(np.float64)
    unused = rows[head.undertrained.references]
    signs = {sign.name: sign for sign in indicators(head)}
    assert list(signs) == [RULE, "cosine", "distance", "length"]
    direction = unit(unit(unused).mean(axis=0))
    np.testing.assert_allclose(signs["cosine"].scores, unit(rows) @ direction, atol=1e-5)
    away = np.linalg.norm(rows - unused.mean(axis=0), axis=1)
    np.testing.assert_allclose(signs["distance"].scores, -away, rtol=1e-5)
    np.testing.assert_allclose(signs["length"].scores, -np.linalg.norm(rows, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(signs[RULE].ids, head.undertrained.ids)
    others = [np.delete(unused, place, axis=0) for place in range(len(unused))]
    own = {
        "cosine": [unit(one) @ unit(unit(rest).mean(axis=0)) for one, rest in zip(unused, others, strict=True)],
        "distance": [-np.linalg.norm(one - rest.mean(axis=0)) for one, rest in zip(unused, others, strict=True)],
        "length": -np.linalg.norm(unused, axis=1),
    }
    for name, each in own.items():
        if signs[name].threshold is not None:
            assert signs[name].threshold == pytest.approx(np.percentile(each, 1), rel=1e-9)
    assert signs["cosine"].threshold is not None
    assert signs["distance"].threshold is not None
    for sign in signs.values():
        if sign.threshold is not None:
            np.testing.assert_array_equal(sign.ids, np.flatnonzero(sign.scores >= sign.threshold))
            assert sign.highest_anchor < sign.threshold


def test_planted_rows_are_flagged_by_signs_that_never_saw_half_of_the_references(make_head):
    head, more = planted(make_head)
    truth = sorted(set(head.undertrained.references.tolist()) | more)
    hidden = hide_half(head, truth, 0)
    assert hidden is not None
    assert hidden.truth is not None
    for name in (RULE, "cosine", "distance"):
        assert len(hidden.truth[name]) == HALVES
        assert all(one.precision == 1.0 for one in hidden.truth[name])
        assert np.median([one.recall for one in hidden.truth[name]]) > 0.8
    assert hidden.shown + hidden.hidden == len(head.undertrained.references)
    record = find_suspects(head, truth)
    assert more <= {one.id for one in record.suspects if one.masked and not one.reference}
    assert sum(record.votes().values()) == len(record.suspects)


def test_found_counts_nothing_that_was_shown():
    one = found(np.array([1, 2, 3, 9]), np.array([1, 2, 4]), np.array([1]))
    assert (one.truth, one.flagged, one.hits) == (2, 3, 1)
    assert (one.recall, one.precision) == (1 / 2, 1 / 3)
    assert overlap(np.array([1, 2]), np.array([2, 3])) == 1 / 3
    assert overlap(np.array([], dtype=int), np.array([], dtype=int)) is None


def test_the_organisms_unread_rows_are_found(monkeypatch):
    """Tokens that its text never held, half of the references hidden."""
    monkeypatch.setattr("geometry.health.indicators.HALVES", 3)
    head = geo.open_head("organism")
    truth = read_truth(UNREAD, head.vocab)
    assert set(range(6664, 6672)) <= set(truth), "the <unused> rows"
    hidden = hide_half(head, truth, 0)
    assert hidden is not None
    assert hidden.truth is not None
    rule = hidden.truth[RULE]
    assert all(one.precision > 0.95 for one in rule)
    assert np.median([one.recall for one in rule]) > 0.85


@pytest.mark.slow
def test_the_page_of_the_audit_says_what_the_halves_give():
    head = geo.open_head("organism")
    hidden = hide_half(head, read_truth(UNREAD, head.vocab), 0)
    assert hidden is not None
    assert hidden.truth is not None
    lines = (Path(__file__).parent.parent / "docs" / "audit.md").read_text(encoding="utf-8").splitlines()
    for name, draws in hidden.truth.items():
        told = (
            spread(one.precision for one in draws),
            spread(one.recall for one in draws),
            spread(one.recall for one in hidden.references[name]),
        )
        (line,) = (line for line in lines if line.startswith(f"| `{name}`") and line.count("|") == 5)
        assert line.endswith(" | " + " | ".join(told) + " |")


def test_the_cluster_around_byte_f0_is_found(tinystories: Path, monkeypatch):
    """434 rows of a real model lie where the byte F0 lies; all but a few are flagged by half of the references."""
    monkeypatch.setattr("geometry.health.indicators.HALVES", 3)
    head = geo.open_head(tinystories)
    rows = unit(head.rows(range(head.vocab)))
    cluster = np.flatnonzero(rows @ rows[head.words().byte_tokens[0xF0]] > 0.95)
    assert len(cluster) == 434
    hidden = hide_half(head, cluster.tolist(), 0)
    assert hidden is not None
    assert hidden.truth is not None
    for name in (RULE, "cosine", "distance"):
        assert all(one.precision > 0.95 for one in hidden.truth[name])
        assert np.median([one.recall for one in hidden.truth[name]]) > 0.95


def test_signs_say_nothing_where_unused_rows_lie_apart(make_head):
    head = make_head(np.random.default_rng(0).normal(size=(420, 32)))
    record = find_suspects(head)
    assert len(record.ids) == 0
    assert all(sign.threshold is None for sign in record.signs)
    assert "no row is masked" in record.tables()[0].text()


# lengths, cones, spectrum


def test_lengths_and_cones_are_those_of_brute_force(make_head):
    rows = np.random.default_rng(1).normal(size=(420, 16)) + 0.7
    head = make_head(rows, model_type="phi")
    sizes = measure_sizes(head)
    lengths = np.linalg.norm(head.rows(range(420)).astype(np.float64), axis=1)
    for one in sizes.by_kind:
        np.testing.assert_allclose(np.percentile(sizes.samples[one.of], [5, 50, 95]), [one.low, one.median, one.high])
    assert sum(one.n for one in sizes.by_kind) == 420
    real = np.flatnonzero(head.opened.real)
    np.testing.assert_allclose(sizes.correlation, rank_correlation(lengths[real], real.astype(float)), atol=1e-9)
    for cone in sizes.cones:
        view = head.in_space(cone.space)
        own = view.space.apply(head.opened.matrix.rows(real))
        cosines = unit(own) @ unit(own).T
        expected = (cosines.sum() - np.trace(cosines)) / (len(real) * (len(real) - 1))
        np.testing.assert_allclose(cone.cosine, expected, atol=1e-9)
        np.testing.assert_allclose(cone.mean, np.linalg.norm(own.mean(axis=0)), atol=1e-6)
        np.testing.assert_allclose(cone.typical, np.sqrt((own**2).sum(axis=1).mean()), rtol=1e-9)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_the_spectrum_is_that_of_the_covariance(make_head, model_type: str):
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = np.random.default_rng(2).normal(size=(420, 16)) * np.linspace(3, 0.2, 16)
    head = make_head(rows, model_type=model_type)
    found = measure_spectrum(head)
    own = head.in_space("centered").rows(np.flatnonzero(head.opened.real)).astype(np.float64)
    values = np.linalg.eigvalsh(own.T @ own / len(own))[::-1]
    np.testing.assert_allclose(found.values, np.maximum(values, 0), atol=1e-6)
    participation = values.sum() ** 2 / (values**2).sum()
    np.testing.assert_allclose(found.participation, participation, rtol=1e-6)
    np.testing.assert_allclose(found.isoscore, (participation - 1) / 15, rtol=1e-6)
    for count, share in ((found.half, 0.5), (found.most, 0.9)):
        assert values[: count - 1].sum() < share * values.sum() <= values[:count].sum()
    np.testing.assert_allclose(found.whitening.shrinkage, ledoit_wolf_shrinkage(own), rtol=1e-5)
    assert found.whitening.kept == (15 if model_type == "phi" else 16), (
        "a LayerNorm leaves one direction without spread"
    )
    white = head.whitened().space.steps[-1]
    assert f"{found.whitening.condition:.3g}" in white


def test_gaussian_rows_have_the_participation_ratio_that_is_expected(make_head):
    found = measure_spectrum(make_head(np.random.default_rng(0).normal(size=(420, 32)), model_type="unknown"))
    assert abs(found.participation - found.expected) < 1.0


def test_the_strongest_direction_is_the_planted_one(make_head):
    rows = np.random.default_rng(3).normal(size=(420, 16)) * 0.1
    rows[50:60, 3] += 5.0
    first = measure_spectrum(make_head(rows, model_type="unknown")).directions[0]
    assert {token for token, _ in first.high} <= set(range(50, 60))
    assert first.share > 0.8
    along = rows[:, 3]  # which the planted direction is, nearly
    assert along[[token for token, _ in first.low]].max() < np.percentile(along, 10)


def test_shrinkage_is_one_for_noise_and_none_where_there_is_nothing_to_shrink():
    assert ledoit_wolf(np.full(4, 2.0), 100.0, 10) == 0.0
    assert ledoit_wolf(np.array([2.0, 1.9]), 1e6, 10) == 1.0


# the whole


def test_shares_with_as_many_or_more():
    values, shares = _at_least(np.array([3, 0, 0, 5, 3]))
    assert values.tolist() == [0, 3, 5]
    np.testing.assert_allclose(shares, [1.0, 0.6, 0.2])


def test_the_record_says_everything_of_every_row(make_head, tmp_path: Path):
    head, more = planted(make_head)
    record = audit(head)
    told = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert {"head", "space", "undertrained", "kinds", "emoji", "lengths", "spectrum", "hubness", "seed"} <= told.keys()
    assert more <= set(told["undertrained"]["ids"])
    white = told["spectrum"]["whitening"]
    assert white["condition"] == pytest.approx(white["largest"] / white["floor"])
    assert white["floor"] == pytest.approx(told["spectrum"]["eigenvalues"][white["kept"] - 1])
    frame = record.to_frame()
    assert len(frame) == 420
    assert {"id", "kind", "utf8", "length", "masked", RULE, "occurrence_cosine", "reachability"} <= set(frame.columns)
    assert set(frame["id"][frame["masked"]]) == set(told["undertrained"]["ids"])
    for row in told["undertrained"]["rows"]:  # JSON, frame and table tell the same numbers
        for name, score in row["scores"].items():
            assert score == pytest.approx(frame[name][row["id"]])
            assert score > 0
    assert all(len(line) <= 100 for line in str(record).splitlines())
    assert "<table>" in record._repr_html_()
    save(record.figure(), tmp_path / "audit.png")
    page = record.page()
    assert "http" not in page.replace("http-equiv", "")
    assert "data:image/svg+xml;base64," in page


def test_without_a_tokenizer_rows_have_ids(make_head):
    record = audit(make_head(with_tokenizer=False), hubs=False, reach=False, truth=[3])
    assert record.inventory is None
    assert record.to_dict()["kinds"] is None
    assert [one.of for one in record.sizes.by_kind] == ["row"]
    text = " ".join(str(record).split())
    assert "rows have ids and no tokens here" in text
    assert "the truth that was given is not held against anything: no row is masked" in text
    assert record.headline() == "under-trained rows cannot be told"
    assert "0 of 420" not in text, "no count where no rule can be had"
    record.figure()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_rows_that_are_not_finite_are_left_out_and_counted(make_head):
    rows = np.random.default_rng(0).normal(size=(60, 4))
    broken = rows.copy()
    broken[[57, 58, 59], [0, 2, 1]] = np.nan, np.inf, -np.inf
    tensors = [{"lm_head.weight": one, "lm_head.bias": np.arange(len(one)) / 30} for one in (broken, rows[:57])]
    found, whole = (
        audit(make_head(one["lm_head.weight"], model_type="phi", with_tokenizer=False, tensors=one)) for one in tensors
    )
    assert "left out of everything: 3 of the rows" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    np.testing.assert_allclose(found.spectrum.values, whole.spectrum.values, atol=1e-12)
    assert found.reach is not None
    assert whole.reach is not None
    np.testing.assert_array_equal(found.reach.status, whole.reach.status)
    found.page()


def test_few_rows_have_no_hubs_and_rows_tied_are_counted(make_head):
    rows = np.random.default_rng(0).normal(size=(3, 4))
    rows[2] = rows[0]
    record = audit(make_head(rows, with_tokenizer=False))
    assert record.hubs is None
    assert record.to_dict()["hubness"] is None
    assert len(record.spectrum.directions) == 1, "what is left is rounding"
    assert "hubs are left out: they are counted among the 10 nearest" in str(record)
    assert "1 tied with an equal row" in str(record)
    record.figure()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.ones((420, 16)), "the 420 rows of .* are all the same; expected two that differ"),
        (np.full((420, 16), 0.1), "the 420 rows of .* are all the same"),
        (np.ones((1, 16)), "has one row to examine"),
        (np.full((30, 16), np.nan), r"has no row to examine \(NaN, infinity"),
    ],
)
def test_rows_without_spread_are_one_line(make_head, rows: np.ndarray, says: str):
    with pytest.raises(OptionError, match=says):
        audit(make_head(rows, with_tokenizer=False))


def test_wrong_options_are_one_line(make_head):
    head = make_head()
    with pytest.raises(OptionError, match="truth holds the id 420; expected whole numbers from 0 to 419"):
        audit(head, truth=[3, 420])
    with pytest.raises(OptionError, match=r"truth=\[\] arrived; expected ids of rows known to be unused"):
        audit(head, truth=[])
    with pytest.raises(OptionError, match="seed=-1 arrived"):
        audit(head, seed=-1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no token ids"),
        ("id\ttext\n7\t a\nx\n", "line 3 of .* begins with 'x'; expected a token id from 0 to 419"),
        ("\ufeff420\n", "begins with '420'"),
        ("-1\n", "begins with '-1'"),
    ],
)
def test_a_truth_that_is_none_is_one_line(tmp_path: Path, text: str, says: str):
    path = tmp_path / "truth.tsv"
    path.write_text(text)
    with pytest.raises(OptionError, match=says):
        read_truth(path, 420)


def test_the_command_prints_a_page_and_json(tmp_path: Path):
    written = str(tmp_path / "audit.html")
    done = run("audit", "--no-hubs", "--no-reach", "--json", "--truth", str(UNREAD), "-o", written, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["undertrained"]["ids"]) == 174
    page = (tmp_path / "audit.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "174 of 8,000 rows under-trained" in page
    for draw in told["undertrained"]["hidden_half"]["truth"][RULE]:
        assert draw["hits"] <= min(draw["flagged"], draw["truth"])
    one_line(run_here("audit", "--truth", str(tmp_path)), "expected a file with a token id a line")
