"""Names to ask a head about: the bundled nouns, a person's own list, and compounds with their parts.

Sources, rules, counts and licences: ``data/lexicon/README.md`` and ``data/compounds/README.md``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TextIO

from geometry.bundled import data_folder
from geometry.errors import OptionError

MOST_NAMES = 1_000_000
LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Noun:
    """One name.

    Attributes:
        name: Such as ``seahorse``.
        category: Such as ``animal``: WordNet's lexicographer file in the bundled list; "" where a list has none.
        concrete: Whether it names what can be seen or touched.
        synonyms: Other names of the same thing.
    """

    name: str
    category: str
    concrete: bool
    synonyms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compound:
    """One word and the words it is made of.

    Attributes:
        compound: Such as ``rainbow``.
        parts: Such as ``("rain", "bow")``, two or three.
        kind: ``joined`` where the parts written together are the word, ``meant`` where only the meaning is theirs.
    """

    compound: str
    parts: tuple[str, ...]
    kind: str


@cache
def nouns() -> tuple[Noun, ...]:
    """Return the bundled nouns, the most familiar first.

    >>> next(noun for noun in nouns() if noun.name == "seahorse")
    Noun(name='seahorse', category='animal', concrete=True, synonyms=('sea horse',))
    """
    return read_lexicon(data_folder() / "lexicon" / "nouns.tsv")


@cache
def compounds() -> tuple[Compound, ...]:
    """Return the bundled compounds, the joined ones first.

    >>> compounds()[0]
    Compound(compound='rainbow', parts=('rain', 'bow'), kind='joined')
    """
    table = (data_folder() / "compounds" / "compounds.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return tuple(Compound(compound, tuple(parts.split(" + ")), kind) for compound, parts, kind in rows)


def read_lexicon(path: str | Path) -> tuple[Noun, ...]:
    """Return the names that a file lists, in its order; of names that are equal but for case the first.

    The file is UTF-8 text: either one name a line, or a table whose columns are parted by tabs and whose first line
    names them: ``name`` and, where wanted, ``category``, ``concrete`` (1 or 0) and ``synonyms`` (parted by ``|``);
    other columns are passed over. Empty lines and lines that start with ``//`` are passed over too.

    Args:
        path: The file.

    Raises:
        OptionError: There is no such file, it is no such text, it holds no name, more than `MOST_NAMES` names or a
            line longer than `LONGEST_LINE` characters.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise OptionError(f"the lexicon {path} {what}; expected a text file: one name a line, or a table")
    found: dict[str, Noun] = {}
    try:
        with path.open(encoding="utf-8-sig") as file:
            for noun in _nouns(path, file):
                found.setdefault(noun.name.casefold(), noun)
                if len(found) > MOST_NAMES:
                    raise OptionError(f"the lexicon {path} has more than {MOST_NAMES:,} names; split it")
    except UnicodeDecodeError as error:
        raise OptionError(f"the lexicon {path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise OptionError(f"the lexicon {path} cannot be read: {error.strerror}; expected a text file") from None
    if not found:
        raise OptionError(f"the lexicon {path} holds no name; expected one name a line, or a table with a name column")
    return tuple(found.values())


def _nouns(path: Path, file: TextIO) -> Iterator[Noun]:
    lines = _lines(path, file)
    number, first = next(lines, (0, ""))
    columns = [column.strip() for column in first.split("\t")]
    if "name" in columns:
        for number, line in lines:
            yield _noun(path, number, columns, line)
    elif "name" in (column.strip() for column in first.split(",")):
        raise OptionError(f"the table {path} has its columns parted by commas; expected tabs: save it so")
    elif len(columns) > 1:
        raise OptionError(
            f"the table {path} has the columns {', '.join(map(repr, columns))}; expected one of them to be name"
        )
    else:
        for at, line in chain([(number, first)] if first else [], lines):
            yield _noun(path, at, ["name"], line)


def _lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    # Read with a limit: a file without line ends is refused before it fills the memory.
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 2), ""), start=1):
        text = line.rstrip("\n")
        if len(text) > LONGEST_LINE:
            where = f"line {number} of the lexicon {path}"
            raise OptionError(f"{where} is longer than {LONGEST_LINE} characters; expected one name a line")
        if text.strip() and not text.startswith("//"):
            yield number, text


def _noun(path: Path, number: int, columns: list[str], line: str) -> Noun:
    cells = [cell.strip() for cell in line.split("\t")]
    values = dict(zip(columns, cells, strict=False))
    where = f"line {number} of the lexicon {path}"
    if len(cells) != len(columns) or not values["name"]:
        raise OptionError(f"{where} has {len(cells)} cells; expected {len(columns)} parted by tabs, the name not empty")
    concrete = values.get("concrete", "1")
    if concrete not in ("0", "1"):
        raise OptionError(f"{where} has concrete {concrete!r}; expected 1 or 0")
    synonyms = tuple(other for other in values.get("synonyms", "").split("|") if other)
    return Noun(values["name"], values.get("category", ""), concrete == "1", synonyms)
