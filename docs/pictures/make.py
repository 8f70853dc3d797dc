"""The pictures of the README and the documentation, drawn by localgrad: `python docs/pictures/make.py` writes them.

`tests/test_pictures.py` holds the files to what this script makes.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.graph.files import write_atomically
from localgrad.layers import Affine, Relu, Sigmoid

FOLDER = Path(__file__).parent


class Neurons(lg.Model):
    """An affine layer and a sigmoid."""

    def __init__(self) -> None:
        self.affine = Affine.create(2, 3, seed=0)
        self.sigmoid = Sigmoid()

    def call(self, x, target):
        loss = lg.mean_squared_error(self.sigmoid(self.affine(x)), target)
        loss.name = "loss"
        return loss


def network() -> str:
    """Layers as boxes, the bias repeated for each row, shapes on the edges."""
    return Neurons().graph(lg.spec("N", 2), lg.spec("N", 3)).to_svg()


def branch() -> str:
    """A value with three readers, and a vector added to a matrix, as nodes of their own."""

    def function(x, b):
        h = x + b
        y = (h * h + lg.exp(h)).sum()
        y.name = "y"
        return y

    return lg.capture(function, lg.spec("N", 3), lg.spec(3)).to_svg()


def backward() -> str:
    """A product and a tanh with their gradient: the backward pass is a graph of the same kinds."""

    def function(x, w):
        y = lg.tanh(x * w)
        y.name = "y"
        return y

    return lg.capture(function, lg.spec(), lg.spec()).gradient().to_svg()


def curves() -> str:
    """A training on the digits, in float64, so that every machine draws the same curves."""
    (x_train, y_train), (x_test, y_test) = lg.load_digits()
    layers = [Affine.create(64, 32, seed=0, dtype=np.float64), Relu(), Affine.create(32, 10, seed=1, dtype=np.float64)]
    model = lg.Sequential(*layers)
    optimizer, loader, history = lg.Adam(3e-3), lg.DataLoader((np.arange(len(x_train)), y_train)), lg.History()

    def judged(rows, labels):
        loss = lg.softmax_cross_entropy(model(rows.astype(np.float64)), labels)
        return loss, float(lg.accuracy(model(rows.astype(np.float64)), labels))

    for epoch in range(1, 13):
        for rows, labels in loader:
            loss, _ = judged(x_train[rows], labels)
            loss.backward()
            optimizer.step(model)
        with lg.no_grad():
            (loss, accuracy), (test_loss, test_accuracy) = judged(x_train, y_train), judged(x_test, y_test)
        history.append(
            epoch=epoch,
            loss=loss.item(),
            validation_loss=test_loss.item(),
            accuracy=accuracy,
            validation_accuracy=test_accuracy,
        )
    return history.svg()


PICTURES: dict[str, Callable[[], str]] = {
    "network.svg": network,
    "branch.svg": branch,
    "backward.svg": backward,
    "curves.svg": curves,
}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        write_atomically(FOLDER / name, draw())
