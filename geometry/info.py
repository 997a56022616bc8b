"""What a head is: the record behind ``geometry info``."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

import geometry
from geometry.errors import CheckpointError
from geometry.head import Head
from geometry.moments import block_rows
from geometry.tables import Column, Table

Tied = Literal["equal", "different", "one tensor"]


@dataclass(frozen=True, eq=False)
class Info:
    """One head's identity card, as plain values.

    Attributes:
        values: the JSON object of ``geometry info``.
    """

    values: dict[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON."""
        return self.values

    def table(self) -> Table:
        """Names and values, one a line."""
        rows = tuple((name, text) for name, text in _lines(self.values))
        return Table(
            title=(f"{self.values['name']}: {self.values['vocab']:,} rows × {self.values['dim']:,}",),
            columns=(Column("what", "left"), Column("value", "left")),
            rows=rows,
            notes=(f"geometry {geometry.__version__}",),
        )

    def __str__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()


def describe(head: Head, *, check_tied: bool = False, full_hash: bool = False) -> Info:
    """Describe a head.

    Args:
        check_tied: compare the head with the embedding, if both are stored: doubles the reading.
        full_hash: add the SHA-256 of the whole matrix.
    """
    opened, tokens = head.opened, head.tokens
    undertrained = head.undertrained
    values: dict[str, Any] = {
        "name": head.name,
        "source": head.source,
        "fingerprint": head.fingerprint,
        "vocab": head.vocab,
        "dim": head.dim,
        "dtype": opened.matrix.dtype,
        "tied": opened.layout.tied,
        "head_tensor": opened.layout.head,
        "norm": opened.layout.norm,
        "readout": head.readout.to_dict(),
    }
    if tokens is None:
        values["regime"], values["tokens"] = None, None
        values["tokenizer"] = head.opened.vocabulary[1]
    else:
        kinds, counts = np.unique(tokens.kinds[: head.vocab], return_counts=True)
        values["regime"] = tokens.regime().to_dict()
        values["tokens"] = {
            "tokenizer": tokens.tokenizer_size,
            "without_row": max(0, tokens.tokenizer_size - head.vocab),
            **{str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
        }
        if tokens.note:
            values["tokenizer"] = tokens.note
    values["masked"] = {
        "undertrained": len(undertrained.ids),
        "not_finite": int((~opened.finite).sum()),
        "padding": max(0, head.vocab - tokens.tokenizer_size) if tokens else 0,
        "reserved": len([token for token in tokens.reserved if token < head.vocab]) if tokens else 0,
        "reason": undertrained.reason,
    }
    if check_tied:
        values["embedding"] = compare_with_embedding(head)
    if full_hash:
        values["sha256"] = head.full_hash()
    # counted last, so that the reading above is in it
    values["bytes_read"] = opened.checkpoint.bytes_read + (tokens.bytes_read if tokens else 0)
    values["bytes_total"] = opened.checkpoint.bytes_total
    values["version"] = geometry.__version__
    return Info(values)


def compare_with_embedding(head: Head) -> Tied:
    """Whether the head's rows are the embedding's, row by row and bit by bit.

    Raises:
        CheckpointError: the checkpoint stores no embedding.
    """
    layout, checkpoint = head.opened.layout, head.opened.checkpoint
    if layout.embedding == layout.head:
        return "one tensor"
    if layout.embedding is None:
        raise CheckpointError(f"{head.name} stores no embedding to compare the head with; leave --check-tied out")
    mine, other = head.opened.matrix, checkpoint.matrix(layout.embedding)
    if mine.shape != other.shape or mine.dtype != other.dtype:
        return "different"
    size = block_rows(mine)
    for start in range(0, head.vocab, size):
        if not np.array_equal(mine.raw_block(start, start + size), other.raw_block(start, start + size)):
            return "different"
    return "equal"


def _lines(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Flatten nested values into names and short texts."""
    lines: list[tuple[str, str]] = []
    for name, value in values.items():
        if name in ("name", "version", "vocab", "dim"):
            continue
        if name == "bytes_read":
            lines.append(
                (
                    "read",
                    f"{value:,} of {values['bytes_total']:,} bytes ({value / values['bytes_total']:.1%})",
                )
            )
        elif name == "readout":
            lines.append((name, _readout_line(value)))
        elif isinstance(value, dict):
            nested = any(isinstance(inner, dict) for inner in value.values())
            if nested:
                lines.extend((f"{name} {key}".replace("_", " "), _inline(inner)) for key, inner in value.items())
            else:
                lines.append((name, _inline(value)))
        elif name != "bytes_total":
            lines.append((name.replace("_", " "), "none" if value is None else _plain(value)))
    return lines


def _readout_line(value: dict[str, Any]) -> str:
    if not value["known"]:
        return f"unknown: {value['reason']}"
    parts = [value["formula"], f"eps {value['eps']:g}"]
    parts += [f"{name} {value[name]:g}" for name in ("prescale", "scale") if value[name] != 1.0]
    if value["cap"] is not None:
        parts.append(f"cap {value['cap']:g}")
    return ", ".join([*parts, "bias"] if value["bias"] else parts)


def _inline(value: Any) -> str:
    if not isinstance(value, dict):
        return _plain(value)
    return ", ".join(f"{_plain(inner)} {key.replace('_', ' ')}" if isinstance(inner, int) else _plain(inner)
                     for key, inner in value.items())  # fmt: skip


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
