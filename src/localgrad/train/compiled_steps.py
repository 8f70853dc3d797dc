"""Compiled steps: forward, loss, backward and optimizer of a trainer's step as one plan, or the reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import CaptureError
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.nodes.branching import Where
from localgrad.nodes.structure import Cast
from localgrad.run import native
from localgrad.run.compiled import Compiled
from localgrad.train.batches import Parts, arrays_of
from localgrad.train.clipping import clip_factor, global_norm
from localgrad.train.dependence import Dependence
from localgrad.train.missing import report_unclaimed
from localgrad.train.optimizer import OPTIMIZERS, Optimizer
from localgrad.train.targets import Named
from localgrad.train.traced import trace_step

if TYPE_CHECKING:
    from localgrad.train.entry import Entry
    from localgrad.train.trainer import Trainer

MOST_SHAPES: Final = 8
"""Shapes of batches that get a plan; data with more of them would wait for plans longer than these save."""


WORTH: Final = 150
"""Steps of a whole training from which a plan is made: making one takes about as long as that many small steps save."""


class Outcome(NamedTuple):
    """What a compiled step gave: the loss, the norm of all gradients, and the prediction as arrays."""

    loss: float
    norm: float
    prediction: Any


class CompiledSteps:
    """The plans of one `fit`: a batch of other shapes has another; where none can be made, `step` gives None.

    A plan leaves parameters, states and moments as they were where the loss or a gradient is not finite (unless the
    trainer only warns of that). What a step reads besides tensors is looked at before each epoch, and after callbacks of
    steps; where it has changed, plans are made anew.
    """

    def __init__(self, trainer: Trainer, named: Named, watched: bool, steps: int | None = None) -> None:
        self.trainer = trainer
        self.named = list(named)
        self.entries: list[Entry] = []
        self.asked = _asked(trainer)
        self.watched = watched  # callbacks of steps may read gradients
        self.functions: dict[Any, Compiled] = {}
        self.refused: set[Any] = set()
        self.shapes: list[str] = list(trainer.shapes)
        self.seen: Dependence | None = None
        self.entered = False
        self.reason = _reason(trainer)
        if self.reason is None and steps is not None and steps < WORTH:
            self.reason = f"{steps} steps are too few for a plan to pay"
        trainer.execution = "compiled" if self.reason is None else f"eager: {self.reason}"

    def serves(self, named: Named, watched: bool) -> bool:
        """Whether the plans of an earlier `fit` do for another one."""
        return (
            self.reason is None
            and self.watched == watched
            and self.asked == _asked(self.trainer)
            and [id(leaf) for _, leaf in self.named] == [id(leaf) for _, leaf in named]
            and self.shapes == self.trainer.shapes
        )

    def _states_kept(self) -> bool:
        """Whether the optimizer still has the states plans write into; a checkpoint brings others."""
        known = self.trainer.optimizer._entries
        return all(known.get(id(entry.leaf)) is entry for entry in self.entries)

    def look(self) -> None:
        """Before an epoch: what plans depend on besides tensors."""
        if self.reason is not None:
            return
        found = self._dependence()
        if (self.seen is not None and not self.seen.equals(found)) or not self._states_kept():
            self.functions.clear()
            self.entries.clear()
        self.seen = found

    def step(self, parts: Parts) -> Outcome | None:
        """Run a batch's step; None where it has to be made eagerly."""
        if self.reason is not None:
            return None
        if self.watched:
            self.look()
        tree = (parts.inputs, parts.named, parts.target)
        if not parts.named and parts.target.__class__ is np.ndarray and len(parts.inputs) == 1:
            leaves, kind = [parts.inputs[0], parts.target], "x, t"
        else:
            leaves, kind = [leaf for _, leaf in flatten(tree)], str([path for path, _ in flatten(tree)])
        arrays = [leaf._value if isinstance(leaf, Leaf) else leaf for leaf in leaves]
        key = f"{kind} {[(each.shape, each.dtype.str) for each in arrays]}"
        if key not in self.shapes:
            if len(self.shapes) >= MOST_SHAPES:
                return None
            self.shapes.append(key)
            self.trainer.shapes = list(self.shapes)
        if key in self.refused:
            return None
        f = self.functions.get(kind)
        if f is None:
            f = self.functions[kind] = Compiled(self._function(tree))
        known, self.entered = f.count, False
        try:
            found = f(*arrays)
        except Exception as error:  # whatever a trace meets, the eager step meets as well or computes without
            if not self.entered or f.count != known:
                raise
            self._refuse(key, error)
            return None
        self.trainer.plan = f.plan
        loss, norm, prediction, gradients = found
        if gradients is not None:
            for (_, leaf), gradient in zip(self.named, gradients, strict=True):
                if gradient is not None:
                    leaf._grad, leaf._pass, leaf._fresh = np.array(gradient._value), -1, False
        if f.count != known:
            optimizer = self.trainer.optimizer
            report_unclaimed(optimizer, OPTIMIZERS, optimizer._reported)
        norm_found = 0.0 if norm is None else float(norm._value)
        return Outcome(float(loss._value.item()), norm_found, None if prediction is None else arrays_of(prediction))

    def _refuse(self, key: str, error: Exception) -> None:
        if self.seen is not None:
            self.seen.restore()
        said = str(error).split("\n")
        told = next((line.removeprefix("found: ") for line in said if line.startswith("found: ")), "")
        reason = f"{said[0]} ({told})" if told else said[0]
        self.refused.add(key)
        if len(self.shapes) == 1:  # the first batch decides
            self.reason = reason
            self.trainer.execution = f"eager: {reason}"
        else:
            self.trainer.execution = f"compiled; eager for some batches: {reason}"

    def _dependence(self) -> Dependence:
        trainer = self.trainer
        return Dependence(trainer.model, trainer.loss, trainer.optimizer)

    def _function(self, tree: Any) -> Any:
        def training_step(*arrays: Any) -> Any:
            self.entered = True
            before = self._dependence()
            inputs, named, target = unflatten(tree, arrays)
            found = self._traced(Parts(inputs, named, target, 0))
            changed = before.difference(self._dependence())
            if changed is not None:
                raise CaptureError(f"a step changes more than tensors: {changed}")
            return found

        return training_step

    def _traced(self, parts: Parts) -> Any:
        trainer, recorder = self.trainer, CONTEXT.get().recorder
        assert recorder is not None
        loss, prediction = trainer.compute_loss(parts)
        if not isinstance(loss, Tensor) or loss.size != 1:
            raise CaptureError("the loss is no single number")
        loss.backward()
        gradients = [recorder.gradients.get(id(leaf)) for _, leaf in self.named]
        present = [g for g in gradients if g is not None]
        limit = trainer.clip_norm if trainer.clip_norm is not None else trainer.optimizer.clip_norm
        strict = trainer.nonfinite != "warn"
        norm = factor = None
        if (strict or limit is not None) and present:
            norm = global_norm([Cast.on(g, dtype="float64") for g in present])
            if limit is not None:
                factor = clip_factor(norm, limit)
        before = set(recorder.updates)
        trace_step(trainer.optimizer, self.named, recorder, factor)
        self.entries = trainer.optimizer.entries()
        if norm is not None:
            finite: Any = np.isfinite(norm)
            if strict:
                finite = finite & np.isfinite(loss.reshape(()))
            recorder.forget_writes()
            for key, (leaf, value) in list(recorder.updates.items()):
                if strict or key not in before:
                    recorder.updates[key] = (leaf, Where.on(finite, value, leaf))
        shown = prediction if trainer.metrics.measures and trainer.loss is not None else None
        return loss, norm, shown, gradients if self.watched else None


def _asked(trainer: Trainer) -> tuple[Any, ...]:
    """What of a trainer plans depend on."""
    return (
        trainer.model, trainer.loss, trainer.optimizer, trainer.clip_norm, trainer.nonfinite, trainer.compile,
        bool(trainer.metrics.measures), native.available(),
    )  # fmt: skip


def _reason(trainer: Trainer) -> str | None:
    """Why no step of a trainer can be compiled."""
    from localgrad.train.trainer import Trainer

    own = type(trainer)
    if not trainer.compile:
        return "compile=False"
    if not native.available():
        return "llvmlite is not installed (pip install localgrad[fast])"
    for name in ("compute_loss", "_step"):
        if getattr(own, name) is not getattr(Trainer, name):
            return f"{own.__name__} has a {name} of its own"
    kind = type(trainer.optimizer)
    for name in ("step", "take_step", "_advance"):
        if getattr(kind, name) is not getattr(Optimizer, name):
            return f"{kind.__name__} has a {name} of its own"
    return None
