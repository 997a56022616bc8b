"""JSON that lies: values of a parsed file swapped for others, and texts that no writer of JSON would give."""

import json
from random import Random
from typing import Any

_MARK = "\u0001raw"

# written into the text as they stand: most of them no value of Python's writes so
RAW = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "-0.0", "0", "1", "-1", "1.5", "true", "false", "null",
    "2147483647", "2147483648", "-2147483649", "4294967296", "4194303", "4194304", "9007199254740993",
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 400, "9" * 5000,
    "1" + "0" * 308 + ".0", "[]", "{}", "[[]]", '""', '" "', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\n\\r"',
    '"\\u202e\\u2028"', '"\\u001b[31m"', '"' + "a" * 70_000 + '"', '"' + "▁" * 3_000 + '"', "[" * 900 + "]" * 900,
    "[" * 100_000, '{"a":' * 800 + "1" + "}" * 800, '{"a":1,"a":2}', "[0" + ",0" * 5_000 + "]", "{" * 3, "01", "+1",
    "'a'", '"../canary.safetensors"', '"/etc/passwd"', '"C:\\\\x"', '"\\ud83d\\udc20"', "[1,null]", '[["a",0]]',
)  # fmt: skip


def replace_somewhere(value: Any, random: Random, words: tuple[Any, ...]) -> Any:
    """Change one place of a parsed value: swap it, drop it, double it, move another here."""
    places = list(_places(value))
    if not places:
        return raw(random)
    # large tables are nearly all places; the few others decide more
    few = [place for place in places if not _in_table(place)]
    holder, key = random.choice(few if few and random.random() < 0.75 else places)
    match random.randrange(7):
        case 0 | 1:
            holder[key] = raw(random)
        case 2 | 3:
            holder[key] = json.loads(json.dumps(random.choice(words)))
        case 4:
            del holder[key]
        case 5:
            other, at = random.choice(places)
            moved = other[at]
            holder[key] = json.loads(json.dumps(moved))
        case _ if isinstance(holder, dict):
            holder[random.choice([*holder, "a", "weight", "type", "\ud800", "\n"])] = holder[key]
        case _:
            holder.insert(random.randrange(len(holder) + 1), holder[key])
    return value


def raw(random: Random) -> str:
    """Return a place holder for one of the texts in RAW."""
    return f"{_MARK}{random.randrange(len(RAW))}"


def written(value: Any, random: Random) -> bytes:
    """Return a value as JSON, place holders replaced, now and then in another encoding or with something around it."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    for number, one in enumerate(RAW):
        text = text.replace(json.dumps(f"{_MARK}{number}"), one)
    match random.randrange(40):
        case 0:
            text = "\ufeff" + text
        case 1:
            return text.encode(random.choice(["utf-16", "utf-32", "utf-16-le"]), errors="surrogatepass")
        case 2:
            text += random.choice(["\0", "{}", "\n\n", " " * 5_000])
        case 3:
            text = text.replace('":', '":1,"a":', 1)
        case _:
            pass
    return text.encode(errors="surrogatepass")


def _places(value: Any) -> "list[tuple[Any, Any]]":
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            for key in one if isinstance(one, dict) else range(len(one)):
                found.append((one, key))
                waiting.append(one[key])
    return found


def _in_table(place: tuple[Any, Any]) -> bool:
    return len(place[0]) > 24 or (isinstance(place[0], list) and len(place[0]) == 2)
