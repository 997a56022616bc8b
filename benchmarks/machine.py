"""What was measured on, and with what."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from geometry import __version__

LIBRARIES = ("torch", "faiss-cpu", "numpy", "scikit-learn", "gensim")


def facts() -> tuple[str, ...]:
    """The machine, its system and the versions of what is compared, one line each."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory()} of memory, load {os.getloadavg()[0]:.1f} at the start",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, geometry {__version__}",
        ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    found = re.search(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    units = [name for name in ("amx_bf16", "avx512_bf16", "avx2") if name in _text("/proc/cpuinfo")]
    return f"{found[1] if found else platform.processor() or 'a processor'} ({units[0] if units else 'no bf16 units'})"


def _memory() -> str:
    found = re.search(r"MemTotal:\s+(\d+)", _text("/proc/meminfo"))
    return f"{int(found[1]) / 1e6:.0f} GB" if found else "an unknown amount"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
