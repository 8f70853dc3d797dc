"""What users are told when a node cannot be made: the kind's own reason, the line, and the graph up to there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import CaptureError, LocalgradError, ShapeError
from localgrad.graph.kind import Kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Spec, format_shape
from localgrad.graph.tensor import Leaf, Tensor

SHOWN = 12


def raise_explained(kind: Kind, inputs: tuple[Any, ...], error: Exception) -> NoReturn:
    """Raise the error of the kind's shape rule on these inputs, with its surroundings; re-raise ours otherwise."""
    try:
        raise _explained(kind, inputs, error) from None
    finally:
        del error  # a frame that names the error it raises is a cycle, which would keep the values of the inputs


def _explained(kind: Kind, inputs: tuple[Any, ...], error: Exception) -> LocalgradError:
    from localgrad.graph.recording import spec_of

    names = [label(x, index) for index, x in enumerate(inputs)]
    reason: LocalgradError | None = error if isinstance(error, LocalgradError) else None
    if CONTEXT.get().recorder is None:
        reason = _leaked(kind, inputs, names) or reason
    try:
        if reason is None:
            try:
                kind.shape(*(spec_of(x) for x in inputs))
            except LocalgradError as found:
                reason = found
            except Exception:  # the shape rule itself stumbled over these inputs: NumPy's word follows
                reason = None
        if reason is None:
            shapes = ", ".join(f"{name} {_shape(x)}" for name, x in zip(names, inputs, strict=True))
            reason = ShapeError(f"{kind.name} cannot be computed on {shapes}\nfound: {error}")
        if getattr(reason, "explained", False):
            return reason
        text = str(reason)
        for index, name in enumerate(names):
            text = text.replace(f"{{{index}}}", name)
        scope = CONTEXT.get().scope
        where = f"where: {kind.name} node{f' in layer {scope}' if scope else ''}{user_line()}"
        explained = type(reason)(f"{text}\n{where}{graph_before(inputs)}")
        explained.explained = True  # type: ignore[attr-defined]
        return explained
    finally:
        reason = None  # its traceback leads here


def _leaked(kind: Kind, inputs: Sequence[Any], names: Sequence[str]) -> CaptureError | None:
    """The error of a tensor that has no value where values are computed; None where all have theirs."""
    for x, name in zip(inputs, names, strict=True):
        if isinstance(x, Tensor) and x.is_symbolic:
            return CaptureError(
                f"{kind.name} was to be computed on {name} {_shape(x)}\n"
                "found: it has no value, since it belongs to the body of an lg.scan, lg.cond or lg.loop, or to a captured "
                "function, and is used outside of it\n"
                "do: return it from there, and use what the scan, cond, loop or graph gives"
            )
    return None


def label(x: Any, index: int) -> str:
    """How a message names an input: its name in backquotes, or what it is."""
    if isinstance(x, Tensor):
        if isinstance(x, Leaf) and x._name is None and x._node is None:
            return f"input {index}"
        return f"`{x.name}`"
    return repr(x) if x is not None else "nothing"


def _shape(x: Any) -> str:
    shape = getattr(x, "shape", None)
    if shape is None:
        return ""
    return f"{getattr(x, 'dtype', '')}{format_shape(shape)}"


def graph_before(inputs: Sequence[Any]) -> str:
    """The last nodes before these inputs as text with shapes, under a line that says so; empty where there are none."""
    from localgrad.graph.history import History

    tensors = [x for x in inputs if isinstance(x, Tensor)]
    if not any(x._node is not None for x in tensors):
        return ""
    history = History.of(tensors)
    names = history.names()
    lines = []
    nodes = history.nodes[-SHOWN:]
    if len(history.nodes) > SHOWN:
        lines.append(f"    ... {len(history.nodes) - SHOWN} nodes before")
    for node in nodes:
        made = [t for t in history.outputs[node.order] if t is not None]
        left = ", ".join(f"{names[id(t)]}: {t.dtype}{format_shape(t.shape)}" for t in made)
        right = ", ".join(names.get(id(x), "?") if isinstance(x, Tensor) else str(x) for x in node.inputs)
        lines.append(f"    {left} = {node.kind.operation}({right})" + (f"  # {node.source}" if node.source else ""))
    return "\nthe graph up to there:\n" + "\n".join(lines)


def spec_text(spec: Any) -> str:
    """A spec for messages: dtype and shape, or the scalar itself."""
    return f"{spec.dtype}{format_shape(spec.shape)}" if isinstance(spec, Spec) else repr(spec)
