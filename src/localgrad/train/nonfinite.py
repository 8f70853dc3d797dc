"""What a trainer does at a loss or gradient that is not finite: the step is undone and repeated to find its node."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import NonFiniteError
from localgrad.graph.tensor import Leaf
from localgrad.graph.warning import warn_once
from localgrad.graph.watching import detect_nonfinite
from localgrad.nodes.random import GENERATOR
from localgrad.train.batches import Parts
from localgrad.train.clipping import finite_norm
from localgrad.train.targets import Named

if TYPE_CHECKING:
    from localgrad.train.compiled_steps import Outcome
    from localgrad.train.trainer import Trainer

MOST_IN_A_ROW: Final = 50


class Watch:
    """Remembers the states before each step (running statistics, random states), so that a step can be undone."""

    def __init__(self, trainer: Trainer, checkpoint: Path | None) -> None:
        self.trainer = trainer
        self.checkpoint = checkpoint
        self.policy = trainer.nonfinite
        self.skipped = 0
        states: Iterable[Any] = trainer.model.state().values()
        self._leaves: list[Leaf] = [*states, GENERATOR]
        self._kept: list[NDArray[Any]] = [leaf.numpy() for leaf in self._leaves]

    def remember(self) -> None:
        """Before a step."""
        for index, leaf in enumerate(self._leaves):
            value = leaf._value
            if value.shape == self._kept[index].shape:
                np.copyto(self._kept[index], value)
            else:  # a recurrent state takes the shape of its batch
                self._kept[index] = leaf.numpy()

    def undo(self) -> None:
        """Set the states back to what they were before the step."""
        for leaf, copy in zip(self._leaves, self._kept, strict=True):
            if leaf._value.shape != copy.shape:
                leaf._value = copy.copy()
            leaf.write(copy)

    def finite(self, loss: float, parts: Parts) -> bool:
        """Whether the step goes on; raises NonFiniteError where training stops."""
        return True if math.isfinite(loss) else self._met(f"the loss is {loss}", parts)

    def take_step(self, named: Named, parts: Parts) -> bool:
        """Let the optimizer make its step if all gradients are finite; whether it did."""
        trainer = self.trainer
        try:
            trainer.optimizer.take_step(named, trainer.clip_norm, check_finite=self.policy != "warn")
        except NonFiniteError as error:
            found = str(error).split("found: ")[-1].split(", so no parameter")[0].split("\n")[0]
            self._met(found, parts)
            return False
        self.skipped = 0
        return True

    def accepts(self, outcome: Outcome, named: Named, parts: Parts) -> bool:
        """Whether a compiled step counts: it has changed nothing where its loss or a gradient is not finite."""
        if math.isfinite(outcome.loss) and math.isfinite(outcome.norm):
            self.skipped = 0
            return True
        self.remember()
        if not math.isfinite(outcome.loss):
            return self._met(f"the loss is {outcome.loss}", parts)
        try:  # once more, node by node, for the name of the parameter
            self.trainer.compute_loss(parts)[0].backward(keep="leaves")
            finite_norm([(name, leaf._grad) for name, leaf in named if leaf._grad is not None])
            found = f"the norm of all gradients is {outcome.norm}"
        except NonFiniteError as error:
            found = str(error).split("found: ")[-1].split(", so no parameter")[0].split("\n")[0]
        finally:
            self.undo()
            for _, leaf in named:
                leaf._pass = -abs(leaf._pass)
        self._met(found, parts)
        return False

    def _met(self, found: str, parts: Parts) -> bool:
        step = self.trainer.step + 1
        if self.policy == "warn":
            warn_once("nonfinite", f"training goes on although {found} in step {step} (nonfinite='warn')")
            return True
        if self.policy == "skip" and self.skipped < MOST_IN_A_ROW:
            self.undo()
            self.skipped += 1
            warn_once("skipped", f"a batch is left out of training: {found} in step {step} (nonfinite='skip')")
            return False
        explained = self._explained(parts, step)
        self.undo()
        often = f"\nfound: {self.skipped + 1} batches in a row cannot be used" if self.policy == "skip" else ""
        kept = (
            f"; the last good checkpoint is {self.checkpoint}" if self.checkpoint and self.checkpoint.exists() else ""
        )
        raise NonFiniteError(
            f"training was stopped in step {step}, epoch {self.trainer.epoch}: {found}{often}\n{explained}\n"
            f"the model is as it was before this step{kept}"
        )

    def _explained(self, parts: Parts, step: int) -> str:
        """What `detect_nonfinite` says of the step when it is repeated."""
        said = []
        # -inf may be meant (a mask), so the first NaN is told as well where another node made it
        for allow_infinity in (False, True):
            self.undo()
            try:
                with detect_nonfinite(allow_infinity, step):
                    self.trainer.compute_loss(parts)[0].backward()
            except NonFiniteError as error:
                if str(error) not in said:
                    said.append(str(error))
        if not said:
            return "repeating the step met finite values only: it is not the same each time"
        return "\n".join(said)
