"""The implant: the row that a missing emoji would have, written into a copy of the running model. Is it said?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geometry.errors import TokenError
from geometry.implant.answers import asked_of, by_name, kinds_of, of_their_own
from geometry.implant.asking import ask
from geometry.implant.back import Stored, stored_rows
from geometry.implant.copying import check_folder, is_tied, save, with_rows
from geometry.implant.measuring import shares
from geometry.implant.options import ImplantOptions
from geometry.implant.planning import fit_rows, make_plan, prompts_of
from geometry.implant.record import Implant
from geometry.live.running import Running
from geometry.names import words_of
from geometry.progress import track
from geometry.vacancy import VacancyModel

__all__ = ["Implant", "ImplantOptions", "check_folder", "implant", "implant_many", "stored_rows", "write_implanted"]


def implant(
    running: Running, name: str, options: ImplantOptions | None = None, *, model: VacancyModel | None = None
) -> Implant:
    """Write the row predicted for a name into a copy of a model, and see whether it is said.

    The row, and those it is held against, are new rows of one copy; each is read as if it were the only one. Nothing
    is written anywhere but in memory.

    Args:
        running: The model.
        name: Such as ``seahorse``.
        options: See `ImplantOptions`.
        model: The fit by which rows are predicted, from `geometry.vacancy.fit_vacancies`; made if it is not given.

    Raises:
        GeometryError: The head has no words of that name, or too few emoji to predict a row by.
    """
    options = options or ImplantOptions()
    planned = make_plan(running, name, options, model)
    model, rows, templates = planned.model, planned.rows, planned.templates
    stored = stored_rows(model.view, rows.rows, rows.biases)
    copy, first = with_rows(running, stored, model.asked.ids)
    own, others = prompts_of(running, templates, [name]), planned.others
    existing = [model.asked.emoji[i].name for i in rows.existing]
    ids = [int(model.asked.ids[i]) for i in rows.existing]
    gone = [frozenset({token}) | running.head.words().variants(token) for token in ids for _ in templates]
    asked_own, _ = ask(copy, own, first, label="its own prompts")
    asked_others, _ = ask(copy, prompts_of(running, templates, others), first, label="other names")
    asked_abstract, _ = ask(copy, prompts_of(running, templates, planned.abstract), first, label="abstract nouns")
    asked_existing, real = ask(copy, prompts_of(running, templates, existing), first, label="names of emoji", gone=gone)
    return Implant(
        head=model.view,
        dtype=running.dtype,
        name=name,
        text=f"<{name}>",
        id=first,
        options=options,
        templates=templates,
        vacancy=planned.vacancy,
        tied=is_tied(running),
        error=_error(running, copy, stored, own, first),
        bias_missed=float(stored.off[0]),
        asked=asked_of(running, templates, name, own, asked_own),
        kinds=kinds_of(rows, by_name(asked_abstract, len(templates)), asked_own, asked_others, asked_existing),
        existing_n=len(existing),
        existing_predicted=of_their_own(asked_existing, rows.kinds["existing"], len(templates)),
        existing_stretched=of_their_own(asked_existing, rows.kinds["existing_stretched"], len(templates)),
        existing_real=shares(real)[0],
        other_names=tuple(others),
        abstract_names=tuple(planned.abstract),
        existing_names=tuple(existing),
    )


def implant_many(running: Running, names: Sequence[str], options: ImplantOptions | None = None) -> list[Implant]:
    """Implant several names, each into a copy of its own, by one fit; see `implant`."""
    options = options or ImplantOptions()
    spelt = [name for name in names if not words_of(name)]
    if spelt:
        raise TokenError(f"the name {spelt[0]!r} arrived; expected one in words, such as seahorse")
    model = fit_rows(running, options)
    seconds = 5.0 * len(names)
    return [
        implant(running, name, options, model=model)
        for name in track(names, "implanting", total=len(names), seconds=seconds if len(names) > 1 else 0.0)
    ]


def write_implanted(running: Running, found: Implant, folder: str | Path) -> Path:
    """Write the copy with the predicted row as a folder that transformers opens, whole or not at all.

    Raises:
        OptionError: There is something already, or the tokenizer does not end where the rows do.
    """
    path = check_folder(folder)
    vacancy = found.vacancy
    stored = stored_rows(found.head, vacancy.row[None, :], np.array([vacancy.bias]))
    copy, _ = with_rows(running, stored, found.head.opened.emoji_ids)
    save(copy, found.text, path)
    return path


def _error(running: Running, copy: Running, stored: Stored, own: Sequence[tuple[int, ...]], first: int) -> float | None:
    """How far the copy's logits of the predicted row are from its own product with the residuals, cap and all."""
    readout, worst = running.head.readout, 0.0
    if not readout.known:
        return None
    for ids in own:
        seen = copy.read(ids)
        last = seen.states[-1, -1:]
        x = last if seen.last_is_normed else readout.normed(last)
        z: Float64[np.ndarray, "1 rows"] = (x.astype(np.float64) * readout.prescale) @ stored.rows[:1].T
        if stored.biases is not None:
            z = z + stored.biases[:1]
        worst = max(worst, abs(float(readout.finish(z.astype(np.float32))[0, 0]) - float(seen.logits[-1, first])))
    return worst
