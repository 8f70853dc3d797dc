"""Kind: the definition of a local computation; frozen, its annotated class attributes are its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, dataclass_transform

import numpy as np

from localgrad.graph.errors import MissingRuleError
from localgrad.graph.spec import Spec, Symbol, bind_extent, same_extent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

Value: TypeAlias = Any
"""What rules compute with: an ndarray, a NumPy scalar, a Python scalar or a Tensor, with the same operators."""
SpecLike: TypeAlias = Any
"""What a shape rule sees of an input: a Spec, a Python scalar (weak, as it is), or None where the input is missing."""

_compute: Any = None

KindType = TypeVar("KindType", bound="type[Kind]")


@dataclass_transform(frozen_default=True)
class Kind:
    """The definition of a local computation: its formula, shape rule, forward and backward.

    A subclass declares fields by annotation (`axis: int = 0`); instances are frozen, compare and hash by their
    fields. Calling one computes: arrays in, array out; with a tensor among the inputs it records a node.
    """

    formula: ClassVar[str] = ""
    """The school formula, as LaTeX."""
    onnx: ClassVar[str | None] = None
    """The ONNX operator of the same meaning."""
    operator: ClassVar[str | None] = None
    """The Python operator that records this kind, such as "*"."""
    numpy: ClassVar[tuple[str, ...]] = ()
    """The names of the NumPy functions that record this kind when they meet a tensor."""
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    """The names of the inputs; a last name starting with * takes any number, one ending in ? may be missing."""
    outputs: ClassVar[int] = 1
    """The number of outputs; a kind where it depends on a field gives it in `output_count`."""
    pure: ClassVar[bool] = True
    """False where equal inputs may give different values or effects: such a node is never merged, dropped or moved."""
    differentiable: ClassVar[bool] = True
    """False where no output carries a gradient (comparisons, argmax, ...)."""
    promotes: ClassVar[bool] = False
    """Whether inputs of different dtypes are cast to a common one before the rule sees them."""
    broadcasts: ClassVar[bool] = False
    """Whether smaller inputs are repeated to the output's shape (a Repeat node in the explicit graph)."""
    view: ClassVar[bool] = False
    """Whether the forward may return a view of its input."""
    checked: ClassVar[bool] = False
    """Whether the shape rule also runs before an eager forward, since NumPy alone would accept what we refuse."""
    family: ClassVar[str] = "elementwise"
    """The group it stands in, in docs and colours."""
    composition: ClassVar[bool] = False
    """Whether `body` says what it is made of."""
    fields: ClassVar[tuple[str, ...]] = ()
    """The names of its fields, in order (derived from the annotations)."""

    several: ClassVar[bool] = False
    """Whether outputs come as a tuple (derived)."""
    takes_wanted: ClassVar[bool] = False
    """Whether the backward rule is told which inputs need their gradient (derived from its arguments)."""
    has_rule: ClassVar[bool] = False
    """Whether the class states a backward rule (derived)."""

    _defaults: ClassVar[dict[str, Any]] = {}
    _made: ClassVar[dict[Any, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        names = list(cls.fields)
        for name, annotation in cls.__dict__.get("__annotations__", {}).items():
            if "ClassVar" not in str(annotation) and name not in names:
                names.append(name)
        cls.fields = tuple(names)
        cls._defaults = {name: getattr(cls, name) for name in names if hasattr(cls, name)}
        cls._made = {}
        rule = cls.backward
        code = getattr(rule, "__code__", None)
        cls.several = cls.outputs != 1 or cls.output_count is not Kind.output_count
        cls.has_rule = rule is not Kind.backward
        cls.takes_wanted = (
            code is not None and "wanted" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        )

    if not TYPE_CHECKING:  # the type checker derives the signature from the fields

        def __init__(self, *arguments: Any, **named: Any) -> None:
            if len(arguments) > len(self.fields):
                raise TypeError(f"{type(self).__name__} takes the fields {self.fields}; found {len(arguments)} values")
            values = dict(zip(self.fields, arguments, strict=False))
            for name, value in named.items():
                if name not in self.fields or name in values:
                    raise TypeError(
                        f"{type(self).__name__} has the fields {self.fields}, each once; found {name}={value!r}"
                    )
                values[name] = value
            stored = self.__dict__
            for name in self.fields:
                if name in values:
                    stored[name] = values[name]
                elif name in self._defaults:
                    stored[name] = self._defaults[name]
                else:
                    raise TypeError(f"{type(self).__name__} needs the field {name}")
            self.check_fields()

    def check_fields(self) -> None:
        """Raise a localgrad error where the fields make no sense together."""

    @classmethod
    def make(cls, **named: Any) -> Self:
        """An instance with these fields, the same object each time where the fields can be hashed."""
        try:
            # the class stands in the key since 1, 1.0 and True are equal
            key = tuple([(name, value.__class__, value) for name, value in named.items()]) if named else ()
            return cls._made[key]  # type: ignore[no-any-return]
        except KeyError:
            made = cls(**named)
            if len(cls._made) > 4096:
                cls._made.clear()
            cls._made[key] = made
            return made
        except TypeError:  # an unhashable field, or symbols and numbers that met under one hash
            return cls(**named)

    @classmethod
    def on(cls, *inputs: Value, **named: Any) -> Value:
        """This kind with these fields, computed on (or recorded for) these inputs."""
        return cls.make(**named)(*inputs)

    def __call__(self, *inputs: Value) -> Value:
        global _compute
        if _compute is None:
            from localgrad.graph.recording import compute as _compute  # recording knows kinds, so not at import
        return _compute(self, inputs)

    # what a kind says -------------------------------------------------------------------------------------------
    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        """The spec of each output from those of the inputs; raises ShapeError or DTypeError where they do not fit."""
        raise NotImplementedError(f"{type(self).__name__} has no shape rule")

    def forward(self, *inputs: Value) -> Value:
        """The value of the output (a tuple where there are several) from arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no forward rule")

    def backward(self, grad: Value, y: Value, *inputs: Value) -> Value:
        """The gradient of each input (None where there is none) from the gradient and value of the output.

        With several outputs `grad` and `y` are tuples, an output without a gradient gives None. A rule that declares
        the keyword `wanted` is told which inputs need theirs (a tuple of bool).
        """
        raise MissingRuleError(
            f"a gradient was asked through {self}\nfound: the kind {self.name} has no backward rule\n"
            f"do: write `def backward(self, grad, y, ...)` in its class, or cut the path with lg.stop_gradient"
        )

    def check(self, *inputs: Value) -> None:
        """Raise a localgrad error where the values of the inputs make no sense (class labels out of range, ...)."""

    def output_count(self) -> int:
        """The number of outputs of this instance."""
        return self.outputs

    # identity ---------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The kind's name, which is its class's."""
        return type(self).__name__

    @property
    def operation(self) -> str:
        """What readers know it by: its name, or that of the operator it stands for in a file of another format."""
        return self.name

    def field_values(self) -> dict[str, Any]:
        """Fields by name."""
        return {name: self.__dict__[name] for name in self.fields}

    def changed_fields(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {
            name: value
            for name, value in self.field_values().items()
            if name not in self._defaults or not same_field(value, self._defaults[name])
        }

    def replaced(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.field_values(), **changes})

    def is_symbolic(self) -> bool:
        """Whether a field holds a named extent."""
        return any(_has_symbol(value) for value in self.__dict__.values())

    def bind(self, sizes: Mapping[str, int]) -> Self:
        """This kind with named extents in its fields replaced by their sizes."""
        return type(self)(**{name: _bound(value, sizes) for name, value in self.field_values().items()})

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return False
        mine, theirs = self.__dict__, other.__dict__
        return all(same_field(mine[name], theirs[name]) for name in self.fields)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *(_hashable(self.__dict__[name]) for name in self.fields)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a kind is frozen: make another with {self.name}(...).replaced({name}=...)")

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.changed_fields().items())
        return f"{self.name}({changed})"


class Composition(Kind):
    """A kind whose body is a small graph: recorded as one node, opened by `expand`.

    `body` is written with operators and other kinds, so that it runs on arrays, tensors and symbols. Forward, shape
    and backward follow from it; a composition may state any of them as well where a closed form is faster or safer,
    and a test holds the two equal.
    """

    composition: ClassVar[bool] = True
    family: ClassVar[str] = "composition"

    def body(self, *inputs: Value) -> Value:
        """What the kind is made of."""
        raise NotImplementedError(f"{type(self).__name__} has no body")

    def forward(self, *inputs: Value) -> Value:
        """The body, computed on arrays."""
        from localgrad.graph.recording import plain_values

        return plain_values(self.body, inputs)

    def shape(self, *specs: SpecLike) -> Spec | tuple[Spec, ...]:
        """The shape the body gives."""
        from localgrad.graph.capturing import body_specs

        return body_specs(self.body, specs)


def same_field(a: Any, b: Any) -> bool:
    """Whether two field values are equal, extents and types included."""
    if isinstance(a, Symbol) or isinstance(b, Symbol):
        return same_extent(a, b) if isinstance(a, (int, Symbol)) and isinstance(b, (int, Symbol)) else False
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same_field, a, b))
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    return bool(a == b) or (a != a and b != b)


def _hashable(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, slice):
        return ("slice", _hashable(value.start), _hashable(value.stop), _hashable(value.step))
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    return value


def _has_symbol(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(_has_symbol(item) for item in value)
    if isinstance(value, slice):
        return any(isinstance(item, Symbol) for item in (value.start, value.stop, value.step))
    return isinstance(value, Symbol)


def _bound(value: Any, sizes: Mapping[str, int]) -> Any:
    if isinstance(value, tuple):
        return tuple(_bound(item, sizes) for item in value)
    if isinstance(value, slice):
        return slice(_bound(value.start, sizes), _bound(value.stop, sizes), _bound(value.step, sizes))
    return bind_extent(value, sizes) if isinstance(value, Symbol) else value
