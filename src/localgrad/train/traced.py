"""Traced: an optimizer's step as nodes, inside a function that is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localgrad.graph.capturing import Recorder
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.structure import Cast
from localgrad.train.clipping import clip_factor, global_norm
from localgrad.train.missing import report_missing

if TYPE_CHECKING:
    from localgrad.train.optimizer import Optimizer


def trace_step(
    optimizer: Optimizer, named: list[tuple[str, Leaf]], recorder: Recorder, factor: Tensor | None = None
) -> None:
    """Record the new values of parameters and states from the gradients `backward` gave in this function.

    The rule is the one eager steps use; the learning rate is read at each run. Where `clip_norm` meets gradients that
    are not finite, the parameters become NaN, since a compiled step cannot stop half-way. With a `factor` all gradients
    are multiplied by it, and not limited otherwise.
    """
    found: list[tuple[Any, Tensor]] = []
    absent: list[tuple[str, Leaf]] = []
    for name, leaf in named:
        if not leaf.requires_grad:
            continue
        gradient = recorder.gradients.pop(id(leaf), None)  # used once
        if gradient is None:
            absent.append((name, leaf))
            continue
        entry = optimizer._entries.get(id(leaf))
        found.append((optimizer._enter(leaf, name) if entry is None else entry, gradient))
    if absent:
        report_missing(optimizer, absent, bool(found), optimizer._reported)
    if factor is None and optimizer.clip_norm is not None and found:
        factor = clip_factor(global_norm([gradient for _, gradient in found]), optimizer.clip_norm)
    for entry, gradient in found:
        leaf = entry.leaf
        dtype = leaf.dtype.name
        if factor is not None:
            gradient = gradient * (factor if factor.dtype == leaf.dtype else Cast.on(factor, dtype=dtype))
        count = entry.count + 1
        rate, step = Cast.on(optimizer._rate, dtype=dtype), Cast.on(count, dtype=dtype)
        states = tuple(recorder.adopt(state) for state in entry.states)
        changed, new = optimizer.full_rule(recorder.adopt(leaf), gradient, states, rate, step)
        recorder.write(leaf, changed)
        for state, value in zip(entry.states, new, strict=True):
            if value is not state:
                recorder.write(state, value)
        recorder.write(entry.count, count)
