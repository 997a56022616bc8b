"""NumPy's files, a stranger's included: sizes are held against the file before anything is allocated, no pickles."""

import math
import os
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from geometry.checkpoint.guards import opened
from geometry.errors import ResidualsError

MAX_HEADER = 10_000
MAX_MEMBERS = 1_000

_KINDS = "fiubU"  # floats, whole numbers, truths and texts: what holds no Python objects


@runtime_checkable
class Readable(Protocol):
    """A file, or one inside an archive."""

    def read(self, size: int = ..., /) -> bytes: ...


def read_npy(path: Path, limit: int) -> Shaped[np.ndarray, "..."]:
    """Return the array of a ``.npy`` file.

    Raises:
        ResidualsError: It is no such file, a damaged one, a pickle, or takes more than ``limit`` bytes.
        CheckpointError: It cannot be opened.
    """
    with opened(path, inside=None) as fd, os.fdopen(os.dup(fd), "rb") as file:
        return _read(file, str(path), os.fstat(fd).st_size, limit)


def read_npz(path: Path, names: Sequence[str], limit: int) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return those arrays of a ``.npz`` file that have one of the names.

    Raises:
        ResidualsError: It is no such file, a damaged one, a pickle, or an array takes more than ``limit`` bytes.
        CheckpointError: It cannot be opened.
    """
    found: dict[str, Shaped[np.ndarray, ...]] = {}
    with opened(path, inside=None) as fd, os.fdopen(os.dup(fd), "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if len(members) > MAX_MEMBERS:
                    raise ResidualsError(f"{path} holds {len(members):,} arrays; expected {', '.join(names)}")
                for member in members:
                    name = member.filename.removesuffix(".npy")
                    if name in names:
                        with archive.open(member) as part:
                            found[name] = _read(part, f"{path}, {name}", member.file_size, limit)
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            EOFError,
            OSError,
            ValueError,
        ) as error:
            raise ResidualsError(f"{path} is no .npz file that can be read ({error}); save it again") from error
    return found


def _read(file: Readable, what: str, size: int, limit: int) -> Shaped[np.ndarray, "..."]:
    """Read one array of which ``size`` bytes are said to be there, header included."""
    shape, fortran, dtype, header = _header(file, what)
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.names is not None:
        pickled = ", which is a pickle and would run what it holds" if dtype.hasobject else ""
        raise ResidualsError(f"{what}: an array of type {dtype}{pickled}; expected floats: save it as float32")
    count = math.prod(shape)
    nbytes = count * dtype.itemsize
    if max(count * 4, nbytes) > limit:
        raise ResidualsError(
            f"{what}: an array of shape {list(shape)} takes too much; expected {limit:,} bytes at most"
        )
    if header + nbytes != size:
        raise ResidualsError(
            f"{what}: {size - header:,} bytes are there for an array of shape {list(shape)} of {dtype}, which takes "
            f"{nbytes:,}; the file is damaged: save it again"
        )
    data = file.read(nbytes)
    if len(data) != nbytes:
        raise ResidualsError(f"{what}: the file ends inside the array; save it again")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(file: Readable, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, order, dtype and how many bytes said so."""
    from numpy.lib import format as npy

    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    counted = _Counted(file)
    try:
        reader = readers[npy.read_magic(counted)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that Python 2 wrote
            shape, fortran, dtype = reader(counted, max_header_size=MAX_HEADER)
    except (ValueError, KeyError, SyntaxError, TokenError, TypeError, RecursionError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResidualsError(f"{what} is no array of NumPy's ({reason}); save it with numpy.save") from error
    if any(size < 0 for size in shape):
        raise ResidualsError(f"{what}: an array of shape {list(shape)}; expected sizes of 0 or more")
    return shape, fortran, dtype, counted.taken


class _Counted:
    """A file of which it is known how much was read."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.taken = 0

    def read(self, size: int = MAX_HEADER, /) -> bytes:
        if size > MAX_HEADER:
            raise ValueError(f"its header claims {size:,} bytes")
        data = self._file.read(size)
        self.taken += len(data)
        return data
