"""Explanations from inside: which places of a convolution's output speak for the score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.attribution.result import Attribution
from localgrad.attribution.score import Score
from localgrad.graph.errors import ShapeError
from localgrad.graph.graph import Graph
from localgrad.graph.spec import format_shape


def grad_cam(graph: Graph, inputs: Any, layer: str, of: str | None = None, index: Any = None) -> Attribution:
    """A map over the places of a layer's output (N, channels, *places): large where it speaks for the score.

    Each channel counts by the mean of its gradient; sums below 0 are left out. `layer` is the name of a tensor inside,
    usually the last convolution's; `of` and `index` as for `saliency`. `.over(shape)` stretches the map to the size of
    the input. Source: Selvaraju et al. 2017, equations 1 and 2. Raises ShapeError for a layer without places.

    >>> import localgrad as lg
    >>> graph = lg.capture(lambda x: lg.relu(x).sum(axis=(1, 2, 3), keepdims=True), lg.spec("N", 1, 2, 2))
    >>> grad_cam(graph, [[[[[1.0, -2.0], [3.0, 4.0]]]]], layer="Relu#1").values
    array([[[1., 0.],
            [3., 4.]]], dtype=float32)
    """
    score = Score(graph, inputs, of, index)
    tensor = graph.find(layer)
    if tensor.ndim < 3:
        raise ShapeError(
            f"Grad-CAM at `{layer}` was asked\nfound: shape {format_shape(tensor.shape)}, without places\n"
            "do: name the output of a convolution: batch, channels, and one axis or more"
        )
    (gradient,) = score.gradients([layer]).at(score.inputs)
    activation = graph.run(score.inputs, fetch=layer)[layer]
    places = tuple(range(2, activation.ndim))
    weights = gradient.mean(axis=places, keepdims=True)
    values: NDArray[Any] = np.maximum((weights * activation).sum(axis=1), 0)
    return Attribution("Grad-CAM", layer, values, score.index, score.of_value(score.value))
