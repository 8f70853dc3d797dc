"""Whole networks as a few lines of layers."""

from localgrad.models.perceptron import MLP

__all__ = [
    "MLP",
]
