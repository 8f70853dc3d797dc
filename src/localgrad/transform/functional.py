"""Functions to functions: grad, vjp, jvp, jacobian, hessian, hvp, as in JAX; arrays in, arrays out, tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from localgrad.graph.arrays import as_array
from localgrad.graph.context import using
from localgrad.graph.errors import DTypeError, GradientError, ShapeError
from localgrad.graph.source import user_line
from localgrad.graph.spec import format_shape
from localgrad.graph.tensor import Leaf, Tensor
from localgrad.graph.tree import flatten, map_leaves, unflatten
from localgrad.nodes.structure import Identity
from localgrad.transform.differentiate import gradients


def _variables(tree: Any) -> tuple[Any, list[Tensor], bool]:
    """The tree with fresh tensors as leaves, those tensors, and whether a tensor of the caller's is among them."""
    fresh: list[Tensor] = []
    outer = False
    for path, leaf in flatten(tree):
        if isinstance(leaf, Tensor):
            outer = True
            fresh.append(Identity.on(leaf))
            continue
        array = as_array(leaf, floating=True)
        if array.dtype.kind != "f":
            raise DTypeError(
                f"a gradient by {'argument ' + path if path else 'an argument'} was asked{user_line()}\n"
                f"found: {array.dtype} values have no gradient\ndo: convert them with .astype(np.float32)"
            )
        fresh.append(Leaf(array, "input", None, True))
    return unflatten(tree, fresh), fresh, outer


def _plain(x: Any, outer: bool) -> Any:
    return x if outer or not isinstance(x, Tensor) else np.asarray(x._value)


def _selected(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for number in numbers:
        if not -count <= number < count:
            raise GradientError(f"argnums names argument {number}, but the function was called with {count}")
    return tuple(number % count for number in numbers)


def _outputs(result: Any, f: Callable[..., Any]) -> list[Tensor]:
    found = [leaf for _, leaf in flatten(result)]
    for leaf in found:
        if not isinstance(leaf, Tensor):
            raise GradientError(
                f"{getattr(f, '__name__', 'the function')} returned {type(leaf).__name__}{user_line()}\n"
                "found: no tensor, so there is no path to its arguments\n"
                "do: compute it with localgrad or NumPy functions on the arguments (no float(), .item(), .data on the way)"
            )
    return found


def _zeros_for(gs: Sequence[Any], variables: Sequence[Tensor]) -> list[Any]:
    # a function that does not depend on its argument has the derivative 0
    return [
        Leaf(np.zeros(x.shape, x.dtype), "constant", None, False) if g is None else g
        for g, x in zip(gs, variables, strict=True)
    ]


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives (f(...), gradient of f by the chosen arguments); f has to return one number.

    Arguments may be nested tuples, lists and dicts; gradients come in the same nesting.

    >>> import localgrad as lg, numpy as np
    >>> value, slope = lg.value_and_grad(lambda x: lg.sum(x**2))(np.array([1.0, 2.0]))
    >>> value, slope
    (array(5.), array([2., 4.]))
    """

    def with_gradient(*arguments: Any, **options: Any) -> Any:
        chosen = _selected(argnums, len(arguments))
        trees = tuple(arguments[number] for number in chosen)
        with using(enabled=True):
            filled, variables, outer = _variables(trees)
            outer = outer or any(isinstance(leaf, Tensor) for _, leaf in flatten(arguments))
            passed = list(arguments)
            for number, tree in zip(chosen, filled, strict=True):
                passed[number] = tree
            result = f(*passed, **options)
            (output,) = _one(_outputs(result, f), f)
            found = _zeros_for(gradients([output], variables), variables)
        nested = unflatten(trees, [_plain(g, outer) for g in found])
        return _plain(output, outer), nested[0] if isinstance(argnums, int) else nested

    with_gradient.__name__ = f"value_and_grad_of_{getattr(f, '__name__', 'f')}".replace("<lambda>", "lambda")
    return with_gradient


def _one(outputs: list[Tensor], f: Callable[..., Any]) -> list[Tensor]:
    if len(outputs) != 1 or outputs[0].size != 1:
        shapes = ", ".join(format_shape(output.shape) for output in outputs)
        raise ShapeError(
            f"the gradient of {getattr(f, '__name__', 'the function')} was asked{user_line()}\n"
            f"found: it returned {shapes or 'nothing'} instead of one number\n"
            "do: reduce the result (.sum(), .mean()), or use lg.jacobian or lg.vjp"
        )
    if outputs[0].ndim:
        return [outputs[0].reshape(())]
    return outputs


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the gradient of f by the chosen arguments; f has to return one number.

    >>> import localgrad as lg
    >>> slope = lg.grad(lambda x: x**3)
    >>> slope(2.0), lg.grad(slope)(2.0)
    (array(12., dtype=float32), array(12., dtype=float32))
    """
    both = value_and_grad(f, argnums)

    def gradient_of(*arguments: Any, **options: Any) -> Any:
        return both(*arguments, **options)[1]

    return gradient_of


def vjp(f: Callable[..., Any], *arguments: Any) -> tuple[Any, Callable[..., Any]]:
    """f(...), and a function from an output's gradient to the gradients of all arguments (a tuple).

    >>> import localgrad as lg, numpy as np
    >>> y, pull = lg.vjp(lambda x: x * x, np.array([1.0, 3.0]))
    >>> pull(np.array([1.0, 10.0]))
    (array([ 2., 60.]),)
    """
    with using(enabled=True):
        filled, variables, outer = _variables(arguments)
        result = f(*filled)
        outputs = _outputs(result, f)

    def pull(grad: Any) -> Any:
        incoming = [leaf for _, leaf in flatten(grad)]
        inside = outer or any(isinstance(leaf, Tensor) for leaf in incoming)
        if len(incoming) != len(outputs):
            raise GradientError(f"the function has {len(outputs)} outputs and {len(incoming)} gradients were given")
        with using(enabled=True):
            found = _zeros_for(gradients(outputs, variables, incoming), variables)
        return unflatten(arguments, [_plain(g, inside) for g in found])

    return map_leaves(lambda x: _plain(x, outer), result), pull


def jvp(f: Callable[..., Any], arguments: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(...), and its derivative along tangents (one for each argument, of the same nesting).

    Found as the derivative of the vector-Jacobian product by its vector, in which it is linear: no rule is written twice.

    >>> import localgrad as lg, numpy as np
    >>> lg.jvp(lambda x: x**2, (np.array([1.0, 3.0]),), (np.array([1.0, 0.5]),))
    (array([1., 9.]), array([2., 3.]))
    """
    arguments, tangents = tuple(arguments), tuple(tangents)
    directions = [leaf for _, leaf in flatten(tangents)]
    with using(enabled=True):
        filled, variables, outer = _variables(arguments)
        outer = outer or any(isinstance(leaf, Tensor) for leaf in directions)
        if len(directions) != len(variables):
            raise GradientError(f"{len(variables)} arguments and {len(directions)} tangents were given to lg.jvp")
        for x, direction in zip(variables, directions, strict=True):
            if np.shape(direction) != x.shape:
                raise ShapeError(
                    f"a tangent of shape {format_shape(np.shape(direction))} was given to lg.jvp\n"
                    f"found: its argument has shape {format_shape(x.shape)}"
                )
        result = f(*filled)
        outputs = _outputs(result, f)
        duals = [Leaf(np.zeros(y.shape, y.dtype), "input", None, True) for y in outputs]
        pulled = gradients(outputs, variables, duals)
        pairs = [(g, v) for g, v in zip(pulled, directions, strict=True) if g is not None]
        if pairs:
            found = gradients([g for g, _ in pairs], duals, [v for _, v in pairs])
        else:
            found = [None] * len(duals)
        pushed = _zeros_for(found, duals)
    return (
        map_leaves(lambda x: _plain(x, outer), result),
        unflatten(result, [_plain(each, outer) for each in pushed]),
    )


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the Jacobian of f: for each output and chosen argument an array output.shape + argument.shape.

    >>> import localgrad as lg, numpy as np
    >>> lg.jacobian(lambda x: x * x)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    def jacobian_of(*arguments: Any, **options: Any) -> Any:
        from localgrad.graph.registry import kind_named

        chosen = _selected(argnums, len(arguments))
        trees = tuple(arguments[number] for number in chosen)
        with using(enabled=True):
            filled, variables, outer = _variables(trees)
            passed = list(arguments)
            for number, tree in zip(chosen, filled, strict=True):
                passed[number] = tree
            result = f(*passed, **options)
            blocks: list[Any] = []
            for output in _outputs(result, f):
                rows: list[list[Any]] = [[] for _ in variables]
                for index in range(output.size):
                    unit = np.zeros(output.size, output.dtype)
                    unit[index] = 1
                    found = _zeros_for(gradients([output], variables, [unit.reshape(output.shape)]), variables)
                    for row, g in zip(rows, found, strict=True):
                        row.append(g if outer else np.asarray(g._value))
                parts: list[Any] = []
                for row, x in zip(rows, variables, strict=True):
                    shape = (*output.shape, *x.shape)
                    if not outer:
                        parts.append(np.reshape(np.array(row, dtype=x.dtype), shape))
                    elif row:
                        parts.append(kind_named("Stack").on(*row, axis=0).reshape(shape))
                    else:
                        parts.append(Leaf(np.zeros(shape, x.dtype), "constant", None, False))
                nested = unflatten(trees, parts)
                blocks.append(nested[0] if isinstance(argnums, int) else nested)
        return unflatten(result, blocks)

    return jacobian_of


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that gives the matrix of second derivatives of f by one argument; f has to return one number.

    >>> import localgrad as lg, numpy as np
    >>> lg.hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], arguments: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of f times vectors, without forming the matrix; f has to return one number.

    Gives one array for each argument (a bare array where there is one argument).

    >>> import localgrad as lg, numpy as np
    >>> lg.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    arguments = tuple(arguments)
    numbers = tuple(range(len(arguments)))
    _, pushed = jvp(grad(f, numbers), arguments, tuple(vectors))
    return pushed[0] if len(arguments) == 1 else pushed
