"""Opening a tokenizer: which reader a file needs."""

from pathlib import Path

from geometry.checkpoint import find_tokenizer
from geometry.checkpoint.gguf import find_gguf
from geometry.errors import TokenError
from geometry.tokens.encoding import TokenizerJsonEncoder
from geometry.tokens.gguf import read_gguf_vocabulary
from geometry.tokens.tiktoken import TiktokenEncoder, read_tiktoken
from geometry.tokens.tokenizer_json import read_tokenizer_json
from geometry.tokens.vocabulary import Vocabulary


def open_vocabulary(path: Path, rows: int | None = None) -> Vocabulary:
    """Open the tokens of a tokenizer file, or of a folder that holds one.

    Args:
        path: A ``tokenizer.json``, a tiktoken file (``*.tiktoken``, or ``*.model`` with base64 lines), a GGUF
            file, or a folder that holds one of them.
        rows: How many rows the head has: more than the tokenizer has ids (the rest is padding), or fewer.

    Raises:
        TokenError: if there is no tokenizer, or none that can be read.
    """
    file = find_gguf(path) or (find_tokenizer(path) if path.is_dir() else path)
    if file is None:
        raise TokenError(f"{path} holds no tokenizer: a tokenizer.json or a tiktoken file was expected")
    if file.suffix == ".gguf":
        table, encoder = read_gguf_vocabulary(file, inside=path if path.is_dir() else None)
        return Vocabulary(table, encoder, rows)
    if file.suffix == ".json":
        table, spec = read_tokenizer_json(file)
        return Vocabulary(table, lambda: TokenizerJsonEncoder(table, spec), rows)
    table = read_tiktoken(file)
    return Vocabulary(table, lambda: TiktokenEncoder(table), rows)
