"""Training steps of whole networks, each in localgrad, PyTorch and JAX, on the same data from the same weights."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from benchmarks.workloads.rule import Rule


class Workload(NamedTuple):
    """What is trained, how often a block repeats its step, and the module that makes it in each library.

    The module has `ours(name)`, which gives a step; `pytorch(name)`, a module of PyTorch's with a function of it that
    gives the loss; `jax(name)`, parameters with such a function. Where there is no rule they give whole steps.
    """

    title: str
    repeat: int
    module: str
    rule: Rule | None

    def maker(self) -> Any:
        """The module."""
        return import_module(f"benchmarks.workloads.{self.module}")


WORKLOADS = {
    "T1": Workload("(2, 3) @ (3, 4) + b, sigmoid, sum, SGD", 1000, "dense", Rule("sgd", 0.01)),
    "T2": Workload("MLP 784-256-128-10, relu, Adam, batch 64", 60, "dense", Rule("adam", 1e-3)),
    "T3": Workload("MLP 784-1024-1024-10, sigmoid, momentum, batch 256", 4, "dense", Rule("momentum", 0.1)),
    "T4": Workload("MLP 2048-2048-2048, relu, squared error, SGD, batch 512", 1, "dense", Rule("sgd", 0.01)),
    "T5": Workload("LeNet on 1 x 28 x 28, momentum, batch 64", 8, "images", Rule("momentum", 0.01)),
    "T5b": Workload("ResNet of 3 blocks on 3 x 32 x 32, momentum, batch 32", 2, "images", Rule("momentum", 0.01)),
    "T6": Workload("LSTM language model, width 100, 35 steps, batch 20, SGD", 6, "words", Rule("sgd", 1.0, 0.25)),
    "T6b": Workload("the same, width 256", 3, "words", Rule("sgd", 1.0, 0.25)),
    "T7": Workload("GPT, 4 layers of width 128, context 128, batch 8, AdamW", 1, "text", Rule("adamw", 1e-3)),
    "T9": Workload("mean(tanh(x w + b) sigmoid(x v) - exp(-x²)), 4 gradients, 1,000,000", 15, "formula", None),
    "T9b": Workload("the same, 10,000,000", 2, "formula", None),
}
"""The workloads by name."""
