"""What may be asked of an implant, checked when it is asked, and the prompts it is asked with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geometry.choices import DEFAULT_SPACE, SpaceName, check_choice, check_seed
from geometry.errors import OptionError

IMPLANT_SPACES: tuple[SpaceName, ...] = ("raw", "folded", "centered")
BOUNDS = {"draws": (20, 5_000), "names": (4, 1_000)}

PLAIN = ("The {name} emoji is", "{name} emoji:", "The emoji for {a_name} is", "Is there a {name} emoji? Yes, it is")
"""Templates for a model that brings none of its own."""

MOST_BYTES = 1_000_000
MOST_PROMPTS = 200


@dataclass(frozen=True, kw_only=True)
class ImplantOptions:
    """What may be asked of an implant besides its name.

    Attributes:
        prompts: Templates with ``{name}`` or ``{a_name}``, to be gone on from with an emoji; none for the model's own.
        space: Where the row is predicted: ``raw``, ``folded`` or ``centered``.
        draws: Rows of shuffled names, and random rows, that it is held against: 20 to 5,000 of each.
        names: Other names that prompts are filled with, as many without an emoji as with one: 4 to 1,000.
        seed: Of the fit and of everything drawn.
    """

    prompts: tuple[str, ...] = ()
    space: SpaceName = DEFAULT_SPACE
    draws: int = 200
    names: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("space", self.space, IMPLANT_SPACES)
        check_seed(self.seed)
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise OptionError(f"{name}={value!r} arrived; expected a whole number from {least} to {most:,}")
        check_templates(self.prompts)


def check_templates(templates: Sequence[str]) -> None:
    """Refuse templates that no name can be put into.

    Raises:
        OptionError: One has no place for a name, or there are too many.
    """
    for template in templates:
        if "{name}" not in template and "{a_name}" not in template:
            raise OptionError(
                f"the prompt {template!r:.80} arrived; expected a template with {{name}} or {{a_name}} where the name "
                "goes, such as 'the {name} emoji is'"
            )
    if len(templates) > MOST_PROMPTS:
        raise OptionError(f"{len(templates)} prompts arrived; expected at most {MOST_PROMPTS}")


def own_prompts(folder: Path) -> tuple[str, ...]:
    """Return the templates of ``lists/prompts.tsv`` in a model's folder, each behind a space; none where it is absent.

    A line of an organism's text begins with a space, and so do its prompts.

    Raises:
        OptionError: There is such a file, and it is no table of templates.
    """
    path = folder / "lists" / "prompts.tsv"
    if not path.is_file():
        return ()
    said = f"{path} is no table of prompts with a column template; give --prompt instead"
    if path.stat().st_size > MOST_BYTES:
        raise OptionError(said)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        column = lines[0].split("\t").index("template")
        found = tuple(" " + line.split("\t")[column] for line in lines[1:] if line.strip())
    except (OSError, UnicodeDecodeError, IndexError, ValueError) as error:
        raise OptionError(said) from error
    check_templates(found)
    return found
