"""Several names' implants side by side: one name is an illustration, many are a finding."""

from collections.abc import Sequence

import numpy as np

from geometry.implant.record import Implant
from geometry.tables import Column, Table

LEVEL = 0.05


def several(found: Sequence[Implant]) -> Table:
    """Return one line a name, and how many of them do what rows of other names do as seldom as one in twenty.

    Args:
        found: Implants of one model with the same options.
    """
    names = ("P", "first", "rank", "lead", "p of P", "p of lead", "stretched P", "first")
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
    predicted, other, long = (one.kind(kind) for kind in ("predicted", "shuffled", "stretched"))
    before = [asked.before_text.strip() for asked in one.asked]
    most = max(dict.fromkeys(before), key=before.count)
    return (
        _brief(predicted.own.probability), f"{predicted.own.first:.0%}", f"{predicted.own.rank:,.0f}",
        f"{predicted.lead:+.2f}", f"{other.p_probability:.3f}", f"{other.p_lead:.3f}", _brief(long.own.probability),
        f"{long.own.first:.0%}", f"{one.name}  {most}",
    )  # fmt: skip


def _notes(found: Sequence[Implant]) -> list[str]:
    counts = {
        what: sum((getattr(one.kind("shuffled"), what) or 1.0) <= LEVEL for one in found)
        for what in ("p_probability", "p_lead")
    }
    leads = [one.kind("predicted").lead for one in found]
    first = found[0]
    return [
        "P, first, rank: after the prompts that name it; lead: mean ln p there less that after other names, in nats; "
        "p: against rows of other names; stretched: as long as the median emoji's row",
        f"p of P is at most {LEVEL} for {counts['p_probability']} of {len(found)} names and p of lead for "
        f"{counts['p_lead']}, where {LEVEL * len(found):.1f} would be by chance; median lead {np.median(leads):+.2f}",
        f"beside them {first.existing_n} emoji that exist, each asked by its own name: their own rows are said first "
        f"after {first.existing_real.first:.0%} of prompts, rows predicted without their family after "
        f"{first.existing_predicted.first:.0%}, as long as the median row after {first.existing_stretched.first:.0%}",
    ]


def _brief(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 or value == 0 else f"{value:.0e}"
