"""From a prompt to ids, as the model was made to read them."""

from typing import Any

from geometry.errors import OptionError, TokenError


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that says nothing, before a model is opened for it.

    Raises:
        OptionError: it is empty, or no Unicode text.
    """
    if not prompt:
        raise OptionError("an empty prompt arrived; expected a text to go on from, such as 'the fish emoji is'")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise OptionError(f"the prompt {prompt!r:.60} is no valid Unicode text; write it in UTF-8") from error


def encode_prompt(tokenizer: Any, name: str, prompt: str, *, chat: bool, prefix: str = "") -> tuple[int, ...]:
    """Return a prompt's ids: the start token once, where the tokenizer adds one, and nothing after the text.

    Args:
        tokenizer: The model's own, as transformers opens it.
        name: What the model is called, for messages.
        prompt: The text, or with ``chat`` what a user says.
        chat: By the chat template, up to where the answer begins.
        prefix: How the answer begins.

    Raises:
        OptionError: the prompt is empty, or there is no chat template that takes it.
        TokenError: the tokenizer fails.
    """
    check_prompt(prompt)
    if prefix:
        check_prompt(prefix)
    ids = _chat(tokenizer, name, prompt, prefix) if chat else _plain(tokenizer, name, prompt + prefix)
    start = tokenizer.bos_token_id
    while start is not None and ids[:2] == (start, start):
        ids = ids[1:]
    return ids


def _plain(tokenizer: Any, name: str, prompt: str) -> tuple[int, ...]:
    text, full = (_ids(tokenizer, name, prompt, special=special) for special in (False, True))
    for before in range(len(full) - len(text) + 1):
        if full[before : before + len(text)] == text:
            return full[: before + len(text)]  # an end token that some add is left out: the text goes on
    return full


def _chat(tokenizer: Any, name: str, prompt: str, prefix: str) -> tuple[int, ...]:
    if not tokenizer.chat_template:
        raise OptionError(f"--chat arrived, but {name} has no chat template; expected a plain prompt")
    said = [{"role": "user", "content": prompt}]
    try:
        text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # a template is a program, and a stranger's
        reason = " ".join(str(error).split())[:160]
        raise OptionError(f"the chat template of {name} fails ({reason}); give a plain prompt") from error
    return _ids(tokenizer, name, text + prefix, special=False)


def _ids(tokenizer: Any, name: str, text: str, *, special: bool) -> tuple[int, ...]:
    try:
        # not verbose: transformers would warn of long texts, which are refused in a line of our own
        return tuple(tokenizer(text, add_special_tokens=special, verbose=False).input_ids)
    except Exception as error:  # the tokenizers library raises plain ones
        reason = " ".join(str(error).split())[:160]
        raise TokenError(f"the tokenizer of {name} does not read the prompt ({reason}); check its files") from error
