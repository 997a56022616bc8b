"""What a person does with a checkpoint folder, step by step, and what may come of each step."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np

import geometry as geo
from geometry.errors import GeometryError
from geometry.info import describe

LONGEST_MESSAGE = 4_000
CANARY = 31_337.25
"""The number that fills the file which stands outside every folder: no row may ever hold it."""

PRINTED = 0.04
"""The share of inputs whose records are drawn as tables too, which takes longer than all the rest."""

Step = Callable[[], object]


class BrokenPromiseError(Exception):
    """An answer or a message that is not as promised."""


def travel(folder: Path, random: Random) -> tuple[int, int]:
    """Open the folder and ask everything of it; return how many steps were answered and how many refused.

    Raises:
        BrokenPromiseError: A message of several lines, JSON that is none, or a number from outside the folder.
        BaseException: Whatever else the library lets through: a finding.
    """
    answered = refused = 0
    for step in _steps(folder, random):
        try:
            step()
            answered += 1
        except GeometryError as error:
            check_message(str(error))
            refused += 1
    return answered, refused


def check_message(message: str) -> None:
    """Refuse a message that is not one printable line of a length that can be read."""
    plain = message.replace("\u200d", "")  # what joins an emoji's parts is no printable character by itself
    if not message or not plain.isprintable() or len(message) > LONGEST_MESSAGE:
        raise BrokenPromiseError(f"no printable line of at most {LONGEST_MESSAGE} characters: {message[:200]!r}")


def _steps(folder: Path, random: Random) -> Iterator[Step]:
    head: list[geo.Head] = []
    yield lambda: head.append(geo.open_head(folder))
    if not head:
        return
    one, printed = head[0], random.random() < PRINTED
    steps: list[Step] = [
        lambda: _record(describe(one), printed),
        lambda: _rows(one),
        lambda: one.words().ids("sea"),
        lambda: one.words().ids(" sea 🐠 1"),
        lambda: one.words().word("horse"),
        lambda: one.words().read_pieces("ĠðŁ Ĳ ł"),
        lambda: _record(one.land("sea + #3"), printed),
        lambda: _record(one.land("#0 + #3", space="raw", k=3), printed),
        lambda: one.logits(np.ones((2, one.dim), dtype=np.float32)),
    ]
    rarer: list[Step] = [
        lambda: _record(one.land("emoji - 🐠", space="centered", metric="cosine"), printed),
        lambda: _record(one.land("sea - horse", space="whitened", metric="euclidean"), printed),
        lambda: _record(one.land("#1 + #2", metric="euclidean", exclude_inputs=True, fold_variants=True), printed),
        lambda: _record(one.land("mean(sea, 'horse') + <F0 9F>", temperature=0.5, sample=2), printed),
        lambda: _record(describe(one, check_tied=True, full_hash=True), printed),
        lambda: one.words().spellings("🐠"),
    ]
    yield from steps
    yield from random.sample(rarer, 2)


def _record(record: object, printed: bool) -> None:
    """Write a record as JSON and, where asked, as a table, as the command line does."""
    json.dumps(record.to_dict(), ensure_ascii=False, allow_nan=False).encode()  # type: ignore[attr-defined]
    if not printed:
        return
    text = str(record)
    text.encode()
    for line in text.split("\n"):
        if any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line):
            raise BrokenPromiseError(f"a control character in a printed line: {line[:200]!r}")


def _rows(head: geo.Head) -> None:
    rows = head.rows([0, head.vocab - 1])
    if rows.dtype != np.float32 or rows.shape != (2, head.dim):
        raise BrokenPromiseError(f"rows of {rows.dtype} and shape {rows.shape}")
    if (rows == CANARY).any():
        raise BrokenPromiseError("a row from outside the folder")
