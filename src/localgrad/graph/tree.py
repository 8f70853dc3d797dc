"""Nested tuples, lists and dicts of tensors, as a flat list and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from localgrad.graph.errors import ShapeError


def flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """The leaves with their paths, in a fixed order (dicts by insertion); None is no leaf.

    >>> flatten({"a": 1, "b": (2, 3)})
    [('a', 1), ('b/0', 2), ('b/1', 3)]
    """
    found: list[tuple[str, Any]] = []
    stack: list[tuple[str, Any]] = [(path, tree)]
    while stack:
        where, item = stack.pop()
        prefix = f"{where}/" if where else ""
        if isinstance(item, dict):
            stack.extend((f"{prefix}{key}", item[key]) for key in reversed(list(item)))
        elif is_branch(item):
            stack.extend((f"{prefix}{index}", item[index]) for index in reversed(range(len(item))))
        elif item is not None:
            found.append((where, item))
    return found


def is_branch(item: Any) -> bool:
    """Whether an item is a container of the tree: a dict, a tuple, or a list that holds more than numbers."""
    if isinstance(item, (tuple, dict)):
        return True
    return isinstance(item, list) and not _is_numbers(item)


def _is_numbers(item: list[Any]) -> bool:
    while isinstance(item, list) and item:
        item = item[0]
    return isinstance(item, (int, float, list))  # a list that is left is empty; `== []` would compare a tensor


def unflatten(like: Any, leaves: Iterable[Any]) -> Any:
    """A tree built like `like` with other leaves, in the order of `flatten`."""
    rest = iter(leaves)
    result = _build(like, rest)
    if next(rest, None) is not None:
        raise ShapeError("there are more leaves than places in the tree")
    return result


def _build(like: Any, rest: Any) -> Any:
    # depth is that of the user's own nesting of containers, never of a graph
    if isinstance(like, dict):
        return {key: _build(value, rest) for key, value in like.items()}
    if is_branch(like):
        items = [_build(value, rest) for value in like]
        if isinstance(like, list):
            return items
        return type(like)(*items) if hasattr(like, "_fields") else tuple(items)
    return None if like is None else next(rest)


def map_leaves(change: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with every leaf changed."""
    return unflatten(tree, [change(leaf) for _, leaf in flatten(tree)])
