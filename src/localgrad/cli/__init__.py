"""Parses and calls."""

from localgrad.cli.program import main

__all__ = ["main"]
