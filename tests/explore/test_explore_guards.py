"""Who may ask the page's server, by which method, and what every answer carries."""

import json
import socket

import pytest
from asking import Client, serve

import geometry as geo
from geometry.explore.files import files
from geometry.explore.guards import HEADERS
from geometry.explore.serving import bind, names_of, opened_up, url_of
from geometry.explore.shelf import open_shelf


@pytest.mark.parametrize("path", ["/", "/?q=sea", "/assets/scatter.js", "/api/heads", "/api/land?q=%2B", "/nothing"])
def test_every_answer_carries_every_header(client: Client, path: str):
    _, headers, _ = client.raw(path)
    for name, value in HEADERS.items():
        assert headers[name] == value
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_the_page_and_its_files(client: Client):
    status, headers, body = client.raw("/?anything=goes")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<script src" in body
    for name in files():
        status, headers, _ = client.raw(f"/assets/{name}")
        assert status == 200
        assert client.raw(f"/assets/{name}", headers={"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = client.raw("/", method="HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1.evil.example:8750"}, 400),
        ({"Host": "localhost@evil.example"}, 400),
        ({"Host": ""}, 400),
        ({"Host": "192.168.0.7:8750"}, 400),
        ({"Host": "LOCALHOST:9000"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Content-Length": "5"}, 413),
        ({"Transfer-Encoding": "chunked"}, 413),
    ],
)
def test_who_may_ask(client: Client, headers: dict[str, str], status: int):
    found, sent, body = client.raw("/api/heads", headers=headers)
    assert found == status
    assert sent["content-security-policy"]
    assert ("error" in json.loads(body)) == (status != 200)


def test_a_link_from_elsewhere_may_lead_to_the_page_alone(client: Client):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.raw("/?q=sea", headers=link)[0] == 200
    assert client.raw("/api/land?q=sea", headers=link)[0] == 400
    assert client.raw("/", headers={**link, "Sec-Fetch-Dest": "iframe"})[0] == 400


def test_two_hosts_are_none(client: Client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.sendall(b"GET /api/heads HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert line.recv(64).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"])
def test_nothing_but_get(client: Client, method: str):
    status, headers, _ = client.raw("/api/heads", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_names_accepted():
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        assert url_of(listening, "0.0.0.0") == f"http://localhost:{port}/"
        assert url_of(listening, "::1") == f"http://[::1]:{port}/"
    assert names_of("127.0.0.1") == {"127.0.0.1", "localhost", "::1"}
    assert names_of("0.0.0.0") == {"127.0.0.1", "localhost", "::1", socket.gethostname().lower()}


def test_what_listening_elsewhere_opens_up(composing: "geo.Head"):
    line = opened_up("0.0.0.0", 8750)
    assert line.startswith("everyone who reaches this machine on port 8750 can ask these heads")
    assert "nothing else of it can be read" in line
    assert socket.gethostname().lower() in line
    for client in serve(open_shelf([str(composing.opened.checkpoint.folder)]), host="0.0.0.0"):
        assert client.raw("/assets/scatter.js", headers={"Host": "10.1.2.3:1"})[0] == 200
        assert client.raw("/assets/scatter.js", headers={"Host": f"{socket.gethostname()}:8750"})[0] == 200
        assert client.raw("/assets/scatter.js", headers={"Host": "evil.example"})[0] == 400
