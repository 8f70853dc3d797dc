"""The steps of convolutions: tables and numbers for the kernels of `convolution_text`, and the memory they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run import native
from localgrad.run.convolution_grid import GRADIENT_TILES, Grid, address_of, table_of, tile_of
from localgrad.run.convolution_text import LANES, convolution_text, kernel_gradient_text, packing_text
from localgrad.run.steps import Step
from localgrad.run.threads import thread_count

TOGETHER: Final = 192 * 1024
"""Bytes of images whose places are summed before the lanes are."""
RATE: Final = 50.0
"""Operations a nanosecond, about."""


class ConvolutionStep(Step):
    """A convolution by a kernel made for it."""

    what = "conv"

    def __init__(
        self, node: Node, text: str, numbers: Sequence[int], tables: list[NDArray[Any]], operations: int
    ) -> None:
        super().__init__([node])
        self.address = native.address_of(text, "kernel")
        self.numbers = [int(each) for each in numbers]
        self.tables = tables  # that the numbers hold the addresses of
        self.operations = operations  # multiplications and additions, those of lanes that are not used among them
        self.split, self.work = True, operations / RATE

    def __str__(self) -> str:
        shapes = (" x ".join(map(str, x.shape)) for x in self.nodes[0]._inputs[:2] if isinstance(x, Tensor))
        return f"{super().__str__()}  {' with '.join(shapes)}"


class PackingStep(ConvolutionStep):
    """The kernel of a convolution laid out in blocks of channels."""

    what = "pack"


class Job(NamedTuple):
    """One convolution of some that make the whole: the kernel's entries it uses, what they meet, and vectors of places.

    For each vector it says between which of the entries are those that meet anything but padding.
    """

    taps: NDArray[np.int64]
    distances: NDArray[np.int64]
    vectors: NDArray[np.int64]
    ranges: NDArray[np.int64]

    def tiled(self, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Vectors in tiles of `width`, of which the last repeats its last vector; and the range of each tile."""
        places = np.minimum(np.arange(-(-len(self.vectors) // width) * width), len(self.vectors) - 1)
        ranges = self.ranges[places].reshape(-1, width, 2)
        ends = np.stack([ranges[:, :, 0].min(1), ranges[:, :, 1].max(1)], 1)
        return np.ascontiguousarray(self.vectors[places]), np.ascontiguousarray(ends)


class Convolution:
    """How a node is computed, and the memory it needs meanwhile."""

    def __init__(self, node: Node, dtype: np.dtype[Any], group: int) -> None:
        self.node, self.dtype, self.group, self.lanes = node, dtype, group, LANES[dtype]
        self.threads = max(2, thread_count())

    @property
    def scratch(self) -> int:
        """Bytes it needs while it runs."""
        raise NotImplementedError

    def steps(self, address: Callable[[Tensor], tuple[int, int]], scratch: tuple[int, int]) -> list[Step]:
        """The steps, with the addresses of tensors and of the memory it needs."""
        raise NotImplementedError


class Sliding(Convolution):
    """Conv and ConvTranspose: jobs over a grid."""

    def __init__(
        self, node: Node, dtype: np.dtype[Any], group: int, shapes: Any, grid: Grid, jobs: list[Job],
        packing: tuple[int, int], stride: int, spread: int, staged: tuple[int, ...], narrow: int,
    ) -> None:  # fmt: skip
        """`packing` is the steps of channels and of groups in the kernel."""
        super().__init__(node, dtype, group)
        self.x, self.y = shapes
        self.grid, self.jobs, self.packing, self.stride = grid, jobs, packing, stride
        self.spread, self.staged, self.narrow = spread, staged, narrow
        self.own = self.y[1] // group
        self.height, self.width = tile_of(self.own, max(1, max(len(job.vectors) for job in jobs)))
        self.per_group = -(-self.own // self.height)
        self.blocks = group * self.per_group
        self.packed = sum(self.blocks * self.height * len(job.distances) for job in jobs)
        self.stage = -(-(self.y[1] * staged[0] + 2 * self.lanes) // 16) * 16 if staged else 0

    @property
    def room(self) -> int:
        """Entries each thread needs."""
        return self.grid.room + self.stage

    @property
    def scratch(self) -> int:
        return int((self.packed + 16 + self.threads * self.room) * self.dtype.itemsize)

    def steps(self, address: Callable[[Tensor], tuple[int, int]], scratch: tuple[int, int]) -> list[Step]:
        node, height = self.node, self.height
        x, w = node._inputs[:2]
        b = node._inputs[2] if len(node._inputs) > 2 else None
        channel_step, group_step = self.packing
        tables: list[NDArray[Any]] = [self.grid.rows]
        packs, lines, begin, operations = [], [], 0, 0
        for job in self.jobs:
            entries = len(job.distances)
            vectors, ranges = job.tiled(self.width)
            tables += [job.taps, job.distances, vectors, ranges]
            for block in range(self.blocks):
                g, at = divmod(block, self.per_group)
                packs.append(
                    (
                        begin + block * entries * height,
                        g * group_step + at * channel_step * height,
                        min(height, self.own - at * height),
                        address_of(job.taps),
                        len(job.taps),
                    )
                )
            step = entries * height
            starts = (address_of(each) for each in (job.distances, vectors, ranges))
            lines.append((begin, step, len(ranges), *starts))
            operations += int((ranges[:, 1] - ranges[:, 0]).sum()) * self.width
            begin += self.blocks * step
        blocks = [
            (
                g * (self.x[1] // self.group) * self.grid.plane,
                g * self.own + at * height,
                min(height, self.own - at * height),
            )
            for g in range(self.group)
            for at in range(self.per_group)
        ]
        blocks.append((0, self.y[1], 0))
        pack_table, block_table, job_table = table_of(packs), table_of(blocks), table_of(lines)
        tables += [pack_table, block_table, job_table]
        room = scratch[0], scratch[1] + -(-self.packed // 16) * 16 * self.dtype.itemsize
        pack = [*address(w), *scratch, len(packs), address_of(pack_table), height, channel_step]  # type: ignore[arg-type]
        plane = math.prod(self.y[2:])
        numbers = [*address(x), *address(node._outputs[0])]  # type: ignore[arg-type]
        if isinstance(b, Tensor):
            numbers += address(b)
        numbers += [
            *scratch, *room, self.x[0], math.prod(self.x[1:]), math.prod(self.y[1:]), plane, self.threads,
            self.blocks, address_of(block_table), len(lines), address_of(job_table), self.y[1],
        ]  # fmt: skip
        numbers += [self.narrow] if self.narrow else []
        numbers.append(self.room)
        numbers += self.grid.numbers if self.grid.copies else []
        numbers += [self.grid.room, *self.staged] if self.staged else []
        text = convolution_text(
            self.dtype, height, self.width, self.stride, self.grid.copies, self.spread, isinstance(b, Tensor),
            bool(self.narrow),
        )  # fmt: skip
        operations *= 2 * self.lanes * self.blocks * height * self.x[0]
        return [
            PackingStep(node, packing_text(self.dtype), pack, tables, self.packed * int(RATE)),
            ConvolutionStep(node, text, numbers, tables, operations),
        ]


class Gradient(Convolution):
    """ConvWeightGradient: what each entry of the kernel met, times the gradient, over all images."""

    def __init__(
        self, node: Node, dtype: np.dtype[Any], group: int, shapes: Any, grid: Grid, taps: Any, out: Any
    ) -> None:
        """`taps` is what each entry meets; `out` are whole vectors of places, those that end a row, and their lanes."""
        super().__init__(node, dtype, group)
        self.x, self.g = shapes
        self.grid, self.taps, (self.full, self.ends, self.lanes_left) = grid, taps, out
        self.own = self.g[1] // group
        self.height, self.width = tile_of(self.own, len(taps), GRADIENT_TILES)
        each = (grid.room + math.prod(self.g[1:])) * dtype.itemsize
        self.together = max(1, min(TOGETHER // each, self.x[0]))

    @property
    def room(self) -> int:
        """Entries each thread needs."""
        return int(self.grid.room * self.together)

    @property
    def scratch(self) -> int:
        return max(self.threads * self.room * self.dtype.itemsize, 64)

    def steps(self, address: Callable[[Tensor], tuple[int, int]], scratch: tuple[int, int]) -> list[Step]:
        x, g = self.node._inputs[:2]
        entries = len(self.taps)
        inputs = self.x[1] // self.group
        units = [
            (
                number * inputs * self.grid.plane, number * self.own + at, min(self.height, self.own - at),
                k, min(self.width, entries - k),
            )
            for number in range(self.group)
            for at in range(0, self.own, self.height)
            for k in range(0, entries, self.width)
        ]  # fmt: skip
        distances = table_of([*self.taps, *[self.taps[-1]] * self.width])
        unit_table = table_of(units)
        numbers = [
            *address(x), *address(g), *address(self.node._outputs[0]), *scratch,  # type: ignore[arg-type]
            self.x[0], math.prod(self.x[1:]), math.prod(self.g[1:]), math.prod(self.g[2:]), self.threads, self.together,
            len(units), address_of(unit_table), entries, address_of(distances),
            len(self.full), address_of(self.full),
        ]  # fmt: skip
        if self.lanes_left:
            numbers += [len(self.ends), address_of(self.ends), self.lanes_left]
        numbers.append(self.room)
        numbers += self.grid.numbers if self.grid.copies else []
        stride = len(self.grid.phases) if self.grid.copies else 1
        text = kernel_gradient_text(
            self.dtype, self.height, self.width, stride, self.grid.copies, bool(self.lanes_left)
        )  # fmt: skip
        operations = 2 * math.prod(self.g) * entries
        tables = [self.grid.rows, distances, unit_table, self.full, self.ends]
        return [ConvolutionStep(self.node, text, numbers, tables, operations)]
