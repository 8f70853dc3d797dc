"""What users are told when a backward rule cannot be used: kind, node, line, inputs, and both shapes."""

from __future__ import annotations

from typing import Any

from localgrad.graph.errors import GradientError, LocalgradError
from localgrad.graph.node import Node
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor


def place_of(node: Node) -> str:
    """The user's line of a node for messages, with a space before, or nothing."""
    source = node.source
    if source is None:
        return ""
    return f" at {source}" + (f" (`{source.text}`)" if source.text else "")


def known(node: Node, made: Any) -> Node:
    """The node, which knows the tensors it made from now on, and so its name: eagerly they are attached when asked for."""
    for tensor in made.values() if made.__class__ is dict else (made,):
        if isinstance(tensor, Tensor):
            assert tensor.node is node
    return node


def input_text(node: Node, index: int) -> str:
    """An input of a node for messages: its number, the rule's word for it, and the tensor's name."""
    names = node.kind.inputs
    word = names[index] if index < len(names) and not names[index].startswith("*") else ""
    x = node.inputs[index]
    here = f"`{x.name}`" if isinstance(x, Tensor) and not (isinstance(x, Leaf) and x._name is None) else ""
    inside = ", ".join(part for part in (word.rstrip("?"), here) if part)
    return f"input {index}" + (f" ({inside})" if inside else "")


def rule_failed(node: Node, error: Exception) -> Exception:
    """The error for a rule that raised: ours as it is, another one with kind, node and line."""
    if isinstance(error, LocalgradError):
        return error
    return GradientError(
        f"the backward rule of {node.kind.name} was asked at node `{node.name}`{place_of(node)}\n"
        f"found: it raised {type(error).__name__}: {error}\n"
        "do: correct `backward` in the class of the kind; the traceback above shows where it failed"
    )


def changed_since(leaf: Leaf, node: Node) -> GradientError:
    """The error for a parameter written between forward and backward."""
    return GradientError(
        f"a gradient was asked through node `{node.name}`{place_of(node)}, which read `{leaf.name}`\n"
        f"found: `{leaf.name}` was changed in place after that (its version moved), so the rule would see another value\n"
        "do: call backward before optimizer.step, or compute the forward again"
    )


def too_few(node: Node, grads: tuple[Any, ...]) -> GradientError:
    """The error for a rule that returns fewer gradients than there are inputs."""
    shapes = ", ".join("None" if g is None else format_shape(getattr(g, "shape", ())) for g in grads)
    inputs = ", ".join(
        f"{input_text(node, index)} {format_shape(x.shape)}" if isinstance(x, Tensor) else f"input {index} = {x!r}"
        for index, x in enumerate(node.inputs)
    )
    return GradientError(
        f"the backward rule of {node.kind.name} was asked at node `{node.name}`{place_of(node)}\n"
        f"found: it returned {len(grads)} gradients, of shape {shapes}, for {len(node._inputs)} inputs: {inputs}\n"
        "do: return a tuple with one gradient for each input in order, None where there is none"
    )


def misfit(node: Node, index: int, shape: Any, wanted: Any) -> GradientError:
    """The error for a rule that returns a gradient whose shape is not that of its input."""
    return GradientError(
        f"the backward rule of {node.kind.name} was asked at node `{node.name}`{place_of(node)}\n"
        f"found: it returned a gradient of shape {format_shape(shape)} for its {input_text(node, index)}, "
        f"whose shape is {format_shape(wanted)}\n"
        "do: return a gradient of the input's shape; only what broadcasting repeated is summed for the rule"
    )
