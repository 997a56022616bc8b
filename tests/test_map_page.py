"""The map's page, as text: what it holds, and that nothing in it can break out."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import geometry as geo
from geometry import pages
from geometry.maps import emoji_map
from geometry.maps.page import map_page, scatter_data
from geometry.maps.record import EmojiMap
from geometry.pages.atlas import Atlas, _made, make_atlas
from geometry.sprites import sprite

HOSTILE = (
    "</script><script>alert(1)</script>", "<!--", " [/red]", "\u2028\u2029", "\u202eabc\u200f", "\x00\x1b[31m",
    "\ud83d", "$x$ &amp; \"'", "🐠</style>", " :horse:", "\u0301", "⟨F0 9F⟩",
)  # fmt: skip


@pytest.fixture(scope="module")
def organism() -> "geo.Head":
    return geo.open_head("organism")


@pytest.fixture(scope="module")
def small(organism: "geo.Head") -> EmojiMap:
    return emoji_map(organism, ["sea + horse + emoji"], method="pca", around=40)


@pytest.fixture(scope="module")
def every(organism: "geo.Head") -> EmojiMap:
    return emoji_map(organism, method="pca")


@pytest.fixture(scope="module")
def hostile(small: EmojiMap) -> EmojiMap:
    texts = HOSTILE + small.texts[len(HOSTILE) :]
    facts = {**small.head_facts, "name": "</footer><img src=x onerror=alert(1)>"}
    return replace(small, texts=texts, names=texts, head_facts=facts)


class _Reader(HTMLParser):
    """Elements by name with their attributes, and what stands in scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def test_the_data_are_the_maps(small: EmojiMap):
    data = json.loads(json.dumps(scatter_data(small), allow_nan=False))
    points, sums = data["points"], data["composites"]
    assert {len(column) for column in points.values()} == {len(small.ids)}
    assert points["id"] == small.ids.tolist()
    assert points["bytes"] == list(small.bytes_hex)
    np.testing.assert_allclose(np.array([points["x"], points["y"]]).T, small.points, atol=5.1e-5)
    np.testing.assert_allclose(points["norm"], small.norms, rtol=1e-4)
    np.testing.assert_array_equal(points["nearest"], small.nearest)
    np.testing.assert_allclose(points["similarity"], small.similarities, atol=5.1e-4)
    assert [data["groups"][at]["name"] for at in points["group"]] == list(small.groups)
    assert all(re.fullmatch("#[0-9a-f]{6}", one["color"].lower()) for one in data["groups"])
    assert [one["name"] for one in data["groups"] if one["square"]] == ["word"]
    (one,), (placed,) = sums, small.composites
    assert (one["expression"], one["winner"], one["terms"]) == (placed.expression, placed.winner, list(placed.terms))
    assert data["head"]["fingerprint"] == small.head_facts["fingerprint"]
    assert (data["space"], data["metric"], data["seed"]) == (small.space, "cosine", small.seed)
    assert data["trust"] == pytest.approx(small.trust, rel=1e-4)


def test_nearest_of_the_data_are_a_brute_forces(organism: "geo.Head", small: EmojiMap):
    rows = organism.in_space(small.space).rows(small.ids).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    similarities = rows @ rows.T
    np.fill_diagonal(similarities, -np.inf)
    points = scatter_data(small)["points"]
    for at, (nearest, told) in enumerate(zip(points["nearest"], points["similarity"], strict=True)):
        best = np.sort(similarities[at])[::-1][: len(nearest)]
        np.testing.assert_allclose(told, best, atol=1e-3)
        np.testing.assert_allclose(similarities[at][nearest], best, atol=1e-6)


def test_the_page_may_load_nothing(small: EmojiMap):
    page = map_page(small)
    read = _Reader(page)
    policies = [one["content"] for tag, one in read.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"]
    sources = [value for _, one in read.elements for name, value in one.items() if name in ("src", "href")]
    assert [source[:22] for source in sources if source] == ["data:image/png;base64,"]
    assert not [tag for tag, one in read.elements if any(name.startswith("on") for name in one)]
    assert "http" not in re.sub('http-equiv|"data:[^"]*"', "", page)


def test_the_page_says_what_it_shows_and_how_far_to_trust_it(small: EmojiMap):
    page = map_page(small)
    assert f"<title>{small.headline()}</title>" in page
    for said in (small.provenance(), f"trustworthiness {small.trust:.3f}", "all 256 dimensions", "of the variance"):
        assert said in page


def test_texts_of_tokens_stay_texts(hostile: EmojiMap):
    page = map_page(hostile)
    page.encode("utf-8")
    read = _Reader(page)
    assert len(read.scripts) == 2, "the data and the program"
    data = json.loads(read.scripts[0])
    shown = data["points"]["text"][: len(HOSTILE)]
    assert shown[:3] == list(HOSTILE[:3])
    assert shown[3:7] == ["⟨U+2028⟩⟨U+2029⟩", "⟨U+202E⟩abc⟨U+200F⟩", "⟨U+0000⟩⟨U+001B⟩[31m", "⟨ED A0 BD⟩"]
    assert shown[7:] == ["$x$ &amp; \"'", "🐠</style>", " :horse:", "⟨U+0301⟩", "⟨F0 9F⟩"]
    assert [one for tag, one in read.elements if tag == "img"] == [one for _, one in read.elements if one.get("src")]
    assert "onerror" not in {name for _, one in read.elements for name in one}


def test_half_a_character_reaches_the_script_as_it_is():
    page = pages.embedded("x", ["\ud83d</script>"])
    page.encode("utf-8")
    assert json.loads(_Reader(page).scripts[0]) == ["\ud83d</script>"]


def test_the_same_map_gives_the_same_bytes(small: EmojiMap):
    first = map_page(small)
    _made.cache_clear()
    assert map_page(small) == first


def test_a_page_of_every_emoji_is_small(every: EmojiMap):
    data = scatter_data(every)
    written = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
    assert written < 260 * len(every.ids)
    assert len(map_page(every).encode()) < 1_800_000


def test_every_picture_of_an_atlas_is_its_own(every: EmojiMap):
    atlas = make_atlas(every.texts)
    sheet = np.array(Image.open(BytesIO(atlas.png)).convert("RGBA"))
    assert Image.open(BytesIO(atlas.png)).mode == "P"
    for text in every.texts:
        row, column = divmod(atlas.index(text), atlas.columns)
        found = sprite(text)
        assert found is not None
        pixels = sheet[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
        np.testing.assert_array_equal(pixels, found.pixels)
    assert atlas.count == len({text.strip() for text in every.texts})


def test_an_atlas_has_each_picture_once_and_none_of_words():
    atlas = make_atlas([" 🐠", "fish", "🐠", "🐠\ufe0f", "❤", "❤️"])
    assert (atlas.count, atlas.columns) == (2, 2)
    assert [atlas.index(text) for text in ("🐠", " 🐠", "❤️", "fish", "🐴")] == [0, 0, 1, -1, -1]
    assert _is_empty(make_atlas(["fish"]))
    assert _is_empty(make_atlas([]))


def _is_empty(atlas: Atlas) -> bool:
    return (atlas.png, atlas.count, atlas.url(), atlas.index("🐠")) == (b"", 0, "", -1)


def test_a_map_of_words_alone_has_a_page(organism: "geo.Head"):
    found = emoji_map(organism, ["sea + horse"], method="pca", among="words", around=12)
    page = map_page(found)
    assert "<img" not in page
    assert scatter_data(found)["atlas"]["count"] == 0


def test_all_scripts_of_the_scatter_are_named():
    there = {path.name for path in (pages.Path(pages.__file__).with_name("assets")).glob("scatter*.js")}
    assert set(pages.SCATTER) == there
    assert pages.SCATTER[0] == "scatter.js"
