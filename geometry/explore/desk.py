"""The desk at which every question is put: who answers it, whose turn it is, and what is not told."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import geometry
from geometry.choices import DEFAULT_SPACE
from geometry.errors import GeometryError
from geometry.explore import answers, limits
from geometry.explore.crew import Crew
from geometry.explore.files import File
from geometry.explore.lenses import Lenses
from geometry.explore.parameters import Parameters, read_parameters
from geometry.explore.planes import Planes
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import Shelf, Volume
from geometry.explore.turns import Gone, Turns
from geometry.explore.vacancies import vacancy

QUICK, SLOW = 2, 2
"""Threads for what is typed and dragged, and for what takes seconds."""

SUM = ("head", "q", "space", "among", "weights")
ROW = ("head", "q", "space", "weights")

Answer = dict[str, Any]
T = TypeVar("T")
Work = Callable[[Volume, Parameters], Answer]


@dataclass(frozen=True)
class Question:
    """What can be asked at one address.

    Attributes:
        parameters: Their names.
        work: Who answers.
        queue: What those wait for who ask what takes seconds; empty for typed sums, which have a queue of their own.
    """

    parameters: tuple[str, ...]
    work: Work
    queue: str = ""


class Desk:
    """Everybody who answers, and the queues before them.

    Args:
        shelf: The heads.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.planes, self.lenses = shelf, Planes(), Lenses()
        self._quick, self._slow = Crew(QUICK, "quick"), Crew(SLOW, "slow")
        self._typing = Turns("typed sums", at_once=QUICK, waiting=32, seconds=10.0)
        self._seconds = Turns("slow answers", at_once=SLOW, waiting=16, seconds=60.0)
        self._each: dict[str, Turns] = {}

    def questions(self) -> dict[str, Question]:
        """Return every question about a head by its address."""
        return {
            "/api/land": Question(SUM, partial(answers.land, planes=self.planes)),
            "/api/phase": Question((*SUM, "vary"), answers.phase),
            "/api/vacancy": Question(ROW, partial(vacancy, planes=self.planes), "missing rows"),
            "/api/map": Question(("head", "method", "space"), self._map, "maps"),
            "/api/lens": Question(("head", "prompt", "k"), self.lenses.lens, "layers"),
            "/api/retry": Question(("head", "prompt", "steps", "between"), self.lenses.retry, "tries"),
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
        question = self.questions()[path]
        parameters = read_parameters(query, question.parameters)
        volume = self.shelf.get(parameters.text("head"))
        if question.queue:
            async with self._long_turn(question.queue, volume, gone):
                answer = await self._slow.do(lambda: _worked(volume, lambda: question.work(volume, parameters)))
        else:
            async with self._typing.taken(gone):
                answer = await self._quick.do(lambda: _worked(volume, lambda: _quickly(question, volume, parameters)))
        return _without_paths(volume, answer)

    async def atlas(self, query: bytes, gone: Gone) -> File:
        """Return the sheet with the pictures of a head's emoji.

        Raises:
            GeometryError: As `answer`.
        """
        volume = self.shelf.get(read_parameters(query, ("head",)).text("head"))
        async with self._long_turn("pictures", volume, gone):
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
    async def _long_turn(self, queue: str, volume: Volume, gone: Gone) -> AsyncIterator[None]:
        """Wait for a turn at what takes seconds: of each kind one at once for a head, of all together a few."""
        what = f"{queue} of {volume.name}"
        own = self._each.setdefault(what, Turns(what, at_once=1, waiting=4, seconds=60.0))
        async with own.taken(gone), self._seconds.taken(gone):
            yield

    def warm_up(self) -> None:
        """Ask every head of moderate size its example, so that nobody who types waits for what is computed once."""
        self.heads()  # what the page asks first
        for volume in self.shelf:
            if not volume.is_small:
                continue
            for space in volume.spaces:
                try:
                    answers.land(volume, Parameters({"q": volume.example, "space": space}), self.planes)
                except GeometryError:
                    break


def _quickly(question: Question, volume: Volume, parameters: Parameters) -> Answer:
    """Answer without waiting for other threads of one's own: on a busy machine they cost more than small products."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1 if volume.is_small else os.cpu_count() or 1)
    return question.work(volume, parameters)


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
