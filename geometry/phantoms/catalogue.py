"""Which names have an emoji already, under this or another name of the same thing."""

from functools import cache

from geometry.families import bare_words, head_word
from geometry.lexicon import Noun
from geometry.tokens.emoji import catalogue

_ENDINGS = ("face", "button", "sign", "symbol")


def has_emoji(noun: Noun) -> bool:
    """Say whether Unicode or CLDR gives an emoji this name, or a synonym of it, as its name, its noun or a keyword.

    >>> [has_emoji(Noun(name, "", True, ())) for name in ("horse", "puppy", "seahorse")]
    [True, False, False]
    """
    return any(bare_words(name) in _named() for name in (noun.name, *noun.synonyms))


@cache
def _named() -> frozenset[tuple[str, ...]]:
    """Every name, noun and keyword of the catalogue as words, also without a closing ``face`` and the like."""
    found = set()
    for emoji in catalogue():
        for name in (emoji.name, *emoji.keywords):
            words = bare_words(name)
            found.add(words)
            if len(words) > 1 and words[-1] in _ENDINGS:
                found.add(words[:-1])
        found.add((head_word(emoji.name),))
    # a keyword of signs alone has no words, and neither has a name that no head can spell
    return frozenset(found - {()})
