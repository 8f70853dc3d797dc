"""What the tests of cards share: a row of the table computed, and its gradients asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.tensor import Tensor
from localgrad.transform.backward import backward
from tests.case import Case
from tests.trial import several, tensors


def made(case: Case, dtype: Any = np.float64) -> tuple[Tensor, ...]:
    outputs: tuple[Tensor, ...] = several(case.kind(*tensors(case.arrays(dtype), case.wanted())))
    return outputs


def pull(case: Case, outputs: tuple[Tensor, ...]) -> None:
    """A backward from all outputs of a row."""
    ends = [y for y in outputs if y.requires_grad]
    generator = case.generator("explain")
    if ends:
        backward(ends, [generator.uniform(0.5, 1.5, y.shape) for y in ends])
