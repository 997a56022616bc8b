"""Every causal LM of the readout table, run: its states against its logits, and its memory against whole sequences."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_models import classes, tiny_model

from geometry.errors import GeometryError
from geometry.live import open_running
from geometry.live.prefix import Prefix
from geometry.recipes import RECIPES

# what runs with transformers and is refused here, and how that is said
REFUSED = {
    "bert-generation": "reads what comes after a token too",
    "cpmant": "reads what comes after a token too",
    "deepseek_v4": "a model of several streams",
    "gemma3n_text": "a model of several streams",
    "hy_v4": "a model of several streams",
    "prophetnet": "expected the model's own",
    "reformer": "its state 0 has the shape",
    "xlm": "reads what comes after a token too",
    "xlnet": "reads what comes after a token too",
    "youtu": "has another head",
}
FAST = ("llama", "gpt_neo")


@pytest.fixture(scope="module")
def byte_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fewer tokens than the tiny models have rows."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:60]
    made = Tokenizer(models.BPE(vocab={piece: place for place, piece in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    file = tmp_path_factory.mktemp("bytes") / "tokenizer.json"
    made.save(str(file))
    return file


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in FAST else pytest.mark.slow) for kind in sorted(RECIPES)]
)
def test_what_runs_agrees_with_itself(kind: str, tmp_path: Path, byte_tokenizer: Path) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    name = CAUSAL.get(kind)
    if not isinstance(name, str) or name not in classes(kind):
        pytest.skip("no causal class of its own in transformers")
    tiny_model(kind, name).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(byte_tokenizer.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    ids, drawn = tuple(range(3, 11)), np.random.default_rng(5)
    if kind in REFUSED:
        with pytest.raises(GeometryError, match=REFUSED[kind]):
            open_running(tmp_path).read(ids)
        return
    running = open_running(tmp_path)
    found = running.read(ids)
    assert found.error < 1e-4
    paths = [tuple(path) for length in (1, 3) for path in drawn.integers(0, 60, (10, length)).tolist()]
    whole = running.logits([(*ids, *path) for path in paths])
    np.testing.assert_allclose(Prefix(running, ids).logits(paths), whole, atol=1e-4 * float(np.ptp(whole)))
