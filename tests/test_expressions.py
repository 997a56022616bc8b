"""The expression language: what parses to what, what is refused and where, and parse ∘ print = identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.errors import ExpressionError
from geometry.expressions import Leaf, Mean, Node, Scaled, Sum, leaves, parse

WORD = st.from_regex(r"[a-z🐟🐠ß][a-z0-9'_.🐟-]{0,8}", fullmatch=True)
LEAVES = st.one_of(
    st.builds(Leaf, st.just("word"), WORD),
    st.builds(Leaf, st.just("quoted"), st.text(min_size=1, max_size=8)),
    st.builds(Leaf, st.just("id"), st.integers(0, 10**6).map(str)),
    st.builds(Leaf, st.just("bytes"), st.binary(min_size=1, max_size=4).map(bytes.hex)),
)
WEIGHTS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def _sums(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(st.tuples(st.sampled_from([1, -1]), nodes), min_size=1, max_size=4)
    # a lone positive node is that node, never a sum of one
    return parts.filter(lambda parts: len(parts) > 1 or parts[0][0] < 0).map(lambda parts: Sum(tuple(parts)))


TREES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.builds(Scaled, WEIGHTS, nodes),
        st.lists(nodes, min_size=1, max_size=3).map(lambda nodes: Mean(tuple(nodes))),
        _sums(nodes),
    ),
    max_leaves=8,
)


@given(TREES)
def test_parsing_what_was_printed_gives_it_back(tree: Node):
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("sea + horse + emoji", {"sea": 1, "horse": 1, "emoji": 1}),
        ("0.5*king - man + woman", {"king": 0.5, "man": -1, "woman": 1}),
        ("mean(🐟, 🐠, 2*🐡)", {"🐟": 1 / 3, "🐠": 1 / 3, "🐡": 2 / 3}),
        ("2*(a - 3*(b + c))", {"a": 2, "b": -6, "c": -6}),
        ("-king + queen", {"king": -1, "queen": 1}),
        ("- king + queen", {"king": -1, "queen": 1}),
        ("a + (-b + c)", {"a": 1, "b": -1, "c": 1}),
        ("sea-horse + don't", {"sea-horse": 1, "don't": 1}),
        ("0*sea + .5*horse + 1e-3*x", {"sea": 0, "horse": 0.5, "x": 1e-3}),
        ("  sea  +\thorse ", {"sea": 1, "horse": 1}),
        ("mean + meaning", {"mean": 1, "meaning": 1}),
        ("#️⃣ + 'a + b' + '42'", {"#️⃣": 1, "'a + b'": 1, "'42'": 1}),
        ("<F0 9f> + <F09F> + #007", {"<F0 9F>": 1, "#7": 1}),
    ],
)
def test_weights_of_the_flattened_sum(text: str, weights: dict[str, float]):
    assert {str(leaf): weight for leaf, weight in leaves(parse(text))} == pytest.approx(weights)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", None, "an empty expression"),
        ("sea + + horse", 7, "no unary plus"),
        ("sea + -horse", 7, "a minus stands between terms or first"),
        ("+sea", 1, "no unary plus"),
        ("sea+horse", 4, "'+' needs a space on both sides"),
        ("sea +horse", 5, "'+' needs a space on both sides"),
        ("sea -horse", 5, "'-' needs a space on both sides"),
        ("sea horse", 5, "a sign was expected"),
        ("sea +", 5, "a term is missing"),
        ("(sea", None, "at its end: a term or a closing bracket is missing"),
        ("sea)", 4, "a sign was expected"),
        ("42 + sea", 1, "a bare number must be quoted, '42', or weigh a term, 42*king"),
        ("1e999*sea", 1, "a weight must be a finite number"),
        ("nan*sea", 4, "only a number may stand before *"),
        ("king*2", 5, "only a number may stand before *"),
        ("'sea", 1, "closing quote"),
        ("''", 1, "an empty quoted text"),
        ('"sea"', 1, "single quotes"),
        ("<F0 9>", 1, "pairs of hex digits"),
        ("#x", 1, "an id is # and digits"),
        ("mean()", 6, "a term was expected"),
        ("(" * 33 + "a" + ")" * 33, 33, "more than 32 parentheses"),
        ("x" * 5000, None, "5000 characters"),
        ("sea + \udcff", None, "no valid UTF-8"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, column: int | None, says: str):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    if column is not None:
        assert f"at column {column}," in message


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused_in_one_line(text: str):
    try:
        parse(text)
        refusal = ""
    except ExpressionError as error:
        refusal = str(error)
    assert "\n" not in refusal
