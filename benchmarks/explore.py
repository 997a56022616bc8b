"""How fast the page answers while somebody types and drags: over loopback, beside the call itself and the bare product.

    python benchmarks/explore.py

Every prefix of a few sums is asked as if typed, and each weight of one is dragged through its range, in the order in
which it would be done, one after the other, from a server that has been up for a moment. The limit is the product of
the head's rows with the terms, once.
"""

import argparse
import http.client
import json
import statistics
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import numpy as np

import geometry as geo
from geometry.choices import DEFAULT_SPACE
from geometry.errors import GeometryError
from geometry.explore.desk import Desk
from geometry.explore.serving import bind, make_server
from geometry.explore.shelf import open_shelf
from geometry.tables import Column, Table
from geometry.why import WhyOptions, explain

TYPED = (
    "sea + horse + emoji",
    "0.5*king - man + woman + emoji",
    "mean(🐟, 🐠, 🐡) + unicorn",
    "'horse' + rainbow - #1484",
    "winter + sport + emoji - ski + mountain + happy",
)
DRAGGED = "sea + horse + emoji"
STEPS = 41
TARGET = 0.1


def questions() -> Iterator[dict[str, str]]:
    """What is asked: prefixes, then weights from −2 to 2."""
    for expression in TYPED:
        for length in range(1, len(expression) + 1):
            yield {"q": expression[:length]}
    for term in range(3):
        for weight in np.linspace(-2, 2, STEPS):
            weights = [f"{weight:.2f}" if at == term else "1" for at in range(3)]
            yield {"q": DRAGGED, "weights": ",".join(weights)}


def asked(port: int, path: str) -> list[float]:
    """Seconds from a question sent to its answer read, on one connection as a browser keeps it."""
    line, seconds = http.client.HTTPConnection("127.0.0.1", port), []
    for parameters in questions():
        start = time.perf_counter()
        line.request("GET", f"{path}?{urlencode(parameters)}")
        answer = line.getresponse()
        json.loads(answer.read())
        seconds.append(time.perf_counter() - start)
        if answer.status not in (200, 400):
            raise SystemExit(f"{parameters} was answered with {answer.status}")
    return seconds


def called(head: "geo.Head") -> list[float]:
    """Seconds of the explanation alone, where there is one."""
    seconds = []
    for parameters in questions():
        if "weights" in parameters:
            continue
        start = time.perf_counter()
        try:
            explain(head, parameters["q"], WhyOptions(k=7, vacancy=False))
        except GeometryError:
            continue
        seconds.append(time.perf_counter() - start)
    return seconds


def multiplied(head: "geo.Head") -> float:
    """Seconds of the bare product of all rows with three vectors, at best."""
    rows = head.rows(range(head.vocab))
    terms, seconds = np.ones((head.dim, 3), dtype=np.float32), []
    for _ in range(50):
        start = time.perf_counter()
        rows @ terms
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def wait_for_umap(desk: Desk) -> None:
    """Have the UMAP drawn, so that sums are put on it too."""
    while desk.planes.umap(desk.shelf.default, DEFAULT_SPACE) is None:
        time.sleep(0.2)


def explore_rows(spec: str, *, umap: bool) -> list[tuple[str, ...]]:
    """Ask a server about a head."""
    desk, listening = Desk(open_shelf([spec])), bind("127.0.0.1", 0)
    server, port = make_server(desk, "127.0.0.1"), listening.getsockname()[1]
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    desk.warm_up()
    if umap:
        wait_for_umap(desk)
    head = desk.shelf.default.head
    landed, phased = asked(port, "/api/land"), asked(port, "/api/phase")
    direct, product = statistics.median(called(head)), multiplied(head)
    server.should_exit = True
    running.join()
    name = f"{spec}, {head.vocab:,} × {head.dim:,}"
    return [
        *_rows(f"{name}: /api/land", landed, product),
        *_rows(f"{name}: /api/phase", phased, product),
        ("    explain() itself, median", f"{1e3 * direct:.1f} ms", f"{direct / product:.0f}", ""),
        ("    bare product of all rows with 3 vectors", f"{1e3 * product:.2f} ms", "1", ""),
    ]


def _rows(what: str, seconds: list[float], product: float) -> list[tuple[str, ...]]:
    met = sum(one <= TARGET for one in seconds) / len(seconds)
    told = [("median", statistics.median(seconds)), ("95th percentile", float(np.percentile(seconds, 95)))]
    rows = [(f"{what}, {len(seconds)} questions", "", "", f"≤ {TARGET * 1e3:.0f} ms: {met:.1%} of them")]
    for name, value in (*told, ("worst", max(seconds))):
        rows.append((f"    {name}", f"{1e3 * value:.1f} ms", f"{value / product:.0f}", ""))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Print how fast the page answers.")
    parser.add_argument("-H", "--head", default="organism")
    parser.add_argument("--umap", action="store_true", help="sums are put on a UMAP too, as on the page")
    given = parser.parse_args()
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("target", "left"))
    title = f"geometry {geo.__version__}: typing and dragging"
    print(Table((title,), columns, tuple(explore_rows(given.head, umap=given.umap))).text())


if __name__ == "__main__":
    main()
