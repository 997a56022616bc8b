"""Several names' implants side by side: one name is an illustration, many are a finding."""

from collections.abc import Sequence

import numpy as np

from geometry.implant.record import Implant
from geometry.implant.tables import already
from geometry.live.record import shown
from geometry.tables import Column, Table

LEVEL = 0.05


def several(found: Sequence[Implant]) -> Table:
    """Return one line a name, and how many of them do what rows of other names do as seldom as one in twenty.

    Args:
        found: Implants of one model with the same options.
    """
    names = ("P", "first", "rank", "lead", "p of P", "p of lead", "p abstract", "stretched P")
    columns = (*map(Column, names), Column("name, said before", "left"))
    rows = tuple(_row(one) for one in found)
    prompts = sum(len(one.asked) for one in found)
    said = sum(asked.first for one in found for asked in one.asked)
    title = (
        f"{len(found)} rows predicted for names: said first after {said} of {prompts} prompts that name them",
        found[0].provenance(),
    )
    return Table(title, columns, rows, tuple(_notes(found)))


def _row(one: Implant) -> tuple[str, ...]:
    predicted, other, abstract, long = (one.kind(k) for k in ("predicted", "shuffled", "abstract", "stretched"))
    before = [asked.before_text.strip() for asked in one.asked]
    most = max(dict.fromkeys(before), key=before.count)
    return (
        shown(predicted.own.probability), f"{predicted.own.first:.0%}", f"{predicted.own.rank:,.0f}",
         f"{predicted.lead:+.2f}", f"{other.p_probability:.3f}", f"{other.p_lead:.3f}", f"{abstract.p_lead:.3f}",
        shown(long.own.probability), f"{one.name}  {most}",
    )  # fmt: skip


def _notes(found: Sequence[Implant]) -> list[str]:
    probable = _reached(found, "shuffled", "p_probability")
    leading, beyond = _reached(found, "shuffled", "p_lead"), _reached(found, "abstract", "p_lead")
    leads = [one.kind("predicted").lead for one in found]
    first = found[0]
    chance = LEVEL * len(found)
    return [
        *already([one.name for one in found]),
        "P, first, rank: after the prompts that name it; lead: mean ln p there less that after other names, in nats; "
        "p: against rows of other names; p abstract: of the lead, against abstract nouns by their own names; "
        "stretched: as long as the median emoji's row",
        f"p of P is at most {LEVEL} for {probable} of {len(found)} names, p of lead for {leading}, p abstract for "
        f"{beyond}, where at most {chance:.1f} would be by chance; median lead {np.median(leads):+.2f}, mean of "
        f"abstract nouns {np.mean([one.kind('abstract').lead for one in found]):+.2f}",
        f"beside them {first.existing_n} emoji that exist, each asked by its own name: their own rows are said first "
        f"after {first.existing_real.first:.0%} of prompts, rows predicted without their family after "
        f"{first.existing_predicted.first:.0%}, as long as the median row after {first.existing_stretched.first:.0%}",
    ]


def _reached(found: Sequence[Implant], control: str, what: str) -> int:
    return sum((getattr(one.kind(control), what) or 1.0) <= LEVEL for one in found)
