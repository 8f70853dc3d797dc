"""Native: kernels as LLVM's own text, compiled to machine code once and kept in memory and on disk.

The text is what is looked up: the same structure at another place of the graph, or in another process, is the same
kernel. llvmlite, which Numba brings along, is imported when the first kernel is made.
"""

from __future__ import annotations

import ctypes
from threading import Lock
from typing import Any, Final

from localgrad.run.cache import read_object, write_object

_LOCK: Final = Lock()
_ADDRESSES: Final[dict[str, int]] = {}
_ENGINES: Final[list[Any]] = []  # what owns the machine code; freed with the process
_machine: Any = None
_available: bool | None = None


class NoCompilerError(Exception):
    """A kernel was to be compiled, and there is nothing to compile it with; or the compiler refused it."""


def available() -> bool:
    """Whether kernels can be compiled: llvmlite is installed, not too old, and knows this processor."""
    global _available
    if _available is None:
        try:
            with _LOCK:
                target()
            _available = True
        except (ImportError, AttributeError, OSError, RuntimeError):
            _available = False
    return _available


class Target:
    """The processor code is made for, and what names it in the cache."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        triple = llvm.get_process_triple()
        features = llvm.get_host_cpu_features().flatten()
        cpu = llvm.get_host_cpu_name()
        self.llvm = llvm
        self.machine = llvm.Target.from_triple(triple).create_target_machine(
            cpu=cpu, features=features, opt=3, jit=True
        )
        llvm.create_pipeline_tuning_options  # noqa: B018 - an AttributeError here says that llvmlite is too old
        self.name = "/".join((llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info)), triple, cpu, features))


def target() -> Target:
    """The processor, looked at once."""
    global _machine
    if _machine is None:
        _machine = Target()
    return _machine  # type: ignore[no-any-return]


def address_of(text: str, name: str) -> int:
    """The address of function `name` of a module written in LLVM's language; raises NoCompilerError."""
    found = _ADDRESSES.get(text)
    if found is not None:
        return found
    if not available():
        raise NoCompilerError("llvmlite is not installed (pip install localgrad[fast])")
    with _LOCK:
        found = _ADDRESSES.get(text)
        if found is None:
            found = _ADDRESSES[text] = _load(text, name)
    return found


def _load(text: str, name: str) -> int:
    made = target()
    key = f"{made.name}\n{text}"
    stored = read_object(key)
    if stored is not None:
        try:
            return _linked(made, stored, name)
        except RuntimeError:  # not an object file of this machine after all
            pass
    data = compiled(text)
    write_object(key, data)
    return _linked(made, data, name)


def compiled(text: str) -> bytes:
    """The object file of a module; raises NoCompilerError where LLVM does not take it."""
    made = target()
    llvm = made.llvm
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise NoCompilerError(str(error)) from None
    optimize(module)
    return made.machine.emit_object(module)  # type: ignore[no-any-return]


def optimize(module: Any) -> None:
    """LLVM's optimisations with its loop vectoriser, in place."""
    made = target()
    options = made.llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    options.loop_unrolling = True
    options.loop_interleaving = True
    builder = made.llvm.create_pass_builder(made.machine, options)
    builder.getModulePassManager().run(module, builder)


def _linked(made: Target, data: bytes, name: str) -> int:
    llvm = made.llvm
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine_again(made))
    engine.add_object_file(llvm.ObjectFileRef.from_data(data))
    engine.finalize_object()
    address = engine.get_function_address(name)
    if not address:
        raise RuntimeError(f"no function {name} in an object file")
    _ENGINES.append(engine)
    return int(address)


def _machine_again(made: Target) -> Any:
    # an engine takes its machine over, so each needs one
    llvm = made.llvm
    return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )


def function(address: int, *arguments: Any) -> Any:
    """A function of C at an address, that gives nothing; Python's lock is free while it runs."""
    return ctypes.CFUNCTYPE(None, *arguments)(address)
