"""Profile: how long each step of a plan takes, and how near that is to what the machine can do."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from localgrad.graph.interpreter import bind_inputs
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.run.convolution_steps import ConvolutionStep, PackingStep
from localgrad.run.runner import Job, runner
from localgrad.run.steps import LoopStep, ProductStep, Step
from localgrad.run.threads import Limited

if TYPE_CHECKING:
    from localgrad.run.plan import Plan


class Row(NamedTuple):
    """One step: seconds (the median), bytes read and written, and operations on floats."""

    step: Step
    seconds: float
    moved: int
    operations: int


class Profile:
    """The rows of a profile, the machine's measured rates, and a table to print."""

    def __init__(self, rows: list[Row], bandwidth: float, rate: float) -> None:
        self.rows = rows
        self.bandwidth = bandwidth
        self.rate = rate

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(row.seconds for row in self.rows)

    def share(self, row: Row) -> float:
        """The part of the machine's peak a step reaches: of its rate for products, of its bandwidth for others."""
        if not row.seconds:
            return 0.0
        if isinstance(row.step, ProductStep | ConvolutionStep) and not isinstance(row.step, PackingStep):
            return row.operations / row.seconds / self.rate
        return row.moved / row.seconds / self.bandwidth

    def __str__(self) -> str:
        total = self.seconds or 1.0
        lines = [
            f"{total * 1e3:.3f} ms in {len(self.rows)} steps; this machine: {self.bandwidth / 1e9:.1f} GB/s, "
            f"{self.rate / 1e9:.0f} GFLOP/s in products",
            f"{'us':>9}  {'part':>5}  {'MB':>8}  {'MFLOP':>8}  {'of peak':>7}",
        ]
        for row in self.rows:
            peak = f"{self.share(row):.0%}" if row.step.native else ""
            lines.append(
                f"{row.seconds * 1e6:>9.1f}  {row.seconds / total:>5.0%}  {row.moved / 1e6:>8.3f}  "
                f"{row.operations / 1e6:>8.3f}  {peak:>7}  {row.step}"
            )
        return "\n".join(lines)


def profile(plan: Plan, inputs: Any, repeat: int) -> Profile:
    """Run a plan step by step, `repeat` times; parameters and states are put back afterwards."""
    if plan.building is None:
        return Profile([], *machine())
    arrays, _ = bind_inputs(plan.original, inputs)
    times: list[list[float]] = [[] for _ in plan.steps]
    kept = [(leaf, leaf._value.copy()) for leaf, _, _ in plan.building.updates]
    slots = plan._state.pointer.value or 0
    jobs = [Job([step], slots) if step.native else None for step in plan.steps]
    with plan._lock, Limited():
        state = plan._state
        token = WARNINGS.set(QUIET)
        try:
            for _ in range(max(1, repeat)):
                state.bind(plan._fitted(arrays))
                for step, job, found in zip(plan.steps, jobs, times, strict=True):
                    began = time.perf_counter()
                    if job is None:
                        state.run_with_numpy(step)
                    else:
                        runner.run(job)
                    found.append(time.perf_counter() - began)
                for leaf, value in kept:
                    np.copyto(leaf._value, value)
                state.release()
        finally:
            WARNINGS.reset(token)
    rows = [
        Row(step, float(np.median(found)), _moved(plan, step), _operations(step))
        for step, found in zip(plan.steps, times, strict=True)
    ]
    return Profile(rows, *machine())


def _moved(plan: Plan, step: Step) -> int:
    assert plan.building is not None
    places = plan.building.places.of
    if isinstance(step, LoopStep):
        tensors = [each[0] for each in (*step.loop.reads, *step.loop.writes, *step.loop.sums)]
    else:
        tensors = [t for node in step.nodes for t in (*node._inputs, *node._outputs) if id(t) in places]
    return sum(places[id(t)].nbytes for t in tensors)


def _operations(step: Step) -> int:
    if isinstance(step, ProductStep):
        return step.product.operations
    if isinstance(step, ConvolutionStep):
        return 0 if isinstance(step, PackingStep) else step.operations
    if isinstance(step, LoopStep):
        counted = [each for each in step.loop.kernel.operations if each.name not in ("load", "constant")]
        return int(np.prod(step.loop.extents)) * len(counted)
    return 0


@lru_cache(1)
def machine() -> tuple[float, float]:
    """Bytes a second of a copy, and operations a second of a product in single precision, measured once."""
    source, target = np.ones(1 << 24, np.uint8), np.zeros(1 << 24, np.uint8)
    a, b = np.ones((512, 512), np.float32), np.zeros((512, 512), np.float32)
    copies, products = [], []
    for _ in range(5):
        began = time.perf_counter()
        np.copyto(target, source)
        copies.append(time.perf_counter() - began)
        began = time.perf_counter()
        np.matmul(a, a, out=b)
        products.append(time.perf_counter() - began)
    return 2 * source.nbytes / min(copies), 2 * 512**3 / min(products)
