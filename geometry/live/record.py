"""The running model's belief in every emoji as the next thing said."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import geometry
from geometry.errors import OptionError
from geometry.head import Head
from geometry.live.spelling import Bounds
from geometry.tables import Column, Table, Tabled
from geometry.tokens import Emoji, lookup

if TYPE_CHECKING:
    import pandas

SHOWN = 20
SHOWN_SUBGROUPS = 2


@dataclass(frozen=True, slots=True)
class Belief:
    """One emoji, in all its forms (with and without variation selectors), bare and after a space.

    Attributes:
        emoji: The catalogue's fully qualified entry.
        low, high: Probability that it is what is said next, exactly it and no longer emoji.
        begun: Probability that what is said starts with it, longer emoji such as 👩‍🚀 for 👩 included; at least that.
        canonical: Of ``begun``, the share of its canonical encodings; the rest is said in other tokens. None where
            ``begun`` is 0, or no encoding gives exactly its bytes.
    """

    emoji: Emoji
    low: float
    high: float
    begun: float
    canonical: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, and which emoji it is."""
        one = self.emoji
        named = {"emoji": one.text, "name": one.name, "group": one.group, "subgroup": one.subgroup}
        return named | {"low": self.low, "high": self.high, "begun": self.begun, "canonical": self.canonical}


@dataclass(frozen=True, eq=False, repr=False)
class Beliefs(Tabled):
    """How strongly a running model believes in each emoji after a prompt.

    Attributes:
        head: The head of the model that ran.
        prompt, chat, prefix, token_ids: What it read, and as which ids.
        dtype: What it was computed in.
        floor, limit: Paths of tokens less likely than ``floor`` were not followed, nor more than ``limit`` of them.
        emoji: Every emoji of the catalogue, the likeliest first.
        groups, subgroups: The same added up by Unicode's groups.
        total: That any emoji is said.
        nothing: That none is.
        unfollowed: Probability of all paths that were not followed, wherever they lead.
        followed: How many were, each one sequence through the model.
        against: The same after another prompt, as a control; None where none was given.
        notes: What a reader should know.
    """

    head: Head
    prompt: str
    chat: bool
    prefix: str
    token_ids: tuple[int, ...]
    dtype: str
    floor: float
    limit: int
    emoji: tuple[Belief, ...] = field(repr=False)
    groups: Mapping[str, Bounds] = field(repr=False)
    subgroups: Mapping[str, Bounds] = field(repr=False)
    total: Bounds
    nothing: float
    unfollowed: float
    followed: int
    against: "Beliefs | None" = None
    notes: tuple[str, ...] = ()

    def of(self, text: str) -> Belief:
        """Return the belief in one emoji, in whichever form it is written.

        Raises:
            OptionError: it is none.
        """
        return _find(self.emoji, text)

    def to_dict(self, k: int | None = None) -> dict[str, Any]:
        """The command line's JSON object, with the first ``k`` emoji, or all."""
        return {
            "head": self.head.to_dict(),
            "prompt": self.prompt,
            "chat": self.chat,
            "prefix": self.prefix,
            "token_ids": list(self.token_ids),
            "dtype": self.dtype,
            "floor": self.floor,
            "limit": self.limit,
            "total": asdict(self.total),
            "nothing": self.nothing,
            "unfollowed": self.unfollowed,
            "followed": self.followed,
            "groups": {name: asdict(one) for name, one in self.groups.items()},
            "subgroups": {name: asdict(one) for name, one in self.subgroups.items()},
            "emoji": [one.to_dict() for one in self.emoji[:k]],
            "against": None if self.against is None else self.against.to_dict(k),
            "notes": list(self.notes),
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row an emoji; what was asked, of which model, by which version, are columns too."""
        import pandas as pd

        frame = pd.DataFrame([one.to_dict() for one in self.emoji])
        if self.against is not None:
            control = {one.emoji.text: one.low for one in self.against.emoji}
            frame = frame.assign(against=[control[text] for text in frame["emoji"]])
        return frame.assign(
            prompt=self.prompt, prefix=self.prefix, head=self.head.name, fingerprint=self.head.fingerprint,
            dtype=self.dtype, floor=self.floor, version=geometry.__version__,
        )  # fmt: skip

    def table(self, k: int = SHOWN) -> Table:
        """The first ``k`` emoji."""
        control = {} if self.against is None else {one.emoji.text: one for one in self.against.emoji}
        columns = [Column("rank"), Column("probability"), Column("at most"), Column("canonical")]
        columns += [Column("control")] * bool(control)
        rows = []
        for rank, one in enumerate(self.emoji[:k], 1):
            cells = [str(rank), *_range(one), "–" if one.canonical is None else shown(one.canonical)]
            cells += [_least(control[one.emoji.text])] if control else []
            rows.append((*cells, one.emoji.subgroup, f"{one.emoji.text} {one.emoji.name}"))
        title = (
            f"after {self.prompt!r}{f' and {self.prefix!r}' if self.prefix else ''}",
            f"an emoji {self._share()} · no emoji {shown(self.nothing)} · not followed {shown(self.unfollowed)}",
            *(
                []
                if self.against is None
                else [f"control: after {self.against.prompt!r} an emoji {self.against._share()}"]
            ),
            f"{len(self.token_ids)} tokens read{' by the chat template' * self.chat} · {self.followed:,} paths of "
            f"at least {self.floor:g} followed",
            f"head {self.head.name} ({self.head.fingerprint}) · {self.dtype} · geometry {geometry.__version__}",
        )
        return Table(title, (*columns, Column("subgroup", "left"), Column("emoji", "left")), tuple(rows))

    def group_table(self) -> Table:
        """Unicode's groups, each with its strongest subgroups."""
        within: dict[str, list[str]] = {}
        place = {one.emoji.subgroup: one.emoji.group for one in self.emoji}
        for name, one in sorted(self.subgroups.items(), key=lambda item: -item[1].low):
            if one.low > 0 and len(within.setdefault(place[name], [])) < SHOWN_SUBGROUPS:
                within[place[name]].append(f"{name} {shown(one.low)}")
        rows = tuple((*_range(one), name, ", ".join(within.get(name, ()))) for name, one in self.groups.items())
        columns = (Column("probability"), Column("at most"), Column("group", "left"), Column("most of it", "left"))
        return Table((), columns, rows, self.notes)

    def tables(self) -> tuple[Table, ...]:
        """The first emoji, and the groups."""
        return self.table(), self.group_table()

    def text(self, k: int = SHOWN) -> str:
        """Both tables."""
        return f"{self.table(k).text()}\n\n{self.group_table().text()}"

    def _share(self) -> str:
        low, high = _range(self.total)
        return low if low == high else f"{low} to {high}"


def _find(rows: Sequence[Belief], text: str) -> Belief:
    emoji = lookup(text.strip())
    one = next((one for one in rows if emoji is not None and one.emoji.text == emoji.text), None)
    if one is None:
        raise OptionError(f"{text!r} arrived; expected an emoji of the catalogue, such as 🐠")
    return one


def _least(one: Belief) -> str:
    return shown(one.low) if one.low else f"≤ {shown(one.high)}"


def _range(one: Bounds | Belief) -> tuple[str, str]:
    return shown(one.low), shown(one.high)


def shown(probability: float) -> str:
    """Return a probability in three places, or as a power of ten where it would show as nothing."""
    if probability == 0:
        return "0"
    return f"{probability:.3f}" if probability >= 0.0005 else f"{probability:.0e}"
