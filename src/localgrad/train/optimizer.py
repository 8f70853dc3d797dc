"""Optimizer: one rule of tensors for one parameter, and what it keeps between steps."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import CheckpointError, DTypeError, GradientError, LocalgradError, ShapeError
from localgrad.graph.kind import Value
from localgrad.graph.quiet import QUIET, WARNINGS
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor, state
from localgrad.nodes.branching import Clip
from localgrad.train.clipping import clip_factor, finite_norm
from localgrad.train.entry import Entry, Pack, packed
from localgrad.train.missing import Reported, report_missing, report_unclaimed
from localgrad.train.targets import Named, Target, named_leaves

__all__ = ["Optimizer"]

OPTIMIZERS: Final[weakref.WeakSet[Optimizer]] = weakref.WeakSet()
"""Every optimizer there is, to say whose a parameter is."""


class Optimizer:
    """How parameters change by their gradients: a subclass writes `rule`, one function of tensors.

    `rule(parameter, gradient, state, rate, step)` gives the new parameter and the new state; `state` is a tuple with one
    tensor of the parameter's shape for each name in `slots`, zeros at first; `step` counts this parameter's steps from 1.
    It is written in operators and kinds, so that it runs on arrays, on tensors, and in compiled and exported graphs.
    Elementwise rules see a flat piece of a large parameter at a time; a rule that looks at the whole parameter says
    `elementwise = False`.

    `weight_decay` adds that multiple of the parameter to its gradient. `clip_value` limits each entry of the gradients,
    `clip_norm` the norm of all of them together. `missing` says what happens where some parameters have no new gradient:
    "warn" (once for each, and they stay as they are), "skip" or "error". Frozen parameters are passed over. `lr` is
    another name of `learning_rate`, here and as an attribute.

    >>> import numpy as np, localgrad as lg
    >>> class SignDescent(lg.Optimizer):
    ...     def rule(self, parameter, gradient, state, rate, step):
    ...         return parameter - rate * np.sign(gradient), state
    >>> W = lg.parameter([1.0, -2.0], name="W")
    >>> (W * W).sum().backward()
    >>> SignDescent(0.5).step(W)
    >>> W.data
    array([ 0.5, -1.5], dtype=float32)
    """

    slots: tuple[str, ...] = ()
    """The names of the states it keeps for each parameter."""
    elementwise: ClassVar[bool] = True
    """Whether each entry of a parameter changes by the same entry of its gradient and states alone."""
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameter itself (AdamW) instead of being added to the gradient."""

    def __init__(
        self,
        learning_rate: float = 1e-2,
        *,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        missing: Literal["warn", "skip", "error"] = "warn",
        lr: float | None = None,
    ) -> None:
        self._rate = state(np.zeros(()), name="learning_rate")
        self.learning_rate = learning_rate if lr is None else lr
        self.weight_decay = _number(self, "weight_decay", weight_decay)
        self.clip_norm = None if clip_norm is None else _number(self, "clip_norm", clip_norm, positive=True)
        self.clip_value = None if clip_value is None else _number(self, "clip_value", clip_value, positive=True)
        if missing not in ("warn", "skip", "error"):
            raise LocalgradError(f'missing is "warn", "skip" or "error"; found {missing!r}')
        self.missing = missing
        self._entries: dict[int, Entry] = {}
        self._listed: dict[Any, Entry] = {}
        self._unchecked = True
        self._unpacked = True
        self._reported = Reported()
        OPTIMIZERS.add(self)

    # the rule ---------------------------------------------------------------------------------------------------
    def rule(
        self, parameter: Value, gradient: Value, state: tuple[Value, ...], rate: Value, step: Value
    ) -> tuple[Value, tuple[Value, ...]]:
        """The new parameter and the new state."""
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def full_rule(
        self, parameter: Value, gradient: Value, state: tuple[Value, ...], rate: Value, step: Value
    ) -> tuple[Value, tuple[Value, ...]]:
        """The rule with weight decay and `clip_value`: all of a step that concerns one parameter alone."""
        if self.clip_value is not None:
            gradient = Clip.on(gradient, -self.clip_value, self.clip_value)
        if self.weight_decay:
            if self.decoupled:
                parameter = parameter * (1 - rate * self.weight_decay)
            else:
                gradient = gradient + self.weight_decay * parameter
        return self.rule(parameter, gradient, state, rate, step)

    # the learning rate ------------------------------------------------------------------------------------------
    @property
    def learning_rate(self) -> float:
        """The factor of the next step; schedules and users may set it at any time."""
        return self._rate._value.item()  # type: ignore[no-any-return]

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate._value[...] = _number(self, "learning_rate", rate)

    @property
    def lr(self) -> float:
        """Another name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self.learning_rate = rate

    # stepping ---------------------------------------------------------------------------------------------------
    def step(self, target: Target) -> None:
        """Change the parameters of a model, dict or list of tensors, or one tensor, in place, by their last gradients.

        A gradient is used once: one that a step has used, or that is left from an older `backward`, counts as missing.
        Raises GradientError where all are missing, NonFiniteError where `clip_norm` meets a gradient that is not finite;
        nothing is changed then.
        """
        recorder = CONTEXT.get().recorder
        if recorder is not None and recorder.traces:
            from localgrad.train.traced import trace_step

            trace_step(self, named_leaves(target), recorder)
            return
        self.take_step(named_leaves(target))

    def take_step(self, named: Named, clip_norm: float | None = None, check_finite: bool = False) -> float | None:
        """`step` on named tensors; gives the norm of all gradients where it was needed."""
        found = self._gradients(named)
        if self._unchecked:
            self._unchecked = not report_unclaimed(self, OPTIMIZERS, self._reported)
        norm = self._advance(found, clip_norm, check_finite)
        for entry, _ in found:
            leaf = entry.leaf
            leaf._pass = -leaf._pass  # used: a later step takes it for missing
            leaf._fresh = False
        return norm

    def update(self, params: Any, grads: Any) -> None:
        """Change plain arrays in place by their gradients: the books' loop, `optimizer.update(net.params, net.grads)`.

        Both are lists of arrays in the same order, or dicts with the same keys. States belong to the position in the
        list (the key in the dict), so give the same arrays in the same order each time. Raises ShapeError or DTypeError.

        >>> import numpy as np, localgrad as lg
        >>> params = [np.array([1.0, 2.0])]
        >>> lg.SGD(0.1).update(params, [np.array([10.0, 10.0])])
        >>> params[0]
        array([0., 1.])
        """
        keys = list(params) if isinstance(params, Mapping) else list(range(len(params)))
        if len(params) != len(grads):
            raise ShapeError(
                f"{type(self).__name__}.update was given {len(params)} parameters and {len(grads)} gradients"
                f"{user_line()}; give one gradient for each parameter"
            )
        pairs = []
        for key in keys:
            gradient = np.asarray(grads[key])
            entry = self._entry_of_array(key, params[key])
            if gradient.shape != entry.leaf.shape:
                raise ShapeError(
                    f"{type(self).__name__}.update was given a gradient of shape {format_shape(gradient.shape)}{user_line()}\n"
                    f"found: its parameter, {entry.name}, has shape {format_shape(entry.leaf.shape)}\n"
                    "do: give the gradients in the order of the parameters"
                )
            pairs.append((entry, gradient))
        self._advance(pairs)

    def _gradients(self, named: Named) -> list[tuple[Entry, NDArray[Any]]]:
        newest = 0
        for _, leaf in named:
            if leaf.requires_grad and leaf._grad is not None and leaf._pass > newest:
                newest = leaf._pass
        found = []
        absent = []
        entries = self._entries
        for name, leaf in named:
            if not leaf.requires_grad:
                continue
            number = leaf._pass
            gradient = leaf._grad
            # a gradient assigned by hand belongs to no backward pass
            if gradient is not None and number > 0 and (number == newest or not leaf._loss):
                entry = entries.get(id(leaf))
                if entry is None:
                    entry = self._enter(leaf, name)
                found.append((entry, gradient))
            else:
                absent.append((name, leaf))
        if absent:
            report_missing(self, absent, bool(found), self._reported)
        elif not found:
            what = "all of them are frozen (requires_grad is False)" if named else "there are none"
            raise GradientError(
                f"{type(self).__name__}.step was to change parameters{user_line()}\nfound: {what}\n"
                "do: give it a model or tensors that require a gradient"
            )
        return found

    def _advance(
        self,
        found: Sequence[tuple[Entry, NDArray[Any]]],
        clip_norm: float | None = None,
        check_finite: bool = False,
    ) -> float | None:
        """Change what has these gradients; the norm of all of them, where it is needed to clip or to check."""
        if clip_norm is None:
            clip_norm = self.clip_norm
        rate = self._rate._value.item()
        if self._unpacked:
            if self.elementwise:
                packed([entry for entry, _ in found])
            self._unpacked = False
        packs: list[Pack] = []
        alone = []
        norm, factor = None, 1.0
        token = WARNINGS.set(QUIET)
        try:
            for entry, gradient in found:
                pack = entry.pack
                if pack is None:
                    alone.append((entry, gradient))
                elif pack.waits_for(entry, gradient):
                    packs.append(pack)
            if clip_norm is not None:  # gradient by gradient: a resumed run may have them in other packs
                norm = finite_norm(found)
                factor = clip_factor(norm, clip_norm)
            elif check_finite:
                gathered = [*[each for _, each in alone], *[g for pack in packs for g in pack.gathered()]]
                norm = finite_norm(found, gathered)
            for entry, gradient in alone:
                entry.advance(self.full_rule, gradient, factor, rate)
            for pack in packs:
                pack.advance(self.full_rule, factor, rate)
        except BaseException:
            for pack in packs:
                pack.forget()
            raise
        finally:
            WARNINGS.reset(token)
        return norm

    def has(self, leaf: Leaf) -> bool:
        """Whether it has changed a parameter and keeps states for it."""
        return id(leaf) in self._entries

    def entries(self) -> list[Entry]:
        """What it keeps, parameter by parameter."""
        return list(self._entries.values())

    # what it keeps ----------------------------------------------------------------------------------------------
    def _enter(self, leaf: Leaf, name: str) -> Entry:
        taken = {entry.name for entry in self._entries.values()}
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}#{number}", number + 1
        entry = self._entries[id(leaf)] = Entry(leaf, unique, self.slots, self.elementwise)
        self._unchecked = self._unpacked = True
        return entry

    def _entry_of_array(self, key: Any, array: Any) -> Entry:
        entry = self._listed.get(key)
        if entry is not None and entry.leaf._value is array:
            return entry
        name = f"params[{key!r}]"
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or not array.flags.writeable:
            found = f"a {type(array).__name__}" if not isinstance(array, np.ndarray) else f"an array of {array.dtype}"
            if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                found = "a read-only array"
            raise DTypeError(
                f"{type(self).__name__}.update changes arrays of floats in place{user_line()}\nfound: {name} is {found}\n"
                "do: give writable float arrays (np.zeros(shape)); for tensors use step(...)"
            )
        leaf = Leaf(array, "parameter", name, True)
        if entry is None:
            entry = self._listed[key] = Entry(leaf, name, self.slots, self.elementwise)
            self._unpacked = True
        elif entry.leaf.shape == array.shape and entry.leaf.dtype == array.dtype:
            new = Entry(leaf, name, self.slots, self.elementwise)
            for fresh, old in zip([*new.states, new.count], [*entry.states, entry.count], strict=True):
                fresh._value[...] = old._value
            entry = self._listed[key] = new
        else:
            raise ShapeError(
                f"{type(self).__name__}.update was given {name} of shape {format_shape(array.shape)}{user_line()}\n"
                f"found: it had shape {format_shape(entry.leaf.shape)} before, and the states kept for it fit that\n"
                "do: give the same parameters in the same order each time, or make a new optimizer"
            )
        return entry

    def state(self) -> dict[str, Leaf]:
        """Everything it keeps between steps, as state tensors by name: `learning_rate`, `step/<name>`, `<slot>/<name>`."""
        found = {"learning_rate": self._rate}
        for entry in (*self._entries.values(), *self._listed.values()):
            found[f"step/{entry.name}"] = entry.count
            for slot, leaf in zip(self.slots, entry.states, strict=True):
                found[f"{slot}/{entry.name}"] = leaf
        return found

    def load_state(self, values: Mapping[str, Any], target: Target) -> None:
        """Take the states `state` gave (as arrays or tensors), for the parameters of `target`.

        Raises CheckpointError, which names every difference, and has then changed nothing.
        """
        self.adopt_state(*self.read_state(values, target))

    def read_state(self, values: Mapping[str, Any], target: Target) -> tuple[dict[int, Entry], float]:
        """The entries and learning rate `load_state` would set; raises what it raises."""
        arrays = {name: np.asarray(v._value if isinstance(v, Tensor) else v) for name, v in values.items()}
        left = set(arrays)
        wrong = []

        def take(name: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
            left.discard(name)
            if name not in arrays:
                wrong.append(f"{name}: missing")
            elif arrays[name].shape != shape:
                wrong.append(f"{name}: shape {format_shape(arrays[name].shape)}, needed {format_shape(shape)}")
            else:
                return arrays[name]
            return None

        rate = take("learning_rate", ())
        entries: dict[int, Entry] = {}
        for name, leaf in named_leaves(target):
            if f"step/{name}" not in arrays:
                continue
            entry = Entry(leaf, name, self.slots, self.elementwise)
            for key, into in (
                (f"step/{name}", entry.count),
                *((f"{s}/{name}", e) for s, e in zip(self.slots, entry.states)),
            ):
                array = take(key, into.shape)
                if array is not None:
                    into._value[...] = array
            entries[id(leaf)] = entry
        wrong += [
            f"{name}: {type(self).__name__} keeps nothing of that name for these parameters" for name in sorted(left)
        ]
        if wrong or rate is None:
            listed = "".join(f"\n  {line}" for line in wrong)
            raise CheckpointError(
                f"states were to be loaded into {self}\nfound: {len(wrong)} differences, so nothing was loaded{listed}\n"
                "do: use the same optimizer and the same model as when they were saved"
            )
        return entries, float(rate)

    def adopt_state(self, entries: dict[int, Entry], rate: float) -> None:
        """Use what `read_state` gave."""
        self.learning_rate = rate
        self._entries = entries
        self._unpacked = True

    # itself -----------------------------------------------------------------------------------------------------
    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name != "_reported"}
        kept["_entries"] = [(e.leaf, e.name, e.states, e.count) for e in self._entries.values()]
        kept["_listed"] = [(key, e.leaf, e.name, e.states, e.count) for key, e in self._listed.items()]
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        apart = self.elementwise
        entries = [Entry.of(leaf, name, states, count, apart) for leaf, name, states, count in kept["_entries"]]
        self._entries = {id(entry.leaf): entry for entry in entries}
        self._listed = {
            key: Entry.of(leaf, name, states, count, apart) for key, leaf, name, states, count in kept["_listed"]
        }
        self._reported = Reported()
        self._unpacked = True
        OPTIMIZERS.add(self)

    def options(self) -> dict[str, Any]:
        """Its settings by name, without the learning rate."""
        common = {"weight_decay": 0.0, "clip_norm": None, "clip_value": None, "missing": "warn"}
        own = {k: v for k, v in self.__dict__.items() if not k.startswith("_") and k not in common and k != "slots"}
        return own | {name: getattr(self, name) for name, usual in common.items() if getattr(self, name) != usual}

    def __repr__(self) -> str:
        listed = "".join(f", {name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({self.learning_rate:g}{listed})"


def _number(owner: Optimizer, name: str, value: Any, positive: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise LocalgradError(
            f"{name} of {type(owner).__name__} is a number\nfound: a {type(value).__name__}\n"
            "do: give the learning rate first, and the model or its parameters to step(...)"
        ) from None
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        raise LocalgradError(
            f"{name} of {type(owner).__name__} is a number {'above 0' if positive else 'from 0 on'}\nfound: {number!r}\n"
            "do: rates from 0.1 down to 0.0001 are usual; to go uphill, change the sign of the loss"
            if name == "learning_rate"
            else f"{name} of {type(owner).__name__} is a number {'above 0' if positive else 'from 0 on'}; found {number!r}"
        )
    return number
