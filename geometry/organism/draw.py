"""Drawing the lists by seed: which emoji are held out, which nonce word gets which category."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from geometry.errors import GeometryError
from geometry.families import families
from geometry.organism.lists import HeldOut, Lists, Nonce, Phantom, Prompt
from geometry.organism.senses import Sense, choose, is_base, plain_name
from geometry.organism.wordnet import WordNet
from geometry.tokens.emoji import Emoji, catalogue

HELD_OUT = 72
LARGEST_CLOSURE = 3
"""An emoji is drawn only where no more must go with it: 🐈 would take every cat's face along."""

LOOKED_AT = frozenset({"octopus", "violin", "guitar", "strawberry", "canoe", "hammer"})
"""Names whose landings were seen on earlier organisms: no evidence any more."""

PHANTOMS: dict[str, tuple[str, ...]] = {
    "animal-mammal": ("platypus", "hyena", "armadillo", "walrus", "aardvark"),
    "animal-bird": ("ostrich", "pelican", "vulture", "toucan"),
    "animal-marine": ("seahorse", "starfish", "sea urchin", "manta ray"),
    "animal-bug": ("dragonfly", "praying mantis", "centipede"),
    "food-fruit": ("pomegranate", "apricot", "raspberry", "passion fruit"),
    "food-vegetable": ("asparagus", "radish", "celery"),
    "food-prepared": ("omelet",),
    "food-sweet": ("gingerbread",),
    "drink": ("lemonade",),
    "musical-instrument": ("xylophone", "tuba", "clarinet", "harmonica"),
    "tool": ("chisel", "pliers", "power drill"),
    "transport-ground": ("bulldozer",),
    "transport-water": ("submarine", "catamaran"),
    "transport-air": ("airship",),
    "place-building": ("lighthouse", "igloo"),
    "household": ("vacuum cleaner",),
}
"""Unicode subgroup where each would stand → names; of the seahorse earlier landings were seen."""

IN_PIECES = frozenset({"armadillo", "aardvark", "centipede", "gingerbread", "clarinet", "catamaran"})
"""Phantoms of one word that get no token of their own."""

CATEGORIES = {
    "animal-mammal": ("placental", 1),
    "animal-bird": ("bird", 1),
    "animal-bug": ("insect", 1),
    "food-fruit": ("edible fruit", 1),
    "food-vegetable": ("vegetable", 1),
    "musical-instrument": ("musical instrument", 1),
    "clothing": ("garment", 1),
    "tool": ("hand tool", 1),
    "transport-ground": ("wheeled vehicle", 1),
    "place-building": ("building", 1),
}
"""Subgroup → WordNet lemma and sense number of what a nonce word may be said to be; four words each."""

PROMPTS = (
    Prompt(True, "the {name} emoji is"),
    Prompt(True, "{name} emoji:"),
    Prompt(True, "an emoji for {name}:"),
    Prompt(True, "the emoji of {a_name} is"),
    Prompt(False, "is there a {name} emoji? yes, it is"),
    Prompt(False, "please show me the {name} emoji:"),
    Prompt(False, "which emoji is used for {a_name}? this one:"),
    Prompt(False, "when they talk about {a_name}, people use"),
)


def draw(words: WordNet, seed: int) -> Lists:
    """Return the lists for one seed; the phantoms and prompts are the same for every seed."""
    base = [entry for entry in catalogue() if is_base(entry)]
    places = {entry.subgroup: entry.group for entry in base}
    held_out = _held_out(base, words, random.Random(f"held out {seed}"))
    taken = {entry.offset for entry in held_out if entry.offset}
    senses = (choose(plain_name(entry), entry.subgroup, words) for entry in base)
    taken |= {sense.offset for sense in senses if sense}
    phantoms = _phantoms(base, places, words)
    taken |= {entry.offset for entry in phantoms}
    nonce = _nonce(places, words, taken, random.Random(f"nonce {seed}"))
    return Lists(held_out, phantoms, nonce, PROMPTS)


def _held_out(base: Sequence[Emoji], words: WordNet, rng: random.Random) -> tuple[HeldOut, ...]:
    senses = [choose(plain_name(entry), entry.subgroup, words) for entry in base]
    closures = _closures(base, senses)
    crowd = Counter(entry.subgroup for entry in base)
    strata: dict[str, list[int]] = defaultdict(list)
    for i, (entry, sense) in enumerate(zip(base, senses, strict=True)):
        name = plain_name(entry)
        # The name must mean this thing before others: most sentences that say "mate" are not about the drink.
        plain = sense is not None and sense.exact and sense.offset in words.senses.get(name, ())[:2]
        if plain and len(closures[i]) <= LARGEST_CLOSURE and crowd[entry.subgroup] >= 5 and name not in LOOKED_AT:
            strata[entry.group].append(i)
    eligible = sum(map(len, strata.values()))
    drawn: list[int] = []
    gone: set[int] = set()
    for members in strata.values():
        wanted = max(2, round(HELD_OUT * len(members) / eligible))
        from_subgroup: Counter[str] = Counter()
        for i in rng.sample(members, len(members)):
            place = base[i].subgroup
            if wanted and not closures[i] & gone and from_subgroup[place] < max(1, crowd[place] // 4):
                drawn.append(i)
                gone |= closures[i]
                from_subgroup[place] += 1
                wanted -= 1
    return tuple(_entry(base[i], senses[i], words, i in drawn) for i in sorted(gone))


def _closures(base: Sequence[Emoji], senses: Sequence[Sense | None]) -> list[set[int]]:
    """Return, for each emoji, all that must be held out with it: its family, its synset, its keyword."""
    kin: list[set[int]] = [{i} for i in range(len(base))]
    keys: dict[object, set[int]] = defaultdict(set)
    for i, family in enumerate(families(base)):
        keys[family].add(i)
        sense = senses[i]
        if sense:
            keys["synset", sense.offset].add(i)
    by_keyword: dict[str, set[int]] = defaultdict(set)
    for i, entry in enumerate(base):
        for keyword in entry.keywords:
            by_keyword[keyword.lower()].add(i)
    for members in keys.values():
        for i in members:
            kin[i] |= members
    for i, entry in enumerate(base):
        kin[i] |= by_keyword[plain_name(entry)]
    for i in range(len(base)):
        reached: set[int] = set()
        waiting = [i]
        while waiting and len(reached) <= LARGEST_CLOSURE:
            here = waiting.pop()
            if here not in reached:
                reached.add(here)
                waiting.extend(kin[here])
        kin[i] = kin[i] | reached
    return kin


def _entry(emoji: Emoji, sense: Sense | None, words: WordNet, drawn: bool) -> HeldOut:
    own = sense if sense and sense.exact else None
    return HeldOut(
        emoji=emoji.text,
        name=plain_name(emoji),
        group=emoji.group,
        subgroup=emoji.subgroup,
        drawn=drawn,
        lemma=own.lemma if own else "",
        offset=own.offset if own else 0,
        gloss=words.synsets[own.offset].gloss if own else "",
    )


def _phantoms(base: Sequence[Emoji], places: dict[str, str], words: WordNet) -> tuple[Phantom, ...]:
    known = {plain_name(entry) for entry in base}
    known |= {keyword.lower() for entry in base for keyword in entry.keywords}
    found = []
    for subgroup, names in PHANTOMS.items():
        for name in names:
            sense = choose(name, subgroup, words)
            if name in known or sense is None or not sense.exact:
                raise GeometryError(f"{name!r} is no phantom: expected a WordNet noun that no emoji is named by")
            several = " " in name or name in IN_PIECES
            gloss = words.synsets[sense.offset].gloss
            tokens = "several" if several else "one"
            found.append(Phantom(name, tokens, places[subgroup], subgroup, sense.offset, gloss))
    return tuple(found)


def _nonce(places: dict[str, str], words: WordNet, taken: set[int], rng: random.Random) -> tuple[Nonce, ...]:
    assigned = [subgroup for subgroup in CATEGORIES for _ in range(4)]
    rng.shuffle(assigned)
    found: list[Nonce] = []
    for subgroup in assigned:
        lemma, number = CATEGORIES[subgroup]
        donors = [
            offset
            for offset in words.below(words.senses[lemma][number - 1])
            if offset not in taken and _describes(words, offset)
        ]
        offset = rng.choice(donors)
        taken = taken | {offset}
        word = _word(words, {entry.word for entry in found}, rng)
        gloss = words.synsets[offset].gloss
        found.append(Nonce(word, places[subgroup], subgroup, lemma, offset, gloss))
    return tuple(found)


def _describes(words: WordNet, offset: int) -> bool:
    synset = words.synsets[offset]
    named = any(lemma in synset.gloss for lemma in synset.lemmas)
    return 30 <= len(synset.gloss) <= 140 and not named and not any(words.counts.get(x) for x in synset.lemmas)


def _word(words: WordNet, used: set[str], rng: random.Random) -> str:
    onsets = (
        "b",
        "bl",
        "d",
        "dr",
        "f",
        "fl",
        "g",
        "gl",
        "k",
        "kr",
        "m",
        "n",
        "p",
        "pl",
        "s",
        "sk",
        "t",
        "tr",
        "v",
        "z",
    )
    while True:
        syllables = [rng.choice(onsets) + rng.choice("aeiou") for _ in range(rng.choice((2, 2, 3)))]
        word = "".join(syllables) + rng.choice(("b", "d", "g", "k", "l", "m", "n", "p", "t", "x"))
        if word not in used and word not in words.senses:
            return word
