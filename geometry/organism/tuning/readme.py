"""The siblings' pages: what was asked of them, told in tables from their results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometry.organism.readme import figure, table
from geometry.organism.tuning.names import NONE, QUESTIONS

_STAGES = {
    "untuned": "`whole`, untuned",
    "primed": "primed",
    "rewarded": "rewarded",
    "taught": "taught",
    "rewarded − taught": "rewarded − taught",
    "rewarded − primed": "rewarded − primed",
}

_MISSING = {
    "missing": "held-out emoji and phantoms",
    "nonce": "nonce words",
    "noun": "ordinary nouns",
}

_HOW = {
    "rewarded": "rewarded for its own sampled answers, 1 where right and 0 where not (REINFORCE, the mean of the other "
    "answers to the same question as baseline)",
    "taught": "fine-tuned on the right answers",
}


def page(results: Mapping[str, Any]) -> str:
    """Return the page of both siblings."""
    return _template("readme.md").format(
        seeds=", ".join(map(str, results["seeds"])),
        names=_names(results["names"]),
        none=NONE,
        questions=table(["question", "tuned"], [[f"`{q.template}`", "yes" if q.tuned else "never"] for q in QUESTIONS]),
        courses=_courses(results),
        primary=_told_apart(results["told_apart"]["missing"]),
        secondary=_secondary(results["told_apart"]),
        kinds=_kinds(results["kinds"]),
        probe=_probe(results["probe"], last_only=True),
        layers=_probe(results["probe"], last_only=False),
        unprobed=_unprobed(results["unprobed"]),
    )


def sibling(stage: str, results: Mapping[str, Any]) -> str:
    """Return the README of one sibling's folder."""
    course = results["courses"][stage][0]
    return _template("sibling.md").format(
        stage=stage,
        how=_HOW[stage],
        head=results["heads"][stage],
        seed=course["seed"],
        steps=len(course["course"]),
        sequences=course["sequences"],
        tokens=course["tokens"],
        rate=course["plan"]["rate"],
        first=sum(step["right"] for step in course["course"][:10]) / 10,
        last=sum(step["right"] for step in course["course"][-10:]) / 10,
        losses=_course(course),
    )


def _template(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _names(counted: Mapping[str, Mapping[str, int]]) -> str:
    rows = [[kind, str(one["tuned"]), str(one["never"])] for kind, one in counted.items()]
    return table(["names", "tuned on", "never"], rows)


def _courses(results: Mapping[str, Any]) -> str:
    rows = []
    for stage, courses in results["courses"].items():
        for one in courses:
            ends = [
                sum(step["right"] for step in part) / len(part) for part in (one["course"][:10], one["course"][-10:])
            ]
            cells = [f"{one['sequences']:,}", f"{one['tokens']:,}", *(f"{share:.2f}" for share in ends)]
            rows.append([_STAGES[stage], str(one["seed"]), str(len(one["course"])), *cells])
    return table(["stage", "seed", "steps", "answers", "tokens", "right, first 10 steps", "right, last 10"], rows)


def _course(course: Mapping[str, Any]) -> str:
    steps, rows = course["course"], []
    for start in range(0, len(steps), 20):
        part = steps[start : start + 20]
        rows.append([f"{start + 1}–{start + len(part)}", f"{sum(step['right'] for step in part) / len(part):.3f}"])
    return table(["steps", "share of the answers that were right"], rows)


def _told_apart(ways: Mapping[str, Any]) -> str:
    rows = []
    for way, stages in ways.items():
        for stage, found in stages.items():
            rows.append([way, _STAGES[stage], figure(found), " ".join(f"{one:.3f}" for one in found["by_seed"])])
    return table(["asked with", "model", f"missing − existing, P(“{NONE}”)", "seed by seed"], rows)


def _secondary(told: Mapping[str, Any]) -> str:
    rows = []
    for missing in ("nonce", "noun"):
        for way, stages in told[missing].items():
            rows.append([_MISSING[missing], way, *(figure(stages[s]) for s in ("primed", "rewarded", "taught"))])
    return table(["without an emoji", "asked with", "primed", "rewarded", "taught"], rows)


def _kinds(found: list[Mapping[str, Any]]) -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        place = (one["kind"], "yes" if one["tuned"] else "never", one["questions"])
        cells = [f"{one[key]['value']:.3f}" for key in ("none", "right", "emoji")]
        rows.setdefault(place, []).append(" / ".join(cells))
    header = ["names", "tuned on", "questions", "primed", "rewarded", "taught"]
    return table(header, [[*place, *cells] for place, cells in rows.items()])


def _probe(found: list[Mapping[str, Any]], *, last_only: bool) -> str:
    last = max(one["layer"] for one in found)
    rows = []
    for one in found:
        if one["place"] == "name" and last_only:
            rows.append([_STAGES[one["stage"]], "the name's embedding alone", "", figure(one), ""])
        elif one["place"] != "name" and (one["layer"] == last or not last_only):
            place = "before anything is said" if one["place"] == "before" else "after its emoji is fed back"
            layer = [] if last_only else [str(one["layer"])]
            shuffled = [figure(one["shuffled"])] if last_only else []
            rows.append([_STAGES[one["stage"]], place, one["questions"], *layer, figure(one), *shuffled])
    extra = ["area under ROC", "labels shuffled"] if last_only else ["layer", "area under ROC"]
    return table(["model", "residual", "questions", *extra], rows)


def _unprobed(found: list[Mapping[str, Any]]) -> str:
    rows = [[_STAGES[one["stage"]], one["questions"], figure(one)] for one in found]
    return table(["model", "questions", "area under ROC"], rows)
