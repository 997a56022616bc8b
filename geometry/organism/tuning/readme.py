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
        told=_told(results),
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
        right="all, as they are given"
        if stage == "taught"
        else _ends(course, " of those in the first ten steps, ") + " of those in the last ten",
        course="" if stage == "taught" else _course(course) + "\n\n",
    )


def _template(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _told(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of the page's first paragraphs: tuned questions, names never tuned on."""
    never = [one for one in results["kinds"] if not one["tuned"] and one["questions"] == "tuned"]
    none = {(one["kind"], one["stage"]): one["none"]["value"] for one in never}
    last = max(one["layer"] for one in results["probe"])
    probe = {(one["stage"], one["place"]): one for one in results["probe"] if one["layer"] in (0, last)
             if one["place"] == "name" or (one["layer"] == last and one["questions"] == "tuned")}  # fmt: skip
    arms = results["told_apart"]["missing"]["tuned questions"]["rewarded − taught"]

    def both(kind: str) -> str:
        return f"rewarded {none[kind, 'rewarded']:.2f}, taught {none[kind, 'taught']:.2f}"

    return {
        "missing": f"held-out emoji: {both('held-out')}; phantoms: {both('phantom')}",
        "false": both("existing"),
        "arms": figure(arms),
        "arms_by_seed": ", ".join(f"{one:.3f}" for one in arms["by_seed"]),
        "nouns": both("noun"),
        "nonce": both("nonce"),
        "nouns_primed": f"{none['noun', 'primed']:.2f}",
        "name": figure(probe["untuned", "name"]),
        "name_nouns": f"{probe['untuned', 'name']['nouns']:.3f}",
        "before": f"{probe['untuned', 'before']['value']:.2f}",
        "before_reward": f"{probe['rewarded', 'before']['value']:.2f}",
        "carried": f"{probe['untuned', 'before']['nouns']:.2f}",
        "carried_reward": f"{probe['rewarded', 'before']['nouns']:.2f}",
        "fed": f"{probe['untuned', 'after']['value']:.2f}",
        "fed_reward": f"{probe['rewarded', 'after']['value']:.2f}",
    }


def _names(counted: Mapping[str, Mapping[str, int]]) -> str:
    rows = [[kind, str(one["tuned"]), str(one["never"])] for kind, one in counted.items()]
    return table(["names", "tuned on", "never"], rows)


def _courses(results: Mapping[str, Any]) -> str:
    rows = []
    for stage, courses in results["courses"].items():
        for one in courses:
            ends = ["given", "given"] if stage == "taught" else _ends(one, "|").split("|")
            cells = [str(len(one["course"])), f"{one['sequences']:,}", f"{one['tokens']:,}", *ends]
            rows.append([_STAGES[stage], str(one["seed"]), *cells])
    return table(["stage", "seed", "steps", "answers", "tokens", "right, first 10 steps", "right, last 10"], rows)


def _ends(course: Mapping[str, Any], between: str) -> str:
    """Return the shares of answers that were right in the first ten steps and in the last ten."""
    steps = [step["right"] for step in course["course"]]
    return between.join(f"{sum(part) / len(part):.2f}" for part in (steps[:10], steps[-10:]))


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
            cells = [figure(one), f"{one['shuffled']['value']:.3f}", f"{one['nouns']:.3f}"]
            rows.append([_STAGES[one["stage"]], "the name's embedding alone", "", *cells])
        elif one["place"] != "name" and (one["layer"] == last or not last_only):
            place = "before anything is said" if one["place"] == "before" else "after its emoji is fed back"
            layer = [] if last_only else [str(one["layer"])]
            controls = [f"{one['shuffled']['value']:.3f}", f"{one['nouns']:.3f}"] if last_only else []
            rows.append([_STAGES[one["stage"]], place, one["questions"], *layer, figure(one), *controls])
    extra = ["area under ROC", "shuffled", "nouns"] if last_only else ["layer", "area under ROC"]
    return table(["model", "residual", "questions", *extra], rows)


def _unprobed(found: list[Mapping[str, Any]]) -> str:
    rows = [[_STAGES[one["stage"]], one["questions"], figure(one)] for one in found]
    return table(["model", "questions", "area under ROC"], rows)
