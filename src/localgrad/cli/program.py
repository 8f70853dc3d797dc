"""The program `localgrad`: reads the arguments, calls the command, and turns what went wrong into a line and a code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from localgrad.cli.parsing import Parser, UsageError, nearest_text
from localgrad.cli.terminal import drop_output, error_line, prepared

__all__ = ["main"]

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
DEBUG = "show the traceback of an error"
COMMANDS = ("train", "predict", "explain", "explore", "graph", "run", "grad", "check", "finetune", "trainstep")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrongly called, 130 interrupted.

    What went wrong is one line on standard error; with `--debug` the traceback comes before it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with prepared():
        try:
            code = _called(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            drop_output()
            code = FAILED
        except KeyboardInterrupt as error:
            _traceback(arguments)
            error_line(f"interrupted{'; ' + str(error) if str(error) else ''}")
            code = INTERRUPTED
        except Exception as error:
            code = _reported(error, arguments)
        try:
            sys.stdout.flush()
        except OSError:  # what Python would try once more on its way out, with a code of its own
            drop_output()
    return code


def _called(arguments: list[str]) -> int:
    parser, commands = _parsers()
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    if name is not None and name not in commands:
        raise UsageError(f"there is no command {name!r}; {nearest_text(name, commands)}")
    try:
        parsed, unknown = parser.parse_known_args(arguments)
    except SystemExit as leaving:  # --help
        return int(leaving.code or 0)
    if unknown:
        known = commands[name] if name is not None else parser
        given = unknown[0].split("=")[0]
        if given.startswith("-"):
            hint = nearest_text(given, known.option_names())
            raise UsageError(f"there is no option {given!r}; {hint}", known.prog)
        raise UsageError(f"one argument too many: {unknown[0]!r}", known.prog)
    if parsed.version:
        print(f"localgrad {_version()}")
        return DONE
    if name is None:
        parser.print_help(sys.stderr)
        return USAGE
    code: int = parsed.call(parsed)
    return code


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="localgrad",
        description="Back-propagation as a computation graph: see it, differentiate it, train it.",
        examples=(
            ("localgrad train digits", "a network for handwritten digits, in a few seconds"),
            ("localgrad train data.csv --target price", "a network for your own table"),
            ("localgrad predict runs/data new.csv", "apply it to new rows"),
            ("localgrad explain runs/digits", "every node of it, one line each"),
            ("localgrad train --help", "all about one command"),
        ),
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("--debug", action="store_true", help=DEBUG)
    added = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    commands: dict[str, Parser] = {}
    for name in COMMANDS:
        module: Any = importlib.import_module(f"localgrad.cli.{name}")
        command = added.add_parser(name, help=module.SUMMARY, description=module.DESCRIPTION, examples=module.EXAMPLES)
        module.add_arguments(command)
        command.add_argument("--debug", action="store_true", help=DEBUG)
        command.set_defaults(call=module.call)
        commands[name] = command
    return parser, commands


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("localgrad")
    except PackageNotFoundError:
        return "from a folder that was not installed"


def _reported(error: Exception, arguments: list[str]) -> int:
    from localgrad.graph.errors import LocalgradError

    _traceback(arguments)
    if isinstance(error, UsageError):
        error_line(f"{error} (see {error.prog} --help)")
        return USAGE
    if isinstance(error, LocalgradError):
        error_line(str(error))
    elif isinstance(error, OSError):
        error_line(f"{error.filename or 'the output'}: {error.strerror or error}")
    elif isinstance(error, MemoryError):
        error_line("the memory is not enough. Use fewer rows, smaller --layers, or a machine with more")
    else:
        error_line(
            f"this is a mistake in localgrad ({type(error).__name__}: {error}). "
            "Run it again with --debug and report what it shows"
        )
    return FAILED


def _traceback(arguments: list[str]) -> None:
    if "--debug" in arguments:
        import traceback

        traceback.print_exc()
