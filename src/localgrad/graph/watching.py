"""Watchers: finding the first non-finite value, and writes behind the library's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT, using
from localgrad.graph.errors import GradientError, NonFiniteError
from localgrad.graph.failure import graph_before
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor

if TYPE_CHECKING:
    from localgrad.graph.node import Node


class NonFiniteWatcher:
    """Raises at the first NaN (and infinity, unless allowed) a node or a rule makes."""

    def __init__(self, allow_infinity: bool, step: int | None) -> None:
        self.allow_infinity = allow_infinity
        self.step = step
        self.count = 0
        self.passes = 0

    def bad(self, value: Any) -> NDArray[Any] | None:
        """Which entries are not finite; None where all are."""
        value = np.asarray(value)
        if value.dtype.kind != "f":
            return None
        found: NDArray[Any] = np.isnan(value) if self.allow_infinity else ~np.isfinite(value)
        return found if found.any() else None

    def forward(self, node: Node, outputs: Sequence[Tensor]) -> None:
        """Look at the values a node has just made."""
        self.count += 1
        for tensor in outputs:
            bad = self.bad(tensor._value)
            if bad is not None:
                inputs = [(f"`{x.name}`", x._value) if isinstance(x, Tensor) else ("", x) for x in node.inputs]
                lines = self._forward_lines(node, f"`{tensor.name}`", tensor._value, inputs, bad)
                before = graph_before(node.inputs)
                raise NonFiniteError("\n".join(lines) + before)

    def computed(self, node: Node, values: Sequence[Any], inputs: Sequence[Any]) -> None:
        """Look at the values a node of a running graph has just made."""
        self.count += 1
        for tensor, value in zip(node._outputs, values, strict=True):
            bad = self.bad(value)
            if bad is not None:
                named = [
                    (f"`{x.name}`" if isinstance(x, Tensor) else "", given)
                    for x, given in zip(node._inputs, inputs, strict=True)
                ]
                lines = self._forward_lines(node, f"`{tensor.name}`", value, named, bad)
                raise NonFiniteError("\n".join(lines) + graph_before(node._inputs))

    def start_backward(self) -> None:
        """Note that a backward pass begins."""
        self.passes += 1

    def backward(self, tensor: Tensor, gradient: Any, blame: Callable[[Callable[[Any], Any]], list[str]]) -> None:
        """Look at the gradient a tensor has just received; `blame` says whose rule made it, and the path to the loss."""
        bad = self.bad(gradient)
        if bad is not None:
            node = tensor._node
            made = f", made by {node.kind.operation}{_line(node)}{_scope(node)}" if node is not None else ""
            lines = [
                f"the first non-finite gradient{self._where(self.passes - 1)} appeared in the backward",
                f"found: the gradient of `{tensor.name}`{made}: {count_bad(gradient, bad)}",
                f"    its value {describe_values(tensor._value, bad)}",
                *blame(self.bad),
            ]
            raise NonFiniteError("\n".join(lines))

    def _where(self, passes: int) -> str:
        if self.step is not None:
            return f" in step {self.step}"
        return f" after {passes} backward pass{'es' if passes > 1 else ''}" if passes > 0 else ""

    def _forward_lines(
        self, node: Node, name: str, value: Any, inputs: Sequence[tuple[str, Any]], bad: NDArray[Any]
    ) -> list[str]:
        lines = [
            f"the first non-finite value{self._where(self.passes)} appeared in the forward, as node number {self.count}",
            f"found: {name} = {node.kind.operation}(...){_line(node)}{_scope(node)}: {count_bad(value, bad)}",
        ]
        for index, (label, x) in enumerate(inputs):
            if label:
                lines.append(f"    input {index} {label} {describe_values(x, bad)}")
            elif x is not None:
                lines.append(f"    input {index} is {x!r}")
        lines.append(
            "do: follow the input that made it back through the nodes, or keep it in range (clip it, add an epsilon)"
        )
        return lines


def count_bad(value: Any, bad: Any) -> str:
    """How many NaN and infinities of how many entries, and where the first is, for messages."""
    value, bad = np.asarray(value), np.asarray(bad)
    first = np.unravel_index(int(np.argmax(bad)), bad.shape)
    kinds = []
    for label, test in (("NaN", np.isnan), ("+inf", np.isposinf), ("-inf", np.isneginf)):
        count = int(np.count_nonzero(test(value)))
        if count:
            kinds.append(f"{count} {label}")
    at = f", first at {format_shape(int(i) for i in first)}" if bad.ndim else ""
    return f"{', '.join(kinds)} of {value.size} entries, shape {format_shape(value.shape)}{at}"


def describe_values(value: Any, bad: Any = None) -> str:
    """Range and shape of an array for messages, with its entry at the first bad place."""
    value = np.asarray(value)
    text = f"{value.dtype}{format_shape(value.shape)}"
    if value.size:
        text += f" from {np.min(value):.6g} to {np.max(value):.6g}"
        if bad is not None and bad.shape == value.shape and value.ndim:
            first = np.unravel_index(int(np.argmax(bad)), bad.shape)
            text += f"; at that entry {value[first]:.6g}"
    return text


def _line(node: Node) -> str:
    source = node.source
    if source is None:
        return ""
    return f" at {source}" + (f" (`{source.text}`)" if source.text else "")


def _scope(node: Node) -> str:
    return f" in layer {node.scope}" if node.scope else ""


@contextmanager
def detect_nonfinite(allow_infinity: bool = False, step: int | None = None) -> Iterator[None]:
    """Raise NonFiniteError at the first NaN or infinity computed in a block, forward or backward.

    The message names the node, its line, how many entries are bad, the inputs that made them, and for a gradient the
    path to the loss. `allow_infinity` looks for NaN alone (masks of -inf are then fine); `step` is put into the message.

    >>> import localgrad as lg
    >>> with lg.detect_nonfinite():
    ...     y = lg.log(lg.tensor([1.0, 0.0]))
    Traceback (most recent call last):
    localgrad.graph.errors.NonFiniteError: the first non-finite value appeared in the forward, as node number 1
    ...
    """
    watcher = NonFiniteWatcher(allow_infinity, step)
    with using(watchers=(*CONTEXT.get().watchers, watcher)):
        yield


class ChangeWatcher:
    """Remembers a checksum of every leaf a node reads and compares before gradients are computed."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Leaf, int, int]] = {}

    def forward(self, node: Node, outputs: Sequence[Tensor]) -> None:
        """Note the leaves a node has just read."""
        for x in node.inputs:
            if isinstance(x, Leaf) and x._node is None and isinstance(x._value, np.ndarray):
                known = self.seen.get(id(x))
                if known is None or known[2] != x.version:
                    self.seen[id(x)] = (x, _checksum(x._value), x.version)

    def start_backward(self) -> None:
        """Compare every leaf with what was read."""
        for leaf, checksum, version in self.seen.values():
            if leaf.version == version and _checksum(leaf._value) != checksum:
                raise GradientError(
                    f"the values of `{leaf.name}` changed after the forward read them\n"
                    "found: its array was written behind the library's back (x.data[...] = ..., or through another "
                    "name of the same memory), so gradients would be wrong\n"
                    "do: write through `x.data = ...`, `with lg.no_grad(): x[...] = ...`, or compute the forward again"
                )

    def computed(self, node: Node, values: Sequence[Any], inputs: Sequence[Any]) -> None:
        """Nothing to note in a running graph, which has no backward."""

    def backward(self, tensor: Tensor, gradient: Any, blame: Any) -> None:
        """Nothing to see in a gradient."""


def _checksum(value: Any) -> int:
    return crc32(np.ascontiguousarray(value).tobytes())


@contextmanager
def detect_changes() -> Iterator[None]:
    """Raise GradientError in `backward` where an array the forward read was changed without the library's knowledge.

    Costs a checksum of every leaf; for hunting, not for training.

    >>> import localgrad as lg
    >>> W = lg.parameter([1.0], name="W")
    >>> with lg.detect_changes():
    ...     y = (W * W).sum()
    ...     W.data[...] = 5.0
    ...     y.backward()
    Traceback (most recent call last):
    localgrad.graph.errors.GradientError: the values of `W` changed after the forward read them
    ...
    """
    with using(watchers=(*CONTEXT.get().watchers, ChangeWatcher())):
        yield
