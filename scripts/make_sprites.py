"""Write data/sprites/: every emoji that an organism can have as a token, drawn once, 64 × 64 pixels each.

The source is a Debian package; Pillow needs Raqm, as its wheels have, to join ZWJ sequences into one picture:

    apt-get install fonts-noto-color-emoji
    python scripts/make_sprites.py
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features
from scipy.spatial import KDTree
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from geometry.organism.senses import is_base
from geometry.tokens.emoji import VARIATION_SELECTOR, catalogue

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
FOLDER = Path(__file__).resolve().parent.parent / "data" / "sprites"
FONT_SIZE = 109  # the only size the font holds; its glyphs are 136 × 128 pixels
GLYPH, SIDE, COLUMNS, COLORS = 136, 64, 38, 256


def emoji_to_draw() -> list[str]:
    """Return the organisms' emoji and every other fully qualified one of a single code point."""
    return [
        emoji.text
        for emoji in catalogue()
        if is_base(emoji)
        or (emoji.status == "fully-qualified" and len(emoji.text.replace(VARIATION_SELECTOR, "")) == 1)
    ]


def draw(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """Return one emoji as premultiplied RGBA, so that what is transparent lends no colour to an edge."""
    glyph = Image.new("RGBA", (GLYPH, GLYPH))
    ImageDraw.Draw(glyph).text((0, 4), text, font=font, embedded_color=True)
    return np.asarray(glyph.convert("RGBa").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def mean_color(sprite: np.ndarray) -> str:
    """Return the mean of the pixels that are more opaque than not, as ``#rrggbb``."""
    seen = sprite[sprite[..., 3] >= 128].astype(float)
    red, green, blue = np.rint(seen[:, :3].sum(axis=0) / seen[:, 3].sum() * 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def to_palette(sheet: np.ndarray) -> Image.Image:
    """Reduce premultiplied RGBA to the 256 colours nearest to all of it; the first is the transparent one."""
    colors, counts = np.unique(sheet[sheet[..., 3] > 0] // 2 * 2, axis=0, return_counts=True)
    # A root of the counts: rare colours are the details, and the eye is drawn to them.
    means = MiniBatchKMeans(COLORS - 1, random_state=0, batch_size=8192, n_init=1, max_iter=60)
    with threadpool_limits(1):  # another order of addition, another palette
        means.fit(colors.astype(np.float64), sample_weight=counts**0.6)
    chosen = np.vstack([np.zeros(4), np.rint(means.cluster_centers_)])
    indices = KDTree(chosen).query(sheet)[1].astype(np.uint8)
    indices[sheet[..., 3] == 0] = 0
    alpha = np.maximum(chosen[:, 3:], 1)
    solid = np.where(alpha >= 248, 255, chosen[:, 3:])  # a mean of solid pixels and a few of their edges is solid
    straight = np.hstack([np.minimum(np.rint(chosen[:, :3] * 255 / alpha), 255), solid])
    image = Image.fromarray(indices)
    image.putpalette(straight.astype(np.uint8).tobytes(), "RGBA")
    return image


def main() -> int:
    """Draw the sheet and its table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="the folder of emoji.png and emoji.tsv")
    output: Path = parser.parse_args().output
    if not FONT.is_file():
        print("error: the font is not here: apt-get install fonts-noto-color-emoji", file=sys.stderr)
        return 1
    if not features.check("raqm"):
        print("error: this Pillow lacks Raqm: pip install --force-reinstall pillow", file=sys.stderr)
        return 1
    font = ImageFont.truetype(FONT, FONT_SIZE, layout_engine=ImageFont.Layout.RAQM)
    texts = emoji_to_draw()
    sheet = np.zeros((-(-len(texts) // COLUMNS) * SIDE, COLUMNS * SIDE, 4), dtype=np.uint8)
    lines = ["emoji\tcolumn\trow\tcolor"]
    for index, text in enumerate(texts):
        row, column = divmod(index, COLUMNS)
        sprite = draw(text, font)
        sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = sprite
        lines.append(f"{text}\t{column}\t{row}\t{mean_color(sprite)}")
    output.mkdir(parents=True, exist_ok=True)
    to_palette(sheet).save(output / "emoji.png", optimize=True)
    (output / "emoji.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{output}: {len(texts)} emoji, {(output / 'emoji.png').stat().st_size:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
