"""The grammar of expressions: what it reads, what it refuses and where, and what the made functions compute."""

import copy
import math
import operator
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localgrad.nodes import expression, special, terms
from localgrad.nodes.expression import (
    FUNCTIONS,
    OPERATORS,
    ExpressionError,
    Term,
    free_names,
    is_boolean,
    number,
    numpy_function,
    parse,
    render,
    substitute,
    subterms,
)

SIGMOID = "where(x >= 0, 1, exp(-abs(x))) / (1 + exp(-abs(x)))"
BOOLEAN_FUNCTIONS = ("isnan", "isinf", "isfinite")


def made(text, inputs="x", fields="alpha"):
    inputs, fields = inputs.split(), fields.split()
    return numpy_function(parse(text, [*inputs, *fields]), inputs, fields)


def evaluated(text, *values, inputs="x", alpha=0.5):
    return made(text, inputs)(SimpleNamespace(alpha=alpha), *values)


# ---------------------------------------------------------------- terms


def test_equal_terms_are_one_object():
    assert parse("exp( x )+1", ["x"]) is parse("(exp(x)) + 1", ["x", "y"])
    assert parse("x + 1", ["x"]) is not parse("x + 1.0", ["x"])
    assert parse("x + y", ["x", "y"]) is not parse("y + x", ["x", "y"])
    shared = subterms(parse(SIGMOID, ["x"]))
    assert len(shared) == len(set(shared)) == len({render(part) for part in shared})
    assert [render(part) for part in shared].count("exp(-abs(x))") == 1


def test_terms_do_not_change_and_can_be_copied_and_pickled():
    term = parse(SIGMOID, ["x"])
    with pytest.raises(AttributeError, match="a term never changes"):
        term.operation = "-"
    assert pickle.loads(pickle.dumps(term)) is term
    assert copy.deepcopy(term) is term
    assert copy.copy(term) is term


def test_forgotten_terms_are_freed():
    known = Term._known
    term = parse("x * 123454321.5", ["x"])
    before = len(known)
    del term
    assert len(known) == before - 2  # the product and the number; x may be used elsewhere


def test_parts_come_after_their_arguments_and_deep_terms_are_no_problem():
    term = x = Term("name", value="x")
    for _ in range(5000):
        term = Term("+", (term, x))
    order = subterms(term)
    place = {part: index for index, part in enumerate(order)}
    assert order[-1] is term
    assert len(order) == 5001
    assert all(place[argument] < place[part] for part in order for argument in part.arguments)
    assert numpy_function(term, ["x"], [])(None, np.array([1.0, 2.0])).tolist() == [5001, 10002]
    assert render(term).count("x") == 5001


def test_substitution_is_simultaneous():
    swapped = substitute(parse("x - 2 * y", ["x", "y"]), {"x": Term("name", value="y"), "y": Term("name", value="x")})
    assert swapped is parse("y - 2 * x", ["x", "y"])
    relu_of_sum = substitute(parse("max(x, 0)", ["x"]), {"x": parse("a + b", ["a", "b"])})
    assert relu_of_sum is parse("max(a + b, 0)", ["a", "b"])


def test_free_names_and_booleans():
    term = parse("where((x > 0) | ~mask, alpha, 1)", ["x", "mask", "alpha", "unused"])
    assert sorted(free_names(term)) == ["alpha", "mask", "x"]
    for text in ("x > 0", "~mask", "mask & mask", "isnan(x)"):
        assert is_boolean(parse(text, ["x", "mask"]))
    for text in ("x", "x + 1", "where(mask, x, 1)"):
        assert not is_boolean(parse(text, ["x", "mask"]))


def test_numbers_are_not_negative_and_constants_have_names():
    assert number(-2.5) is parse("-2.5", [])
    assert number(-0.0) is parse("-0.0", [])
    assert number(-math.inf) is parse("-inf", [])
    assert number(math.nan) is parse("nan", [])
    assert number(2) is not number(2.0)


@pytest.mark.parametrize(
    ("operation", "arguments", "value"),
    [("+", 1, None), ("sinh", 2, None), ("shout", 1, None), ("name", 0, None), ("exp", 1, 3), ("number", 0, -1),
     ("number", 0, math.inf), ("number", 0, True), ("name", 0, "x; import os"), ("name", 0, "_x"), ("name", 0, "if"),
     ("name", 0, "self"), ("constant", 0, "e")],
)  # fmt: skip
def test_terms_outside_the_grammar_cannot_be_built(operation, arguments, value):
    with pytest.raises(ValueError, match="a term was asked for with"):
        Term(operation, [Term("name", value="x")] * arguments, value)


# ---------------------------------------------------------------- reading and rendering

NUMERIC_FUNCTIONS = [name for name in FUNCTIONS if name not in (*BOOLEAN_FUNCTIONS, "where")]


def terms_over(names):
    leaves = st.one_of(
        st.sampled_from([Term("name", value=name) for name in names]),
        st.integers(-3, 3).map(number),
        st.floats(allow_nan=True, allow_infinity=True, width=32).map(number),
        st.just(Term("constant", value="pi")),
    )

    def grown(numeric):
        def call(name):
            return st.lists(numeric, min_size=FUNCTIONS[name][0], max_size=FUNCTIONS[name][0]).map(
                lambda arguments: Term(name, arguments)
            )

        def binary(operators, operands):
            return st.builds(lambda sign, a, b: Term(sign, (a, b)), st.sampled_from(operators), operands, operands)

        comparisons = binary(terms.COMPARISONS, numeric) | st.sampled_from(BOOLEAN_FUNCTIONS).flatmap(call)
        booleans = comparisons | binary(["&", "|"], comparisons) | comparisons.map(lambda term: Term("~", (term,)))
        return st.one_of(
            binary(["+", "-", "*", "/", "%"], numeric),
            # The exponent is a leaf: a tower of Python's integers would never end.
            st.builds(lambda a, b: Term("**", (a, b)), numeric, leaves),
            numeric.map(lambda term: Term("negative", (term,))),
            st.sampled_from(NUMERIC_FUNCTIONS).flatmap(call),
            st.builds(lambda condition, a, b: Term("where", (condition, a, b)), booleans, numeric, numeric),
            st.builds(lambda condition, a: Term("*", (condition, a)), booleans, numeric),
        )

    return st.recursive(leaves, grown, max_leaves=12)


@given(terms_over(["x", "y", "alpha"]))
def test_what_is_rendered_is_read_back_as_the_same_term(term):
    assert parse(render(term), ["x", "y", "alpha"]) is term


@pytest.mark.parametrize(
    "text",
    ["a - (b - c)", "a - b - c", "a / (b * c)", "(a ** b) ** c", "a ** b ** c", "(-a) ** b", "-a ** b", "a ** -b",
     "-(a + b)", "--a", "-(-1)", "(a > b) & (b > c)", "~(a > b)", "(a > b) == (b > c)", "a % b * c", "a % (b * c)",
     "min(a, b) - max(b, c)", "where(a > 0, a, -a)", "1e-07 * a", "1e+30 + a", "(a > b) + c"],
)  # fmt: skip
def test_parentheses_are_kept_only_where_needed(text):
    expected = text.replace("--a", "--a").replace("-(-1)", "--1")
    assert render(parse(text, "abc")) == expected
    assert parse(expected, "abc") is parse(text, "abc")


def test_whitespace_unary_plus_and_several_lines():
    text = """
        where(x > 0,
              + x,
              0)
    """
    assert parse(text, ["x"]) is parse("where(x > 0, x, 0)", ["x"])


def test_min_and_max_take_any_number_of_terms():
    assert parse("min(a, b, c)", "abc") is parse("min(min(a, b), c)", "abc")


@pytest.mark.parametrize(
    ("text", "column", "found"),
    [
        ("x + z", 5, "the name 'z'"),
        ("x + xeno", 5, "the name 'xeno'"),
        ("x and y", 1, "`and` or `or`"),
        ("1 + (x if y else 0)", 6, "a choice with `if`"),
        ("not x", 1, "`not`"),
        ("0 < x < 1", 1, "a chain of comparisons"),
        ("x // y", 1, "the operator FloorDiv"),
        ("x @ y", 1, "the operator MatMult"),
        ("x ^ y", 1, "the operator BitXor"),
        ("x is y", 1, "the comparison Is"),
        ("self.alpha * x", 1, "a dot"),
        ("x[0]", 1, "square brackets"),
        ("2 * sinn(x)", 5, "the function 'sinn'"),
        ("x(y)", 1, "the function 'x'"),
        ("exp(x)(y)", 1, "a call of something that is no function"),
        ("exp(x, y)", 1, "exp with 2 arguments"),
        ("exp()", 1, "exp with 0 arguments"),
        ("min(x)", 1, "min with 1 arguments"),
        ("where(x > 0, y)", 1, "where with 2 arguments"),
        ("exp(x=y)", 1, "a named argument of exp"),
        ("max(*x, y)", 5, "Python's Starred"),
        ("'x'", 1, "the value 'x'"),
        ("x * True", 5, "the value True"),
        ("1j * x", 1, "the value 1j"),
        ("None", 1, "the value None"),
        ("[x]", 1, "Python's List"),
        ("lambda: x", 1, "Python's Lambda"),
        ("(y := x)", 2, "Python's NamedExpr"),
        ("x & (y > 0) & (x + 1)", 16, "a number where & needs a boolean"),
        ("~(x + 1)", 3, "a number where ~ needs a boolean"),
        ("where(x - y, x, y)", 7, "a number where the condition of where needs a boolean"),
        ("where(where(x > 0, y, 1), x, y)", 7, "a number where the condition of where needs a boolean"),
        ("x +* y", 4, "invalid syntax"),
        ("x = y", 3, "invalid syntax"),
        ("x; y", 2, "invalid syntax"),
        ("", 1, "invalid syntax"),
        ("ä + x", 1, "the name 'ä'"),
        ("pi + ä * z", 6, "the name 'ä'"),
        ("__import__('os')", 1, "the function '__import__'"),
        ("().__class__", 1, "a dot"),
        ("x\0", 1, ""),
        ("-" * 100_000 + "x", 1, ""),
        ("x" + "+x" * 20_000, 1, ""),
    ],
)
def test_what_is_refused_and_where(text, column, found):
    with pytest.raises(ExpressionError) as caught:
        parse(text, ["x", "y", "alpha"])
    first, *shown, reason, remedy = str(caught.value).splitlines()
    assert first.startswith("an expression cannot be read at column")
    assert reason.startswith("found: ")
    assert found in reason
    assert remedy.startswith("do: ")
    if found:
        assert first.endswith(f"column {column}")
        assert shown[-1] == " " * (3 + column) + "^"


def test_the_place_in_a_text_of_several_lines():
    with pytest.raises(ExpressionError, match="at line 2, column 8\n       y \\+ z\\)\n"):
        parse("(x +\n   y + z)", ["x", "y"])


def test_close_names_are_offered():
    with pytest.raises(ExpressionError, match=r"do: use .*sinh"):
        parse("sinhh(x)", ["x"])


@pytest.mark.parametrize("name", ["pi", "_x", "x?", "*xs", "self", "lambda"])
def test_names_with_another_meaning_are_refused(name):
    with pytest.raises(ExpressionError, match="which is no plain name or has a meaning already"):
        parse("1 + 1", [name])
    with pytest.raises(ExpressionError, match="which is no plain name or has a meaning already"):
        numpy_function(number(1), [name], [])


# ---------------------------------------------------------------- functions

REFERENCE = {
    **{sign: getattr(operator, name) for sign, name in {
        "+": "add", "-": "sub", "*": "mul", "/": "truediv", "%": "mod", "**": "pow", "<": "lt", "<=": "le", ">": "gt",
        ">=": "ge", "==": "eq", "!=": "ne", "&": "and_", "|": "or_"}.items()},
    "negative": operator.neg, "~": np.logical_not, "round": np.round, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def reference(term, values):
    """The value of a term, one part after another in float64 arrays."""
    if term.operation == "name":
        return values[term.value]
    if term.operation == "constant":
        return np.full(4, terms.CONSTANTS[term.value])
    if term.operation == "number":
        return np.full(4, float(term.value))
    function = REFERENCE.get(term.operation)
    if function is None:
        name = FUNCTIONS[term.operation][1]
        function = getattr(special, name[1:]) if name.startswith(".") else getattr(np, name)
    return function(*[reference(argument, values) for argument in term.arguments])


@given(terms_over(["x", "y", "alpha"]))
def test_a_function_computes_its_term(term):
    x, y = np.array([-2.0, 0.5, 0.0, np.nan]), np.array([1.5, -0.0, np.inf, 3.0])
    with np.errstate(all="ignore"):
        try:
            function = numpy_function(term, ["x", "y"], ["alpha"])
            result = function(SimpleNamespace(alpha=0.75), x, y)
        except (ArithmeticError, ValueError, TypeError):
            # Python's own numbers, of which a weak part is made, refuse 1 / 0 and (-1) ** 0.5 where arrays give inf, nan.
            return
        if isinstance(result, complex):
            return
        expected = reference(term, {"x": x, "y": y, "alpha": np.full(4, 0.75)})
    # Integers stay exact in weak parts and are floats in the reference.
    np.testing.assert_allclose(np.broadcast_to(np.asarray(result, float), 4), expected, rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", NUMERIC_FUNCTIONS)
def test_every_function_keeps_the_dtype_of_arrays_and_scalars(name, dtype):
    # The field goes through the function alone first, which must not make it a float64 that promotes the input.
    count = FUNCTIONS[name][0]
    text = f"{name}({', '.join(['x'] * count)}) * {name}({', '.join(['alpha'] * count)}) + {name}({', '.join(['0.5'] * count)})"
    function = made(text)
    x = np.array([0.25, 0.75], dtype)
    with np.errstate(all="ignore"):
        for alpha in (0.5, np.float64(0.5)):
            whole, single = function(SimpleNamespace(alpha=alpha), x), function(SimpleNamespace(alpha=alpha), x[0])
            assert type(whole) is np.ndarray
            assert whole.dtype == dtype
            assert type(single) is dtype
            np.testing.assert_allclose(
                np.float64(single), whole[0].astype(float), rtol=2e-3 if dtype == np.float16 else 1e-6
            )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where(x > 0, x, 0)", [0, 2]),
        ("where(x > 0, 1, 0)", [0, 1]),
        ("where(x > 0, 1, where(x < 0, -1, 0))", [-1, 1]),
        ("where(x > 0, 0.5, alpha)", [0.25, 0.5]),
        ("where(alpha > 0, x, 1)", [-2, 2]),
        ("where(alpha > 0, 1, 2) * x", [-2, 2]),
        ("where(isnan(x), 0, 1.5)", [1.5, 1.5]),
        ("min(alpha, 1) * x", [-0.5, 0.5]),
        ("max(x, 0, alpha)", [0.25, 2]),
        ("x * sqrt(alpha)", [-1, 1]),
        ("x * isnan(alpha)", [0, 0]),
        ("abs(-alpha) * x", [-0.5, 0.5]),
        ("2 / pi * x * 0 + 1", [1, 1]),
        ("where(~(x > 0) & (x == x) | (alpha > 1), inf, -inf)", [np.inf, -np.inf]),
        ("sqrt(4) * x ** 2", [8, 8]),
        ("x % 3", [1, 2]),
        ("round(x + 0.5)", [-2, 2]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weak_numbers_and_choices(text, expected, dtype):
    x = np.array([-2, 2], dtype)
    result = evaluated(text, x, alpha=0.25)
    assert result.dtype == dtype
    assert result.tolist() == expected
    for entry, wanted in zip(x, expected, strict=True):
        single = evaluated(text, entry, alpha=0.25)
        assert type(single) is dtype
        assert single == wanted


def test_a_choice_between_numbers_over_booleans_is_single_precision():
    mask = np.array([True, False])
    assert evaluated("where(m, 1.0, 0)", mask, inputs="m").dtype == np.float32
    assert evaluated("where(m, 1, 0)", mask, inputs="m").dtype == np.int64
    assert type(evaluated("where(m, 1.0, 0)", mask[0], inputs="m")) is np.float32
    assert evaluated("where(x > 0, alpha > 0, alpha < 0)", np.float32([1, -1])).tolist() == [True, False]
    assert evaluated("where(x > 0, alpha > 0, alpha < 0)", np.float32([1, -1])).dtype == np.bool_


def test_integers_stay_integers():
    x = np.array([-3, 4], np.int32)
    for text in ("x * 2 - 1", "max(x, 0)", "where(x > 0, 1, 0)", "abs(x)", "x % 3", "sign(x)"):
        assert evaluated(text, x).dtype == np.int32
    assert evaluated("x / 2", x).dtype == np.float64


def test_nan_passes_through_min_and_max():
    x = np.array([np.nan, 1.0])
    assert np.isnan(evaluated("min(x, 0, 5)", x)[0])
    assert np.isnan(evaluated("max(0, x)", x)[0])


def test_shared_parts_are_computed_once_and_constants_never(monkeypatch):
    calls = []
    counted = {name: getattr(np, name) for name in ("exp", "sqrt")}
    for name, function in counted.items():
        monkeypatch.setattr(np, name, lambda *a, name=name, function=function: calls.append(name) or function(*a))
    function = made("exp(-abs(x)) / (1 + exp(-abs(x))) + exp(-abs(x)) * sqrt(2 / pi)")
    assert calls == ["sqrt"]
    function(None, np.float32(1))
    function(None, np.float32(2))
    assert calls == ["sqrt", "exp", "exp"]


def test_inputs_and_fields_may_be_called_like_functions():
    kind = SimpleNamespace(min=0.0, max=6.0, exp=2.0)
    function = numpy_function(parse("max(min(x, max), min) * exp ** abs", ["x", "abs", "min", "max", "exp"]),
                              ["x", "abs"], ["min", "max", "exp"])  # fmt: skip
    assert function(kind, np.float32([-1, 3, 9]), np.float32(1)).tolist() == [0, 6, 12]


def test_arguments_are_positional_and_an_unused_one_is_fine():
    function = numpy_function(parse("b - a", ["a", "b", "c"]), ["a", "b", "c"], [])
    assert function(None, np.float64(1), np.float64(5), None) == 4


def test_the_safe_sigmoid_raises_no_warning():
    with np.errstate(all="raise", under="ignore"):
        y = evaluated(SIGMOID, np.float32([-200, -1, 0, 1, 200]))
    np.testing.assert_allclose(y, [0, 0.26894142, 0.5, 0.7310586, 1], rtol=1e-6)


def test_unclear_names_are_refused_when_a_function_is_made():
    term = parse("x * alpha", ["x", "alpha"])
    with pytest.raises(ExpressionError, match=r"found: \['alpha'\], not exactly one input or field"):
        numpy_function(term, ["x"], [])
    with pytest.raises(ExpressionError, match=r"found: \['alpha'\], not exactly one input or field"):
        numpy_function(term, ["x", "alpha"], ["alpha"])
    with pytest.raises(ExpressionError, match="declare each name once"):
        numpy_function(term, ["x", "x"], ["alpha"])
    with pytest.raises(ExpressionError, match="in a part made of numbers alone"):
        numpy_function(parse("x + 1 / 0", ["x"]), ["x"], [])


def test_every_operation_can_be_written_and_made():
    x = np.array([0.25, 0.5])
    for name, (count, _) in FUNCTIONS.items():
        arguments = ["x > 0", "x", "x"] if name == "where" else ["x"] * count
        with np.errstate(all="ignore"):
            assert evaluated(f"{name}({', '.join(arguments)})", x).shape == (2,)
    for sign in OPERATORS:
        operand = "(x > 0)" if sign in "&|" else "x"
        assert evaluated(f"{operand} {sign} {operand}", x).shape == (2,)


def test_python_reads_no_text_before_the_first_expression():
    assert "ast" not in vars(expression)
