"""What a head is: the record behind ``geometry info``."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import geometry
from geometry.errors import CheckpointError, TokenError
from geometry.head import Head
from geometry.moments import block_rows
from geometry.tables import Column, Table, Tabled
from geometry.tokens import Vocabulary

if TYPE_CHECKING:
    import pandas

Tied = Literal["equal", "different", "one tensor"]


@dataclass(frozen=True, eq=False, repr=False)
class Info(Tabled):
    """One head's identity card, as plain values.

    Attributes:
        values: the JSON object of ``geometry info``.
    """

    values: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON."""
        return self.values

    def to_frame(self) -> "pandas.DataFrame":
        """One row, nested values as columns such as ``readout.formula``."""
        import pandas as pd

        return pd.json_normalize(self.values)

    def table(self) -> Table:
        """Names and values, one a line."""
        rows = tuple(_lines(self.values))
        return Table(
            title=(f"{self.values['name']}: {self.values['vocab']:,} rows × {self.values['dim']:,}",),
            columns=(Column("what", "left"), Column("value", "left")),
            rows=rows,
            notes=(f"geometry {geometry.__version__}",),
        )

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)


def describe(head: Head, *, check_tied: bool = False, full_hash: bool = False) -> Info:
    """Describe a head.

    Args:
        check_tied: compare the head with the embedding, if both are stored: doubles the reading.
        full_hash: add the SHA-256 of the whole matrix.
    """
    opened = head.opened
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
        **_vocabulary(head),
        "masked": _masked(head),
    }
    if check_tied:
        values["embedding"] = compare_with_embedding(head)
    if full_hash:
        values["sha256"] = head.full_hash()
    # counted last, so that the reading above is in it
    return Info({**values, **_bytes_read(head), "version": geometry.__version__})


def _vocabulary(head: Head) -> dict[str, Any]:
    tokens = head.tokens
    if tokens is None:
        return {"regime": None, "tokens": None, "note": head.opened.vocabulary[1]}
    kinds, counts = np.unique(tokens.kinds[: head.vocab], return_counts=True)
    told = {
        "tokenizer": tokens.tokenizer_size,
        "without_row": max(0, tokens.tokenizer_size - head.vocab),
        **{str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
    }
    return {"regime": _regime(tokens), "tokens": told, **({"note": tokens.note} if tokens.note else {})}


def _masked(head: Head) -> dict[str, Any]:
    """How many rows are never landed on, by the reason."""
    opened, undertrained = head.opened, head.undertrained
    return {
        "undertrained": len(undertrained.ids),
        "not_finite": int((~opened.finite).sum()),
        "padding": int((~opened.has_token).sum()),
        "reserved": len(opened.reserved),
        "reason": undertrained.reason,
    }


def _bytes_read(head: Head) -> dict[str, Any]:
    """How many bytes of how many were read to know all this; what a head from the Hub took is what was fetched."""
    checkpoint, tokens = head.opened.checkpoint, head.tokens
    reads, kept = checkpoint.reads, checkpoint.kept
    if kept is None:
        tokenizer = tokens.bytes_read if tokens else 0
        total = checkpoint.bytes_total + reads.beside_weights + tokenizer
        return {"bytes_read": reads.total + tokenizer, "bytes_total": total}
    return {
        "bytes_read": kept.origin.bytes_read + sum(reads.fetched.values()),
        "bytes_total": kept.origin.bytes_total,
        "hub": {**asdict(kept.origin), "cached": kept.cached},
    }


def _regime(tokens: Vocabulary) -> dict[str, Any] | None:
    """Return how emoji are held; None where texts of several tokens cannot be encoded."""
    try:
        return tokens.regime().to_dict()
    except TokenError:
        return None


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
    mine = head.opened.matrix
    other = checkpoint.matrix(layout.embedding, max_resident=mine.max_resident)
    if mine.shape != other.shape or mine.dtype != other.dtype or mine.beside != other.beside:
        return "different"
    size = block_rows(mine)
    pairs = zip(mine.raw_blocks(size), other.raw_blocks(size), strict=True)
    same = all(np.array_equal(one.view(np.uint8), two.view(np.uint8)) for (_, one), (_, two) in pairs)
    return "equal" if same else "different"


def _lines(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value as a name and a line of text."""
    for name in ("source", "fingerprint", "dtype", "tied", "head_tensor", "norm"):
        yield name.replace("_", " "), _plain(values[name])
    yield "readout", _readout_line(values["readout"])
    if values["readout"]["note"]:
        yield "head", values["readout"]["note"]
    for place, holding in (values["regime"] or {}).items():
        yield f"emoji, {place.replace('_', ' ')}", _holding_line(holding)
    if values["tokens"]:
        tokens = dict(values["tokens"])
        yield "tokenizer", f"{tokens.pop('tokenizer'):,} ids, {tokens.pop('without_row'):,} of them without a row"
        yield "rows", ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in tokens.items())
    if "note" in values:
        yield "note", values["note"]
    masked = values["masked"]
    yield "left out", ", ".join(f"{masked[key]:,} {key.replace('_', ' ')}" for key in ("not_finite", "padding"))
    yield "under-trained", masked["reason"]
    for name in ("embedding", "sha256"):
        if name in values:
            yield name, values[name]
    if "hub" in values:
        hub = values["hub"]
        came = "kept here since it was fetched" if hub["cached"] else "fetched just now"
        yield "revision", f"{hub['revision']}, commit {hub['commit']}, {came} ({hub['fetched']})"
    yield "read", _read_line(values["bytes_read"], values["bytes_total"])


def _read_line(read: int, total: int | None) -> str:
    return f"{read:,} bytes" if total is None else f"{read:,} of {total:,} bytes ({read / max(total, 1):.1%})"


def _holding_line(holding: dict[str, Any]) -> str:
    """How a vocabulary holds emoji in one position, in words."""
    ways = {
        "whole": f"{holding['whole']:,} are one token",
        "parts": f"{holding['parts']:,} several whole characters",
        "bytes": f"{holding['bytes']:,} are spelt in bytes",
        "none": f"{holding['none']:,} cannot be written",
    }
    return f"{holding['regime']}: of {holding['of']:,}, " + ", ".join(ways[key] for key in ways if holding[key])


def _readout_line(value: dict[str, Any]) -> str:
    if not value["known"]:
        return f"unknown: {value['reason']}"
    parts = ["no norm of its own"] if value["formula"] == "none" else [value["formula"], f"eps {value['eps']:g}"]
    parts += [f"{name} {value[name]:g}" for name in ("prescale", "scale") if value[name] != 1.0]
    if value["cap"] is not None:
        parts.append(f"cap {value['cap']:g}")
    return ", ".join([*parts, "bias"] if value["bias"] else parts)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
