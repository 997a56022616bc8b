"""The loop as a page: each try with what it said, what the layers read as, and what its lead is made of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geometry.figures.colors import SERIES
from geometry.live.record import shown
from geometry.pages import notes, page, text, token
from geometry.retry.arms import Arm
from geometry.retry.tables import ARM_WORDS, ends_of, shown_layers

if TYPE_CHECKING:
    from geometry.retry.reading import Layer, Rival, Snap
    from geometry.retry.record import ArmSummary, Attempt, Retry

STYLE = """
.tries{display:grid;gap:14px;margin-top:14px}
.try{border:1px solid var(--line);border-radius:8px;padding:12px 16px;display:grid;
grid-template-columns:minmax(180px,1fr) minmax(280px,2fr) minmax(280px,2fr);gap:20px}
.said{font-size:40px;line-height:1.2}.wrote{overflow-wrap:anywhere}
.end{display:inline-block;border:1px solid var(--warm);color:var(--warm);border-radius:10px;padding:0 8px;
font-size:12px}
.lens{width:100%;font-size:12.5px}.lens td{padding:1px 8px 1px 0;white-space:nowrap}
.lens td.at{color:var(--grey);text-align:right;width:1%}.lens td.bar{width:35%}
.lens td.rest{color:var(--grey);max-width:190px;overflow:hidden;text-overflow:ellipsis}
.fill{height:9px;background:var(--accent);border-radius:2px;min-width:1px}
.rival{display:grid;grid-template-columns:minmax(130px,max-content) 1fr 52px;gap:8px;
align-items:center;font-size:12.5px;margin:3px 0}
.axis{position:relative;height:16px;background:var(--soft)}.axis i{position:absolute;top:2px;bottom:2px}
.axis b{position:absolute;top:0;bottom:0;left:50%;width:1px;background:var(--grey)}
.key span{display:inline-block;margin-right:12px}.key i{display:inline-block;width:10px;height:10px;margin-right:4px}
.number{text-align:right;font-variant-numeric:tabular-nums}
@media(max-width:900px){.try{grid-template-columns:1fr}}
"""

MOST_LAYERS = 25
"""Layers that a card shows; the record has them all."""

REST, BIAS = "#9aa1a9", "#5c6670"


def retry_page(retry: "Retry") -> str:
    """Return the page of a record: run 1 of every arm try by try, and the arms compared."""
    parts = [f'<p class="grey">{text(retry.provenance())}</p>', _key(retry)]
    for arm in retry.arms:
        title = (
            "The loop: what it said is fed back" if arm.arm is Arm.OWN else f"Before the next try: {ARM_WORDS[arm.arm]}"
        )
        parts.append(f"<h2>{text(title)}{f' (run 1 of {arm.runs})' if arm.runs > 1 else ''}</h2>")
        parts.append('<div class="tries">' + "".join(_try(one) for one in retry.of(arm.arm)) + "</div>")
        if arm.arm is Arm.OWN and len(retry.arms) > 1:
            parts.append("<h2>What is fed back, compared</h2>" + _arms(retry))
    parts.append(notes([*_notes(), *retry.notes]))
    return page(retry.headline(), "\n".join(parts), style=STYLE, footer=retry.provenance())


def _notes() -> Iterator[str]:
    yield (
        "P: of the emoji as it was spelt, by the model's own logits at T = 1; without one, of the token that stopped "
        "the text, or else of the first"
    )
    yield (
        "Layers: softmax over every row, each layer normed by its own scale; 0 is the embedding. Read where "
        "its first token was said"
    )
    yield "Moved: the angle between this try's residual there and the last try's, after the final norm"
    yield "Margins: logits before the head's scale and cap, taken apart exactly"


def _key(retry: "Retry") -> str:
    concept = retry.options.concept
    if concept is None:
        return ""
    colors = _colors(retry.of(Arm.OWN)[0].snap)
    spans = "".join(f'<span><i style="background:{color}"></i>{text(name)}</span>' for name, color in colors.items())
    return (
        f'<p class="key">margins by the terms of {text(concept)}, which by itself lands on '
        f"{token(retry.concept_winner or '')}: {spans}</p>"
    )


def _colors(snap: "Snap") -> dict[str, str]:
    terms = {label: SERIES[place % len(SERIES)] for place, label in enumerate(snap.weights)}
    biased = any(rival.by_bias for rival in snap.rivals)
    return {**terms, "the rest of the residual": REST, **({"bias": BIAS} if biased else {})}


def _try(one: "Attempt") -> str:
    before, emoji, after = one.text
    said = f'<div class="said">{text(emoji)}</div>' if emoji else ""
    wrote = (
        f'<div class="wrote">{token(before)}{text(emoji)}{text(after)}</div>'
        if before.strip() or after or not emoji
        else ""
    )
    facts = [f"try {one.step}", f"P {shown(one.probability)}"]
    if one.moved is not None:
        facts.append(f"moved {one.moved.degrees:.1f}° (|x−x′| {one.moved.distance:.2f})")
    if one.snap.share is not None:
        facts.append(f"{one.snap.share:.0%} of the residual in the terms' span")
    facts.append(f"ids {' '.join(map(str, one.ids)) or 'none'}")
    fed = f"fed back: {one.fed_emoji.text}" if one.fed_emoji is not None and one.fed_emoji != one.emoji else ""
    end = "" if one.end is None else one.end.value + (f": {one.phrase}" if one.phrase else "")
    lines = "".join(f'<div class="small grey">{text(fact)}</div>' for fact in [*facts, fed] if fact)
    ended = f'<span class="end">{text(end)}</span>' if end else ""
    cells = (
        f"{said}{wrote}{lines}{ended}",
        _lens(one),
        _margins(one),
    )
    return f'<div class="try">{"".join(f"<div>{cell}</div>" for cell in cells)}</div>'


def _lens(one: "Attempt") -> str:
    rows = "".join(
        _layer(str(layer.layer), layer)
        for layer in (one.layers[at] for at in reversed(shown_layers(len(one.layers), MOST_LAYERS)))
    )
    if one.layers_last:
        rows += _layer("last token", one.layers_last[-1])
    return f'<table class="lens">{rows}</table>'


def _layer(name: str, layer: "Layer") -> str:
    first, *others = layer.top
    rest = " ".join(token(top.text) for top in others)
    bar = f'<div class="fill" style="width:{100 * first.probability:.1f}%"></div>'
    return (
        f'<tr><td class="at">{text(name)}</td><td>{token(first.text)}</td>'
        f'<td class="number">{first.probability:.2f}</td>'
        f'<td class="bar">{bar}</td><td class="rest">{rest}</td></tr>'
    )


def _margins(one: "Attempt") -> str:
    """Bars of the first token's margins and of the last one's, all on one scale."""
    snaps = [snap for snap in (one.snap, one.snap_last) if snap is not None]
    widest = max((_reach(rival) for snap in snaps for rival in snap.rivals), default=1.0) or 1.0
    return "".join(_bars(snap, widest) for snap in snaps)


def _bars(snap: "Snap", widest: float) -> str:
    colors = _colors(snap)
    rows = []
    for rival in snap.rivals:
        bars, at = [], {True: 50.0, False: 50.0}
        # the bias, which comes last, has no colour where there is none
        for (name, color), value in zip(colors.items(), _parts(rival), strict=False):
            width, ahead = 50 * abs(value) / widest, value > 0
            left = at[ahead] if ahead else at[ahead] - width
            at[ahead] += width if ahead else -width
            label = f"{name} {_signed(value)}"
            bars.append(
                f'<i style="left:{left:.2f}%;width:{width:.2f}%;background:{color}" title="{text(label)}"></i>'
                if width
                else ""
            )
        rows.append(
            f'<div class="rival"><div>{token(snap.text)} over {token(rival.text)}</div>'
            f'<div class="axis">{"".join(bars)}<b></b></div><div class="number">{_signed(rival.margin)}</div></div>'
        )
    return "".join(rows)


def _parts(rival: "Rival") -> list[float]:
    return [*rival.by_term.values(), rival.rest, rival.by_bias]


def _reach(rival: "Rival") -> float:
    parts = _parts(rival)
    return max(sum(x for x in parts if x > 0), -sum(x for x in parts if x < 0))


def _arms(retry: "Retry") -> str:
    heads = (
        "arm",
        "before the next try",
        "T",
        "runs",
        "emoji a run",
        "kinds",
        "with a second",
        "the first again",
        "of its subgroup",
    )
    cells = "".join(f"<th>{text(name)}</th>" for name in (*heads, "moved", "ends"))
    rows = "".join(f"<tr>{_arm(one)}</tr>" for one in retry.arms)
    return f'<div class="scroll"><table class="plain"><tr>{cells}</tr>{rows}</table></div>'


def _arm(one: "ArmSummary") -> str:
    numbers = (f"{one.temperature:g}", one.runs, f"{one.said:.1f}", one.distinct, one.second, one.again, one.kept)
    angle = "–" if one.degrees is None else f"{one.degrees:.1f}°"
    cells = "".join(f'<td class="number">{value}</td>' for value in (*numbers, angle))
    return f"<td>{text(one.arm.value)}</td><td>{text(ARM_WORDS[one.arm])}</td>{cells}<td>{text(ends_of(one))}</td>"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
