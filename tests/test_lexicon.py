"""The lexicon: the table is what its script makes of its sources, and a person's own list is read or refused."""

import collections
import doctest
import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from geometry import lexicon
from geometry.errors import OptionError
from geometry.lexicon import Noun, compounds, nouns, read_lexicon

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    line.split("\t") for line in (ROOT / "data/lexicon/nouns.tsv").read_text(encoding="utf-8").splitlines()
]  # name, category, concrete, offset, synonyms
SCOWL_SHA256 = "b04f41e544ef5e734b66f6d1ff2572aa64e32e92d0eda56c48c5156010821517"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_lexicon", ROOT / "scripts" / "make_lexicon.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_docstrings_run():
    tried = doctest.testmod(lexicon)
    assert (tried.attempted > 0, tried.failed) == (True, 0)


def test_counts_are_those_of_the_readme():
    counts = collections.Counter((noun.category, noun.concrete) for noun in nouns())
    readme = (ROOT / "data/lexicon/README.md").read_text(encoding="utf-8")
    said = {}
    for line in readme.splitlines():
        if match := re.fullmatch(r"\| (\w+) \| ([\d,]+) \| (\w+) \| ([\d,]+) \|", line):
            left, n, right, m = match.groups()
            said |= {(left, True): int(n.replace(",", "")), (right, False): int(m.replace(",", ""))}
    assert counts == said
    assert sum(n for (_, concrete), n in counts.items() if concrete) >= 5000
    assert sum(n for (_, concrete), n in counts.items() if not concrete) >= 1500


def test_names_and_meanings_are_unique_and_as_the_readme_says():
    assert ROWS[0] == ["name", "category", "concrete", "offset", "synonyms"]
    assert len({row[0] for row in ROWS}) == len({row[3] for row in ROWS}) == len(ROWS) == len(nouns()) + 1
    for name, _, _, offset, synonyms in ROWS[1:]:
        assert re.fullmatch(r"[a-z-]+( [a-z-]+)?", name)
        assert len(offset) == 8
        assert name not in synonyms.split("|")
    assert (ROOT / "data/lexicon/nouns.tsv").stat().st_size < 700_000


def test_what_people_know_is_there_and_what_they_do_not_is_not():
    known = {noun.name: noun for noun in nouns()}
    for name, category in {
        "seahorse": "animal",
        "platypus": "animal",
        "ostrich": "animal",
        "hammock": "artifact",
        "lasagna": "food",
        "sunflower": "plant",
        "volcano": "object",
        "justice": "attribute",
    }.items():
        assert known[name].category == category
    for name in ("hippocampus", "apodiformes", "paris", "micropyle", "musical instrument", "pterygoid plexus", "have"):
        assert name not in known
    assert not known["justice"].concrete


@pytest.mark.slow
def test_the_script_makes_the_table_that_is_here(script: ModuleType, tmp_path: Path, monkeypatch):
    if not all(path.is_file() for path in script.PACKAGES):
        pytest.skip("the Debian packages wordnet-base and scowl are not installed")
    lists = [
        script.SCOWL / f"{kind}-words.{size}" for kind in ("american", "english") for size in (10, 20, 35, 40, 50, 55)
    ]
    if hashlib.sha256(b"".join(path.read_bytes() for path in lists)).hexdigest() != SCOWL_SHA256:
        pytest.skip("scowl is installed in another version than the table's")
    if "WordNet 3.0 Copyright" not in (script.wordnet.FOLDER / "data.noun").read_text(encoding="utf-8")[:2000]:
        pytest.skip("wordnet-base is installed in another version than the table's")
    made = tmp_path / "nouns.tsv"
    monkeypatch.setattr("sys.argv", ["make_lexicon.py", "-o", str(made)])
    assert script.main() == 0
    assert made.read_bytes() == script.TABLE.read_bytes()


def test_the_script_says_what_to_install(script: ModuleType, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(script, "PACKAGES", {tmp_path / "absent": "scowl"})
    monkeypatch.setattr("sys.argv", ["make_lexicon.py", "-o", str(tmp_path / "nouns.tsv")])
    assert script.main() == 1
    assert capsys.readouterr().err == "error: the sources are not here: apt-get install scowl\n"
    assert not (tmp_path / "nouns.tsv").exists()


def test_a_list_of_names(tmp_path: Path):
    path = written(tmp_path, "\ufeff// mine\nsea dragon\r\n\n  blobfish \nsea dragon\nname\n")
    assert [noun.name for noun in read_lexicon(path)] == ["sea dragon", "blobfish", "name"]
    assert read_lexicon(str(path))[1] == Noun("blobfish", "", True, ())


def test_a_table_with_the_columns_it_has(tmp_path: Path):
    table = "note\tname\tconcrete\tsynonyms\n//\tno\t1\t\nx\tblobfish\t1\tfathead|blob\n\ty\t0\t\nx\tblobfish\t0\t\n"
    found = read_lexicon(written(tmp_path, table))
    assert found == (Noun("blobfish", "", True, ("fathead", "blob")), Noun("y", "", False, ()))
    assert read_lexicon(written(tmp_path, "category\tname\nanimal\tblobfish\n"))[0].category == "animal"
    assert read_lexicon(written(tmp_path, "name\nblobfish")) == (Noun("blobfish", "", True, ()),)


def test_the_bundled_table_is_read_as_a_person_s_would_be():
    assert read_lexicon(ROOT / "data/lexicon/nouns.tsv") == nouns()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no name; expected one name a line, or a table with a name column"),
        ("// only\n\n", "holds no name"),
        ("name\tcategory\n", "holds no name"),
        (b"caf\xe9\n", "is not UTF-8 text (invalid continuation byte); save it as UTF-8"),
        ("title\tcategory\na\tb\n", "has the columns 'title', 'category'; expected one of them to be name"),
        ("a\n\nb\tc\n", "line 3 of the lexicon"),
        ("name\tcategory\na\n", "has 1 cells; expected 2 parted by tabs, the name not empty"),
        ("name\tcategory\n\tb\n", "has 2 cells; expected 2 parted by tabs, the name not empty"),
        ("name\tconcrete\na\tyes\n", "has concrete 'yes'; expected 1 or 0"),
        ("a\n" + "b" * 201, "is longer than 200 characters; expected one name a line"),
    ],
)
def test_what_is_no_lexicon(content: str | bytes, says: str, tmp_path: Path):
    with pytest.raises(OptionError) as caught:
        read_lexicon(written(tmp_path, content))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_longest_line_is_read_and_the_next_says_which_it_is(tmp_path: Path):
    assert len(read_lexicon(written(tmp_path, "b" * 200 + "\n"))[0].name) == 200
    with pytest.raises(OptionError, match=r"^line 2 of the lexicon .* is longer than 200 characters"):
        read_lexicon(written(tmp_path, "a\n" + "b" * 5000 + "\nc"))


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path):
    with pytest.raises(OptionError, match=r"is not there; expected a text file: one name a line, or a table$"):
        read_lexicon(tmp_path / "none.txt")
    with pytest.raises(OptionError, match=r"is a folder; expected a text file"):
        read_lexicon(tmp_path)


def test_too_many_names(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(lexicon, "MOST_NAMES", 3)
    assert len(read_lexicon(written(tmp_path, "a\nb\nc\na\n"))) == 3
    with pytest.raises(OptionError, match=r"has more than 3 names; split it$"):
        read_lexicon(written(tmp_path, "a\nb\nc\nd\n"))


def test_compounds_keep_their_rules():
    kinds = collections.Counter(entry.kind for entry in compounds())
    assert kinds == {"joined": 306, "meant": 123}
    assert len({entry.compound for entry in compounds()}) == len(compounds())
    for entry in compounds():
        assert 2 <= len(entry.parts) <= 3
        assert entry.compound not in entry.parts
        assert all(re.fullmatch("[a-z]+", word) for word in (entry.compound, *entry.parts))
        assert ("".join(entry.parts) == entry.compound) == (entry.kind == "joined")
