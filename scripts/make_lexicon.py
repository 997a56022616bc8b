"""Write data/lexicon/nouns.tsv by the rule that its README states, from two Debian packages, without the network."""

import argparse
import itertools
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from geometry.organism import wordnet

SCOWL = Path("/usr/share/dict/scowl")
PACKAGES = {wordnet.FOLDER / "data.noun": "wordnet-base", SCOWL / "english-words.35": "scowl"}
TABLE = Path(__file__).resolve().parent.parent / "data" / "lexicon" / "nouns.tsv"
CONCRETE = {"animal": 800, "plant": 600, "food": 700, "artifact": 2400, "body": 300, "object": 300}
CONCRETE |= {"substance": 300, "phenomenon": 80, "person": 800}
ABSTRACT = {"act": 360, "attribute": 300, "cognition": 300, "feeling": 150, "process": 50}
ABSTRACT |= {"quantity": 50, "state": 250, "motive": 20, "relation": 50}
CATEGORY = {number: name for name, number in (wordnet.LEXFILES | {"motive": 16, "relation": 24}).items()}
SEEN = {"atmospheric phenomenon", "light", "cloud", "electrical discharge"}  # the phenomena that have a look
NAME = re.compile(r"(?=...)[a-z]+(-[a-z]+)*( [a-z]+(-[a-z]+)*)?")
RUDE = re.compile(r";u (06717170|06718862|07124340)|(disparag|offensiv|obscen|derogat|insult)\w+\)? (term|name|refer)")


class Evidence:
    """What the two sources say of nouns."""

    def __init__(self) -> None:
        self.net, self.written, self.proper, self.rude = wordnet.read(), dict[int, list[str]](), set(), set()
        self.uses = defaultdict[str, Counter[str]](Counter)  # word → lexicographer file → glosses that use it
        for line in itertools.chain(*(_lines(f"data.{part}") for part in ("noun", "verb", "adj", "adv"))):
            fields, words = line.split(" "), re.findall(r"[\w'-]+", line.partition(" | ")[2])
            for word in {*words, *map(" ".join, itertools.pairwise(words))}:
                self.uses[word][fields[1]] += 1
            if fields[2] == "n":
                self.written[int(fields[0])] = [w.replace("_", " ") for w in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]
                self.proper |= {int(fields[0])} if " @i " in line or not fields[4].islower() else set()
                self.rude |= {int(fields[0])} if RUDE.search(line) else set()
        self.tags, self.senses = Counter[str](), Counter[tuple[str, int]]()  # any part of speech; a noun's senses
        for key, sense, count in map(str.split, _lines("cntlist.rev")):
            word, _, rest = key.replace("_", " ").partition("%")
            self.tags[word] += int(count)
            self.senses[word, int(sense) - 1] += int(count) * rest.startswith("1:")
        lists = (f"{region}-words.{size}" for size in (55, 50, 40, 35, 20, 10) for region in ("american", "english"))
        self.sizes = {w: int(n[-2:]) for n in lists for w in (SCOWL / n).read_text(encoding="latin-1").split()}

    def order(self, name: str, i: int, offset: int) -> tuple[int, bool, bool, int]:
        """Return the key that sorts a name's senses, the one it stands for first."""
        tags, category = self.senses[name, i], CATEGORY.get(self.net.synsets[offset].lexfile)
        late = offset in self.proper or category not in CONCRETE or category in ("person", "substance")
        return -tags if tags > 1 else 0, self.written[offset][0] != name, late, i

    def row(self, name: str) -> tuple[int, float, str, str, int] | None:
        """Return SCOWL size, score (negative), name, category and offset; None where the rule leaves the name out."""
        i, offset = min(enumerate(self.net.senses[name]), key=lambda sense: self.order(name, *sense))
        synset, nouns, sense = self.net.synsets[offset], self.net.counts.get(name, 0), self.senses[name, i]
        category, others = CATEGORY.get(synset.lexfile, ""), self.tags[name] - nouns
        kinds = [lemma for below in synset.hyponyms for lemma in self.net.synsets[below].lemmas]
        uses = sum(min(n, 3) for n in (self.uses[name] + self.uses[name + "s"]).values())
        score, size = nouns + uses * (nouns + 1) / (nouns + others + 1), self.sizes.get(name, 99)
        if size == 99 and score >= 4 and all(self.sizes.get(part, 99) <= 35 for part in re.split("[ -]", name)):
            size = 50
        left_out = (
            (size == 99 or category not in CONCRETE | ABSTRACT or offset in self.proper)
            or (offset in self.rude or (sense < 10 and self.rude.intersection(self.net.senses[name])))
            or self.sizes.get(self.written[offset][0], 99) < size
            or (sense < 2 and others > 5 * (nouns + 1) and not any(kind.endswith(name) for kind in kinds))
            or (sense < 2 and name.endswith("s") and name[:-1] in self.sizes and name[:-1] in self.net.senses)
            or ((" " in name and len(self.net.below(offset)) > 10) or (category in ABSTRACT and not nouns))
            or (category == "phenomenon" and SEEN.isdisjoint(w for s in self.net.chain(offset) for w in s.lemmas))
        )
        return None if left_out else (size, -score, name, category, offset)


def _lines(name: str) -> list[str]:
    return [line for line in (wordnet.FOLDER / name).read_text("utf-8").splitlines() if not line.startswith("  ")]


def main() -> int:
    """Make the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    output: Path = parser.parse_args().output
    if missing := {package for path, package in PACKAGES.items() if not path.is_file()}:
        print(f"error: the sources are not here: apt-get install {' '.join(sorted(missing))}", file=sys.stderr)
        return 1
    known, lines, room = Evidence(), {0: "name\tcategory\tconcrete\toffset\tsynonyms\n"}, CONCRETE | ABSTRACT
    for _, _, name, category, at in sorted(filter(None, map(known.row, filter(NAME.fullmatch, known.net.senses)))):
        if at not in lines and room[category]:
            room[category] -= 1
            others = [w for w in known.written[at] if w != name and known.rude.isdisjoint(known.net.senses[w.lower()])]
            lines[at] = f"{name}\t{category}\t{int(category in CONCRETE)}\t{at:08}\t{'|'.join(others[:8])}\n"
    output.write_text("".join(lines.values()), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
