"""The command line: parses, calls, prints. Nothing heavy is imported before a command runs."""

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

import geometry
from geometry.choices import DEFAULT_SPACE, Among, Metric, SpaceName
from geometry.errors import GeometryError, OptionError

if TYPE_CHECKING:
    from geometry.tokens import Vocabulary

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="What a language model's output matrix means: open the head alone, add concepts up, see where they land.",
)


HeadOption = Annotated[
    str,
    typer.Option(
        "-H", "--head", metavar="HEAD", envvar="GEOMETRY_HEAD",
        help="A checkpoint folder, one .safetensors file, or a bundled name.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"geometry {geometry.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command; --debug is read in main(), which stands outside this."""


@app.command()
def info(
    head: HeadOption = "organism",
    check_tied: Annotated[
        bool, typer.Option("--check-tied", help="Compare the head with the embedding: reads both.")
    ] = False,
    full_hash: Annotated[bool, typer.Option("--full-hash", help="Hash the whole matrix: reads all of it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What this head is, and how many bytes of how many were read."""
    from geometry.head import open_head
    from geometry.info import describe

    _print(describe(open_head(head), check_tied=check_tied, full_hash=full_hash), as_json)


@app.command()
def tokens(
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="A text; with --decode ids or printed pieces.")],
    head: HeadOption = "organism",
    decode: Annotated[bool, typer.Option("--decode", help="Turn ids or printed pieces back into text.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ids, bytes and kinds of a text's tokens; -H also takes a bare tokenizer file."""
    from geometry.tokens import decode as decode_pieces
    from geometry.tokens import spell

    vocabulary = _vocabulary(head)
    joined = " ".join(text)
    _print(decode_pieces(vocabulary, joined) if decode else spell(vocabulary, joined), as_json)


@app.command()
def snap(
    expressions: Annotated[
        list[str],
        typer.Argument(metavar="EXPR…", help='Such as "sea + horse + emoji"; a leading minus after --.'),
    ],
    head: HeadOption = "organism",
    k: Annotated[int, typer.Option("-k", help="How many tokens to rank.")] = 10,
    metric: Annotated[Metric, typer.Option(help="Higher is better in each.")] = "logit",
    space: Annotated[SpaceName | None, typer.Option(help=f"Where rows are added; {DEFAULT_SPACE} by default.")] = None,
    among: Annotated[Among, typer.Option(help="Candidates.")] = "all",
    exclude_inputs: Annotated[
        bool, typer.Option("--exclude-inputs", help="Drop the inputs and their variants.")
    ] = False,
    fold_variants: Annotated[bool, typer.Option("--fold-variants", help="Case, space and plural on one line.")] = False,
    keep_undertrained: Annotated[bool, typer.Option("--keep-undertrained", help="Show the masked rows too.")] = False,
    as_stored: Annotated[bool, typer.Option("--as-stored", help="Terms keep their rows' lengths.")] = False,
    null: Annotated[bool, typer.Option("--null", help="Add where 1,000 sums of random words land.")] = False,
    temperature: Annotated[float, typer.Option(help="T of the probabilities.")] = 1.0,
    sample: Annotated[int, typer.Option(help="Draw so many tokens besides the ranking.")] = 0,
    seed: Annotated[int, typer.Option(help="Of samples and null.")] = 0,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Rows that may stay in memory, such as 2GB; all by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Where the sum lands."""
    from geometry.head import open_head
    from geometry.landing import LandingOptions, land_many

    settings = LandingOptions(
        k=k, metric=metric, among=among, exclude_inputs=exclude_inputs, fold_variants=fold_variants,
        keep_undertrained=keep_undertrained, as_stored=as_stored, null=null, temperature=temperature, sample=sample,
        seed=seed,
    )  # fmt: skip
    landings = land_many(open_head(head, max_memory=_size(max_memory)), expressions, settings, space=space)
    for index, landing in enumerate(landings):
        if index and not as_json:
            typer.echo()
        _print(landing, as_json)


@app.command()
def madeof(
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Such as 🦄, horse, 'rainbow' or #123; a sum is a target too.")
    ],
    head: HeadOption = "organism",
    terms: Annotated[int, typer.Option("-n", "--terms", help="How many words, 1 to 50.")] = 5,
    space: Annotated[SpaceName | None, typer.Option(help="Where rows are added; centered by default.")] = None,
    controls: Annotated[int, typer.Option(help="How many matched tokens to fit as well; 0 for none.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the controls and the random words.")] = 0,
    keep_undertrained: Annotated[bool, typer.Option("--keep-undertrained", help="Use the masked rows too.")] = False,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Rows that may stay in memory, such as 2GB; all by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """A few words whose rows add up to nearly a token's row."""
    from geometry.head import open_head
    from geometry.madeof import made_of

    opened = open_head(head, max_memory=_size(max_memory))
    found = made_of(
        opened, token, terms=terms, space=space, controls=controls, keep_undertrained=keep_undertrained, seed=seed
    )
    _print(found, as_json)


def main() -> None:
    """Run the command line: exit 0, 2 for usage, 1 with one line on standard error."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except GeometryError as error:
        if debug:
            raise
        _fail(str(error))
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        _fail(f"{type(error).__name__}: {error}; this should not happen: run again with --debug and report it")


def _size(text: str | None) -> int | None:
    """Read a size such as 500MB or 2GB (powers of 1,000; MiB and GiB of 1,024)."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise OptionError(f"--max-memory {text!r} arrived; expected a size such as 500MB or 2GB")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))


def _vocabulary(head: str) -> "Vocabulary":
    from geometry.checkpoint import find_place
    from geometry.tokens import open_vocabulary

    path = find_place(head).path
    return open_vocabulary(path.parent if path.suffix == ".safetensors" else path)


def _print(record: Any, as_json: bool) -> None:
    typer.echo(json.dumps(record.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else str(record))


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    sys.exit(1)
