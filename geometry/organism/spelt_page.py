"""The README of an organism that spells its emoji: the template beside this file, filled with figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometry.organism.readme import LISTS, illustrations, losses, p_value, table, verdict


def page(results: Mapping[str, Any]) -> str:
    """Return the README from the results that `geometry.organism.report.measure_spelt` gives."""
    growth, sizes = results["growth"], results["sizes"]
    text = growth["text"]
    return (Path(__file__).parent / "spelt.md").read_text(encoding="utf-8").format(
        warning="" if growth["steps_done"] == growth["recipe"]["steps"] else "**Unfinished.**\n\n",
        sizes=sizes,
        growth=growth,
        recipe=growth["recipe"],
        text=text,
        fingerprint=results["head"]["fingerprint"],
        floor=results["floor"],
        megabytes=sizes["bytes"] / 1e6,
        tokenizer_megabytes=sizes["bytes_tokenizer"] / 1e6,
        tokens=text["tokens"] / 1e6,
        seen=growth["tokens_seen"] / 1e6,
        times=growth["tokens_seen"] / text["tokens"],
        losses=losses(growth["losses"]),
        said=_said(results["said"]),
        how=_how(results["said"]),
        illustration=illustrations(results["said"]),
        answers=_answers(results["said"]),
    )  # fmt: skip


def _said(said: Mapping[str, Any]) -> str:
    rows = []
    for way, found in said.items():
        for kind, title in LISTS.items():
            one = found["lists"][kind]
            for level in ("subgroup", "group"):
                hits = one["counts"][level]
                share = f"{hits['hits']} of {hits['n']}"
                rows.append([way, title, level, share, f"{hits['chance']:.1f}", p_value(hits["p"])])
    return table(["asked", "names", "right", "hits", "chance", "p"], rows)


def _how(said: Mapping[str, Any]) -> str:
    rows = []
    for way, found in said.items():
        for kind, title in LISTS.items():
            one = found["lists"][kind]
            own = str(one["own"]) if kind == "held-out" else "–"
            same = one["as_whole"]
            alike = f"{same['hits']} of {same['n']} ({same['chance']:.1f}, p {p_value(same['p'])})"
            rows.append([way, title, f"{one['emoji']:.2f}", f"{one['canonical']:.4f}", own, alike])
    return table(
        [
            "asked",
            "names",
            "any emoji",
            "canonical share",
            "own emoji first",
            "in the subgroup where `whole` lands (chance)",
        ],
        rows,
    )


def _answers(said: Mapping[str, Any]) -> str:
    rows = []
    for kind in LISTS:
        columns = [found["lists"][kind]["answers"] for found in said.values()]
        for answers in zip(*columns, strict=True):
            rows.append([answers[0]["name"], answers[0]["subgroup"], *map(verdict, answers)])
    return table(["name", "its subgroup", *said], rows)
