"""Phantoms: E, belief, p and q against brute force, heads whose truth is known, and the command."""

import json
import shutil
from collections import Counter
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from command_line import run, run_here
from safetensors.numpy import load_file, save_file
from scipy.stats import false_discovery_control
from simulated import some_emoji

import geometry as geo
from geometry import asking
from geometry.errors import OptionError, TokenError
from geometry.head import Head
from geometry.lexicon import Noun, nouns, read_lexicon
from geometry.matching import match_measures, matched
from geometry.names import near_ids, spell_name
from geometry.phantoms import Phantoms, find_phantoms
from geometry.phantoms.catalogue import has_emoji
from geometry.phantoms.search import beliefs
from geometry.phantoms.several import several
from geometry.phantoms.shuffled import shuffle_names
from geometry.products import residual_view, residuals_of
from geometry.tokens.emoji import catalogue

SPACES = ["raw", "folded", "centered", "whitened"]
ASKED = ("seahorse", "walrus lasagna", "lasagna hammock", "papaya", "wheelbarrow", "qqzx", "platypus hammock")


def named(*names: str) -> list[Noun]:
    return [Noun(name, "thing", True, ()) for name in names]


def best_two(head: Head, expression: str, gone: frozenset[int]) -> tuple[float, int, int]:
    """Return E, the best emoji and the best other row for one sum, in float64 over every row."""
    view, concept = residual_view(head), head.concept(expression)
    rows = view.space.apply(view.opened.matrix.rows(np.arange(view.vocab)))
    scores = rows @ residuals_of(head, concept.vector[None, :])[0]
    scores[~head.candidates()] = -np.inf
    scores[list(gone)] = -np.inf
    is_emoji = np.isin(np.arange(head.vocab), head.opened.emoji_ids)
    emoji, other = np.where(is_emoji, scores, -np.inf), np.where(is_emoji, -np.inf, scores)
    return float(emoji.max() - other.max()), int(emoji.argmax()), int(other.argmax())


@pytest.mark.parametrize("space", SPACES)
def test_it_is_the_brute_force(arbitrary: Head, space: str) -> None:
    head = arbitrary.in_space(space)
    found = find_phantoms(arbitrary, named(*ASKED), space=space)
    asked = asking.items(head)
    existing = []
    for words, entry, kin in zip(asked.words, asked.emoji, asking.family_rows(head, asked), strict=True):
        gone = near_ids(head, [(token,) for token in words]) | kin
        existing.append(best_two(head, " + ".join([*entry.name.lower().split(), "emoji"]), gone)[0])
    np.testing.assert_allclose(found.existing.leads, existing, rtol=1e-9, atol=1e-9)
    assert len(found.phantoms) == len(ASKED)
    for one in found.phantoms:
        gone = near_ids(head, spell_name(head, one.name))
        lead, emoji, other = best_two(head, " + ".join([*one.name.split(), "emoji"]), gone)
        assert one.lead == pytest.approx(lead, rel=1e-9)
        assert (one.emoji, one.other, one.winner) == (emoji, other, emoji if lead > 0 else other)
        assert one.belief == np.mean([one.lead >= value for value in found.existing.leads])
        null = np.array(found.null[min(one.tokens, 4)])
        assert len(null) >= 390
        assert one.p == (1 + sum(null >= one.lead)) / (1 + len(null))
    leads, p = [one.lead for one in found.phantoms], np.array([one.p for one in found.phantoms])
    assert leads == sorted(leads, reverse=True)
    assert [one.rank for one in found.phantoms] == list(range(1, len(ASKED) + 1))
    np.testing.assert_allclose([one.q for one in found.phantoms], false_discovery_control(p))


@pytest.mark.parametrize(("composes", "least", "most"), [(True, 0.9, 1.0), (False, 0.0, 0.15)])
def test_where_sums_are_rows_a_name_turned_about_finds_its_emoji(
    composing: Head, arbitrary: Head, composes: bool, least: float, most: float
) -> None:
    """`leaf maple` is no emoji's name, but the sum of one's words: it must be believed in where sums mean anything."""
    two = {" ".join(reversed(entry.name.lower().split())): entry.text for entry in some_emoji() if " " in entry.name}
    free = [noun for noun in named(*two) if not has_emoji(noun)]
    assert len(free) > 30
    found = find_phantoms(composing if composes else arbitrary, free, space="centered")
    right = np.mean([one.emoji_text.strip() == two[one.name] for one in found.phantoms])
    assert least <= right <= most
    believed = np.mean([one.belief for one in found.phantoms])
    assert (believed > 0.9) == composes
    # their shuffled names are other emoji's words at random, which make no row
    assert (np.mean([one.p <= 0.05 for one in found.phantoms]) > 0.5) == composes


def test_beliefs_are_shares_with_no_higher_lead() -> None:
    found = beliefs(np.array([-9.0, 1.0, 2.0, 9.0]), np.array([1.0, 3.0, 2.0, 1.0]))
    assert found.tolist() == [0.0, 0.5, 0.75, 1.0]
    assert beliefs(np.array([1.0]), np.empty(0)).tolist() == [0.0]


@pytest.fixture(scope="module")
def every(composing: Head) -> Phantoms:
    """The bundled lexicon asked for."""
    return find_phantoms(composing)


def test_nothing_that_has_an_emoji_is_asked_for(composing: Head, every: Phantoms) -> None:
    keyword = next(word for entry in catalogue() for word in entry.keywords if word.isalpha() and word != entry.name)
    cases = [*named("horse", "Horses", "maple leaf", keyword), Noun("qqzx", "", True, ("tiger",))]
    found = find_phantoms(composing, [*cases, *named("seahorse")])
    assert ([one.name for one in found.phantoms], found.given, found.with_emoji) == (["seahorse"], 6, 5)
    names = {name.lower() for entry in catalogue() for name in (entry.name, *entry.keywords)}
    asked = every
    assert not names & {one.name for one in asked.phantoms}
    synonyms = {noun.name: noun.synonyms for noun in nouns()}
    assert not any(names & set(synonyms[one.name]) for one in asked.phantoms)
    assert len(asked.phantoms) + asked.with_emoji + asked.unspelt == asked.given


def test_a_name_that_the_head_cannot_spell_is_counted(composing: Head, tmp_path: Path) -> None:
    walrus = spell_name(composing, "walrus")[0][0]
    head = rewritten(composing, tmp_path / "head", {walrus: np.nan})
    found = find_phantoms(head, named("walrus", "seahorse", "…"))
    assert ([one.name for one in found.phantoms], found.unspelt) == (["seahorse"], 2)
    with pytest.raises(OptionError, match="no name is left of 2: 1 have an emoji, 1 cannot be spelt by this head"):
        find_phantoms(head, named("walrus", "horse"))


def rewritten(head: Head, folder: Path, rows: dict[int, float] | None = None) -> Head:
    """A copy of a head: some rows of one value, or all of them drawn anew, emoji with a new direction of their own."""
    shutil.copytree(head.opened.checkpoint.folder, folder)
    tensors = load_file(folder / "model.safetensors")
    stored = tensors["model.embed_tokens.weight"].copy()
    for token, value in (rows or {}).items():
        stored[token] = value
    if rows is None:
        rng = np.random.default_rng(99)
        stored = (rng.normal(size=stored.shape) / np.sqrt(head.dim)).astype(np.float32)
        stored[head.opened.emoji_ids] += (rng.normal(size=head.dim) / np.sqrt(head.dim)).astype(np.float32)
    save_file({**tensors, "model.embed_tokens.weight": stored}, folder / "model.safetensors")
    return geo.open_head(folder)


@pytest.mark.slow
def test_a_head_agrees_with_itself_and_not_with_chance(arbitrary: Head, tmp_path: Path) -> None:
    """Names of as many tokens, since longer sums are weaker in any head."""
    words = [word for entry in some_emoji() for word in entry.name.lower().split()]
    pairs = np.random.default_rng(0).permutation(list(dict.fromkeys(words)))
    lexicon = named(*(f"{one} {other}" for one, other in zip(pairs, np.roll(pairs, 1), strict=True)))
    one = find_phantoms(arbitrary, lexicon)
    other = find_phantoms(rewritten(arbitrary, tmp_path / "other"), lexicon)
    assert len(one.phantoms) > 100
    own, chance, _ = several([one, one, other]).agreements
    assert (own.rank_correlation.value, own.rank_correlation.low, own.same_emoji) == (pytest.approx(1), 1, 1.0)
    assert abs(chance.rank_correlation.value) < 0.2
    assert chance.same_emoji < 0.1
    assert (chance.one, chance.other, chance.n) == (0, 2, len(one.phantoms))


@pytest.mark.slow
def test_several_heads_stand_in_one_table(composing: Head, arbitrary: Head) -> None:
    one, other = find_phantoms(composing, named(*ASKED)), find_phantoms(arbitrary, named(*ASKED[:5]))
    both = several([one, other])
    ranks = {name: one.find(name).rank + other.find(name).rank for name in both.names}
    assert set(both.names) == set(ASKED[:5])
    assert list(ranks.values()) == sorted(ranks.values())
    text = str(both)
    assert "A and B agree on 5 names" in text
    assert one.head.fingerprint in text
    assert other.head.fingerprint in text
    assert max(map(len, text.splitlines())) <= 100
    record = json.loads(json.dumps(both.to_dict(), allow_nan=False))
    assert record["agreements"][0]["n"] == 5
    assert "<table" in both._repr_html_()
    with pytest.raises(OptionError, match="2 heads have no name in common"):
        several([one, find_phantoms(arbitrary, named("fox fox"))])


def test_shuffled_names_keep_their_pieces(composing: Head) -> None:
    names = [spell_name(composing, name) for name in ("sea horse", "qqzx", "fox walrus", "papaya sea", "zzkq fox")]
    found = shuffle_names(composing, names, len(names), np.random.default_rng(3))
    order = np.random.default_rng(3).choice(len(names), size=len(names), replace=False)
    assert [tuple(map(len, name)) for name in found] == [tuple(map(len, names[i])) for i in order]
    pieces = [Counter(token for name in some for word in name for token in word) for some in (found, names)]
    assert pieces[0] == pieces[1]
    assert found != [names[i] for i in order]
    assert found == shuffle_names(composing, names, len(names), np.random.default_rng(3))
    assert found != shuffle_names(composing, names, len(names), np.random.default_rng(4))
    assert shuffle_names(composing, names, 0, np.random.default_rng(3)) == []


def test_single_words_give_way_to_matched_ones() -> None:
    head = geo.open_head("organism")
    names = [spell_name(head, name) for name in ("toolbox", "walrus", "missile", "room", "coffin")]
    assert all(len(name) == len(name[0]) == 1 for name in names)
    rng, again = np.random.default_rng(5), np.random.default_rng(5)
    found = shuffle_names(head, names, 5, rng)
    words, measures = np.flatnonzero(head.candidates("words")), match_measures(head)
    order = again.choice(5, size=5, replace=False)
    again.permutation(np.empty(0, dtype=np.int64))
    for name, i in zip(found, order, strict=True):
        own = names[i][0][0]
        pool = matched(words[words != own], own, measures)
        assert name == ((int(again.choice(pool)),),)
        assert name[0][0] != own


@pytest.mark.slow
def test_the_seed_alone_decides(composing: Head) -> None:
    one, again, other = (find_phantoms(composing, named(*ASKED), seed=seed) for seed in (0, 0, 1))
    assert one.to_dict() == again.to_dict()
    assert one.controls[0].leads != other.controls[0].leads
    assert [p.lead for p in one.phantoms] == [p.lead for p in other.phantoms]


@pytest.mark.slow
def test_a_short_list_is_not_its_own_control() -> None:
    found = find_phantoms(geo.open_head("organism"), named("sea horse"))
    (one,) = found.phantoms
    null = found.null[one.tokens]
    assert len(set(null)) > 100
    assert one.lead not in null


def test_controls_are_told_beside(composing: Head) -> None:
    found = find_phantoms(composing, named(*ASKED))
    assert [one.name for one in found.controls] == ["shuffled names", "abstract nouns"]
    for one in (found.existing, *found.controls):
        assert (one.low, one.median, one.high) == pytest.approx(tuple(np.percentile(one.leads, [5, 50, 95])))
        assert one.belief == pytest.approx(beliefs(np.array(one.leads), np.array(found.existing.leads)).mean())
    lengths = Counter(min(one.tokens, 4) for one in found.phantoms)
    assert found.null.keys() == lengths.keys()
    assert 1_800 < found.controls[0].n <= 2_001
    leads = list(found.controls[0].leads)
    for length, count in lengths.items():
        own = set(found.null[length])
        assert sum(lead in own for lead in leads) == pytest.approx(2_000 * count / len(ASKED), abs=100)
    assert found.controls[1].n > 900


@pytest.fixture(scope="module")
def some(composing: Head) -> Phantoms:
    return find_phantoms(composing, named(*ASKED))


def test_k_and_names_choose_what_is_told(some: Phantoms) -> None:
    assert [one.rank for one in some.first(2)] == [1, 2]
    assert len(some.first(None)) == len(ASKED)
    last = some.phantoms[-1].name
    assert [one.rank for one in some.first(2, [last])] == [1, 2, len(ASKED)]
    assert some.first(2, [some.phantoms[0].name]) == some.first(2)
    assert (some.find(last), some.find("nothing")) == (some.phantoms[-1], None)
    for arguments, says in (((0,), "k=0 arrived; expected at least 1"), ((1, ["horse"]), "'horse' is none of the 7")):
        with pytest.raises(OptionError, match=says):
            some.first(*arguments)


def test_its_record_says_whence_it_came(some: Phantoms) -> None:
    row = json.loads(json.dumps(some.rows(1)[0], allow_nan=False))
    keys = "rank name category tokens E belief p q snaps_to emoji other head space metric seed version"
    assert set(row) == set(keys.split())
    assert row["head"]["fingerprint"] == some.head.fingerprint
    assert (row["space"], row["metric"], row["seed"]) == ("folded", "logit", 0)
    whole = some.to_dict()
    assert set(whole) == {"phantoms", "existing", "controls", "given", "with_emoji", "unspelt"}
    assert len(some.to_frame()) == len(whole["phantoms"]) == len(ASKED)
    assert "leads" not in whole["existing"]


def test_its_table_and_figure(some: Phantoms, every: Phantoms) -> None:
    for found in (some, every):
        text = found.table(None, ["seahorse"]).text()
        assert max(map(len, text.splitlines())) <= 100
        assert "seahorse" in text
        assert "p against shuffled names" in text
        assert "<table" in found._repr_html_()
    drawn = some.figure(["seahorse"])
    assert isinstance(drawn, matplotlib.figure.Figure)
    drawn.canvas.draw()
    with pytest.raises(OptionError, match="'horse' is none of the 7 names"):
        some.figure(["horse"])


def test_a_head_without_emoji_or_words_is_refused(make_head) -> None:
    with pytest.raises(TokenError, match="words and text need one"):
        find_phantoms(make_head(with_tokenizer=False), named("seahorse"))
    with pytest.raises(TokenError, match="at least 50"):
        find_phantoms(make_head(), named("seahorse"))


@pytest.fixture(scope="module")
def folder(composing: Head) -> str:
    return str(composing.opened.checkpoint.folder)


@pytest.fixture
def listed(tmp_path: Path) -> str:
    """A person's own list: two names free, one with an emoji, a comment, an empty line, a name twice."""
    path = tmp_path / "names.txt"
    path.write_text("// mine\nseahorse\n\nwalrus lasagna\nhorse\nseahorse\n", encoding="utf-8")
    return str(path)


def test_the_command_ranks_a_list_of_ones_own(folder: str, listed: str, composing: Head) -> None:
    shown = run("phantoms", "-H", folder, "--lexicon", listed)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "3 names: 1 have an emoji, 0 cannot be spelt here" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100
    lines = [
        json.loads(line)
        for line in run_here("phantoms", "-H", folder, "--lexicon", listed, "--json").stdout.splitlines()
    ]
    assert lines == find_phantoms(composing, read_lexicon(listed)).rows()


@pytest.mark.slow
def test_the_commands_options_reach_the_record(folder: str, tmp_path: Path) -> None:
    done = run_here(
        "phantoms", "-H", folder, "--json", "-k", "1", "--name", "seahorse", "--space", "centered", "--seed", "5"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["name"] for line in lines} >= {"seahorse"}
    assert all((line["space"], line["seed"]) == ("centered", 5) for line in lines)
    assert lines[0]["rank"] == 1
    drawn = tmp_path / "phantoms.png"
    done = run_here("phantoms", "-H", folder, "-k", "1", "--name", "seahorse", "-o", str(drawn))
    assert (done.returncode, done.stderr) == (0, f"drawn: {drawn}\n")
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_command_compares_heads(folder: str, arbitrary: Head, listed: str) -> None:
    both = ("-H", folder, "-H", str(arbitrary.opened.checkpoint.folder), "--lexicon", listed)
    shown = run_here("phantoms", *both)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "A and B agree on 2 names" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100
    lines = [json.loads(line) for line in run_here("phantoms", *both, "--json").stdout.splitlines()]
    assert Counter(line["head"]["fingerprint"] for line in lines) == {
        geo.open_head(folder).fingerprint: 2,
        arbitrary.fingerprint: 2,
    }


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (None, ["--lexicon", "{file}"], "is not there; expected a text file"),
        (None, ["--lexicon", "{folder}"], "is a folder; expected a text file"),
        (b"sea\xffhorse\n", ["--lexicon", "{file}"], "is not UTF-8 text"),
        (b"", ["--lexicon", "{file}"], "holds no name"),
        (b"horse\ntiger\n", ["--lexicon", "{file}"], "no name is left of 2: 2 have an emoji, 0 cannot be spelt"),
        (b"seahorse\n", ["--lexicon", "{file}", "-k", "0"], "k=0 arrived; expected at least 1"),
        (b"seahorse\n", ["--lexicon", "{file}", "--name", "unknown"], "'unknown' is none of the 1 names asked for"),
        (b"seahorse\n", ["--lexicon", "{file}", "-H", "/no/such/head"], "no such head: '/no/such/head'"),
        (b"seahorse\n", ["--lexicon", "{file}", "--max-memory", "lots"], "'lots' arrived; expected a size"),
        (b"seahorse\n", ["--lexicon", "{file}", "-o", "{folder}/a.xyz"], ".png"),
    ],
)
def test_every_mistake_is_one_line_and_exit_1(
    folder: str, tmp_path: Path, content: bytes | None, arguments: list[str], says: str
) -> None:
    file = tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    given = [one.format(file=file, folder=tmp_path) for one in arguments]
    done = run_here("phantoms", *given, *([] if "-H" in given else ["-H", folder]))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.slow
def test_an_expected_mistake_with_two_heads(folder: str, arbitrary: Head, listed: str) -> None:
    both = ("-H", folder, "-H", str(arbitrary.opened.checkpoint.folder), "--lexicon", listed)
    for more, says in ((("-k", "0"), "k=0 arrived"), (("--name", "unknown"), "'unknown' is none of")):
        done = run_here("phantoms", *both, *more)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert says in done.stderr
