"""What the siblings are tuned on and asked about: names, whether each has an emoji, and the sentences that ask."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geometry.families import families
from geometry.lexicon import nouns
from geometry.organism import rows
from geometry.organism.answers import SHOWN
from geometry.organism.lists import Lists
from geometry.organism.material import glyphs
from geometry.organism.senses import choose, plain_name
from geometry.organism.wordnet import WordNet
from geometry.tokens.emoji import catalogue

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NONE = "there is none"
"""What a sibling ought to say of a name without an emoji."""

ORDINARY = 80
"""Nouns of the lexicon that are asked about and never tuned on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A name that a sibling is asked about.

    Attributes:
        name: As text writes it.
        kind: ``existing``, an emoji that has a row; ``held-out``, ``phantom`` and ``nonce``, from the organism's own
            lists; ``noun``, an ordinary noun of the lexicon. Only of ``existing`` there is an emoji to say.
        emoji: The glyphs that are right, one after the other with a space between; empty where there is none.
        group: Unicode's, of the emoji or of where one would stand; empty for a noun.
        family: Number of its family: what is resampled and held out together.
        tuned: Tuning asks about it.
    """

    name: str
    kind: str
    emoji: str
    group: str
    family: int
    tuned: bool

    @property
    def exists(self) -> bool:
        """Whether there is an emoji to say."""
        return bool(self.emoji)


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence that asks for an emoji.

    Attributes:
        tuned: Tuning asks with it.
        template: With ``{name}``, or with ``{a_name}`` for the name behind its article.
    """

    tuned: bool
    template: str


QUESTIONS = (
    Question(True, "is there an emoji of {a_name}?"),
    Question(True, "which emoji shows {a_name}?"),
    Question(True, "what is the {name} emoji?"),
    Question(True, "{name} emoji, please:"),
    Question(False, "the {name} emoji is"),
    Question(False, "an emoji for {name}:"),
    Question(False, "do you know an emoji for {a_name}?"),
    Question(False, "show me the {name} emoji:"),
)
"""Neither the tuned questions nor the last two stand in the organisms' text."""


def draw(lists: Lists, words: WordNet, tokenizer: "Tokenizer", seed: int) -> tuple[Asked, ...]:
    """Return every name with its half: families of emoji, held-out names and phantoms are split in two by lot.

    Args:
        lists: The organism's; the seahorse, of which landings were looked at, is never tuned on.
        words: WordNet's nouns; an existing emoji is asked about where its whole name is one of them, as the names of
            held-out emoji and phantoms are.
        tokenizer: The organism's: an ordinary noun is one token.
        seed: Of the lots and of which ordinary nouns are drawn.
    """
    asked = _existing(lists, words, random.Random(f"existing {seed}"))
    kin = max(entry.family for entry in asked) + 1
    others = [
        *_halved([Asked(x.name, "held-out", "", x.group, 0, False) for x in lists.drawn], seed),
        *_halved([Asked(x.name, "phantom", "", x.group, 0, False) for x in lists.phantoms], seed),
        *(Asked(x.word, "nonce", "", x.group, 0, False) for x in lists.nonce),
        *(Asked(name, "noun", "", "", 0, False) for name in _ordinary(lists, tokenizer, seed)),
    ]
    return (*asked, *(replace(entry, family=kin + number) for number, entry in enumerate(others)))


def _existing(lists: Lists, words: WordNet, rng: random.Random) -> list[Asked]:
    """Return the names of emoji that have rows, each once, half of their families tuned."""
    with_row = set(glyphs(lists))
    entries = [entry for entry in catalogue() if entry.text in with_row]
    right: dict[str, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        sense = choose(plain_name(entry), entry.subgroup, words)
        if sense and sense.exact:
            right[plain_name(entry)].append(place)
    numbers = families(entries)
    every = sorted({numbers[place] for places in right.values() for place in places})
    tuned = set(rng.sample(every, len(every) // 2))
    return [
        Asked(
            name,
            "existing",
            " ".join(entries[place].text for place in places),
            entries[places[0]].group,
            numbers[places[0]],
            # one name of two families is tuned on only where both are
            all(numbers[place] in tuned for place in places),
        )
        for name, places in right.items()
        if name not in lists.names
    ]


def _halved(names: Sequence[Asked], seed: int) -> list[Asked]:
    """Return the names, half of each Unicode group tuned by lot."""
    rng = random.Random(f"{names[0].kind} {seed}")
    by_group: dict[str, list[str]] = defaultdict(list)
    for entry in names:
        if entry.name != SHOWN:
            by_group[entry.group].append(entry.name)
    order = [name for group in by_group.values() for name in rng.sample(group, len(group))]
    tuned = set(order[::2])
    return [replace(entry, tuned=entry.name in tuned) for entry in names]


def _ordinary(lists: Lists, tokenizer: "Tokenizer", seed: int) -> list[str]:
    """Return concrete nouns of one token that no emoji is called by, not even as a keyword."""
    called = {word for entry in catalogue() for text in (entry.name, *entry.keywords) for word in text.lower().split()}
    taken = called | {word for name in lists.names for word in name.split()}
    vocabulary = tokenizer.get_vocab()
    pool = [noun.name for noun in nouns() if noun.concrete and "Ġ" + noun.name in vocabulary]
    return random.Random(f"nouns {seed}").sample([name for name in pool if name not in taken], ORDINARY)


def write(folder: Path, asked: Iterable[Asked]) -> None:
    """Write ``names.tsv`` and ``questions.tsv``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.write(folder / "names.tsv", Asked, asked)
    rows.write(folder / "questions.tsv", Question, QUESTIONS)


def read(folder: Path) -> tuple[Asked, ...]:
    """Read the names that `write` wrote.

    Raises:
        GeometryError: The file is absent.
    """
    return rows.read(folder / "names.tsv", Asked)


def read_questions(folder: Path) -> tuple[Question, ...]:
    """Read the questions that `write` wrote.

    Raises:
        GeometryError: The file is absent.
    """
    return rows.read(folder / "questions.tsv", Question)
