"""Shapes with named extents, and the spec (shape and dtype) of a tensor that has no value yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from localgrad.graph.errors import CaptureError, DTypeError, ShapeError

Monomial: TypeAlias = "tuple[Any, ...]"


class Symbol:
    """A named extent, or arithmetic on named extents, in a normal form so that equal extents compare equal.

    Supports `+ - *`, `//` and `%` with integers and other symbols. Anything that needs its value now (`bool`, `int`,
    `<`, `==` with a number) raises CaptureError: the graph has to stay valid for every size.

    >>> N = Symbol.named("N")
    >>> (2 * N + N) // 3, (N + 1) * 2, (N * 784) // 784, (N + 1) // 2
    (N, 2*N + 2, N, ((N + 1) // 2))
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {key: terms[key] for key in sorted(terms, key=_monomial_order) if terms[key]}
        self._hash = hash(tuple(self.terms.items()))

    @staticmethod
    def named(name: str) -> Symbol:
        """The extent called `name`."""
        return Symbol({(name,): 1})

    # arithmetic -------------------------------------------------------------------------------------------------
    def __add__(self, other: Extent) -> Extent:
        terms = dict(self.terms)
        for key, factor in _terms(other).items():
            terms[key] = terms.get(key, 0) + factor
        return _simplest(terms)

    __radd__ = __add__

    def __mul__(self, other: Extent) -> Extent:
        terms: dict[Monomial, int] = {}
        for key, factor in self.terms.items():
            for other_key, other_factor in _terms(other).items():
                product = tuple(sorted(key + other_key, key=_atom_order))
                terms[product] = terms.get(product, 0) + factor * other_factor
        return _simplest(terms)

    __rmul__ = __mul__

    def __neg__(self) -> Extent:
        return self * -1

    def __sub__(self, other: Extent) -> Extent:
        return self + other * -1

    def __rsub__(self, other: Extent) -> Extent:
        return self * -1 + other

    def __floordiv__(self, other: Extent) -> Extent:
        return _divide(self, other)

    def __rfloordiv__(self, other: int) -> Extent:
        return _divide(Symbol({(): other}), self)

    def __mod__(self, other: Extent) -> Extent:
        return self - (self // other) * other

    # reading ----------------------------------------------------------------------------------------------------
    def bind(self, sizes: Mapping[str, int]) -> int:
        """The number this extent stands for when every name has the size given."""
        total = 0
        for atoms, factor in self.terms.items():
            product = factor
            for atom in atoms:
                if isinstance(atom, str):
                    if atom not in sizes:
                        raise ShapeError(f"the extent {atom} has no size: no input carries it (known: {dict(sizes)})")
                    product *= sizes[atom]
                else:
                    _, numerator, divisor = atom
                    product *= bind_extent(numerator, sizes) // bind_extent(divisor, sizes)
            total += product
        return total

    def names(self) -> set[str]:
        """The names this extent is made of."""
        found: set[str] = set()
        for atoms in self.terms:
            for atom in atoms:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    for part in atom[1:]:
                        if isinstance(part, Symbol):
                            found |= part.names()
        return found

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Symbol):
            return self.terms == other.terms
        if isinstance(other, (int, float, np.integer)):
            raise _not_yet(self, f"{self} == {other}")
        return NotImplemented

    def __repr__(self) -> str:
        parts = []
        for atoms, factor in reversed(self.terms.items()):
            words = [atom if isinstance(atom, str) else f"({_side(atom[1])} // {_side(atom[2])})" for atom in atoms]
            if factor != 1 or not words:
                words.insert(0, str(factor))
            parts.append("*".join(words))
        return " + ".join(parts).replace("+ -", "- ") or "0"

    def __bool__(self) -> bool:
        raise _not_yet(self, f"bool({self})")

    def __int__(self) -> int:
        raise _not_yet(self, f"int({self})")

    def __index__(self) -> int:
        raise _not_yet(self, f"using {self} as an integer")

    def __float__(self) -> float:
        raise _not_yet(self, f"float({self})")

    def __lt__(self, other: object) -> bool:
        raise _not_yet(self, f"{self} < {other}")

    def __le__(self, other: object) -> bool:
        raise _not_yet(self, f"{self} <= {other}")

    def __gt__(self, other: object) -> bool:
        raise _not_yet(self, f"{self} > {other}")

    def __ge__(self, other: object) -> bool:
        raise _not_yet(self, f"{self} >= {other}")


Extent: TypeAlias = int | Symbol
Shape: TypeAlias = tuple[Extent, ...]


def _not_yet(symbol: Symbol, asked: str) -> CaptureError:
    from localgrad.graph.source import user_line

    return CaptureError(
        f"{asked} asks for the size of the named extent {symbol}{user_line()}\n"
        f"found: a graph is being captured that has to stay valid for every size of {symbol}\n"
        f"do: use arithmetic on it (x.reshape({symbol}, -1)), or capture with a fixed size instead of a name"
    )


def _side(part: Extent) -> str:
    """One side of a floor division as text, in parentheses where it is more than a name or a number."""
    text = repr(part)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def _atom_order(atom: Any) -> str:
    return atom if isinstance(atom, str) else repr(atom)


def _monomial_order(atoms: Monomial) -> tuple[int, list[str]]:
    return len(atoms), [_atom_order(atom) for atom in atoms]


def _terms(extent: Extent) -> Mapping[Monomial, int]:
    return extent.terms if isinstance(extent, Symbol) else {(): int(extent)}


def _simplest(terms: Mapping[Monomial, int]) -> Extent:
    kept = {key: factor for key, factor in terms.items() if factor}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Symbol(kept)


def _divide(numerator: Symbol, divisor: Extent) -> Extent:
    by = _terms(divisor)
    if not isinstance(divisor, Symbol) and divisor == 0:
        raise ShapeError(f"{numerator} // 0: an extent was divided by zero")
    if numerator.terms == by:
        return 1
    if len(by) == 1:
        ((by_atoms, by_factor),) = by.items()
        quotient: dict[Monomial, int] = {}
        for atoms, factor in numerator.terms.items():
            left = list(atoms)
            for atom in by_atoms:
                if atom not in left:
                    break
                left.remove(atom)
            else:
                if factor % by_factor == 0:
                    quotient[tuple(left)] = quotient.get(tuple(left), 0) + factor // by_factor
                    continue
            break
        else:
            return _simplest(quotient)
    if len(numerator.terms) == 1 and () in numerator.terms and not isinstance(divisor, Symbol):
        return numerator.terms[()] // divisor
    return Symbol({(("//", numerator, divisor),): 1})


def same_extent(a: Extent, b: Extent) -> bool:
    """Whether two extents are known to be equal (an int never equals a symbol)."""
    if isinstance(a, Symbol) or isinstance(b, Symbol):
        return isinstance(a, Symbol) and isinstance(b, Symbol) and a == b
    return a == b


def same_shape(a: Iterable[Extent], b: Iterable[Extent]) -> bool:
    """Whether two shapes are known to be equal."""
    left, right = tuple(a), tuple(b)
    return len(left) == len(right) and all(map(same_extent, left, right))


def is_static(shape: Iterable[Extent]) -> bool:
    """Whether every extent is a number."""
    return not any(isinstance(extent, Symbol) for extent in shape)


def bind_extent(extent: Extent, sizes: Mapping[str, int]) -> int:
    """The size of an extent under the given sizes of names."""
    return extent.bind(sizes) if isinstance(extent, Symbol) else extent


def product(shape: Iterable[Extent]) -> Extent:
    """The number of entries of a shape."""
    total: Extent = 1
    for extent in shape:
        total = total * extent
    return total


def format_shape(shape: Iterable[Extent]) -> str:
    """A shape as Python writes a tuple.

    >>> format_shape((Symbol.named("N"), 3))
    '(N, 3)'
    """
    return repr(tuple(shape))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape NumPy's broadcasting gives; raises ShapeError naming the axis where it fails.

    >>> broadcast_shapes((8, 1), (3,))
    (8, 3)
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Extent] = [1] * rank
    for shape in shapes:
        for position in range(1, len(shape) + 1):
            extent, found = shape[-position], result[-position]
            if same_extent(extent, 1) or same_extent(extent, found):
                continue
            if not same_extent(found, 1):
                raise ShapeError(
                    f"shapes {' and '.join(map(format_shape, shapes))} do not broadcast: "
                    f"{found} against {extent} on axis -{position}"
                )
            result[-position] = extent
    return tuple(result)


class Spec:
    """Shape and dtype of a tensor without its value.

    `shape` holds ints and named extents. Compares and hashes by content.

    >>> Spec(("N", 784), "float32")
    Spec((N, 784), float32)
    """

    __slots__ = ("dtype", "shape")

    shape: Shape
    dtype: np.dtype[Any]

    def __init__(self, shape: Iterable[int | str | Symbol], dtype: Any = np.float32) -> None:
        self.shape = tuple(as_extent(extent) for extent in shape)
        self.dtype = as_dtype(dtype)

    @property
    def ndim(self) -> int:
        """The rank."""
        return len(self.shape)

    @property
    def size(self) -> Extent:
        """The number of entries."""
        return product(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        # NumPy would take it for an object and compute nonsense
        raise CaptureError(
            f"numbers were asked of {self!r}\nfound: a spec has a shape and a dtype, and no value\n"
            "do: capture the function with it (lg.capture(f, spec)), or give an array"
        )

    def with_shape(self, shape: Iterable[Extent]) -> Spec:
        """The same dtype with another shape."""
        return Spec(shape, self.dtype)

    def with_dtype(self, dtype: Any) -> Spec:
        """The same shape with another dtype."""
        return Spec(self.shape, dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec):
            return NotImplemented
        return same_shape(self.shape, other.shape) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"Spec({format_shape(self.shape)}, {self.dtype})"


def as_extent(extent: int | str | Symbol) -> Extent:
    """An int or a symbol from an int, a name or a symbol; raises ShapeError for anything else."""
    if isinstance(extent, Symbol):
        return extent
    if isinstance(extent, str):
        if not extent.isidentifier():
            raise ShapeError(f"an extent's name has to be an identifier such as N or batch; found {extent!r}")
        return Symbol.named(extent)
    try:
        number = extent.__index__()
    except AttributeError:
        raise ShapeError(f"an extent is an int or a name; found {extent!r}") from None
    if number < 0:
        raise ShapeError(f"an extent cannot be negative; found {number}")
    return number


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """A real numeric or boolean NumPy dtype; raises DTypeError for anything else."""
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is not a dtype; use for example np.float32, np.int64 or bool") from None
    if found.kind not in "fiub":
        what = "complex numbers" if found.kind == "c" else f"the dtype {found}"
        raise DTypeError(f"{what} cannot be in a tensor\nfound: {found}\ndo: use a real float, integer or bool dtype")
    return found


def spec(*shape: int | str | Symbol, dtype: Any = np.float32) -> Spec:
    """A spec to capture a function with: extents as ints or names, float32 unless told.

    >>> spec("N", 784)
    Spec((N, 784), float32)
    """
    return Spec(shape, dtype)


def entries(shape: Iterable[int]) -> int:
    """The number of entries of a shape of plain ints."""
    return math.prod(shape)
