"""Training steps of small models compiled and interpreted: compiling never makes a step slower.

Run as `python -m benchmarks.models_compiled`; the least time of several short rounds, the two ways in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np

ROUNDS: Final = 7
SECONDS: Final = 0.1
"""Of each round."""


def workloads() -> dict[str, tuple[Callable[[], Any], Any, Any]]:
    """Models with a batch and its labels."""
    import localgrad as lg
    from localgrad.layers import Affine, BatchNormalization, Convolution, Dropout, Flatten, Relu

    random = np.random.default_rng(0)

    def mlp(*widths: int, between: Callable[[int], Any] = lambda width: Relu()) -> Any:
        layers: list[Any] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            layers += [Affine.create(before, after, seed=number), between(after)]
        return lg.Sequential(*layers[:-1])

    def floats(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32)

    words = random.integers(0, 50, (8, 16))
    return {
        "one unit": (lambda: mlp(2, 2), floats(1, 2), random.integers(0, 2, 1)),
        "digits": (lambda: mlp(64, 100, 10), floats(32, 64), random.integers(0, 10, 32)),
        "deep": (lambda: mlp(16, *[16] * 20, 4), floats(8, 16), random.integers(0, 4, 8)),
        "normalised": (
            lambda: mlp(64, 64, 64, 10, between=BatchNormalization.create), floats(64, 64), random.integers(0, 10, 64),
        ),
        "dropout": (lambda: mlp(64, 256, 10, between=lambda width: Dropout(0.5)), floats(64, 64), random.integers(0, 10, 64)),
        "convolution": (
            lambda: lg.Sequential(
                Convolution.create(1, 8, 3, seed=0), Relu(), Flatten(), Affine.create(8 * 8 * 8, 10, seed=1)
            ), floats(16, 1, 10, 10), random.integers(0, 10, 16),
        ),
        "transformer": (lambda: lg.models.GPT(50, 16, 2, 4, 32, seed=0), words, np.roll(words, -1, 1)),
    }  # fmt: skip


def measure(make: Callable[[], Any], x: Any, labels: Any) -> tuple[float, float]:
    """The least seconds of a step, interpreted and compiled."""
    import localgrad as lg

    steps = []
    for compiled in (False, True):
        model, optimizer = make(), lg.Adam(1e-3)

        def step(x: Any, labels: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            scores = model(x)
            loss = lg.softmax_cross_entropy(scores.reshape((-1, scores.shape[-1])), labels.reshape(-1))
            loss.backward()
            optimizer.step(model)
            return loss

        run: Any = lg.compile(step) if compiled else step
        run(lg.tensor(x), lg.tensor(labels))
        steps.append(run)
    least = [float("inf"), float("inf")]
    inputs = lg.tensor(x), lg.tensor(labels)
    for _ in range(ROUNDS):
        for number, run in enumerate(steps):
            end = time.perf_counter() + SECONDS
            while time.perf_counter() < end:
                began = time.perf_counter()
                run(*inputs)
                least[number] = min(least[number], time.perf_counter() - began)
    return least[0], least[1]


def main() -> None:
    """Print the table."""
    print(f"{'model':<14}{'interpreted ms':>16}{'compiled ms':>14}{'ratio':>8}")
    for name, workload in workloads().items():
        slow, fast = measure(*workload)
        print(f"{name:<14}{slow * 1e3:>16.3f}{fast * 1e3:>14.3f}{fast / slow:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
