"""What an ONNX file says, as plain Python objects: no class of the `onnx` package leaves `onnx_package`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Extents: TypeAlias = "tuple[int | str | None, ...] | None"
"""A declared shape: numbers, names and unknown extents; None where not even the rank is declared."""


@dataclass
class Declared:
    """A value with the shape and dtype the file declares for it; None where it declares none."""

    name: str
    shape: Extents = None
    dtype: np.dtype[Any] | None = None


@dataclass
class Operation:
    """One node of a file."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    domain: str = ""
    name: str = ""
    note: str = ""
    version: int | None = None
    """The version of its operator where it is not the model's, but that of the function it stood in."""

    def __str__(self) -> str:
        return f"{self.domain + '.' if self.domain else ''}{self.operator} `{self.name or ', '.join(self.outputs)}`"


@dataclass
class Section:
    """A graph of a file: the model's, or one that a node holds as its body."""

    name: str
    inputs: list[Declared]
    outputs: list[Declared]
    operations: list[Operation]
    initializers: dict[str, NDArray[Any]] = field(default_factory=dict)
    known: dict[str, Declared] = field(default_factory=dict)
    note: str = ""


@dataclass
class Function:
    """An operator that the file itself defines."""

    name: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[str, ...]
    defaults: dict[str, Any]
    operations: list[Operation]
    opsets: dict[str, int]


@dataclass
class Reference:
    """An attribute whose value is an attribute of the function it stands in."""

    name: str


@dataclass
class Model:
    """A whole file."""

    section: Section
    opsets: dict[str, int]
    ir_version: int = 10
    producer: str = ""
    note: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    functions: dict[tuple[str, str], Function] = field(default_factory=dict)
