"""The application: what lies at which address, and how answers and refusals are sent."""

import json
import sys
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from geometry.errors import GeometryError
from geometry.explore.desk import Desk
from geometry.explore.files import INDEX, File, files
from geometry.explore.guards import App, Guard
from geometry.explore.parameters import read_parameters
from geometry.explore.refusals import GoneError, Place, RefusedError, refusal

if TYPE_CHECKING:
    import fastapi


def make_app(desk: Desk, hosts: Iterable[str], *, any_address: bool = False) -> App:
    """Return the application that answers for a desk.

    Args:
        desk: Who answers, with the heads.
        hosts: Names that the server may be called by.
        any_address: Let it be called by any IP address besides.
    """
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
        return _refusal(getattr(error, "status", 400), str(error), getattr(error, "place", None))

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        return _refusal(status, f"nothing is at {request.url.path!r:.80}; the page is at /")

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
    return _refusal(500, line)


def _known(name: str) -> File:
    found = files().get(name)
    if found is None:
        raise RefusedError(f"no file {name!r:.80} here", 404)
    return found


def _json(value: Any, status: int) -> "fastapi.Response":
    from fastapi import Response

    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body.encode("utf-8", "replace"), status, media_type="application/json")


def _refusal(status: int, line: str, place: Place | None = None) -> "fastapi.Response":
    from fastapi import Response

    return Response(refusal(line, place), status, media_type="application/json")


def _file(found: File, request: "fastapi.Request") -> "fastapi.Response":
    from fastapi import Response

    headers = {"etag": found.tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.type, headers=headers)
