"""What is settled before the model is asked: the fit, the rows to write, the prompts, and whose names they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geometry.asking import FEWEST
from geometry.concepts import evaluate
from geometry.errors import TokenError
from geometry.head import Head
from geometry.implant.options import PLAIN, ImplantOptions, own_prompts
from geometry.implant.rows import Rows, make_rows
from geometry.lexicon import nouns
from geometry.live.running import Running
from geometry.names import spell_name, words_of
from geometry.organism.lists import fill
from geometry.phantoms.catalogue import has_emoji
from geometry.vacancy import Vacancy, VacancyModel, find_vacancy, fit_vacancies


@dataclass(frozen=True, eq=False)
class Plan:
    """What is known before the model is asked.

    Attributes:
        model: the fit by which rows are predicted.
        vacancy: the row predicted for the name.
        rows: that row and those it is held against.
        templates: prompts with a place for a name.
        others: names that have no emoji either.
        abstract: abstract nouns, as many words each as the name has.
    """

    model: VacancyModel
    vacancy: Vacancy
    rows: Rows
    templates: tuple[str, ...]
    others: list[str]
    abstract: list[str]


def make_plan(running: Running, name: str, options: ImplantOptions, model: VacancyModel | None) -> Plan:
    """Settle everything before the model is asked; the fit is made where none is given.

    Raises:
        TokenError: the name is not in words, or the head has too few emoji to predict a row by.
    """
    words = words_of(name)
    if not words:
        raise TokenError(f"the name {name!r} arrived; expected one in words, such as seahorse")
    folder = running.head.opened.checkpoint.folder
    templates = options.prompts or own_prompts(folder) or PLAIN
    model, head = model or fit_rows(running, options), running.head.in_space(options.space)
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
    return Plan(model, vacancy, rows, templates, others, abstract)


def fit_rows(running: Running, options: ImplantOptions) -> VacancyModel:
    """Fit rows to names, on a head whose emoji have rows.

    Raises:
        TokenError: there are too few of those.
    """
    head, found = running.head, len(running.head.opened.emoji_ids)
    if found < FEWEST:
        raise TokenError(
            f"{head.name} has {found} emoji of one token; expected {FEWEST} or more to predict a row by: where emoji "
            "are spelt in bytes no row is missing, and geometry spell asks how strongly each is believed in"
        )
    return fit_vacancies(head.in_space(options.space), seed=options.seed)


def prompts_of(running: Running, templates: Sequence[str], names: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the token ids of every template filled with every name, a name at a time."""
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
