"""The emoji catalogue: the table is what its script makes of its sources, and every form finds its emoji."""

import collections
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from geometry.tokens.emoji import catalogue, lookup

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "make_emoji_table.py"
    spec = importlib.util.spec_from_file_location("make_emoji_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_counts_are_those_of_the_file_s_own_footer():
    counts = collections.Counter(emoji.status for emoji in catalogue())
    assert counts == {"fully-qualified": 3655, "minimally-qualified": 827, "unqualified": 242, "component": 9}


def test_an_entry_in_full():
    fish = lookup("🐠")
    assert fish is not None
    assert (fish.text, fish.name, fish.status) == ("🐠", "tropical fish", "fully-qualified")
    assert (fish.group, fish.subgroup, fish.keywords) == (
        "Animals & Nature",
        "animal-marine",
        ("fish", "tropical"),
    )


def test_every_form_finds_the_qualified_emoji_of_its_name():
    for emoji in catalogue():
        found = lookup(emoji.text)
        assert found is not None
        assert (found.name, found.group) == (emoji.name, emoji.group)
        assert found.status in {"fully-qualified", "component"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\u2764", "red heart"),
        ("\u2764\ufe0f", "red heart"),
        ("🐠\ufe0f", "tropical fish"),
        ("1\u20e3", "keycap: 1"),
        ("🫎", "moose"),
        ("👩\u200d🚀", "woman astronaut"),
    ],
)
def test_lookup_of_unusual_forms(text: str, name: str):
    found = lookup(text)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("text", ["", "1", "1\ufe0f", "#", "*", " 🐠", "🐠🐠", "a", "\ufe0f", "\u200d", "🇩"])
def test_what_is_no_emoji(text: str):
    assert lookup(text) is None


def test_the_script_makes_the_table_that_is_here(script: ModuleType, tmp_path: Path, monkeypatch):
    if not all(path.is_file() for path in script.PACKAGES):
        pytest.skip("the Debian packages unicode-data and unicode-cldr-core are not installed")
    source = script.EMOJI_TEST.read_text(encoding="utf-8")
    if "# Version: 15.0\n" not in source:
        pytest.skip("unicode-data is installed in another version than the table's")
    made = tmp_path / "emoji.tsv"
    monkeypatch.setattr("sys.argv", ["make_emoji_table.py", "-o", str(made)])
    assert script.main() == 0
    assert made.read_bytes() == script.TABLE.read_bytes()


def test_the_script_says_what_to_install(script: ModuleType, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(script, "PACKAGES", {tmp_path / "absent": "unicode-data"})
    monkeypatch.setattr("sys.argv", ["make_emoji_table.py", "-o", str(tmp_path / "emoji.tsv")])
    assert script.main() == 1
    assert capsys.readouterr().err == "error: the sources are not here: apt-get install unicode-data\n"
    assert not (tmp_path / "emoji.tsv").exists()
