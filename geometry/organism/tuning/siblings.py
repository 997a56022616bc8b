"""One seed of the siblings: primed, rewarded and taught, each kept as a folder with its course."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from geometry.atomic import replace_file
from geometry.errors import GeometryError
from geometry.organism.listen import listen
from geometry.organism.recipe import export
from geometry.organism.tuning import arms, names

STAGES = ("primed", "rewarded", "taught")


def tune(
    base: Path, lists: Path, run: Path, seed: int, *, say: Callable[[str], None], plan: arms.Schedule | None = None
) -> None:
    """Prime the organism once and tune it in both arms; what is there of this seed already is left as it is.

    Args:
        base: The organism's folder.
        lists: Where ``names.tsv`` and ``questions.tsv`` lie.
        run: Gets ``<seed>/<stage>/`` for each of `STAGES`: a folder that transformers opens, and ``course.json``.
        seed: Of priming, order and samples.
        say: Gets a line of progress now and then.
    """
    plan = plan or arms.Schedule()
    asked, every = names.read(lists), names.read_questions(lists)
    questions = [question for question in every if question.tuned]
    folder = run / str(seed)
    first = listen(base)
    if not _course(folder / "primed").is_file():
        pupil = arms.Pupil(arms.untied(first.model), first.tokenizer)
        steps = arms.prime(pupil, asked, questions, plan, seed, before=first)
        _kept(pupil, folder / "primed", steps, plan, seed, say)
    primed = listen(folder / "primed")
    for stage, arm in (("rewarded", arms.reward), ("taught", arms.teach)):
        if not _course(folder / stage).is_file():
            pupil = arms.Pupil(copy.deepcopy(primed.model), primed.tokenizer)
            _kept(pupil, folder / stage, arm(pupil, asked, questions, plan, seed), plan, seed, say)


def finished(run: Path) -> list[int]:
    """Return the seeds that were tuned, each in both arms.

    Raises:
        GeometryError: There are none, or one is not whole.
    """
    seeds = sorted(int(path.name) for path in run.glob("*") if path.name.isdigit())
    lacking = [
        f"{seed}/{stage}" for seed in seeds for stage in STAGES if not _course(run / str(seed) / stage).is_file()
    ]
    if lacking or not seeds:
        raise GeometryError(
            f"{run} holds no {lacking[0] if lacking else 'seed'} that is tuned to its end: python "
            f"scripts/tune_organisms.py tune --seed {lacking[0].split('/')[0] if lacking else 1} does it"
        )
    return seeds


def _course(folder: Path) -> Path:
    """Return the file that is written last, so that it marks a whole folder."""
    return folder / "course.json"


def _kept(
    pupil: arms.Pupil,
    folder: Path,
    steps: Iterator[arms.Step],
    plan: arms.Schedule,
    seed: int,
    say: Callable[[str], None],
) -> None:
    """Take the steps and keep the model with its course."""
    course: list[dict[str, Any]] = []
    for step in steps:
        course.append(asdict(step))
        if len(course) % 20 == 0:
            say(f"seed {seed}, {folder.name}, step {len(course)}: {step.right:.2f} of the answers right")
    export(pupil.model, pupil.tokenizer.backend_tokenizer, folder)
    record = {"seed": seed, "plan": asdict(plan), "sequences": 0, "tokens": 0, "course": course}
    for key in ("sequences", "tokens"):
        record[key] = sum(step[key] for step in course)
    replace_file(_course(folder), (json.dumps(record, indent=1) + "\n").encode())
