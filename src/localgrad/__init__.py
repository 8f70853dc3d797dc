"""Back-propagation as a computation graph: see it, differentiate it, train it.

>>> import localgrad as lg
>>> x = lg.tensor([1.0, 2.0], name="x", requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
array([2., 4.], dtype=float32)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localgrad.graph.capturing import capture
from localgrad.graph.context import no_grad, recording_enabled, scope, test_mode
from localgrad.graph.errors import (
    CaptureError,
    CheckpointError,
    DataError,
    DetachedError,
    DTypeError,
    FileWriteError,
    GradientError,
    ImportModelError,
    IndexRangeError,
    InputsError,
    LinearAlgebraError,
    LocalgradError,
    LocalgradWarning,
    MissingRuleError,
    NameLookupError,
    NonFiniteError,
    ReadOnlyError,
    ShapeError,
)  # fmt: skip
from localgrad.graph.graph import Graph
from localgrad.graph.kind import Composition, Kind
from localgrad.graph.node import Node
from localgrad.graph.record import Record
from localgrad.graph.registry import kind, kinds, register_later
from localgrad.graph.spec import Spec, spec
from localgrad.graph.tensor import Leaf, Tensor, parameter, state, tensor
from localgrad.graph.watching import detect_changes, detect_nonfinite
from localgrad.nodes import functions
from localgrad.nodes.base import Elementwise, chain
from localgrad.nodes.functions import *  # noqa: F403 - chosen by hand there
from localgrad.transform.backward import backward

if TYPE_CHECKING:
    __version__: str

    from localgrad.exchange.folder import load
    from localgrad.exchange.onnx_reading import load_onnx
    from localgrad.layers.layer import Layer
    from localgrad.layers.model import Model, Sequential
    from localgrad.nodes import linalg as linalg
    from localgrad.nodes.more_functions import *  # noqa: F403 - chosen by hand there
    from localgrad.run.compiled import compile
    from localgrad.run.threads import set_threads
    from localgrad.train.callbacks import Callback, EarlyStopping
    from localgrad.train.checkpoint import Checkpoint
    from localgrad.train.clipping import clip_gradients
    from localgrad.train.data import DataLoader, Dataset
    from localgrad.train.digits import load_digits
    from localgrad.train.history import History
    from localgrad.train.language import LanguageTrainer
    from localgrad.train.optimizer import Optimizer
    from localgrad.train.optimizers import SGD, AdaDelta, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
    from localgrad.train.run_folder import RunFolder
    from localgrad.train.schedules import ConstantRate, CosineDecay, ReduceOnPlateau, Schedule, StepDecay, WarmUp
    from localgrad.train.trainer import Trainer
    from localgrad.transform.checking import check_gradients
    from localgrad.transform.control import cond, loop, scan
    from localgrad.transform.differentiate import gradients, stop_gradient
    from localgrad.transform.functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from localgrad.transform.path import why_no_gradient
    from localgrad.transform.recompute import recompute

__all__ = [
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Callback",
    "CaptureError",
    "Checkpoint",
    "CheckpointError",
    "Composition",
    "ConstantRate",
    "CosineDecay",
    "DTypeError",
    "DataError",
    "DataLoader",
    "Dataset",
    "DetachedError",
    "EarlyStopping",
    "Elementwise",
    "FileWriteError",
    "GradientError",
    "Graph",
    "History",
    "ImportModelError",
    "IndexRangeError",
    "InputsError",
    "Kind",
    "LanguageTrainer",
    "Layer",
    "Leaf",
    "LinearAlgebraError",
    "LocalgradError",
    "LocalgradWarning",
    "MissingRuleError",
    "Model",
    "Momentum",
    "NameLookupError",
    "Nesterov",
    "Node",
    "NonFiniteError",
    "Optimizer",
    "RMSprop",
    "ReadOnlyError",
    "Record",
    "ReduceOnPlateau",
    "RunFolder",
    "Schedule",
    "Sequential",
    "ShapeError",
    "Spec",
    "StepDecay",
    "Tensor",
    "Trainer",
    "WarmUp",
    "__version__",
    "backward",
    "capture",
    "chain",
    "check_gradients",
    "clip_gradients",
    "compile",
    "cond",
    "detect_changes",
    "detect_nonfinite",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "kind",
    "kinds",
    "linalg",
    "load",
    "load_digits",
    "load_onnx",
    "loop",
    "no_grad",
    "parameter",
    "recompute",
    "recording_enabled",
    "scan",
    "scope",
    "set_threads",
    "spec",
    "state",
    "stop_gradient",
    "tensor",
    "test_mode",
    "value_and_grad",
    "vjp",
    "why_no_gradient",
]  # fmt: skip
__all__ += functions.__all__
__all__.extend(functions.MORE)

_UPPER = {
    "check_gradients": "transform.checking",
    "cond": "transform.control",
    "loop": "transform.control",
    "scan": "transform.control",
    "gradients": "transform.differentiate",
    "stop_gradient": "transform.differentiate",
    "grad": "transform.functional",
    "hessian": "transform.functional",
    "hvp": "transform.functional",
    "jacobian": "transform.functional",
    "jvp": "transform.functional",
    "value_and_grad": "transform.functional",
    "vjp": "transform.functional",
    "why_no_gradient": "transform.path",
    "recompute": "transform.recompute",
    "compile": "run.compiled",
    "set_threads": "run.threads",
    "load": "exchange.folder",
    "Model": "layers.model",
    "Sequential": "layers.model",
    "Layer": "layers.layer",
    "DataLoader": "train.data",
    "Dataset": "train.data",
    "load_digits": "train.digits",
    "load_onnx": "exchange.onnx_reading",
    "History": "train.history",
    "SGD": "train.optimizers",
    "Momentum": "train.optimizers",
    "Nesterov": "train.optimizers",
    "AdaGrad": "train.optimizers",
    "RMSprop": "train.optimizers",
    "AdaDelta": "train.optimizers",
    "Adam": "train.optimizers",
    "AdamW": "train.optimizers",
    "Optimizer": "train.optimizer",
    "LanguageTrainer": "train.language",
    "Trainer": "train.trainer",
    "Callback": "train.callbacks",
    "Checkpoint": "train.checkpoint",
    "RunFolder": "train.run_folder",
    "clip_gradients": "train.clipping",
    "EarlyStopping": "train.callbacks",
    "Schedule": "train.schedules",
    "ConstantRate": "train.schedules",
    "StepDecay": "train.schedules",
    "CosineDecay": "train.schedules",
    "WarmUp": "train.schedules",
    "ReduceOnPlateau": "train.schedules",
}
"""Names of upper rooms, imported when first used: training, files and pictures cost nothing at import."""
_ROOMS = ("layers", "models", "attribution", "train", "show", "exchange", "cli")

register_later(
    "localgrad.nodes.catalogue",
    "localgrad.transform.control",
    "localgrad.transform.recompute",
    "localgrad.transform.rounds",
)


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        return version("localgrad")
    if name in _UPPER:
        value = getattr(importlib.import_module(f"localgrad.{_UPPER[name]}"), name)
        globals()[name] = value
        return value
    if name in functions.MORE:
        value = globals()[name] = getattr(functions, name)
        return value
    if name == "linalg":
        return importlib.import_module("localgrad.nodes.linalg")
    if name in _ROOMS:
        return importlib.import_module(f"localgrad.{name}")
    # tools that inspect modules ask for many of Python's own names; only a user's deserves the search for a near one
    near = "" if name.startswith("__") else _nearest(name)
    raise AttributeError(f"module 'localgrad' has no attribute {name!r}{near}")


def _nearest(name: str) -> str:
    from localgrad.graph.registry import nearest

    return nearest(name, [key for key in (*globals(), *_UPPER, *functions.MORE) if not key.startswith("_")])


def __dir__() -> list[str]:
    return sorted({*(key for key in globals() if not key.startswith("_")), *_UPPER, *_ROOMS, *functions.MORE, "linalg"})
