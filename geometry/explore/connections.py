"""A connection: let go of when the other side is waited for too long, and refused in our own words."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from geometry.explore import limits
from geometry.explore.guards import Receive, Scope, Send, completed, refuse
from geometry.explore.refusals import refusal


class Connection(H11Protocol):
    """One connection, with a clock that runs while it is the other side's turn: to finish asking, or to read.

    uvicorn's own clock begins after the first answer and stops at the first byte of the next question, so that whoever
    asks nothing, or asks a byte a minute, would keep a connection for good.
    """

    _clock: asyncio.TimerHandle | None = None
    _full = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a refusal in mind where too many are open."""
        super().connection_made(transport)
        if len(self.connections) > limits.CONNECTIONS:
            self.app = _crowded
        if len(self.connections) > 2 * limits.CONNECTIONS:
            transport.abort()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._stop()

    def data_received(self, data: bytes) -> None:
        """Read on; part of a question is no reason to begin counting anew."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next question."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait until more of the answer is read."""
        super().pause_writing()
        self._full = True
        self._watch()

    def resume_writing(self) -> None:
        """Go on: something was read."""
        super().resume_writing()
        self._full = False
        self._stop()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it."""
        body = refusal(f"what arrived is no request of HTTP/1.1, or one of more than {limits.HEADERS:,} bytes")
        headers = completed([(b"content-type", b"application/json"), (b"connection", b"close")])
        answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        """Have the clock run where it is the other side's turn, from when that began."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and not self._full:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(limits.PATIENCE, self.transport.abort)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


async def _crowded(_: Scope, __: Receive, send: Send) -> None:
    line = f"{limits.CONNECTIONS} connections are open already; ask again in a moment"
    await refuse(send, 503, line, (b"connection", b"close"))
