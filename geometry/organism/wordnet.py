"""WordNet 3.0's nouns, read from the files of Debian's ``wordnet-base``.

File format: wndb(5WN). Only nouns are read, and of a noun's record only what the organisms' text needs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geometry.errors import GeometryError

FOLDER = Path("/usr/share/wordnet")

LEXFILES = {
    "act": 4,
    "animal": 5,
    "artifact": 6,
    "attribute": 7,
    "body": 8,
    "cognition": 9,
    "communication": 10,
    "event": 11,
    "feeling": 12,
    "food": 13,
    "group": 14,
    "location": 15,
    "object": 17,
    "person": 18,
    "phenomenon": 19,
    "plant": 20,
    "possession": 21,
    "process": 22,
    "quantity": 23,
    "shape": 25,
    "state": 26,
    "substance": 27,
    "time": 28,
}
"""WordNet's lexicographer files of nouns, by name without its ``noun.`` (lexnames(5WN))."""


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning.

    Attributes:
        offset: Its byte offset in ``data.noun``, which names it.
        lexfile: Number of its lexicographer file, see `LEXFILES`.
        lemmas: Its names, lower case, words parted by spaces.
        hypernyms: Offsets of what it is a kind (or an instance) of.
        hyponyms: Offsets of its kinds (or instances).
        parts: Offsets of its parts.
        gloss: Its definition, lower case, without examples and without what stands in parentheses.
    """

    offset: int
    lexfile: int
    lemmas: tuple[str, ...]
    hypernyms: tuple[int, ...]
    hyponyms: tuple[int, ...]
    parts: tuple[int, ...]
    gloss: str


@dataclass(frozen=True)
class WordNet:
    """The nouns of WordNet 3.0.

    Attributes:
        synsets: Offset → synset, in the file's order.
        senses: Lemma (lower case, spaces) → offsets, commonest sense first.
        counts: Lemma → how often its senses are tagged in the concordance; absent where never.
    """

    synsets: Mapping[int, Synset]
    senses: Mapping[str, tuple[int, ...]]
    counts: Mapping[str, int]

    def chain(self, offset: int) -> tuple[Synset, ...]:
        """Return what ``offset`` is a kind of, nearest first, along first hypernyms up to ``entity``."""
        found: list[Synset] = []
        above = self.synsets[offset].hypernyms
        while above:
            found.append(self.synsets[above[0]])
            above = found[-1].hypernyms
        return tuple(found)

    def below(self, offset: int) -> tuple[int, ...]:
        """Return the offsets of everything that is a kind of ``offset``, itself left out, ascending."""
        found: set[int] = set()
        waiting = list(self.synsets[offset].hyponyms)
        while waiting:
            here = waiting.pop()
            if here not in found:
                found.add(here)
                waiting.extend(self.synsets[here].hyponyms)
        return tuple(sorted(found))


def definition(gloss: str) -> str:
    """Return the definition within a WordNet gloss: no examples, no parentheses, lower case.

    >>> definition('either of two (large) marine mammals; "a walrus slept"')
    'either of two marine mammals'
    """
    text = gloss.split('"')[0]
    text = re.sub(r"\([^()]*\)", " ", text).lower()
    return re.sub(r"\s+", " ", text).strip(" ;:,-`'")


def read(folder: Path = FOLDER) -> WordNet:
    """Read the nouns.

    Args:
        folder: Where ``data.noun``, ``index.noun`` and ``cntlist.rev`` lie.

    Raises:
        GeometryError: The files are absent.
    """
    for name in ("data.noun", "index.noun", "cntlist.rev"):
        if not (folder / name).is_file():
            raise GeometryError(
                f"no WordNet at {folder}: expected {name} of Debian's wordnet-base; "
                "install it with: apt-get install wordnet-base"
            )
    synsets = {}
    for line in _records(folder / "data.noun"):
        synset = _synset(line)
        synsets[synset.offset] = synset
    senses = {}
    for line in _records(folder / "index.noun"):
        fields = line.split()
        senses[fields[0].replace("_", " ")] = tuple(int(offset) for offset in fields[-int(fields[2]) :])
    return WordNet(synsets, senses, _counts(folder / "cntlist.rev"))


def _records(path: Path) -> list[str]:
    # The licence at the head of each file is indented by two spaces; records are not.
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("  ")]


def _synset(line: str) -> Synset:
    record, _, gloss = line.partition(" | ")
    fields = record.split(" ")
    words = int(fields[3], 16)
    lemmas = tuple(word.replace("_", " ").lower() for word in fields[4 : 4 + 2 * words : 2])
    at = 5 + 2 * words
    pointers = [(fields[i], int(fields[i + 1])) for i in range(at, at + 4 * int(fields[at - 1]), 4)]

    return Synset(
        offset=int(fields[0]),
        lexfile=int(fields[1]),
        lemmas=lemmas,
        hypernyms=_targets(pointers, ("@", "@i")),
        hyponyms=_targets(pointers, ("~", "~i")),
        parts=_targets(pointers, ("%p",)),
        gloss=definition(gloss),
    )


def _targets(pointers: Sequence[tuple[str, int]], symbols: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(offset for symbol, offset in pointers if symbol in symbols)


def _counts(path: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, tagged = line.split(" ")
        lemma, _, rest = key.partition("%")
        if rest.startswith("1:"):  # a sense key's first number is the part of speech, 1 for nouns
            name = lemma.replace("_", " ")
            counts[name] = counts.get(name, 0) + int(tagged)
    return counts
