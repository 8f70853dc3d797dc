"""Layer: an object with parameters and state, used on tensors inside a graph or on arrays as in the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT, Context, using
from localgrad.graph.errors import GradientError, LocalgradError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.layers.arrays import InPlace, as_leaves, as_tensor, own_gradient
from localgrad.layers.members import (
    Inside,
    Member,
    Parameters,
    adopt,
    as_root,
    distinct,
    layers_of,
    leaves_of,
    lone_name,
    owner_of,
    path_of,
    release,
    replacement,
    within,
)
from localgrad.transform.backward import seed_of
from localgrad.transform.sweep import sweep

if TYPE_CHECKING:
    import inspect
    from typing import Self

    from localgrad.graph.graph import Graph

_ndarray: Final = np.ndarray

OBSERVERS: Final[list[Callable[[Any, str, Any], None]]] = []
"""Functions told of each call of a layer: the layer, its scope and its outputs (see `summary`)."""


class _Signature:
    """A layer's signature is that of its `call`, so that a captured graph's inputs have the names written there."""

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> inspect.Signature | None:
        if layer is None:
            return None
        import inspect

        return inspect.signature(layer.call)


class Layer:
    """An object with parameters and state; called on tensors it records kinds under its scope.

    A subclass writes one method, `call`, on tensors; parameters (`lg.parameter`), states (`lg.state`) and sub-layers
    are found by attribute, also in lists, tuples and dicts. `layer(x)` computes inside a graph; `layer.forward(array)`
    and `layer.backward(dout)` are the books' protocol on plain arrays, with `layer.params` and `layer.grads`.

    The scope of its nodes is its attribute path in the model that owns it ("encoder/0"), else the name it was given,
    else its class name with a number ("affine1"); its parameters are called after the same path ("encoder/0/W").

    >>> import numpy as np, localgrad as lg
    >>> from localgrad.layers import Layer
    >>> class Scale(Layer):
    ...     def __init__(self, factor):
    ...         self.factor = lg.parameter(factor)
    ...
    ...     def call(self, x):
    ...         return x * self.factor
    >>> scale = Scale([3.0])
    >>> scale.forward(np.array([1.0, 2.0], np.float32))
    array([3., 6.], dtype=float32)
    >>> scale.backward(np.array([1.0, 1.0], np.float32)), scale.grads
    (array([3., 3.], dtype=float32), [array([3.], dtype=float32)])
    """

    __slots__ = ("__dict__", "__weakref__", "_inside")

    labels: ClassVar[int] = 0
    """How many of the last inputs are labels: `backward` computes and returns nothing for them."""
    training: bool = True
    """Whether Dropout and BatchNormalization compute as in training (see `train` and `eval`)."""

    _inside: Inside
    __signature__ = _Signature()

    def __new__(cls, *_: Any, **__: Any) -> Self:
        self = object.__new__(cls)
        object.__setattr__(self, "_inside", Inside())
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Leaf, Layer, list, tuple, dict)):
            self._set_member(name, value)
        else:
            old = self.__dict__.get(name)
            if isinstance(old, Leaf) and isinstance(value, _ndarray) and old.role in ("parameter", "state"):
                self._set_member(name, replacement(old, value, name))
                return
            object.__setattr__(self, name, value)
            if isinstance(old, Layer):
                release(self, old)
            if old is not None:
                self._inside.slots = None

    def __delattr__(self, name: str) -> None:
        old = self.__dict__.get(name)
        object.__delattr__(self, name)
        self._inside.slots = None
        if isinstance(old, Layer):
            release(self, old)

    def _set_member(self, name: str, value: Any) -> None:
        if isinstance(getattr(Layer, name, None), property) and name != "name":
            raise LocalgradError(
                f"`{name}` of {type(self).__name__} was to be assigned{user_line()}\n"
                f"found: it follows from the parameters a layer holds\n"
                "do: assign each parameter as an attribute: self.W = lg.parameter(W)"
            )
        if hasattr(Layer, name) and callable(getattr(Layer, name)):
            raise LocalgradError(
                f"`{name}` of {type(self).__name__} was to be assigned{user_line()}\n"
                f"found: layers have a method of that name\ndo: choose another name for the attribute"
            )
        old = self.__dict__.get(name)
        object.__setattr__(self, name, value)
        if isinstance(old, Layer) and old is not value:
            release(self, old)
        self._inside.slots = None
        self._inside.adopted = False
        adopt(self, within(name, value))

    # inside a graph ---------------------------------------------------------------------------------------------
    if TYPE_CHECKING:
        call: Callable[..., Any]
        """What the layer computes, on tensors: the one method a subclass writes."""
    else:

        def call(self, *inputs: Any) -> Any:
            """What the layer computes, on tensors: the one method a subclass writes."""
            found = "it has no method `call`"
            if type(self).forward is not Layer.forward:
                found += ", but a `forward`, which is the books' protocol on arrays and follows from `call`"
            raise NotImplementedError(
                f"the layer {type(self).__name__} was used\nfound: {found}\n"
                "do: write `def call(self, x):` on tensors in its class"
            )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        entered = self._inside.entered
        outer = CONTEXT.get()
        if entered is None or entered[0] is not outer:
            entered = self._enter(outer)
        for x in inputs:
            if x.__class__ is _ndarray or x.__class__ is list:
                inputs = tuple(as_tensor(x) for x in inputs)
                break
        token = CONTEXT.set(entered[1])
        try:
            outputs = self.call(*inputs, **options)
        except TypeError as error:
            trace = error.__traceback__
            if trace is None or trace.tb_next is not None:  # it comes from inside
                raise
            from localgrad.layers.inputs import wrong_inputs

            told = wrong_inputs(self, inputs, options)
            if told is None:
                raise
            raise told from None
        finally:
            CONTEXT.reset(token)
        if OBSERVERS:
            for observe in OBSERVERS:
                observe(self, entered[1].scope, outputs)
        return outputs

    def _enter(self, outer: Context) -> tuple[Context, Context]:
        """The context for its nodes inside another; kept for the next call where nothing but the scope depends on it."""
        inside = self._inside
        if outer.recorder is not None and outer.recorder.traces:
            outer.recorder.read(self, "training")
        owner = owner_of(self)
        if owner is None and inside.owner is not None:  # its owner is gone
            inside.owner = inside.label = None
            inside.adopted = False
        if not inside.adopted or (owner is None and outer.recorder is not None):
            if owner is None and inside.name is None and inside.lone is None:
                inside.lone = self._lone_name()
            adopt(self)
            inside.adopted = True
        label = inside.label if owner is not None else (inside.name or inside.lone)
        if label:
            path = f"{outer.scope}/{label}" if outer.scope else label
            inner = outer.but(scope=path)
        else:
            inner = outer
        entered = (outer, inner)
        if outer.recorder is None and not outer.watchers and outer.tagger is None and outer.site is None:
            inside.entered = entered  # else it would keep what was recorded alive
        return entered

    def _lone_name(self) -> str | None:
        return lone_name(self)

    def _members(self) -> list[tuple[str, Member]]:
        """Its parameters, states and direct sub-layers by path, in the order of definition."""
        found: list[tuple[str, Member]] = []
        for name, value in self.__dict__.items():
            if isinstance(value, (Leaf, Layer, list, tuple, dict)):
                found += within(name, value)
        return found

    @property
    def name(self) -> str:
        """The path of its scope: from the outermost model that owns it, or the name given to it."""
        return path_of(self)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and (not isinstance(name, str) or not name):
            raise LocalgradError(f"a layer's name is a non-empty string; found {name!r}")
        self._inside.name = name
        self._inside.entered = None
        adopt(self)

    def parameters(self) -> Parameters:
        """The parameters by name, in order of definition, one entry for each distinct tensor.

        A name is the attribute path from this layer ("0/W"), the same as in graphs and files, unless the parameter was
        given a name of its own. Further names of a tied parameter stand in `.aliases`.
        """
        return leaves_of(self, "parameter")

    def state(self) -> Parameters:
        """The states (running statistics, random steps) by name, one entry for each distinct tensor."""
        return leaves_of(self, "state")

    def train(self, mode: bool = True) -> Self:
        """Compute as in training from now on, in all sub-layers (`mode=False`: as in evaluation); gives the layer back.

        A captured graph keeps the mode it was captured in, which stands on its nodes.
        """
        for _, layer in layers_of(self):
            layer.training = bool(mode)
            layer._inside.fitted = False
        return self

    def eval(self) -> Self:
        """Compute as in evaluation from now on: Dropout passes on, BatchNormalization uses its running statistics."""
        return self.train(False)

    def graph(self, *examples: Any, name: str | None = None) -> Graph:
        """The graph of `call` with the scopes of its layers, from specs, arrays or tensors (see `lg.capture`).

        Names start at this layer: they are those of `parameters`.

        >>> import localgrad as lg
        >>> from localgrad.layers import Affine, Relu
        >>> graph = lg.Sequential(Affine.create(4, 3, seed=0), Relu()).graph(lg.spec("N", 4))
        >>> [node.name for node in graph.nodes], list(graph.parameters)
        (['0/MatMul#1', '0/Add#1', '1/Relu#1'], ['0/W', '0/b'])
        """
        from localgrad.graph.capturing import capture

        title = name or path_of(self) or type(self).__name__
        with as_root(self):
            return capture(self, *examples, name=title)

    # the books' protocol ----------------------------------------------------------------------------------------
    @property
    def params(self) -> list[NDArray[Any]]:
        """The arrays of the parameters, themselves: writing into one changes the layer."""
        return InPlace(leaf._value for leaf, _ in distinct(self._slots()))

    @property
    def grads(self) -> list[NDArray[Any]]:
        """An array for the gradient of each of `params`, which `backward` writes in place (zeros before the first).

        `backward` overwrites, it does not add: of a weight that two layers share each layer's array holds its own part,
        as in the books, while a model that holds both sums them in the first one's. `loss.backward()` on tensors does
        not touch these arrays.
        """
        return InPlace(array for _, array in distinct(self._slots()))

    def _slots(self) -> list[tuple[Leaf, NDArray[Any]]]:
        """Each parameter with its gradient array, for every place it is held in."""
        inside = self._inside
        if inside.slots is not None:
            return inside.slots
        found: list[tuple[Leaf, NDArray[Any]]] = []
        simple = True
        entered = {id(self)}
        stack: list[tuple[Layer, Any]] = [(self, member) for _, member in reversed(self._members())]
        while stack:
            holder, member = stack.pop()
            if not isinstance(member, Leaf):
                simple = False
                if id(member) not in entered:
                    entered.add(id(member))
                    stack.extend((member, each) for _, each in reversed(member._members()))
            elif member.role == "parameter":
                arrays = holder._inside.arrays
                known = arrays.get(id(member))
                if known is None or known[0] is not member:
                    known = arrays[id(member)] = (member, np.zeros_like(member._value))
                found.append(known)
        if simple and not any(isinstance(value, (list, tuple, dict)) for value in self.__dict__.values()):
            inside.slots = found  # otherwise a container may change unseen
        return found

    def forward(self, *inputs: Any) -> Any:
        """`call` on plain arrays: an ndarray, or a tuple of them where `call` gives several.

        Remembers what `backward` needs until the next forward. Inputs keep their dtype; Python numbers are taken as
        NumPy takes them, of the arrays' dtype where there are arrays.
        """
        inside = self._inside
        inside.record = None
        leaves: list[Leaf | None] = []
        for x in inputs:
            if x.__class__ is _ndarray and x.dtype.kind in "fiub":
                leaves.append(Leaf(x, "input", None, x.dtype.kind == "f"))
            else:
                leaves = as_leaves(inputs)
                break
        if self.labels:
            for leaf in leaves[-self.labels :]:
                if leaf is not None:
                    leaf.requires_grad = False
        context = CONTEXT.get()
        if context.recorder is None and context.tagger is None:
            outcome = self(*leaves)
        else:
            with using(recorder=None, tagger=None, site=None, scope=""):
                outcome = self(*leaves)
        if context.enabled:
            inside.record = (leaves, outcome)
        if isinstance(outcome, Tensor):
            value = outcome._value
            return value if value.__class__ is _ndarray else np.asarray(value)
        return self._several(outcome)

    def _several(self, outcome: Any) -> Any:
        outputs = flatten(outcome)
        for where, each in outputs:
            if not isinstance(each, Tensor):
                raise LocalgradError(
                    f"{self._title()}.forward was called\nfound: `call` returned {type(each).__name__}"
                    f"{' at ' + where if where else ''}\ndo: return tensors, or tuples of them"
                )
        arrays = unflatten(outcome, [np.asarray(each._value) for _, each in outputs])
        return tuple(arrays) if isinstance(arrays, list) else arrays

    def backward(self, *douts: Any, dout: Any = None) -> Any:
        """The gradient of each input of the last `forward`, from those of its outputs; parameters' go to `grads`.

        Without an argument the gradient 1 comes in (losses); `dout=` may be written by name. Gives one array for one input, else a tuple, each of its
        input's shape and None for integers and labels; a loss gives that of its scores only. Raises GradientError
        before any forward, ShapeError where a gradient has not the shape of its output.
        """
        record = self._inside.record
        if record is None:
            raise GradientError(
                f"{self._title()}.backward was called{user_line()}\nfound: no forward has run, or the last one ran under "
                "lg.no_grad()\ndo: call its forward(array) first; for tensors use loss.backward()"
            )
        leaves, outcome = record
        outputs = [outcome] if isinstance(outcome, Tensor) else [each for _, each in flatten(outcome)]
        seeds = self._seeds(outputs, douts if dout is None else (*douts, dout))
        found = sweep(seeds, False, None)
        self._write(found)
        count = len(leaves) - self.labels
        given: list[Any] = []
        for leaf in leaves[:count]:
            pair = found.get(id(leaf)) if leaf is not None else None
            if pair is not None:
                given.append(own_gradient(pair[1], [*(dout for _, dout in seeds), *given]))
            elif leaf is not None and leaf.requires_grad:
                given.append(np.zeros_like(leaf._value))
            else:
                given.append(None)
        return given[0] if count == 1 else tuple(given)

    def _seeds(self, outputs: list[Tensor], douts: tuple[Any, ...]) -> list[tuple[Tensor, Any]]:
        if not douts:
            douts = (None,) * len(outputs)
        elif len(douts) != len(outputs):
            douts = tuple(each for _, each in flatten(list(douts)))
        if len(douts) != len(outputs):
            raise ShapeError(
                f"{self._title()}.backward was given {len(douts)} gradients{user_line()}\n"
                f"found: its forward gave {len(outputs)} outputs\ndo: give the gradient of each output, in order"
            )
        seeds = []
        for output, dout in zip(outputs, douts, strict=True):
            value = output._value
            if dout.__class__ is not _ndarray or dout.shape != value.shape or dout.dtype != value.dtype:
                if output.dtype.kind != "f":
                    continue
                dout = self._checked(output, dout)
            if output.requires_grad:
                seeds.append((output, dout))
        return seeds

    def _checked(self, output: Tensor, dout: Any) -> Any:
        found = "none was given" if dout is None else f"its shape is {format_shape(np.shape(dout))}"
        if np.shape(dout) != output.shape if dout is not None else output.size != 1:
            raise ShapeError(
                f"{self._title()}.backward needs the gradient of its output{user_line()}\n"
                f"found: {found}, and the output has shape {format_shape(output.shape)}\n"
                "do: give an array of that shape (only a loss starts from 1 by itself)"
            )
        return seed_of(output, dout)

    def _write(self, found: dict[int, tuple[Tensor, Any]]) -> None:
        """Copy the gradients found into the arrays of `grads`, the whole of a shared one into its first array."""
        written: dict[int, NDArray[Any]] = {}
        for leaf, array in self._slots():
            first = written.get(id(leaf))
            if first is None:
                written[id(leaf)] = array
                pair = found.get(id(leaf))
                array[...] = 0 if pair is None else pair[1]
            elif first is not array:
                array[...] = 0

    def _title(self) -> str:
        path = path_of(self)
        return f"{path} ({type(self).__name__})" if path else type(self).__name__

    # copying ----------------------------------------------------------------------------------------------------
    def __getstate__(self) -> Any:
        return {"attributes": self.__dict__, "name": self._inside.name}

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state["attributes"])
        self._inside.name = state["name"]

    def _about(self) -> str:
        """What its line in a printed model says in brackets."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._about()})"
