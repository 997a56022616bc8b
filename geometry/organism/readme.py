"""An organism's README and the page on the default space: the templates beside this file, filled with figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geometry.organism.tokenizer import MERGES

LISTS = {
    "held-out": "held-out emoji (drawn)",
    "phantoms": "phantoms, the seahorse left out",
    "nonce": "nonce words",
}

_MEASURES = {
    "recall_at_1": "recall@1",
    "recall_at_5": "recall@5",
    "mrr": "MRR",
    "emoji_recall_at_1": "recall@1 among emoji",
    "emoji_first": "any emoji first",
    "same_group": "vacated: group",
    "same_subgroup": "vacated: subgroup",
}


def organism(results: Mapping[str, Any]) -> str:
    """Return the README of an organism from the results that `geometry.organism.report.measure` gives."""
    growth, sizes = results["growth"], results["sizes"]
    steps, text = growth["recipe"]["steps"], growth["text"]
    unfinished = growth["steps_done"] < steps
    return _template("readme.md").format(
        warning=f"**Unfinished: step {growth['steps_done']:,} of {steps:,}.**\n\n" if unfinished else "",
        sizes=sizes,
        growth=growth,
        recipe=growth["recipe"],
        text=text,
        choice=results["choice"],
        census=results["census"],
        seed=results["seed"],
        fingerprint=results["head"]["fingerprint"],
        merges=MERGES,
        megabytes=sizes["bytes"] / 1e6,
        tokenizer_megabytes=sizes["bytes_tokenizer"] / 1e6,
        characters=text["characters"] / 1e6,
        tokens=text["tokens"] / 1e6,
        sha256=text["sha256"],
        seen=growth["tokens_seen"] / 1e6,
        times=growth["tokens_seen"] / text["tokens"],
        losses=losses(growth["losses"]),
        said=_said(results["said"]),
        illustration=illustrations(results["said"]),
        answers=_answers(results["said"]),
        agreement=_agreement(results["agreement"]),
        phantoms=results["phantoms"],
        rho=figure(results["phantoms"]["rank_correlation"]),
        same_subgroup_p=p_value(results["phantoms"]["same_subgroup_p"]),
        figures=_census(results["census"]),
    )


def default_space(results: Mapping[str, Any]) -> str:
    """Return the page that says which space is the default, and by which figures it was chosen."""
    choice = results["choice"]
    rows = []
    for space in choice["chosen"]:
        mark = " **(chosen)**" if space == choice["space"] else ""
        first, second = choice["chosen"][space], choice["confirmed"][space]
        cells = [figure(half[key]) for half in (first, second) for key in ("recall_at_1", "recall_at_5", "mrr")]
        rows.append([f"`{space}`{mark}", *cells])
    header = ["space", *(f"{half}: {name}" for half in ("first", "second") for name in ("recall@1", "recall@5", "MRR"))]
    best = max(choice["confirmed"], key=lambda space: choice["confirmed"][space]["recall_at_1"]["value"])
    verdict = "confirm it" if best == choice["space"] else f"do not: there `{best}` is better"
    return _template("default-space.md").format(
        fingerprint=results["head"]["fingerprint"],
        choice=choice,
        seed=results["seed"],
        verdict=verdict,
        lead=_lead(choice["lead"]),
        table=table(header, rows),
    )


def _lead(lead: Mapping[str, Any]) -> str:
    """Say how far the chosen space leads each other one, and whether the interval tells them apart."""
    told = [f"{figure(one)} over `{space}`" + " (not told apart)" * (one["low"] <= 0) for space, one in lead.items()]
    return "; ".join(told)


def _template(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def figure(figure: Mapping[str, Any]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def losses(losses: Sequence[Sequence[Any]]) -> str:
    train = {step: loss for step, text, loss in losses if text == "train"}
    held = [(step, loss) for step, text, loss in losses if text == "held"]
    rows = []
    for step, loss in held:
        near = min(train, key=lambda at: abs(at - step))
        rows.append([f"{step:,}", f"{train[near]:.3f}", f"{loss:.3f}"])
    return table(["step", "training text (mean of the 100 steps before)", "lines kept from training"], rows)


def _said(said: Mapping[str, Any]) -> str:
    rows = []
    for way, found in said.items():
        for kind, title in LISTS.items():
            for level in ("subgroup", "group"):
                hits = found["counts"][kind][level]
                share = f"{hits['hits']} of {hits['n']}"
                rows.append([way, title, level, share, f"{hits['chance']:.1f}", p_value(hits["p"])])
    return table(["asked", "names", "right", "hits", "chance", "p"], rows)


def _agreement(found: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for kind, title in LISTS.items():
        for one in found:
            if one["list"] == kind:
                first, second = one["ways"]
                cells = [f"{one['hits']} of {one['n']}", f"{one['chance']:.1f}", p_value(one["p"])]
                cells += [str(one[key]) for key in ("both_right", "first_only", "second_only")]
                rows.append([title, first, second, *cells])
    header = [
        "names",
        "one way",
        "another",
        "same subgroup",
        "chance",
        "p",
        "both right",
        "only the one",
        "only the other",
    ]
    return table(header, rows)


def p_value(value: float) -> str:
    return f"{value:.2g}" if value < 0.001 else f"{value:.3f}"


def illustrations(said: Mapping[str, Any]) -> str:
    rows = []
    for way, found in said.items():
        shown = found["illustration"]
        place = f"{shown['landing']} {shown['landing_name']} ({shown['landing_subgroup']})"
        rows.append([way, place, " ".join(shown["next"])])
    return table(["asked", "lands on", "then"], rows)


def _answers(said: Mapping[str, Any]) -> str:
    ways = list(said)
    rows = []
    for kind in LISTS:
        columns = [said[way]["answers"][kind] for way in ways]
        for answers in zip(*columns, strict=True):
            cells = [verdict(answer) for answer in answers]
            rows.append([answers[0]["name"], answers[0]["subgroup"], *cells])
    return table(["name", "its subgroup", *ways], rows)


def verdict(answer: Mapping[str, Any]) -> str:
    mark = " ✓" if answer["same_subgroup"] else " ·" if answer["same_group"] else ""
    return f"{answer['landing']}{mark}"


def _census(spaces: Mapping[str, Any]) -> str:
    rows = []
    for space, found in spaces.items():
        for way, recall in {"name + emoji": found, **found["baselines"]}.items():
            loss = "" if way == "name + emoji" else figure(recall["loss"])
            rows.append([f"`{space}`", way, *(figure(recall[key]) for key in _MEASURES), loss])
    return table(["space", "asked with", *_MEASURES.values(), "loss"], rows)
