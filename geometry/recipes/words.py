"""Recipes in words, for the page of model types."""

from geometry.recipes.formulas import Formula, Presence, Recipe


def eps(recipe: Recipe) -> str:
    """Return where the norm's eps comes from; an empty string where there is no norm."""
    if recipe.norm is Formula.NONE:
        return ""
    return f"{recipe.eps:g}" if isinstance(recipe.eps, float) else f"`{recipe.eps.name}`, else {recipe.eps.default:g}"


def around(recipe: Recipe) -> str:
    """Return what is done around the head besides the norm, part by part."""
    parts = []
    if recipe.prescale:
        key, over, power = recipe.prescale.key.name, recipe.prescale.over, recipe.prescale.power
        base = f"`{key}`" if over is None else f"`{key}` ÷ `{over.name}`"
        parts.append(f"residual × {base}" + {1.0: "", -1.0: "⁻¹", -0.5: "^−½"}[power])
        if recipe.prescale.flags:
            parts[-1] += f" unless {' or '.join(f'`{flag}`' for flag in recipe.prescale.flags)} is false"
    if recipe.scale:
        parts.append(f"logits {'÷' if recipe.divides else '×'} `{recipe.scale.name}`")
    if recipe.cap:
        parts.append(f"cap `{recipe.cap.name}`")
    if recipe.bias is not Presence.NEVER:
        parts.append("bias" if recipe.bias is Presence.ALWAYS else "bias where stored")
    parts += [f"no norm if `{key}` is {str(value).lower()}" for key, value in recipe.bare]
    parts += [f"closed if {refusal.reason}" for refusal in recipe.unless]
    return "; ".join(parts)
