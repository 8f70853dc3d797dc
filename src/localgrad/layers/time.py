"""The books' time layers: layers for one step, applied to every step of (N, T, ...) at once."""

from __future__ import annotations

from typing import Any

from localgrad.graph.errors import ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape, same_extent
from localgrad.graph.tensor import Tensor
from localgrad.layers.dropout import Dropout
from localgrad.layers.embedding import Embedding
from localgrad.layers.layer import Layer
from localgrad.layers.linear import Affine
from localgrad.nodes.arithmetic import Add
from localgrad.nodes.linear import MatMul
from localgrad.nodes.losses import sigmoid_cross_entropy, softmax_cross_entropy
from localgrad.nodes.reduction import ArgMax
from localgrad.nodes.shaping import Reshape


class TimeEmbedding(Embedding):
    """Rows of W (rows, width) picked by integers (N, T), which become (N, T, width): `Embedding`, by the books' name.

    >>> import numpy as np
    >>> from localgrad.layers import TimeEmbedding
    >>> TimeEmbedding(np.eye(3)).forward(np.array([[0, 2]]))
    array([[[1., 0., 0.],
            [0., 0., 1.]]])
    """


class TimeAffine(Affine):
    """The matrix product with W (inputs, outputs) plus b (outputs,) at every step: (N, T, inputs) to (N, T, outputs).

    All steps are one product. W and b as in `Affine`; the transpose of an embedding's W (`TimeAffine(embedding.W.T, b)`)
    ties the two. Raises ShapeError where sizes do not fit.

    >>> import numpy as np
    >>> from localgrad.layers import TimeAffine
    >>> layer = TimeAffine(np.ones((3, 2)), np.zeros(2))
    >>> layer.forward(np.ones((4, 5, 3))).shape, layer.backward(np.ones((4, 5, 2))).shape
    ((4, 5, 2), (4, 5, 3))
    """

    def call(self, x: Tensor) -> Tensor:
        inputs, outputs = self.sizes
        if not x.ndim or not same_extent(x.shape[-1], inputs):
            raise ShapeError(
                f"{self._title()} was given {format_shape(x.shape)}{user_line()}\n"
                f"found: its W takes {inputs} inputs\ndo: give (N, T, {inputs})"
            )
        rows = Reshape.on(x, shape_to=(-1, inputs))
        y = MatMul.on(rows, self.weight())
        if self.b is not None:
            y = Add.on(y, self.b)
        return Reshape.on(y, shape_to=(*x.shape[:-1], outputs))  # type: ignore[no-any-return]


class TimeSoftmaxWithLoss(Layer):
    """Softmax and cross entropy of scores (N, T, classes) and labels (N, T), or one-hot (N, T, classes): one number.

    The loss is the mean over the steps whose label is not `ignore_label`, -1 unless told (padding). `backward()` gives
    the gradient of the scores. Raises DataError for labels that are no class.

    >>> import numpy as np
    >>> from localgrad.layers import TimeSoftmaxWithLoss
    >>> layer = TimeSoftmaxWithLoss()
    >>> float(layer.forward(np.zeros((1, 2, 2)), np.array([[1, -1]])).round(4))
    0.6931
    >>> layer.backward()
    array([[[ 0.5, -0.5],
            [ 0. ,  0. ]]])
    """

    labels = 1

    def __init__(self, ignore_label: int | None = -1) -> None:
        self.ignore_label = ignore_label

    def call(self, xs: Tensor, ts: Any) -> Tensor:
        if isinstance(ts, Tensor) and ts.ndim == xs.ndim:
            ts = ArgMax.on(ts, axis=-1)
        return softmax_cross_entropy(xs, ts, ignore_index=self.ignore_label)

    def _about(self) -> str:
        return "" if self.ignore_label == -1 else f"ignore_label={self.ignore_label}"


class TimeSigmoidWithLoss(Layer):
    """Sigmoid and binary cross entropy of scores and labels 0 or 1, both (N, T): the mean over all steps.

    `backward()` gives the gradient of the scores. Raises ShapeError for shapes that differ, DataError for other labels.

    >>> import numpy as np
    >>> from localgrad.layers import TimeSigmoidWithLoss
    >>> layer = TimeSigmoidWithLoss()
    >>> float(layer.forward(np.zeros((1, 2)), np.array([[1, 0]])).round(4))
    0.6931
    """

    labels = 1

    def call(self, xs: Tensor, ts: Any) -> Tensor:
        return sigmoid_cross_entropy(xs, ts)


class TimeDropout(Dropout):
    """`Dropout` on (N, T, ...), by the books' names: `dropout_ratio`, and `train_flg`, which is `training`.

    >>> import numpy as np
    >>> from localgrad.layers import TimeDropout
    >>> layer = TimeDropout(0.5, seed=0)
    >>> layer.train_flg = False
    >>> layer.forward(np.ones((1, 2, 2), np.float32)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """

    def __init__(self, dropout_ratio: float = 0.5, seed: int | None = None) -> None:
        super().__init__(dropout_ratio, seed)

    @property
    def dropout_ratio(self) -> float:
        """The probability with which an entry becomes 0 in training."""
        return self.ratio

    @property
    def train_flg(self) -> bool:
        """Whether it computes as in training."""
        return self.training

    @train_flg.setter
    def train_flg(self, flag: bool) -> None:
        self.train(bool(flag))
