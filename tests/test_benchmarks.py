"""The speed table's harness, on a tiny head: that it measures what it says, never how long it takes."""

import sys
from pathlib import Path

import geometry as geo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import rivals


def test_contenders_take_turns():
    order: list[str] = []
    timings = rivals.interleave({name: lambda name=name: order.append(name) for name in "abc"}, 2)
    assert "".join(order) == "abcabcabc"
    assert [(one.name, len(one.seconds)) for one in timings] == [("a", 2), ("b", 2), ("c", 2)]


def test_ratios_are_taken_within_a_round():
    ours, theirs = rivals.Timing("ours", (1.0, 4.0)), rivals.Timing("theirs", (2.0, 2.0))
    assert theirs.ratios(ours) == [0.5, 2.0]
    assert rivals._compared(rivals.Timing("faiss.knn, fp32", (2.0, 2.0)), rivals.Timing("ours", (0.8, 0.8)), 1_000) == (
        "0.40", "0.40–0.40", "≤ 0.5: met",
    )  # fmt: skip


def test_all_that_are_exact_find_the_same(tmp_path):
    rivals.write_head(tmp_path, 500, 32)
    found = rivals.contenders(geo.open_head(tmp_path), 3)
    ours = [one.ids.tolist() for one in found[rivals.OURS]()]
    assert found["faiss.knn, fp32"]()[1].tolist() == ours
    assert found["faiss IndexFlatIP, fp32"]()[1].tolist() == ours


def test_the_table_is_printed_and_written(tmp_path):
    (tmp_path / "head").mkdir()
    rows = rivals.rival_rows(tmp_path / "head", 500, 32, rounds=1, batches=[1, 2])
    table = rivals.rival_table(rows)
    assert "500 × 32 bf16, 2 queries" in table.text()
    rivals.write_page(tmp_path / "page.md", table)
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "bare bf16 product" in page
    assert page.endswith("```\n")
