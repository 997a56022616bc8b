"""The files that come with the package: found in the checkout first, else in the installed copy."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_folder() -> Path:
    """Return the folder that holds the bundled data sets.

    In a checkout that is ``data/`` beside ``pyproject.toml``; in an installed copy the wheel has put the same
    files into ``geometry/data/``.
    """
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    return _PACKAGE / "data"
