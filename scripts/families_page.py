"""The page of model types, docs/families.md, in words made from the readout table; `make_docs.py` writes it."""

from geometry.recipes import CLOSED, RECIPES, WRAPPERS, Formula, Key, Prescale, Presence, Recipe


def number(key: Key, *, absent: str) -> str:
    """A config key, the other name that it goes by, and what is taken where neither is there."""
    either = f" or `{key.also}`" if key.also else ""
    return f"`{key.name}`{either} ({absent if key.default is None else f'else {key.default:g}'})"


def eps(recipe: Recipe) -> str:
    """Where the norm's eps comes from; an empty string where there is no norm."""
    if recipe.norm is Formula.NONE:
        return ""
    return f"{recipe.eps:g}" if isinstance(recipe.eps, float) else number(recipe.eps, absent="which must be there")


def prescaled(prescale: Prescale) -> str:
    """What the residual is multiplied by before the head."""
    base = number(prescale.key, absent="which must be there")
    if prescale.over is not None:
        base += f" ÷ {number(prescale.over, absent='which must be there')}"
    text = "residual " + {1.0: "× ", -1.0: "÷ ", -0.5: "÷ √"}[prescale.power] + base
    if prescale.flags:
        text += (
            " unless " + " is false, or where that is absent ".join(f"`{one}`" for one in prescale.flags) + " is false"
        )
    return text


def around(recipe: Recipe) -> str:
    """What is done around the head besides the norm, part by part."""
    parts = [prescaled(recipe.prescale)] if recipe.prescale else []
    if recipe.scale:
        parts.append(f"logits {'÷' if recipe.divides else '×'} {number(recipe.scale, absent='which must be there')}")
    if recipe.cap:
        parts.append(f"cap {number(recipe.cap, absent='else none')}")
    if recipe.bias is not Presence.NEVER:
        parts.append("bias" if recipe.bias is Presence.ALWAYS else "bias where stored")
    parts += [f"no norm if `{key}` is {str(value).lower()}" for key, value in recipe.bare]
    parts += [f"closed if {refusal.reason}" for refusal in recipe.unless]
    return "; ".join(parts)


def families() -> str:
    """The page: what is read exactly, and what is not and why."""
    count = f"{len(RECIPES) + len(WRAPPERS)} types have a row and {len(CLOSED)} are closed."
    lines = ["# Model types", "", "Made by `make docs` from the readout table.", ""]
    lines += [f"What a model does around its head goes by its `model_type`: {count}", ""]
    lines += [
        "A type that is closed, or not here, still opens for rows and search; only its logits are refused. The same",
        "holds where a number below makes no sense. `a` or `b` is one key by two names. With",
        "the norm `none` the last block ends in a norm of its own, and the head takes what that gives.",
        "",
    ]
    for title, name, rows in (
        (
            "Language models",
            "norm | eps | around the head",
            [(f"{r.norm.value} | {eps(r)} | {around(r)}", t) for t, r in RECIPES.items()],
        ),
        ("Around a language model", "its type by default", [(f"`{w.text}`", t) for t, w in WRAPPERS.items()]),
        ("Closed", "why", [(reason, t) for t, reason in CLOSED.items()]),
    ):
        lines += [f"## {title}", "", f"| {name} | types |", "|---" * (name.count("|") + 2) + "|"]
        for cells in dict.fromkeys(cells for cells, _ in rows):
            lines.append(f"| {cells} | {', '.join(sorted(f'`{kind}`' for one, kind in rows if one == cells))} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"
