"""Result: how much each entry counts for a score, and its picture."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import ShapeError
from localgrad.graph.spec import format_shape


class Attribution:
    """How much each entry of a tensor counts for a score.

    `values` are of the tensor's shape (Grad-CAM: without channels), `name` is the tensor's, `method` how they were
    found; `index` the entries of the last axis that were explained, `score` their values; `gap`, for integrated
    gradients, what the values miss of the change of the score.
    """

    def __init__(
        self, method: str, name: str, values: NDArray[Any], index: NDArray[np.int64] | None, score: NDArray[Any]
    ) -> None:
        self.method = method
        self.name = name
        self.values = values
        self.index = index
        self.score = score
        self.gap: Any = 0.0

    def over(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The values stretched over the last axes of a shape, linearly between the middles of places.

        >>> map = Attribution("m", "x", np.array([[0.0, 1.0]]), None, np.zeros(1))
        >>> map.over((4,))
        array([[0.  , 0.25, 0.75, 1.  ]])
        """
        values = self.values
        if len(shape) > values.ndim:
            raise ShapeError(
                f"a map of shape {format_shape(values.shape)} was to be stretched over {format_shape(shape)}\n"
                "do: give the axes of places alone, such as height and width"
            )
        for axis, extent in zip(range(-len(shape), 0), shape, strict=True):
            before = values.shape[axis]
            if before == 0 or extent < 1:
                raise ShapeError(f"a map of shape {format_shape(values.shape)} was to be stretched over {shape}")
            at = np.clip((np.arange(extent) + 0.5) * before / extent - 0.5, 0, before - 1)
            low = np.floor(at).astype(np.int64)
            high = np.minimum(low + 1, before - 1)
            part = (at - low).reshape(-1, *[1] * (-axis - 1))
            values = np.take(values, low, axis) * (1 - part) + np.take(values, high, axis) * part
        return values

    def to_svg(
        self,
        path: str | os.PathLike[str] | None = None,
        sample: int = 0,
        beside: Any = None,
        labels: Any = None,
    ) -> str:
        """A picture of one sample, written to `path` if that is given: a map over an image, bars for signals and words.

        Red speaks for the score, blue against it. `beside` is the image, `labels` are texts for the bars. Raises
        IndexRangeError for a sample that is not there, ShapeError for what does not fit, FileWriteError.
        """
        from localgrad.attribution.drawing import drawn

        text = drawn(self, sample, beside, labels)
        if path is not None:
            from localgrad.graph.files import write_atomically

            write_atomically(path, text)
        return text

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        return f"<{self.method} by {self.name}: {self.values.dtype}{format_shape(self.values.shape)}>"
