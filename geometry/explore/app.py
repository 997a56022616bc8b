"""The application: which question is answered by whom, and in what order."""

import json
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import geometry
from geometry.choices import DEFAULT_SPACE
from geometry.errors import GeometryError
from geometry.explore import answers, limits
from geometry.explore.crew import Crew
from geometry.explore.files import INDEX, File, files
from geometry.explore.guards import App, Guard
from geometry.explore.lenses import Lenses
from geometry.explore.parameters import Parameters, read_parameters
from geometry.explore.planes import Planes
from geometry.explore.refusals import GoneError, RefusedError
from geometry.explore.shelf import Shelf, Volume
from geometry.explore.turns import Gone, Turns
from geometry.explore.vacancies import Vacancies

if TYPE_CHECKING:
    import fastapi

QUICK, SLOW = 2, 2
"""Threads for what is typed and dragged, and for what takes seconds."""

SUM = ("head", "q", "space", "among", "weights")

Answer = dict[str, Any]
T = TypeVar("T")
Work = Callable[[Volume, Parameters], Answer]


class Desk:
    """Everybody who answers, and the queues before them.

    Args:
        shelf: The heads.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.planes, self._vacancies, self.lenses = shelf, Planes(), Vacancies(), Lenses()
        self._quick, self._slow = Crew(QUICK, "quick"), Crew(SLOW, "slow")
        self._typing = Turns("typed sums", at_once=QUICK, waiting=32, seconds=10.0)
        self._seconds = Turns("slow answers", at_once=SLOW, waiting=16, seconds=60.0)
        self._each: dict[tuple[str, str], Turns] = defaultdict(
            lambda: Turns("the same on this head", at_once=1, waiting=4, seconds=60.0)
        )

    def questions(self) -> dict[str, tuple[tuple[str, ...], Work, bool]]:
        """Return every question: its parameters, who answers it, and whether that takes seconds."""
        return {
            "/api/land": (SUM, lambda volume, asked: answers.land(volume, asked, self.planes), False),
            "/api/phase": ((*SUM, "vary"), answers.phase, False),
            "/api/vacancy": (
                ("head", "q", "space", "weights"),
                lambda volume, asked: self._vacancies.answer(volume, asked, self.planes),
                True,
            ),
            "/api/map": (("head", "method", "space"), self._map, True),
            "/api/lens": (("head", "prompt", "k"), self.lenses.lens, True),
            "/api/retry": (("head", "prompt", "steps", "between"), self.lenses.retry, True),
        }

    def heads(self) -> Answer:
        """Answer ``/api/heads``."""
        return {
            "version": geometry.__version__,
            "default": self.shelf.default.name,
            "space": DEFAULT_SPACE,
            "heads": [volume.to_dict() for volume in self.shelf],
            "limits": limits.to_dict(),
        }

    async def answer(self, path: str, query: bytes, gone: Gone) -> Answer:
        """Answer a question once it is its turn.

        Raises:
            GeometryError: It makes no sense, or too many ask.
            GoneError: Whoever asked did not wait.
        """
        if path == "/api/heads":
            read_parameters(query, ())
            return await self._quick.do(self.heads)
        allowed, work, slow = self.questions()[path]
        parameters = read_parameters(query, allowed)
        volume = self.shelf.get(parameters.text("head"))
        async with self._turn(path, volume, slow, gone):
            if slow:
                answer = await self._slow.do(lambda: _worked(volume, lambda: work(volume, parameters)))
            else:
                answer = await self._quick.do(lambda: _worked(volume, lambda: _quickly(work, volume, parameters)))
        return _without_paths(volume, answer)

    async def atlas(self, query: bytes, gone: Gone) -> File:
        """Return the sheet with the pictures of a head's emoji.

        Raises:
            GeometryError: As `answer`.
        """
        volume = self.shelf.get(read_parameters(query, ("head",)).text("head"))
        async with self._turn("/atlas.png", volume, True, gone):
            return await self._slow.do(lambda: _worked(volume, lambda: self._sheet(volume)))

    def _sheet(self, volume: Volume) -> File:
        from geometry.pages.atlas import make_atlas

        sheet = make_atlas(self.planes.pca(volume, DEFAULT_SPACE).texts)
        if not sheet.count:
            raise RefusedError(f"{volume.name} has no emoji with a picture", 404)
        return File(sheet.png, "image/png")

    def _map(self, volume: Volume, parameters: Parameters) -> Answer:
        from geometry.maps.page import scatter_data

        method, space = parameters.text("method", "umap"), parameters.space() or DEFAULT_SPACE
        if method not in ("umap", "pca"):
            raise RefusedError(f"method {method!r} arrived; expected one of umap, pca")
        drawn = self.planes.umap(volume, space) if method == "umap" else self.planes.pca(volume, space)
        return {"state": "drawing"} if drawn is None else scatter_data(drawn)

    @asynccontextmanager
    async def _turn(self, path: str, volume: Volume, slow: bool, gone: Gone) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if slow:
                await stack.enter_async_context(self._each[volume.name, path].taken(gone))
                await stack.enter_async_context(self._seconds.taken(gone))
            else:
                await stack.enter_async_context(self._typing.taken(gone))
            yield

    def warm_up(self) -> None:
        """Ask every head of moderate size its example, so that nobody who types waits for what is computed once."""
        for volume in self.shelf:
            volume.to_dict()
            if not volume.is_small:
                continue
            for space in volume.spaces:
                try:
                    answers.land(volume, Parameters({"q": volume.example, "space": space}), self.planes)
                except GeometryError:
                    break


def _quickly(work: Work, volume: Volume, parameters: Parameters) -> Answer:
    """Answer without waiting for other threads of one's own: on a busy machine they cost more than small products."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1 if volume.is_small else os.cpu_count() or 1)
    return work(volume, parameters)


def _worked(volume: Volume, work: Callable[[], T]) -> T:
    """Do something about a head; what goes wrong with it is told without its folder."""
    try:
        return work()
    except GeometryError as error:
        status, place = getattr(error, "status", 400), getattr(error, "place", None)
        raise RefusedError(_hidden(volume, str(error)), status, place) from error


def _without_paths(volume: Volume, answer: Answer) -> Answer:
    """Return an answer whose sentences name no folder: where a head lies is nobody's business but its owner's."""
    told: Answer = {key: _hidden(volume, answer[key]) for key in ("reason", "command", "python") if key in answer}
    notes = {"notes": [_hidden(volume, note) for note in answer["notes"]]} if "notes" in answer else {}
    return {**answer, **told, **notes}


def _hidden(volume: Volume, text: str) -> str:
    for path in (str(volume.head.opened.checkpoint.folder), volume.head.source):
        text = text.replace(path, volume.name) if "/" in path or "\\" in path else text
    return text


def make_app(shelf: Shelf, hosts: Iterable[str], *, any_address: bool = False) -> App:
    """Return the application that answers for some heads.

    Args:
        shelf: The heads.
        hosts: Names that the server may be called by.
        any_address: Let it be called by any IP address besides.
    """
    return serve_desk(Desk(shelf), hosts, any_address=any_address)


def serve_desk(desk: Desk, hosts: Iterable[str], *, any_address: bool = False) -> App:
    """Return the application of a desk that is there already; see `make_app`."""
    from fastapi import FastAPI, Request, Response
    from starlette.exceptions import HTTPException

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)

    async def question(request: Request) -> Response:
        path = request.url.path
        answer = await desk.answer(path, request.scope["query_string"], request.is_disconnected)
        return _json(answer, 202 if answer.get("state") == "drawing" else 200)

    async def atlas(request: Request) -> Response:
        return _file(await desk.atlas(request.scope["query_string"], request.is_disconnected), request)

    async def page(request: Request) -> Response:
        return _file(_known(INDEX), request)

    async def asset(name: str, request: Request) -> Response:
        read_parameters(request.scope["query_string"], ())
        return _file(_known(name), request)

    for path in ("/api/heads", *desk.questions()):
        app.add_api_route(path, question, methods=["GET", "HEAD"])
    app.add_api_route("/atlas.png", atlas, methods=["GET", "HEAD"])
    app.add_api_route("/assets/{name}", asset, methods=["GET", "HEAD"])
    app.add_api_route("/", page, methods=["GET", "HEAD"])

    async def refused(_: Request, error: Exception) -> Response:
        place = getattr(error, "place", None)
        told = {"error": str(error), "place": None if place is None else list(place)}
        return _json(told, getattr(error, "status", 400))

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        line = f"nothing is at {request.url.path!r:.80}; the page is at /"
        return _json({"error": line, "place": None}, status)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=503)  # to nobody

    app.add_exception_handler(GeometryError, refused)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(GoneError, gone)
    app.add_exception_handler(Exception, _failed)
    return Guard(app, hosts, any_address=any_address)


async def _failed(_: Any, error: Exception) -> Any:
    """A fault of ours: it is told on the terminal, and in one line on the page."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    line = f"{type(error).__name__} on the server; this should not happen: its terminal says more, please report it"
    return _json({"error": line, "place": None}, 500)


def _known(name: str) -> File:
    found = files().get(name)
    if found is None:
        raise RefusedError(f"no file {name!r:.80} here", 404)
    return found


def _json(value: Any, status: int) -> "fastapi.Response":
    from fastapi import Response

    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status, media_type="application/json")


def _file(found: File, request: "fastapi.Request") -> "fastapi.Response":
    from fastapi import Response

    headers = {"etag": found.tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.type, headers=headers)
