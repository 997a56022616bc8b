"""What an organism is tested on, fixed before it grows: held-out emoji, phantoms, nonce words, prompts."""

from dataclasses import dataclass
from pathlib import Path

from geometry.organism import rows


@dataclass(frozen=True, slots=True)
class HeldOut:
    """An emoji that exists and that the organism never meets; it has no row.

    Attributes:
        emoji: The glyph, fully qualified.
        name: As text writes it.
        group, subgroup: Unicode's.
        drawn: It was drawn; otherwise it is kin of one that was, and is held out with it.
        lemma: What WordNet calls it; empty where it has no synset of its own.
        offset: The synset, 0 where there is none.
        gloss: The synset's definition.
    """

    emoji: str
    name: str
    group: str
    subgroup: str
    drawn: bool
    lemma: str
    offset: int
    gloss: str


@dataclass(frozen=True, slots=True)
class Phantom:
    """A thing with a name and no emoji.

    Attributes:
        name: As text writes it.
        tokens: ``one`` (a token of its own) or ``several``.
        group, subgroup: Where Unicode would put it, judged by hand before anything was grown.
        offset: Its synset.
        gloss: The synset's definition.
    """

    name: str
    tokens: str
    group: str
    subgroup: str
    offset: int
    gloss: str


@dataclass(frozen=True, slots=True)
class Nonce:
    """A word that means nothing, given a category by lot and described as a real thing of that category is.

    Attributes:
        word: Letters that are no noun of WordNet.
        group, subgroup: Unicode's, of the category.
        category: WordNet's lemma for it.
        offset: The synset whose gloss and hypernyms describe the word, under no other name in the text.
        gloss: That synset's definition.
    """

    word: str
    group: str
    subgroup: str
    category: str
    offset: int
    gloss: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence to be ended with an emoji.

    Attributes:
        known: The text holds this template (of other names); otherwise it never does.
        template: With ``{name}``, or with ``{a_name}`` for the name behind its article.
    """

    known: bool
    template: str


@dataclass(frozen=True)
class Lists:
    """All that is fixed beforehand."""

    held_out: tuple[HeldOut, ...]
    phantoms: tuple[Phantom, ...]
    nonce: tuple[Nonce, ...]
    prompts: tuple[Prompt, ...]

    @property
    def drawn(self) -> tuple[HeldOut, ...]:
        """The held-out emoji that claims rest on: one of each family."""
        return tuple(entry for entry in self.held_out if entry.drawn)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that no line may hold together with an emoji, each once."""
        every = [entry.name for entry in self.held_out]
        every += [entry.name for entry in self.phantoms] + [entry.word for entry in self.nonce]
        return tuple(dict.fromkeys(every))

    @property
    def single_words(self) -> tuple[str, ...]:
        """Those of `names` that the tokenizer holds as one token."""
        several = {entry.name for entry in self.phantoms if entry.tokens == "several"}
        return tuple(name for name in self.names if name.isalpha() and name not in several)


def with_article(name: str) -> str:
    """Return a name behind ``a``, ``an`` or nothing, judged by its letters alone.

    >>> with_article("octopus"), with_article("sea urchin"), with_article("glasses")
    ('an octopus', 'a sea urchin', 'glasses')
    """
    if name.endswith("s") and not name.endswith(("ss", "us", "is")):
        return name
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"


def fill(template: str, name: str) -> str:
    """Return a template with a name put in."""
    return template.replace("{name}", name).replace("{a_name}", with_article(name))


_FILES: dict[str, type[HeldOut] | type[Phantom] | type[Nonce] | type[Prompt]] = {
    "held_out": HeldOut,
    "phantoms": Phantom,
    "nonce": Nonce,
    "prompts": Prompt,
}


def write(lists: Lists, folder: Path) -> None:
    """Write the lists as four tab-separated files with a header line each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in _FILES.items():
        rows.write(folder / f"{name}.tsv", kind, getattr(lists, name))


def read(folder: Path) -> Lists:
    """Read what `write` wrote.

    Raises:
        GeometryError: A file is absent.
    """
    return Lists(
        held_out=rows.read(folder / "held_out.tsv", HeldOut),
        phantoms=rows.read(folder / "phantoms.tsv", Phantom),
        nonce=rows.read(folder / "nonce.tsv", Nonce),
        prompts=rows.read(folder / "prompts.tsv", Prompt),
    )
