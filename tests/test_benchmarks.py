"""The speed table's harness, on tiny heads: that it measures what it says, never how long it takes."""

import sys
from pathlib import Path

import numpy as np
import pytest

import geometry as geo
from geometry.tables import Column, Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import coldstarts
import growth
import machine
import rivals
import table
import timing
from timing import Contender, Timing


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(timing, "PAUSE", 0.0)


def test_contenders_take_turns():
    order: list[str] = []
    every = {name: Contender(lambda name=name: order.append(name)) for name in "abc"}
    timings = timing.interleave(every, 2)
    assert "".join(order) == "abcabcabc"
    assert [(one.name, len(one.seconds)) for one in timings] == [("a", 2), ("b", 2), ("c", 2)]
    order.clear()
    timing.interleave(every, 1, warm=True)
    assert "".join(order) == "aabbccaabbcc"


def test_a_part_of_the_question_is_told_for_all(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    (whole, part) = timing.interleave({"whole": Contender(bool), "part": Contender(bool, 0.25)}, 1)
    assert (whole.seconds, part.seconds) == ((1.0,), (4.0,))


def test_ratios_are_taken_within_a_round():
    ours, theirs = Timing("ours", (1.0, 4.0)), Timing("theirs", (2.0, 2.0))
    assert theirs.ratios(ours) == (0.875, 1.25, 1.625)
    assert rivals._compared(Timing("theirs", (2.0, 2.0)), Timing("ours", (0.8, 0.8)), 0.5) == (
        "0.40", "0.40–0.40", "≤ 0.5: met",
    )  # fmt: skip
    assert rivals._compared(theirs, ours, 1.0)[2] == "≤ 1: MISSED"


def test_all_that_are_exact_find_the_same(tmp_path):
    rivals.write_head(tmp_path, 500, 32)
    found = rivals.contenders(geo.open_head(tmp_path), 3)
    ours = [one.ids.tolist() for one in found[rivals.OURS].action()]
    assert found["faiss.knn, fp32"].action()[1].tolist() == ours
    assert found["faiss IndexFlatIP, fp32"].action()[1].tolist() == ours
    assert len(found["faiss QT_bf16, a shard a thread"].action()[1][1]) == 3
    assert found[rivals.PRODUCT].action().shape == (3, 500)


def test_bundled_heads_are_measured_as_they_are_stored():
    heads = rivals.bundled_heads()
    head = geo.open_head(heads["MiniLM"])
    assert rivals.contenders(head, 1)[rivals.PRODUCT].action().dtype == rivals.torch.float32
    assert geo.open_head(heads["the organism"]).vocab > 1_000


def test_tables_name_the_head_and_judge_only_the_one_that_has_targets(monkeypatch):
    monkeypatch.setattr(rivals, "JUDGED", (400, 32))
    judged, other = (one.text() for one in rivals.rival_tables(((400, 32), (300, 16)), rounds=1, batches=[1, 2]))
    assert "400 × 32 bf16, 2 queries" in judged
    assert "≤ 1.25: " in judged
    assert "≤" not in other


def test_slopes_are_those_of_what_grows():
    seconds = [Timing(str(size), (size * 1e-3, size * 2e-3)) for size in (256, 512, 1_024)]
    linear = growth.Growth("queries", (256, 512, 1_024), tuple(seconds), (0.0, 0.0, 0.0))
    np.testing.assert_allclose(linear.slopes, 1.0)
    flat = growth.Growth("vocab", (256, 512), (Timing("", (1.0,)), Timing("", (1.0,))), (0.0, 1.0))
    text = growth.growth_table([linear, flat]).text()
    assert "1.00" in text
    assert "within 5% of 1: met" in text
    assert "within 5% of 1: MISSED" in text


def test_growth_is_measured_and_drawn():
    found = growth.growth("queries", [(300, 16, 4), (300, 16, 8)], rounds=2)
    assert found.sizes == (4, 8)
    assert all(len(one.seconds) == 2 for one in found.timings)
    assert len(growth.growth_figure([found]).axes) == 1


def test_cold_starts_are_told_beside_a_bare_interpreter(monkeypatch):
    monkeypatch.setattr(coldstarts, "start", lambda arguments: None)
    text = coldstarts.cold_table(2).text()
    assert "import geometry" in text
    assert text.count("met") >= 3


def test_the_page_holds_the_machine_and_every_part(monkeypatch, tmp_path, capsys):
    part = table.Part("Search", "Words.", (Table(("A title",), (Column("what", "left"),), (("a row",),)),))
    monkeypatch.setattr(table, "measured", lambda wanted, rounds, figures: iter([part]))
    monkeypatch.setattr(sys, "argv", ["table.py", "--only", "search", "--write", str(tmp_path / "speed.md")])
    table.main()
    written = (tmp_path / "speed.md").read_text("utf-8")
    assert written.startswith("# Speed\n")
    assert machine.facts()[1] in written
    assert "## Search\n\nWords.\n\n```text\nA title\n" in written
    assert "a row" in capsys.readouterr().out
