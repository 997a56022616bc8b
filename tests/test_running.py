"""The running model: prompts, states and logits against transformers itself, and one line for every mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from tiny_causal import write_causal

import geometry as geo
from geometry.cli.live import run_prompt
from geometry.errors import CheckpointError, GeometryError, OptionError, ReadoutError
from geometry.live import Running, capture, open_running
from geometry.live.capturing import find_places
from geometry.live.prefix import Prefix
from geometry.residuals import read_residuals

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "capture_residuals.py"
TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}fish:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """A tiny llama whose tokenizer puts a start token before a text."""
    return with_start(write_causal(tmp_path_factory.mktemp("models") / "llama", tokenizer_file))


@pytest.fixture(scope="module")
def running(folder: Path) -> Running:
    return open_running(folder)


def with_start(folder: Path, **config: Any) -> Path:
    """Let a folder's tokenizer add ``<unused0>`` before and ``<unused1>`` after a text."""
    spec = json.loads((folder / "tokenizer.json").read_text())
    pieces = [{"SpecialToken": {"id": f"<unused{i}>", "type_id": 0}} for i in (0, 1)]
    names = [f"<unused{i}>" for i in (0, 1)]
    spec["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [pieces[0], {"Sequence": {"id": "A", "type_id": 0}}, pieces[1]],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for i, name in enumerate(names)},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    start = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<unused0>", "eos_token": "<unused1>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(start | config))
    return folder


def test_the_start_token_stands_there_once_and_nothing_after_the_text(running: Running):
    plain = running.head.words().ids(" sea horse")
    assert running.encode(" sea horse") == (0, *plain)
    assert running.encode("<unused0> sea horse") == (0, *plain)
    assert running.encode(" sea", prefix=" horse") == (0, *plain)


def test_a_chat_template_is_followed_and_adds_no_second_start_token(folder: Path, tmp_path: Path, tokenizer_file: Path):
    chatty = with_start(write_causal(tmp_path / "chat", tokenizer_file), chat_template=TEMPLATE)
    running = open_running(chatty)
    tokens = running.head.words()
    assert running.encode(" sea", chat=True) == (0, *tokens.ids("user:  sea\nfish:"))
    assert running.encode(" sea", chat=True, prefix=" horse") == (0, *tokens.ids("user:  sea\nfish: horse"))
    with pytest.raises(OptionError, match="has no chat template; expected a plain prompt"):
        open_running(folder).encode(" sea", chat=True)
    broken = with_start(chatty, chat_template="{{ raise_exception('only two may talk') }}")
    with pytest.raises(OptionError, match=r"chat template of chat fails \(only two may talk\)"):
        open_running(broken).encode(" sea", chat=True)


KINDS = ("llama", "gpt2", "gemma2", "gpt_neox", "cohere", "mistral")


@pytest.mark.parametrize("kind", KINDS)
def test_states_and_logits_are_the_models_own(kind: str, tmp_path: Path, tokenizer_file: Path):
    import torch

    running = open_running(write_causal(tmp_path / kind, tokenizer_file, kind))
    ids = running.encode(" sea horse fish king")
    found = running.read(ids)
    with torch.no_grad():
        out = running.model(torch.tensor([ids]), output_hidden_states=True)
    for ours, theirs in zip(found.states, out.hidden_states, strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(
        running.head.logits(found.states[-1], normed=found.last_is_normed), out.logits[0].numpy(), atol=1e-4
    )
    assert found.error < 1e-4 < (found.other_error or 0)
    residuals = running.states(ids)
    assert (residuals.last_is_normed, residuals.token_ids) == (found.last_is_normed, ids)
    assert residuals.about["fingerprint"] == running.head.fingerprint


def test_a_last_state_that_is_not_normed_yet_is_told(running: Running, monkeypatch: pytest.MonkeyPatch):
    """Some models of transformers hand the last block's output out as it is."""
    seen: dict[str, Any] = {}
    handle = running.model.model.norm.register_forward_pre_hook(lambda _, given: seen.update(last=given[0]))
    forward = type(running.model).forward

    def raw(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = forward(self, *args, **kwargs)
        if out.hidden_states is not None:
            out.hidden_states = (*out.hidden_states[:-1], seen["last"])
        return out

    monkeypatch.setattr(type(running.model), "forward", raw)
    found = running.read(running.encode(" sea horse"))
    handle.remove()
    assert not found.last_is_normed
    assert found.error < 1e-4


def test_logits_after_many_sequences_are_those_of_each_alone(running: Running):
    ids = running.encode(" sea horse fish king queen man woman")
    sequences = [ids[:end] for end in (3, 5, 3, 1, 7)] + [ids[1:4]]
    together = running.logits(sequences)
    for one, row in zip(sequences, together, strict=True):
        np.testing.assert_allclose(row, running.read(one).logits[-1], atol=1e-5)
    assert running.logits([]).shape == (0, running.head.vocab)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2", "gpt_neox", "mamba"])
def test_a_prompt_run_once_gives_what_whole_sequences_give(kind: str, tmp_path: Path, tokenizer_file: Path):
    running = open_running(write_causal(tmp_path / kind, tokenizer_file, kind))
    prefix = Prefix(running, running.encode(" sea horse fish king"))
    drawn = np.random.default_rng(1)
    paths = [tuple(drawn.integers(0, 420, length).tolist()) for length in (1, 3, 2, 3, 1, 5)]
    for asked in (paths, [(), *paths]):
        alone = running.logits([(*prefix.ids, *path) for path in asked])
        np.testing.assert_allclose(prefix.logits(asked), alone, atol=1e-4)
    assert prefix.shares == (kind != "mamba")
    assert not Prefix(running, prefix.ids * 16).shares or running.context > 64


def test_steps_are_the_models_likeliest_tokens(running: Running):
    found = capture(running, " sea horse", steps=3, positions="last")
    start = running.encode(" sea horse")
    assert found.ids[: len(start)] == start
    for place in range(len(start), len(found.ids)):
        assert found.ids[place] == int(running.logits([found.ids[:place]])[0].argmax())
    assert found.places == tuple(range(len(start) - 1, len(found.ids)))
    begun = capture(running, " sea", prefix=" horse", steps=3, positions="last")
    assert begun.ids == found.ids
    assert begun.residuals.about["prefix"] == begun.to_dict()["prefix"] == " horse"
    assert str(begun).startswith("after ' sea' and ' horse'")
    whole = running.read(found.ids)
    np.testing.assert_array_equal(found.residuals.states, whole.states[:, list(found.places)])
    assert found.to_dict()["steps"] == found.steps == len(found.ids) - len(start)
    assert "step 1" in str(found)
    assert list(found.to_frame()["id"]) == [found.ids[place] for place in found.places]


def test_a_model_that_ends_early_is_told_of(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("geometry.live.running.open_running", lambda folder, dtype: running)
    monkeypatch.setattr("geometry.live.capturing.end_tokens", lambda running: frozenset(range(running.head.vocab)))
    assert run_prompt("a folder", " sea horse", steps=3).steps == 1
    assert capsys.readouterr().err == "note: the model ended after 1 of 3 steps\n"
    run_prompt("a folder", " sea horse", steps=1)
    assert not capsys.readouterr().err


def test_positions():
    assert find_places("all", 3, 2) == (0, 1, 2)
    assert find_places("last", 5, 3) == (2, 3, 4)
    assert find_places("0,-1,4", 5, 3) == (0, 4)
    for wrong, told in (
        ("5", "there are 5: 0 to 4"),
        ("-6", "position -6"),
        ("first", "expected all, last"),
        ("", "positions ''"),
    ):
        with pytest.raises(OptionError, match=told):
            find_places(wrong, 5, 3)


def test_capture_writes_what_the_design_says(folder: Path, tmp_path: Path):
    file = tmp_path / "x.safetensors"
    done = run("capture", "-H", str(folder), "--prompt", " sea horse", "-o", str(file), "--steps", "2", "--json")
    record = json.loads(done.stdout)
    assert "written" in done.stderr
    found = read_residuals(file)
    assert list(found.shape) == record["shape"] == [3, len(record["token_ids"]), 32]
    assert list(found.token_ids or ()) == record["token_ids"]
    assert found.last_is_normed is True
    assert found.model == "llama"
    assert float(found.about["logits_error"]) == pytest.approx(record["logits_error"], rel=0.01)


@pytest.mark.slow
def test_the_script_brings_the_same_residuals_home(folder: Path, tmp_path: Path):
    file = tmp_path / "x.safetensors"
    given = [folder, "--prompt", "<unused0> sea horse", "--dtype", "float32", "--steps", "2", "-o", file]
    done = subprocess.run([sys.executable, SCRIPT, *map(str, given)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found, running = read_residuals(file), open_running(folder)
    assert found.token_ids is not None
    assert found.last_is_normed is True
    assert found.about["dtype"] == "float32"
    np.testing.assert_allclose(found.states, running.read(found.token_ids).states, atol=1e-5)


def test_weights_may_be_computed_in_fewer_bits(folder: Path):
    running = open_running(folder, dtype="bfloat16")
    assert running.dtype == "bfloat16"
    found = capture(running, " sea horse")
    assert 1e-4 < found.error < (found.other_error or 0)
    assert "bfloat16" in found.note()


# What cannot run, or not this


def test_prompts_that_cannot_be_read(running: Running):
    for prompt, told in (("", "an empty prompt arrived"), (" sea" * 80, "reads 64 at most"), ("\udcff", "UTF-8")):
        with pytest.raises(OptionError, match=told):
            running.encode(prompt)
    with pytest.raises(OptionError, match=r"--steps 99 arrived; llama reads 64 at most; ask for at most 61 steps"):
        capture(running, " sea horse", steps=99)
    with pytest.raises(OptionError, match="--steps -1"):
        capture(running, " sea horse", steps=-1)
    with pytest.raises(OptionError, match="token 420 arrived; llama has rows 0 to 419"):
        running.logits([(1, 420)])


def test_states_that_are_not_numbers(tmp_path: Path, tokenizer_file: Path):
    running = open_running(write_causal(tmp_path / "broken", tokenizer_file))
    running.model.model.layers[0].mlp.down_proj.weight.data[3] = float("nan")
    with pytest.raises(ReadoutError, match="state 1 of 2 holds NaN or infinity in float32"):
        running.read(running.encode(" sea"))
    with pytest.raises(ReadoutError, match=r"the logits holds NaN"):
        running.logits([running.encode(" sea")])


def _bert(folder: Path, tokenizer: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}
    BertForMaskedLM(BertConfig(vocab_size=420, **sizes)).save_pretrained(folder)


def _t5(folder: Path, tokenizer: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    T5ForConditionalGeneration(T5Config(vocab_size=420, d_model=32, num_layers=1, d_ff=48)).save_pretrained(folder)


def _changed(folder: Path, tokenizer: Path, **config: Any) -> None:
    write_causal(folder, tokenizer)
    known = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(known | config))


def _encoder_as_decoder(folder: Path, tokenizer: Path) -> None:
    _bert(folder, tokenizer)
    known = json.loads((folder / "config.json").read_text()) | {"architectures": ["BertLMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(known))
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())


def _lacking(folder: Path, tokenizer: Path) -> None:
    from safetensors.numpy import load_file, save_file

    write_causal(folder, tokenizer)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: one for name, one in tensors.items() if "layers.1" not in name}, folder / "model.safetensors")


def _with_adapter(folder: Path, tokenizer: Path) -> None:
    write_causal(folder, tokenizer)
    (folder / "adapter_config.json").write_text("{}")


def _pickled(folder: Path, tokenizer: Path) -> None:
    write_causal(folder, tokenizer)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _endless(folder: Path, tokenizer: Path) -> None:
    _changed(folder, tokenizer, num_hidden_layers=10**9)


def _wide(folder: Path, tokenizer: Path) -> None:
    _changed(folder, tokenizer, intermediate_size=10**11)


def _large_beside(folder: Path, tokenizer: Path) -> None:
    write_causal(folder, tokenizer)
    with (folder / "tokenizer_config.json").open("wb") as file:
        file.truncate(2**30)


def _linked(folder: Path, tokenizer: Path) -> None:
    write_causal(folder, tokenizer)
    (folder.parent / "elsewhere").write_text("{}")
    (folder / "chat_template.jinja").symlink_to(folder.parent / "elsewhere")


def _with_code(folder: Path, tokenizer: Path) -> None:
    (folder).mkdir()
    _changed(folder, tokenizer, model_type="mine", auto_map={"AutoModelForCausalLM": "mine.Model"})
    (folder / "mine.py").write_text("raise SystemExit('this must not run')")


WRONG = {
    "bert": (_bert, 'holds a model "BertForMaskedLM", which is no causal LM'),
    "t5": (_t5, 'holds a model "T5ForConditionalGeneration", which is no causal LM'),
    "an encoder as decoder": (_encoder_as_decoder, "reads what comes after a token too, as encoders do"),
    "a part of a model": (_lacking, "does not hold all of its model: 9 tensors are missing"),
    "an adapter beside": (_with_adapter, "holds an adapter beside its model"),
    "a pickle": (_pickled, "which can run code when it is opened"),
    "more layers than tensors": (_endless, "speaks of 1,000,000,000 layers, and there are 21 tensors"),
    "far more numbers than bytes": (_wide, r"parameters, and there are [\d,]+ bytes of weights"),
    "a large file beside": (_large_beside, "tokenizer_config.json has 1,073,741,824 bytes; expected at most"),
    "a link elsewhere": (_linked, "outside its folder"),
    "code": (_with_code, "which is no causal LM here"),
    "no model": (lambda folder, _: folder.mkdir(), "holds no head"),
}


@pytest.mark.parametrize("case", WRONG)
def test_folders_that_hold_no_causal_lm(case: str, tmp_path: Path, tokenizer_file: Path):
    make, told = WRONG[case]
    make(tmp_path / "x", tokenizer_file)
    with pytest.raises(GeometryError, match=told):
        open_running(tmp_path / "x")


def test_a_head_that_is_not_the_models(folder: Path):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    target = folder.parent / "two"
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    head = {name: tensors[name] for name in ("lm_head.weight", "model.norm.weight")}
    save_file(head, target / "same.safetensors")
    save_file(head | {"lm_head.weight": head["lm_head.weight"] * 1.5}, target / "head.safetensors")
    with pytest.raises(CheckpointError, match=r"the model in .* has another head \(420 × 32\) than head"):
        open_running(target / "head.safetensors")
    assert open_running(target / "same.safetensors").head.dim == 32


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("org/model", "fetch it first: hf download org/model --local-dir DIR"),
        ("hf://org/model@main", "hf download org/model"),
        ("nowhere", "check the path"),
        ("/no/where", "check the path"),
    ],
)
def test_what_is_no_folder(spec: str, told: str):
    with pytest.raises(CheckpointError, match=told):
        open_running(spec)


def test_a_gguf_file_does_not_run(tmp_path: Path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(CheckpointError, match="of which only the head is opened here; expected a folder"):
        open_running(tmp_path / "x.gguf")


def test_without_transformers_it_says_what_to_type():
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "sys.argv = ['geometry', 'spell', '--prompt', 'x']\nfrom geometry.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        'error: a running model needs the package transformers: pip install "unembedding-geometry[model]"\n'
    )


def test_the_command_line_fails_in_one_line(tmp_path: Path):
    for arguments, told in (  # before a model is opened for it
        (("capture", "--prompt", "x", "-o", str(tmp_path / "x.pt")), "ends in .safetensors"),
        (("spell", "--prompt", ""), "an empty prompt arrived"),
        (("spell", "--prompt", "sea " * 200), "organism reads 128 at most"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert told in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_organism_is_what_it_is_without_a_model_too():
    running = open_running("organism")
    assert running.head.fingerprint == geo.open_head("organism").fingerprint
    assert running.context == 128
