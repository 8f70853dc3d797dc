"""A node's formulas with the numbers of one entry put in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.show.expressions import LONGEST, Expression, atom
from localgrad.show.formulas import plain_formula
from localgrad.show.numbers import FULL, number_text
from localgrad.show.products import gradient_names, input_names, vjp_formulas
from localgrad.transform.sweep import contributions

_TERMS = 6
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε"}


def numbers_in(node: Node, made: Tensor) -> tuple[str, ...]:
    """The forward and each gradient of one entry in numbers, for small nodes that work entry by entry, and products."""
    if (
        made.is_symbolic
        or not 0 < made.size <= FULL
        or any(isinstance(x, Tensor) and x.is_symbolic for x in node.inputs)
    ):
        return ()
    if isinstance(node.kind, Elementwise):
        return tuple(_entrywise(node, made))
    if node.kind.name == "MatMul":
        return tuple(_matrix_product(node, made))
    return ()


def _entrywise(node: Node, made: Tensor) -> list[str]:
    where = (0,) * made.ndim
    labels = input_names(node.kind, len(node.inputs))
    known = {
        label: _entry(x._value if isinstance(x, Tensor) else x, made.shape, where)
        for label, x in zip(labels, node.inputs, strict=True)
        if x is not None
    }
    at = f"[{', '.join(map(str, where))}]" if where else ""
    y = _entry(made._value, made.shape, where)
    lines = []
    forward = _forward(node, known)
    if forward:
        lines.append(f"y{at} = {forward} = {y}")
    if made._grad is None:
        return lines
    known |= {"y": y, gradient_names(node.kind)[0]: _entry(made._grad, made.shape, where)}

    def leaf(x: Tensor) -> Expression | None:
        text = known.get(x._name or "")
        return None if text is None else atom(_closed(text))

    formulas = vjp_formulas(node, leaf, fitted=False)
    parts = contributions(node, (made,))
    for index, (label, x) in enumerate(zip(labels, node.inputs, strict=True)):
        text = formulas.get(label, "")
        if not isinstance(x, Tensor) or index not in parts or not text or "\n" in text or len(text) > LONGEST:
            continue
        result = np.asarray(parts[index])
        if result.shape == made.shape:
            value = number_text(result[where])
            lines.append(f"gradient of {label}{at} = {text}" + (f" = {value}" if value != text else ""))
        elif made.size <= _TERMS:
            lines.append(f"gradient of {label} sums {text} over the entries it was repeated to")
    return lines


def _entry(value: Any, shape: tuple[int, ...], where: tuple[int, ...]) -> str:
    if isinstance(value, (bool, int, float)):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return number_text(np.broadcast_to(np.asarray(value), shape)[where])


def _closed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _forward(node: Node, known: dict[str, str]) -> str:
    """The right side of the school formula with numbers for its letters; empty where the letters are not the inputs."""
    text = plain_formula(node.kind.formula)
    if "=" not in text or re.search(r"[\w)][_]", text) or "∫" in text:
        return ""
    right = text.split(" = ", 1)[1] if " if " in text else text.rsplit(" = ", 1)[1]
    letters = dict(known)
    for field, value in node.kind.field_values().items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            letters[_GREEK.get(field, field)] = number_text(value)
    names = [name for name in letters if name in known]
    if not all(re.search(_letter(name), right) for name in names):
        return ""
    pattern = "|".join(_letter(name) for name in sorted(letters, key=len, reverse=True))
    # a letter beside another is a product, which between numbers needs a sign
    right = re.sub(rf"(?<=[\w)]) (?=(?:{pattern})(?!\w))|(?<=[^\w.])({pattern}) (?=[\w(](?!f\b|lse\b))", _dotted, right)
    right = re.sub(pattern, lambda found: _closed(letters[found[0]]), right)
    # a sign needs no parentheses where nothing stands before it
    return re.sub(r"\|\((-[^()|]*)\)\|", r"|\1|", re.sub(r"^\((-[\w.+]*)\)(?![\^²³])", r"\1", right))


def _letter(name: str) -> str:
    return rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_²³]|_)"


def _dotted(found: re.Match[str]) -> str:
    return f"{found[1]} · " if found[1] else " · "


def _matrix_product(node: Node, made: Tensor) -> list[str]:
    x, w = (np.asarray(each._value) for each in node.inputs if isinstance(each, Tensor))
    if x.ndim != 2 or w.ndim != 2 or made.dtype.kind != "f":
        return []
    y = np.asarray(made._value)
    lines = [_dot("y[0, 0]", "x[0, :] · w[:, 0]", x[0], w[:, 0], y[0, 0])]
    if made._grad is not None:
        grad = np.asarray(made._grad)
        lines.append(_dot("gradient of x[0, 0]", "grad[0, :] · w[0, :]", grad[0], w[0], grad[0] @ w[0]))
        lines.append(_dot("gradient of w[0, 0]", "x[:, 0] · grad[:, 0]", x[:, 0], grad[:, 0], x[:, 0] @ grad[:, 0]))
    return lines


def _dot(name: str, rule: str, a: NDArray[Any], b: NDArray[Any], result: Any) -> str:
    terms = [
        f"{_closed(number_text(p))}·{_closed(number_text(q))}" for p, q in zip(a[:_TERMS], b[:_TERMS], strict=True)
    ]
    more = [f"… ({len(a) - _TERMS} more)"] if len(a) > _TERMS else []
    return f"{name} = {rule} = {' + '.join(terms + more)} = {number_text(result)}"
