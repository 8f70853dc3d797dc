"""What a layer owns: its parameters, states and sub-layers, found by attribute, with the names that follow from there."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import LocalgradError
from localgrad.graph.source import user_line
from localgrad.graph.tensor import Leaf, Tensor, parameter
from localgrad.nodes.shaping import Transpose

if TYPE_CHECKING:
    from localgrad.layers.layer import Layer

Member: TypeAlias = "Leaf | Layer"


class DefaultName(str):
    """A parameter's name that followed from its attribute path, and follows it when the layer joins a model."""

    __slots__ = ()


class Parameters(dict[str, Tensor]):
    """Tensors by name, one entry for each distinct tensor; `aliases` gives the name behind each further one.

    >>> import localgrad as lg
    >>> from localgrad.layers import Embedding, MatMul
    >>> table = lg.parameter([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> found = lg.Sequential(Embedding(table), MatMul(table.T)).parameters()
    >>> list(found), found.aliases
    (['0/W'], {'1/W': '0/W'})
    """

    def __init__(self, items: Iterable[tuple[str, Tensor]] = (), aliases: dict[str, str] | None = None) -> None:
        super().__init__(items)
        self.aliases: dict[str, str] = aliases or {}


class Inside:
    """What a layer keeps about itself beside the attributes users see."""

    __slots__ = ("adopted", "arrays", "entered", "fitted", "known", "label", "lone", "name", "owner", "record", "slots")

    def __init__(self) -> None:
        self.adopted = False
        """Whether the layers and parameters below it have their names since it last changed."""
        self.entered: tuple[Any, Any] | None = None
        """The context outside and inside of the last call, so that the next one need not make it."""
        self.label: str | None = None
        """The path from the owner to it."""
        self.owner: weakref.ref[Layer] | None = None
        self.name: str | None = None
        """The name the user gave."""
        self.lone: str | None = None
        """The name it got by itself, called without owner or name."""
        self.record: Any = None
        """What the last `forward` made, for `backward`."""
        self.arrays: dict[int, tuple[Leaf, NDArray[Any]]] = {}
        """The gradient array of each parameter, by the parameter's id."""
        self.slots: list[tuple[Leaf, NDArray[Any]]] | None = None
        self.known: dict[str, tuple[Any, Parameters]] = {}
        """What `parameters` and `state` last gave, with the structure it was found in."""
        self.fitted = False
        """Whether a trainer has finished with it (see `mode`)."""


def is_member(value: Any) -> bool:
    """Whether an attribute's value is a parameter, a state or a layer."""
    if isinstance(value, Leaf):
        return value.role in ("parameter", "state")
    return hasattr(value, "_inside")


def within(name: str, value: Any) -> list[tuple[str, Member]]:
    """The members an attribute holds, with their paths: itself, or those in its lists, tuples and dicts, in order."""
    if is_member(value):
        return [(name, value)]
    if not isinstance(value, (list, tuple, dict)):
        return []
    found: list[tuple[str, Member]] = []
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [(name, value)]
    while stack:
        path, item = stack.pop()
        if is_member(item):
            found.append((path, item))
        elif isinstance(item, (list, tuple, dict)) and id(item) not in seen:
            seen.add(id(item))
            pairs = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
            stack.extend((f"{path}/{key}", each) for key, each in reversed(pairs))
    return found


def walk(root: Layer) -> Iterator[tuple[str, Member]]:
    """Every parameter, state and layer below a layer with its path, in the order of definition.

    What several attributes share is given once for each of its paths; a layer inside itself is not entered again.
    """
    stack: list[tuple[str, Any, tuple[int, ...]]] = [("", root, ())]
    while stack:
        path, member, above = stack.pop()
        if path:
            yield path, member
        if not isinstance(member, Leaf) and id(member) not in above:
            chain = (*above, id(member))
            start = f"{path}/" if path else ""
            stack.extend((f"{start}{name}", inner, chain) for name, inner in reversed(member._members()))


def layers_of(root: Layer) -> list[tuple[str, Layer]]:
    """A layer and those below it, each once, with their paths (the first is "")."""
    found: dict[int, tuple[str, Layer]] = {id(root): ("", root)}
    for path, member in walk(root):
        if not isinstance(member, Leaf):
            found.setdefault(id(member), (path, member))
    return list(found.values())


def leaves_of(root: Layer, role: str) -> Parameters:
    """The parameters or states below a layer by name; a tensor met again stands in `aliases`.

    The name is the attribute path, or the one the user gave the tensor where no other tensor has it.
    """
    held = list(walk(root))
    known = root._inside.known.get(role)
    if known is None or known[0] != _structure(root, held):
        adopt(root)
        named = _named([(path, each) for path, each in held if isinstance(each, Leaf) and each.role == role])
        # an optimizer asks at every step, and the structure of a model hardly ever changes
        known = root._inside.known[role] = (_structure(root, held), named)
    return Parameters(known[1].items(), dict(known[1].aliases))


def _structure(root: Layer, held: list[tuple[str, Member]]) -> list[Any]:
    return [
        path_of(root),
        *((path, id(each), each._name if isinstance(each, Leaf) else owner_of(each) is None) for path, each in held),
    ]


def _named(pairs: list[tuple[str, Leaf]]) -> Parameters:
    found = Parameters()
    name_of: dict[int, str] = {}
    paths = {path for path, _ in pairs}
    for path, leaf in pairs:
        known = name_of.get(id(leaf))
        if known is not None:
            if path != known:
                found.aliases[path] = known
            continue
        name = given_name(leaf, path)
        if name in found or (name != path and name in paths):
            name = path
        name_of[id(leaf)] = name
        found[name] = leaf
    return found


def given_name(leaf: Leaf, path: str) -> str:
    """The name the user gave a tensor, or its path; an attribute's own name given to it is no name of its own."""
    name = leaf._name
    if name is None or isinstance(name, DefaultName) or name == path.rsplit("/", 1)[-1]:
        return path
    return name


def path_of(layer: Layer) -> str:
    """The path of a layer in the outermost model that owns it; "" for such a model itself."""
    parts: list[str] = []
    inside = layer._inside
    while inside.owner is not None:
        owner = inside.owner()
        if owner is None:
            break
        parts.append(inside.label or "")
        inside = owner._inside
    parts.append(inside.name or inside.lone or "")
    return "/".join(part for part in reversed(parts) if part)


def owner_of(layer: Layer) -> Layer | None:
    """The layer that holds a layer as an attribute, if any."""
    reference = layer._inside.owner
    return None if reference is None else reference()


def adopt(root: Layer, members: list[tuple[str, Member]] | None = None) -> None:
    """Tell the layers below a layer (or these members of it) their labels, and give parameters and states their names."""
    if members is None:
        members = root._members()
    elif not members:
        return
    ancestors = set()
    each: Layer | None = root
    while each is not None and id(each) not in ancestors:
        ancestors.add(id(each))
        each = owner_of(each)
    named: set[int] = set()
    entered: set[int] = set()
    stack: list[tuple[Layer, str, str, Any]] = []

    def push(layer: Layer, path: str, members: list[tuple[str, Member]]) -> None:
        entered.add(id(layer))
        stack.extend((layer, path, name, member) for name, member in reversed(members))

    push(root, path_of(root), members)
    while stack:
        holder, above, name, member = stack.pop()
        path = f"{above}/{name}" if above else name
        if isinstance(member, Leaf):
            if id(member) not in named:
                named.add(id(member))
                remember(member)
                if given_name(member, path) == path:
                    member._name = DefaultName(path)
        elif id(member) not in entered and id(member) not in ancestors:
            inside = member._inside
            owner = owner_of(member)
            if owner is None:
                inside.owner = weakref.ref(holder)
                inside.lone = None
                inside.label = None
                owner = holder
            if owner is holder:
                if inside.label != name:
                    inside.label = name
                    inside.entered = None
                # or its first call would name a tied parameter after it, not after the first holder
                inside.adopted = True
                push(member, path, member._members())


def release(holder: Layer, layer: Layer) -> None:
    """Forget that a layer belongs to another, which no longer holds it."""
    if owner_of(layer) is holder:
        inside = layer._inside
        inside.owner = inside.label = inside.entered = None
        inside.adopted = False


@contextmanager
def as_root(layer: Layer) -> Iterator[None]:
    """Name what is below a layer as if nothing owned it, for a while."""
    inside = layer._inside
    before = inside.owner, inside.label, inside.name, inside.lone
    inside.owner, inside.label, inside.name, inside.lone = None, None, None, ""
    adopt(layer)
    try:
        yield
    finally:
        inside.owner, inside.label, inside.name, inside.lone = before
        adopt(layer)


_LONE: dict[str, weakref.WeakValueDictionary[int, Layer]] = {}


def lone_name(layer: Layer) -> str:
    """A name for a layer that has no owner: its class's in lower case, with the smallest number no living one has."""
    kind = type(layer).__name__.lower()
    used = _LONE.setdefault(kind, weakref.WeakValueDictionary())
    number = 1
    while (known := used.get(number)) is not None and known._inside.lone == f"{kind}{number}":
        number += 1
    used[number] = layer
    return f"{kind}{number}"


def distinct(slots: list[tuple[Leaf, NDArray[Any]]]) -> list[tuple[Leaf, NDArray[Any]]]:
    """The first pair of each parameter."""
    first: dict[int, tuple[Leaf, NDArray[Any]]] = {}
    for slot in slots:
        first.setdefault(id(slot[0]), slot)
    return list(first.values())


_SHARED: weakref.WeakValueDictionary[int, Leaf] = weakref.WeakValueDictionary()
"""The parameters of layers by the address of their array, so that layers given one array share one parameter."""


def remember(leaf: Leaf) -> None:
    """Let later layers that are given this parameter's array find the parameter."""
    value = leaf._value
    if leaf.role == "parameter" and value.__class__ is np.ndarray and value.size:
        _SHARED[value.ctypes.data] = leaf


def as_parameter(data: Any, what: str) -> tuple[Leaf, bool]:
    """The parameter a layer was given, and whether the layer uses its transpose.

    A parameter is taken as it is. A float array becomes one without being copied, so that code which updates the array
    in place, as in the books, is seen here; two layers given one array, or an array and its transpose, share one
    parameter. Lists are copied. Raises LocalgradError for a computed tensor, DTypeError for integers.
    """
    if isinstance(data, Leaf):
        return data, False
    if isinstance(data, Tensor):
        node = data._node
        if (
            node is not None
            and isinstance(node.kind, Transpose)
            and data.ndim == 2
            and isinstance(node.inputs[0], Leaf)
        ):
            return node.inputs[0], True
        raise LocalgradError(
            f"a computed tensor was given as {what}{user_line()}\n"
            f"found: {f'a {node.kind.name} node made it' if node else 'it is not a leaf'}, so an optimizer cannot change "
            "it\ndo: give the parameter itself and compute with it in the `call` of a layer (W.T of a parameter is allowed)"
        )
    if (
        not isinstance(data, np.ndarray)
        or data.dtype.kind != "f"
        or not data.flags.writeable
        or not data.dtype.isnative
    ):
        return parameter(data), False
    known = _SHARED.get(data.ctypes.data) if data.size else None
    if known is not None and known._value.dtype == data.dtype:
        value = known._value
        if value.shape == data.shape and value.strides == data.strides:
            return known, False
        if data.ndim == 2 and value.shape == data.shape[::-1] and value.strides == data.strides[::-1]:
            return known, True
    leaf = Leaf(data, "parameter", None, True)
    remember(leaf)
    return leaf, False


def replacement(old: Leaf, array: np.ndarray[Any, Any], what: str) -> Leaf:
    """What stands for an array assigned over a parameter or state: one of that role, which holds the array itself."""
    if old.role != "parameter":
        return Leaf(array, old.role, old._name, False)
    leaf, transposed = as_parameter(array, what)
    return Leaf(array, "parameter", None, True) if transposed else leaf
