"""The tree of an expression: what operations and functions there are, and terms, of which equal ones are one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from keyword import iskeyword
from math import inf, nan, pi
from typing import Any, ClassVar, Final
from weakref import WeakValueDictionary

__all__ = [
    "COMPARISONS", "CONSTANTS", "FUNCTIONS", "LOGICAL", "OPERATORS", "Term", "free_names", "is_boolean", "is_plain_name",
    "number", "render", "substitute", "subterms",
]  # fmt: skip

CONSTANTS: Final = {"pi": pi, "inf": inf, "nan": nan}

COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
# Binary operators and how tightly they bind; "negative" and "~" have one argument and bind at 6.
OPERATORS: Final = {**dict.fromkeys(COMPARISONS, 1), "|": 2, "&": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "**": 7}
_UNARY: Final = 6
_CALL: Final = 8

# Arguments, and the function of NumPy or (marked by a dot) of nodes.special. Trees hold min and max of two.
FUNCTIONS: Final[dict[str, tuple[int, str]]] = {
    "where": (3, "where"), "min": (2, "minimum"), "max": (2, "maximum"), "abs": (1, "absolute"), "sign": (1, "sign"),
    "floor": (1, "floor"), "ceil": (1, "ceil"), "round": (1, "rint"), "trunc": (1, "trunc"),
    "exp": (1, "exp"), "exp2": (1, "exp2"), "expm1": (1, "expm1"),
    "log": (1, "log"), "log2": (1, "log2"), "log10": (1, "log10"), "log1p": (1, "log1p"),
    "sqrt": (1, "sqrt"), "cbrt": (1, "cbrt"), "hypot": (2, "hypot"),
    "sin": (1, "sin"), "cos": (1, "cos"), "tan": (1, "tan"),
    "asin": (1, "arcsin"), "acos": (1, "arccos"), "atan": (1, "arctan"), "atan2": (2, "arctan2"),
    "sinh": (1, "sinh"), "cosh": (1, "cosh"), "tanh": (1, "tanh"),
    "asinh": (1, "arcsinh"), "acosh": (1, "arccosh"), "atanh": (1, "arctanh"),
    "erf": (1, ".erf"), "erfc": (1, ".erfc"), "lgamma": (1, ".lgamma"), "digamma": (1, ".digamma"),
    "trigamma": (1, ".trigamma"),
    "copysign": (2, "copysign"), "fmod": (2, "fmod"),
    "isnan": (1, "isnan"), "isinf": (1, "isinf"), "isfinite": (1, "isfinite"),
}  # fmt: skip

LOGICAL: Final = frozenset(["&", "|", "~"])
_BOOLEAN: Final = LOGICAL.union(COMPARISONS, ["isnan", "isinf", "isfinite"])
_LEAVES: Final = frozenset(["name", "number", "constant"])
_ARITY: Final = {
    "name": 0, "number": 0, "constant": 0, "negative": 1, "~": 1, **dict.fromkeys(OPERATORS, 2),
    **{name: count for name, (count, _) in FUNCTIONS.items()},
}  # fmt: skip


def is_plain_name(name: str) -> bool:
    """Whether an input or field may have this name: it is one Python allows, and not one we keep for ourselves.

    >>> [is_plain_name(name) for name in ("alpha", "_alpha", "if", "x?", "self", "pi")]
    [True, False, False, False, False, False]
    """
    return name.isidentifier() and not (name.startswith("_") or iskeyword(name) or name == "self" or name in CONSTANTS)


class Term:
    """A part of an expression; equal parts are the same object.

    `operation` is an operator's sign, "negative", a function's name, or "name", "number" or "constant"; the last three
    have a `value` and no `arguments`. Numbers are finite and not negative (see `number`). Raises ValueError for an
    unknown operation or a wrong number of arguments. Terms never change, compare by identity and can be pickled.

    >>> x = Term("name", value="x")
    >>> Term("+", (x, number(1))) is Term("+", (x, number(1)))
    True
    """

    __slots__ = ("__weakref__", "arguments", "operation", "value")

    operation: str
    arguments: tuple[Term, ...]
    value: str | int | float | None

    _known: ClassVar[WeakValueDictionary[Any, Term]] = WeakValueDictionary()

    def __new__(
        cls, operation: str, arguments: Sequence[Term] = (), value: str | int | float | None = None
    ) -> Term:  # not Self: there are no subclasses
        arguments = tuple(arguments)
        # 1, 1.0 and True are equal but are different numbers to NumPy.
        key = (operation, arguments, value.__class__, value)
        known = cls._known.get(key)
        if known is not None:
            return known
        if _ARITY.get(operation) != len(arguments) or (operation in _LEAVES) != (value is not None):
            raise ValueError(
                f"a term was asked for with the operation {operation!r}, {len(arguments)} arguments and value {value!r}, "
                f"which the grammar does not have: its operations and their arguments are {_ARITY}"
            )
        if operation == "number" and not (type(value) in (int, float) and 0 <= value < inf):  # type: ignore[operator]
            raise ValueError(f"a term was asked for with the number {value!r}, not finite or negative: use number()")
        if operation == "name" and not is_plain_name(str(value)):
            raise ValueError(f"a term was asked for with the name {value!r}, no plain one: use letters and digits")
        if operation == "constant" and value not in CONSTANTS:
            raise ValueError(f"a term was asked for with the constant {value!r}: use one of {', '.join(CONSTANTS)}")
        term = object.__new__(cls)
        for name, content in (("operation", operation), ("arguments", arguments), ("value", value)):
            object.__setattr__(term, name, content)
        # setdefault: of two threads that come here at once, both get the first one's term.
        return cls._known.setdefault(key, term)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a term never changes, but its {name} was set: make a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return Term, (self.operation, self.arguments, self.value)

    def __repr__(self) -> str:
        return f"<Term {render(self)}>"


def number(value: int | float) -> Term:
    """The term of any Python number: a negative one is the negative of a number, infinity and NaN are constants.

    >>> number(-2)
    <Term -2>
    """
    if value != value:
        return Term("constant", value="nan")
    if value < 0 or str(value) == "-0.0":
        return Term("negative", (number(-value),))
    return Term("constant", value="inf") if value == inf else Term("number", value=value)


def subterms(term: Term) -> list[Term]:
    """Every part of a term once, each after its arguments; the term itself comes last.

    >>> exponential = Term("exp", [Term("name", value="x")])
    >>> [render(part) for part in subterms(Term("/", [exponential, Term("+", [number(1), exponential])]))]
    ['x', 'exp(x)', '1', '1 + exp(x)', 'exp(x) / (1 + exp(x))']
    """
    order: dict[Term, None] = {}
    waiting = [term]
    while waiting:
        part = waiting[-1]
        missing = [argument for argument in part.arguments if argument not in order]
        if missing and part not in order:
            waiting.extend(reversed(missing))
        else:
            order.setdefault(waiting.pop())
    return list(order)


def free_names(term: Term) -> list[str]:
    """The inputs and fields a term reads, in the order it first reads them.

    >>> free_names(Term("*", [Term("name", value="alpha"), Term("name", value="x")]))
    ['alpha', 'x']
    """
    return [str(part.value) for part in subterms(term) if part.operation == "name"]


def is_boolean(term: Term) -> bool:
    """Whether a term is boolean whatever its names stand for.

    >>> is_boolean(Term("isnan", [Term("name", value="x")]))
    True
    """
    return term.operation in _BOOLEAN


def substitute(term: Term, replacements: Mapping[str, Term]) -> Term:
    """The term with names replaced by terms, all at once: how expressions of several nodes become one.

    >>> x, y = Term("name", value="x"), Term("name", value="y")
    >>> substitute(Term("*", [x, y]), {"x": Term("+", [y, number(1)])})
    <Term (y + 1) * y>
    """
    made: dict[Term, Term] = {}
    for part in subterms(term):
        if part.operation == "name":
            made[part] = replacements.get(str(part.value), part)
        else:
            made[part] = Term(part.operation, [made[argument] for argument in part.arguments], part.value)
    return made[term]


def render(term: Term) -> str:
    """The text of a term, with no more parentheses than needed; `expression.parse` reads it back as the same term.

    >>> a, b = Term("name", value="a"), Term("name", value="b")
    >>> render(Term("*", (Term("+", (a, b)), Term("negative", (a,)))))
    '(a + b) * -a'
    """
    texts: dict[Term, tuple[str, int]] = {}  # with how tightly the text binds

    def within(argument: Term, least: int) -> str:
        text, tightness = texts[argument]
        return text if tightness >= least else f"({text})"

    for part in subterms(term):
        operation, arguments = part.operation, part.arguments
        if not arguments:
            texts[part] = str(part.value), _CALL
        elif operation in OPERATORS:
            tightness = OPERATORS[operation]
            # Python chains comparisons, groups ** from the right and the others from the left.
            left = tightness + (operation in COMPARISONS or operation == "**")
            right = _UNARY if operation == "**" else tightness + 1
            texts[part] = f"{within(arguments[0], left)} {operation} {within(arguments[1], right)}", tightness
        elif operation in ("negative", "~"):
            texts[part] = f"{'-' if operation == 'negative' else '~'}{within(arguments[0], _UNARY)}", _UNARY
        else:
            texts[part] = f"{operation}({', '.join(texts[argument][0] for argument in arguments)})", _CALL
    return texts[term][0]
