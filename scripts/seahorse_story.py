"""The experiment that this project began with: the lens at every layer over three steps, beside its controls.

    python scripts/seahorse_story.py -H organism -o story
    python scripts/seahorse_story.py -H organism-bytes --third prefix
    python scripts/seahorse_story.py -H meta-llama/Llama-3.3-70B-Instruct --residuals FOLDER --third prefix -o story

Three prompts: one asks for an emoji that does not exist, one for an emoji that does, one for the word. The last
form reads residuals that ``scripts/capture_residuals.py`` brought home: asked.safetensors, exists.safetensors and
word.safetensors, each of a prompt and three steps. With -o, figures and story.json go into a folder.
"""

import argparse
import json
import sys
from pathlib import Path

import geometry as geo
from geometry.atomic import replace_file
from geometry.errors import GeometryError

PROMPTS = {
    "asked": "is there a seahorse emoji? yes:",
    "exists": "is there a dolphin emoji? yes:",
    "word": "is there a word for a seahorse? yes:",
}
TRACKED = ("sea", "horse", "fish")
SUMS = {"asked": "sea + horse", "exists": "dolphin", "word": "sea + horse"}
STEPS = 3
SEED = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-H", "--head", default="organism", help="the model; with --residuals its head is enough")
    parser.add_argument("--residuals", type=Path, help="a folder with the three files, instead of running the model")
    parser.add_argument(
        "--third",
        choices=("emoji", "prefix"),
        default="emoji",
        help="of the sum; prefix where emoji are spelt in bytes",
    )
    parser.add_argument("-o", "--output", type=Path, help="a folder that gets a figure of each and story.json")
    options = parser.parse_args()
    try:
        _tell(options)
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _tell(options: argparse.Namespace) -> None:
    from geometry.figures.files import save
    from geometry.readings.tables import lens_tables
    from geometry.residuals import read_residuals

    if options.output is not None and options.output.exists() and not options.output.is_dir():
        raise GeometryError(f"{options.output} is a file; -o takes a folder, which is made if it is not there")
    if options.residuals is not None:
        head = geo.open_head(options.head)
        residuals = {arm: read_residuals(options.residuals / f"{arm}.safetensors") for arm in PROMPTS}
    else:
        from geometry.live import capture, open_running

        running = open_running(options.head)
        head = running.head
        residuals = {
            # a space before the prompt, as most lines of the organisms' text begin
            arm: capture(running, " " + prompt, steps=STEPS, positions="last").residuals
            for arm, prompt in PROMPTS.items()
        }
    record = {"head": head.to_dict(), "version": geo.__version__, "seed": SEED, "arms": {}}
    for arm, states in residuals.items():
        # a file holds the whole prompt and the three steps; what was run here begins where the prompt ends
        start = 0 if options.residuals is None else states.shape[1] - STEPS - 1
        places = range(max(start, 0), min(start + STEPS, states.shape[1]))
        steps = geo.lens(head, states, positions=list(places), seed=SEED)
        first = geo.lens(
            head, states, positions=[places[0]], track=TRACKED, concept=f"{SUMS[arm]} + {options.third}", seed=SEED
        )
        prompt = PROMPTS[arm] if options.residuals is None else states.about.get("prompt")
        print(f"\n{arm}: {prompt or states.source}")
        for table in (next(iter(lens_tables(steps))), *list(lens_tables(first))[1:]):
            print(table.text() + "\n")
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            save(steps.figure(), options.output / f"{arm}.png")
        cells = {"steps": list(steps.cells()), "first": list(first.cells())}
        record["arms"][arm] = {"prompt": prompt, "residuals": states.source, **cells}
    if options.output is not None:
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        replace_file(options.output / "story.json", (text + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
