"""Control flow that graphs hold: cond, scan and loop record one node each, with the functions as its bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.capturing import Recorder, _as_output
from localgrad.graph.context import CONTEXT
from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.graph.kind import Kind
from localgrad.graph.recording import as_input, record
from localgrad.graph.source import user_line
from localgrad.graph.spec import Symbol, as_extent, format_shape, same_extent, same_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, unflatten
from localgrad.nodes.base import as_tensor
from localgrad.transform.bodies import Traced, interned
from localgrad.transform.conditional import If
from localgrad.transform.iteration import Iterated, Loop, Scan

K = TypeVar("K", bound=Kind)


# shared -----------------------------------------------------------------------------------------------------------
def _leaves(tree: Any, what: str) -> list[tuple[str, Any]]:
    """The leaves of an argument with the names messages and bodies call them by."""
    return [(name, as_input(leaf)) for name, leaf in flatten(tree, what)]


def _name(f: Callable[..., Any]) -> str:
    return str(getattr(f, "__name__", type(f).__name__)).strip("<>")


def _output(traced: Traced, where: str, value: Any, like: Tensor | None = None) -> Tensor:
    """What a body gave, as a tensor of its graph; a Python number takes the dtype of what it stands beside."""
    if like is not None and isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        value = Leaf(np.asarray(value, like.dtype), "constant", None, False)
    return _as_output(traced.recorder, where, value)


def _as_they_are(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors to feed a node; eagerly states are copied, since the backward has to see them as they are now."""
    if CONTEXT.get().recorder is not None:
        return list(tensors)
    return [
        Leaf(np.array(x._value), "constant", x._name, False) if isinstance(x, Leaf) and x.role == "state" else x
        for x in tensors
    ]


def _now(state: Leaf) -> Tensor:
    """The value of a state after what the graph being recorded has done to it so far."""
    recorder = CONTEXT.get().recorder
    known = None if recorder is None else recorder.updates.get(id(state))
    return state if known is None else known[1]


def _update(states: Sequence[Leaf], values: Sequence[Tensor]) -> None:
    recorder = CONTEXT.get().recorder
    for state, value in zip(states, values, strict=True):
        if recorder is not None:
            recorder.update(state, value)
        else:
            state.write(value)


def _recorded(kind: Kind, inputs: Sequence[Any]) -> list[Any]:
    made = record(kind, tuple(inputs))
    return list(made) if isinstance(made, tuple) else [made]


def _need_gradient(inputs: Sequence[Any]) -> tuple[bool, ...]:
    return tuple(isinstance(x, Tensor) and x.requires_grad and x.dtype.kind == "f" for x in inputs)


# cond -------------------------------------------------------------------------------------------------------------
def cond(condition: Any, f: Callable[..., Any], g: Callable[..., Any], *arguments: Any) -> Any:
    """What f gives where the condition is true, else what g gives, on the same arguments; only that one is computed.

    The condition is one truth value (a tensor of one entry, or a Python value); where it is a choice by entry use
    `lg.where`. Both functions return the same nesting of tuples, lists and dicts of tensors, of equal shapes and dtypes,
    else ShapeError or DTypeError names the leaf. They are recorded as the bodies of one If node; the tensors they read
    from outside are inputs of the node, so that gradients flow to them, too.

    >>> import localgrad as lg
    >>> x = lg.tensor(3.0, requires_grad=True)
    >>> y = lg.cond(x > 2, lambda x: x * x, lambda x: -x, x)
    >>> y.backward()
    >>> y.item(), x.grad.item(), y.node.kind.name
    (9.0, 6.0, 'If')
    """
    chosen = as_tensor(condition)
    given = _leaves(arguments, "")
    tensors = [(name or "x", leaf) for name, leaf in given if isinstance(leaf, Tensor)]

    def rebuilt(inner: Sequence[Tensor]) -> Any:
        rest = iter(inner)
        return unflatten(arguments, [next(rest) if isinstance(leaf, Tensor) else leaf for _, leaf in given])

    declared = [(f"x/{name}" if name.isdigit() else name, leaf.spec) for name, leaf in tensors]
    traces = [Traced(each, declared, rebuilt) for each in (f, g)]
    results = [flatten(trace.result) for trace in traces]
    _same_tree(results[0], results[1], f, g)
    states = list({id(state): state for trace in traces for state, _ in trace.updates()}.values())
    outputs: list[list[Tensor]] = [[], []]
    for (where, one), (_, other) in zip(*results, strict=True):
        for place, (value, beside) in enumerate(((one, other), (other, one))):
            like = beside if isinstance(beside, Tensor) else None
            outputs[place].append(_output(traces[place], where, value, like))
        _same_spec(where, outputs[0][-1], outputs[1][-1], f, g)
    for trace, made in zip(traces, outputs, strict=True):
        known = {id(state): value for state, value in trace.updates()}
        made += [known[id(state)] if id(state) in known else trace.input(trace.place_of(state)) for state in states]
        trace.carry_names()
    outer = list({id(x): x for trace in traces for x in trace.outer}.values())
    bodies = []
    for trace, made in zip(traces, outputs, strict=True):
        places = [*range(len(tensors)), *(trace.place_of(x) for x in outer)]
        bodies.append(trace.graph(places, made))
    kind = interned(f, If(then_branch=bodies[0], else_branch=bodies[1]))
    outside = [_now(x) if isinstance(x, Leaf) and any(x is state for state in states) else x for x in outer]
    made_all = _recorded(kind, [chosen, *_as_they_are([*(leaf for _, leaf in tensors), *outside])])
    count = len(results[0])
    _update(states, made_all[count:])
    return unflatten(traces[0].result, made_all[:count])


def _same_tree(
    one: list[tuple[str, Any]], other: list[tuple[str, Any]], f: Callable[..., Any], g: Callable[..., Any]
) -> None:
    left, right = [where for where, _ in one], [where for where, _ in other]
    if left == right and left:
        return
    raise ShapeError(
        f"lg.cond was to choose between `{_name(f)}` and `{_name(g)}`{user_line()}\n"
        f"found: one returns {_tree(left)}, the other {_tree(right)}\n"
        "do: return the same nesting of tensors from both, with at least one tensor"
    )


def _tree(places: list[str]) -> str:
    if not places:
        return "nothing"
    return f"{len(places)} tensors at {', '.join(places)}" if places != [""] else "one tensor"


def _same_spec(where: str, one: Tensor, other: Tensor, f: Callable[..., Any], g: Callable[..., Any]) -> None:
    if one.spec == other.spec:
        return
    error = ShapeError if not same_shape(one.shape, other.shape) else DTypeError
    leaf = f"the result at {where!r}" if where else "the result"
    raise error(
        f"lg.cond was to choose between `{_name(f)}` and `{_name(g)}`{user_line()}\n"
        f"found: {leaf} is {one.dtype}{format_shape(one.shape)} in one and {other.dtype}{format_shape(other.shape)} in "
        "the other\ndo: give both the same shape and dtype (lg.zeros_like, .astype)"
    )


# scan and loop ----------------------------------------------------------------------------------------------------
class Steps:
    """A step function recorded: its body, what its node is fed with, and the trees its results belong to."""

    def __init__(self, called: str, f: Callable[..., Any], carry: Any, parts: Any) -> None:
        self.called, self.f, self.carry = called, f, carry
        self.recorded: tuple[Kind, list[Any]] | None = None
        self.parts = [(name, as_tensor(leaf)) for name, leaf in flatten(parts, "x")]
        self.starts: list[tuple[str, Tensor]] = []
        leaves = flatten(carry, "carry")
        # a Python number has no dtype of its own: it takes that of what a step makes of it
        weak = [place for place, (_, leaf) in enumerate(leaves) if isinstance(leaf, (bool, int, float))]
        numbers = [place for place in weak if not hasattr(leaves[place][1], "dtype")]
        dtypes = self._after_a_step(leaves, parts) if numbers else {}
        for place, (name, leaf) in enumerate(leaves):
            start = leaf if isinstance(leaf, Tensor) else Leaf(as_array(leaf), "constant", None, False)
            if place in numbers and dtypes.get(place, start.dtype) != start.dtype:
                start = Leaf(np.asarray(leaf, dtypes[place]), "constant", None, False)
            self.starts.append((name, start))
        self._trace(parts)
        self._check_carries()

    def _after_a_step(self, leaves: list[tuple[str, Any]], parts: Any) -> dict[int, np.dtype[Any]]:
        """The dtypes of the carry after a step on its numbers as they are; nothing where the step needs tensors."""
        places = [place for place, (_, leaf) in enumerate(leaves) if isinstance(leaf, Tensor)]
        declared = [(leaves[place][0], leaves[place][1].spec) for place in places]
        declared += [(name, part.spec.with_shape(part.shape[1:])) for name, part in self.parts]

        def rebuilt(inner: Sequence[Tensor]) -> Any:
            given = [leaf for _, leaf in leaves]
            for place, tensor in zip(places, inner, strict=False):
                given[place] = tensor
            carry = unflatten(self.carry, given)
            return (carry, unflatten(parts, inner[len(places) :])) if self.called == "lg.scan" else (carry,)

        try:
            result = Traced(self.f, declared, rebuilt).result
            after = flatten(result[0] if self.called == "lg.scan" else result)
        except Exception:  # the step proper says what is wrong, if something is
            return {}
        return {place: leaf.dtype for place, (_, leaf) in enumerate(after) if isinstance(leaf, Tensor)}

    def _trace(self, parts: Any) -> None:
        count = len(self.starts)

        def rebuilt(inner: Sequence[Tensor]) -> Any:
            carry = unflatten(self.carry, inner[:count])
            return (carry, unflatten(parts, inner[count:])) if self.called == "lg.scan" else (carry,)

        declared = [(name, start.spec) for name, start in self.starts]
        declared += [(name, part.spec.with_shape(part.shape[1:])) for name, part in self.parts]
        self.traced = Traced(self.f, declared, rebuilt)
        result = self.traced.result
        if self.called == "lg.scan":
            if not isinstance(result, tuple) or len(result) != 2:
                what = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
                raise ShapeError(
                    f"lg.scan was to run `{_name(self.f)}` at each step{user_line()}\nfound: it returns {what}\n"
                    "do: return two things, the new carry and what to stack: `return carry, y` (y may be None)"
                )
            carried, self.stacked_tree = result
        else:
            carried, self.stacked_tree = result, None
        found = flatten(carried, "carry")
        before, after = [name for name, _ in self.starts], [name for name, _ in found]
        if before != after:
            raise ShapeError(
                f"{self.called} was to run `{_name(self.f)}` at each step{user_line()}\n"
                f"found: the carry goes in as {_tree(before)}, and comes out as {_tree(after)}\n"
                "do: return a carry of the same nesting as the one given"
            )
        self.carried = [
            _output(self.traced, name, value, self.traced.input(place)) for place, (name, value) in enumerate(found)
        ]
        self.stacked = [_output(self.traced, name, value) for name, value in flatten(self.stacked_tree, "y")]

    def _check_carries(self) -> None:
        for (name, start), found in zip(self.starts, self.carried, strict=True):
            if found.spec == start.spec:
                continue
            error = ShapeError if not same_shape(found.shape, start.shape) else DTypeError
            raise error(
                f"{self.called} was to carry {name!r} through `{_name(self.f)}`{user_line()}\n"
                f"found: it goes in as {start.dtype}{format_shape(start.shape)} and comes out as "
                f"{found.dtype}{format_shape(found.shape)}\n"
                "do: give the first carry the shape and dtype it has after a step, or convert it in the step (.astype)"
            )

    def run(self, kind: type[Iterated], lead: Sequence[Any], **fields: Any) -> Any:
        """Record the node; the final carry and the stacked values, as the trees they were."""
        traced = self.traced
        updates = traced.updates()
        states = [state for state, _ in updates]
        moved = [traced.place_of(state) for state in states]
        traced.carry_names()
        first, count = len(self.starts), len(self.starts) + len(self.parts)
        outer = [count + number for number in range(len(traced.outer)) if count + number not in moved]
        places = [*range(first), *moved, *range(first, count), *outer]
        outputs = [*self.carried, *(value for _, value in updates), *self.stacked]
        if not outputs:
            return self.carry, self.stacked_tree
        carries = first + len(states)
        body = traced.graph(places, outputs)
        made: Any = interned(self.f, kind(body=body, carries=carries, scanned=len(self.parts), **fields))
        starts = [start for _, start in self.starts] + [_now(state) for state in states]
        outside = [traced.outer[place - count] for place in outer]
        inputs = [*lead, *_as_they_are([*starts, *(part for _, part in self.parts), *outside])]
        if CONTEXT.get().enabled and any(_need_gradient(inputs)):
            given = [tensor.dtype.kind == "f" for tensor in body.outputs]
            made = made.keeping(given, _need_gradient(inputs[len(lead) :]))
        self.recorded = made, inputs
        results = _recorded(made, inputs)
        _update(states, results[first:carries])
        final = unflatten(self.carry, results[:first])
        stacked = results[carries : carries + len(self.stacked)]
        return final, unflatten(self.stacked_tree, stacked)


def scan(
    f: Callable[..., Any], init: Any, xs: Any = None, length: Any = None, reverse: bool = False
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` for each entry x of xs along the first axis; the final carry, and all y stacked.

    As in JAX: `init` is the first carry, `xs` what is scanned, each any nesting of tuples, lists and dicts of tensors;
    with `xs=None` f gets None and `length` says how many steps. `reverse` goes from the last entry to the first, and y
    still stands at the place of its x. The carry keeps its nesting, shapes and dtypes, else ShapeError or DTypeError
    names the leaf; y may be None. f is recorded once, as the body of one Scan node; tensors it reads from outside are
    inputs of the node. Its gradient of any order is a Scan the other way.

    >>> import localgrad as lg
    >>> total, sums = lg.scan(lambda total, x: (total + x, total + x), 0.0, lg.tensor([1.0, 2.0, 3.0]))
    >>> total.item(), sums.data
    (6.0, array([1., 3., 6.], dtype=float32))
    """
    steps = Steps("lg.scan", f, init, xs)
    for name, part in steps.parts:
        head = steps.parts[0]
        if not part.ndim:
            raise ShapeError(
                f"lg.scan was to go along the first axis of {name!r}{user_line()}\nfound: shape (), which has no axis\n"
                "do: give `xs` a first axis with an entry for each step, or xs=None and length=steps"
            )
        if not same_extent(part.shape[0], head[1].shape[0]):
            raise ShapeError(
                f"lg.scan was to go along the first axis of {name!r}{user_line()}\nfound: shape "
                f"{format_shape(part.shape)}, and {head[0]!r} has {format_shape(head[1].shape)}\n"
                "do: give everything that is scanned the same length first (lg.swapaxes moves a batch axis)"
            )
    if length is not None:
        length = length if isinstance(length, Symbol) else as_extent(length)
    if steps.parts:
        found = steps.parts[0][1].shape[0]
        if length is not None and not same_extent(found, length):
            raise ShapeError(
                f"lg.scan was asked for {length} steps{user_line()}\nfound: xs has {found} entries\n"
                "do: leave `length` out, or cut xs (xs[:length])"
            )
        length = None
    elif length is None:
        raise ShapeError(
            f"lg.scan was called{user_line()}\nfound: neither xs to scan nor a length\n"
            "do: give length=, or use lg.loop where the number of steps is a tensor"
        )
    return steps.run(Scan, (), length=length, reverse=bool(reverse))  # type: ignore[no-any-return]


_LOOPS: WeakKeyDictionary[Recorder, list[int]] = WeakKeyDictionary()


def _extent_name() -> str:
    """The name of the unknown length of what a loop stacks, one for each loop of a graph."""
    recorder = CONTEXT.get().recorder
    if recorder is None:
        return "steps"
    while recorder.outer is not None:
        recorder = recorder.outer
    count = _LOOPS.setdefault(recorder, [0])
    count[0] += 1
    return "steps" if count[0] == 1 else f"steps{count[0]}"


def loop(count: Any, f: Callable[[Any], Any], init: Any) -> Any:
    """Run `carry = f(carry)` `count` times, from `init` on; the final carry.

    `count` is an integer, or a tensor that holds one, which is then known only when the graph runs; a number of the
    round can be carried along. The carry is any nesting of tensors and keeps its shapes and dtypes, else ShapeError or
    DTypeError names the leaf. Recorded as one Loop node, differentiable to any order: what the gradient reads of each
    round is kept. Raises DataError for a negative count.

    >>> import localgrad as lg
    >>> x = lg.tensor(3.0, requires_grad=True)
    >>> y = lg.loop(lg.tensor(2), lambda value: value * value, x)
    >>> y.backward()
    >>> y.item(), x.grad.item()
    (81.0, 108.0)
    """
    rounds = as_input(count)
    if not isinstance(rounds, Tensor) and (isinstance(rounds, bool) or not isinstance(rounds, int)):
        raise DTypeError(
            f"lg.loop was asked for {count!r} rounds{user_line()}\nfound: no integer\ndo: give an int or an integer tensor"
        )
    steps = Steps("lg.loop", f, init, None)
    if not steps.starts:
        raise ShapeError(f"lg.loop was called without a carry{user_line()}\ndo: give init at least one tensor")
    final, _ = steps.run(Loop, (rounds,), extent=_extent_name())
    return final
