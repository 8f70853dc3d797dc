"""Methods of Tensor, Node, Graph and Record that upper rooms implement: typed stubs, resolved by name on first use.

The only file that names an upper room; a test checks that every target exists and takes the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from localgrad.graph.graph import Graph
    from localgrad.graph.node import Node
    from localgrad.graph.tensor import Tensor

_FOUND: dict[str, Callable[..., Any]] = {}


def verb(target: str) -> Callable[..., Any]:
    """The function `room.module:name` of this package, imported on first use."""
    found = _FOUND.get(target)
    if found is None:
        import importlib

        module, name = target.split(":")
        found = _FOUND[target] = getattr(importlib.import_module(f"localgrad.{module}"), name)
    return found


class TensorVerbs:
    """Methods of Tensor implemented above the graph room."""

    __slots__ = ()

    def backward(self, grad: Any = None, accumulate: bool = False, keep: str = "all") -> None:
        """Set the gradient of every tensor this one was computed from (see `lg.backward`)."""
        verb("transform.backward:backward")(self, grad, accumulate=accumulate, keep=keep)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum over axes (see `lg.sum`)."""
        return verb("nodes.functions:sum")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean over axes (see `lg.mean`)."""
        return verb("nodes.functions:mean")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The product over axes (see `lg.prod`)."""
        return verb("nodes.functions:prod")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The largest entry along axes (see `lg.max`)."""
        return verb("nodes.functions:max")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The smallest entry along axes (see `lg.min`)."""
        return verb("nodes.functions:min")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The position of the largest entry (see `lg.argmax`)."""
        return verb("nodes.functions:argmax")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The position of the smallest entry (see `lg.argmin`)."""
        return verb("nodes.functions:argmin")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """The standard deviation over axes (see `lg.std`)."""
        return verb("nodes.functions:std")(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[no-any-return]

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """The variance over axes (see `lg.var`)."""
        return verb("nodes.functions:var")(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[no-any-return]

    def round(self) -> Tensor:
        """The nearest whole numbers, halves to the even one (see `lg.round`)."""
        return verb("nodes.functions:round")(self)  # type: ignore[no-any-return]

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """Entries at positions along an axis (see `lg.take`)."""
        return verb("nodes.functions:take")(self, indices, axis)  # type: ignore[no-any-return]

    def copy(self) -> Tensor:
        """The same values as a further node, through which gradients flow."""
        return verb("nodes.functions:identity")(self)  # type: ignore[no-any-return]

    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Whether every entry is true (see `lg.all`)."""
        return verb("nodes.functions:all")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Whether any entry is true (see `lg.any`)."""
        return verb("nodes.functions:any")(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def cumsum(self, axis: Any = None) -> Tensor:
        """The running sum along an axis (see `lg.cumsum`)."""
        return verb("nodes.functions:cumsum")(self, axis=axis)  # type: ignore[no-any-return]

    def clip(self, low: Any = None, high: Any = None) -> Tensor:
        """Entries limited to a range (see `lg.clip`)."""
        return verb("nodes.functions:clip")(self, low, high)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any) -> Tensor:
        """Another shape of the same entries (see `lg.reshape`)."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return verb("nodes.functions:reshape")(self, wanted)  # type: ignore[no-any-return]

    def flatten(self) -> Tensor:
        """All entries in one axis."""
        return self.reshape(-1)

    def ravel(self) -> Tensor:
        """All entries in one axis."""
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order, reversed unless told (see `lg.transpose`)."""
        order = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes
        return verb("nodes.functions:transpose")(self, order or None)  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """Axes reversed."""
        return verb("nodes.functions:transpose")(self, None)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The last two axes exchanged (see `lg.matrix_transpose`)."""
        return verb("nodes.functions:matrix_transpose")(self)  # type: ignore[no-any-return]

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Two axes exchanged (see `lg.swapaxes`)."""
        return verb("nodes.functions:swapaxes")(self, first, second)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without axes of length 1 (see `lg.squeeze`)."""
        return verb("nodes.functions:squeeze")(self, axis)  # type: ignore[no-any-return]

    def repeat(self, repeats: int, axis: int | None = None) -> Tensor:
        """Entries repeated along an axis, as NumPy's repeat (see `lg.repeat`)."""
        return verb("nodes.functions:repeat")(self, repeats, axis)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Tensor:
        """The matrix product."""
        return verb("nodes.functions:matmul")(self, other)  # type: ignore[no-any-return]

    def astype(self, dtype: Any) -> Tensor:
        """The same values in another dtype; gradients are cast back."""
        return verb("nodes.functions:cast")(self, dtype)  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Tensor:
        return verb("nodes.indexing:get_item")(self, index)  # type: ignore[no-any-return]

    def unchain(self) -> None:
        """Forget the nodes this tensor was computed from: gradients stop here (truncated back-propagation)."""
        verb("transform.backward:unchain")(self)

    def explain(self) -> Any:
        """A card that prints: of the node that made it, or of a leaf with what each consumer sent back."""
        return verb("show.explain:explain_tensor")(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return verb("show.notebook:tensor_bundle")(self)  # type: ignore[no-any-return]


class NodeVerbs:
    """Methods of Node implemented above the graph room."""

    __slots__ = ()

    def explain(self) -> Any:
        """A card that prints: formula, local derivative, values, gradients, source line (see `show.explain`)."""
        return verb("show.explain:explain")(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return verb("show.notebook:node_bundle")(self)  # type: ignore[no-any-return]


class RecordVerbs:
    """Methods of Record implemented above the graph room."""

    def explain(self, node: str | Node | Tensor) -> Any:
        """The card of a node, or of an input, parameter, state or constant, with the numbers of this run."""
        return verb("show.explain:explain_in_record")(self, node)

    def to_svg(self, path: str | Path | None = None, **options: Any) -> str:
        """The graph as an SVG picture with the values and gradients of this run; written to `path` if given."""
        return verb("show.picture:record_to_svg")(self, path, **options)  # type: ignore[no-any-return]

    def explore(self, path: str | Path | None = None, **options: Any) -> Any:
        """The explorer's page of this run, written to `path` if given; a notebook shows what is returned."""
        return verb("show.explore:explore")(self, path, **options)


class GraphVerbs:
    """Methods of Graph implemented above the graph room."""

    def gradient(self, wrt: Any = None, of: Any = None) -> Graph:
        """The graph of outputs plus gradients `grad/<name>` (see `lg.transform.differentiate`)."""
        return verb("transform.differentiate:gradient")(self, wrt=wrt, of=of)  # type: ignore[no-any-return]

    def explicit(self) -> Graph:
        """The equal graph in which each broadcast is a Repeat node and each fan-out a Branch node."""
        return verb("transform.explicit:explicit")(self)  # type: ignore[no-any-return]

    def expand(self, depth: int | None = None) -> Graph:
        """The equal graph with compositions replaced by what they are made of, `depth` levels deep (None: all)."""
        return verb("transform.expand:expand")(self, depth)  # type: ignore[no-any-return]

    def part(self, outputs: Any, inputs: Any = ()) -> Graph:
        """The piece that computes `outputs`, with the tensors `inputs` given instead of computed; by name."""
        return verb("transform.part:part")(self, outputs, inputs)  # type: ignore[no-any-return]

    def simplify(self) -> Graph:
        """The equal graph without dead and repeated nodes (pure kinds only)."""
        return verb("transform.simplify:simplify")(self)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return verb("show.text:graph_text")(self)  # type: ignore[no-any-return]

    def to_svg(self, path: str | Path | None = None, **options: Any) -> str:
        """The graph as an SVG picture; written to `path` if given."""
        return verb("show.picture:to_svg")(self, path, **options)  # type: ignore[no-any-return]

    def explore(self, path: str | Path | None = None, **options: Any) -> Any:
        """The explorer's page of this graph, written to `path` if given; a notebook shows what is returned."""
        return verb("show.explore:explore")(self, path, **options)

    def to_dot(self, path: str | Path | None = None) -> str:
        """The graph in Graphviz' language."""
        return verb("show.picture:to_dot")(self, path)  # type: ignore[no-any-return]

    def to_mermaid(self, path: str | Path | None = None) -> str:
        """The graph as Mermaid text."""
        return verb("show.picture:to_mermaid")(self, path)  # type: ignore[no-any-return]

    def up_to(self, outputs: Any) -> Graph:
        """The graph that ends at these tensors or nodes, by name."""
        return verb("transform.surgery:up_to")(self, outputs)  # type: ignore[no-any-return]

    def with_head(self, head: Callable[..., Any], at: Any = None) -> Graph:
        """The graph with a layer or function of tensors on its outputs, or on the tensors `at`."""
        return verb("transform.surgery:with_head")(self, head, at)  # type: ignore[no-any-return]

    def replace(self, name: str, build: Callable[..., Any]) -> Graph:
        """The graph with a node replaced by what a function makes of its inputs."""
        return verb("transform.surgery:replace")(self, name, build)  # type: ignore[no-any-return]

    def rename(self, names: dict[str, str]) -> Graph:
        """The graph with other names for some tensors."""
        return verb("transform.surgery:rename")(self, names)  # type: ignore[no-any-return]

    def set_batch(self, size: int | str = "N") -> Graph:
        """The graph with another size of the first axis of its inputs: a number, or a name for any size."""
        return verb("transform.surgery:set_batch")(self, size)  # type: ignore[no-any-return]

    def differentiability(self, wrt: Any = None, of: Any = None) -> Any:
        """Which parameters a gradient reaches, and which nodes cut the others off; prints as a text."""
        return verb("transform.differentiability:differentiability")(self, wrt, of)

    def as_layer(
        self,
        trainable: Any = None,
        batch_norm: Any = "frozen",
        dropout: bool = True,
        adapters: Any = (),
        rank: int = 4,
        seed: int = 0,
    ) -> Any:
        """The graph as a layer for a Trainer or a Sequential; what is trained are its own parameters."""
        return verb("layers.graph_layer:as_layer")(self, trainable, batch_norm, dropout, adapters, rank, seed)

    def save(self, folder: str | Path) -> None:
        """Write `graph.json` and `model.safetensors` into a folder (read back with `lg.load`)."""
        verb("exchange.folder:save")(self, folder)

    def save_onnx(self, path: str | Path, opset: int | None = None) -> None:
        """Write an ONNX file of standard operators (read back with `lg.load_onnx`)."""
        verb("exchange.onnx_writing:save_onnx")(self, path, opset=opset)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return verb("show.notebook:graph_bundle")(self)  # type: ignore[no-any-return]


def targets() -> Iterable[tuple[str, str]]:
    """Each (class and method, target) of this file, read from the code objects (for the test)."""
    for owner in (TensorVerbs, NodeVerbs, RecordVerbs, GraphVerbs):
        for name, item in vars(owner).items():
            code = getattr(item.fget if isinstance(item, property) else item, "__code__", None)
            for constant in code.co_consts if code is not None else ():
                if isinstance(constant, str) and constant.count(":") == 1 and " " not in constant:
                    yield f"{owner.__name__}.{name}", constant
