"""A server for the page: its own socket, this machine alone by default, quiet, and gone at Ctrl-C."""

import errno
import ipaddress
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from geometry.errors import OptionError, what_to_type
from geometry.explore import limits
from geometry.explore.guards import LOOPBACK
from geometry.explore.shelf import open_shelf
from geometry.progress import tell

if TYPE_CHECKING:
    import uvicorn

    import geometry.explore.desk

PORTS = 65_535

WILDCARDS = ("0.0.0.0", "::")
"""Hosts that mean every address of this machine."""

_OF_THIS_MACHINE = "a name or address of this machine such as 127.0.0.1, ::1 or, for all of them, 0.0.0.0"


def check_installed() -> None:
    """Say what to type where the server's packages are missing.

    Raises:
        OptionError: They are.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise OptionError(f"the page needs the packages fastapi and uvicorn: {what_to_type('explore')}") from error


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OptionError: The port is in use or not to be had, or the host is not this machine.
    """
    if not 0 <= port <= PORTS:
        raise OptionError(f"--port {port} arrived; expected 0 to {PORTS:,}, 0 for any that is free")
    family, address = _resolved(host, port)
    # named in full: of a socket without its protocol asyncio does not know that small packets should not wait
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(limits.CONNECTIONS)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise OptionError(
                f"--host {host!r} arrived; expected {_OF_THIS_MACHINE}: it has no such address"
            ) from error
        reason = error.strerror or str(error)
        raise OptionError(
            f"port {port} on {host} cannot be had ({reason}); expected a free one: give another with --port, or 0 for "
            "any that is free"
        ) from error
    return found


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Return the family and the address that a host's name stands for.

    Raises:
        OptionError: It stands for none.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(f"--host {host!r} arrived; expected {_OF_THIS_MACHINE}: {reason}") from error
    return family, address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on a host."""
    return ipaddress.ip_address(_resolved(host, 0)[1][0]).is_loopback


def names_of(host: str) -> frozenset[str]:
    """Return what the server may be called by in a Host header, besides IP addresses where any can reach it."""
    if is_loopback(host):
        return LOOPBACK | {host.lower()}
    return LOOPBACK | {socket.gethostname().lower()} | ({host.lower()} - set(WILDCARDS))


def url_of(listening: socket.socket, host: str) -> str:
    """Return the page's address, as a browser on this machine may have it."""
    name = "localhost" if host in WILDCARDS else host
    return f"http://{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}/"


def make_server(desk: "geometry.explore.desk.Desk", host: str) -> "uvicorn.Server":
    """Return a server that is not running yet, for a socket that listens on a host."""
    import uvicorn

    from geometry.explore.app import make_app
    from geometry.explore.connections import Connection

    app = make_app(desk, names_of(host), any_address=not is_loopback(host))
    # what it logs of connections is nobody's business; a fault of ours is told by the application
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, http=Connection, ws="none", lifespan="off", server_header=False,
        proxy_headers=False, h11_max_incomplete_event_size=limits.HEADERS, timeout_keep_alive=int(limits.PATIENCE),
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(specs: Sequence[str], *, host: str = "127.0.0.1", port: int = 8750, browser: bool = False) -> None:
    """Open heads and answer for them until the process is told to end.

    Args:
        specs: The heads, the default one first.
        host: Where to listen; other than this machine's loopback it is said what that opens up.
        port: Where to listen; 0 takes a free one.
        browser: Open the page.

    Raises:
        GeometryError: A head cannot be opened, the port is in use, or the server's packages are missing.
    """
    check_installed()
    from geometry.explore.desk import Desk

    with bind(host, port) as listening, suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and raises it again
        desk, url = Desk(open_shelf(specs)), url_of(listening, host)
        server = make_server(desk, host)
        if not is_loopback(host):
            tell(opened_up(host, listening.getsockname()[1]))
        threading.Thread(target=desk.warm_up, name="warm-up", daemon=True).start()
        sys.stderr.write(f"{', '.join(volume.name for volume in desk.shelf)} at {url}  (Ctrl-C ends it)\n")
        sys.stderr.flush()
        if browser:
            threading.Timer(0.5, webbrowser.open, [url]).start()
        try:
            server.run(sockets=[listening])
        finally:
            desk.planes.close()


def opened_up(host: str, port: int) -> str:
    """Say what listening elsewhere than on loopback opens up, and to whom."""
    return (
        f"everyone who reaches this machine on port {port} can ask these heads and use its processor; nothing else of "
        f"it can be read. Names accepted in the Host header: {', '.join(sorted(names_of(host)))}, and any IP address"
    )
