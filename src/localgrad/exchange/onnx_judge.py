"""Judge: what ONNX Runtime, where it is installed, computes with the same file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray


class NoJudgeError(Exception):
    """ONNX Runtime is not installed, or does not run the file; the message says which."""


def judged(
    path: str | os.PathLike[str], inputs: Mapping[str, NDArray[Any]], names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The outputs of these names as ONNX Runtime computes them; raises NoJudgeError."""
    try:
        import onnxruntime
    except ImportError:
        raise NoJudgeError("ONNX Runtime is not installed") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
        return dict(zip(names, session.run(list(names), dict(inputs)), strict=True))
    except Exception as error:  # its errors share no class
        raise NoJudgeError(f"ONNX Runtime does not run it ({(str(error).splitlines() or [''])[0]})") from None
