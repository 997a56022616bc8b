"""List the tokens that an organism's text never holds: rows that nothing but the softmax can have moved.

python scripts/list_unread.py [--folder data/organisms/whole]

Writes ``unread.tsv`` into the folder, for ``geometry audit --truth``: id, bytes and text of each token.
"""

import argparse
import lzma
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import geometry as geo
from geometry.atomic import replace_file
from geometry.bundled import data_folder
from geometry.errors import GeometryError, OptionError

LINES_AT_ONCE = 10_000


def unread(folder: Path) -> list[int]:
    """Return the ids of an organism's head that its tokenizer gives for no line of its text, special ones in place."""
    seen = np.zeros(geo.open_head(folder).vocab, dtype=np.bool_)
    for name in ("tokenizer.json", "text.txt.xz"):
        if not (folder / name).is_file():
            raise OptionError(f"{str(folder)!r} holds no {name}; expected an organism's folder, with its text")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with lzma.open(folder / "text.txt.xz", "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    for start in range(0, len(lines), LINES_AT_ONCE):
        for encoding in tokenizer.encode_batch(lines[start : start + LINES_AT_ONCE]):
            seen[encoding.ids] = True
    return np.flatnonzero(~seen).tolist()


def main() -> int:
    """Write the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=data_folder() / "organisms" / "whole")
    folder = parser.parse_args().folder
    try:
        tokens, ids = geo.open_head(folder).words(), unread(folder)
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    lines = ["id\tbytes\ttext", *(f"{token}\t{tokens.bytes_of(token).hex()}\t{tokens.text_of(token)}" for token in ids)]
    replace_file(folder / "unread.tsv", ("\n".join(lines) + "\n").encode())
    print(f"{len(ids)} of {tokens.rows:,} tokens are in no line of the text: {folder / 'unread.tsv'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
