"""Where a sum lands and why, as the page shows it: the landing and its explanation, with nothing computed anew."""

import time
from collections.abc import Iterator
from typing import Any

from geometry.explore.copying import copy_why, stamp
from geometry.explore.parameters import Parameters
from geometry.explore.planes import Planes, composite
from geometry.explore.rewriting import summands
from geometry.explore.shelf import Volume
from geometry.explore.sums import RIVALS, AskedSum, explained, read_sum
from geometry.expressions import parse
from geometry.figures.colors import tint
from geometry.figures.text import picture
from geometry.landing import Landing, LandingOptions, land_many
from geometry.landing.record import text_of
from geometry.landing.scans import variants_of
from geometry.why import Why
from geometry.why.phase import FINE, Phase


def land(volume: Volume, parameters: Parameters, planes: Planes) -> dict[str, Any]:
    """Answer ``/api/land``: winner, rivals, what each term gave them, where the sum lies on the map."""
    start = time.perf_counter()
    asked = read_sum(parameters, volume)
    why = explained(volume, asked)
    landing = _landing(why, asked)
    chances = {one.id: one.probability for one in landing.landings} if landing else {}
    copied = copy_why(volume, asked.expression, space=asked.space, among=asked.among, rivals=RIVALS)
    return {
        **stamp(volume, copied, why.options.seed),
        "given": asked.given,
        "expression": asked.expression,
        "space": asked.space,
        "among": asked.among,
        "metric": "logit",
        "sliders": [{"label": str(node), "weight": weight} for weight, node in summands(parse(asked.expression))],
        "terms": _terms(why),
        "winner": _told(why, why.winner.id, why.winner.score, why.winner.by_term, why.winner.by_bias, chances),
        "rivals": list(_rivals(why, chances)),
        "inputs": _inputs(landing),
        "cascade": [step.text for step in why.cascade],
        "composite": {
            **composite(planes, volume, asked.space, why.concept.vector),
            "winner": why.winner.id,
            "terms": sorted({token for term in why.concept.terms for token in term.ids}),
        },
        "notes": [*why.notes, *_more_notes(landing, why), *filter(None, [copied.note])],
        "milliseconds": 1e3 * (time.perf_counter() - start),
    }


def phase(volume: Volume, parameters: Parameters) -> dict[str, Any]:
    """Answer ``/api/phase``: who wins over two weights or three proportions, in colours."""
    asked = read_sum(parameters, volume)
    why = explained(volume, asked)
    if why.phase is None:
        terms = len(why.labels)
        told = "one term" if terms == 1 else f"{terms} different terms"
        many = ": vary two of them" if terms > 3 else ": add one"
        return {
            "phase": None,
            "reason": f"this sum has {told}; a phase diagram is of two, or of all three of three{many}",
        }
    copied = copy_why(
        volume, asked.expression, space=asked.space, among=asked.among, rivals=RIVALS, vary=asked.vary
    )  # fmt: skip
    return {
        "phase": _phase(why, why.phase),
        **stamp(volume, copied, why.options.seed),
        "expression": asked.expression,
        "space": asked.space,
    }


def _landing(why: Why, asked: AskedSum) -> Landing | None:
    """Land the sum deep enough to hold winner and rivals below all of its inputs; None where logits do not rank."""
    if asked.space == "whitened":
        return None
    inputs = why.concept.input_ids
    depth = 1 + RIVALS + len(inputs | variants_of(why.head, inputs))
    options = LandingOptions(k=depth, among=asked.among)
    return land_many(why.head, [asked.expression], options, space=asked.space)[0]


def _told(
    why: Why, token: int, score: float, by_term: dict[str, float], by_bias: float, chances: dict[int, float | None]
) -> dict[str, Any]:
    tokens = why.head.tokens
    known = None if tokens is None else tokens.emoji.get(token)
    text = text_of(why.head, token)
    return {
        "id": token,
        "text": text,
        "name": "" if known is None else known.name,
        "bytes": None if tokens is None else tokens.bytes_of(token).hex(),
        "kind": None if tokens is None else tokens.kind(token),
        "sprite": _sprite(text),
        "score": score,
        "probability": chances.get(token),
        "by_term": by_term,
        "by_bias": by_bias,
    }


def _rivals(why: Why, chances: dict[int, float | None]) -> Iterator[dict[str, Any]]:
    """Yield each rival with what the terms gave itself, so that its bar adds up to its score, and its margin."""
    own = why.winner
    for rival in why.rivals:
        by_term = {label: own.by_term[label] - less for label, less in rival.by_term.items()}
        told = _told(why, rival.id, rival.score, by_term, own.by_bias - rival.by_bias, chances)
        yield {**told, "margin": rival.margin, "flip_angle": rival.flip_angle, "win_angle": rival.win_angle}


def _terms(why: Why) -> list[dict[str, Any]]:
    """The operands in reading order; equal ones share a colour as they share a share of the margin."""
    places = {label: place for place, label in enumerate(why.labels)}
    found: list[dict[str, Any]] = why.concept.to_dict()["terms"]
    return [{**term, "color": places[term["label"]]} for term in found]


def _inputs(landing: Landing | None) -> list[dict[str, Any]]:
    if landing is None:
        return []
    return [
        {"id": one.id, "text": one.text, "rank": one.rank, "score": one.score, "is_variant": one.is_variant}
        for one in landing.landings
        if one.is_input or one.is_variant
    ]


def _more_notes(landing: Landing | None, why: Why) -> list[str]:
    if landing is None:
        return ["probabilities and the inputs' own ranks are not told in space whitened"]
    return [note for note in landing.notes if note not in why.notes]


def _phase(why: Why, found: Phase) -> dict[str, Any]:
    told: dict[str, Any] = why.to_dict()["phase"]
    for region in told["regions"]:
        region["color"] = "#" + "".join(f"{round(255 * part):02x}" for part in tint(region["text"]).tolist())
        region["sprite"] = _sprite(region["text"])
    if found.grid is not None:
        # every second point of it is as fine as a screen shows
        told["grid"] = found.grid[::2, ::2].tolist()
        told["grid_step"] = 2 * (found.window[1] - found.window[0]) / (FINE - 1)
    return told


def _sprite(text: str) -> str:
    """Return a token's emoji as the sheet of pictures knows it; empty where it is none."""
    return text.strip() if picture(text) is not None else ""
