"""What a rule computed on symbols, as one expression a reader of NumPy knows: `x.T @ grad`, `grad * y * (1 - y)`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from localgrad.graph.node import Node
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.show.numbers import number_text

ATOM, POWER, PRODUCT, SUM, CHOICE = 9, 4, 2, 1, 0
LONGEST = 88
"""An expression longer than this is told in steps: what stands in it several times gets a name."""
_MOST_NODES = 400
_MOST_TEXT = 1200
_STEPS = "stuvrqpmkhzefgjlno"


class Piece(NamedTuple):
    """A factor as text, and how tightly it binds."""

    text: str
    level: int = ATOM


class Expression(NamedTuple):
    """A product over a product, with a sign; a sum is a single factor of its own."""

    over: tuple[Piece, ...]
    under: tuple[Piece, ...] = ()
    negative: bool = False

    def piece(self) -> Piece:
        """The whole as one piece."""
        over = tuple(each for each in self.over if each != Piece("1")) or (Piece("1"),)
        under = tuple(each for each in self.under if each != Piece("1"))
        if len(over) == 1 and not under:
            text, level = over[0]
            return Piece(f"-{inside(over[0], POWER)}", PRODUCT) if self.negative else Piece(text, level)
        text = " * ".join(inside(each, PRODUCT + 1) for each in _powers(over))
        if under:
            below = _powers(under)
            bottom = " * ".join(inside(each, PRODUCT + 1) for each in below)
            text += f" / ({bottom})" if len(below) > 1 else f" / {bottom}"
        return Piece(f"-{text}" if self.negative else text, PRODUCT)


Look: TypeAlias = Callable[[Any], Expression]


def atom(text: str, level: int = ATOM) -> Expression:
    """A single factor."""
    return Expression((Piece(text, level),))


def number(value: Any) -> Expression:
    """A number of a formula."""
    if isinstance(value, bool) or value != value:
        return atom(str(value))
    text = number_text(value, 6)
    return Expression((Piece(text.removeprefix("-")),), (), text.startswith("-"))


def text_of(expression: Expression, level: int = CHOICE) -> str:
    """An expression as text, in parentheses where its surroundings bind tighter."""
    return inside(expression.piece(), level)


def inside(piece: Piece, level: int) -> str:
    """A piece as text, in parentheses where its surroundings bind tighter."""
    return f"({piece.text})" if piece.level < level else piece.text


def product(a: Expression, b: Expression) -> Expression:
    """The product, its signs taken together."""
    return Expression(a.over + b.over, a.under + b.under, a.negative != b.negative)


def quotient(a: Expression, b: Expression) -> Expression:
    """The quotient, its signs taken together."""
    return Expression(a.over + b.under, a.under + b.over, a.negative != b.negative)


def negated(a: Expression) -> Expression:
    """-a."""
    return a._replace(negative=not a.negative)


def total(a: Expression, b: Expression) -> Expression:
    """The sum; a subtrahend where the second has a sign."""
    if b.negative:
        return atom(f"{text_of(a, SUM)} - {text_of(negated(b), SUM + 1)}", SUM)
    return atom(f"{text_of(a, SUM)} + {text_of(b, SUM)}", SUM)


def difference(a: Expression, b: Expression) -> Expression:
    """The difference; a summand where the second has a sign."""
    if b.negative:
        return atom(f"{text_of(a, SUM)} + {text_of(negated(b), SUM)}", SUM)
    return atom(f"{text_of(a, SUM)} - {text_of(b, SUM + 1)}", SUM)


def _powers(pieces: tuple[Piece, ...]) -> list[Piece]:
    """The factors, of which one that stands several times becomes a power; numbers stay as they are."""
    found: dict[Piece, int] = {}
    for each in pieces:
        found[each] = found.get(each, 0) + 1
    told: list[Piece] = []
    for each, count in found.items():
        if each.text.lstrip("(-")[0].isdigit():
            told += [each] * count
        else:
            told.append(each if count == 1 else Piece(f"{inside(each, ATOM)}**{count}", POWER))
    return told


def expression_of(tensor: Any, leaf: Callable[[Tensor], Expression | None] | None = None) -> str:
    """A computed tensor as an expression over the tensors it came from; `leaf` says how those are written.

    A long one is told in steps: further lines say `where s = ...`.
    """
    leaf_of = leaf or (lambda _: None)
    if not isinstance(tensor, Tensor):
        return text_of(number(tensor))
    order, sizes, uses = _walk(tensor)
    if len(order) > _MOST_NODES:
        return f"computed in {len(order)} steps"
    if sizes[id(tensor)] <= _MOST_TEXT:
        text = text_of(_told(order, leaf_of, {})[id(tensor)])
        if len(text) <= LONGEST:
            return text
    names = _step_names(order, uses, sizes, leaf_of)
    told = _told(order, leaf_of, names)
    lines = [text_of(told[id(tensor)])]
    lines += [f"{name} = {text_of(told[~key])}" for key, name in names.items()]
    shown = [line if len(line) <= 2 * LONGEST else line[: 2 * LONGEST - 1] + "…" for line in lines]
    return "\n".join(
        line if not index else f"{'where' if index == 1 else '     '} {line}" for index, line in enumerate(shown)
    )


def _walk(tensor: Tensor) -> tuple[list[Tensor], dict[int, int], dict[int, int]]:
    """Everything a tensor came from, inputs first; about how long each would be as text, and how often it is used."""
    order: list[Tensor] = []
    sizes: dict[int, int] = {}
    uses: dict[int, int] = {}
    stack = [tensor]
    while stack:
        x = stack[-1]
        inputs = [each for each in x._node.inputs if isinstance(each, Tensor)] if x._node is not None else []
        missing = [each for each in inputs if id(each) not in sizes]
        if id(x) in sizes:
            stack.pop()
        elif missing:
            stack.extend(missing)
        else:
            stack.pop()
            order.append(x)
            sizes[id(x)] = min(sum(sizes[id(each)] for each in inputs) + 4, 10**9)
            for each in inputs:
                uses[id(each)] = uses.get(id(each), 0) + 1
    return order, sizes, uses


def _step_names(
    order: list[Tensor], uses: dict[int, int], sizes: dict[int, int], leaf: Callable[[Tensor], Expression | None]
) -> dict[int, str]:
    taken = set()
    for x in order:
        if x._node is None:
            taken |= set(re.findall(r"\w+", text_of(_leaf(x, leaf))))
    free = [name for name in _STEPS if name not in taken]
    repeated = [x for x in order if x._node is not None and uses.get(id(x), 0) > 1 and sizes[id(x)] > 8]
    return {id(x): name for x, name in zip(repeated, free, strict=False)}


def _told(
    order: list[Tensor], leaf: Callable[[Tensor], Expression | None], names: dict[int, str]
) -> dict[int, Expression]:
    """The expression of each tensor by id; of one that got a name that name, and what it stands for under ~id."""
    from localgrad.show.forms import form

    told: dict[int, Expression] = {}

    def look(x: Any) -> Expression:
        return told[id(x)] if isinstance(x, Tensor) else number(x)

    for x in order:
        told[id(x)] = _leaf(x, leaf) if x._node is None else form(x, x._node, look)
        if id(x) in names:
            told[~id(x)], told[id(x)] = told[id(x)], atom(names[id(x)])
    return told


def _leaf(x: Tensor, leaf: Callable[[Tensor], Expression | None]) -> Expression:
    found = leaf(x)
    if found is not None:
        return found
    if x._name is not None:
        return atom(x._name)
    return number(x._value.item()) if isinstance(x, Leaf) and x.size == 1 else atom("constant")


def operands(node: Node, look: Look) -> list[Expression]:
    """The inputs of a node that are there, as expressions."""
    return [look(x) for x in node.inputs if x is not None]
