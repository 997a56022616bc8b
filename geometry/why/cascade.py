"""The cascade: the winner's family deleted, again and again, and who comes then."""

from dataclasses import dataclass

from geometry.landing.record import text_of
from geometry.landing.scans import variants_of
from geometry.why.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a cascade.

    Attributes:
        step: From 1.
        id, text: Who wins now.
        score: Its score.
        kind: What kind of token it is; None on a head without a vocabulary.
        subgroup: Its Unicode subgroup, if it is an emoji.
        deleted: Tokens that go with it before the next step, its own first: its family, if it is an emoji, and
            its variants.
    """

    step: int
    id: int
    text: str
    score: float
    kind: str | None
    subgroup: str | None
    deleted: tuple[int, ...]


def cascade(ledger: Ledger, steps: int) -> tuple[Step, ...]:
    """Delete the winner with its family and land again, so many times, or until nothing is left.

    The sum, and with it the emoji direction, stays what it was.
    """
    head, gone, found = ledger.head, set[int](), list[Step]()
    kin = head.opened.kin
    for place in ledger.order:
        token = int(ledger.ids[place])
        if len(found) == steps:
            break
        if token in gone:
            continue
        deleted = (kin.get(token, frozenset()) | variants_of(head, frozenset({token}))) - {token}
        emoji = None if head.tokens is None else head.tokens.emoji.get(token)
        found.append(
            Step(
                step=len(found) + 1,
                id=token,
                text=text_of(head, token),
                score=float(ledger.scores[place]),
                kind=None if head.tokens is None else head.tokens.kind(token),
                subgroup=None if emoji is None else emoji.subgroup,
                deleted=(token, *sorted(deleted)),
            )
        )
        gone |= {token, *deleted}
    return tuple(found)
