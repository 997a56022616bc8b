"""The implant as a record: is the new row said, and is it said more than others would be."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import geometry
from geometry.head import Head
from geometry.implant.measuring import Share
from geometry.implant.options import ImplantOptions
from geometry.implant.tables import implant_notes, implant_tables
from geometry.tables import Table, Tabled
from geometry.vacancy import Vacancy

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt that names the thing.

    Attributes:
        prompt: As the model read it.
        probability, rank: Of the new token as the next.
        first: Whether it comes first: whether it is said greedily.
        before_id, before_text, before_probability: What came first without it.
    """

    prompt: str
    probability: float
    rank: int
    first: bool
    before_id: int
    before_text: str
    before_probability: float


@dataclass(frozen=True)
class Kind:
    """One kind of row, in means over its rows.

    Attributes:
        kind: One of `geometry.implant.tables.KINDS`.
        n: How many rows.
        own: After prompts of the name.
        others: After prompts of names that have no emoji either.
        existing: After prompts of names that have one.
        lead: Mean ln p after its own prompts less that after the others, in nats: above 0 where it is the name that
            the row is said of.
        p_probability, p_lead: Of a control, (1 + rows of it that reach what it is a control of) / (1 + rows), of the
            probability after its own prompts and of the lead; None of others.
    """

    kind: str
    n: int
    own: Share
    others: Share
    existing: Share
    lead: float
    p_probability: float | None
    p_lead: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Implant(Tabled):
    """A predicted row written into a copy of a running model.

    Attributes:
        head: Of the model as it was, in the space that the row was predicted in.
        dtype: What it was computed in.
        name, text: What is named, and what the new token is written as.
        id: The new token's.
        options: What was asked besides.
        templates: The prompts, before a name was put in.
        vacancy: The predicted row.
        tied: Whether the new row is read as it is said; else it is read as the mean of the emoji's input rows.
        error: How far the copy's logits for the new token are from the row's own product with the residuals, at most;
            None on a head whose readout is not known.
        bias_missed: By how much the logit is off everywhere because a norm's shift could not be met; mostly 0.
        asked: The prompts of the name, one by one.
        kinds: The predicted row and those it is held against.
        existing_n: Emoji that exist, asked by their own names.
        existing_predicted: Their rows, predicted without their family and put in the place of their own.
        existing_stretched: The same, as long as the median emoji's row.
        existing_real: Their own rows.
        other_names, abstract_names, existing_names: The names that prompts were filled with besides.
    """

    head: Head
    dtype: str
    name: str
    text: str
    id: int
    options: ImplantOptions
    templates: tuple[str, ...]
    vacancy: Vacancy
    tied: bool
    error: float | None
    bias_missed: float
    asked: tuple[Asked, ...]
    kinds: tuple[Kind, ...]
    existing_n: int
    existing_predicted: Share
    existing_stretched: Share
    existing_real: Share
    other_names: tuple[str, ...]
    abstract_names: tuple[str, ...]
    existing_names: tuple[str, ...]

    def kind(self, name: str) -> Kind:
        """Return one kind of row."""
        return next(one for one in self.kinds if one.kind == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON object."""
        return {
            "name": self.name,
            "token": {"id": self.id, "text": self.text},
            "head": self.head.to_dict(),
            "space": self.head.space.name,
            "metric": "logit",
            "dtype": self.dtype,
            "templates": list(self.templates),
            "asked": [asdict(one) for one in self.asked],
            "rows": [asdict(one) for one in self.kinds],
            "existing": {
                "n": self.existing_n,
                "predicted": asdict(self.existing_predicted),
                "stretched": asdict(self.existing_stretched),
                "real": asdict(self.existing_real),
            },
            "tied": self.tied,
            "error": self.error,
            "bias_missed": self.bias_missed,
            "other_names": list(self.other_names),
            "abstract_names": list(self.abstract_names),
            "existing_names": list(self.existing_names),
            "vacancy": self.vacancy.to_dict(),
            "options": {one.name: getattr(self.options, one.name) for one in fields(self.options)},
            "notes": list(implant_notes(self)),
            "seed": self.options.seed,
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a kind of row."""
        import pandas as pd

        frame = pd.json_normalize([asdict(one) for one in self.kinds])
        return frame.assign(
            name=self.name, head=self.head.name, fingerprint=self.head.fingerprint, space=self.head.space.name,
            dtype=self.dtype, seed=self.options.seed, version=geometry.__version__,
        )  # fmt: skip

    def provenance(self) -> str:
        """Which model, space, seed and version this is of, in one line."""
        return (
            f"model {self.head.name} ({self.head.fingerprint}) · {self.dtype} · space {self.head.space.name} · "
            f"seed {self.options.seed} · geometry {geometry.__version__}"
        )

    def headline(self) -> str:
        """The finding in one line."""
        said = sum(one.first for one in self.asked)
        return (
            f"{self.text}, a row predicted for {self.name}: said first after {said} of {len(self.asked)} prompts that "
            f"name it, {self.kind('predicted').others.first:.0%} of those that name something else"
        )

    def tables(self) -> tuple[Table, ...]:
        """Return the tables it is shown as."""
        return implant_tables(self)
