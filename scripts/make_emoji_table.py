"""Write data/emoji/emoji.tsv: every sequence of Unicode's emoji-test.txt with its CLDR keywords.

The sources are two Debian packages, so that the table can be made again without the network:

    apt-get install unicode-data unicode-cldr-core
    python scripts/make_emoji_table.py
"""

import argparse
import collections
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")
ANNOTATIONS = tuple(
    Path("/usr/share/unicode/cldr/common") / folder / "en.xml" for folder in ("annotations", "annotationsDerived")
)
PACKAGES = {EMOJI_TEST: "unicode-data", **dict.fromkeys(ANNOTATIONS, "unicode-cldr-core")}
COLUMNS = ("emoji", "codepoints", "status", "name", "group", "subgroup", "keywords")
TABLE = Path(__file__).resolve().parent.parent / "data" / "emoji" / "emoji.tsv"

_SEQUENCE = re.compile(r"(?P<codepoints>[0-9A-F ]+?)\s*; (?P<status>[a-z-]+)\s*# \S+ E[\d.]+ (?P<name>.+)")


def read_keywords(paths: tuple[Path, ...]) -> dict[str, str]:
    """Return CLDR's keywords, pipe separated; their keys are emoji without U+FE0F, as CLDR writes them."""
    keywords = {}
    for path in paths:
        for element in ElementTree.parse(path).iter("annotation"):
            if element.get("type") is None and element.text:
                keywords[element.attrib["cp"]] = "|".join(word.strip() for word in element.text.split("|"))
    return keywords


def rows(emoji_test: str, keywords: dict[str, str]) -> list[tuple[str, ...]]:
    """Return one row for each sequence, in the file's own order."""
    table = []
    group = subgroup = ""
    for line in emoji_test.splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif match := _SEQUENCE.fullmatch(line):
            codepoints, status, name = match.group("codepoints", "status", "name")
            emoji = "".join(chr(int(codepoint, 16)) for codepoint in codepoints.split())
            words = keywords.get(emoji.replace("\ufe0f", ""), "")
            table.append((emoji, codepoints, status, name, group, subgroup, words))
    return table


def main() -> int:
    """Make the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    output: Path = parser.parse_args().output
    if missing := {package for path, package in PACKAGES.items() if not path.is_file()}:
        print(f"error: the sources are not here: apt-get install {' '.join(sorted(missing))}", file=sys.stderr)
        return 1
    table = rows(EMOJI_TEST.read_text(encoding="utf-8"), read_keywords(ANNOTATIONS))
    lines = ["\t".join(row) for row in (COLUMNS, *table)]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    counts = collections.Counter(row[COLUMNS.index("status")] for row in table)
    without = sum(not row[-1] for row in table)
    print(f"{output}: {len(table)} sequences, {dict(counts)}, {without} without keywords", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
