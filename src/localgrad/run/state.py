"""State: the arrays of one run of a plan, and the table of their addresses that machine code reads."""

from __future__ import annotations

import ctypes
import math
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.node import Node
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.run.building import ARENA, Building
from localgrad.run.memory import ALIGNMENT
from localgrad.run.steps import Step, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL: Final = 2048
"""Bytes up to which inputs and outputs are copied."""
LARGE: Final = 1 << 16
"""Bytes from which an output's memory is used again once nobody refers to the array any more."""


class OtherLayoutError(Exception):
    """A leaf's array, or an input, is laid out in another way than when the plan was made."""


class State:
    """What a plan holds between and during runs: its memory, and the table of addresses."""

    def __init__(self, building: Building) -> None:
        self.building = building
        self.arrays: list[Any] = [None] * building.slot_count
        self.table = np.zeros(building.slot_count, np.int64)
        raw = np.empty(building.memory.peak + ALIGNMENT, np.uint8)
        start = -address(raw) % ALIGNMENT
        self.arena = raw[start : start + building.memory.peak]
        self.table[ARENA] = address(self.arena)
        self.pointer = ctypes.c_void_p(address(self.table))
        self.leaves = [(slot, leaf) for slot, leaf in building.leaves]
        self.dynamic: list[int] = []
        # small inputs and outputs are copied, which takes less time than asking an array for its address
        self._small_inputs: list[tuple[int, int]] = []
        self.large_inputs: list[tuple[int, int]] = []
        for number, (slot, tensor) in enumerate(zip(building.inputs, building.graph.inputs, strict=True)):
            place = building.places.of[id(tensor)]
            small = place.contiguous and 0 < place.nbytes <= SMALL
            (self._small_inputs if small else self.large_inputs).append((number, slot))
            if small:
                self._fix(slot, np.empty(place.shape, place.dtype))
        self._outputs: list[tuple[int, tuple[int, ...], np.dtype[Any], bool]] = []
        self._all_outputs: list[tuple[int, bool]] = []
        self._copied = False
        for (slot, direct), tensor in zip(building.results, building.graph.outputs, strict=True):
            self._copied |= not direct
            if direct:
                shape = tuple(tensor.shape)
                size = math.prod(shape) * tensor.dtype.itemsize
                small = 0 < size <= SMALL
                self._all_outputs.append((slot, small))
                if small:
                    self._fix(slot, np.empty(shape, tensor.dtype))
                else:
                    self._outputs.append((slot, shape, tensor.dtype, size >= LARGE))
        self._given = [slot for _, slot in self.large_inputs] + [each[0] for each in self._outputs]
        self._changed = [leaf for leaf, _, _ in building.updates]
        self._waiting = [(leaf, value) for leaf, value, direct in building.updates if not direct]
        self._static: dict[int, NDArray[Any]] = {}
        self._pools: dict[int, list[Any]] = {}
        # outputs that are reshaped views of what a step writes: the array has the shape of the output
        self._other_shape = {
            slot for (slot, direct), t in zip(building.results, building.graph.outputs, strict=True)
            if direct and not building.places.is_root(t)
        }  # fmt: skip

    def _fix(self, slot: int, array: NDArray[Any]) -> None:
        self.arrays[slot] = array
        self.table[slot] = address(array)

    # before a run -------------------------------------------------------------------------------------------------
    def bind(self, inputs: Sequence[NDArray[Any]]) -> None:
        """Enter the inputs, and leaves whose array is another one than last time."""
        arrays, table = self.arrays, self.table
        for place, slot in self._small_inputs:
            arrays[slot][...] = inputs[place]
        for place, slot in self.large_inputs:
            array = inputs[place]
            arrays[slot] = array
            table[slot] = array.__array_interface__["data"][0]
        for slot, leaf in self.leaves:
            value = leaf._value
            if arrays[slot] is not value:
                known = self.building.places.of[id(leaf)]
                if value.strides != known.strides or value.shape != known.shape or value.dtype != known.dtype:
                    raise OtherLayoutError(leaf._name or "a state")
                arrays[slot] = value
                table[slot] = address(value)
        for slot, shape, dtype, large in self._outputs:
            array = self._reused(slot, shape, dtype) if large else np.empty(shape, dtype)
            arrays[slot] = array
            table[slot] = array.__array_interface__["data"][0]

    def _reused(self, slot: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Memory for a large output: that of an earlier run, if nobody refers to it any more."""
        pool = self._pools.setdefault(slot, [])
        for number in range(len(pool)):
            # referred to by the pool and this call alone: no tensor, array or view outside can see it
            if sys.getrefcount(pool[number]) == 2:
                return pool[number]  # type: ignore[no-any-return]
        array = np.empty(shape, dtype)
        if len(pool) < 2:
            pool.append(array)
        return array

    # during a run -------------------------------------------------------------------------------------------------
    def root(self, tensor: Tensor) -> Any:
        """The array of a tensor that has memory of its own."""
        slot, offset = self.building.slots[id(tensor)]
        if slot != ARENA:
            array = self.arrays[slot]
            return array.reshape(tensor.shape) if slot in self._other_shape else array
        found = self._static.get(id(tensor))
        if found is None:
            found = np.ndarray(tensor.shape, tensor.dtype, self.arena.data, offset)
            self._static[id(tensor)] = found
        return found

    def value(self, x: Any) -> Any:
        """The value of an input of a node."""
        if not isinstance(x, Tensor):
            return x
        chain: list[Node] = []
        tensor = x
        while not self.building.places.is_root(tensor):
            node = tensor._node
            assert node is not None
            chain.append(node)
            tensor = node._inputs[0]  # type: ignore[assignment]
        value = self.root(tensor)
        for number, node in enumerate(reversed(chain)):
            made = node.kind.forward(value, *(self.value(each) for each in node._inputs[1:]))
            if made.__class__ is tuple:
                reader = chain[-number - 2]._inputs[0] if number + 1 < len(chain) else x
                made = made[reader._index]  # type: ignore[union-attr]
            value = made
        return value

    def run_with_numpy(self, step: Step) -> None:
        """Compute the nodes of a step, then keep what others read."""
        found: dict[int, Any] = {}
        for node in step.nodes:
            values = [found[id(x)] if id(x) in found else self.value(x) for x in node._inputs]
            for tensor, value in zip(node._outputs, values_of(step, node, values), strict=True):
                found[id(tensor)] = value
        for node in step.nodes:
            for tensor in node._outputs:
                if id(tensor) in self.building.slots:
                    self.keep(tensor, found[id(tensor)])

    def keep(self, tensor: Tensor, value: Any) -> None:
        """Put a value where the tensor stands."""
        slot, _ = self.building.slots[id(tensor)]
        own = self.building.placed(tensor)
        if own:
            np.copyto(self.root(tensor), value)
            return
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        self.arrays[slot] = array
        self.table[slot] = address(array)
        self.dynamic.append(slot)

    # after a run --------------------------------------------------------------------------------------------------
    def results(self) -> list[Any]:
        """The arrays of the outputs; what could show a later write is copied."""
        if not self._copied:
            arrays = self.arrays
            return [arrays[slot].copy() if small else arrays[slot] for slot, small in self._all_outputs]
        found = []
        for (slot, direct), tensor in zip(self.building.results, self.building.graph.outputs, strict=True):
            if direct:
                array = self.arrays[slot]
                found.append(array.copy() if array.nbytes <= SMALL else array)
                continue
            value = self.value(tensor)
            if self.building.fresh(tensor) and value.flags.owndata:
                found.append(value)
            else:
                found.append(np.array(value))
        return found

    def update(self) -> list[Leaf]:
        """Copy the new values of states that were not written in place; the states that changed."""
        if self._waiting:
            new = [(leaf, np.array(self.value(value))) for leaf, value in self._waiting]
            for leaf, array in new:
                np.copyto(leaf._value, array, casting="same_kind")
        return self._changed

    def release(self) -> None:
        """Let go of the inputs, outputs and whatever NumPy made."""
        arrays = self.arrays
        for slot in self._given:
            arrays[slot] = None
        if self.dynamic:
            for slot in self.dynamic:
                arrays[slot] = None
            self.dynamic.clear()


def address(array: NDArray[Any]) -> int:
    """Where the first entry of an array stands."""
    return int(array.__array_interface__["data"][0])
