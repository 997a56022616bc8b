"""The lens against running models: at every layer the model's own lm_head(norm(h)), and raw its lm_head(h)."""

from typing import Any

import numpy as np
import pytest
from tiny_models import classes, tiny_model

import geometry as geo
from geometry.readings.options import NormName
from geometry.readings.reading import logits_of
from geometry.readings.states import directions, entering, last_is_normed, regained
from geometry.residuals import Residuals

KINDS = ("llama", "gemma", "gemma2", "gpt2", "gpt_neox", "cohere")
FINAL = {"llama": "model.norm", "gemma": "model.norm", "gemma2": "model.norm", "gpt2": "transformer.ln_f",
         "gpt_neox": "gpt_neox.final_layer_norm", "cohere": "model.norm"}  # fmt: skip


def after_head(model: Any, logits: Any) -> Any:
    """What the model does to its lm_head's output."""
    import torch

    config = model.config
    scaled = logits * getattr(config, "logit_scale", 1.0)
    cap = getattr(config, "final_logit_softcapping", None)
    return scaled if cap is None else torch.tanh(scaled / cap) * cap


@pytest.fixture(scope="module", params=KINDS)
def captured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any, str]:
    """A model, its head, and its hidden states, the last of them as transformers hands it out: normed."""
    import torch

    kind = request.param
    model = tiny_model(kind, classes(kind)[0])
    folder = tmp_path_factory.mktemp(kind)
    model.save_pretrained(folder)
    with torch.no_grad():
        out = model(input_ids=torch.arange(3, 12)[None], output_hidden_states=True)
    return model, geo.open_head(folder), out, kind


def own(model: Any, kind: str, states: Any, *, normed: bool) -> np.ndarray:
    """The model's own logits for states, through its norm or not."""
    import torch

    with torch.no_grad():
        entered = model.get_submodule(FINAL[kind])(states) if normed else states
        return after_head(model, model.get_output_embeddings()(entered)).numpy()


@pytest.mark.parametrize("norm", ["normed", "raw"])
def test_every_layer_is_the_models_own(captured: tuple[Any, Any, Any, str], norm: NormName):
    model, head, out, kind = captured
    states = np.stack([state[0].numpy() for state in out.hidden_states])
    enters = entering(head, states, norm, last_normed=True)
    for layer, state in enumerate(out.hidden_states):
        last = layer == len(states) - 1
        wanted = own(model, kind, state[0], normed=norm == "normed" and not last)
        np.testing.assert_allclose(logits_of(head, enters[layer]), wanted, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(logits_of(head, enters[-1]), out.logits[0].numpy(), atol=1e-4, rtol=1e-4)


def test_what_is_told_follows_from_those_logits(captured: tuple[Any, Any, Any, str]):
    import torch

    model, head, out, kind = captured
    states = np.stack([state[0].numpy() for state in out.hidden_states])
    lens = geo.lens(head, Residuals(states, last_is_normed=True), k=4, track=["#5", "#17"])
    final = torch.log_softmax(out.logits[0].double(), dim=-1)
    for layer, state in enumerate(out.hidden_states):
        logits = torch.from_numpy(own(model, kind, state[0], normed=layer < len(states) - 1)).double()
        logs = torch.log_softmax(logits, dim=-1)
        top = logs.exp().topk(4, dim=-1).values.numpy()
        np.testing.assert_allclose(lens.reading.probabilities[layer], top, atol=1e-4)
        np.testing.assert_allclose(lens.reading.entropy[layer], -(logs.exp() * logs).sum(-1).numpy(), atol=1e-3)
        away = (final.exp() * (final - logs)).sum(-1).numpy()
        np.testing.assert_allclose(lens.reading.divergence[layer], away, atol=1e-3, rtol=1e-3)
        for column, token in enumerate((5, 17)):
            place = 1 + (logits > logits[:, token : token + 1]).sum(-1).numpy()
            assert np.abs(lens.reading.ranks[layer, :, column] - place).max() <= 1  # a tie to within rounding
            np.testing.assert_allclose(lens.reading.tracked[layer, :, column], logs[:, token].exp().numpy(), atol=1e-4)


def test_the_last_state_is_told_by_its_length(captured: tuple[Any, Any, Any, str]):
    """Nobody says, and both are found out: the state behind the norm, and the one before it."""
    _, head, out, _ = captured
    states = np.stack([state[0].numpy() for state in out.hidden_states])
    assert last_is_normed(head, Residuals(states), None)[0]
    assert not last_is_normed(head, Residuals(states[:-1]), None)[0]
    said, note = last_is_normed(head, Residuals(states, last_is_normed=False), None)
    assert not said
    assert "looks normed" in note


def test_directions_lead_back_to_what_enters_the_head(captured: tuple[Any, Any, Any, str]):
    _, head, out, _ = captured
    states = np.stack([state[0].numpy() for state in out.hidden_states])
    enters = entering(head, states, "normed", last_normed=True)
    ways = directions(head, states, last_normed=True)
    for layer in range(len(states)):
        np.testing.assert_allclose(regained(head, ways[layer]), enters[layer], atol=2e-4, rtol=1e-3)


def test_folded_rows_meet_directions_as_rows_meet_states(captured: tuple[Any, Any, Any, str]):
    """w̃·û + b is the logit before scale and cap: cosine similarities are taken where the model takes its products."""
    from geometry.products import row_biases

    _, head, out, _ = captured
    states = np.stack([state[0].numpy() for state in out.hidden_states])
    ways, folded = directions(head, states, last_normed=True), head.folded()
    rows = folded.rows(range(head.vocab)).astype(np.float64)
    bias = row_biases(folded)
    products = ways[1] @ rows.T + (0.0 if bias is None else bias)
    wanted = logits_of(head, entering(head, states, "normed", last_normed=True)[1])
    np.testing.assert_allclose(head.readout.finish(products.astype(np.float32)), wanted, atol=2e-4, rtol=1e-3)
