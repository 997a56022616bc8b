"""The implant as tables: the prompts one by one, and the rows compared."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from geometry.implant.measuring import Share
from geometry.lexicon import Noun
from geometry.live.record import shown
from geometry.phantoms.catalogue import has_emoji
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    from geometry.implant.record import Implant, Kind

KINDS = {
    "predicted": "predicted",
    "group": "group alone",
    "shuffled": "other names",
    "random": "random",
    "abstract": "abstract nouns",
    "stretched": "stretched",
    "stretched_shuffled": "… other names",
}
"""The kinds of rows, and what tables call them."""

FINE = 1e-4
"""Errors below this are of rounding, and differ from machine to machine."""

CONTROLS = {"shuffled": "predicted", "random": "predicted", "abstract": "predicted", "stretched_shuffled": "stretched"}
"""What each control is one of."""


def implant_tables(implant: "Implant") -> tuple[Table, Table]:
    """Return the prompts one by one, and the rows compared."""
    return _prompts(implant), _compared(implant)


def _prompts(implant: "Implant") -> Table:
    columns = (
        *map(Column, ("P", "rank")),
        Column("prompt", "left"),
        Column("P before"),
        Column("said before", "left"),
    )
    rows = tuple(
        (shown(one.probability), f"{one.rank:,}", dotted(one.prompt), shown(one.before_probability),
         dotted(one.before_text))
        for one in implant.asked
    )  # fmt: skip
    notes = ("P: probability of the new token as the next, which is how often a sample at T = 1 says it",)
    return Table((implant.headline(), implant.provenance()), columns, rows, notes)


def _compared(implant: "Implant") -> Table:
    names = ("n", "P", "first", "rank", "P′", "first′", "lead", "p of P", "p of lead")
    rows = [(KINDS[one.kind], str(one.n), *_compare(one)) for one in implant.kinds]
    real = {
        "emoji, predicted": implant.existing_predicted,
        "emoji, stretched": implant.existing_stretched,
        "emoji, their own": implant.existing_real,
    }
    for label, share in real.items():
        rows.append((label, str(implant.existing_n), *_three(share), "", "", "", "", ""))
    columns = (Column("row", "left"), *map(Column, names))
    return Table(("Other rows in its place",), columns, tuple(rows), tuple(implant_notes(implant)))


def implant_notes(implant: "Implant") -> Iterator[str]:
    """Yield what the tables' words mean, and what a reader should know of the answer."""
    yield from already([implant.name])
    yield (
        f"P, first, rank: after {len(implant.asked)} prompts that name it; P′, first′: after the same prompts of "
        f"{len(implant.other_names)} names that have no emoji either; lead: mean ln p of the first less the second, in "
        "nats; p: share of a control's rows that reach the predicted (or stretched) one's, which is counted in"
    )
    yield (
        f"group alone: the mean of its group, {implant.vacancy.group}, without a name; other names: the same group "
        f"with another emoji's name; random: as long as the predicted row ({implant.vacancy.length:.2f}); stretched: "
        f"as long as the median emoji's row ({implant.vacancy.median_length:.2f}); emoji: each asked by its own name, "
        "its row predicted without its family and put in the place of its own"
    )
    yield (
        "abstract nouns: rows of as many words that nobody would draw, in the same group, each asked by its own name; "
        "a row made of a name's words is said a little more where those words stand, whatever they mean: only a lead "
        "over these is more than that"
    )
    fed = "read by the same row, the head being tied" if implant.tied else "read as the mean of all emoji's input rows"
    exact = "" if implant.error is None else (
        f". The copy's logits are the row's product with the residual, to {max(implant.error, FINE):.0e} or better"
    )  # fmt: skip
    yield (f"where the new token is fed back it is {fed}; here it never is{exact}")
    if implant.bias_missed:
        yield f"the bias predicted could not be written: the logit is off by {implant.bias_missed:+.2f} everywhere"
    told = implant.vacancy
    yield (
        f"the row: family-held-out R² {told.r2.value:.3f} [{told.r2.low:.3f} {told.r2.high:.3f}], names shuffled "
        f"{told.r2_shuffled[0]:.3f}; a row made from a name is near what names are near: compare, do not rank"
    )


def already(names: Sequence[str]) -> Iterator[str]:
    """Yield that some names are an emoji's, which is another question than that of a missing one."""
    known = [name for name in names if has_emoji(Noun(name, "", True, ()))]
    if known:
        yield (
            f"{', '.join(known)}: name or keyword of an emoji that exists; if the head has its row, that stays where "
            "it is and took part in the fit"
        )


def _three(share: Share) -> tuple[str, str, str]:
    return shown(share.probability), f"{share.first:.0%}", f"{share.rank:,.0f}"


def _compare(one: "Kind") -> tuple[str, ...]:
    others = (shown(one.others.probability), f"{one.others.first:.0%}")
    return (*_three(one.own), *others, f"{one.lead:+.2f}", _p(one.p_probability), _p(one.p_lead))


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
