"""Rows of nodes that come from ONNX files."""

from __future__ import annotations

from localgrad.exchange.onnx_imported import Imported
from tests.case import Case, rand

CASES = [
    Case(
        Imported(operation="Gemm", attributes=(("transB", 1), ("alpha", 0.5)), version=13),
        inputs=(rand(3, 4), rand(2, 4), rand(2)),
        reference=lambda a, b, c: 0.5 * (a @ b.T) + c,
        batch=(0, None, None),
    ),
]
