"""The command line: parses, calls, prints. Nothing heavy is imported before a command runs."""

import json
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
KeepOption = Annotated[bool, typer.Option("--keep-undertrained", help="Use the masked rows too.")]
MemoryOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Rows that may stay in memory, such as 2GB; all by default.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", callback=lambda path: None if path is None else _drawable(path),
        help="Draw it too: .png, .svg or .pdf by the file's ending.",
    ),
]  # fmt: skip


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
    max_memory: MemoryOption = None,
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
def why(
    expressions: Annotated[
        list[str],
        typer.Argument(metavar="EXPR…", help='Such as "sea + horse + emoji"; a leading minus after --.'),
    ],
    head: HeadOption = "organism",
    k: Annotated[int, typer.Option("-k", help="How many rivals.")] = 5,
    rival: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="A rival to tell of besides, such as 🐠; repeatable.")
    ] = None,
    space: Annotated[SpaceName | None, typer.Option(help=f"Where rows are added; {DEFAULT_SPACE} by default.")] = None,
    among: Annotated[Among, typer.Option(help="Candidates.")] = "all",
    keep_undertrained: KeepOption = False,
    as_stored: Annotated[bool, typer.Option("--as-stored", help="Terms keep their rows' lengths.")] = False,
    cascade: Annotated[int, typer.Option(help="Steps of deleting the winner's family.")] = 12,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="TERM", help="A term that the phase diagram varies: two, or three of three; repeatable."),
    ] = None,
    vacancy: Annotated[bool, typer.Option(help="Predict the row that the name would have.")] = True,
    hull: Annotated[
        bool | None,
        typer.Option(
            "--hull/--no-hull", help="Measure λ of that row; by default on heads of at most 32,768,000 numbers."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    figure: Annotated[
        Literal["why", "vacancy"], typer.Option(help="What -o draws: margins and phases, or how far P(win) holds.")
    ] = "why",
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why the sum lands there: margins by term, where the winner changes, and the row that is missing."""
    from geometry.head import open_head
    from geometry.why import WhyOptions, explain_many

    settings = WhyOptions(
        k=k, rivals=tuple(rival or ()), among=among, keep_undertrained=keep_undertrained, as_stored=as_stored,
        cascade=cascade, vary=tuple(vary or ()), vacancy=vacancy, hull=hull, seed=seed,
    )  # fmt: skip
    if output is not None and figure == "vacancy" and not vacancy:
        raise OptionError("--figure vacancy arrived together with --no-vacancy; leave one of them out")
    if output is not None and len(expressions) != 1:
        raise OptionError(
            f"-o with {len(expressions)} expressions arrived; a figure is drawn of one: give them one by one"
        )
    found = explain_many(open_head(head, max_memory=_size(max_memory)), expressions, settings, space=space)
    for index, one in enumerate(found):
        if index and not as_json:
            typer.echo("\n")
        _print(one, as_json)
    if output is not None:
        missing = found[0].vacancy
        if figure == "vacancy" and missing is None:
            raise OptionError("--figure vacancy arrived, but no row was predicted: the notes above say why")
        _draw(missing.figure if figure == "vacancy" and missing is not None else found[0].figure, output)


@app.command()
def census(
    head: HeadOption = "organism",
    among: Annotated[
        Literal["emoji", "words"], typer.Option(help="Emoji by their names, or compounds by their parts.")
    ] = "emoji",
    space: Annotated[
        SpaceName | None,
        typer.Option(help="By default the best one on half of the items; figures are of the other half."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of halves, permuted names and resampled families.")] = 0,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Does adding up work in this head? Everything whose answer is known, beside its baselines."""
    from geometry.head import open_head
    from geometry.recall import census as take

    found = take(open_head(head, max_memory=_size(max_memory)), space=space, among=among, seed=seed)
    _print(found, as_json)
    if output is not None:
        _draw(found.figure, output)


@app.command()
def phantoms(
    head: Annotated[
        list[str] | None,
        typer.Option(
            "-H",
            "--head",
            metavar="HEAD",
            help="As elsewhere; repeatable: one table, and how far the heads agree.",
        ),
    ] = None,
    lexicon: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Names, one a line or a table parted by tabs; by default 6,070 concrete nouns."
        ),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name to show wherever it ranks; repeatable.")
    ] = None,
    k: Annotated[int | None, typer.Option("-k", help="How many names; 20 by default, with --json all.")] = None,
    space: Annotated[SpaceName | None, typer.Option(help=f"Where rows are added; {DEFAULT_SPACE} by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of shuffled names and samples.")] = 0,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Names with no emoji, ranked by how strongly the head would believe in one."""
    from geometry.head import open_head
    from geometry.lexicon import read_lexicon
    from geometry.phantoms import find_phantoms
    from geometry.phantoms.several import several

    nouns = None if lexicon is None else read_lexicon(lexicon)
    given = dict.fromkeys(head or [os.environ.get("GEOMETRY_HEAD", "organism")])
    names = tuple(name or ())
    if output is not None and len(given) > 1:
        raise OptionError(f"-o with {len(given)} heads arrived; a figure is drawn of one: give them one by one")
    found = [
        find_phantoms(open_head(one, max_memory=_size(max_memory)), nouns, space=space, seed=seed) for one in given
    ]
    if as_json:
        for one in found:
            for row in one.rows(k, names):
                typer.echo(json.dumps(row, ensure_ascii=False, allow_nan=False))
        for line in several(found).table().notes if len(found) > 1 else ():
            sys.stderr.write(f"{line}\n")
    else:
        typer.echo(found[0].table(k, names).text() if len(found) == 1 else several(found).table(k, names).text())
    if output is not None:
        _draw(lambda: found[0].figure(names), output)


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
    keep_undertrained: KeepOption = False,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
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
    if output is not None:
        _draw(found.figure, output)


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


def _drawable(path: str) -> str:
    """Refuse a figure's path before anything is computed for it."""
    from geometry.figures import check_path

    check_path(path)
    return path


def _draw(figure: Callable[[], Any], path: str) -> None:
    from geometry.figures import save

    save(figure(), path)
    sys.stderr.write(f"drawn: {path}\n")


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    sys.exit(1)
