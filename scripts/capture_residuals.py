"""Capture the residuals of a prompt on a rented GPU, and bring them home for ``geometry lens``.

    python capture_residuals.py org/model --prompt "is there a seahorse emoji?" --chat --prefix "yes:" --steps 3 -o x.safetensors

It needs transformers (with accelerate) and safetensors, and nothing of geometry: copy this file alone.
"""  # noqa: E501

import argparse

import torch
import transformers
from safetensors.torch import save_file


def main() -> None:
    """Run the prompt, append the likeliest tokens one by one, and save every layer's states as the model has them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder, or org/model on the Hub")
    parser.add_argument("--prompt", required=True, help="what the model reads, or with --chat what a user says")
    parser.add_argument("--chat", action="store_true", help="put the prompt into the model's chat template")
    parser.add_argument("--prefix", default="", help="how its answer begins")
    parser.add_argument("--steps", type=int, default=0, help="how many of its own likeliest tokens to append")
    parser.add_argument("--dtype", default="bfloat16", help="of the weights: bfloat16, float32 or auto")
    parser.add_argument("-o", "--output", required=True, help="the .safetensors file to write")
    asked = parser.parse_args()
    tokenizer = transformers.AutoTokenizer.from_pretrained(asked.model)
    spread = {"device_map": "auto"} if torch.cuda.is_available() else {}
    model = transformers.AutoModelForCausalLM.from_pretrained(asked.model, dtype=asked.dtype, **spread).eval()
    text, said = asked.prompt, [{"role": "user", "content": asked.prompt}]
    if asked.chat:  # the template writes the start token itself
        text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(text + asked.prefix, add_special_tokens=not asked.chat, return_tensors="pt").input_ids
    entered = []
    model.get_output_embeddings().register_forward_pre_hook(lambda _, given: entered.append(given[0].float().cpu()))
    with torch.no_grad():
        for _ in range(asked.steps):
            ids = torch.cat([ids, model(ids.to(model.device)).logits[:, -1:].argmax(-1).cpu()], dim=1)
        out = model(ids.to(model.device), output_hidden_states=True)
    states = torch.stack([layer[0].cpu() for layer in out.hidden_states])
    # the last state has been through the final norm if it is what enters the head, but for one factor
    last, into = states[-1].float(), entered[-1].reshape(-1, states.shape[-1])
    normed = torch.allclose(into, last * (into * last).sum() / (last * last).sum(), rtol=1e-2, atol=1e-2)
    about = {"model": asked.model, "last_is_normed": str(normed).lower(), "prompt": text + asked.prefix}
    about |= {"dtype": str(states.dtype).removeprefix("torch."), "transformers": transformers.__version__}
    save_file({"hidden_states": states.contiguous(), "token_ids": ids[0]}, asked.output, metadata=about)
    print(f"{asked.output}: {tuple(states.shape)} in {states.dtype}, ending in {tokenizer.decode(ids[0, -8:])!r}")


if __name__ == "__main__":
    main()
