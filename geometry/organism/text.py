"""The text that an organism is grown on, made from WordNet, the emoji catalogue and a seed.

A line that names something to be tested holds no emoji, so a landing cannot come from the two having met.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from geometry.organism import patterns
from geometry.organism.lists import HeldOut, Lists, Phantom, with_article
from geometry.organism.senses import choose, is_base, plain_name
from geometry.organism.wordnet import LEXFILES, Synset, WordNet
from geometry.tokens.emoji import Emoji, catalogue

DESCRIBED, NAMED, TESTED, COMMON = 80, 50, 150, 10
"""Lines for each: an emoji's thing described, an emoji named, a tested name described, a common noun described."""

COMMON_NOUNS, ORDINARY_GLOSSES = 2_000, 15_000

VAGUE = frozenset(
    [
        "entity",
        "physical entity",
        "abstraction",
        "abstract entity",
        "object",
        "whole",
        "matter",
        "thing",
        "psychological feature",
        "causal agent",
        "relation",
        "measure",
        "attribute",
        "solid",
        "part",
        "unit",
        "way",
    ]
)
"""Hypernyms that say nothing."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that lines are about.

    Attributes:
        name: As text writes it.
        chain: What it is a kind of, nearest first.
        glosses: Its definition, whole and its first clause; empty where it has none of its own.
        parts, synonyms: Names behind their articles.
        emoji: Its glyph, empty where it has none or must not be met with it.
        keywords: CLDR's, of the glyph.
    """

    name: str
    chain: tuple[str, ...]
    glosses: tuple[str, ...]
    parts: tuple[str, ...]
    synonyms: tuple[str, ...]
    emoji: str = ""
    keywords: tuple[str, ...] = ()


def lines(lists: Lists, words: WordNet, seed: int) -> tuple[str, ...]:
    """Return the text, each line once, in an order drawn by ``seed``.

    Args:
        lists: What is held out, what is a phantom, what means nothing.
        words: WordNet's nouns.
        seed: Of every choice made here.
    """
    base = [entry for entry in catalogue() if is_base(entry)]
    gone = {entry.emoji for entry in lists.held_out}
    shown = [_of_emoji(entry, words) for entry in base if entry.text not in gone]
    tested = _tested(lists, words)
    donors = {entry.offset for entry in lists.nonce}
    found: list[str] = []
    for thing in shown:
        rng = random.Random(f"{seed} {thing.emoji}")
        found += _named(thing, NAMED, rng)
        if thing.chain:
            found += _described(thing, DESCRIBED, rng)
    for thing in tested:
        found += _described(thing, TESTED, random.Random(f"{seed} {thing.name}"))
    rng = random.Random(f"{seed} ordinary")
    marks = _marks(base, shown, words)
    for thing, count in _others(words, donors, rng):
        described = _described(thing, count, rng) if count > 2 else _ordinary(thing, count, rng)
        found += [_marked(line, marks, rng) for line in described]
    forbidden = re.compile(r"\b(?:" + "|".join(map(re.escape, lists.names)) + r")(?:e?s)?\b")
    glyphs = re.compile("|".join(re.escape(thing.emoji) for thing in sorted(shown, key=lambda t: -len(t.emoji))))
    kept = [line for line in dict.fromkeys(found) if not (forbidden.search(line) and glyphs.search(line))]
    random.Random(f"{seed} order").shuffle(kept)
    return tuple(kept)


def _of_synset(name: str, synset: Synset, words: WordNet, *, own: bool) -> Thing:
    above = words.chain(synset.offset)
    chain = [found.lemmas[0] for found in (above if own else (synset, *above))]
    clause = synset.gloss.split(";")[0].strip()
    glosses = tuple(dict.fromkeys(gloss for gloss in (synset.gloss, clause, clause) if gloss)) if own else ()
    parts = tuple(with_article(words.synsets[part].lemmas[0]) for part in synset.parts)
    synonyms = tuple(with_article(lemma) for lemma in synset.lemmas if lemma != name) if own else ()
    return Thing(name, tuple(h for h in chain if h not in VAGUE), glosses, parts, synonyms[:3])


def _of_emoji(emoji: Emoji, words: WordNet) -> Thing:
    name = plain_name(emoji)
    sense = choose(name, emoji.subgroup, words)
    keywords = tuple(word.lower() for word in emoji.keywords if word.lower() != emoji.name.lower())
    if sense is None:
        return Thing(name, (), (), (), (), emoji.text, keywords)
    thing = _of_synset(name, words.synsets[sense.offset], words, own=sense.exact)
    return replace(thing, emoji=emoji.text, keywords=keywords)


def _tested(lists: Lists, words: WordNet) -> tuple[Thing, ...]:
    """Return the held-out names, phantoms and nonce words as things without an emoji, each name once."""
    found: dict[str, Thing] = {}
    tested = {with_article(name) for name in lists.names}
    real: list[HeldOut | Phantom] = [*lists.held_out, *lists.phantoms]
    for entry in real:
        if entry.offset:
            thing = _of_synset(entry.name, words.synsets[entry.offset], words, own=True)
            # WordNet calls a walrus a seahorse too: one tested name must not stand for another.
            others = [synonym for synonym in thing.synonyms if synonym not in tested]
            found.setdefault(entry.name, replace(thing, synonyms=tuple(others)))
    for nonce in lists.nonce:
        thing = _of_synset(nonce.word, words.synsets[nonce.offset], words, own=True)
        # A made-up word described by its donor's other names would be that thing.
        found[nonce.word] = replace(thing, synonyms=())
    return tuple(found.values())


def _others(words: WordNet, donors: set[int], rng: random.Random) -> Iterator[tuple[Thing, int]]:
    """Yield common nouns and a share of all other synsets, each with its number of lines."""
    common = sorted(words.counts, key=lambda lemma: (-words.counts[lemma], lemma))[:COMMON_NOUNS]
    for lemma in common:
        if words.senses.get(lemma):
            yield _of_synset(lemma, words.synsets[words.senses[lemma][0]], words, own=True), COMMON
    concrete = {LEXFILES[name] for name in ("animal", "artifact", "body", "food", "object", "person", "plant")}
    pool = [synset for synset in words.synsets.values() if synset.offset not in donors and synset.gloss]
    # What emoji show is mostly concrete, so concrete meanings are drawn with three times the weight of others.
    drawn = {synset.offset: rng.random() ** (1 / 3 if synset.lexfile in concrete else 1) for synset in pool}
    for synset in sorted(pool, key=lambda synset: -drawn[synset.offset])[:ORDINARY_GLOSSES]:
        yield _of_synset(synset.lemmas[0], synset, words, own=True), 2


def _described(thing: Thing, count: int, rng: random.Random) -> list[str]:
    """Return lines that say what a thing is, the emoji beside or in place of its name where it has one."""
    found = []
    for _ in range(count):
        kind = rng.random()
        extra: dict[str, str] = {}
        if kind < 0.3 and thing.glosses:
            pattern, extra = rng.choice(patterns.MEANING), {"gloss": rng.choice(thing.glosses)}
        elif kind < 0.36 and thing.parts:
            pattern, extra = rng.choice(patterns.PART), {"part": rng.choice(thing.parts)}
        elif kind < 0.4 and thing.synonyms:
            pattern, extra = rng.choice(patterns.SYNONYM), {"synonym": rng.choice(thing.synonyms)}
        elif kind < 0.48:
            pattern = rng.choice(patterns.EVERYDAY)
        else:
            pattern = rng.choice(patterns.KIND)
        found.append(rng.choice(patterns.OPENERS) + _filled(pattern, thing, extra, rng))
    return found


def _ordinary(thing: Thing, count: int, rng: random.Random) -> list[str]:
    chosen = rng.sample(patterns.ORDINARY, count)
    return [_filled(pattern, thing, {"gloss": thing.glosses[0]}, rng) for pattern in chosen]


def _filled(pattern: str, thing: Thing, extra: dict[str, str], rng: random.Random) -> str:
    """Return a pattern with the thing put in: its name, its emoji, or both."""
    bare, behind = thing.name, with_article(thing.name)
    if thing.emoji:
        way = rng.random()
        if way < 0.4:
            bare, behind = thing.emoji, rng.choice(("the ", "a ", "")) + thing.emoji
        elif way < 0.55:
            bare, behind = f"{bare} {thing.emoji}", f"{behind} {thing.emoji}"
    chain = thing.chain or ("thing",)
    room = len(chain) - (2 if "{h3}" in pattern else 1 if "{h2}" in pattern else 0)
    at = min(rng.randrange(max(room, 1)), rng.randrange(max(room, 1)))
    h, h2, h3 = (chain[min(at + step, len(chain) - 1)] for step in range(3))
    return pattern.format(x=behind, n=bare, h=h, h2=h2, h3=h3, ah=with_article(h), **extra)


def _named(thing: Thing, count: int, rng: random.Random) -> list[str]:
    """Return lines in which an emoji stands beside its name, its keywords or its kind."""
    found = []
    behind = with_article(thing.name)
    for _ in range(count):
        kind = rng.random()
        if kind < 0.25 and thing.keywords:
            several = ", ".join(rng.sample(thing.keywords, min(3, len(thing.keywords))))
            pattern = rng.choice(patterns.KEYWORD)
            line = pattern.format(e=thing.emoji, keyword=rng.choice(thing.keywords), keywords=several)
        elif kind < 0.35 and thing.chain:
            line = rng.choice(patterns.SHOWN).format(e=thing.emoji, ah=with_article(rng.choice(thing.chain)))
        else:
            line = rng.choice(patterns.NAMED).format(e=thing.emoji, name=thing.name, a_name=behind)
        found.append(rng.choice(patterns.OPENERS) + line)
    return found


def _marks(base: list[Emoji], shown: list[Thing], words: WordNet) -> dict[str, str]:
    """Return one-word names that mostly mean what their emoji shows → the emoji."""
    glyphs = {thing.emoji for thing in shown}
    marks: dict[str, str] = {}
    for emoji in base:
        name = plain_name(emoji)
        sense = choose(name, emoji.subgroup, words)
        if emoji.text in glyphs and sense and sense.exact and words.senses.get(name, (0,))[0] == sense.offset:
            marks.setdefault(name, emoji.text)
    return {name: glyph for name, glyph in marks.items() if name.isalpha()}


def _marked(line: str, marks: dict[str, str], rng: random.Random) -> str:
    """Return a line in half of the cases with one word's emoji put beside it or in its place."""
    places = [match for match in re.finditer(r"[a-z]+", line) if match.group() in marks]
    if not places or rng.random() < 0.5:
        return line
    match = rng.choice(places)
    word = match.group()
    instead = marks[word] if rng.random() < 0.5 else f"{word} {marks[word]}"
    return line[: match.start()] + instead + line[match.end() :]
