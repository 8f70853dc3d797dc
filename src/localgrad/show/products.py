"""A rule's own vector-Jacobian product as a formula: the backward rule run on symbols, written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.recording import spec_of
from localgrad.graph.spec import Spec, same_shape
from localgrad.graph.tensor import Tensor
from localgrad.nodes.shaping import SumTo
from localgrad.nodes.structure import Cast
from localgrad.show.expressions import Expression, expression_of
from localgrad.transform.sweep import pull_body


def input_names(kind: Kind, count: int) -> list[str]:
    """The rule's names of the inputs of a node, numbered where there are any number of them."""
    names: list[str] = []
    for declared in kind.inputs:
        if declared.startswith("*"):
            names += [f"{declared[1:]}{index + 1}" for index in range(count - len(names))]
        else:
            names.append(declared.rstrip("?"))
    names += [f"x{index}" for index in range(len(names), count)]
    return names[:count]


def output_names(kind: Kind) -> list[str]:
    """The rule's names of the outputs of a node."""
    return [f"y{index + 1}" for index in range(kind.output_count())] if kind.several else ["y"]


def gradient_names(kind: Kind) -> list[str]:
    """The rule's names of the gradients that come in: `grad`, or another word where an input is called so."""
    word = "grad_y" if "grad" in kind.inputs and not kind.several else "grad"
    return [f"{word}{index + 1}" for index in range(kind.output_count())] if kind.several else [word]


def vjp_formulas(
    node: Node, leaf: Callable[[Tensor], Expression | None] | None = None, *, fitted: bool = True
) -> dict[str, str]:
    """For each float input, the rule's vector-Jacobian product in terms of grad, y and the inputs, by the input's name.

    Found by running the backward rule on symbols, so it is what is computed and not a second telling of it. `leaf`
    writes the symbols in another way; without `fitted` the sum over broadcast axes is left out. Empty where the rule
    cannot be run on symbols.
    """
    inputs = tuple(x.spec if isinstance(x, Tensor) else _Number(x) for x in node.inputs)
    alive = node.outputs
    if any(t is None for t in alive):
        try:
            declared = node.kind.shape(*(spec_of(x) for x in node.inputs))
        except Exception:  # nothing more is known of this node than its name
            return {}
        specs = declared if isinstance(declared, tuple) else (declared,)
    else:
        specs = tuple(t.spec for t in alive if t is not None)
    known = [t is not None and t._grad is not None for t in alive]
    incoming = tuple(known) if any(known) else tuple(t is not None for t in alive)
    if not any(incoming):
        incoming = (True,) * len(specs)
    try:
        found = _pulled(node.kind, inputs, specs, incoming)
    except TypeError:  # a field that cannot be hashed
        found = _pulled.__wrapped__(node.kind, inputs, specs, incoming)
    return {name: expression_of(whole if fitted else raw, leaf) for name, raw, whole in found}


class _Number:
    """A scalar input, which unlike Python's numbers tells 1 from 1.0 and from True."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = (type(value).__name__, repr(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=512)
def _pulled(
    kind: Kind, inputs: tuple[Any, ...], outputs: tuple[Spec, ...], incoming: tuple[bool, ...]
) -> tuple[tuple[str, Any, Any], ...]:
    """For each input with a gradient its name, and that gradient on symbols, as the rule gave it and in the input's shape."""
    recorder = Recorder()

    def symbol(spec: Spec, name: str) -> Tensor:
        tensor = Tensor(spec, None, True)
        tensor._name = name
        recorder._known[id(tensor)] = tensor
        return tensor

    names = input_names(kind, len(inputs))
    xs = [
        each.value if isinstance(each, _Number) else symbol(each, name)
        for each, name in zip(inputs, names, strict=True)
    ]
    ys = [symbol(spec, name) for spec, name in zip(outputs, output_names(kind), strict=True)]
    gs = [
        symbol(spec, name) if comes and spec.dtype.kind == "f" else None
        for spec, name, comes in zip(outputs, gradient_names(kind), incoming, strict=True)
    ]
    wanted = [isinstance(x, Tensor) and x.dtype.kind == "f" for x in xs]
    found: list[tuple[str, Any, Any]] = []
    if not kind.differentiable or all(g is None for g in gs):
        return ()
    try:
        with using(recorder=recorder, scope="", tagger=None, site=(None, 0), enabled=True, watchers=()):
            grad: Any = tuple(gs) if kind.several else gs[0]
            y: Any = tuple(ys) if kind.several else ys[0]
            if kind.takes_wanted:
                grads = kind.backward(grad, y, *xs, wanted=tuple(wanted))  # type: ignore[call-arg]  # it takes them
            elif kind.has_rule:
                grads = kind.backward(grad, y, *xs)
            else:
                grads = pull_body(kind, grad, y, xs, wanted)
            for name, x, g, want in zip(names, xs, grads if isinstance(grads, tuple) else (grads,), wanted):
                if want and g is not None:
                    found.append((name, g, _fitted(g, x)))
    except Exception:  # a user's rule that needs arrays: there is no formula then, and the numbers are still told
        return ()
    return tuple(found)


def _fitted(g: Any, x: Tensor) -> Any:
    if not isinstance(g, Tensor):
        return g
    if not same_shape(g.shape, x.shape):
        g = SumTo.like(g, x)
    return g if g.dtype == x.dtype else Cast.on(g, dtype=x.dtype.name)
