"""What the model answered, as the record tells it: prompt by prompt, and kind of row by kind of row."""

from collections.abc import Sequence

import numpy as np

from geometry.implant.measuring import Readout, Share, pooled, reach, shares
from geometry.implant.record import Asked, Kind
from geometry.implant.rows import Rows
from geometry.implant.tables import CONTROLS, KINDS
from geometry.landing.record import text_of
from geometry.live.running import Running
from geometry.organism.lists import fill


def by_name(found: Readout, templates: int) -> list[Readout]:
    """Return what was asked of each name, its prompts together."""
    starts = range(0, len(found.rank), templates)
    return [Readout(found.log_probability[i : i + templates], found.rank[i : i + templates]) for i in starts]


def kinds_of(
    rows: Rows, abstract: Sequence[Readout], own: Readout, others: Readout, existing: Readout
) -> tuple[Kind, ...]:
    """Return every kind's means, and how the row it is a control of stands among it.

    Rows of abstract nouns are read each after its own name's prompts, all others after the name's in question.
    """
    told = {}
    for kind in KINDS:
        place = rows.kinds[kind]
        after = shares(_columns(own, place))
        if kind == "abstract":
            columns = range(place.start, place.stop)
            after = tuple(shares(_columns(one, slice(i, i + 1)))[0] for one, i in zip(abstract, columns, strict=True))
        told[kind] = tuple(zip(after, shares(_columns(others, place)), shares(_columns(existing, place)), strict=True))
    found = []
    for kind, each in told.items():
        leads = [_lead(one, other) for one, other, _ in each]
        p_probability, p_lead = None, None
        if kind in CONTROLS:
            ((mine, elsewhere, _),) = told[CONTROLS[kind]]
            p_probability = reach(mine.probability, [one.probability for one, _, _ in each])
            p_lead = reach(_lead(mine, elsewhere), leads)
        found.append(
            Kind(
                kind=kind,
                n=len(each),
                own=pooled(tuple(one for one, _, _ in each)),
                others=pooled(tuple(other for _, other, _ in each)),
                existing=pooled(tuple(last for _, _, last in each)),
                lead=float(np.mean(leads)),
                p_probability=p_probability,
                p_lead=p_lead,
            )
        )
    return tuple(found)


def _lead(own: Share, others: Share) -> float:
    return own.log_probability - others.log_probability


def _columns(found: Readout, place: slice) -> Readout:
    return Readout(found.log_probability[:, place], found.rank[:, place])


def of_their_own(found: Readout, place: slice, templates: int) -> Share:
    """Return, of rows predicted for emoji that exist, each one's after the prompts of its own name."""
    columns = np.repeat(np.arange(place.start, place.stop), templates)
    at = np.arange(len(columns))
    return shares(Readout(found.log_probability[at, columns][:, None], found.rank[at, columns][:, None]))[0]


def asked_of(
    running: Running, templates: Sequence[str], name: str, own: Sequence[tuple[int, ...]], found: Readout
) -> tuple[Asked, ...]:
    """Return the prompts of the name one by one, with what was said before."""
    logits = running.logits(own).astype(np.float64)
    told = []
    for i, template in enumerate(templates):
        chances = np.exp(logits[i] - logits[i].max())
        best = int(logits[i].argmax())
        told.append(
            Asked(
                prompt=fill(template, name),
                probability=float(np.exp(found.log_probability[i, 0])),
                rank=int(found.rank[i, 0]),
                first=bool(found.rank[i, 0] == 1),
                before_id=best,
                before_text=text_of(running.head, best) if best < running.head.vocab else f"#{best}",
                before_probability=float(chances[best] / chances.sum()),
            )
        )
    return tuple(told)
