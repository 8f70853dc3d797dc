"""Building: a graph with known shapes becomes steps, buffers and the numbers that machine code is called with."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.graph import Graph
from localgrad.graph.kind import Kind
from localgrad.graph.node import Node
from localgrad.graph.spec import is_static
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.warning import warn_once
from localgrad.run import native
from localgrad.run.convolution import convolution_of
from localgrad.run.convolution_steps import Convolution
from localgrad.run.kernel import sum_dtype
from localgrad.run.loops import TOTALS, broadcast, in_pieces, loop_of, loop_work, parameters
from localgrad.run.lowering import UnsupportedError, supports
from localgrad.run.memory import Arena, Buffer, Memory
from localgrad.run.pieces import pieces_text
from localgrad.run.places import Place, Places, dense
from localgrad.run.products import product_of, product_parameters, product_text, product_work
from localgrad.run.regions import Region, region_step, regions_of, whole_copy
from localgrad.run.rows import Rows, checks_of, rows_of
from localgrad.run.rows import parameters as row_parameters
from localgrad.run.sharing import PIECES
from localgrad.run.steps import LoopStep, NumpyStep, PiecesStep, ProductStep, RowsStep, ScanStep, Step, tensors_read
from localgrad.run.text import TYPES
from localgrad.transform.grouping import Role, Unit, group

ARENA: Final = 0
"""The slot of the plan's own memory."""
_FLOATS: Final = (np.dtype(np.float32), np.dtype(np.float64))


class Building:
    """The steps of a plan, and where everything stands; made for inputs laid out like `inputs`."""

    def __init__(self, graph: Graph, inputs: list[NDArray[Any]], complete: bool = False) -> None:
        """With `complete` every output is written by a step, so that nothing is left to copy at the end."""
        self.graph = graph
        self.complete = complete
        self.copied: list[tuple[Tensor, int]] = []
        self.places = Places(graph, inputs)
        self.units = group(graph, self.role)
        self.inside = {
            id(node._outputs[0]): number
            for number, unit in enumerate(self.units)
            if unit.fused
            for node in unit.nodes
            if node.kind.name not in TOTALS
        }
        self.slots: dict[int, tuple[int, int]] = {}  # root: slot and offset
        self.slot_count = 1
        self.inputs = [self._slot(tensor) for tensor in graph.inputs]
        self.leaves = [(self._slot(leaf), leaf) for leaf in graph.leaves.values()]
        self._find_lives()
        self.products = {number: self._product(unit) for number, unit in enumerate(self.units)}
        self.checks, self.checked = checks_of(graph, complete)
        self.rows = {number: self._rows(unit) for number, unit in enumerate(self.units)}
        self.regions = {number: self._regions(unit) for number, unit in enumerate(self.units)}
        self.convolutions = {number: self._convolution(unit) for number, unit in enumerate(self.units)}
        self.results = self._place_results()
        self.updates = self._place_updates()
        self.memory = self._place_buffers()
        self.steps = [step for number, unit in enumerate(self.units) for step in self._steps(number, unit)]
        self.steps += [self._copy_out(tensor, slot) for tensor, slot in self.copied]

    # what nodes are -----------------------------------------------------------------------------------------------
    def role(self, node: Node) -> Role:
        """What a node is in a plan."""
        if node.order in self.places.views:
            return "view"
        tensors = tensors_read(node)
        if len(node._outputs) != 1 or not tensors or node.kind.is_symbolic():
            return "step"
        if any(
            not is_static(t.shape) or 0 in t.shape or id(t) not in self.places.of for t in (*tensors, *node._outputs)
        ):
            return "step"
        if node.kind.checked and type(node.kind).check is not Kind.check:
            return "step"
        output = node._outputs[0]
        if node.kind.name in TOTALS:
            x = tensors[0]
            fits = output.dtype in _FLOATS and x.dtype == output.dtype
            return "total" if fits and x.shape != output.shape else "step"
        described = [(x.dtype, x.ndim) if isinstance(x, Tensor) else x for x in node._inputs]
        if not supports(node.kind, described, output.dtype) or node.kind.name in (
            "Reshape",
            "Repeat",
            "SumTo",
            "Branch",
        ):
            return "step"
        return "loop"

    def at_hand(self, x: Tensor, number: int) -> bool:
        """Whether a unit has a tensor in its registers."""
        return self.inside.get(id(x)) == number

    # lives --------------------------------------------------------------------------------------------------------
    def _find_lives(self) -> None:
        self.end = len(self.units)
        self.born: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self.kept: set[int] = set()  # roots that loops have to store
        self.viewed: set[int] = set()  # roots that are also read, or given away, as something else than a whole
        for number, unit in enumerate(self.units):
            for node in unit.nodes:
                for x in tensors_read(node):
                    if not self.at_hand(x, number):
                        root = self.places.root(x)
                        self.last[root] = number
                        self.kept.add(root)
                        if root != id(x):
                            self.viewed.add(root)
                for tensor in node._outputs:
                    self.born[id(tensor)] = number
        for tensor in (*self.graph.outputs, *self.graph.updates.values()):
            root = self.places.root(tensor)
            self.last[root] = self.end
            self.kept.add(root)

    def _slot(self, tensor: Tensor) -> int:
        found = self.slots.get(id(tensor))
        if found is None:
            found = self.slots[id(tensor)] = (self.slot_count, 0)
            self.slot_count += 1
        return found[0]

    def _place_results(self) -> list[tuple[int, bool]]:
        """For each output its slot, and whether it is written there; else it is copied at the end."""
        found = []
        taken: set[int] = set()
        for tensor in self.graph.outputs:
            root = self.places.root(tensor)
            place = self.places.of.get(id(tensor))
            whole = (
                place is not None
                and place.offset == 0
                and place.contiguous
                and place.nbytes == self.places.of[root].nbytes
                and root not in taken
                and self.placed(self.places.roots[root])
            )
            if whole:
                taken.add(root)
                found.append((self._slot(self.places.roots[root]), True))
            elif self.complete and place is not None:
                self.copied.append((tensor, self.slot_count))
                found.append((self.slot_count, True))
                self.slot_count += 1
            else:
                found.append((-1, False))
        return found

    # products -----------------------------------------------------------------------------------------------------
    def _product(self, unit: Unit) -> Any:
        node = unit.nodes[0]
        if unit.fused or node.kind.name != "MatMul" or not native.available():
            return None
        x, w = node._inputs
        y = node._outputs[0]
        places = [self.places.of.get(id(each)) for each in (x, w, y)]
        if any(place is None or not place.size for place in places):
            return None
        return product_of(*places)  # type: ignore[arg-type]

    # rows ---------------------------------------------------------------------------------------------------------
    def _rows(self, unit: Unit) -> Rows | None:
        if unit.fused or not native.available():
            return None
        return rows_of(unit.nodes[0], lambda t: self.places.of.get(id(t)), lambda t: id(t) in self.checked)

    def _regions(self, unit: Unit) -> list[Region] | None:
        if unit.fused or not native.available():
            return None
        return regions_of(unit.nodes[0], lambda t: self.places.of.get(id(t)))

    def _convolution(self, unit: Unit) -> Convolution | None:
        if unit.fused or not native.available():
            return None
        return convolution_of(unit.nodes[0], lambda t: self.places.of.get(id(t)))

    def _copy_out(self, tensor: Tensor, slot: int) -> Step:
        node, place = tensor._node, self.places.of[id(tensor)]
        assert node is not None
        if place.dtype not in TYPES or not place.size:
            return NumpyStep([node])
        return region_step(node, whole_copy(tensor, place), tensor, self.address, slot, 0)

    # updates ------------------------------------------------------------------------------------------------------
    def _place_updates(self) -> list[tuple[Leaf, Tensor, bool]]:
        """For each state its new value, and whether that is written in place; else it is copied at the end."""
        found = []
        for name, value in self.graph.updates.items():
            leaf = self.graph.leaves[name]
            direct = self._can_write(leaf, value)
            if direct:
                self.slots[id(value)] = self.slots[id(leaf)]
            found.append((leaf, value, direct))
        return found

    def _can_write(self, leaf: Leaf, value: Tensor) -> bool:
        """Whether a loop can write a new value straight over the old one: nobody reads that any more."""
        number = self.inside.get(id(value))
        mine, own = self.places.of[id(leaf)], self.places.of.get(id(value))
        if number is None or own is None or id(value) in self.slots or not leaf._value.flags.writeable:
            return False
        if mine.shape != own.shape or mine.dtype != own.dtype or self.last.get(id(leaf), -1) > number:
            return False
        readers = [x for node in self.units[number].nodes for x in tensors_read(node) if not self.at_hand(x, number)]
        space = own.shape
        if any(
            self.places.root(x) == id(leaf)
            and (self.places.of[id(x)].offset != 0 or broadcast(self.places.of[id(x)], space) != broadcast(mine, space))
            for x in readers
        ):
            return False
        # others that read the new value find it there, in the leaf's layout
        if id(value) in self.viewed or any(self.places.root(t) == id(value) for t in self.graph.outputs):
            return False
        self.places.of[id(value)] = own._replace(strides=mine.strides)
        return True

    # buffers ------------------------------------------------------------------------------------------------------
    def _place_buffers(self) -> Memory:
        arena = Arena()
        buffers: list[Buffer] = []
        total = 0
        self.scratch: dict[int, tuple[int, int]] = {}
        dying: dict[int, list[int]] = {}
        for root, number in self.born.items():
            dying.setdefault(max(number, self.last.get(root, number)), []).append(root)
        held: dict[int, tuple[int, int]] = {}  # root: offset and size
        for number, unit in enumerate(self.units):
            passed: set[int] = set()
            scratch = []
            for node in unit.nodes:
                for tensor in node._outputs:
                    if id(tensor) in self.slots:
                        continue
                    place = self.places.of.get(id(tensor))
                    if not self.placed(tensor) or place is None:
                        self._slot(tensor)
                        continue
                    if unit.fused and id(tensor) not in self.kept:
                        continue
                    total += place.nbytes
                    source = self._heir(number, unit, place, dying.get(number, ()), held, passed)
                    if source is not None:
                        offset, size = held.pop(source)
                        passed.add(source)
                    else:
                        size = place.nbytes
                        offset = arena.take(size)
                    held[id(tensor)] = (offset, size)
                    self.slots[id(tensor)] = (ARENA, offset)
                    last = max(self.last.get(id(tensor), number), number)
                    buffers.append(Buffer(offset, place.nbytes, number, last, node.name))
                if unit.fused and node.kind.name in TOTALS:
                    output = node._outputs[0]
                    count = self.places.of[id(output)].size
                    several = PIECES if in_pieces(math.prod(unit.space or ()), [count]) else 1
                    size = count * several * sum_dtype(output.dtype).itemsize
                    total += size
                    offset = arena.take(size)
                    scratch.append((offset, size))
                    self.scratch[id(output)] = (ARENA, offset)
            convolution = self.convolutions[number]
            if convolution is not None:
                size = convolution.scratch
                total += size
                offset = arena.take(size)
                scratch.append((offset, size))
                self.scratch[id(unit.nodes[0]._outputs[0])] = (ARENA, offset)
            for offset, size in scratch:
                arena.give(offset, size)
            for root in dying.get(number, ()):
                if root in held:
                    arena.give(*held.pop(root))
        return Memory(buffers, arena.size, total)

    def _heir(
        self,
        number: int,
        unit: Unit,
        place: Place,
        dying: Any,
        held: dict[int, tuple[int, int]],
        passed: set[int],
    ) -> int | None:
        """A buffer read last in this loop, entry by entry as the new one is written: it can be written over."""
        if not unit.fused or place.shape != unit.space:
            return None
        wanted = dense(place.shape, place.dtype.itemsize)
        for root in dying:
            if root not in held or root in passed or self.born[root] == number:
                continue
            old = self.places.of[root]
            if old.nbytes != place.nbytes or old.dtype.itemsize != place.dtype.itemsize:
                continue
            same = all(
                self.places.of[id(x)].offset == 0 and self.places.of[id(x)].shape == place.shape
                and self.places.of[id(x)].strides == wanted
                for node in unit.nodes
                for x in tensors_read(node)
                if not self.at_hand(x, number) and self.places.root(x) == root
            )  # fmt: skip
            if same:
                return int(root)
        return None

    # what a run asks ----------------------------------------------------------------------------------------------
    def placed(self, tensor: Tensor) -> bool:
        """Whether a tensor's memory is chosen by the plan, so that values are written into it."""
        number = self.born.get(id(tensor))
        if number is None:
            return False
        own = self.products[number], self.rows[number], self.regions[number], self.convolutions[number]
        return self.units[number].fused or any(each is not None for each in own)

    def fresh(self, tensor: Tensor) -> bool:
        """Whether an output is an array that a NumPy forward made in this run."""
        return self.places.is_root(tensor) and id(tensor) in self.born and not self.placed(tensor)

    # steps --------------------------------------------------------------------------------------------------------
    def address(self, tensor: Tensor) -> tuple[int, int]:
        """The slot of a tensor's memory, and how far from its begin the tensor stands."""
        place = self.places.of[id(tensor)]
        slot, offset = self.slots[place.root]
        return slot, offset + place.offset

    def _steps(self, number: int, unit: Unit) -> list[Step]:
        regions, convolution = self.regions[number], self.convolutions[number]
        if convolution is not None:
            return convolution.steps(self.address, self.scratch[id(unit.nodes[0]._outputs[0])])
        if regions is None:
            step = self._step(number, unit)
            return [step, *self._pieces(step)] if isinstance(step, LoopStep) else [step]
        node = unit.nodes[0]
        target = self.address(node._outputs[0])
        return [region_step(node, each, node._outputs[0], self.address, *target) for each in regions]

    def _pieces(self, step: LoopStep) -> list[Step]:
        """What adds up the sums that a loop leaves in pieces."""
        loop = step.loop
        if not loop.kernel.pieces:
            return []
        found: list[Step] = []
        for total, written, (_, size) in zip(loop.kernel.totals, loop.sums, loop.counts, strict=True):
            each = PiecesStep([node for node in step.nodes if node._outputs[0] is written.tensor])
            each.address = native.address_of(pieces_text(total), "kernel")
            each.numbers = [*self.scratch[id(written.tensor)], *self.address(written.tensor), size]
            found.append(each)
        return found

    def _step(self, number: int, unit: Unit) -> Step:
        if unit.fused:
            return self._loop(unit)
        product, rows = self.products[number], self.rows[number]
        if rows is not None:
            step: Step = RowsStep(unit.nodes)
            step.address = native.address_of(rows.text, "kernel")
            step.numbers = row_parameters(rows, self.address)
            step.split, step.work = rows.split, 2.0 * math.prod(rows.numbers)
            return step
        if product is None:
            if unit.nodes[0].kind.name == "Scan" and native.available():
                from localgrad.run.scans import ScanRunner

                return ScanStep(unit.nodes, ScanRunner(unit.nodes[0]))
            return NumpyStep(unit.nodes)
        node = unit.nodes[0]
        x, w = tensors_read(node) if len(tensors_read(node)) == 2 else (node._inputs[0],) * 2
        y = node._outputs[0]
        step = ProductStep(unit.nodes, product)
        kind = "float" if y.dtype == np.float32 else "double"
        step.address = native.address_of(product_text(kind), "kernel")
        step.numbers = product_parameters(
            product,
            y.dtype.name,
            (self.address(x), self.address(w), self.address(y)),  # type: ignore[arg-type]
        )
        step.split, step.work = True, product_work(product)
        return step

    def _loop(self, unit: Unit) -> Step:
        def stored(tensor: Tensor) -> tuple[int, ...] | None:
            if id(tensor) not in self.slots:
                return None
            return broadcast(self.places.of[id(tensor)], unit.space or ())

        try:
            loop = loop_of(unit, lambda x: self.places.of[id(x)], stored)
            step = LoopStep(unit.nodes, loop)
            step.address = native.address_of(loop.kernel.text, "kernel")
            step.numbers = parameters(loop, self.address, lambda t: self.scratch[id(t)])
            step.split, step.work = loop.kernel.axis >= 0, loop_work(loop)
        except (UnsupportedError, native.NoCompilerError) as error:
            node = unit.nodes[-1]
            source = f" at {node.source}" if node.source is not None else ""
            warn_once(
                f"no kernel for {node.name}",
                f"the loop of node `{node.name}`{source} could not be compiled and runs with NumPy: "
                f"{str(error).splitlines()[0] if str(error) else 'no reason given'}",
            )
            return NumpyStep(unit.nodes)
        return step
