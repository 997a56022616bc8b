"""The emoji pictures: every form finds its one, and the sheet is what its script makes of the font."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geometry import sprites
from geometry.bundled import data_folder
from geometry.errors import GeometryError
from geometry.organism.senses import is_base
from geometry.sprites import sprite
from geometry.tokens.emoji import catalogue

FOLDER = data_folder() / "sprites"
SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "make_sprites.py"
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
FONT_HASH = "e5899ed38b8ed83e08bd3ac5de09791e9d19d288333a796de1d35ad17396f1ec"


@pytest.fixture
def fresh_sheet():
    """Nothing is remembered of the sheet before the test or after it."""
    remembered = (sprites._cut, sprites._places, sprites._sheet)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


def test_every_emoji_of_the_organisms_has_a_picture():
    wanted = [emoji.text for emoji in catalogue() if is_base(emoji)]
    assert len(wanted) == 1428
    pictures = [sprite(text) for text in wanted]
    assert None not in pictures
    assert all(0.02 < (picture.pixels[..., 3] >= 128).mean() < 1 for picture in pictures if picture)
    assert len({picture.pixels.tobytes() for picture in pictures if picture}) > 1400


def test_other_forms_and_a_space_find_the_same_picture():
    assert sprite("🐠") is sprite(" 🐠") is sprite("🐠\ufe0f") is sprite(" 🐠\ufe0f")
    assert sprite("\u2764") is sprite("\u2764\ufe0f") is not None
    assert sprite("1\u20e3") is sprite("1\ufe0f\u20e3") is not None


@pytest.mark.parametrize(
    "text", ["", " ", "fish", "1", "\ufe0f", "\u200d", "  🐠", "🐠🐠", "\U0001f3fb", "\ud800", "🇫🇷"]
)
def test_what_is_no_emoji_of_the_sheet_has_none(text: str):
    assert sprite(text) is None


def test_a_picture_is_read_only_straight_colours_and_of_its_mean():
    fish = sprite("🐠")
    assert fish is not None
    assert fish.pixels.shape == (64, 64, 4)
    assert fish.pixels.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        fish.pixels[0, 0, 0] = 1
    assert not fish.pixels[0, 0].any()
    solid = fish.pixels[fish.pixels[..., 3] == 255][:, :3].mean(axis=0)
    assert np.abs(solid - [int(fish.color[at : at + 2], 16) for at in (1, 3, 5)]).max() < 10


@pytest.mark.parametrize(("text", "strongest"), [("❤️", 0), ("🟩", 1), ("💙", 2)])
def test_colours_stand_in_the_usual_order(text: str, strongest: int):
    picture = sprite(text)
    assert picture is not None
    assert picture.pixels[32, 32, :3].argmax() == strongest
    assert np.argmax([int(picture.color[at : at + 2], 16) for at in (1, 3, 5)]) == strongest


def test_the_sheet_is_small_and_its_table_complete():
    assert (FOLDER / "emoji.png").stat().st_size < 1_600_000
    lines = (FOLDER / "emoji.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["emoji", "column", "row", "color"]
    places = {tuple(line.split("\t")[1:3]) for line in lines[1:]}
    assert len(places) == len(lines) - 1 == 1428


@pytest.mark.usefixtures("fresh_sheet")
@pytest.mark.parametrize("size", [(64, 64), (20000, 20000)])
def test_a_sheet_of_another_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]):
    copy_with_sheet(tmp_path, monkeypatch)
    path = tmp_path / "sprites" / "emoji.png"
    header = b"".join([(13).to_bytes(4, "big"), b"IHDR", size[0].to_bytes(4, "big"), size[1].to_bytes(4, "big")])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + b"\x08\x03\0\0\0" + b"\0" * 12)
    with pytest.raises(GeometryError, match="expected a PNG of 2432 × 2432 pixels; install the package again"):
        sprite("🐠")


@pytest.mark.usefixtures("fresh_sheet")
@pytest.mark.parametrize("content", [None, b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_a_sheet_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None):
    copy_with_sheet(tmp_path, monkeypatch)
    if content is not None:
        (tmp_path / "sprites" / "emoji.png").write_bytes(content)
    with pytest.raises(GeometryError, match="cannot be read"):
        sprite("🐠")


@pytest.mark.usefixtures("fresh_sheet")
def test_a_table_cannot_ask_for_a_sheet_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy_with_sheet(tmp_path, monkeypatch)
    (tmp_path / "sprites" / "emoji.tsv").write_text("emoji\tcolumn\trow\tcolor\n🐠\t90\t90\t#000000\n")
    Image.new("P", (91 * 64, 91 * 64)).save(tmp_path / "sprites" / "emoji.png")
    with pytest.raises(GeometryError, match="5824 × 5824 pixels arrived"):
        sprite("🐠")


def copy_with_sheet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sprites").mkdir()
    (folder / "sprites" / "emoji.tsv").write_bytes((FOLDER / "emoji.tsv").read_bytes())
    monkeypatch.setattr(sprites, "data_folder", lambda: folder)


@pytest.mark.slow
def test_the_script_draws_the_same_sheet_again(tmp_path: Path):
    if not FONT.is_file() or hashlib.sha256(FONT.read_bytes()).hexdigest() != FONT_HASH:
        pytest.skip("fonts-noto-color-emoji 2.042 is not installed")
    done = subprocess.run([sys.executable, SCRIPT, "-o", tmp_path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    table = [line.split("\t")[:3] for line in (tmp_path / "emoji.tsv").read_text(encoding="utf-8").splitlines()]
    shipped = [line.split("\t")[:3] for line in (FOLDER / "emoji.tsv").read_text(encoding="utf-8").splitlines()]
    assert table == shipped
    # other versions of Pillow and scikit-learn choose another palette, not other pictures
    again, sheet = (np.asarray(Image.open(f / "emoji.png").convert("RGBA"), np.float64) for f in (tmp_path, FOLDER))
    assert np.sqrt(((again - sheet)[sheet[..., 3] == 255] ** 2).mean()) < 10
