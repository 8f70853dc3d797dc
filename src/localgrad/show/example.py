"""A node's formulas with the numbers of one entry put in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.node import Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.tensor import Tensor
from localgrad.nodes.base import Elementwise
from localgrad.show.expressions import ATOM, LONGEST, Expression, atom
from localgrad.show.formulas import plain_formula
from localgrad.show.numbers import FULL, number_text
from localgrad.show.products import gradient_names, input_names, vjp_formulas

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


def rule_on(node: Node, made: Tensor, grad: Any) -> dict[int, NDArray[Any]]:
    """What the rule of a node that works entry by entry gives each float input for this gradient, at each entry.

    Sums over broadcast axes are left out. Empty where there is no such rule.
    """
    kind = node.kind
    if not isinstance(kind, Elementwise) or not kind.has_rule or not kind.differentiable or made.dtype.kind != "f":
        return {}
    wanted = tuple(isinstance(x, Tensor) and x.dtype.kind == "f" for x in node.inputs)
    xs = [x._value if isinstance(x, Tensor) else x for x in node.inputs]
    token = WARNINGS.set(QUIET)
    try:
        if kind.takes_wanted:
            found = kind.backward(grad, made._value, *xs, wanted=wanted)  # type: ignore[call-arg]  # it takes them
        else:
            found = kind.backward(grad, made._value, *xs)
    except Exception:  # a user's rule: backward tells its failure, with the node's name
        return {}
    finally:
        WARNINGS.reset(token)
    found = found if isinstance(found, tuple) else (found,)
    arrays = {
        index: np.asarray(g._value if isinstance(g, Tensor) else g)
        for index, g in enumerate(found)
        if g is not None and wanted[index]
    }
    return {index: np.broadcast_to(g, made.shape) for index, g in arrays.items() if g.shape in (made.shape, ())}


def _entrywise(node: Node, made: Tensor) -> list[str]:
    """Numbers of the first entry that sends something back, else of the first."""
    parts = rule_on(node, made, made._grad) if made._grad is not None else {}
    sending = np.zeros(made.shape, bool)
    for part in parts.values():
        sending |= part != 0
    where = tuple(int(i) for i in np.unravel_index(int(np.argmax(sending)), made.shape)) if made.ndim else ()
    labels = input_names(node.kind, len(node.inputs))
    known = {
        label: _entry(x._value if isinstance(x, Tensor) else x, made.shape, where)
        for label, x in zip(labels, node.inputs, strict=True)
        if x is not None
    }
    y = _entry(made._value, made.shape, where)
    forward = _forward(node, known)
    lines = [_equation(f"y{_at(where)}", forward, y)] if forward else []
    if made._grad is None:
        return lines
    known |= {"y": y, gradient_names(node.kind)[0]: _entry(made._grad, made.shape, where)}

    def leaf(x: Tensor) -> Expression | None:
        text = known.get(x._name or "")
        return None if text is None else atom(_closed(text), ATOM + 1)

    formulas = vjp_formulas(node, leaf, fitted=False)
    for index, part in parts.items():
        label, x = labels[index], node.inputs[index]
        text = formulas.get(label, "")
        if not isinstance(x, Tensor) or not text or "\n" in text or len(text) > LONGEST:
            continue
        if x.shape == made.shape:
            lines.append(_equation(f"gradient of {label}{_at(where)}", _loosened(text), number_text(part[where])))
        else:
            lines.append(_summed(label, x.shape, part))
    return lines


def _summed(label: str, shape: tuple[int, ...], part: NDArray[Any]) -> str:
    """The first entry of a broadcast input's gradient: the sum over the entries it was repeated to."""
    lead = part.ndim - len(shape)
    repeated = [i < lead or shape[i - lead] != part.shape[i] for i in range(part.ndim)]
    terms = part[tuple(slice(None) if each else 0 for each in repeated)].reshape(-1)
    said = [_closed(number_text(term)) for term in terms[:_TERMS]]
    more = [f"… ({len(terms) - _TERMS} more)"] if len(terms) > _TERMS else []
    total = number_text(terms.sum())
    return _equation(f"gradient of {label}{_at((0,) * len(shape))}", _loosened(" + ".join(said + more)), total)


def _at(where: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, where))}]" if where else ""


def _equation(left: str, middle: str, right: str) -> str:
    return f"{left} = {right}" if middle == right else f"{left} = {middle} = {right}"


def _entry(value: Any, shape: tuple[int, ...], where: tuple[int, ...]) -> str:
    if isinstance(value, (bool, int, float)):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return number_text(np.broadcast_to(np.asarray(value), shape)[where])


def _closed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _loosened(text: str) -> str:
    """The text without the parentheses around negative numbers that nothing stands before."""
    free = r"(?:^|(?<=[(\[{|⌊⌈])|(?<=, )|(?<=[<>=≤≥≠] )|(?<=if )|(?<=else ))"
    return re.sub(rf"{free}\((-[\w.+]+)\)(?![\^²³]|\*\*)", r"\1", text)


def _forward(node: Node, known: dict[str, str]) -> str:
    """The right side of the school formula with numbers for its letters; empty where the letters are not the inputs."""
    text = plain_formula(node.kind.formula)
    if re.search(r"[\w)]_", text) or "∫" in text or "Γ" in text or "ψ" in text:
        return ""
    sides = re.split(r" = (?![^\[]*\])", text)
    if len(sides) < 2:
        return ""
    right = text.split(" = ", 1)[1] if " if " in text else sides[-1]
    letters = dict(known)
    for field, value in node.kind.field_values().items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            letters[_GREEK.get(field, field)] = number_text(value)
    if not all(re.search(_letter(name), right) for name in known):
        return ""
    # letters beside each other are a product, which between numbers needs a sign
    right = re.sub(r"(?<![^\W\d_])([\w²³]|[)⌋|]) (?=[\w({⌊|√](?!f\b|lse\b))", r"\1 · ", right)
    pattern = "|".join(_letter(name) for name in sorted(letters, key=len, reverse=True))
    return _loosened(re.sub(pattern, lambda found: _closed(letters[found[0]]), right))


def _letter(name: str) -> str:
    return rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_²³]|_)"


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
    return f"{name} = {rule} = {_loosened(' + '.join(terms + more))} = {number_text(result)}"
