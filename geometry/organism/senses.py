"""Which of WordNet's meanings an emoji's name has.

The commonest meaning misleads (the eagle of golf, the cow of insult), so the emoji's Unicode subgroup chooses
among the lexicographer files, and a few names whose file holds several are numbered by hand.
"""

from dataclasses import dataclass

from geometry.organism.wordnet import LEXFILES, WordNet
from geometry.tokens.emoji import Emoji

_SKIN_TONES = range(0x1F3FB, 0x1F400)

FILES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("face-costume", ("person", "artifact")),
    ("emotion", ("object",)),
    ("heart", ("communication",)),
    ("body-parts", ("body",)),
    ("family", ("group",)),
    ("person", ("person",)),
    ("animal", ("animal", "person")),
    ("plant", ("plant", "artifact")),
    ("drink", ("food", "artifact")),
    ("food", ("food", "plant")),
    ("dishware", ("artifact",)),
    ("place-map", ("artifact",)),
    ("place-geographic", ("object", "location")),
    ("place", ("artifact", "object", "time")),
    ("transport-sign", ("artifact",)),
    ("transport", ("artifact",)),
    ("hotel", ("artifact",)),
    ("time", ("artifact",)),
    ("sky & weather", ("object", "phenomenon", "artifact", "time")),
    ("event", ("artifact", "plant", "communication")),
    ("award-medal", ("artifact",)),
    ("sport", ("artifact", "act")),
    ("game", ("artifact", "communication", "act")),
    ("arts & crafts", ("artifact",)),
    ("music", ("artifact", "communication")),
    ("book-paper", ("communication", "artifact", "possession")),
    ("money", ("possession", "artifact", "communication")),
    ("mail", ("artifact", "communication")),
    ("office", ("artifact", "communication")),
    ("science", ("artifact", "substance")),
    ("medical", ("artifact", "body")),
    ("household", ("artifact", "animal")),
    ("clothing", ("artifact",)),
    ("sound", ("artifact",)),
    ("phone", ("artifact",)),
    ("computer", ("artifact",)),
    ("light & video", ("artifact",)),
    ("writing", ("artifact", "communication")),
    ("lock", ("artifact",)),
    ("tool", ("artifact",)),
    ("other-object", ("artifact", "communication")),
    ("religion", ("artifact", "communication")),
    ("zodiac", ("location", "object")),
    ("flag", ("artifact",)),
)
"""Beginning of a Unicode subgroup → lexicographer files of what its emoji show, best first."""

SENSE_NUMBERS = {
    "alien": 3,
    "black cat": 0,
    "clown": 2,
    "dolphin": 2,
    "dragon": 1,
    "fire": 1,
    "ghost": 3,
    "hammer": 2,
    "headstone": 2,
    "hedgehog": 2,
    "ice": 1,
    "jack-o-lantern": 0,
    "ogre": 2,
    "peacock": 2,
    "pick": 7,
    "plant": 2,
    "seahorse": 2,
    "wood": 1,
}
"""Names whose meaning the files do not settle → WordNet sense number, from 1; 0 for none."""

_NO_HEADS = ("person", "family", "heart", "emotion", "religion", "transport-sign")
# Their names are phrases ("person raising hand") whose last word says nothing of what is shown.

_PARTS = (" with ", " of ", " in ", " on ", " without ", " behind ")


@dataclass(frozen=True, slots=True)
class Sense:
    """A meaning chosen for a name.

    Attributes:
        lemma: The WordNet lemma that was looked up.
        offset: The synset's offset.
        exact: The lemma is the whole name; otherwise its head noun, and the thing is one of its kinds.
    """

    lemma: str
    offset: int
    exact: bool


def is_base(emoji: Emoji) -> bool:
    """Say whether the organisms give this emoji a token.

    Fully qualified, without skin tone, without gender sign, no family or profession spelt with a man or a
    woman, and no flag of a country or a region.
    """
    text = emoji.text
    if emoji.status != "fully-qualified" or emoji.subgroup in ("country-flag", "subdivision-flag"):
        return False
    if any(ord(char) in _SKIN_TONES for char in text):
        return False
    return not ("\u200d" in text and any(char in "♀♂👨👩" for char in text))


def plain_name(emoji: Emoji) -> str:
    """Return the name as text writes it: lower case, without a closing ``face`` or ``button``.

    >>> from geometry.tokens.emoji import lookup
    >>> plain_name(lookup("🐱")), plain_name(lookup("😀"))
    ('cat', 'grinning face')
    """
    name = emoji.name.lower().replace("’", "'").replace("“", "").replace("”", "")
    if emoji.group == "Animals & Nature" or emoji.subgroup == "face-costume":
        name = name.removesuffix(" face")
    return name


def choose(name: str, subgroup: str, words: WordNet) -> Sense | None:
    """Return the meaning of ``name`` that suits a Unicode subgroup, or None.

    Args:
        name: As `plain_name` gives it.
        subgroup: Such as ``animal-bird``.
        words: WordNet's nouns.
    """
    files = next((files for start, files in FILES if subgroup.startswith(start)), ())
    exact = _pick(name, files, words)
    if exact is not None:
        return Sense(name, exact, exact=True)
    if subgroup.startswith(_NO_HEADS):
        return None
    head = name
    for part in _PARTS:
        head = head.split(part)[0]
    for lemma in (head, head.split()[-1].split("-")[-1]):
        found = _pick(lemma, files, words)
        if found is not None:
            return Sense(lemma, found, exact=False)
    return None


def _pick(lemma: str, files: tuple[str, ...], words: WordNet) -> int | None:
    candidates = words.senses.get(lemma, ())
    if not candidates and lemma.endswith("s"):
        candidates = words.senses.get(lemma[:-1], ())
    if lemma in SENSE_NUMBERS:
        number = SENSE_NUMBERS[lemma]
        return candidates[number - 1] if number else None
    for file in files:
        for offset in candidates:
            if words.synsets[offset].lexfile == LEXFILES[file]:
                return offset
    return None
