"""How strongly a head would believe in an emoji for each name that has none, beside names that are controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from geometry.asking import family_rows, items
from geometry.choices import DEFAULT_SPACE, SpaceName, check_seed
from geometry.contest import Contest, contest
from geometry.errors import OptionError
from geometry.head import Head
from geometry.intervals import discovery_rates
from geometry.landing.record import text_of
from geometry.lexicon import Noun, nouns
from geometry.names import Name, name_queries, near_ids, spell_name
from geometry.phantoms.catalogue import has_emoji
from geometry.phantoms.record import Control, Phantom, Phantoms
from geometry.phantoms.shuffled import shuffle_names, size
from geometry.products import residual_view, residuals_of

SHUFFLED = 2_000
"""Shuffled names that are told beside the names, as many tokens long as those are: E falls with length in any head."""

FEWEST = 400
"""Shuffled names of each length at least, which p is counted over."""

DECK, DECK_NOUNS = 100, 2_000
"""Fewer names of a length than this would be dealt into themselves: so many bundled nouns are dealt with them."""

LONG = 4
"""Names of so many tokens and more are held against each other."""

ABSTRACT = 1_000
"""Abstract nouns that are asked for besides."""


@dataclass(frozen=True, eq=False)
class _Question:
    """Names to be asked for together, each with the rows that are no answers to it."""

    names: Sequence[Name]
    left_out: Sequence[frozenset[int]]


@dataclass(frozen=True, eq=False)
class _Residuals:
    """What names ask with, made for as many of them at a time as are looked at."""

    head: Head
    names: Sequence[Name]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, part: slice, /) -> Float64[np.ndarray, "names dim"]:
        return residuals_of(self.head, name_queries(self.head, self.names[part]))


def find_phantoms(
    head: Head, lexicon: Sequence[Noun] | None = None, *, space: SpaceName | None = None, seed: int = 0
) -> Phantoms:
    """Rank the names of a lexicon that have no emoji by how strongly this head would believe in one.

    E(n) = the best emoji's score less the best other row's, for the name's words plus the emoji direction; words,
    their variants and what is masked are no candidates. belief(n) = the share of existing emoji whose own E, the rows
    of their family deleted, is at most E(n). p(n) = (1 + shuffled names with at least this E) / (1 + shuffled names),
    of shuffled names with as many tokens.

    Names and controls are asked together: one pass over the head for up to 16,384 of them, in the memory that
    `geometry.contest.contest` states, however many names there are.

    Args:
        head: In another space than ``raw`` it answers in its own.
        lexicon: Names; by default the concrete nouns of the bundled lexicon. Those with an emoji in the catalogue are
            passed over, and those that the head cannot spell.
        space: Overrides the head's; in ``whitened`` scores are logits of the residual that the sum stands for.
        seed: Of the shuffled names and the samples.

    Raises:
        TokenError: The head has too few emoji, or no emoji direction.
        OptionError: No name of the lexicon is left.
    """
    check_seed(seed)
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    head = head.in_space(space)
    asked = items(head)
    given = [noun for noun in nouns() if noun.concrete] if lexicon is None else list(lexicon)
    free = [noun for noun in given if not has_emoji(noun)]
    spelt = [(noun, name) for noun in free if (name := spell_name(head, noun.name))]
    if not spelt:
        raise OptionError(
            f"no name is left of {len(given):,}: {len(given) - len(free):,} have an emoji, {len(free):,} cannot be "
            "spelt by this head; give a lexicon with other names"
        )
    rng = np.random.default_rng(seed)
    existing = _Question(
        asked.names,
        [near_ids(head, [ids]) | kin for ids, kin in zip(asked.words, family_rows(head, asked), strict=True)],
    )
    own = _question(head, [name for _, name in spelt])
    lengths = _lengths(own.names)
    dealt_names = _deal(head, own.names, lengths, rng)
    shuffled = _question(head, dealt_names)
    abstract = _question(head, _abstract(head, rng))
    every = [existing, own, shuffled, abstract]
    residuals = _Residuals(head, [name for one in every for name in one.names])
    found = contest(residual_view(head), residuals, [gone for one in every for gone in one.left_out])
    ends = np.cumsum([len(one.names) for one in every]).tolist()
    known, here, dealt, vague = (_part(found, *pair) for pair in pairwise([0, *ends]))
    belief = beliefs(here.lead, known.lead)
    dealt_lengths = _lengths(dealt_names)
    p = _p_values(here.lead, lengths, dealt.lead, dealt_lengths)
    like_own = _in_proportion(lengths, dealt_lengths)
    order = np.lexsort((np.arange(len(spelt)), -here.lead))
    told = _tell(head, [noun for noun, _ in spelt], [name for _, name in spelt], here, belief, p, order)
    return Phantoms(
        head=head,
        phantoms=told,
        existing=_control("emoji that exist, their family deleted", known.lead, known.lead),
        controls=(
            _control("shuffled names", dealt.lead[like_own], known.lead),
            _control("abstract nouns", vague.lead, known.lead),
        ),
        null={int(one): tuple(dealt.lead[dealt_lengths == one].tolist()) for one in np.unique(dealt_lengths)},
        seed=seed,
        given=len(given),
        with_emoji=len(given) - len(free),
        unspelt=len(free) - len(spelt),
    )


def beliefs(
    lead: Float64[np.ndarray, " names"], existing: Float64[np.ndarray, " emoji"]
) -> Float64[np.ndarray, " names"]:
    """Return the share of existing emoji whose E is at most each name's, from 0 to 1."""
    ordered = np.sort(existing)
    shares: Float64[np.ndarray, " names"] = np.searchsorted(ordered, lead, side="right") / max(len(ordered), 1)
    return shares


def _lengths(names: Sequence[Name]) -> Int64[np.ndarray, " names"]:
    return np.array([min(size(name), LONG) for name in names], dtype=np.int64)


def _shares(lengths: Int64[np.ndarray, " names"]) -> dict[int, int]:
    """How many shuffled names of each length make `SHUFFLED` of them as long as the names are."""
    values, counts = np.unique(lengths, return_counts=True)
    shares = np.round(SHUFFLED * counts / counts.sum()).astype(np.int64)
    return dict(zip(values.tolist(), shares.tolist(), strict=True))


def _deal(
    head: Head, names: Sequence[Name], lengths: Int64[np.ndarray, " names"], rng: np.random.Generator
) -> list[Name]:
    """Shuffled names of each length, at least `FEWEST`, none of them a name that is asked for."""
    asked, found, bundled = set(names), list[Name](), None
    for length, share in _shares(lengths).items():
        alike = [names[i] for i in np.flatnonzero(lengths == length).tolist()]
        if len(alike) < DECK:
            if bundled is None:
                bundled = [name for noun in nouns()[:DECK_NOUNS] if (name := spell_name(head, noun.name))]
            alike += [name for name in bundled if min(size(name), LONG) == length]
        dealt = shuffle_names(head, alike, max(FEWEST, share), rng)
        # a single word stands for a random one, which may well be a name; pieces put together again are no control
        found += [name for name in dealt if size(name) == 1 or name not in asked]
    return found


def _in_proportion(
    lengths: Int64[np.ndarray, " names"], dealt: Int64[np.ndarray, " shuffled"]
) -> Int64[np.ndarray, " told"]:
    """Places of shuffled names as many of each length as the names have in proportion."""
    return np.concatenate([np.flatnonzero(dealt == one)[:share] for one, share in _shares(lengths).items()])


def _p_values(
    lead: Float64[np.ndarray, " names"],
    length: Int64[np.ndarray, " names"],
    dealt: Float64[np.ndarray, " shuffled"],
    dealt_length: Int64[np.ndarray, " shuffled"],
) -> Float64[np.ndarray, " names"]:
    """Return (1 + shuffled names of this length with at least this E) / (1 + shuffled names of this length)."""
    p = np.ones(len(lead))
    for one in np.unique(length):
        null = np.sort(dealt[dealt_length == one])
        here = length == one
        p[here] = (1 + len(null) - np.searchsorted(null, lead[here], side="left")) / (1 + len(null))
    return p


def _question(head: Head, names: Sequence[Name]) -> _Question:
    return _Question(names, [near_ids(head, name) for name in names])


def _abstract(head: Head, rng: np.random.Generator) -> list[Name]:
    """Abstract nouns of the bundled lexicon that have no emoji, as the head spells them."""
    every = [noun for noun in nouns() if not noun.concrete and not has_emoji(noun)]
    drawn = sorted(rng.choice(len(every), size=min(ABSTRACT, len(every)), replace=False).tolist())
    return [name for i in drawn if (name := spell_name(head, every[i].name))]


def _part(found: Contest, start: int, stop: int) -> Contest:
    return Contest(
        found.emoji[start:stop], found.emoji_score[start:stop], found.other[start:stop], found.other_score[start:stop]
    )


def _control(name: str, lead: Float64[np.ndarray, " names"], existing: Float64[np.ndarray, " emoji"]) -> Control:
    if not len(lead):
        return Control(name, 0, None, None, None, None, ())
    low, middle, high = np.percentile(lead, [5, 50, 95])
    belief = float(beliefs(lead, existing).mean())
    return Control(name, len(lead), belief, float(low), float(middle), float(high), tuple(lead.tolist()))


def _tell(
    head: Head,
    given: Sequence[Noun],
    names: Sequence[Name],
    found: Contest,
    belief: Float64[np.ndarray, " names"],
    p: Float64[np.ndarray, " names"],
    order: Int64[np.ndarray, " names"],
) -> tuple[Phantom, ...]:
    q, winner = discovery_rates(p) if len(p) else p, found.winner
    emoji = head.words().emoji
    return tuple(
        Phantom(
            rank=rank,
            name=given[i].name,
            category=given[i].category,
            tokens=size(names[i]),
            lead=float(found.lead[i]),
            belief=float(belief[i]),
            p=float(p[i]),
            q=float(q[i]),
            winner=int(winner[i]),
            winner_text=text_of(head, int(winner[i])),
            emoji=int(found.emoji[i]),
            emoji_text=text_of(head, int(found.emoji[i])),
            subgroup=emoji[int(found.emoji[i])].subgroup,
            other=int(found.other[i]),
            other_text=text_of(head, int(found.other[i])),
        )
        for rank, i in enumerate(order.tolist(), 1)
    )
