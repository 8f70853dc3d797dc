"""Batches as a trainer uses them: inputs for the model as tensors, the target apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from localgrad.graph.errors import DataError, InputsError, LocalgradError
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.train.dataset import mapped

__all__ = ["Parts", "arrays_of", "concatenated", "leaves_of", "parts_of", "specs_of"]


class Parts:
    """The parts of a batch: inputs by position or by name, as tensors; the target as array; the number of samples."""

    __slots__ = ("count", "inputs", "named", "target")

    def __init__(self, inputs: tuple[Any, ...], named: dict[str, Any], target: Any, count: int) -> None:
        self.inputs, self.named, self.target, self.count = inputs, named, target, count


def parts_of(batch: Any, with_target: bool) -> Parts:
    """A batch in its parts: the last of a tuple is the target; raises DataError where one is wanted and missing."""
    if with_target:
        if not isinstance(batch, tuple) or len(batch) < 2:
            found = f"a dict of {', '.join(map(repr, batch))}" if isinstance(batch, dict) else "inputs alone"
            raise DataError(
                f"a batch for the loss was expected: inputs and target; found {found}. Give (x, y), or make the Trainer "
                "with loss=None and a model that gives the loss itself."
            )
        target = batch[-1]
        inputs = batch[:-1]
    else:
        target = None
        inputs = batch if isinstance(batch, tuple) else (batch,)
    if isinstance(batch, dict):
        named = {name: leaves_of(part, name) for name, part in batch.items()}
        return Parts((), named, None, samples_of(batch))
    if len(inputs) == 1 and inputs[0].__class__ is np.ndarray:
        return Parts((Leaf(inputs[0], "input", "x", False),), {}, target, len(inputs[0]))
    leaves = tuple(leaves_of(part, f"x{index}") for index, part in enumerate(inputs))
    return Parts(leaves, {}, target, samples_of(inputs))


def leaves_of(part: Any, name: str) -> Any:
    """Arrays as input tensors, in the same nesting; the memory is shared."""
    if part.__class__ is np.ndarray:
        return Leaf(part, "input", name, False)
    return mapped(part, lambda x, _: x if isinstance(x, Tensor) else Leaf(x, "input", None, False))


def arrays_of(outcome: Any) -> Any:
    """Tensors as arrays, in the same nesting."""
    if isinstance(outcome, Tensor):
        return np.asarray(outcome._value)
    return mapped(outcome, lambda tensor, _: np.asarray(getattr(tensor, "_value", tensor)))


def samples_of(batch: Any) -> int:
    """The number of samples: the length of the first array."""
    while isinstance(batch, (tuple, dict)):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return len(batch)


def specs_of(parts: Parts) -> tuple[Spec, ...] | None:
    """The specs of the inputs with a batch of any length, N, to capture the model with; None for nested or named ones."""
    if parts.named or not all(isinstance(leaf, Leaf) for leaf in parts.inputs):
        return None
    return tuple(Spec(("N", *leaf.shape[1:]), leaf.dtype) for leaf in parts.inputs)


def with_hint(error: InputsError, parts: Parts, with_target: bool) -> InputsError:
    """What a model says of a batch it does not take, and how the loss of the Trainer decides what it gets."""
    if error.given != len(parts.inputs):
        return error
    if with_target:
        hint = "the last part of a batch goes to the loss: with loss=None the model gets all, and gives the loss itself"
    else:
        hint = 'with loss=None all parts go to the model: name a loss ("softmax_cross_entropy", "mse") for the last one'
    return InputsError(f"{error}; {hint}", error.given)


def number_given(loss: Any, prediction: Any) -> LocalgradError | None:
    """The error for a loss that fails where the model gave one number already; None where it gave more."""
    if not isinstance(prediction, Tensor) or prediction.ndim:
        return None
    name = getattr(loss, "__name__", type(loss).__name__)
    return LocalgradError(
        f"the loss {name} of a prediction was asked\nfound: the model gave one number, as a model does that gives its "
        "own loss\ndo: make the Trainer with loss=None, or give a model whose call gives predictions"
    )


def number_of(loss: Any) -> float:
    """The value of a loss; raises LocalgradError where it is none."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        found = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise LocalgradError(
            f"the loss of a batch was computed\nfound: {found}\ndo: give one number as a tensor (.mean() of it), or with "
            "loss=None a model whose call does"
        )
    return float(loss._value.item())


def concatenated(batches: Sequence[Any]) -> Any:
    """Arrays of batches one behind the other, in the same nesting."""
    first = batches[0]
    if isinstance(first, tuple):
        return tuple(concatenated(part) for part in zip(*batches, strict=True))
    if isinstance(first, dict):
        return {name: concatenated([batch[name] for batch in batches]) for name in first}
    if len(batches) == 1:
        return first
    return np.stack(batches) if first.ndim == 0 else np.concatenate(batches)
