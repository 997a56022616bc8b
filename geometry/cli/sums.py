"""Commands about sums and rows: where they land, why, what they are made of."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geometry.choices import DEFAULT_SPACE, Among, Metric, SpaceName
from geometry.cli.options import HeadOption, JsonOption, KeepOption, MemoryOption, OutputOption, draw, show, size
from geometry.errors import OptionError

if TYPE_CHECKING:
    from geometry.vacancy import Vacancy
    from geometry.why import Why


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
    landings = land_many(open_head(head, max_memory=size(max_memory)), expressions, settings, space=space)
    for index, landing in enumerate(landings):
        if index and not as_json:
            typer.echo()
        show(landing, as_json)


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
    if output is not None:
        _check_drawn(figure, vacancy, expressions)
    found = explain_many(open_head(head, max_memory=size(max_memory)), expressions, settings, space=space)
    for index, one in enumerate(found):
        if index and not as_json:
            typer.echo("\n")
        show(one, as_json)
    if output is not None:
        draw(_drawn(found[0], figure).figure, output)


def _check_drawn(figure: str, vacancy: bool, expressions: list[str]) -> None:
    """Refuse a figure that cannot be drawn, before anything is computed for it."""
    if figure == "vacancy" and not vacancy:
        raise OptionError("--figure vacancy arrived together with --no-vacancy; leave one of them out")
    if len(expressions) != 1:
        raise OptionError(
            f"-o with {len(expressions)} expressions arrived; a figure is drawn of one: give them one by one"
        )


def _drawn(found: "Why", figure: str) -> "Why | Vacancy":
    """The record that a figure is of."""
    if figure == "why":
        return found
    if found.vacancy is None:
        raise OptionError("--figure vacancy arrived, but no row was predicted: the notes above say why")
    return found.vacancy


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

    opened = open_head(head, max_memory=size(max_memory))
    found = made_of(
        opened, token, terms=terms, space=space, controls=controls, keep_undertrained=keep_undertrained, seed=seed
    )
    show(found, as_json)
    if output is not None:
        draw(found.figure, output)
