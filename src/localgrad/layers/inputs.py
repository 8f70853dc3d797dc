"""What to say where a layer was called with other inputs than its `call` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localgrad.graph.errors import InputsError
from localgrad.graph.source import user_line

if TYPE_CHECKING:
    from localgrad.layers.layer import Layer


def wrong_inputs(layer: Layer, inputs: tuple[Any, ...], options: dict[str, Any]) -> InputsError | None:
    """The error for inputs that do not fit the signature of `call`; None where they do."""
    import inspect

    signature = inspect.signature(layer.call)
    try:
        signature.bind(*inputs, **options)
    except TypeError as error:
        several = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        needed = [each.name for each in several if each.default is each.empty and each.kind is not each.VAR_POSITIONAL]
        optional = [each.name for each in several if each.default is not each.empty]
        takes = (", ".join(needed) or "no inputs") + (f", and if wanted {', '.join(optional)}" if optional else "")
        count = f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}"
        named = f" and {', '.join(options)}" if options else ""
        return InputsError(
            f"{layer._title()} was given {count}{named}{user_line()}\nfound: it takes {takes} ({error})\n"
            f"do: give {', '.join(needed) or 'none'}, in this order",
            len(inputs),
        )
    return None
