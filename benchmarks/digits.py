"""An epoch on the digits with an MLP 64-100-10, beside scikit-learn's MLPClassifier with the same network.

In batches of 200, which is scikit-learn's default for data of this size, and of 32.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

HIDDEN = 100
EPOCHS = 10


def ours(batch: int) -> float:
    """Seconds an epoch in localgrad: the Trainer as users call it."""
    import localgrad as lg
    from localgrad.layers import Affine, Relu

    (x, labels), _ = lg.load_digits()
    model = lg.Sequential(Affine.create(64, HIDDEN, seed=0), Relu(), Affine.create(HIDDEN, 10, seed=1))
    trainer = lg.Trainer(model, loss="softmax_cross_entropy", optimizer=lg.Adam(1e-3), seed=0)
    began = time.perf_counter()
    trainer.fit((x, labels), epochs=EPOCHS, batch_size=batch, progress=False)
    return (time.perf_counter() - began) / EPOCHS


def sklearn(batch: int) -> float:
    """Seconds an epoch in scikit-learn."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    import localgrad as lg

    (x, labels), _ = lg.load_digits()
    network: Any = MLPClassifier(
        (HIDDEN,), activation="relu", solver="adam", alpha=0.0, batch_size=batch, learning_rate_init=1e-3,
        max_iter=EPOCHS, random_state=0, n_iter_no_change=EPOCHS + 1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        network.fit(np.asarray(x), np.asarray(labels))
        return (time.perf_counter() - began) / EPOCHS
