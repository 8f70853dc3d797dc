"""Rows: kernels for nodes that go over each row more than once: softmax and its cross-entropy.

Rows are the entries along the last axis, one behind the other. What they compute is what the kinds' NumPy forwards do:
entries minus the largest, exponentials, their sum, and the quotients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from localgrad.graph.errors import LocalgradError
from localgrad.graph.graph import Graph
from localgrad.graph.interpreter import located
from localgrad.graph.node import Node
from localgrad.graph.tensor import Tensor
from localgrad.run import drawn, indexed, pooled
from localgrad.run.mathematics import exp, log
from localgrad.run.places import Place
from localgrad.run.text import ALONE, GROUP, HEADER, LOOP, Floats, Text, literal

NAMES: Final = frozenset(("Softmax", "SoftmaxCrossEntropy", "CrossEntropyGradient"))
_FLOATS: Final = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_INTEGERS: Final = {np.dtype(np.int64): "i64", np.dtype(np.int32): "i32"}


class Rows(NamedTuple):
    """A kernel over rows: its text, the tensors whose addresses it is given, and the numbers after them."""

    text: str
    tensors: tuple[Tensor, ...]
    numbers: tuple[int, ...]
    split: bool  # whether threads share the rows; a sum over rows is added up by one


def rows_of(node: Node, place_of: Callable[[Any], Place | None], checked: Callable[[Tensor], bool]) -> Rows | None:
    """The kernel of a node; None where it has none for these shapes, dtypes and fields.

    `checked` says whether class numbers were looked at before the run: a kernel would read and write beside the row.
    """
    kind, name = node.kind, node.kind.name
    if name in indexed.NAMES and checked(node._outputs[0]):
        found = indexed.indexed_of(node, place_of)
        return None if found is None else Rows(*found, False)
    if name in drawn.NAMES:
        found = drawn.drawn_of(node, place_of)
        return None if found is None else Rows(*found, False)
    if name in pooled.NAMES:
        found = pooled.pooled_of(node, place_of)
        return None if found is None else Rows(*found, True)
    if name not in NAMES:
        return None
    tensors = [x for x in node._inputs if isinstance(x, Tensor)]
    places = [place_of(t) for t in (*tensors, *node._outputs)]
    if len(tensors) != len(node._inputs) or any(p is None or not p.contiguous or not p.size for p in places):
        return None
    x = places[0]
    assert x is not None
    if x.dtype not in _FLOATS or not x.shape or kind.axis % len(x.shape) != len(x.shape) - 1:  # type: ignore[attr-defined]
        return None
    length = x.shape[-1]
    numbers = (x.size // length, length)
    float_kind = _FLOATS[x.dtype]
    if name == "Softmax":
        return Rows(_text(float_kind, "", ""), (tensors[0], node._outputs[0]), numbers, True)
    labels = tensors[1]
    if labels.dtype not in _INTEGERS or labels.ndim != len(x.shape) - 1 or not checked(labels):
        return None
    if name == "CrossEntropyGradient":
        scale = tensors[2]
        if scale.dtype != x.dtype:
            return None
        text = _gradient_text(float_kind, _INTEGERS[labels.dtype], bool(scale.ndim))
        return Rows(text, (tensors[0], labels, scale, node._outputs[0]), numbers, True)
    plain = kind.ignore_index is None and not kind.label_smoothing and len(tensors) == 2  # type: ignore[attr-defined]
    if not plain or kind.reduction not in ("mean", "sum", "none"):  # type: ignore[attr-defined]
        return None
    text = _text(float_kind, _INTEGERS[labels.dtype], kind.reduction)  # type: ignore[attr-defined]
    alone = kind.reduction != "none"  # type: ignore[attr-defined]
    return Rows(text, (tensors[0], node._outputs[1], labels, node._outputs[0]), numbers, not alone)


def checks_of(graph: Graph, body: bool = False) -> tuple[list[Callable[[Any], None]], set[int]]:
    """What has to be known of numbers of classes and rows before a plan runs, and whose they are.

    Class numbers are named by themselves, row numbers by the output of their node. A body is not looked at before it runs.
    """
    found: list[Callable[[Any], None]] = []
    checked: set[int] = set()
    places = {id(tensor): place for place, tensor in enumerate(graph.inputs)}
    for node in graph.nodes:
        if node.kind.name in indexed.NAMES and not body:
            check = indexed.numbers_checked(node, places)
            if check is not None:
                checked.add(id(node._outputs[0]))
                found += [] if check is indexed.known else [check]
            continue
        if node.kind.name != "SoftmaxCrossEntropy" or len(node._inputs) != 2:
            continue
        logits, labels = node._inputs
        if not isinstance(logits, Tensor) or not isinstance(labels, Tensor):
            continue
        place = places.get(id(indexed.behind(labels)))
        if place is not None and labels.ndim == logits.ndim - 1 and node.kind.ignore_index is None:  # type: ignore[attr-defined]
            checked.add(id(labels))
            found.append(check_before(node, place))
    return found, checked


def check_before(node: Node, place: int) -> Callable[[Any], None]:
    """The check of a node's class numbers, which are a plan's input, before anything runs."""
    logits, labels = node._inputs
    assert isinstance(logits, Tensor)
    assert isinstance(labels, Tensor)
    like = np.broadcast_to(np.zeros((), logits.dtype), logits.shape)
    shape: Any = labels.shape

    def check(inputs: Any) -> None:
        try:
            node.kind.check(like, inputs[place].reshape(shape))
        except LocalgradError as error:
            raise located(error, node) from None

    return check


class _Loops:
    """Rows and, inside, loops over their entries."""

    def __init__(self, kind: str, count: int, split: bool = True) -> None:
        self.text = Text()
        self.f = Floats(self.text, kind)
        self.kind = kind
        text = self.text
        text.line(HEADER)
        text.line("entry:" if split else ALONE)
        self.bases = [text.address() for _ in range(count)]
        self.rows, self.length = text.number(), text.number()
        self.block = "entry"
        self.first, self.last = "0", self.rows
        if split:
            following = text.made("add i64 %part, 1")
            self.first, self.last = (
                text.made(f"sdiv i64 {text.made(f'mul i64 {each}, {self.rows}')}, %parts")
                for each in ("%part", following)
            )
            text.line(f"  br i1 {text.made(f'icmp slt i64 {self.first}, {self.last}')}, label %taken, label %empty")
            text.line("empty:")
            text.line("  ret void")
            text.line("taken:")
            self.block = "taken"

    def at(self, base: str, index: str, kind: str = "") -> str:
        return self.text.made(f"getelementptr inbounds {kind or self.kind}, ptr {base}, i64 {index}")

    def loaded(self, base: str, index: str, kind: str = "", note: str = "") -> str:
        return self.text.made(f"load {kind or self.kind}, ptr {self.at(base, index, kind)}{note}")

    def stored(self, value: str, base: str, index: str, note: str = "") -> None:
        self.text.line(f"  store {self.kind} {value}, ptr {self.at(base, index)}{note}")

    def entries(
        self,
        label: str,
        body: Callable[[str], str | None],
        start: str = "",
        plus: Callable[[str, str], str] | None = None,
    ) -> str:
        """A loop over a row; with `start` and `plus` it gives what the body's values come to."""
        text = self.text
        text.line(f"  br label %{label}")
        text.line(f"{label}:")
        text.line(f"  %{label}.i = phi i64 [ 0, %{self.block} ], [ %{label}.next, %{label} ]")
        if plus is not None:
            text.line(f"  %{label}.all = phi {self.kind} [ {start}, %{self.block} ], [ %{label}.sum, %{label} ]")
        value = body(f"%{label}.i")
        if plus is not None:
            text.line(f"  %{label}.sum = {plus(f'%{label}.all', value or '')}")
        text.line(f"  %{label}.next = add nuw nsw i64 %{label}.i, 1")
        text.line(f"  %{label}.more = icmp slt i64 %{label}.next, {self.length}")
        text.line(f"  br i1 %{label}.more, label %{label}, label %{label}.done{LOOP}")
        text.line(f"{label}.done:")
        self.block = f"{label}.done"
        return f"%{label}.sum"


def _text(kind: str, labels: str, reduction: str) -> str:
    """Softmax of rows; with labels also the loss of each row, or their sum or mean."""
    loops = _Loops(kind, 4 if labels else 2, not labels or reduction == "none")
    text, f = loops.text, loops.f
    x, p = loops.bases[:2]
    suffix = "f32" if kind == "float" else "f64"
    text.declared["maximum"] = f"declare {kind} @llvm.maximum.{suffix}({kind}, {kind})"
    text.line("  br label %row")
    text.line("row:")
    text.line(f"  %row.i = phi i64 [ {loops.first}, %{loops.block} ], [ %row.next, %row.end ]")
    if labels and reduction != "none":
        text.line("  %loss = phi double [ 0.0, %entry ], [ %loss.next, %row.end ]")
    loops.block = "row"
    begin = text.made(f"mul nsw i64 %row.i, {loops.length}")
    x_row, p_row = loops.at(x, begin), loops.at(p, begin)
    largest = loops.entries(
        "largest", lambda i: loops.loaded(x_row, i, note=GROUP), literal(float("-inf"), kind),
        lambda a, b: f"call {kind} @llvm.maximum.{suffix}({kind} {a}, {kind} {b})",
    )  # fmt: skip

    def exponential(i: str) -> str:
        e = exp(f, f.sub(loops.loaded(x_row, i, note=GROUP), largest))
        loops.stored(e, p_row, i, GROUP)
        return e

    total = loops.entries("powers", exponential, literal(0, kind), lambda a, b: f"fadd reassoc {kind} {a}, {b}")

    def quotient(i: str) -> None:
        loops.stored(f.div(loops.loaded(p_row, i, note=GROUP), total), p_row, i, GROUP)

    if labels:  # before the quotients, which may be written over the logits
        number = loops.loaded(loops.bases[2], "%row.i", labels)
        if labels == "i32":
            number = text.made(f"sext i32 {number} to i64")
        right = f.sub(loops.loaded(x_row, number), largest)
        loss = f.sub(log(f, total), right)
        if reduction == "none":
            loops.stored(loss, loops.bases[3], "%row.i")
        else:
            wide = loss if kind == "double" else text.made(f"fpext float {loss} to double")
            text.line(f"  %loss.next = fadd double %loss, {wide}")
    loops.entries("quotients", quotient)
    _end(loops)
    if labels and reduction != "none":
        value = "%loss.next"
        if reduction == "mean":
            value = text.made(f"fdiv double {value}, {text.made(f'sitofp i64 {loops.rows} to double')}")
        if kind == "float":
            value = text.made(f"fptrunc double {value} to float")
        loops.stored(value, loops.bases[3], "0")
    text.line("  ret void")
    text.line("}")
    return loops.text.module()


def _gradient_text(kind: str, labels: str, several: bool) -> str:
    """Probabilities times each row's factor, and the factor less at the right class."""
    loops = _Loops(kind, 4)
    text, f = loops.text, loops.f
    p, numbers, scales, y = loops.bases
    text.line("  br label %row")
    text.line("row:")
    text.line(f"  %row.i = phi i64 [ {loops.first}, %{loops.block} ], [ %row.next, %row.end ]")
    loops.block = "row"
    begin = text.made(f"mul nsw i64 %row.i, {loops.length}")
    p_row, y_row = loops.at(p, begin), loops.at(y, begin)
    number = loops.loaded(numbers, "%row.i", labels)
    if labels == "i32":
        number = text.made(f"sext i32 {number} to i64")
    scale = loops.loaded(scales, "%row.i" if several else "0")
    nothing = f.compare("oeq", scale, 0.0)

    def product(i: str) -> None:
        value = f.mul(loops.loaded(p_row, i, note=GROUP), scale)
        loops.stored(f.select(nothing, 0.0, value), y_row, i, GROUP)

    loops.entries("products", product)
    loops.stored(f.sub(loops.loaded(y_row, number), scale), y_row, number)
    _end(loops)
    text.line("  ret void")
    text.line("}")
    return loops.text.module()


def _end(loops: _Loops) -> None:
    text = loops.text
    text.line("  br label %row.end")
    text.line("row.end:")
    text.line("  %row.next = add nuw nsw i64 %row.i, 1")
    text.line(f"  %row.more = icmp slt i64 %row.next, {loops.last}")
    text.line("  br i1 %row.more, label %row, label %done")
    text.line("done:")


def parameters(rows: Rows, address: Callable[[Tensor], tuple[int, int]]) -> list[int]:
    """The numbers a kernel is called with."""
    numbers: list[int] = []
    for tensor in rows.tensors:
        numbers += address(tensor)
    return [*numbers, *rows.numbers]
