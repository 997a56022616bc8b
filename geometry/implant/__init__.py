"""The implant: the row that a missing emoji would have, written into a copy of the running model. Is it said?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from geometry.asking import FEWEST
from geometry.concepts import evaluate
from geometry.errors import TokenError
from geometry.head import Head
from geometry.implant.asking import ask
from geometry.implant.back import Stored, stored_rows
from geometry.implant.copying import check_folder, is_tied, save, with_rows
from geometry.implant.measuring import Readout, Share, pooled, reach, shares
from geometry.implant.options import PLAIN, ImplantOptions, own_prompts
from geometry.implant.record import Asked, Implant, Kind
from geometry.implant.rows import Rows, make_rows
from geometry.implant.tables import CONTROLS, KINDS
from geometry.landing.record import text_of
from geometry.lexicon import nouns
from geometry.live.running import Running
from geometry.names import spell_name, words_of
from geometry.organism.lists import fill
from geometry.phantoms.catalogue import has_emoji
from geometry.progress import track
from geometry.vacancy import Vacancy, VacancyModel, find_vacancy, fit_vacancies

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
    planned = _plan(running, name, options, model)
    model, rows, templates = planned.model, planned.rows, planned.templates
    stored = stored_rows(model.view, rows.rows, rows.biases)
    copy, first = with_rows(running, stored, model.asked.ids)
    own, others = _prompts(running, templates, [name]), planned.others
    existing = [model.asked.emoji[i].name for i in rows.existing]
    ids = [int(model.asked.ids[i]) for i in rows.existing]
    gone = [frozenset({token}) | running.head.words().variants(token) for token in ids for _ in templates]
    asked_own, _ = ask(copy, own, first, label="its own prompts")
    asked_others, _ = ask(copy, _prompts(running, templates, others), first, label="other names")
    asked_abstract, _ = ask(copy, _prompts(running, templates, planned.abstract), first, label="abstract nouns")
    asked_existing, real = ask(copy, _prompts(running, templates, existing), first, label="names of emoji", gone=gone)
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
        asked=_asked(running, templates, name, own, asked_own),
        kinds=_kinds(rows, _by_name(asked_abstract, len(templates)), asked_own, asked_others, asked_existing),
        existing_n=len(existing),
        existing_predicted=_of_their_own(asked_existing, rows.kinds["existing"], len(templates)),
        existing_stretched=_of_their_own(asked_existing, rows.kinds["existing_stretched"], len(templates)),
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
    model = _fit(running, options)
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


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is known before the model is asked."""

    model: VacancyModel
    vacancy: Vacancy
    rows: Rows
    templates: tuple[str, ...]
    others: list[str]
    abstract: list[str]


def _plan(running: Running, name: str, options: ImplantOptions, model: VacancyModel | None) -> _Plan:
    words = words_of(name)
    if not words:
        raise TokenError(f"the name {name!r} arrived; expected one in words, such as seahorse")
    folder = running.head.opened.checkpoint.folder
    templates = options.prompts or own_prompts(folder) or PLAIN
    model, head = model or _fit(running, options), running.head.in_space(options.space)
    concept = evaluate(head, " + ".join([*words, "emoji"]))
    vacancy = find_vacancy(model, concept, hull=False)
    others = _other_names(head, name, options.names, seed=options.seed, concrete=True)
    # of as many words as the name, since more words lead further
    size = len(words)
    drawn = _other_names(head, name, size * options.names, seed=options.seed, concrete=False)
    abstract = [" ".join(drawn[i : i + size]) for i in range(0, len(drawn) - size + 1, size)]
    rows = make_rows(
        model, vacancy, name, draws=options.draws, names=options.names, seed=options.seed,
        abstract=[spell_name(model.view, one) for one in abstract],
    )  # fmt: skip
    return _Plan(model, vacancy, rows, templates, others, abstract)


def _fit(running: Running, options: ImplantOptions) -> VacancyModel:
    """Fit rows to names, on a head whose emoji have rows."""
    head, found = running.head, len(running.head.opened.emoji_ids)
    if found < FEWEST:
        raise TokenError(
            f"{head.name} has {found} emoji of one token; expected {FEWEST} or more to predict a row by: where emoji "
            "are spelt in bytes no row is missing, and geometry spell asks how strongly each is believed in"
        )
    return fit_vacancies(head.in_space(options.space), seed=options.seed)


def _prompts(running: Running, templates: Sequence[str], names: Sequence[str]) -> list[tuple[int, ...]]:
    return [running.encode(fill(template, name)) for name in names for template in templates]


def _other_names(head: Head, name: str, count: int, *, seed: int, concrete: bool) -> list[str]:
    """Draw names of the lexicon that have no emoji either, that share no word with this one and that can be spelt."""
    words = set(words_of(name))
    known = [
        noun.name
        for noun in nouns()
        if noun.concrete is concrete and not has_emoji(noun) and not words & set(words_of(noun.name))
    ]
    # the more familiar half: what a model has hardly met says little of how it names things
    known = [one for one in known[: max(count, len(known) // 2)] if spell_name(head, one)]
    drawn = np.random.default_rng([seed, 1]).choice(len(known), min(count, len(known)), replace=False)
    return [known[i] for i in sorted(drawn.tolist())]


def _by_name(found: Readout, templates: int) -> list[Readout]:
    """Return what was asked of each name, its prompts together."""
    starts = range(0, len(found.rank), templates)
    return [Readout(found.log_probability[i : i + templates], found.rank[i : i + templates]) for i in starts]


def _kinds(
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


def _of_their_own(found: Readout, place: slice, templates: int) -> Share:
    """Return, of rows predicted for emoji that exist, each one's after the prompts of its own name."""
    columns = np.repeat(np.arange(place.start, place.stop), templates)
    at = np.arange(len(columns))
    return shares(Readout(found.log_probability[at, columns][:, None], found.rank[at, columns][:, None]))[0]


def _asked(
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
