"""Heads and their spaces: identities of folding, centring and whitening, readings, fingerprints, masks."""

import inspect
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import geometry as geo
from geometry.choices import SPACES, check_choice
from geometry.errors import CheckpointError, OptionError, ReadoutError, TokenError
from geometry.linalg import fold, fold_residual, inverse_root, log_sum_exp, on_sphere, unit
from geometry.moments import first_direction, row_moments, row_norms

EVERYTHING = range(420)


def test_rows_are_as_stored_until_asked_otherwise(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16)).astype(np.float32)
    head = make_head(rows)
    np.testing.assert_array_equal(head.rows(EVERYTHING), rows)
    np.testing.assert_array_equal(head.rows([3, 1, 3]), rows[[3, 1, 3]])
    assert (head.vocab, head.dim, head.rows([0]).dtype) == (420, 16, np.float32)
    with pytest.raises(TokenError, match="420"):
        head.rows([420])


def test_folding_is_moving_the_gain_from_the_residual_to_the_rows(make_head):
    """W̃·x̂ + W·β + b is the model's own logits, for a LayerNorm with all its parts."""
    head = make_head(model_type="phi", layer_norm_eps=0.0)
    residuals = np.random.default_rng(1).normal(size=(5, 16)).astype(np.float32)
    normed = residuals - residuals.mean(axis=1, keepdims=True)
    normed /= np.sqrt((normed**2).mean(axis=1, keepdims=True))
    folded = normed @ head.folded().rows(EVERYTHING).T
    whole = folded + head.rows(EVERYTHING) @ head.readout.beta + head.readout.bias
    np.testing.assert_allclose(whole, head.logits(residuals), rtol=1e-4, atol=1e-4)


def test_normed_residuals_skip_the_norm(make_head):
    head = make_head()
    residuals = np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32)
    once = head.logits(head.readout.normed(residuals), normed=True)
    np.testing.assert_allclose(once, head.logits(residuals), rtol=1e-6)
    for space in SPACES:
        np.testing.assert_array_equal(head.in_space(space).logits(residuals), head.logits(residuals))


def test_centred_rows_have_mean_zero_and_whitened_rows_covariance_one(make_head):
    head = make_head(with_tokenizer=False)
    assert np.abs(head.centered().rows(EVERYTHING).mean(axis=0)).max() < 1e-6
    white = head.whitened().rows(EVERYTHING).astype(np.float64)
    np.testing.assert_allclose(white.T @ white / 420, np.eye(16), atol=1e-4)


def test_whitening_a_layernorms_rows_invents_no_direction(make_head):
    """diag(γ)(I − 11ᵀ/d) leaves no variance along 1: that direction stays empty instead of being blown up."""
    head = make_head(model_type="phi", with_tokenizer=False).whitened()
    assert "whitened: 15 of 16 directions" in head.space.steps[-1]
    assert np.abs(head.rows(EVERYTHING) @ np.ones(16)).max() < 1e-6


@pytest.mark.parametrize("space", SPACES)
def test_pulling_a_vector_back_gives_the_same_products(make_head, space: str):
    head = make_head(model_type="phi").in_space(space)
    vectors = np.random.default_rng(2).normal(size=(4, 16))
    x, offset = head.space.pull(vectors)
    stored = head.opened.matrix.rows(EVERYTHING).astype(np.float64)
    np.testing.assert_allclose(head.space.apply(stored) @ vectors.T, stored @ x.T + offset, rtol=1e-9, atol=1e-9)


def test_an_unknown_norm_folds_to_itself_and_says_so(make_head):
    head = make_head(model_type="no-such-family").folded()
    np.testing.assert_array_equal(head.rows(EVERYTHING), head.opened.matrix.rows(EVERYTHING))
    assert "folded: identity" in head.space.steps[0]


def test_spaces_record_what_was_done_and_are_made_once(make_head):
    head = make_head()
    assert [len(head.in_space(space).space.steps) for space in SPACES] == [0, 1, 2, 3]
    assert head.in_space("centered") is head.in_space("centered")
    assert head.in_space("raw") is head
    assert head.centered().in_space("raw").space.name == "raw"
    with pytest.raises(OptionError, match="space 'white' arrived; expected one of raw, folded, centered, whitened"):
        check_choice("space", "white", SPACES)
    with pytest.raises(OptionError, match="eps 2"):
        head.whitened(eps=2.0)


def test_constant_rows_cannot_be_whitened(make_head):
    with pytest.raises(OptionError, match="every row is the same"):
        make_head(np.ones((420, 16))).whitened()


def test_padding_is_in_no_mean_and_never_landed_on(make_head):
    rows = np.random.default_rng(0).normal(size=(430, 16))
    rows[420:] = 1000.0
    head = make_head(rows)
    assert np.abs(head.opened.moments.mean).max() < 1
    assert not head.candidates()[420:].any()
    assert head.words().kind(425) == "padding"


def test_a_tokenizer_longer_than_the_head(make_head):
    head = make_head(np.random.default_rng(0).normal(size=(330, 16)))
    assert len(head.candidates()) == 330
    with pytest.raises(TokenError, match="330 rows"):
        head.land("#331")
    assert all(one.id < 330 for one in head.land("sea", k=330).landings)


def test_the_fingerprint_is_the_matrixs_not_the_folders(make_head, tmp_path: Path):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    first, again = make_head(rows), make_head(rows, model_type="no-such-family")
    assert first.fingerprint == again.fingerprint != make_head(rows + 1).fingerprint
    assert first.centered().fingerprint == first.fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(first.opened.checkpoint.folder, moved)
    assert geo.open_head(moved).fingerprint == first.fingerprint


def test_with_little_memory_the_answers_are_the_same(make_head):
    head = make_head(np.random.default_rng(0).normal(size=(20_000, 64)), with_tokenizer=False)
    small = geo.open_head(head.opened.checkpoint.folder, max_memory=100_000)
    assert small.opened.matrix.max_resident == 100_000
    query = "#1 + #2 - #3"
    assert [one.id for one in small.land(query).landings] == [one.id for one in head.land(query).landings]


def test_the_emoji_direction_is_a_difference_of_means(organism_like):
    head = organism_like
    emoji = [i for i in sorted(head.words().emoji) if head.opened.real[i]]
    rest = [i for i in range(head.vocab) if head.opened.real[i] and i not in emoji]
    for space in ("raw", "folded", "centered", "whitened"):
        viewed = head.in_space(space)
        truth = viewed.rows(emoji).mean(axis=0, dtype=np.float64) - viewed.rows(rest).mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(viewed.emoji_direction, truth, atol=1e-5)
    concept = head.centered().concept("sea + emoji")
    assert concept.to_dict()["terms"][1]["tokens"] == []
    assert concept.input_ids == frozenset(head.words().word("sea"))


@pytest.fixture
def organism_like(make_head, tmp_path: Path) -> geo.Head:
    """A head whose vocabulary holds sixty emoji of six groups as tokens."""
    import json

    from geometry.tokens import catalogue

    groups: dict[str, list[str]] = {}
    for emoji in catalogue():
        if emoji.status == "fully-qualified" and len(emoji.text) == 1:
            groups.setdefault(emoji.group, []).append(emoji.text)
    chosen = [text for texts in list(groups.values())[:6] for text in texts[:10]]
    head = make_head(np.random.default_rng(0).normal(size=(480, 16)))
    file = head.opened.checkpoint.folder / "tokenizer.json"
    spec = json.loads(file.read_text())
    flags = {"single_word": False, "lstrip": True, "rstrip": False, "normalized": False, "special": False}
    spec["added_tokens"] += [{"id": 420 + i, "content": text, **flags} for i, text in enumerate(chosen)]
    file.write_text(json.dumps(spec))
    return geo.open_head(head.opened.checkpoint.folder)


def test_holes_in_the_tokenizer_are_padding_everywhere(make_head):
    """Ids that a tokenizer skips have rows, but no token: they are in no mean and are never landed on."""
    rows = np.random.default_rng(0).normal(size=(420, 16))
    head = make_head(rows)
    holes = [i for i in range(420) if head.words().kind(i) == "padding"]
    assert holes
    rows[holes] = 50.0
    head = make_head(rows)
    assert not head.opened.real[holes].any()
    assert not head.candidates(keep_undertrained=True)[holes].any()
    assert np.abs(head.opened.moments.mean).max() < 1


def test_rows_past_a_tiktoken_file_are_no_references(make_head, tmp_path: Path):
    """Such a file does not hold the control tokens: trained ones are among the rows past its ranks."""
    import base64

    head = make_head()
    folder = head.opened.checkpoint.folder
    (folder / "tokenizer.json").unlink()
    lines = (f"{base64.b64encode(bytes([byte])).decode()} {byte}" for byte in range(256))
    (folder / "tokenizer.model").write_text("\n".join(lines) + "\n")
    opened = geo.open_head(folder)
    assert set(opened.undertrained.references.tolist()) == {0xC0, 0xC1, *range(0xF5, 0x100)}
    assert not opened.candidates()[256:].any()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"model.norm.weight": np.full(16, np.nan)}, "its final norm holds NaN or infinity"),
        ({"model.norm.weight": np.zeros(16)}, "its final norm is zero everywhere"),
    ],
)
def test_a_broken_norm_leaves_rows_and_search(make_head, broken: dict, says: str):
    head = make_head(tensors=broken)
    assert head.readout.reason == says
    assert head.land("sea + horse").landings[0].probability is None
    with pytest.raises(ReadoutError, match=says):
        head.logits(np.ones((1, 16), dtype=np.float32))


def test_a_bias_of_the_wrong_length_is_an_error(make_head):
    with pytest.raises(CheckpointError, match=r"the head's bias .* has shape \[7\]; expected \[420\]"):
        make_head(model_type="phi", tensors={"lm_head.bias": np.ones(7)})


def test_a_negative_eps_closes_the_logits(make_head):
    head = make_head(rms_norm_eps=-1.0)
    assert head.rows([3]).shape == (1, 16)
    with pytest.raises(ReadoutError, match=r"gives -1\.0 for rms_norm_eps; expected a norm's eps from 0 to 10"):
        head.logits(np.ones((1, 16), dtype=np.float32))


def test_residuals_as_torch_keeps_them(make_head):
    import torch

    head = make_head()
    logits = inspect.unwrap(geo.Head.logits)  # as without the type checker of the tests
    for residuals in (torch.ones(1, 16, dtype=torch.bfloat16), torch.ones(1, 16, requires_grad=True)):
        with pytest.raises(ReadoutError, match=r"\(n, 16\), as \.detach\(\)\.float\(\)\.numpy\(\) gives"):
            logits(head, residuals)
        head.logits(residuals.detach().float().numpy())


def test_rows_beyond_use_are_left_out(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[100] = 3e38
    head = make_head(rows)
    assert not head.opened.finite[100]
    assert head.land("sea", metric="cosine").landings[0].text == " sea"


def test_a_mask_is_no_list_of_ids(make_head):
    with pytest.raises(TokenError, match="token ids of type bool arrived"):
        make_head().rows([True, False])


# the under-trained rule


def test_planted_untrained_rows_are_masked_and_trained_ones_are_not(make_head):
    """Rows beside the unused ones are found, all of them and no other; where those lie apart nothing is masked."""
    generator = np.random.default_rng(4)
    rows = generator.normal(size=(420, 32))
    words = make_head(rows).words()
    unused = {i for i in range(420) if words.kind(i) == "padding"} | words.reserved
    unused |= {words.byte_tokens[byte] for byte in (0xC0, 0xC1, *range(0xF5, 0x100))}
    corner, planted = generator.normal(size=32), {300, 310, 320}
    for token in unused | planted:
        rows[token] = corner + generator.normal(size=32) * 0.1
    found = make_head(rows).undertrained
    assert set(found.references.tolist()) == unused
    assert planted <= set(found.ids.tolist()) <= unused | planted
    scattered = make_head(generator.normal(size=(420, 32))).undertrained
    assert len(scattered.ids) == 0
    assert "are no closer to each other" in scattered.reason


def test_minilm_masks_its_unused_rows(minilm: Path):
    head = geo.open_head(minilm)
    masked = set(head.undertrained.ids.tolist())
    unused = head.words().reserved
    assert len(unused & masked) > 0.95 * len(unused)


# linear algebra

VECTORS = st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4).map(np.array)


@given(VECTORS, VECTORS, VECTORS, st.booleans())
def test_folding_a_row_or_a_residual_gives_the_same_product(row, residual, gain, centers: bool):
    left = fold(row[None, :], gain, centers=centers)[0] @ residual
    right = row @ fold_residual(residual, gain, centers=centers)
    assert left == pytest.approx(right, rel=1e-6, abs=1e-3)


@given(VECTORS)
def test_unit_and_sphere(vector):
    length = np.linalg.norm(vector)
    if length > 1e-100:
        assert np.linalg.norm(unit(vector)) == pytest.approx(1)
        assert np.linalg.norm(on_sphere(vector)) == pytest.approx(2)
    assert (unit(np.zeros(4)) == 0).all()


def test_the_inverse_root_squared_inverts():
    rows = np.random.default_rng(0).normal(size=(50, 6))
    covariance = rows.T @ rows
    whitener = inverse_root(covariance)
    np.testing.assert_allclose(whitener.root @ whitener.root @ covariance, np.eye(6), atol=1e-9)
    assert whitener.condition == pytest.approx(np.linalg.cond(covariance))


def test_log_sum_exp_neither_overflows_nor_fails_on_nothing():
    values = np.array([[1e4, 1e4], [-1e4, -1e4], [-np.inf, -np.inf]], dtype=np.float32)
    np.testing.assert_allclose(log_sum_exp(values)[:2], [1e4 + np.log(2), -1e4 + np.log(2)])
    assert log_sum_exp(values)[2] == -np.inf


def test_moments_are_those_of_the_kept_rows(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16)) + 2
    head = make_head(rows)
    keep = np.random.default_rng(1).random(420) < 0.5
    found = row_moments(head.opened.matrix, keep, covariance=True)
    np.testing.assert_allclose(found.mean, rows[keep].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.covariance, np.cov(rows[keep].T, bias=True), rtol=1e-5, atol=1e-6)
    with pytest.raises(OptionError, match="a mean over no rows"):
        row_moments(head.opened.matrix, np.zeros(420, dtype=bool))


def test_the_first_direction_is_that_of_the_whole_decomposition(make_head):
    rows = np.random.default_rng(0).normal(size=(2000, 24)) @ np.diag(np.linspace(1, 3, 24)) + 1
    head = make_head(rows, with_tokenizer=False)
    keep = np.random.default_rng(1).random(2000) < 0.7
    truth = np.linalg.eigh(np.cov(rows[keep].T))[1][:, -1]
    found = first_direction(head.opened.matrix, keep)
    assert abs(found @ truth) > 1 - 1e-6
    assert found[np.argmax(np.abs(found))] > 0


def test_row_norms_in_every_space(make_head):
    head = make_head()
    for space in SPACES:
        viewed = head.in_space(space)
        truth = np.linalg.norm(viewed.rows(EVERYTHING), axis=1)
        np.testing.assert_allclose(row_norms(head.opened.matrix, viewed.space), truth, rtol=1e-5)
