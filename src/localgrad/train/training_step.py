"""Training step: forward, loss, backward and optimizer of a graph as one further graph, which any ONNX runtime can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from localgrad.graph.capturing import Recorder
from localgrad.graph.context import using
from localgrad.graph.errors import GradientError, LocalgradError
from localgrad.graph.files import write_atomically
from localgrad.graph.graph import Graph
from localgrad.graph.spec import Spec
from localgrad.graph.tensor import Tensor
from localgrad.layers.graph_layer import GraphLayer
from localgrad.nodes.losses import loss_named
from localgrad.nodes.structure import Cast
from localgrad.train.clipping import clip_factor, global_norm
from localgrad.train.optimizer import Optimizer
from localgrad.train.optimizers import Adam
from localgrad.transform.differentiate import gradients

__all__ = ["TrainingStep", "training_step"]

CLASSES: Final = frozenset((
    "softmax_cross_entropy", "cross_entropy", "negative_log_likelihood", "nll", "focal_loss", "focal", "multi_margin_loss",
))  # fmt: skip
"""Losses whose target is the number of a class."""


class TrainingStep:
    """A training step as a graph: inputs, target, parameters, optimizer states, `step` and `learning_rate` in; `loss`
    and the new parameters, states and step out, each as `new/<name>`.

    `values` holds what the first step starts from. A file of it (`save_onnx`) has those as defaults of its inputs, so that
    a runtime gives the batch alone to the first step, and to each later one what the step before gave.
    """

    def __init__(self, graph: Graph, values: dict[str, Any]) -> None:
        self.graph = graph
        self.values = values

    def save_onnx(self, path: str | os.PathLike[str], opset: int | None = None) -> None:
        """Write it as an ONNX model of standard operators."""
        from localgrad.exchange.onnx_writing import onnx_bytes

        write_atomically(path, onnx_bytes(self.graph, opset, defaults=self.values))

    def run(self, inputs: dict[str, Any]) -> float:
        """Make a step on a batch with NumPy; the values move on. Gives the loss."""
        found = self.graph.run({**self.values, **inputs})
        for name in self.values:
            self.values[name] = found.get(f"new/{name}", self.values[name])
        return float(found["loss"])


def training_step(
    graph: Graph,
    loss: str | Callable[..., Tensor] = "softmax_cross_entropy",
    optimizer: Optimizer | None = None,
    trainable: str | Iterable[str] | None = None,
    of: str | None = None,
) -> TrainingStep:
    """The whole training step of a graph as one graph of standard kinds.

    `loss` is a name or a function of (prediction, target) on tensors, `optimizer` gives rule and learning rate (Adam
    unless given), `trainable` names or patterns of parameters, `of` the output to be judged where there are several.
    The target is the input `target`: int64 classes for losses of classification, else of the output's shape and dtype.
    Raises LocalgradError for several outputs without `of`, and what `graph.as_layer` raises.

    >>> import numpy as np, localgrad as lg
    >>> W = lg.parameter(np.zeros((2, 1), np.float32), name="W")
    >>> graph = lg.capture(lambda x: x @ W, lg.spec("N", 2))
    >>> step = training_step(graph, "mse", lg.SGD(0.5))
    >>> batch = {"x": np.eye(2, dtype=np.float32), "target": np.ones((2, 1), np.float32)}
    >>> [round(step.run(batch), 3) for _ in range(3)]
    [1.0, 0.25, 0.062]
    """
    optimizer = Adam() if optimizer is None else optimizer
    judged = _judged(graph, of)
    compute = loss_named(loss) if isinstance(loss, str) else loss
    classes = isinstance(loss, str) and loss in CLASSES and judged.ndim > 1
    layer = GraphLayer(graph, trainable)
    recorder = Recorder()
    values: dict[str, Any] = {}

    def given(name: str, spec: Spec, gradient: bool = False) -> Tensor:
        tensor = Tensor(spec, None, gradient)
        tensor._name = name
        recorder.add_input(tensor)
        return tensor

    inputs = [given(str(t._name), t.spec) for t in graph.inputs]
    of_classes = Spec((*judged.shape[:1], *judged.shape[2:]), np.int64)
    target = given(_free("target", graph), of_classes if classes else judged.spec)
    parameters: dict[str, Tensor] = {}
    states: dict[str, list[Tensor]] = {}
    trained = {name: leaf for name, leaf in layer.parameters().items() if leaf.requires_grad}
    if not trained:
        raise GradientError(
            f"a training step of graph `{graph.name}` was to be made\nfound: no parameter to train\n"
            "do: give trainable=, names or patterns of parameters"
        )
    for name, leaf in trained.items():
        parameters[name] = given(name, leaf.spec, True)
        values[name] = leaf.numpy()
    for name, leaf in trained.items():
        states[name] = []
        for slot in optimizer.slots:
            states[name].append(given(f"{slot}/{name}", leaf.spec))
            values[f"{slot}/{name}"] = np.zeros(leaf.shape, leaf.dtype)
    count = given(_free("step", graph), Spec((), np.int64))
    rate = given(_free("learning_rate", graph), Spec((), np.float32))
    values[str(count._name)] = np.array(0, np.int64)
    values[str(rate._name)] = np.array(optimizer.learning_rate, np.float32)
    with using(recorder=recorder, scope="", tagger=None, watchers=(), enabled=True, site=(None, 0)):
        outcome = layer.eval().on(inputs, parameters)[list(graph.outputs).index(judged)]
        lost = compute(outcome, target)
        found = gradients(lost, list(parameters.values()))
        missing = [name for name, gradient in zip(parameters, found, strict=True) if gradient is None]
        if missing:
            raise GradientError(f"a training step was to be made\nfound: no gradient reaches {', '.join(missing)}")
        changed: list[Tensor] = [recorder.adopt(lost)]
        following = count + 1
        factor = None
        if optimizer.clip_norm is not None:
            factor = clip_factor(global_norm([each for each in found if each is not None]), optimizer.clip_norm)
        for (name, parameter), gradient in zip(parameters.items(), found, strict=True):
            dtype = parameter.dtype.name
            gradient = gradient if factor is None else gradient * Cast.on(factor, dtype=dtype)
            new, kept = optimizer.full_rule(
                parameter, gradient, tuple(states[name]), Cast.on(rate, dtype=dtype), Cast.on(following, dtype=dtype)
            )
            changed += _named([(f"new/{name}", new)], recorder)
            changed += _named(
                [(f"new/{slot}/{name}", each) for slot, each in zip(optimizer.slots, kept, strict=True)], recorder
            )
        changed += _named([(f"new/{count._name}", following)], recorder)
    changed[0]._name = "loss"
    made = Graph(recorder.nodes, recorder.inputs, changed, (), f"training step of {graph.name}")
    return TrainingStep(made, values)


def _judged(graph: Graph, of: str | None) -> Tensor:
    if of is not None:
        found = graph.find(of)
        if any(found is each for each in graph.outputs):
            return found
    elif len(graph.outputs) == 1:
        return graph.outputs[0]
    raise LocalgradError(
        f"a training step of graph `{graph.name}` was to be made{f' for {of!r}' if of else ''}\n"
        f"found: its outputs are {', '.join(graph.name_of(t) for t in graph.outputs)}\ndo: give the one to be judged, of="
    )


def _named(pairs: list[tuple[str, Any]], recorder: Recorder) -> list[Tensor]:
    found = []
    for name, value in pairs:
        tensor = recorder.adopt(value)
        tensor._name = name
        found.append(tensor)
    return found


def _free(name: str, graph: Graph) -> str:
    while name in graph.tensors:
        name = f"{name}_"
    return name
