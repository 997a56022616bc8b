"""The page of `geometry explore` in a real browser: typed, dragged, searched, reloaded, by keyboard, and left alone."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote_plus, urlsplit
from urllib.request import urlopen

import pytest

from geometry import pages

if TYPE_CHECKING:
    from conftest import Visit
    from playwright.sync_api import Locator, Page, Route

ASSETS = Path(pages.__file__).parents[1] / "explore" / "assets"
SUM = "sea + horse + emoji"
PATIENCE = 5  # seconds that a page has for what it is waited for
PCA = f"?map=pca&q={quote_plus(SUM)}"
REFUSED = r"status of 400"  # what a browser says of an answer that is no answer


class Server:
    """`geometry explore` as a process of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        pytest.importorskip("uvicorn", reason="the explore extra is absent")
        self.log = folder / "explore.log"
        with self.log.open("wb") as log:
            heads = ["-H", "organism", "-H", "organism-bytes"]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "geometry", "explore", "--no-open", "--port", str(port), *heads], stderr=log
            )
        self.url = self._address()

    def _address(self) -> str:
        while self.process.poll() is None:
            found = re.search(r"http://\S+", self.log.read_text("utf-8"))
            if found:
                return found[0]
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(self.log.read_text("utf-8"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("explore"))
    # what is made once is made before anything is waited for
    for question in (f"land?q={quote_plus(SUM)}", "map?method=pca"):
        urlopen(f"{started.url}api/{question}").close()
    yield started
    started.stop()


Look = Any
"""Opens the page: see `look`."""


@pytest.fixture
def look(server: Server, visit: "Visit") -> Look:
    """Opens the page with a query, and waits until it knows its heads."""

    def open_page(query: str = PCA, **options: object) -> "Page":
        page = visit(server.url + query, **options)
        page.set_default_timeout(1000 * PATIENCE)
        page.wait_for_selector("body:not(.starting)")
        return page

    return open_page


def winner(page: "Page") -> "Locator":
    return page.locator("#winner")


def says(page: "Page", selector: str, pattern: str, *, seconds: float = PATIENCE) -> None:
    """Wait until an element's text holds a pattern."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(re.compile(pattern), timeout=1000 * seconds)


def holds(page: "Page", selector: str, pattern: str) -> None:
    """Wait until a field's value holds a pattern."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_value(re.compile(pattern), timeout=1000 * PATIENCE)


def query(page: "Page") -> dict[str, str]:
    """What the page's address says, once it has been written."""
    page.wait_for_timeout(300)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def bar_of(page: "Page", row: int) -> tuple[float, list[float]]:
    """The zero line's place and the signed widths of a row's parts, in pixels."""
    return page.evaluate(
        """(row) => {
            const rail = document.querySelectorAll('#bars .rail')[row];
            const zero = rail.querySelector('.zero').getBoundingClientRect().left;
            const boxes = [...rail.querySelectorAll('i')].map((part) => part.getBoundingClientRect());
            return [zero, boxes.map((box) => box.left < zero - 1 ? -box.width : box.width)];
        }""",
        row,
    )


def test_every_script_of_the_scatter_is_on_the_page():
    written = (ASSETS / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'src="/assets/(scatter[^"]*)"', written) == list(pages.SCATTER)


def test_nothing_is_written_as_markup_and_no_module_is_long():
    for path in ASSETS.glob("*.js"):
        script = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|style=", script), (
            path.name
        )
        assert len(script.splitlines()) <= 200, path.name


def test_what_is_typed_lands_at_once(look: Look):
    page = look("?map=pca")
    assert page.evaluate("document.activeElement.id") == "expression"
    page.keyboard.type(SUM)
    says(page, "#winner", "^horse face$")
    says(page, "#lead", r"wins by 2\.27 over")
    assert page.locator("#bars li").count() == 8
    assert page.locator(".slider").count() == 3
    assert query(page) == {"head": "organism", "q": SUM, "space": "folded", "map": "pca"}
    assert page.title().endswith("sea + horse + emoji · geometry")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 24)"


def test_bars_are_to_scale_and_negative_parts_stand_left_of_zero(look: Look, server: Server):
    page = look("?map=pca&q=" + quote_plus("horse - sea + emoji"))
    page.wait_for_selector("#bars li")
    answer = page.request.get(server.url + "api/land?q=" + quote_plus("horse - sea + emoji")).json()
    scale = None
    for row, candidate in enumerate([answer["winner"], *answer["rivals"]]):
        _, widths = bar_of(page, row)
        given = [candidate["by_term"][term["label"]] for term in answer["terms"]] + [candidate["by_bias"]]
        for width, value in zip(widths, given, strict=True):
            if abs(value) < 0.3:
                continue
            assert (width > 0) == (value > 0)
            scale = scale or width / value
            assert width == pytest.approx(scale * value, abs=1.0)
    page.locator("#expression").fill(" + ".join("abcdefghij"))
    says(page, "#legend", "^abcdefghij$")
    fills = page.evaluate("[...document.querySelectorAll('#legend i')].map((one) => one.style.background)")
    assert len(set(fills)) == 10  # more terms than colours are told apart all the same


def test_a_dragged_slider_moves_winner_map_and_address(look: Look):
    page = look()
    says(page, "#winner", "^horse face$")
    slider = page.locator(".slider", has_text="horse").locator("input")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    holds(page, "#expression", r"^sea - 2\*horse \+ emoji$")
    says(page, "#winner", "^(?!horse face$).+")
    assert query(page)["q"] == "sea - 2*horse + emoji"
    assert slider.bounding_box() == box  # nothing jumps under the finger
    slider.focus()
    page.keyboard.press("Backspace")
    says(page, "#winner", "^horse face$")
    holds(page, "#expression", r"^sea \+ horse \+ emoji$")
    page.locator("#weight-2").focus()
    for _ in range(14):
        page.keyboard.press("ArrowRight")
    says(page, "#winner", "^carousel horse$")
    assert page.locator("#weight-2").get_attribute("aria-valuetext") == "1.70"


def test_an_error_is_the_shells_line_with_its_place_marked(look: Look, visit: "Visit"):
    visit.allow(REFUSED)
    page = look("?map=pca&q=" + quote_plus("🐟 + + horse"))
    page.wait_for_selector("#fault mark")
    assert page.locator("#fault mark").text_content() == "+"
    assert page.locator("#fault .typed").text_content() == "🐟 + + horse"
    says(page, "#fault .message", r"^error: cannot read the expression .* unary plus")
    page.locator("#expression").fill("sea + #99999")
    says(page, "#fault mark", "^#99999$")
    page.locator("#expression").fill("'<img src=x onerror=alert(1)>' + <b>")
    says(page, "#fault .typed", "^'<img src=x")
    assert page.locator("#fault img, #fault script").count() == 0
    page.locator("#expression").fill(SUM)
    page.wait_for_selector("#fault", state="hidden")
    says(page, "#winner", "^horse face$")
    box = page.locator("#weight-2").bounding_box()
    page.locator("#expression").fill(SUM + " +")
    says(page, "#fault", "a term is missing")
    assert page.locator("#weight-2").bounding_box() == box  # it stands over the card and moves nothing


def test_a_reload_and_the_back_button_restore_what_was_seen(look: Look):
    page = look(PCA + "&among=emoji&tab=phase&vary=sea,horse&find=horse&hide=0")
    says(page, "#found", "found")
    page.wait_for_selector(".board.plane")
    page.locator("#map").focus()
    page.keyboard.press("+")
    page.wait_for_url(re.compile("view="))
    before = query(page)
    assert set(before) == {"head", "q", "space", "among", "tab", "map", "vary", "find", "hide", "view"}
    page.reload()
    page.wait_for_selector(".board.plane")
    assert query(page) == before
    assert page.locator("#among").input_value() == "emoji"
    assert page.locator("#find").input_value() == "horse"
    assert page.locator("#groups button").first.get_attribute("aria-pressed") == "false"
    page.locator("#tab-why").click()
    assert page.locator("#bars").is_visible()
    page.go_back()
    page.wait_for_selector(".board.plane")


@pytest.mark.slow
def test_the_back_button_undoes_one_step_after_the_other(look: Look):
    page = look(f"?map=pca&q={quote_plus('sea + horse')}")
    page.locator("#tab-phase").click()
    page.locator("#head").select_option("organism-bytes")
    says(page, "#origin", "spelt in bytes")
    page.go_back()
    says(page, "#origin", "one token each")
    page.wait_for_selector(".board.plane")
    page.go_back()
    page.wait_for_selector("#bars li")


def test_heads_are_switched(look: Look, visit: "Visit"):
    visit.allow(REFUSED)  # this head has no emoji direction
    page = look()
    says(page, "#winner", "^horse face$")
    page.locator("#head").select_option("organism-bytes")
    says(page, "#origin", "ef903dc2dae1819e")
    says(page, "#map-empty", "No map of emoji on this head")
    page.locator("#expression").fill("sea + horse + prefix")
    page.wait_for_selector("#bars li")
    assert query(page)["head"] == "organism-bytes"


def test_the_map_is_searched_and_its_groups_go_off_and_on(look: Look):
    page = look()
    page.wait_for_selector("#groups button")
    page.locator("#find").fill("fish")
    says(page, "#found", r"^\d+ found$")
    page.keyboard.press("Enter")
    for given in ("#7027", "F0 9F 90 B4", "🐴"):
        page.locator("#find").fill(given)
        says(page, "#found", "^1 found$")
    page.locator("#find").fill("no such emoji")
    says(page, "#found", "none of that name")
    button = page.locator("#groups button", has_text="Food")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    page.locator("#find").fill("")
    page.locator("#map").focus()
    page.keyboard.press("n")
    page.wait_for_selector("#strip .near li")
    assert page.locator("#strip .near li").count() == 10


def test_the_rings_drag_sets_two_weights(look: Look):
    page = look(PCA + "&tab=phase&vary=sea,horse")
    page.wait_for_selector(".board.plane .ring")
    box = page.locator("svg.diagram").bounding_box()

    def at(sea: float, horse: float) -> tuple[float, float]:
        return (box["x"] + box["width"] * (sea + 2) / 4, box["y"] + box["height"] * (2 - horse) / 4)

    page.mouse.move(*at(1, 1))
    page.mouse.down()
    page.mouse.move(*at(-1.5, -1.2), steps=6)
    says(page, "#phase-hover", "of the area")
    page.mouse.up()
    holds(page, "#expression", r"^-1\.[45].*sea - 1\.[12]")
    weights = re.findall(r"[\d.]+", page.locator("#expression").input_value())
    assert [float(one) for one in weights] == pytest.approx([1.5, 1.2], abs=0.03)
    says(page, "#winner", f"^{re.escape(page.locator('#phase-hover b').text_content() or '')}$")


@pytest.mark.slow
def test_the_triangle_is_moved_by_arrow_keys(look: Look):
    page = look(PCA + "&tab=phase")
    page.wait_for_selector(".board.ternary .ring")
    page.locator(".ring").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowUp")
    says(page, "#winner", "^(?!horse face$).+")
    assert page.evaluate("document.activeElement.classList.contains('ring')")
    # the region under the ring is the winner's: two ways to the same answer
    says(page, "#winner", f"^{re.escape(page.locator('#phase-hover b').text_content() or '')}$")


def test_tabs_are_reached_by_keyboard_alone(look: Look):
    page = look("?map=pca")
    page.keyboard.type(SUM)
    says(page, "#winner", "^horse face$")
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-why"
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".board .ring")
    assert page.evaluate("document.activeElement.id") == "tab-phase"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("End")
    assert page.locator("#panel-lens").is_visible()


def test_what_is_seen_is_copied_as_a_command_that_gives_it(look: Look):
    page = look(PCA + "&among=emoji")
    says(page, "#winner", "^horse face$")
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.locator("#copy-sum [data-copy=command]").click()
    command = page.evaluate("window.copied")
    assert command.startswith("geometry why -H organism")
    assert "--among emoji" in command
    page.locator("#copy-sum [data-copy=python]").click()
    assert "geo.open_head('organism')" in page.evaluate("window.copied")


def test_a_question_that_is_not_answered_is_asked_again(look: Look, visit: "Visit"):
    visit.allow(r"ERR_CONNECTION_REFUSED")
    page = look()
    says(page, "#winner", "^horse face$")
    page.context.route("**/api/**", lambda route: route.abort("connectionrefused"))
    page.locator("#expression").fill("king - man + woman")
    page.wait_for_selector("#away", state="visible")
    assert winner(page).text_content() == "horse face"
    page.context.unroute("**/api/**")
    page.wait_for_selector("#away", state="hidden")
    says(page, "#legend", "king.*man.*woman")


def test_stale_answers_are_dropped(look: Look):
    page = look("?map=pca")
    held: list[Route] = []
    page.route(re.compile(r"/api/land\?.*q=sea(&|$)"), lambda route: held.append(route))
    page.locator("#expression").fill("sea")
    page.wait_for_timeout(200)
    page.locator("#expression").fill(SUM)
    says(page, "#winner", "^horse face$")
    assert len(held) == 1
    assert held[0].request.failure is not None  # given up
    assert winner(page).text_content() == "horse face"


@pytest.mark.slow
def test_a_server_that_went_away_is_told_and_found_again(visit: "Visit", tmp_path: Path):
    visit.allow(r"ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    first = Server(tmp_path, port)
    try:
        page = visit(first.url + PCA)
        page.set_default_timeout(30_000)
        page.wait_for_selector("#bars li")
        # it is stopped in mid-answer: what was asked never comes
        os.kill(first.process.pid, signal.SIGSTOP)
        page.locator("#expression").fill("king - man + woman")
        page.wait_for_timeout(150)
    finally:
        first.stop()
    page.wait_for_selector("#away", state="visible")
    second = Server(tmp_path, port)
    try:
        page.wait_for_selector("#away", state="hidden")
        says(page, "#legend", "king.*man.*woman")
    finally:
        second.stop()


def test_the_card_never_covers_the_map_and_nothing_is_wider_than_the_window(look: Look):
    page = look(width=1000, height=700, scheme="dark")
    says(page, "#winner", "^horse face$")
    page.wait_for_selector("#groups button")
    for width, height in [(1000, 700), (390, 800), (360, 640)]:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        card, stage = page.locator("#card").bounding_box(), page.locator("#map-stage").bounding_box()
        assert card["x"] + card["width"] <= stage["x"] or card["y"] + card["height"] <= stage["y"]


@pytest.mark.slow
def test_the_lens_reads_a_prompt_and_the_loop_goes_on(look: Look, visit: "Visit"):
    page = look("?map=pca&tab=lens")
    page.wait_for_selector("#lens-table td", timeout=60_000)  # the first one loads the model
    assert page.locator("#lens-table tbody tr").count() == 4
    page.locator("#lens-table td[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    says(page, "#lens-cell", "^layer 2 after")
    assert page.locator("#lens-cell li").count() == 5
    page.locator("#prompt").fill(" a fish is")
    page.keyboard.press("Enter")
    says(page, "#lens-table tfoot", "fish")
    page.locator("#loop").click()
    page.wait_for_selector("#attempts .end")
    assert page.locator("#attempts li").count() >= 1
    # where another head has nothing to say, this one's is neither shown nor copied
    visit.allow(REFUSED)
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.route("**/api/lens?*organism-bytes*", lambda route: route.fulfill(status=400, json={"error": "no model"}))
    page.locator("#head").select_option("organism-bytes")
    says(page, "#prompt-fault", "no model")
    page.locator("#copy-lens [data-copy=command]").click()
    assert page.locator("#lens-table td").count() == 0
    assert page.evaluate("window.copied") is None


@pytest.mark.slow
def test_the_missing_emoji_is_told_beside_its_controls_and_haunts_the_umap(look: Look):
    page = look(f"?q={quote_plus(SUM)}&tab=missing")
    page.set_default_timeout(90_000)
    page.wait_for_selector("#panel-missing .chances li")
    says(page, "#panel-missing .caution", "ranks nothing by itself")
    assert page.locator("#panel-missing .chances li").count() == 4
    says(page, "#map-state", "^trust", seconds=60)
