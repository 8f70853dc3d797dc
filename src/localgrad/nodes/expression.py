"""The grammar of a kind's `expression`: one line of mathematics that NumPy functions and compiled loops are made from.

    term       = name | number | "pi" | "inf" | "nan" | "(" term ")" | function "(" term { "," term } ")"
               | "-" term | "~" term | term operator term
    operator   = "+" | "-" | "*" | "/" | "%" | "**"  |  "<" | "<=" | ">" | ">=" | "==" | "!="  |  "&" | "|"

Names are the inputs and fields of the kind. Operators bind as in Python, so comparisons joined by `&` need parentheses.
`&`, `|`, `~` and the condition of `where(condition, a, b)` take booleans. `min` and `max` take two or more terms, work
entry by entry, and pass NaN on. `%` has the sign of the divisor; `round` goes to the even neighbour at a half. The
other functions are those of `FUNCTIONS`. Python numbers, constants and fields are weak: float32 stays float32.

A text is read once into a tree of `Term`, in which equal parts are one object, and everything outside the grammar is
refused there. Texts come from the bodies of kinds, never from a file; and what Python runs is written from the checked
tree, in names of our own choice, never from the text itself.

Reading needs `ast`, imported at the first text; a kind's function is best made when first called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.nodes.choosing import choose
from localgrad.nodes.terms import (
    CONSTANTS,
    FUNCTIONS,
    LOGICAL,
    OPERATORS,
    Term,
    free_names,
    is_boolean,
    is_plain_name,
    number,
    render,
    substitute,
    subterms,
)

if TYPE_CHECKING:
    import ast

__all__ = [
    "FUNCTIONS", "OPERATORS", "ExpressionError", "Term", "free_names", "is_boolean", "number", "numpy_function", "parse",
    "render", "substitute", "subterms",
]  # fmt: skip


class ExpressionError(LocalgradError, ValueError):
    """A kind's expression is outside the grammar; the message shows the place."""


# ---------------------------------------------------------------- reading


def parse(text: str, names: Iterable[str]) -> Term:
    """Read an expression that may use `names`.

    Raises `ExpressionError`, with the place in the text, for anything outside the grammar.

    >>> parse("where(x >= 0, 1, exp(-abs(x))) / (1 + exp(-abs(x)))", ["x"]).operation
    '/'
    >>> parse("x if x > 0 else 0", ["x"])
    Traceback (most recent call last):
    ...
    localgrad.nodes.expression.ExpressionError: an expression cannot be read at column 1
        x if x > 0 else 0
        ^
    found: a choice with `if`, which the grammar does not have
    do: write where(condition, a, b)
    """
    import ast

    allowed = frozenset(names)
    _check_names(allowed)
    text = text.strip()
    try:
        return _Reader(text, allowed).read(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        place = error.lineno or 1, (error.offset or 1) - 1
        raise _refusal(text, place, str(error.msg), "write it in the grammar of nodes.expression") from None
    except ExpressionError:
        raise
    except (ValueError, MemoryError, RecursionError) as error:
        found = f"a text that Python cannot read ({type(error).__name__} {error})"
        raise _refusal(text, (1, 0), found, "shorten it, or make it several kinds") from None


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not is_plain_name(name):
            raise ExpressionError(
                f"an expression over the names {sorted(names)} was asked for\nfound: {name!r}, which is no plain name or "
                "has a meaning already\ndo: use letters, digits and inner underscores, and not self, pi, inf or nan"
            )


def _refusal(text: str, place: tuple[int, int], found: str, remedy: str) -> ExpressionError:
    line, column = place
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1]
    where = f"column {column + 1}" if len(lines) == 1 else f"line {line}, column {column + 1}"
    return ExpressionError(
        f"an expression cannot be read at {where}\n    {shown}\n    {' ' * column}^\nfound: {found}\ndo: {remedy}"
    )


# Parts of Python's grammar that are not in ours, and what to write for them.
_FOREIGN: Final = {
    "BoolOp": ("`and` or `or`", "write (a > 0) & (b > 0), or | for or"),
    "IfExp": ("a choice with `if`", "write where(condition, a, b)"),
    "Attribute": ("a dot", "name a field by itself: alpha, not self.alpha"),
    "Subscript": ("square brackets", "an expression sees one entry of each input; write a forward for the rest"),
}
_BINARY: Final = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Mod": "%", "Pow": "**", "BitAnd": "&", "BitOr": "|",
}  # fmt: skip
_COMPARE: Final = {"Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "==", "NotEq": "!="}


class _Reader:
    """Turns Python's syntax tree of one text into terms."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names

    def refuse(self, node: ast.expr, found: str, remedy: str) -> ExpressionError:
        line = self.text.splitlines()[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode())  # Python counts bytes
        return _refusal(self.text, (node.lineno, column), found, remedy)

    def read(self, node: ast.expr) -> Term:
        kind = type(node).__name__
        method = getattr(self, f"read_{kind.lower()}", None)
        if method is None:
            found, remedy = _FOREIGN.get(kind, (f"Python's {kind}", "write it in the grammar of nodes.expression"))
            raise self.refuse(node, f"{found}, which the grammar does not have", remedy)
        term: Term = method(node)
        return term

    def read_name(self, node: ast.Name) -> Term:
        if node.id in self.names:
            return Term("name", value=node.id)
        if node.id in CONSTANTS:
            return Term("constant", value=node.id)
        raise self.refuse(
            node, f"the name {node.id!r}", f"use an input or field ({', '.join(sorted(self.names))}), pi, inf or nan"
        )

    def read_constant(self, node: ast.Constant) -> Term:
        if type(node.value) not in (int, float):
            raise self.refuse(node, f"the value {node.value!r}", "use integers, floats, names, pi, inf and nan")
        return number(node.value)  # type: ignore[arg-type]

    def read_unaryop(self, node: ast.UnaryOp) -> Term:
        operation = type(node.op).__name__
        if operation == "Not":
            raise self.refuse(node, "`not`, which the grammar does not have", "write ~(a > 0)")
        if operation == "Invert":
            return Term("~", (self.boolean(node.operand, "~"),))
        operand = self.read(node.operand)
        return operand if operation == "UAdd" else Term("negative", (operand,))

    def read_binop(self, node: ast.BinOp) -> Term:
        operation = _BINARY.get(type(node.op).__name__)
        if operation is None:
            remedy = "write floor(a / b)" if type(node.op).__name__ == "FloorDiv" else "use + - * / % ** & |"
            raise self.refuse(node, f"the operator {type(node.op).__name__}, which the grammar does not have", remedy)
        if operation in LOGICAL:
            return Term(operation, (self.boolean(node.left, operation), self.boolean(node.right, operation)))
        return Term(operation, (self.read(node.left), self.read(node.right)))

    def read_compare(self, node: ast.Compare) -> Term:
        if len(node.ops) > 1:
            raise self.refuse(node, "a chain of comparisons", "write (a < b) & (b < c)")
        operation = _COMPARE.get(type(node.ops[0]).__name__)
        if operation is None:
            raise self.refuse(node, f"the comparison {type(node.ops[0]).__name__}", "use < <= > >= == !=")
        return Term(operation, (self.read(node.left), self.read(node.comparators[0])))

    def read_call(self, node: ast.Call) -> Term:
        name = getattr(node.func, "id", None)
        if name not in FUNCTIONS:
            from difflib import get_close_matches

            found = f"the function {name!r}" if name else "a call of something that is no function"
            near = get_close_matches(name or "", FUNCTIONS)
            raise self.refuse(node, found, f"use {', '.join(near) if near else 'one of ' + ', '.join(FUNCTIONS)}")
        if node.keywords:
            raise self.refuse(node, f"a named argument of {name}", "pass arguments by position")
        count = FUNCTIONS[name][0]
        given = len(node.args)
        if given != count and not (name in ("min", "max") and given > 2):
            wanted = f"{count} or more" if name in ("min", "max") else f"{count}"
            raise self.refuse(node, f"{name} with {given} arguments", f"pass {wanted}")
        if name == "where":
            condition, a, b = node.args
            return Term(name, (self.boolean(condition, "the condition of where"), self.read(a), self.read(b)))
        arguments = [self.read(argument) for argument in node.args]
        if count == 1:
            return Term(name, arguments)
        term = Term(name, arguments[:2])
        for argument in arguments[2:]:
            term = Term(name, (term, argument))
        return term

    def boolean(self, node: ast.expr, place: str) -> Term:
        """An operand that has to be boolean; a name may be."""
        term = self.read(node)
        branches = [term]
        while branches:
            part = branches.pop()
            if part.operation == "where":
                branches.extend(part.arguments[1:])
            elif part.operation != "name" and not is_boolean(part):
                raise self.refuse(node, f"a number where {place} needs a boolean", "compare it, as in x != 0")
        return term


# ---------------------------------------------------------------- making a NumPy function

_DEPTH: Final = 40  # of operations written inside each other; Python's own parser has a limit


def numpy_function(term: Term, inputs: Sequence[str], fields: Sequence[str]) -> Callable[..., Any]:
    """A Python function `f(self, *inputs)` that computes a term with NumPy; `self` has the fields as attributes.

    Inputs are arrays or NumPy scalars, and scalars give NumPy scalars. Parts that occur twice are computed once, parts
    of numbers alone when the function is made. Where both branches of a `where` are weak, the result has the dtype of
    the inputs in its condition (of a Python float, if they are boolean: float32). Warnings are the caller's to silence.
    Raises `ExpressionError` where the term reads a name that is neither an input nor a field, or a name is both.

    >>> f = numpy_function(parse("where(x > 0, x, alpha * x)", ["x", "alpha"]), ["x"], ["alpha"])
    >>> from types import SimpleNamespace
    >>> f(SimpleNamespace(alpha=0.5), np.array([-2, 2], np.float32))
    array([-1.,  2.], dtype=float32)
    """
    _check_names(inputs)
    unclear = [name for name in free_names(term) if [*inputs, *fields].count(name) != 1]
    if unclear or len(set(inputs)) != len(inputs):
        raise ExpressionError(
            f"a function of {list(inputs)} with the fields {list(fields)} was to be made of {render(term)}\n"
            f"found: {unclear or list(inputs)}, not exactly one input or field each\ndo: declare each name once"
        )
    writer = _Writer(inputs, fields)
    writer.write(term)
    source = "\n".join(
        [
            *writer.constants,
            f"def function({', '.join(['self', *inputs])}):",
            *(f"    {line}" for line in writer.lines),
        ]
    )
    namespace = writer.namespace
    try:
        with np.errstate(all="ignore"):
            # The source is ours, of a checked tree: operators, numbers, and names made here.
            exec(compile(source, "<localgrad expression>", "exec"), namespace)  # noqa: S102
    except (ArithmeticError, ValueError) as error:
        raise ExpressionError(
            f"a function was to be made of {render(term)}\nfound: {error}, in a part made of numbers alone\n"
            "do: write inf or nan where they are meant"
        ) from None
    function: Callable[..., Any] = namespace["function"]
    return function


def _weak(value: Any) -> Any:
    """A NumPy scalar as a Python number, which does not promote what it meets."""
    return value.item() if isinstance(value, np.generic) else value


def _weak_where(condition: Any, a: Any, b: Any, *inputs: Any) -> Any:
    """`where` of two weak branches, in the dtype of the inputs its condition reads."""
    if isinstance(a, bool) and isinstance(b, bool):
        return np.where(condition, a, b)[()]
    typed = [x for x in inputs if np.result_type(x) != np.bool_]
    if not typed and isinstance(a + b, float):
        typed = [np.float32(0)]
    dtype = np.result_type(a, b, *typed)
    return np.where(condition, dtype.type(a), dtype.type(b))[()]


class _Writer:
    """Python source for one term."""

    def __init__(self, inputs: Sequence[str], fields: Sequence[str]) -> None:
        # Inputs keep their names, so that a traceback reads like the kind; ours begin with an underscore.
        self.inputs = frozenset(inputs)
        self.fields = frozenset(fields)
        self.namespace: dict[str, Any] = {"_weak": _weak, "_weak_where": _weak_where}
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.text: dict[Term, str] = {}
        self.depth: dict[Term, int] = {}
        self.reads: dict[Term, frozenset[str]] = {}

    def write(self, term: Term) -> None:
        order = subterms(term)
        readers: dict[Term, int] = {}
        for part in order:
            for argument in part.arguments:
                readers[argument] = readers.get(argument, 0) + 1
        for part in order:
            self.reads[part] = frozenset().union(*(self.reads[argument] for argument in part.arguments))
            if not part.arguments:
                self.write_leaf(part)
                continue
            text = self.formula(part)
            closed = not self.reads[part]
            depth = 1 + max(self.depth[argument] for argument in part.arguments)
            if closed or readers.get(part, 0) > 1 or depth > _DEPTH:
                lines = self.constants if closed else self.lines
                name = f"_{len(self.constants) + len(self.lines)}"
                lines.append(f"{name} = {text}")
                text, depth = name, 0
            self.text[part], self.depth[part] = text, depth
        self.lines.append(f"return {self.text[term]}")

    def write_leaf(self, part: Term) -> None:
        self.depth[part] = 0
        if part.operation == "number":
            self.text[part] = repr(part.value)
            return
        name = str(part.value)
        if part.operation == "constant":
            self.namespace[f"_{name}"] = CONSTANTS[name]
            self.text[part] = f"_{name}"
            return
        self.reads[part] = frozenset([name])
        self.text[part] = name
        if name in self.fields:
            self.text[part] = f"_field_{name}"
            self.lines.append(f"_field_{name} = _weak(self.{name})")

    def formula(self, part: Term) -> str:
        operation = part.operation
        texts = [self.text[argument] for argument in part.arguments]
        if operation in OPERATORS:
            return f"({texts[0]} {operation} {texts[1]})"
        if operation == "negative":
            return f"(-{texts[0]})"
        weak = not self.reads[part] & self.inputs
        if operation == "where":
            condition, a, b = part.arguments
            if not weak and not (self.reads[a] | self.reads[b]) & self.inputs:
                like = [name for name in sorted(self.reads[condition]) if name in self.inputs]
                return f"_weak_where({', '.join([*texts, *like])})"
        if operation == "~":
            called, function = "_logical_not", np.logical_not
        else:
            called, function = f"_{operation}", self.function(operation)
        self.namespace[called] = function
        text = f"{called}({', '.join(texts)})" + ("[()]" if operation == "where" else "")
        return f"_weak({text})" if weak else text

    @staticmethod
    def function(name: str) -> Any:
        if name == "abs":
            return abs  # faster on scalars than NumPy's
        if name == "where":
            return choose  # faster on large arrays than NumPy's
        source = FUNCTIONS[name][1]
        if not source.startswith("."):
            return getattr(np, source)
        from localgrad.nodes import special

        return getattr(special, source[1:])
