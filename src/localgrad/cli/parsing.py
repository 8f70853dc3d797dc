"""The shape of the command line: one-line errors with the nearest names, options that say what they take."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

__all__ = ["ENCODING", "Parser", "UsageError", "count", "layer_widths", "positive", "share", "whole"]


ENCODING = "of a .csv file, such as gbk or latin-1 (default: utf-8)"


class UsageError(Exception):
    """The command was called in a way it does not know; `prog` is the command whose help tells more."""

    def __init__(self, message: str, prog: str = "localgrad") -> None:
        super().__init__(message)
        self.prog = prog


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose errors are a `UsageError` and whose help keeps its examples as written."""

    def __init__(self, *, examples: Sequence[tuple[str, str]] = (), **options: Any) -> None:
        width = max((len(command) for command, _ in examples), default=0)
        lines = [f"  {command:<{width}}  # {meaning}" for command, meaning in examples]
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            epilog="\n".join(["examples:", *lines]) if lines else None,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self.prog)

    def option_names(self) -> list[str]:
        """Every option the command takes."""
        return [name for action in self._actions for name in action.option_strings]


def nearest_text(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def _number(
    convert: Callable[[str], float], allowed: Callable[[float], bool], wanted: str
) -> Callable[[str], Any]:  # what it returns is what `convert` does
    def parse(text: str) -> float:
        try:
            value = convert(text)
        except (ValueError, OverflowError):
            value = math.nan
        if not (math.isfinite(value) and allowed(value)):
            raise argparse.ArgumentTypeError(f"{wanted} was expected, found {text!r}")
        return value

    return parse


count = _number(int, lambda value: 1 <= value <= 10**9, "a whole number from 1 on")
whole = _number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 to 4,294,967,295")
positive = _number(float, lambda value: value > 0, "a number above 0")
share = _number(float, lambda value: 0 <= value < 1, "a share from 0 to below 1")


def layer_widths(text: str) -> tuple[int, ...]:
    """Hidden layers such as `64,32`; `none` for a model without any."""
    if text.strip().lower() == "none":
        return ()
    try:
        widths = tuple(int(part) for part in text.split(","))
    except ValueError:
        widths = (0,)
    if not all(1 <= width <= 1_000_000 for width in widths):
        raise argparse.ArgumentTypeError(f"widths such as 64,32 (or none) were expected, found {text!r}")
    return widths
