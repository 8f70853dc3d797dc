"""Places: where each tensor of a plan stands in memory, and which nodes are only another way to look at it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import LocalgradError
from localgrad.graph.graph import Graph
from localgrad.graph.node import Node
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Leaf, Tensor

_SCALAR_VIEWS = frozenset(("Reshape", "Squeeze", "Identity", "StopGradient", "Transpose", "Repeat", "SumTo"))


class Place(NamedTuple):
    """How a tensor stands in the memory of another, its root: bytes from the root's first entry, strides in bytes."""

    root: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The number of entries."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total

    @property
    def nbytes(self) -> int:
        """The bytes of its entries."""
        return self.size * self.dtype.itemsize

    @property
    def contiguous(self) -> bool:
        """Whether the entries lie one behind the other in row-major order."""
        return self.strides == dense(self.shape, self.dtype.itemsize) or all(
            stride == wanted
            for stride, wanted, extent in zip(
                self.strides, dense(self.shape, self.dtype.itemsize), self.shape, strict=True
            )
            if extent > 1
        )


def dense(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides of row-major order."""
    strides = []
    step = itemsize
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


class Places:
    """The places of all tensors of a graph, for inputs laid out like these arrays.

    A tensor that is no view of another is a root; roots that nodes make are in row-major order.
    """

    def __init__(self, graph: Graph, inputs: list[NDArray[Any]]) -> None:
        self.graph = graph
        self.of: dict[int, Place] = {}
        self.roots: dict[int, Tensor] = {}
        self.views: set[int] = set()  # the orders of nodes that compute nothing
        self._probes: dict[int, Any] = {}
        for tensor, array in zip(graph.inputs, inputs, strict=True):
            self._enter(tensor, array)
        for leaf in graph.leaves.values():
            self._enter(leaf, leaf._value)
        for node in graph.nodes:
            self._node(node)
        self._probes.clear()

    def _enter(self, tensor: Tensor, array: NDArray[Any]) -> None:
        self._probes[id(tensor)] = array
        self.roots[id(tensor)] = tensor
        self.of[id(tensor)] = Place(id(tensor), 0, array.shape, array.strides, array.dtype)

    def _node(self, node: Node) -> None:
        if node.kind.view and self._view(node):
            self.views.add(node.order)
            return
        for tensor in node._outputs:
            if is_static(tensor.shape):
                self._enter(tensor, np.empty(tensor.shape, tensor.dtype))
            else:
                self.roots[id(tensor)] = tensor

    def _view(self, node: Node) -> bool:
        source = node._inputs[0]
        if not isinstance(source, Tensor) or id(source) not in self._probes or node.kind.is_symbolic():
            return False
        if any(not is_static(t.shape) or 0 in t.shape for t in (source, *node._outputs)):
            return False
        inputs = [self._probes.get(id(x)) if isinstance(x, Tensor) else x for x in node._inputs]
        if any(isinstance(x, Tensor) and given is None for x, given in zip(node._inputs, inputs, strict=True)):
            return False
        probe, place = self._probes[id(source)], self.of[id(source)]
        if source.size == 1 and node._outputs[0].size == 1 and node.kind.name in _SCALAR_VIEWS:
            output = node._outputs[0]
            shape = tuple(output.shape)
            self._probes[id(output)] = np.asarray(probe).reshape(shape)
            self.of[id(output)] = place._replace(shape=shape, strides=dense(shape, place.dtype.itemsize))
            return True
        if node.kind.name == "SumTo" and tuple(source.shape) != tuple(node._outputs[0].shape):
            return False  # it would add up whatever stands there
        token = WARNINGS.set(QUIET)
        try:
            result = node.kind.forward(*inputs)
        except (ValueError, TypeError, IndexError, LocalgradError):
            return False  # what is wrong shows when the plan runs, with the node's name
        finally:
            WARNINGS.reset(token)
        values = result if result.__class__ is tuple else (result,)
        if not all(
            value.__class__ is np.ndarray and value.dtype == place.dtype and np.may_share_memory(value, probe)
            for value in values
        ):
            return False
        start = _address(probe)
        for value, output in zip(values, node._outputs, strict=True):
            self._probes[id(output)] = value
            self.of[id(output)] = Place(
                place.root, place.offset + _address(value) - start, value.shape, value.strides, value.dtype
            )
        return True

    def root(self, tensor: Tensor) -> int:
        """The id of the tensor whose memory a tensor stands in."""
        place = self.of.get(id(tensor))
        return id(tensor) if place is None else place.root

    def is_root(self, tensor: Tensor) -> bool:
        """Whether a tensor has memory of its own."""
        return id(tensor) in self.roots

    def made_by_node(self, root: int) -> bool:
        """Whether a root's memory is the plan's to give: no input and no leaf of the user's."""
        tensor = self.roots[root]
        return tensor._node is not None and not isinstance(tensor, Leaf)


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
