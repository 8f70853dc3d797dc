"""Indexing: `x[index]` for every index NumPy knows, picks along axes, and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.errors import CaptureError, DTypeError, IndexRangeError
from localgrad.graph.kind import Kind, SpecLike, Value
from localgrad.graph.protocols import numpy_function
from localgrad.graph.recording import as_input, record
from localgrad.graph.registry import kind
from localgrad.graph.source import user_line
from localgrad.graph.spec import Extent, Spec, Symbol, as_dtype, format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.nodes.base import apply, need_spec, normal_axes, rank_of, shape_of
from localgrad.nodes.gathering import (
    Gather,
    Index,
    TakeAlongAxis,
    neighbours,
    outside,
    positions,
)
from localgrad.nodes.shaping import Reshape, Transpose
from localgrad.nodes.slicing import (
    WHOLE,
    Item,
    Slice,
    stored_item,
    without_ellipsis,
)

AT: Item = "at"
"""Stands in a stored index for the next of the tensors of indices."""


# reading an index ---------------------------------------------------------------------------------------------------
def get_item(x: Tensor, index: Any) -> Tensor:
    """`x[index]` for numbers, slices, `...`, None, integer arrays, lists or tensors, and boolean masks.

    Raises IndexRangeError (an IndexError) for an index outside of its axis, DTypeError for what is no index, and
    CaptureError for a boolean mask while a function is captured.
    """
    several = index if index.__class__ is tuple else (index,)
    if all(is_basic(item) for item in several):
        return record(Slice.make(index=tuple([stored_item(item) for item in several])), (x,))  # type: ignore[no-any-return]
    items, indices = stored_index(x, several)
    return pick(x, items, indices)  # type: ignore[no-any-return]


def is_basic(item: Any) -> bool:
    """Whether an entry of an index is a number, a slice, `...` or None."""
    cls = item.__class__
    if cls is int or cls is slice or item is None or item is Ellipsis or cls is Symbol:
        return True
    return isinstance(item, (int, np.integer)) and not isinstance(item, (bool, np.bool_))


def stored_index(x: Any, several: tuple[Any, ...]) -> tuple[tuple[Item, ...], list[Any]]:
    """An index as it is stored, with AT where an array stands, and the arrays; masks become their positions."""
    entries = [item if is_basic(item) else index_tensor(item) for item in several]
    used = sum(_axes_used(entry) for entry in entries)
    items: list[Item] = []
    indices: list[Any] = []
    axis = 0
    for entry in entries:
        if not isinstance(entry, Tensor):
            items.append(stored_item(entry))
            axis += rank_of(x) - used if entry is Ellipsis else _axes_used(entry)
        elif entry.dtype.kind == "b":
            check_mask(x, entry, axis)
            found = record(NonZero.make(rank=entry.ndim), (entry,))
            indices.extend(found if isinstance(found, tuple) else (found,))
            items.extend([AT] * entry.ndim)
            axis += entry.ndim
        else:
            items.append(AT)
            indices.append(entry)
            axis += 1
    return tuple(items), indices


def _axes_used(entry: Any) -> int:
    if isinstance(entry, Tensor):
        return entry.ndim if entry.dtype.kind == "b" else 1
    return 0 if entry is None or entry is Ellipsis else 1


def index_tensor(item: Any) -> Tensor:
    """An array of indices, or a mask, as a tensor; raises DTypeError for what is neither."""
    if isinstance(item, (list, tuple, range)) and not len(item):
        item = np.zeros(0, np.int64)  # an empty list has no dtype of its own
    try:
        operand = as_input(list(item) if isinstance(item, range) else item)
    except DTypeError:
        operand = None
    if not isinstance(operand, Tensor) and isinstance(operand, int) and not isinstance(operand, bool):
        operand = Leaf(as_array(operand), "constant", None, False)
    if not isinstance(operand, Tensor) or operand.dtype.kind == "f" or (operand.dtype.kind == "b" and not operand.ndim):
        found = f"{operand.dtype} values" if isinstance(operand, Tensor) else type(item).__name__
        raise DTypeError(
            f"a tensor was indexed with {item if not isinstance(operand, Tensor) else 'a tensor'!r}{user_line()}\n"
            f"found: {found}\ndo: index with integers, slices, `...`, None, integer tensors or boolean masks of rank 1 or more"
        )
    return operand


def check_mask(x: Any, mask: Tensor, axis: int) -> None:
    """Raise IndexRangeError where a mask is not as long as the axes it stands for."""
    shape = shape_of(x)
    for place, extent in enumerate(mask.shape):
        wanted = shape[axis + place] if axis + place < len(shape) else 0
        static = not isinstance(wanted, Symbol) and not isinstance(extent, Symbol)
        if static and wanted != extent:
            raise IndexRangeError(
                f"a mask of shape {format_shape(mask.shape)} was used from axis {axis} of a tensor of shape "
                f"{format_shape(shape)}{user_line()}\nfound: {extent} against {wanted} on axis {axis + place}\n"
                "do: give a mask as long as the axes it stands for"
            )


def pick(x: Value, items: tuple[Item, ...], indices: Any) -> Value:
    """A part of x at a stored index: a Slice for what is basic in it, a Gather or an Index for the arrays."""
    if AT not in items:
        return Slice.on(x, index=items)
    indices = list(indices)
    separated = "..." in items and between(items)
    basic: list[Item] = []
    axes: list[int] = []
    arrays: list[Value] = []
    for item in without_ellipsis(items, rank_of(x)):
        if item == AT or not isinstance(item, (tuple, list, str)):
            arrays.append(indices.pop(0) if item == AT else item)  # a number among arrays broadcasts with them
            axes.append(len(basic))
            basic.append(WHOLE)
        else:
            basic.append(item)
    if any(item != WHOLE for item in basic):
        x = Slice.on(x, index=tuple(basic))
    if len(axes) == 1:
        return Gather.on(x, arrays[0], axis=axes[0])
    y = Index.on(x, *arrays, axes=tuple(axes))
    if separated and neighbours(tuple(axes)) and axes[0]:
        # NumPy puts the picks in front where `...` stands between arrays, even if it stands for no axis
        count = max(rank_of(each) for each in arrays)
        lead = axes[0]
        order = (*range(lead, lead + count), *range(lead), *range(lead + count, rank_of(y)))
        y = Transpose.on(y, axes=order)
    return y


def between(items: tuple[Item, ...]) -> bool:
    """Whether the `...` of an index stands between arrays."""
    place = items.index("...")
    arrays = [number for number, item in enumerate(items) if item == AT or isinstance(item, (int, Symbol))]
    return any(number < place for number in arrays) and any(number > place for number in arrays)


@kind
class NonZero(Kind):
    """The positions of entries that are true (not 0), one output for each axis; how many is known from values only."""

    formula = r"(i, j, \dots) = \{ k : x_k \ne 0 \}"
    family = "indexing"
    differentiable = False
    rank: int = 1

    def output_count(self) -> int:
        return self.rank

    def shape(self, x: SpecLike) -> Spec:
        raise CaptureError(
            "the positions of the true entries of {0} were asked while a function is captured\n"
            "found: how many there are is known from values only, so the shapes after it are not\n"
            "do: use lg.where(mask, a, b), or x * mask, which keep the shape"
        )

    def forward(self, x: Value) -> Value:
        found = np.nonzero(x)
        return found if len(found) > 1 else found[0]


# functions ----------------------------------------------------------------------------------------------------------
@numpy_function("take")
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Entries picked along an axis (of the flattened tensor unless told) by integers of any rank; negative ones count
    from the end.

    With `axis=0` and a matrix this is an embedding: the gradient of rows picked more than once is added up. Raises
    DTypeError for indices that are no integers, IndexRangeError for one outside of the axis.

    >>> import localgrad as lg
    >>> table = lg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> lg.take(table, [1, 1, 0], axis=0).data
    array([[3., 4.],
           [3., 4.],
           [1., 2.]], dtype=float32)
    """
    picks = as_input(indices)
    dtype = np.asarray(picks).dtype if not isinstance(picks, Tensor) else picks.dtype
    if dtype.kind not in "iu":
        raise DTypeError(
            f"take was asked with indices of {dtype}{user_line()}\ndo: give integers; a mask picks by x[mask]"
        )
    if axis is None:
        x, axis = apply(Reshape.make(shape_to=(-1,)), x), 0
    return apply(Gather.make(axis=axis), x, picks)  # type: ignore[no-any-return]


def embedding(indices: Any, W: Any) -> Tensor:
    """Rows of W (rows, width) picked by integers of any shape: (N, T) becomes (N, T, width).

    The gradient of a row picked several times is added up. Raises DTypeError for indices that are no integers,
    IndexRangeError for one outside of the rows.

    >>> import localgrad as lg
    >>> lg.embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]]).data
    array([[3., 4.],
           [1., 2.]], dtype=float32)
    """
    return take(W, indices, axis=0)


@numpy_function("take_along_axis")
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """One entry picked along an axis for each index; x and indices agree (or broadcast) on the other axes.

    Raises ShapeError where they do not, IndexRangeError for an index outside of the axis.

    >>> import localgrad as lg
    >>> x = lg.tensor([[3.0, 1.0], [2.0, 4.0]])
    >>> lg.take_along_axis(x, lg.argmax(x, axis=1, keepdims=True), axis=1).data
    array([[3.],
           [4.]], dtype=float32)
    """
    if axis is None:
        x, axis = apply(Reshape.make(shape_to=(-1,)), x), 0
    return apply(TakeAlongAxis.make(axis=axis), x, indices)  # type: ignore[no-any-return]


@kind
class OneHot(Kind):
    """A new axis with 1 at the index and 0 elsewhere; has no gradient."""

    formula = r"y_{ik} = [\, x_i = k \,]"
    onnx = "OneHot"
    inputs = ("indices",)
    family = "indexing"
    differentiable = False
    depth: Extent = 1
    axis: int = -1
    dtype: str = "float32"

    def shape(self, indices: SpecLike) -> Spec:
        spec = need_spec(self, indices)
        if spec.dtype.kind not in "iu":
            raise DTypeError(f"{{0}} was to become one-hot rows\nfound: {spec.dtype}\ndo: give integers: class numbers")
        (axis,) = normal_axes(self.axis, spec.ndim + 1)
        return Spec((*spec.shape[:axis], self.depth, *spec.shape[axis:]), as_dtype(self.dtype))

    def forward(self, indices: Value) -> Value:
        depth: Any = self.depth
        picks = np.asarray(indices)
        if picks.dtype.kind not in "iu":
            raise TypeError(f"{picks.dtype} are no integers")
        flat = picks.reshape(-1)
        rows = np.zeros((flat.size, depth), self.dtype)
        try:
            rows[np.arange(flat.size), flat] = 1
        except IndexError:
            positions(flat, depth, picks.ndim)
            raise outside(flat.max(), depth, picks.ndim) from None
        rows = rows.reshape(*picks.shape, depth)
        return rows if self.axis == -1 else np.moveaxis(rows, -1, self.axis)


def one_hot(indices: Any, depth: int, dtype: Any = np.float32, axis: int = -1) -> Tensor:
    """Ones at the indices along a new axis of length `depth`, zeros elsewhere; negative indices count from the end.

    Raises DTypeError for indices that are no integers, IndexRangeError for one outside of `depth`.

    >>> import localgrad as lg
    >>> lg.one_hot([0, 2], 3).data
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    extent = depth if isinstance(depth, Symbol) else depth.__index__()
    return apply(OneHot.make(depth=extent, axis=axis, dtype=as_dtype(dtype).name), indices)  # type: ignore[no-any-return]
