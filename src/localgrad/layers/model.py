"""Model: a layer made of layers; Sequential: one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import CheckpointError, LocalgradError
from localgrad.graph.naming import matching
from localgrad.graph.registry import nearest
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.layers.layer import Layer
from localgrad.layers.members import Member, adopt, release

if TYPE_CHECKING:
    from typing import Self

    from localgrad.layers.summary import Summary


class Model(Layer):
    """A layer made of layers: one method, `call`; parameters, states and sub-layers are found by attribute.

    Names are attribute paths with slashes ("encoder/0/W"): in `parameters`, in graphs, files and messages. A model that
    no other owns gives its nodes no scope of its own, unless it is given a `name`.

    >>> import localgrad as lg
    >>> from localgrad.layers import Affine
    >>> class Net(lg.Model):
    ...     def __init__(self):
    ...         self.hidden = Affine.create(4, 8, seed=0)
    ...         self.out = Affine.create(8, 2, seed=1)
    ...
    ...     def call(self, x):
    ...         return self.out(lg.relu(self.hidden(x)))
    >>> net = Net()
    >>> list(net.parameters()), net.count_parameters()
    (['hidden/W', 'hidden/b', 'out/W', 'out/b'], 58)
    """

    def _lone_name(self) -> str | None:
        return None

    # parameters -------------------------------------------------------------------------------------------------
    def count_parameters(self, trainable: bool = False) -> int:
        """The number of entries of all parameters, each tensor once; with `trainable` of those not frozen."""
        return sum(leaf.size for leaf in self.parameters().values() if leaf.requires_grad or not trainable)

    def freeze(self, patterns: str | Iterable[str] = "*") -> list[str]:
        """Keep the parameters that match (a name, `encoder/*`, or the path of a layer) from being trained; their names.

        A frozen parameter requires no gradient: backward gives it none and optimizers pass it over. Raises
        NameLookupError with the nearest names for a pattern that matches nothing.

        >>> import localgrad as lg
        >>> from localgrad.layers import Affine
        >>> model = lg.Sequential(Affine.create(4, 3, seed=0), Affine.create(3, 2, seed=1))
        >>> model.freeze("0"), model.count_parameters(trainable=True)
        (['0/W', '0/b'], 8)
        """
        return self._require(patterns, False)

    def unfreeze(self, patterns: str | Iterable[str] = "*") -> list[str]:
        """Let the parameters that match be trained again; their names (see `freeze`)."""
        return self._require(patterns, True)

    def _require(self, patterns: str | Iterable[str], wanted: bool) -> list[str]:
        parameters = self.parameters()
        known = [*parameters, *parameters.aliases]
        listed: list[str] = []
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            inside = [name for name in known if name.startswith(f"{pattern}/")]
            listed += inside if inside and pattern not in known else [pattern]
        found = {parameters.aliases.get(name, name): None for name in matching(listed, known, "parameter")}
        for name in found:
            leaf = parameters[name]
            leaf.requires_grad = wanted
            if not wanted:
                leaf.grad = None
        return list(found)

    def values(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and states by name: what `load_values` takes."""
        return {name: leaf.numpy() for name, leaf in self._valued().items()}

    def _valued(self) -> dict[str, Leaf]:
        return cast("dict[str, Leaf]", {**self.parameters(), **self.state()})

    def load_values(self, values: Mapping[str, Any]) -> Self:
        """Copy arrays into all parameters and states, by name; gives the model back.

        Names have to be those of `values()` (another name of a tied parameter will do), shapes equal, dtypes of the same
        kind. Raises CheckpointError, which names every difference, and has then changed nothing.

        >>> import numpy as np, localgrad as lg
        >>> from localgrad.layers import Affine
        >>> model = lg.Sequential(Affine.create(2, 1, seed=0))
        >>> _ = model.load_values({"0/W": np.ones((2, 1)), "0/b": np.zeros(1)})
        >>> model.values()["0/W"].tolist()
        [[1.0], [1.0]]
        """
        known = self._valued()
        aliases = {**self.parameters().aliases, **self.state().aliases}
        given: dict[str, tuple[str, NDArray[Any]]] = {}
        wrong = []
        for label, value in values.items():
            name = label if label in known else aliases.get(label)
            if name is None:
                wrong.append(f"{label}: the model has nothing of that name{nearest(label, known)}")
            elif label == name or name not in values:
                given[name] = (label, np.asarray(value.data if isinstance(value, Tensor) else value))
        for name, leaf in known.items():
            if name not in given:
                wrong.append(f"{name}: missing; the model's has shape {format_shape(leaf.shape)}")
                continue
            label, array = given[name]
            if array.shape != leaf.shape:
                wrong.append(f"{label}: shape {format_shape(array.shape)}; the model's is {format_shape(leaf.shape)}")
            elif not np.can_cast(array.dtype, leaf.dtype, "same_kind"):
                wrong.append(f"{label}: {array.dtype} values; the model holds {leaf.dtype}")
        if wrong:
            listed = "".join(f"\n  {line}" for line in wrong)
            raise CheckpointError(
                f"values were to be loaded into {self._title()}{user_line()}\nfound: {len(wrong)} differences, so nothing "
                f"was loaded{listed}\ndo: give the values of a model of the same structure"
            )
        for name, leaf in known.items():
            leaf.write(given[name][1])
        return self

    # looking at it ----------------------------------------------------------------------------------------------
    def summary(self, *examples: Any) -> Summary:
        """A table of the layers with kind, output shape and number of parameters, which prints as plain text.

        With specs or example arrays of its inputs it is captured once to know the shapes; without them they are left out.

        >>> import localgrad as lg
        >>> from localgrad.layers import Affine, Relu
        >>> model = lg.Sequential(Affine.create(4, 8, seed=0), Relu(), Affine.create(8, 2, seed=1))
        >>> print(model.summary(lg.spec("N", 4)))
        layer  kind    output  parameters
        ---------------------------------
        0      Affine  (N, 8)          40
        1      Relu    (N, 8)           0
        2      Affine  (N, 2)          18
        ---------------------------------
        58 parameters, all trainable
        """
        from localgrad.layers.summary import summarize

        return summarize(self, examples)

    def __repr__(self) -> str:
        lines = []
        # depth is that of the user's own nesting of layers
        stack: list[tuple[int, str, Any]] = [(0, "", self)]
        shown: set[int] = set()
        while stack:
            depth, label, item = stack.pop()
            head = f"{'  ' * depth}{label}: " if label else "  " * depth
            if not isinstance(item, Model):
                lines.append(f"{head}{item}")
                continue
            members = item._members() if id(item) not in shown else []
            shown.add(id(item))
            lines.append(f"{head}{type(item).__name__}" + ("(" if members else "()"))
            if members:
                stack.append((depth, "", ")"))
                stack.extend(
                    (depth + 1, name, _shown(each) if isinstance(each, Leaf) else each)
                    for name, each in reversed(members)
                )
        return "\n".join(lines)


def _shown(leaf: Leaf) -> str:
    return f"{leaf.role} {leaf.dtype}{format_shape(leaf.shape)}"


class Function(Layer):
    """A function of tensors as a layer, so that it can stand in a Sequential; it has no parameters.

    >>> import numpy as np, localgrad as lg
    >>> from localgrad.layers import Function
    >>> Function(lambda x: x * 2).forward(np.array([1.0]))
    array([2.])
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def call(self, *inputs: Any) -> Any:
        return self.function(*inputs)

    def _about(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


class Sequential(Model):
    """Layers one after the other: each gets what the one before gave (several outputs become several inputs).

    Functions of tensors may stand among them. `model[0]` is the first layer, `model[1:3]` a Sequential of the same layers.
    Their names are their numbers: "0/W". Raises LocalgradError for what is neither a layer nor a function.

    >>> import localgrad as lg
    >>> from localgrad.layers import Affine, Relu
    >>> model = lg.Sequential(Affine.create(4, 3, seed=0), Relu())
    >>> _ = model.append(Affine.create(3, 2, seed=1))
    >>> len(model), list(model.parameters())
    (3, ['0/W', '0/b', '2/W', '2/b'])
    """

    _layers: list[Layer]

    def __init__(self, *layers: Layer | Callable[..., Any] | Iterable[Any], name: str | None = None) -> None:
        object.__setattr__(self, "_layers", [])
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        self.extend(layers)
        if name is not None:
            self.name = name

    def call(self, *inputs: Any) -> Any:
        x: Any = inputs if len(inputs) != 1 else inputs[0]
        for layer in self._layers:
            x = layer(*x) if x.__class__ is tuple else layer(x)
        return x

    def _members(self) -> list[tuple[str, Member]]:
        own = [(str(index), layer) for index, layer in enumerate(self._layers)]
        return [*own, *((name, each) for name, each in super()._members() if not name.startswith("_layers/"))]

    def append(self, layer: Layer | Callable[..., Any]) -> Self:
        """Put a layer (or a function of tensors) at the end; gives the model back."""
        return self.extend([layer])

    def extend(self, layers: Iterable[Any]) -> Self:
        """Put several at the end; gives the model back."""
        self._layers.extend([_as_layer(layer) for layer in layers])
        self._changed()
        return self

    def insert(self, index: int, layer: Layer | Callable[..., Any]) -> Self:
        """Put a layer before the one at `index`; gives the model back. The names of the later ones change."""
        self._layers.insert(index, _as_layer(layer))
        self._changed()
        return self

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in order."""
        return tuple(self._layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | slice) -> Layer | Sequential:
        return Sequential(*self._layers[index]) if isinstance(index, slice) else self._layers[index]

    def __setitem__(self, index: int, layer: Layer | Callable[..., Any]) -> None:
        release(self, self._layers[index])
        self._layers[index] = _as_layer(layer)
        self._changed()

    def __delitem__(self, index: int) -> None:
        release(self, self._layers.pop(index))
        self._changed()

    def __len__(self) -> int:
        return len(self._layers)

    def __bool__(self) -> bool:
        return True  # an empty one is a model too

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def _changed(self) -> None:
        self._inside.slots = None
        adopt(self)


def _as_layer(layer: Any) -> Layer:
    if isinstance(layer, Layer):
        return layer
    if callable(layer) and not isinstance(layer, type):
        return Function(layer)
    called = f"the class {layer.__name__}; make one: {layer.__name__}(...)" if isinstance(layer, type) else repr(layer)
    raise LocalgradError(
        f"a Sequential was to be made{user_line()}\nfound: {called} among its layers\n"
        "do: give layers, or functions of tensors"
    )
