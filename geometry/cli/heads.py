"""Commands about heads: what one is, how it spells, which are kept from the Hub."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from geometry.cli.options import HeadOption, JsonOption, show
from geometry.errors import CheckpointError, OptionError

if TYPE_CHECKING:
    from geometry.tokens import Vocabulary


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

    show(describe(open_head(head), check_tied=check_tied, full_hash=full_hash), as_json)


def tokens(
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="A text; with --decode ids or printed pieces.")],
    head: HeadOption = "organism",
    decode: Annotated[bool, typer.Option("--decode", help="Turn ids or printed pieces back into text.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ids, bytes and kinds of a text's tokens; -H also takes a bare tokenizer file."""
    from geometry.tokens import decode as decode_pieces
    from geometry.tokens import spell

    vocabulary = open_words(head)
    joined = " ".join(text)
    show(decode_pieces(vocabulary, joined) if decode else spell(vocabulary, joined), as_json)


def cache(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="org/model or org/model@revision; all by default.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what is listed.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Compare it with its checksums: reads all of it.")] = False,
    unused_days: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Only what nobody opened for so many days.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Heads kept from the Hub: what they are, what they take, and away with them."""
    from geometry.checkpoint import hub

    if prune and check:
        raise OptionError("--prune and --check arrived; expected one of them: check first, then prune by name")
    kept, wanted = hub.user_caches(), tuple(names or ())
    found = (hub.prune if prune else hub.holdings)(kept, wanted, unused_days=unused_days)
    wrong = [(one, says) for one, says in hub.check(found) if says] if check else []
    if as_json:
        for one in found:
            typer.echo(json.dumps(one.to_dict(), ensure_ascii=False))
    else:
        done = "removed from" if prune else "kept in"
        total = f"{sum(one.nbytes for one in found) / 1e6:,.1f} MB" if found else "nothing"
        typer.echo(hub.holdings_table(found, f"{done} {hub.cache_root()}: {total}").text())
    if wrong:
        one, says = wrong[0]
        raise CheckpointError(
            f"{len(wrong)} of {len(found)} are damaged: {says}; remove it with `geometry cache --prune "
            f"{one.repo}@{one.commit[:12]}` and fetch again"
        )
    if check:
        typer.echo(f"all {len(found)} are what was fetched")


def open_words(head: str) -> "Vocabulary":
    """Open the vocabulary of a head's spec, or of a bare tokenizer file."""
    from geometry.checkpoint import find_place
    from geometry.tokens import open_vocabulary

    path = find_place(head, only_tokenizer=True).path
    return open_vocabulary(path.parent if path.suffix == ".safetensors" else path)
