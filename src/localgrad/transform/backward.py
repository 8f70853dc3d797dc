"""`loss.backward()`: the gradient of an eager computation, as arrays on the tensors."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import DetachedError, DTypeError, GradientError, LocalgradError, ShapeError
from localgrad.graph.node import ORDER
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.warning import warn_once
from localgrad.transform.blame import blame
from localgrad.transform.sweep import sweep, unit_gradient

_LAST: list[weakref.ref[Tensor]] = []
_last_pass = 0
_group = 0  # the number gradients have that were added up from that pass on


def last_outputs() -> list[Tensor]:
    """The outputs of the last `backward` that are still referred to."""
    return [tensor for reference in _LAST if (tensor := reference()) is not None]


def backward(outputs: Tensor | Sequence[Tensor], grad: Any = None, accumulate: bool = False, keep: str = "all") -> None:
    """Set the gradient of every tensor on the way to these outputs; of several outputs, of their sum.

    `grad` is the gradient that comes in (1 for an output with one entry; a list for several outputs). Sets, not adds:
    `accumulate=True` adds to the leaves' gradients (to those no optimizer's step has used yet). `keep="leaves"` keeps the gradients of leaves only. Raises
    DetachedError, GradientError, ShapeError or DTypeError, and leaves all gradients as they were then.

    >>> import localgrad as lg
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> lg.backward([(W * W).sum(), W.sum()])
    >>> W.grad
    array([3., 5.], dtype=float32)
    """
    if keep not in ("all", "leaves"):
        raise GradientError(f"keep is 'all' or 'leaves'; found {keep!r}")
    several: list[Tensor] = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]  # type: ignore[list-item]
    grads = (
        [grad] if not isinstance(outputs, (list, tuple)) else ([None] * len(several) if grad is None else list(grad))
    )
    if not several or len(grads) != len(several):
        raise GradientError(f"{len(several)} outputs and {len(grads)} gradients were given to backward")
    recorder = CONTEXT.get().recorder
    if recorder is not None and recorder.traces:
        recorder.backward(several, grads, accumulate)
        return
    seeds = [(output, seed_of(output, g)) for output, g in zip(several, grads, strict=True)]
    _need_path(several)
    seeds = [(output, g) for output, g in seeds if output.requires_grad]
    # two lists instead of pairs: a pair a node is what Python's cyclic collector would spend its time on
    tensors: list[Tensor] = []
    gradients: list[Any] = []

    def note(tensor: Tensor, g: Any, keep_tensor: Any = tensors.append, keep_gradient: Any = gradients.append) -> None:
        keep_tensor(tensor)
        keep_gradient(g)

    watchers = CONTEXT.get().watchers
    if watchers:
        for watcher in watchers:
            watcher.start_backward()

        inner: list[tuple[Tensor, Any]] = []

        def deliver(tensor: Tensor, g: Any) -> None:
            note(tensor, g)
            inner.append((tensor, g))
            show(tensor, g)

        def show(tensor: Tensor, g: Any) -> None:
            for watcher in watchers:
                watcher.backward(tensor, g, partial(blame, tensor, several, inner))

        leaves = sweep(seeds, False, deliver)
        for found in leaves.values():
            show(*found)
    elif keep == "all":
        leaves = sweep(seeds, False, note)
    else:
        leaves = sweep(seeds, False, None)
    if not accumulate:
        _warn_of_overwriting(leaves, several)
    if keep == "all":
        for tensor, g in zip(tensors, gradients, strict=True):
            tensor._grad = g
    _set_leaves(leaves, several, accumulate)
    _LAST[:] = [weakref.ref(output) for output in several]


def _set_leaves(leaves: dict[int, tuple[Tensor, Any]], outputs: Sequence[Tensor], accumulate: bool) -> None:
    global _last_pass, _group
    number = _last_pass = next(ORDER)
    if accumulate and _group:
        number = _group  # what is added up counts as one pass, so a step uses all of it
    else:
        _group = number
    origin = outputs[0]._node.order if outputs[0]._node is not None else 0
    for leaf, g in leaves.values():
        if not isinstance(leaf, Leaf):
            leaf._grad = g
            continue
        if g.__class__ is not np.ndarray or g.base is not None or not g.flags.owndata or not g.flags.writeable:
            g = np.array(g)
        elif leaf._node is None and _shared(g):
            g = g.copy()
        if accumulate and leaf._grad is not None and leaf._pass >= 0:  # what a step has used is not added to
            g = leaf._grad + g if g.ndim else np.asarray(leaf._grad + g)
        leaf._grad = g
        leaf._pass = number
        leaf._loss = origin
        leaf._fresh = True


def _warn_of_overwriting(leaves: dict[int, tuple[Tensor, Any]], outputs: Sequence[Tensor]) -> None:
    mine = {output._node.order for output in outputs if output._node is not None}
    lost = [
        leaf
        for leaf, _ in leaves.values()
        if leaf.__class__ is Leaf
        and (leaf._fresh and leaf._pass > 0 and leaf.role == "parameter" and leaf._loss not in mine)
    ]
    if lost:
        names = ", ".join(f"`{leaf.name}`" for leaf in lost[:4]) + (", ..." if len(lost) > 4 else "")
        warn_once(
            "overwritten",
            f"backward{user_line()} overwrites the gradient of {names}, which another loss gave and nobody used; "
            "to add them use backward(accumulate=True) or lg.backward([loss1, loss2])",
        )


def _shared(g: Any) -> bool:
    # referred to by the pair in `leaves`, the loop's name, this argument and the call's own, if by nothing else
    return sys.getrefcount(g) > 4


def seed_of(output: Tensor, grad: Any) -> Any:
    """The gradient an output starts from, checked against it."""
    if not isinstance(output, Tensor):
        raise LocalgradError(
            f"backward was asked of {type(output).__name__}{user_line()}\nfound: it is no tensor, so it has no history\n"
            "do: compute the loss with localgrad or NumPy functions on tensors"
        )
    if output.is_symbolic:
        raise GradientError(
            f"backward was asked of `{output._name}` while a function is captured{user_line()}\n"
            "found: there are no values\ndo: use graph.gradient(...), or lg.gradients inside the function"
        )
    if output.dtype.kind != "f":
        raise DTypeError(
            f"backward was asked of `{output.name}`{user_line()}\nfound: {output.dtype} tensors have no gradient\n"
            "do: compute a float loss"
        )
    if grad is None:
        if output.size != 1:
            raise ShapeError(
                f"backward was asked of `{output.name}`, shape {format_shape(output.shape)}{user_line()}\n"
                "found: only an output with one entry has an obvious gradient to start from\n"
                "do: reduce it first (.mean() or .sum()), pick one element (y[0, 0]), or pass a gradient of shape "
                f"{format_shape(output.shape)}: backward(grad=...)"
            )
        return unit_gradient(output)
    array = np.asarray(grad._value if isinstance(grad, Tensor) else grad)
    if array.dtype.kind not in "fiub":
        raise DTypeError(f"the gradient given to backward holds {array.dtype}; give real numbers")
    if array.shape != output.shape:
        raise ShapeError(
            f"a gradient of shape {format_shape(array.shape)} was given to backward of `{output.name}`{user_line()}\n"
            f"found: it has shape {format_shape(output.shape)}\ndo: give a gradient of that shape"
        )
    return array.astype(output.dtype)[()]


def _need_path(outputs: Sequence[Tensor]) -> None:
    if any(output.requires_grad for output in outputs):
        return
    from localgrad.transform.path import detached

    name = outputs[0].name
    lines = [
        f"backward was asked of `{name}`{user_line()}",
        f"found: no path from `{name}` to anything that requires a gradient",
        *(f"    {line}" for line in detached(outputs, _last_pass)),
        "do: compute it from parameters (lg.parameter) or tensors with requires_grad=True, without leaving tensors",
    ]
    raise DetachedError("\n".join(lines))


def unchain(tensor: Tensor) -> None:
    """Forget the nodes a tensor was computed from; see `Tensor.unchain`."""
    tensor._node = None
    if not isinstance(tensor, Leaf):
        tensor.requires_grad = False
