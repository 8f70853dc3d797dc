"""Paths: how a gradient gets from a loss to a parameter, and at which node it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localgrad.graph.history import History
from localgrad.graph.node import Node
from localgrad.graph.reading import READINGS, Reading, fingerprint, same_print
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.transform.failure import place_of

LISTED = 3


def why_no_gradient(outputs: Tensor | Sequence[Tensor], parameter: Tensor) -> str:
    """One sentence on why a backward from these outputs gave a parameter no gradient; empty where a path leads to it.

    Names the parameter and the last node on its way: one that is not differentiable, or whose rule gave nothing.

    >>> import localgrad as lg, numpy as np
    >>> W = lg.parameter([1.0, 2.0], name="W")
    >>> b = lg.parameter(1.0, name="b")
    >>> loss = (W * lg.argmax(W + b).astype(np.float32)).sum()
    >>> loss.backward()
    >>> print(why_no_gradient(loss, b))  # doctest: +ELLIPSIS
    `b` got no gradient: `ArgMax#1` at ... is not differentiable
    """
    return Paths(outputs).why(parameter)


class Paths:
    """What lies between outputs and the parameters they were computed from; asked for many parameters, walked once."""

    def __init__(self, outputs: Tensor | Sequence[Tensor]) -> None:
        self.outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        self.history = History.of(self.outputs)
        self._inside = {id(leaf) for leaf in self.history.leaves}

    def why(self, parameter: Tensor) -> str:
        """One sentence on why a parameter got no gradient; see `why_no_gradient`."""
        reason = self.reason(parameter)
        return f"`{parameter.name}` got no gradient: {reason}" if reason else ""

    def reason(self, parameter: Tensor) -> str:
        """Why a parameter got no gradient, without its name in front; empty where a path leads to it."""
        end = ", ".join(f"`{self._name(output)}`" for output in self.outputs)
        if not parameter.requires_grad:
            return "it is frozen (requires_grad is False)"
        if not any(output.requires_grad for output in self.outputs) or id(parameter) not in self._inside:
            reading = self.reading(parameter)
            if reading is not None:
                return f"its path ends at {reading.what()}, {reading}"
        if id(parameter) not in self._inside:
            return f"{end} was not computed from it{self._elsewhere(parameter)}"
        ends, whole = self.follow(parameter)
        if not whole and ends:
            shown = "; ".join(ends[:LISTED])
            return shown + (f"; {len(ends) - LISTED} further paths end, too" if len(ends) > LISTED else "")
        return self._given_nothing(parameter)

    def follow(self, parameter: Tensor) -> tuple[list[str], bool]:
        """Where paths from a parameter end, nearest to the outputs first; and whether one leads to an output."""
        reached = {id(parameter)}
        ends: list[str] = []
        for node in self.history.nodes:
            inputs = [x for x in node.inputs if isinstance(x, Tensor) and id(x) in reached]
            if not inputs:
                continue
            outputs = [tensor for tensor in self.history.outputs[node.order] if tensor is not None]
            going = [tensor for tensor in outputs if tensor.requires_grad]
            reached.update(map(id, going))
            if not going and outputs:
                ends.append(self._end(node, outputs[0], inputs[0]))
        return ends[::-1], any(id(output) in reached for output in self.outputs)

    def blocked(self) -> list[str]:
        """The nodes at which paths from what requires a gradient end, nearest to the outputs first."""
        origin = {id(leaf): leaf for leaf in self.history.leaves if leaf.requires_grad}
        ends: list[str] = []
        for node in self.history.nodes:
            source = next((x for x in node.inputs if isinstance(x, Tensor) and id(x) in origin), None)
            if source is None:
                continue
            outputs = [tensor for tensor in self.history.outputs[node.order] if tensor is not None]
            going = [tensor for tensor in outputs if tensor.requires_grad]
            origin.update((id(tensor), origin[id(source)]) for tensor in going)
            if not going and outputs:
                start = self._name(origin[id(source)])
                ends.append(f"The path from `{start}` ends: {self._end(node, outputs[0], source)}")
        return ends[::-1]

    def _elsewhere(self, parameter: Tensor) -> str:
        hidden = self.hidden()
        if hidden:
            return f", unless under no_grad: {hidden}"
        for reading in reversed(tuple(READINGS)):
            if any(leaf is parameter for leaf in reading.leaves()):
                return f"; {reading.what()}, which was, was {reading}"
        return ""

    def hidden(self) -> str:
        """The tensors that have a value but neither a node nor a leaf's role: computed under no_grad, or unchained."""
        names = [
            f"`{leaf._name}`" if leaf._name else f"a {leaf.dtype} of shape {leaf.shape}"
            for leaf in self.history.leaves
            if leaf.__class__ is Tensor and leaf._node is None and not leaf.is_symbolic
        ]
        return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")

    def reading(self, parameter: Tensor | None = None) -> Reading | None:
        """The reading whose value went on into the outputs (known by the value), of this parameter if one is given."""
        prints = self._constants()
        for reading in reversed(tuple(READINGS)):
            if any(same_print(reading.print, known) for known in prints) and (
                parameter is None or any(leaf is parameter for leaf in reading.leaves())
            ):
                return reading
        return None

    def _constants(self) -> list[Any]:
        values = [leaf._value for leaf in self.history.leaves if not leaf.requires_grad and not leaf.is_symbolic]
        values += [x for node in self.history.nodes for x in node._inputs if x.__class__ is float]
        return [fingerprint(value) for value in values if not isinstance(value, (bool, int))]

    def _end(self, node: Node, made: Tensor, source: Tensor) -> str:
        name, kind = f"`{self._name(made)}`{place_of(node)}", node.kind
        if kind.name == "StopGradient":
            return f"{name} lets no gradient through"
        if not kind.differentiable:
            return f"{name} is not differentiable"
        if made.dtype.kind != "f":
            return f"{name} is {made.dtype}, and only floats have a gradient"
        return f"{name} was computed while `{self._name(source)}` required none"

    def _given_nothing(self, parameter: Tensor) -> str:
        """The node whose output has a gradient and whose rule sent none on towards the parameter, where one is seen."""
        towards = {id(parameter)}
        last = ""
        for node in self.history.nodes:
            outputs = [tensor for tensor in self.history.outputs[node.order] if tensor is not None]
            for index, x in enumerate(node.inputs):
                if not isinstance(x, Tensor) or id(x) not in towards:
                    continue
                towards.update(id(tensor) for tensor in outputs if tensor.requires_grad)
                if x._grad is None and any(tensor._grad is not None for tensor in outputs):
                    name = f"`{self._name(outputs[0])}`{place_of(node)}"
                    last = f"the rule of {node.kind.name} at {name} gives none to its input {index}"
        return last

    def _name(self, tensor: Tensor) -> str:
        if isinstance(tensor, Leaf) and tensor._node is None and tensor._name:
            return tensor._name
        return self.history.names().get(id(tensor)) or tensor.name


def detached(outputs: Sequence[Tensor], since: int) -> list[str]:
    """What is known of why nothing behind outputs requires a gradient; `since` is the moment of the last backward."""
    paths = Paths(outputs)
    reading = paths.reading()
    if reading is not None:
        leaves = reading.leaves()
        start = f"The path from `{leaves[0].name}` ends" if leaves else "A path ends"
        return [f"{start} at {reading.what()}: {reading}"]
    said = paths.blocked()[:LISTED]
    hidden = paths.hidden()
    if hidden:
        said.append(f"Computed under no_grad, or unchained: {hidden}")
    if said:
        return said
    starts = [leaf for leaf in paths.history.leaves if not any(leaf is output for output in outputs)]
    if starts:
        named = ", ".join(f"`{paths._name(leaf)}`" for leaf in starts[:LISTED])
        more = ", ..." if len(starts) > LISTED else ""
        said.append(f"It was computed from {named}{more}, which {'do' if len(starts) > 1 else 'does'} not require one")
    if READINGS and READINGS[-1].moment > since:
        reading = READINGS[-1]
        leaves = reading.leaves()
        behind = f", computed from `{leaves[0].name}`," if leaves and leaves[0] is not reading.tensor else ""
        said.append(f"Before that, {reading.what()}{behind} was {reading}")
        said.append("If the loss was made from that number, the path ends there")
    return said
