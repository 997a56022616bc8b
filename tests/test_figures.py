"""Figures from made-up arrays: drawn whole, the same bytes each time, and saying what the arrays say."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from geometry import figures
from geometry.envelopes import planar_regions
from geometry.errors import OptionError
from geometry.figures import (
    Cells,
    Curve,
    Distributions,
    Heatmap,
    HeatmapStrip,
    Intervals,
    MapPanel,
    MarginBars,
    Mark,
    Measure,
    PhaseDiagram,
    Polygons,
    Reliability,
    Sample,
    Stretch,
    Strip,
    Strips,
    Trail,
    emoji_map,
    heatmap,
    save,
)
from geometry.figures.colors import series_color, term_colors, tint
from geometry.figures.frame import triangle_frame, window_frame
from geometry.figures.glyphs import RING, place_glyphs
from geometry.figures.page import house_style
from geometry.figures.raster import PER_INCH, sample
from geometry.figures.samples import _mark_places, _mark_width, _widest_mark
from geometry.figures.strip import _room_beside
from geometry.figures.text import _charmap, fit, quoted, runs, shown, token_text, width_of, wrap

AWKWARD = (
    *("🐠", "$x^2$", "<b>bold</b>", "שלום", "👩\u200d🚀", "\ufe0f", "中文", "\u200d"),
    *(" a\nb", "👍🏽", "", " ", "\ud800", "⟨F0 9F⟩", "\\"),
)
TAME = ("🦁", "🦔", " boat", "🐎", "🍄", "🐄", " fish", "🐬")
CAPTION = "organism · 3f2a9c1e · folded · seed 7 · geometry 0.1.0 · $1"


def bars_of(labels: tuple[str, ...], *, terms: tuple[str, ...] = ("sea", "$", "🐟", "bias")) -> MarginBars:
    values = np.random.default_rng(len(labels)).normal(0.3, 0.6, (len(labels), len(terms)))
    return MarginBars(
        "What each term gave", labels, tuple(f"name of {n}" for n in labels), terms, values, values.sum(1)
    )


def phase_of(labels: tuple[str, ...], *, terms: tuple[str, ...] = ("sea", "🐟")) -> PhaseDiagram:
    planes = np.random.default_rng(2).normal(size=(len(labels), 3))
    corners = [[-2, -2], [2, -2], [2, 2], [-2, 2]] if len(terms) == 2 else [[1, 0], [0, 1], [0, 0]]
    regions = planar_regions(planes, np.array(corners, dtype=np.float64))
    cover = Polygons(tuple(region.polygon for region in regions), planes[[region.row for region in regions]])
    names = tuple(labels[region.row] for region in regions)
    return PhaseDiagram("Which wins 🐠", terms, names, cover, point=np.ones(len(terms)), point_label="sea + $")


def grid_of(labels: tuple[str, ...], *, terms: tuple[str, ...] = ("sea", "horse")) -> PhaseDiagram:
    exact = phase_of(labels, terms=terms)
    assert isinstance(exact.cover, Polygons)
    first, second = np.meshgrid(*[np.linspace(-2, 2, 81) if len(terms) == 2 else np.linspace(0, 1, 81)] * 2)
    planes = exact.cover.planes[:, :, None, None]
    scores = planes[:, 0] + planes[:, 1] * first + planes[:, 2] * second
    margins = np.ptp(np.sort(scores, axis=0)[-2:], axis=0) if len(scores) > 1 else None
    winners = scores.argmax(axis=0) if len(scores) else np.full(first.shape, -1)
    winners[(first + second > 1 + 1e-12) & (len(terms) == 3)] = -1
    cells = Cells(winners, 0.05, margins)
    return PhaseDiagram(exact.title, terms, exact.labels, cover=cells, point=exact.point, point_label="here")


def strips_of(labels: tuple[str, ...]) -> Strips:
    cuts = [-np.inf, *np.linspace(-1.7, 1.8, max(len(labels) - 1, 0)).tolist(), np.inf]
    stretches = tuple(map(Stretch, cuts, cuts[1:], labels)) if labels else ()
    return Strips("Along one weight", tuple(Strip(term, stretches, 1.0) for term in ("sea", "🐴", "$a$")))


def intervals_of(labels: tuple[str, ...]) -> Intervals:
    values = np.linspace(0, 1, len(labels)) if labels else np.empty(0)
    measures = tuple(
        Measure(name, values, values * 0.8, values * 0.9 + 0.1, 0.3) for name in ("recall@1", "$r$", "MRR")
    )
    return Intervals("It recalls", labels, tuple("ab"[index % 2] for index in range(len(labels))), measures)


def reliability_of(labels: tuple[str, ...]) -> Reliability:
    bins = np.linspace(0.05, 0.95, 10)
    counts = np.arange(10.0) * 30
    return Reliability("Too sure", tuple(Curve(label, bins, bins**2, counts) for label in labels))


def distributions_of(labels: tuple[str, ...]) -> Distributions:
    rng = np.random.default_rng(0)
    samples = tuple(Sample(label, rng.normal(place, 1, 50)) for place, label in enumerate(labels[:3]))
    return Distributions("Seahorse is high", samples, tuple(Mark(label, 0.1 * at) for at, label in enumerate(labels)))


def why_of(labels: tuple[str, ...]) -> Figure:
    return figures.why_figure(
        bars_of(labels), phase_of(labels), strips_of(labels), title="It lands on 🐠 $", caption=CAPTION
    )


def why_triangle(labels: tuple[str, ...]) -> Figure:
    triangle = phase_of(labels, terms=("sea", "horse", "$"))
    return figures.why_figure(bars_of(labels), triangle, strips_of(labels), title="It lands", caption=CAPTION)


def why_bars(labels: tuple[str, ...]) -> Figure:
    return figures.why_figure(bars_of(labels), title="It lands", caption=CAPTION)


DRAWN: dict[str, Callable[[tuple[str, ...]], Figure]] = {
    "bars": lambda labels: figures.margin_bars(bars_of(labels), caption=CAPTION),
    "phase": lambda labels: figures.phase_diagram(phase_of(labels), caption=CAPTION),
    "triangle": lambda labels: figures.phase_diagram(phase_of(labels, terms=("a", "b", "🐟")), caption=CAPTION),
    "grid": lambda labels: figures.phase_diagram(grid_of(labels), caption=CAPTION),
    "triangle grid": lambda labels: figures.phase_diagram(grid_of(labels, terms=("a", "b", "c")), caption=CAPTION),
    "strips": lambda labels: figures.strips(strips_of(labels), caption=CAPTION),
    "intervals": lambda labels: figures.intervals(intervals_of(labels), caption=CAPTION),
    "reliability": lambda labels: figures.reliability(reliability_of(labels), caption=CAPTION),
    "distributions": lambda labels: figures.distributions(distributions_of(labels), caption=CAPTION),
    "why": why_of,
    "why with a triangle": why_triangle,
    "why with bars alone": why_bars,
}
LABELS = {"awkward": AWKWARD, "tame": TAME, "one": ("🐠",), "none": ()}

every_figure = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN.keys())
any_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())


@every_figure
@pytest.mark.filterwarnings("error")
def test_the_same_arrays_give_the_same_bytes(draw: Callable[[tuple[str, ...]], Figure], tmp_path: Path):
    one, two = draw(AWKWARD), draw(AWKWARD)
    for ending in ("png", "svg"):
        save(one, tmp_path / f"one.{ending}")
        save(two, tmp_path / f"two.{ending}")
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def drawn_texts(figure: Figure) -> list[Text]:
    """Every text that is drawn; a tick beyond its scale is not, though it is there."""
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            room = (high - low) * 1e-6
            ticks = [tick for tick in axis.get_major_ticks() if not low - room <= tick.get_loc() <= high + room]
            beyond |= {label for tick in ticks for label in (tick.label1, tick.label2)}
            beyond |= set(() if axes.axison else axes.findobj(Text)) - set(axes.texts)
    found = [text for text in figure.findobj(Text) if isinstance(text, Text) and text not in beyond]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


@every_figure
@any_labels
@pytest.mark.filterwarnings("error")
def test_nothing_is_cut_off_and_no_text_lies_on_another(
    draw: Callable[[tuple[str, ...]], Figure], labels: tuple[str, ...]
):
    figure = draw(labels)
    figure.canvas.draw()
    pictures = [box for box in figure.findobj(AnnotationBbox) if isinstance(box, AnnotationBbox)]
    texts = drawn_texts(figure)
    for artist in [*texts, *pictures]:
        box = artist.get_window_extent()
        assert box.x0 >= figure.bbox.x0, artist
        assert box.x1 <= figure.bbox.x1, artist
        assert box.y0 >= figure.bbox.y0, artist
        assert box.y1 <= figure.bbox.y1, artist
    # turned texts have boxes much larger than themselves
    level = [(text.get_text(), Text.get_window_extent(text)) for text in texts if text.get_rotation() % 180 == 0]
    for (one, box), (other, second) in combinations(level, 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        along = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert across <= 1 or along <= 3, (one, other)


def test_drawing_needs_no_pyplot_and_importing_no_matplotlib():
    code = (
        "import sys, geometry.figures as f; import numpy as np\n"
        "assert not {'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\n"
        "s = f.strips(f.Strips('t', (f.Strip('sea', (f.Stretch(-1, 1, '🐠'),), 0.5),)))\n"
        "s.canvas.draw()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_caller_s_settings_change_nothing_and_stay(tmp_path: Path):
    save(why_of(TAME), tmp_path / "plain.svg")
    with rc_context({"font.size": 30.0, "text.color": "red", "axes.facecolor": "black", "svg.fonttype": "none"}):
        from matplotlib import rcParams

        save(why_of(TAME), tmp_path / "loud.svg")
        assert rcParams["font.size"] == 30.0
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "loud.svg").read_bytes()


# text


@given(st.text(st.characters(), max_size=30))
def test_any_text_becomes_one_that_the_font_has(text: str):
    drawn = shown(text)
    assert all(ord(character) in _charmap() for character in drawn)
    assert shown(drawn) == drawn
    assert "".join(run for run in runs(text) if isinstance(run, str)).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sea", "sea"),
        ("a 🐠!", "a “tropical fish”!"),
        ("👍🏽", "“thumbs up: medium skin tone”"),
        ("\ufe0f", "⟨U+FE0F⟩"),
        ("中文", "⟨U+4E2D U+6587⟩"),
        ("⟨F0 9F⟩", "⟨F0 9F⟩"),
        ("\ud800", "⟨ED A0 80⟩"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("\u2764\ufe0f", "\u2764"),
        ("é $1", "é $1"),
    ],
)
def test_what_the_font_lacks_is_named(text: str, expected: str):
    assert shown(text) == expected


def test_tokens_and_quotes():
    assert token_text(" sea") == "·sea"
    assert quoted(" sea") == "“·sea”"
    assert quoted("👩\u200d🚀") == "“woman astronaut”"


@given(st.text(st.characters(codec="ascii", categories=["L", "Zs"]), max_size=60), st.floats(0.3, 3))
def test_fitted_and_wrapped_text_keeps_to_its_width(text: str, width: float):
    with house_style():
        cut = fit(text, width, 9.0)
        assert width_of(cut, 9.0) <= width
        assert cut == text or text.startswith(cut.removesuffix("…"))
        assert all(width_of(line, 9.0) <= width for line in wrap(text, width, 9.0))


# bars


def rectangles(figure: Figure) -> list[Rectangle]:
    """The bars of the first axes, without the legend's squares."""
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_clip_on()]


def test_bars_add_up_on_either_side_of_zero():
    panel = bars_of(TAME)
    drawn = rectangles(figures.margin_bars(panel))
    for index, row in enumerate(panel.values):
        bars = drawn[index * 4 : index * 4 + 4]
        edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
        assert max(max(pair) for pair in edges) == pytest.approx(max(row[row > 0].sum(), 0))
        assert min(min(pair) for pair in edges) == pytest.approx(min(row[row < 0].sum(), 0))
        assert [bar.get_width() for bar in bars] == pytest.approx(row.tolist())
        assert all(abs(bar.get_y() - bars[0].get_y()) < 1e-12 for bar in bars)


def test_a_term_that_gave_nothing_is_left_out():
    values = np.array([[1.0, 0.0, 2.0], [1.0, 0.0, 1.0]])
    panel = MarginBars("t", ("a", "b"), ("", ""), ("sea", "zero", "bias"), values, values.sum(1))
    figure = figures.margin_bars(panel)
    assert len(rectangles(figure)) == 4
    drawn = {text.get_text() for text in drawn_texts(figure)}
    assert {"sea", "bias", "3.00", "2.00", "−1.00"} <= drawn
    assert "zero" not in drawn


def test_totals_that_are_nearly_equal_get_the_decimals_they_need():
    values = np.array([[1.0011], [1.0002]])
    figure = figures.margin_bars(MarginBars("t", ("a", "b"), ("", ""), ("sea",), values, values[:, 0]))
    assert {"1.001", "1.000", "−0.001"} <= {text.get_text() for text in drawn_texts(figure)}


def test_what_has_no_room_on_the_page_is_counted():
    figure = why_bars(tuple(f"token {index}" for index in range(60)))
    (note,) = [text.get_text() for text in drawn_texts(figure) if "more" in text.get_text()]
    drawn = sum(text.get_text().startswith("name of") for text in drawn_texts(figure))
    assert note == f"and {60 - drawn} more"


def test_the_bias_is_grey_and_takes_no_colour():
    assert term_colors(("a", "bias", "b")) == [series_color(0), "#9aa1a9", series_color(1)]


# phase diagrams


@pytest.mark.parametrize("terms", [("a", "b"), ("a", "b", "c")])
def test_pixels_are_those_of_the_highest_plane(terms: tuple[str, ...]):
    panel = phase_of(TAME, terms=terms)
    assert isinstance(panel.cover, Polygons)
    size = (2.0, 2.0)
    frame = window_frame(panel.window, size) if len(terms) == 2 else triangle_frame(size, below=0.1, beside=0.1)
    raster = sample(frame, panel.cover, 0.5)
    rows, columns = np.nonzero(raster.regions >= 0)
    picked = np.random.default_rng(0).choice(len(rows), 300)
    for row, column in zip(rows[picked], columns[picked], strict=True):
        a, b = frame.weights((np.array([column, row]) + 0.5) / PER_INCH)
        scores = np.sort(panel.cover.planes @ [1, a, b])
        margin = min((scores[-1] - scores[-2]) / 0.5, 1.0)
        assert raster.regions[row, column] == np.argmax(panel.cover.planes @ [1, a, b])
        assert raster.strength[row, column] == pytest.approx(margin * (2 - margin), abs=1e-9)
    assert (raster.regions >= 0).mean() == pytest.approx(1.0 if len(terms) == 2 else 0.35, abs=0.01)


def test_a_grid_and_the_polygons_that_it_samples_show_the_same():
    exact, grid = phase_of(TAME), grid_of(TAME)
    frame = window_frame(exact.window, (2.0, 2.0))
    agree = sample(frame, exact.cover, None).regions == sample(frame, grid.cover, None).regions
    assert agree.mean() > 0.97


@pytest.mark.parametrize("terms", [("a", "b"), ("a", "b", "c")])
@pytest.mark.parametrize("draw", [phase_of, grid_of])
def test_every_glyph_stands_in_its_own_region_and_off_the_ring(draw: Callable[..., Any], terms: tuple[str, ...]):
    panel = draw(TAME, terms=terms)
    frame = triangle_frame((4.0, 4.0), below=0.4, beside=0.4)
    frame = window_frame(panel.window, (4.0, 4.0)) if len(terms) == 2 else frame
    raster = sample(frame, panel.cover, None)
    for at in np.argwhere(raster.regions >= 0)[::9001]:
        ring = (at[::-1] + 0.5) / PER_INCH
        with house_style():
            glyphs = place_glyphs(frame, panel.cover, raster, panel.labels, ring)
        assert glyphs
        for glyph in glyphs:
            (region,) = raster.at(glyph.center[None])
            assert panel.labels[region] == glyph.label
            assert np.linalg.norm(glyph.center - ring) >= min(glyph.width, glyph.height) / 2 + RING - 0.02


def test_a_grid_fills_its_triangle_and_without_margins_fades_at_its_edges_alone():
    panel = grid_of(TAME, terms=("a", "b", "c"))
    assert isinstance(panel.cover, Cells)
    frame = triangle_frame((2.0, 2.0), below=0.1, beside=0.1)
    known = phase_of(TAME, terms=("a", "b", "c"))
    assert np.array_equal(sample(frame, panel.cover, None).regions < 0, sample(frame, known.cover, None).regions < 0)
    plain = sample(frame, Cells(panel.cover.winners, 0.05), None)
    regions = plain.regions
    across = (regions[:, 1:] != regions[:, :-1]) & (np.minimum(regions[:, 1:], regions[:, :-1]) >= 0)
    assert across.any()
    assert not plain.strength[:, :-1][across].any()
    assert (plain.strength == 1).mean() > 0.8
    assert np.all(sample(frame, Cells(np.zeros((5, 5), dtype=np.int64), 0.25), None).strength == 1)


def test_a_triangle_has_equal_sides_and_its_weights_come_back():
    frame = triangle_frame((5.0, 4.0), below=0.3, beside=0.2)
    corners = frame.inches(frame.domain)
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    assert sides == pytest.approx([sides[0]] * 3)
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    assert frame.weights(frame.inches(weights)) == pytest.approx(weights[:, :2])
    assert corners[2, 1] == corners[:, 1].max()
    assert corners[0, 0] < corners[1, 0]


def test_a_region_has_its_emoji_s_colour_and_a_word_its_own():
    assert tint("🐠") == pytest.approx(tint(" 🐠\ufe0f"))
    assert tint("🐠") != pytest.approx(tint("🌊"), abs=0.05)
    assert tint(" sea") == pytest.approx(tint(" sea"))
    assert np.ptp(tint(" sea")) < 0.1
    assert tint(" sea").min() > 0.7


def test_a_grid_says_in_the_corner_that_it_is_one():
    numerical = [text.get_text() for text in drawn_texts(figures.phase_diagram(grid_of(TAME), caption="head"))]
    assert "head · numerical, step 0.05" in numerical
    assert not any("numerical" in text.get_text() for text in drawn_texts(figures.phase_diagram(phase_of(TAME))))


def test_a_point_beyond_the_map_has_no_ring():
    panel = phase_of(TAME)
    for point in ([9.0, 0.0], [0.0, -2.5]):
        beyond = PhaseDiagram(**{**vars(panel), "point": np.array(point), "point_label": "far"})
        assert not any(text.get_text() == "far" for text in drawn_texts(figures.phase_diagram(beyond)))


def test_other_numbers_of_weights_are_refused():
    with pytest.raises(OptionError, match=r"1 weights arrived; expected two, or three of a triangle"):
        figures.phase_diagram(PhaseDiagram("t", ("a",), TAME, phase_of(TAME).cover))


# strips, intervals, reliability, distributions


def test_stretches_are_cut_at_the_window():
    areas = [patch for patch in figures.strips(strips_of(TAME)).axes[0].patches if isinstance(patch, Rectangle)]
    assert sum(area.get_width() for area in areas) == pytest.approx(3 * 4.0)
    assert min(area.get_x() for area in areas) == -2.0


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(-6, 6), st.floats(0.01, 3))
def test_a_strip_s_glyph_lies_in_its_stretch_and_beside_the_weight(
    start: float, long: float, weight: float, wide: float
):
    middle = _room_beside(start, start + long, weight, wide)
    if middle is None:
        assert long < 2 * (wide * 1.16)
    else:
        assert start - 1e-9 <= middle - wide / 2
        assert middle + wide / 2 <= start + long + 1e-9
        assert abs(middle - weight) >= wide / 2 - 1e-9 or not start < weight < start + long


def test_a_row_without_a_value_stays_empty():
    nothing = np.array([np.nan])
    panel = Intervals("t", ("a",), ("g",), (Measure("m", nothing, nothing, nothing),))
    assert not figures.intervals(panel).axes[0].lines


def test_an_interval_says_its_numbers():
    panel = Intervals("t", ("a",), ("g",), (Measure("m", np.array([0.5]), np.array([0.25]), np.array([0.75])),))
    assert {"a", "m", "0.50", "0.25 – 0.75"} <= {text.get_text() for text in drawn_texts(figures.intervals(panel))}


def test_an_empty_bin_is_not_drawn():
    bins = np.array([0.1, 0.5, 0.9])
    curve = Curve("c", bins, bins, np.array([4.0, 0.0, 1.0]))
    (markers,) = figures.reliability(Reliability("t", (curve,))).axes[0].collections
    assert np.asarray(markers.get_offsets())[:, 0].tolist() == [0.1, 0.9]
    areas = markers.get_sizes() - 12
    assert areas[0] == pytest.approx(4 * areas[1])


def test_a_distribution_is_the_share_at_or_below():
    values = np.array([3.0, 1.0, np.nan, 2.0, 2.0])
    figure = figures.distributions(Distributions("t", (Sample("s", values),)))
    x, y = np.asarray(figure.axes[0].lines[0].get_data(), dtype=np.float64)
    for at, share in ((0.99, 0.0), (1.0, 0.25), (2.0, 0.75), (3.0, 1.0)):
        assert y[np.flatnonzero(x <= at)[-1]] == share
    assert "s (4)" in {text.get_text() for text in drawn_texts(figure)}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from(AWKWARD)), min_size=1, max_size=12))
def test_marks_labels_never_lie_on_each_other(marks: list[tuple[float, str]]):
    panel = Distributions(
        "t", (Sample("s", np.array([-5.0, 5.0])),), tuple(Mark(label, value) for value, label in marks)
    )
    with house_style():
        widest = _widest_mark(panel, 6.0)
        places = np.array(_mark_places(panel, 6.0, widest))
        halves = np.array([_mark_width(mark, widest) / 2 for mark in panel.marks])
    order = np.argsort([mark.value for mark in panel.marks], kind="stable")
    left, right = (places - halves)[order], (places + halves)[order]
    assert np.all(left[1:] >= right[:-1] + 0.05)
    assert left[0] >= 0
    assert right[-1] <= 6.0


# files


def test_a_pdf_is_the_same_twice(tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(why_of(AWKWARD), tmp_path / "one.pdf")
        save(why_of(AWKWARD), tmp_path / "two.PDF")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.PDF").read_bytes()
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")


def test_files_say_neither_day_nor_version(tmp_path: Path):
    for ending in ("svg", "png", "pdf"):
        save(why_of(TAME), tmp_path / f"a.{ending}")
        content = (tmp_path / f"a.{ending}").read_bytes()
        assert not any(word in content for word in (b"Matplotlib", b"matplotlib v", b"dc:date", b"CreationDate"))


def test_a_seed_text_keeps_two_svgs_apart(tmp_path: Path):
    figure = figures.strips(strips_of(TAME))
    save(figure, tmp_path / "a.svg")
    save(figure, str(tmp_path / "b.svg"), seed_text="other")
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", ["a.gif", "a", "png", "a.png.txt"])
def test_another_ending_is_refused(name: str, tmp_path: Path):
    with pytest.raises(OptionError, match=r"arrived; expected a name that ends in \.png, \.svg or \.pdf; rename it"):
        save(Figure(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "kept").touch()
    for path in (tmp_path / "none" / "a.png", tmp_path / "folder.png", tmp_path / "folder.png" / "kept" / "a.svg"):
        with pytest.raises(OptionError, match=r"cannot be written.*(choose another path|make it first)") as refused:
            save(Figure(), path)
        assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OptionError, match="No space left on device"):
        save(Figure(), path)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_a_heatmap_draws_a_cell_for_every_layer_and_position():
    labels = (("·sea", "$x_1$"), ("🐟", "⟨A0⟩ = 🐠"), ("[/red]", "[unused]"))
    values = np.array([[0.1, 0.5], [1.0, np.nan], [0.0, 0.9]])
    strips = (HeatmapStrip("KL", np.array([1.0, np.nan, 0.0]), ("1.00", "–", "0.00")),)
    figure = heatmap(Heatmap("title", labels, values, ("is", "🐴"), strips, "at position 1"), caption="head")
    grid = figure.axes[0]
    written = {text.get_text() for text in grid.texts}
    assert {"·sea", "$x_1$", "⟨A0⟩", "[/red]", "is", "0", "1", "2"} <= written
    assert len(grid.patches) == 6
    assert len([one for one in grid.artists if one.zorder == 5]) == 3
    assert {text.get_text() for text in figure.axes[2].texts} == {"1.00", "–", "0.00", "KL"}
    assert heatmap(Heatmap("t", (), np.zeros((0, 0)), ())).axes[0].texts[0].get_text() == "nothing was read"


def test_a_map_draws_emoji_and_what_is_none_apart():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.2]])
    trail = Trail("residual", np.array([[0.1, 0.1], [0.9, 0.9]]), ("0 ·sea", "1 “fish”"))
    panel = MapPanel("t", ("🐟", "🐠", "no emoji"), points, (trail,), (("sea + horse", (0.4, 0.4)),), ("🐠",))
    axes = emoji_map(panel).axes[0]
    assert {"0 ·sea", "1 “fish”", "sea + horse"} <= {text.get_text() for text in axes.texts}
    assert len(axes.artists) == 2
    assert max(one.zorder for one in axes.artists) < min(line.zorder for line in axes.lines if line.zorder > 5)
