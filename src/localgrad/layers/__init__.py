"""Objects with parameters and state; the books' forward/backward protocol, written once in Layer."""

from localgrad.layers.layer import Layer
from localgrad.layers.linear import Affine, MatMul
from localgrad.layers.structure import Add, Branch, Flatten, Identity, Mul, Repeat, Sum

__all__ = ["Add", "Affine", "Branch", "Flatten", "Identity", "Layer", "MatMul", "Mul", "Repeat", "Sum"]
