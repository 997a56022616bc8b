"""Measuring the siblings: everything their page says, as one JSON file, and the first seed's models as folders."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

import geometry
from geometry.atomic import replace_file
from geometry.bundled import data_folder
from geometry.head import open_head
from geometry.intervals import Figure, multiplicities, resampled
from geometry.organism.listen import listen
from geometry.organism.tuning import arms, names, readme
from geometry.organism.tuning.knowing import Held, Said, area, listen_to, look_into, probe
from geometry.organism.tuning.siblings import STAGES, finished

SEED = 0
"""Of resamples and shuffles."""

KEPT = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def write(base: Path, lists: Path, run: Path) -> None:
    """Measure every seed in ``run``; write results and pages, and the first seed's arms as bundled organisms."""
    results = measure(base, lists, run)
    for stage in STAGES[1:]:
        folder = data_folder() / "organisms" / stage
        folder.mkdir(exist_ok=True)
        for name in (*KEPT, "course.json"):
            shutil.copyfile(run / str(results["seeds"][0]) / stage / name, folder / name)
        for licence in base.glob("LICENSE-*"):
            shutil.copyfile(licence, folder / licence.name)
        results["heads"][stage] = open_head(folder).to_dict()
        replace_file(folder / "README.md", readme.sibling(stage, results).encode())
    text = json.dumps(results, ensure_ascii=False, indent=1)
    replace_file(lists / "results.json", (text + "\n").encode())
    replace_file(lists / "README.md", readme.page(results).encode())


def measure(base: Path, lists: Path, run: Path) -> dict[str, Any]:
    """Return every figure of the siblings' page.

    Args:
        base: The organism before any tuning.
        lists: Where the names and questions lie.
        run: ``<seed>/<stage>/``, from `geometry.organism.tuning.siblings.tune`.

    Raises:
        GeometryError: No seed was tuned there, or one not to its end.
    """
    asked, questions = names.read(lists), names.read_questions(lists)
    seeds = finished(run)
    said: dict[str, list[Said]] = {stage: [] for stage in STAGES}
    held: dict[str, list[Held]] = {"untuned": [_look(base, asked, questions)[1]], **{stage: [] for stage in STAGES}}
    courses: dict[str, list[Any]] = {stage: [] for stage in STAGES}
    for seed in seeds:
        for stage in STAGES:
            folder = run / str(seed) / stage
            one, states = _look(folder, asked, questions)
            said[stage].append(one)
            held[stage].append(states)
            courses[stage].append(json.loads((folder / "course.json").read_text(encoding="utf-8")))
    return {
        "version": geometry.__version__,
        "heads": {"untuned": open_head(base).to_dict()},
        "seed": SEED,
        "seeds": seeds,
        "courses": courses,
        "names": _counted(asked),
        "told_apart": _told_apart(asked, questions, said),
        "kinds": _kinds(asked, questions, said),
        "probe": _probes(asked, questions, held),
        "unprobed": _unprobed(asked, questions, said),
    }


def _look(folder: Path, asked: Sequence[names.Asked], questions: Sequence[names.Question]) -> tuple[Said, Held]:
    """Return what a model says, of all names, and its residuals, of those kept from tuning."""
    listener = listen(folder)
    pupil = arms.Pupil(listener.model, listener.tokenizer)
    kept = [entry for entry in asked if _is_looked_into(entry)]
    said = listen_to(pupil, asked, questions, listener.ids)
    return said, look_into(pupil, kept, questions, listener.ids)


def _is_probed(entry: names.Asked) -> bool:
    return not entry.tuned and entry.kind in ("existing", "held-out", "phantom")


def _is_looked_into(entry: names.Asked) -> bool:
    return _is_probed(entry) or entry.kind == "noun"


def _counted(asked: Sequence[names.Asked]) -> dict[str, dict[str, int]]:
    kinds = dict.fromkeys(entry.kind for entry in asked)
    return {
        kind: {
            "tuned": sum(entry.tuned for entry in asked if entry.kind == kind),
            "never": sum(not entry.tuned for entry in asked if entry.kind == kind),
        }
        for kind in kinds
    }


def _columns(questions: Sequence[names.Question], tuned: bool) -> list[int]:
    return [place for place, question in enumerate(questions) if question.tuned == tuned]


def _told_apart(
    asked: Sequence[names.Asked], questions: Sequence[names.Question], said: Mapping[str, Sequence[Said]]
) -> dict[str, Any]:
    """How much likelier "there is none" is for names without an emoji than for names with one, none of them tuned."""
    exists = np.array([entry.kind == "existing" and not entry.tuned for entry in asked])
    found: dict[str, Any] = {}
    for missing, kinds in (("missing", ("held-out", "phantom")), ("nonce", ("nonce",)), ("noun", ("noun",))):
        absent = np.array([entry.kind in kinds and not entry.tuned for entry in asked])
        for way, tuned in (("tuned questions", True), ("untuned questions", False)):
            columns = _columns(questions, tuned)
            none = {s: np.stack([one.none[:, columns].mean(axis=1) for one in many]) for s, many in said.items()}
            rows = {stage: _contrast(values, absent, exists, asked) for stage, values in none.items()}
            rows["rewarded − taught"] = _contrast(none["rewarded"] - none["taught"], absent, exists, asked)
            rows["rewarded − primed"] = _contrast(none["rewarded"] - none["primed"], absent, exists, asked)
            found.setdefault(missing, {})[way] = rows
    return found


def _contrast(
    values: Float64[np.ndarray, "seeds names"],
    absent: Bool[np.ndarray, " names"],
    exists: Bool[np.ndarray, " names"],
    asked: Sequence[names.Asked],
) -> dict[str, Any]:
    """Return the mean over absent names less the mean over existing ones, of the mean over seeds, and of each seed."""

    def difference(row: Float64[np.ndarray, " names"], places: Int64[np.ndarray, " drawn"]) -> float:
        gone, there = places[absent[places]], places[exists[places]]
        return float(row[gone].mean() - row[there].mean()) if len(gone) and len(there) else float("nan")

    of_interest = np.flatnonzero(absent | exists)
    family = np.array([entry.family for entry in asked])[of_interest]
    mean = values.mean(axis=0)
    figure = resampled(lambda drawn: difference(mean, of_interest[drawn]), family, SEED)
    return asdict(figure) | {"by_seed": [difference(row, of_interest) for row in values]}


def _kinds(
    asked: Sequence[names.Asked], questions: Sequence[names.Question], said: Mapping[str, Sequence[Said]]
) -> list[dict[str, Any]]:
    """How often each kind of name, tuned or not, gets "there is none", its right emoji, or any emoji."""
    family = np.array([entry.family for entry in asked])
    found = []
    for kind, tuned in dict.fromkeys((entry.kind, entry.tuned) for entry in asked):
        places = np.flatnonzero([entry.kind == kind and entry.tuned == tuned for entry in asked])
        for way, columns in (("tuned", _columns(questions, True)), ("untuned", _columns(questions, False))):
            for stage, many in said.items():
                row: dict[str, Any] = {"kind": kind, "tuned": tuned, "questions": way, "stage": stage}
                for key in ("none", "right", "emoji"):
                    values = np.mean([getattr(one, key)[:, columns].mean(axis=1) for one in many], axis=0)[places]
                    row[key] = asdict(_mean(values, family[places]))
                found.append(row)
    return found


def _mean(values: Float64[np.ndarray, " items"], family: Int64[np.ndarray, " items"]) -> Figure:
    return resampled(lambda drawn: float(values[drawn].mean()), family, SEED)


def _probes(
    asked: Sequence[names.Asked], questions: Sequence[names.Question], held: Mapping[str, Sequence[Held]]
) -> list[dict[str, Any]]:
    """Areas under the ROC curve of the existence probe: by model, place, set of questions and layer, with controls."""
    kept = [entry for entry in asked if _is_looked_into(entry)]
    of_probe = np.array([_is_probed(entry) for entry in kept])
    exists = np.array([entry.exists for entry in kept])[of_probe]
    family = np.array([entry.family for entry in kept])[of_probe]
    found: list[dict[str, Any]] = []

    def add(states: Sequence[Float32[np.ndarray, "names dim"]], last: bool, **about: Any) -> None:
        fits = [probe(one[of_probe], exists, family, one[~of_probe] if last else None) for one in states]
        row = about | _areas([one.scores for one in fits], [exists] * len(fits), family)
        if last:
            labels = [_shuffled(exists, family, SEED + run) for run in range(len(states))]
            runs = zip(states, labels, strict=True)
            row["shuffled"] = _areas([probe(one[of_probe], y, family).scores for one, y in runs], labels, family)
            row["nouns"] = float(np.mean([one.others for one in fits]))
        found.append(row)

    for stage, many in held.items():
        add([one.name for one in many], True, stage=stage, place="name", questions="", layer=0)
        for place in ("before", "after"):
            for way, columns in (("tuned", _columns(questions, True)), ("untuned", _columns(questions, False))):
                layers = getattr(many[0], place).shape[2]
                for layer in range(layers):
                    states = [getattr(one, place)[:, column, layer] for one in many for column in columns]
                    add(states, layer == layers - 1, stage=stage, place=place, questions=way, layer=layer)
    return found


def _shuffled(
    exists: Bool[np.ndarray, " names"], family: Int64[np.ndarray, " names"], seed: int
) -> Bool[np.ndarray, " names"]:
    """Return the labels dealt out again over whole families."""
    _, first, index = np.unique(family, return_index=True, return_inverse=True)
    return exists[first][np.random.default_rng(seed).permutation(len(first))][index]


def _unprobed(
    asked: Sequence[names.Asked], questions: Sequence[names.Question], said: Mapping[str, Sequence[Said]]
) -> list[dict[str, Any]]:
    """The same areas without a probe: the likeliest emoji's probability as the score."""
    places = np.flatnonzero([_is_probed(entry) for entry in asked])
    exists = np.array([entry.exists for entry in asked])[places]
    family = np.array([entry.family for entry in asked])[places]
    found = []
    for stage, many in said.items():
        for way, tuned in (("tuned", True), ("untuned", False)):
            scores = [one.best[places, column] for one in many for column in _columns(questions, tuned)]
            found.append({"stage": stage, "questions": way} | _areas(scores, [exists] * len(scores), family))
    return found


def _areas(
    scores: Sequence[Float64[np.ndarray, " names"]],
    labels: Sequence[Bool[np.ndarray, " names"]],
    family: Int64[np.ndarray, " names"],
) -> dict[str, Any]:
    """Return the mean area over runs (seeds and questions) with its interval over families."""
    runs = list(zip(scores, labels, strict=True))
    weights = multiplicities(family, SEED)
    low, high = np.nanpercentile(np.mean([area(row, y, weights) for row, y in runs], axis=0), [2.5, 97.5])
    return asdict(Figure(float(np.mean([area(row, y)[0] for row, y in runs])), float(low), float(high)))
