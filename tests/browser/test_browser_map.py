"""The map's page in a browser: looked at, moved and searched, by hand and by keyboard alone."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from visiting import Visit

import geometry as geo
from geometry.maps import emoji_map
from geometry.maps.groups import in_order
from geometry.maps.page import map_page
from geometry.maps.record import EmojiMap

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUERY = "sea + horse + emoji"

MAP = "document.getElementById('map').scatter"


@pytest.fixture(scope="module")
def drawn() -> EmojiMap:
    """Some 60 emoji and words, and a sum."""
    return emoji_map(geo.open_head("organism"), [QUERY], method="pca", around=60)


@pytest.fixture(scope="module")
def address(drawn: EmojiMap, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("map") / "map.html"
    path.write_text(drawn.page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def look(visit: Visit, address: str) -> "Callable[..., Page]":
    """Opens the map and waits until its pictures are there."""

    def opened(where: str = address, **options: Any) -> "Page":
        page = visit(where, **options)
        page.wait_for_function("document.getElementById('atlas').complete")
        _settle(page)
        return page

    return opened


def _settle(page: "Page") -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _view(page: "Page") -> dict[str, float]:
    view: dict[str, float] = page.evaluate(f"{MAP}.view")
    return view


def _place(page: "Page", position: int) -> tuple[float, float]:
    """Where a point lies in the window."""
    x, y = page.evaluate(
        f"""(() => {{ const box = document.getElementById('map').getBoundingClientRect(), at = {MAP}.at({position});
        return [box.left + at[0], box.top + at[1]]; }})()"""
    )
    return x, y


def _plane(page: "Page", drawn: EmojiMap) -> tuple[float, float, float]:
    """CSS pixels for a unit of the plane, and where its origin lies on the canvas."""
    far = int(np.abs(drawn.points[:, 0] - drawn.points[0, 0]).argmax())
    one, other = (page.evaluate(f"{MAP}.at({at})") for at in (0, far))
    unit = (other[0] - one[0]) / (drawn.points[far, 0] - drawn.points[0, 0])
    return unit, one[0] - unit * drawn.points[0, 0], one[1] + unit * drawn.points[0, 1]


def _pixels(page: "Page") -> np.ndarray:
    """What the canvas shows: red, green, blue and opacity of every pixel."""
    url: str = page.evaluate("document.getElementById('map').toDataURL()")
    return np.array(Image.open(BytesIO(b64decode(url.partition(",")[2]))).convert("RGBA"))


def _lonely(drawn: EmojiMap) -> int:
    """The emoji that is farthest from any other point, so that a pointer can mean no other."""
    away = np.linalg.norm(drawn.points[:, None] - drawn.points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    nearest = away.min(axis=1)
    nearest[[kind != "emoji" for kind in drawn.kinds]] = 0
    return int(nearest.argmax())


def test_it_opens_with_its_finding_and_draws(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    assert page.title().split() == drawn.headline().split()
    assert page.locator("#groups label").count() == len(set(drawn.groups))
    assert page.locator("#sums .row b").all_inner_texts() == [QUERY]
    assert "🐴" not in page.locator("#card").inner_text(), "nothing is chosen at first"
    assert (_pixels(page)[..., 3] > 0).mean() > 0.02


def test_dragging_moves_the_map_with_the_pointer(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    point = _lonely(drawn)
    x, y = _place(page, point)
    page.mouse.move(900, 450)
    page.mouse.down()
    page.mouse.move(960, 420, steps=4)
    page.mouse.up()
    assert _place(page, point) == pytest.approx((x + 60, y - 30), abs=0.5)
    assert page.evaluate(f"{MAP}.picked") is None, "a drag is no click"


def test_the_wheel_zooms_around_the_pointer(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    inner = int(np.linalg.norm(drawn.points - drawn.points.mean(axis=0), axis=1).argmin())
    before = _place(page, inner)
    page.mouse.move(*before)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"{MAP}.view.scale > 1.5")
    assert _place(page, inner) == pytest.approx(before, abs=1)
    scale = _view(page)["scale"]
    page.mouse.dblclick(*before)
    assert _view(page)["scale"] == pytest.approx(2 * scale)
    page.get_by_role("button", name="Show everything").click()
    assert _view(page)["scale"] == 1


def test_a_sum_that_comes_later_is_seen_at_once_and_with_everything(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    x, y = 3 * drawn.points.max(axis=0)
    late = f"{MAP}.setComposites([{{expression: 'late', x: {x}, y: {y}, winner: 0, terms: []}}])"

    def seen() -> bool:
        unit, left, top = _plane(page, drawn)
        wide, tall = page.evaluate(
            "[document.getElementById('map')].map((own) => [own.clientWidth, own.clientHeight])[0]"
        )
        return bool(0 < left + unit * x < wide and 0 < top - unit * y < tall)

    assert not seen()
    page.evaluate(late)
    assert seen(), "nobody has moved the map yet"
    page.evaluate(f"{MAP}.view = {{x: 0, y: 0, scale: 2}}")
    page.evaluate(late)
    assert _view(page) == {"x": 0, "y": 0, "scale": 2}, "who looks closely is not taken away from it"
    page.get_by_role("button", name="Show everything").click()
    page.wait_for_function(f"{MAP}.view.scale < 1")
    assert seen()


def test_the_name_of_a_sum_stays_clear_of_the_buttons(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    page.evaluate(f"{MAP}.view = {{x: 0, y: 0, scale: 1.5}}")
    canvas, buttons = (page.locator(one).bounding_box() for one in ("#map", ".buttons.over"))
    assert canvas is not None
    assert buttons is not None
    left, top = round(buttons["x"] - canvas["x"]), round(buttons["y"] - canvas["y"])
    under = slice(top, top + round(buttons["height"])), slice(left, left + round(buttons["width"]))
    unit, x, y = _plane(page, drawn)
    beside = (left - 12 - x) / unit, (y - top - buttons["height"] / 2) / unit
    before = _pixels(page)[under]
    page.evaluate(f"{MAP}.setComposites([{{expression: 'a sum', x: {beside[0]}, y: {beside[1]}, terms: []}}])")
    _settle(page)
    after = _pixels(page)
    assert (after[top : under[0].stop, left - 20 : left - 4, 3] > 0).any(), "the diamond stands beside them"
    np.testing.assert_array_equal(after[under], before)


def test_two_fingers_zoom(look: "Callable[..., Page]"):
    page = look(has_touch=True)
    session = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 120), ("touchEnd", None)):
        fingers = (
            [] if apart is None else [{"x": 900 - apart, "y": 450, "id": 0}, {"x": 900 + apart, "y": 450, "id": 1}]
        )
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    page.wait_for_function(f"{MAP}.view.scale > 1")
    assert _view(page)["scale"] == pytest.approx(3, rel=0.05)
    assert page.evaluate(f"{MAP}.picked") is None


def test_the_card_tells_what_is_under_the_pointer(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    point = _lonely(drawn)
    page.mouse.move(*_place(page, point))
    card = page.locator("#card")
    assert card.locator("h2").inner_text() == drawn.names[point]
    told = card.inner_text()
    for fact in (f"#{drawn.ids[point]}", bytes.fromhex(drawn.bytes_hex[point]).hex(" ").upper(), drawn.groups[point]):
        assert fact in told
    rows = card.locator(".row")
    names = [drawn.names[at] or "·" + drawn.texts[at].strip() for at in drawn.nearest[point].tolist()]
    assert rows.locator(".name").all_inner_texts() == names
    scores = [float(score.replace("−", "-")) for score in rows.locator(".score").all_inner_texts()]
    np.testing.assert_allclose(scores, drawn.similarities[point], atol=6e-4)
    said = page.get_by_role("status").filter(has_text="nearest").inner_text()
    assert said == f"{drawn.names[point]}, {drawn.groups[point]}; nearest: {', '.join(names[:3])}"
    page.mouse.move(5, 5)
    assert card.locator("h2").count() == 0


def test_what_is_under_the_pointer_is_a_brute_forces(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    page.evaluate(f"{MAP}.setGroups(new Set([0, 2, 3]))")
    for scale in (1, 4):
        page.evaluate(f"{MAP}.view = {{x: 0, y: 0, scale: {scale}}}")
        reach, found, places = page.evaluate(
            f"""(() => {{ const asked = Array.from({{length: 1500}}, (_, i) => [i * 37 % 1000, i * 71 % 700]);
            return [25, asked.map(([x, y]) => {MAP}.nearestTo(x, y, 25)),
              [asked, Array.from({{length: {len(drawn.ids)}}}, (_, i) => {MAP}.at(i))]]; }})()"""
        )
        asked, points = map(np.array, places)
        away = np.linalg.norm(asked[:, None] - points[None], axis=2)
        groups = in_order(drawn.groups)
        away[:, [groups.index(group) not in (0, 2, 3) for group in drawn.groups]] = np.inf
        expected = [int(at) if least <= reach else None for at, least in zip(away.argmin(1), away.min(1), strict=True)]
        assert found == expected
        assert len(set(found)) > 5


def test_words_that_are_written_never_overlap(look: "Callable[..., Page]"):
    taken = look().evaluate(
        """(() => { const mask = new Scatter.Mask(600, 400, [13.7, -5.2]), taken = [];
        for (let i = 0; i < 3000; i++) {
          const word = [i * 7919 % 600, i * 104729 % 400, 10 + i * 31 % 60, 12];
          if (mask.take(...word)) taken.push(word);
        }
        return taken; })()"""
    )
    x, y, wide, tall = np.array(taken).T
    apart_x, apart_y = np.abs(x[:, None] - x), np.abs(y[:, None] - y)
    overlap = (apart_x < (wide[:, None] + wide) / 2) & (apart_y < (tall[:, None] + tall) / 2)
    assert overlap.sum() == len(taken), "each only itself"
    assert len(taken) > 100


def test_the_card_never_covers_the_map(look: "Callable[..., Page]"):
    page = look()
    page.evaluate(f"{MAP}.pick(3)")
    for width in (1400, 900, 700, 360):
        page.set_viewport_size({"width": width, "height": 800})
        card, canvas = (page.locator(one).bounding_box() for one in ("#card", "#map"))
        assert card is not None
        assert canvas is not None
        beside = card["x"] + card["width"] <= canvas["x"]
        below = card["y"] >= canvas["y"] + canvas["height"]
        assert beside or below
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing lies outside a narrow window"


def test_a_click_picks_and_a_neighbour_leads_on(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    point = _lonely(drawn)
    page.mouse.click(*_place(page, point))
    page.mouse.move(5, 5)
    assert page.evaluate(f"{MAP}.picked") == point
    assert page.locator("#card h2").inner_text() == drawn.names[point], "what is picked stays"
    page.locator("#card .row").nth(2).click()
    assert page.evaluate(f"{MAP}.picked") == drawn.nearest[point, 2]


def test_search_finds_by_name_token_id_and_bytes(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    at = drawn.names.index("horse face")
    for asked in ("horse fa", "HORSE FACE", "🐴", f"#{drawn.ids[at]}", "F0 9F 90 B4", "f09f90b4", "<F0 9F 90 B4>"):
        page.evaluate(f"{MAP}.pick(null)")
        page.get_by_label("Find").fill(asked)
        assert page.get_by_role("option").first.locator(".name").inner_text() == "horse face"
        page.keyboard.press("Enter")
        assert page.evaluate(f"{MAP}.picked") == at
        assert page.locator("#found").is_hidden()


def test_search_by_keyboard_goes_through_its_matches(look: "Callable[..., Page]"):
    page = look()
    box = page.get_by_label("Find")
    box.fill("horse")
    names = page.get_by_role("option").locator(".name").all_inner_texts()
    assert len(names) > 1
    for _ in range(2):
        box.press("ArrowDown")
    box.press("ArrowUp")
    chosen = page.locator("[role=option][aria-selected=true]")
    assert chosen.locator(".name").inner_text() == names[1]
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    box.press("Escape")
    assert box.input_value() == ""
    box.fill("no such thing")
    assert page.locator("#count").inner_text() == "no matches"
    assert box.get_attribute("aria-expanded") == "false"


def test_a_group_that_is_off_is_neither_drawn_nor_found(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    point = _lonely(drawn)
    place = _place(page, point)
    all_drawn = (_pixels(page)[..., 3] > 0).sum()
    page.get_by_role("checkbox", name=drawn.groups[point]).uncheck()
    _settle(page)
    assert 0 < (_pixels(page)[..., 3] > 0).sum() < all_drawn
    page.mouse.move(*place)
    assert page.locator("#card h2").count() == 0
    page.get_by_role("button", name="none").click()
    assert page.locator("#groups input:checked").count() == 0
    # what is looked for is shown again
    page.get_by_label("Find").fill(f"#{drawn.ids[point]}")
    page.keyboard.press("Enter")
    assert page.locator("#groups input:checked").count() == 1


def test_everything_by_keyboard_alone(look: "Callable[..., Page]", drawn: EmojiMap):
    page = look()
    reached = []
    for _ in range(len(set(drawn.groups)) + 12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if reached[-1] == "map":
            break
    assert reached[0] == "find"
    assert reached[-1] == "map"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    page.keyboard.press("n")
    picked = page.evaluate(f"{MAP}.picked")
    for step in range(3):
        page.keyboard.press("n")
        assert page.evaluate(f"{MAP}.current") == drawn.nearest[picked, step]
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{MAP}.picked") == drawn.nearest[picked, 1]
    assert page.locator("#card h2").inner_text() == drawn.names[drawn.nearest[picked, 1]]
    before = _view(page)
    for key in ("+", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    after = _view(page)
    assert after["scale"] > before["scale"]
    assert (after["x"] > before["x"], after["y"] < before["y"]) == (True, True)
    page.keyboard.press("0")
    assert _view(page)["scale"] == 1
    page.keyboard.press("Escape")
    assert page.evaluate(f"{MAP}.picked") is None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "map", "the map lets go of the focus"


def test_light_and_dark_follow_the_reader_while_it_is_open(look: "Callable[..., Page]"):
    page = look()
    paper = "getComputedStyle(document.body).backgroundColor"
    light, drawn_light = page.evaluate(paper), _pixels(page)
    page.emulate_media(color_scheme="dark")
    _settle(page)
    assert page.evaluate(paper) != light
    changed = (drawn_light != _pixels(page)).any(axis=2)
    assert changed.any(), "labels have the other paper's colours"


@pytest.mark.parametrize(("motion", "steps"), [("reduce", 1), ("no-preference", 3)])
def test_motion_is_for_those_who_like_it(motion: str, steps: int, look: "Callable[..., Page]"):
    page = look(reduced_motion=motion)
    seen = page.evaluate(
        f"""(async () => {{ const seen = new Set(); {MAP}.zoom(4, undefined, undefined, true);
        for (let i = 0; i < 60 && {MAP}.view.scale < 3.99; i++) {{
          seen.add({MAP}.view.scale); await new Promise(requestAnimationFrame); }}
        seen.add({MAP}.view.scale); seen.delete(1); return seen.size; }})()"""
    )
    assert seen == 1 if steps == 1 else seen >= steps


def test_hostile_texts_are_only_texts(look: "Callable[..., Page]", drawn: EmojiMap, tmp_path: Path):
    texts = ("</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u2028[/red]", "\ud83d", "\u202eab")
    names = ("", "<b>bold</b>", "", "", "")
    texts, names = texts + drawn.texts[len(texts) :], names + drawn.names[len(names) :]
    path = tmp_path / "hostile.html"
    path.write_text(map_page(replace(drawn, texts=texts, names=names)), encoding="utf-8")
    page = look(path.as_uri())
    page.get_by_label("Find").fill("alert")
    assert page.get_by_role("option").locator(".name").all_inner_texts() == [texts[0], "<b>bold</b>"]
    for at, shown in ((0, texts[0]), (1, texts[1]), (2, "⟨U+2028⟩[/red]"), (3, "⟨ED A0 BD⟩"), (4, "⟨U+202E⟩ab")):
        page.evaluate(f"{MAP}.pick({at})")
        assert shown in page.locator("#card dl").inner_text()
    assert page.locator("b", has_text="bold").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("points", [1_400, 20_000])
def test_frames(points: int, look: "Callable[..., Page]", tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Prints how long a frame takes; asserts nothing of time."""
    few = points < 5_000
    every = emoji_map(
        geo.open_head("organism"), [QUERY], method="umap" if few else "pca", among="emoji" if few else "all"
    )
    chosen = np.arange(points) % len(every.ids)
    moved = every.points[chosen] + np.random.default_rng(0).normal(size=(points, 2)) * 0.02 * every.points.std()
    grown = {
        name: tuple(getattr(every, name)[at] for at in chosen)
        for name in ("texts", "bytes_hex", "kinds", "names", "groups")
    }
    many = replace(
        every, points=moved, ids=np.arange(points), norms=every.norms[chosen], nearest=every.nearest[chosen],
        similarities=every.similarities[chosen], **grown,
    )  # fmt: skip
    path = tmp_path / "many.html"
    path.write_text(many.page(), encoding="utf-8")
    page = look(path.as_uri())
    for scale in (1, 3, 12):
        times = page.evaluate(_TIMED.replace("MAP", MAP).replace("SCALE", str(scale)))
        worst, median = np.max(times), np.median(times)
        with capsys.disabled():
            print(f"\n{points:,} points at scale {scale}: {median:.1f} ms a frame, {worst:.1f} ms at most")
    assert page.evaluate(f"{MAP}.at(0)") is not None


_TIMED = """(async () => {
  const map = MAP, pen = document.getElementById('map').getContext('2d'), times = [];
  map.view = {x: 0, y: 0, scale: SCALE};
  for (let i = 0; i < 40; i++) {
    map.pan(i % 2 ? 7 : -6, 2);
    const start = performance.now();
    map.draw();
    pen.getImageData(0, 0, 1, 1);  // what was asked for is drawn by then
    if (i >= 10) times.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  return times;
})()"""
