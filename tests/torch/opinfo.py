"""PyTorch's table of sample inputs (OpInfo) as a judge: each sample is computed by both, forward and backward.

An adapter has the signature PyTorch's function has in the table, and says the same in localgrad: it is given the
sample's arguments with tensors of ours in place of PyTorch's, and returns a tensor or a tuple of them.

    @twin("cumsum")
    def cumsum(x, dim, *, dtype=None):
        return lg.cumsum(converted(x, dtype), dim)

Values and the gradients for a random cotangent have to agree, relative to the largest entry (`TOLERANCES`), dtypes and
shapes exactly. An adapter may raise `Convention` where PyTorch follows a convention of its own: such samples are
counted, listed with their reason, and may be 3 % of all at most. `Outside` is for what lies beyond the limits localgrad
states (complex or sparse tensors, integer-only results, memory layouts, random draws): those are listed, not counted.
"""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
from torch.testing._internal.common_methods_invocations import op_db

import localgrad as lg
import torch

torch.set_num_threads(1)

TOLERANCES: Final = {torch.float64: (1e-7, 1e-6), torch.float32: (1e-4, 1e-3)}
"""Allowed error of values and of gradients, relative to the largest entry."""
FLOOR: Final = 1e-2
"""Where the largest entry is below this, the error is relative to this: what should cancel to 0 does so to rounding."""


class Convention(Exception):  # noqa: N818 - a reason, no error
    """PyTorch means something else by this sample than localgrad does; says what."""


class Outside(Exception):  # noqa: N818 - a reason, no error
    """The sample is about what localgrad leaves out; says which of its stated limits."""


Adapter = Callable[..., Any]


@dataclass
class Spelling:
    """One name of the table and its adapter."""

    adapter: Adapter
    gauge: Adapter | None = None
    """What is compared of PyTorch's output, where not all of it is determined (a sign, an order, ...)."""
    wrapped: bool = False
    """Whether PyTorch is called as its own gradient tests do, which first make the input symmetric, ..."""

    def theirs(self, entry: Any, x: Any, arguments: Any, named: Any) -> Any:
        """What PyTorch computes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = (
                entry.gradcheck_wrapper(entry, x, *arguments, **named)
                if self.wrapped
                else entry(x, *arguments, **named)
            )
            return y if self.gauge is None else self.gauge(y)


TWINS: Final[dict[str, dict[str, Spelling]]] = {}
"""Operations by name: the names of the table's entries that spell them, the operation's own first."""


def twin(
    *names: str, of: str = "", gauge: Adapter | None = None, wrapped: bool = False
) -> Callable[[Adapter], Adapter]:
    """Decorator: this adapter serves the entries of these names; `of` names the operation where it is one already.

    What is the same operation in other words (`view` and `reshape`, `__radd__` and `add`) counts once.
    """

    def enter(adapter: Adapter) -> Adapter:
        for name in names:
            if name not in ENTRIES:
                raise LookupError(f"PyTorch's table has no {name!r}")
            TWINS.setdefault(of or names[0], {})[name] = Spelling(adapter, gauge, wrapped)
        return adapter

    return enter


ENTRIES: Final[dict[str, list[Any]]] = {}
for _entry in op_db:
    ENTRIES.setdefault(_entry.name, []).append(_entry)


@dataclass
class Verdict:
    """What came out for one operation."""

    samples: int = 0
    agreeing: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    differentiated: int = 0
    """Samples of which gradients were compared too, because PyTorch has some."""
    in_double: int = 0
    """Samples in float32 that agree with what PyTorch computes of them in float64, though not in float32."""

    def add(self, other: Verdict) -> None:
        """Count another's samples too."""
        self.samples += other.samples
        self.agreeing += other.agreeing
        self.excused += other.excused
        self.outside += other.outside
        self.failures += other.failures
        self.in_double += other.in_double
        self.differentiated += other.differentiated


@cache
def judged(name: str) -> Verdict:
    """The verdict on one operation (by its twin's first name) over all its entries, samples and dtypes."""
    verdict = Verdict()
    for entry_name, spelling in TWINS[name].items():
        for entry in ENTRIES[entry_name]:
            # what knows integers alone (one-hot rows) has to be equal
            known = [each for each in (*TOLERANCES, torch.int64) if each in entry.dtypes]
            for dtype in [each for each in known if each in TOLERANCES] or known:
                for number, sample in enumerate(samples(entry, dtype)):
                    _judge(spelling, entry, dtype, number, sample, verdict)
    return verdict


def samples(entry: Any, dtype: torch.dtype) -> Iterator[Any]:
    """The samples of an entry, the same on each run."""
    torch.manual_seed(zlib.crc32(f"{entry.full_name}/{dtype}".encode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from list(
            entry.sample_inputs("cpu", dtype, requires_grad=entry.supports_autograd and dtype.is_floating_point)
        )


def _judge(spelling: Spelling, entry: Any, dtype: torch.dtype, number: int, sample: Any, verdict: Verdict) -> None:
    where = f"{entry.full_name} {str(dtype)[6:]} sample {number}: {_told((sample.input, *sample.args), sample.kwargs)}"
    generator = torch.Generator().manual_seed(zlib.crc32(where.encode()))
    theirs = spelling.theirs(entry, sample.input, sample.args, sample.kwargs)
    if any(x.is_complex() or x.layout != torch.strided for x in _tensors((sample.input, sample.args, theirs))):
        verdict.outside["complex or sparse tensors"] += 1
        return
    found: dict[int, Any] = {}
    arguments = _ours((sample.input, *sample.args), found)
    named = _ours(sample.kwargs, found)
    try:
        ours = spelling.adapter(*arguments, **named)
        if isinstance(ours, tuple) and isinstance(theirs, torch.Tensor):
            raise AssertionError(f"{len(ours)} outputs where PyTorch has one")
        problem = _compare(ours, theirs, found, dtype, generator)
        if (
            problem
            and dtype == torch.float32
            and not _compare_in_double(spelling, entry, sample, ours, found, generator)
        ):
            problem = ""
            verdict.in_double += 1
    except Outside as reason:
        verdict.outside[str(reason)] += 1
        return
    except Convention as reason:
        verdict.samples += 1
        verdict.excused[f"{entry.name}: {reason}"] += 1
        return
    except Exception as error:
        problem = f"{type(error).__name__}: {str(error)[:300]}"
    verdict.samples += 1
    verdict.differentiated += any(y.requires_grad for y in _tensors(theirs))
    if problem:
        verdict.failures.append(f"{where}\n    {problem}")
    else:
        verdict.agreeing += 1


def _compare(
    ours: Any,
    theirs: Any,
    found: dict[int, Any],
    dtype: torch.dtype,
    generator: torch.Generator,
    rounded: bool = False,
) -> str:
    """What differs; with `rounded`, PyTorch's numbers are in float64 and rounded to float32."""

    def told(theirs: torch.Tensor) -> Any:
        array = theirs.detach().resolve_neg().numpy(force=True)
        return array.astype(np.float32) if rounded and array.dtype == np.float64 else array

    value_tolerance, gradient_tolerance = TOLERANCES.get(dtype, (0.0, 0.0))
    mine = list(ours) if isinstance(ours, (tuple, list)) else [ours]
    others = _tensors(theirs) if not isinstance(theirs, (bool, int, float)) else [torch.tensor(theirs)]
    if len(mine) != len(others):
        return f"{len(mine)} outputs, PyTorch has {len(others)}"
    for place, (y, other) in enumerate(zip(mine, others)):
        if not isinstance(y, lg.Tensor):
            return f"output {place} is {type(y).__name__}, not a tensor"
        if problem := _difference(y.numpy(), told(other), value_tolerance):
            return f"output {place}: {problem}"
    ends = [(y, other) for y, other in zip(mine, others) if other.requires_grad and other.dtype.is_floating_point]
    leaves = [(x, t) for x, t in found.values() if t.requires_grad]
    if not ends or not leaves:
        return ""
    cotangents = [torch.randn(other.shape, dtype=other.dtype, generator=generator) for _, other in ends]
    expected = torch.autograd.grad([other for _, other in ends], [t for _, t in leaves], cotangents, allow_unused=True)
    reached = [(y, told(c)) for (y, _), c in zip(ends, cotangents) if y.requires_grad]
    if reached:
        seeds = [lg.tensor(c) for _, c in reached]
        got = lg.gradients([y for y, _ in reached], [x for x, _ in leaves], seeds)
    else:
        got = [None] * len(leaves)
    for place, (g, e) in enumerate(zip(got, expected)):
        # no path, and a gradient of nothing but zeros, are one here: PyTorch has zeros for what is constant
        if e is None or g is None:
            rest = e if g is None else g
            if rest is not None and np.any(rest.numpy()):
                return f"gradient {place}: {'missing' if g is None else 'not missing'}, PyTorch's is the opposite"
        elif problem := _difference(g.numpy(), told(e), gradient_tolerance):
            return f"gradient {place}: {problem}"
    return ""


def _compare_in_double(
    spelling: Spelling, entry: Any, sample: Any, ours: Any, found: dict[int, Any], generator: torch.Generator
) -> str:
    """The same against PyTorch in float64: where float32 differs, it says who rounds better."""
    doubled: dict[int, torch.Tensor] = {}

    def double(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in doubled:
                wide = value.detach().double() if value.dtype == torch.float32 else value.detach()
                doubled[id(value)] = wide.requires_grad_(value.requires_grad)
            return doubled[id(value)]
        if isinstance(value, dict):
            return {key: double(each) for key, each in value.items()}
        return type(value)(double(each) for each in value) if type(value) in (tuple, list) else value

    theirs = spelling.theirs(entry, double(sample.input), double(sample.args), double(sample.kwargs))
    pairs = {key: (x, doubled[key]) for key, (x, _) in found.items()}
    return _compare(ours, theirs, pairs, torch.float32, generator, rounded=True)


def _difference(ours: Any, theirs: Any, tolerance: float) -> str:
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, PyTorch's is {theirs.shape}"
    if ours.dtype != theirs.dtype and "f" in (ours.dtype.kind, theirs.dtype.kind):
        return f"dtype {ours.dtype}, PyTorch's is {theirs.dtype}"
    if theirs.dtype.kind != "f":
        return "" if np.array_equal(ours, theirs) else f"{ours!r} is not {theirs!r}"[:300]
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.all(np.isfinite(a[finite])):
        return f"infinities or NaN differ: {ours!r} is not {theirs!r}"[:300]
    if not finite.any():
        return ""
    scale = max(float(np.abs(b[finite]).max()), FLOOR)
    error = float(np.abs(a[finite] - b[finite]).max()) / scale
    if error > tolerance:
        return f"relative error {error:.2g}: {ours!r} is not {theirs!r}"[:300]
    return ""


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return _tensors(list(value.values()))
    if isinstance(value, (tuple, list)):
        return [tensor for each in value for tensor in _tensors(each)]
    return []


def _ours(value: Any, found: dict[int, Any]) -> Any:
    """A sample's argument in our terms; tensors are entered in `found`, each once."""
    if isinstance(value, torch.Tensor):
        if id(value) not in found:
            if value.is_complex() or value.layout != torch.strided:
                found[id(value)] = (None, value)
            else:
                array = value.detach().resolve_neg().numpy().copy()
                found[id(value)] = (lg.tensor(array, requires_grad=value.requires_grad), value)
        return found[id(value)][0]
    if isinstance(value, torch.dtype):
        if value.is_complex or value == torch.bfloat16:
            return value
        return np.dtype(str(value)[6:])
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, dict):
        return {key: _ours(each, found) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_ours(each, found) for each in value)
    return value


def _told(arguments: Any, named: dict[str, Any]) -> str:
    def told(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype)[6:]}{tuple(value.shape)}"
        if isinstance(value, (tuple, list)):
            return f"[{', '.join(told(each) for each in value)}]"
        return repr(value)

    return ", ".join([told(each) for each in arguments] + [f"{key}={told(each)}" for key, each in named.items()])


def converted(x: Any, dtype: Any) -> Any:
    """The tensor in a dtype, where one is told."""
    if dtype is None:
        return x
    if isinstance(dtype, torch.dtype):
        raise Outside("complex or bfloat16 numbers")
    return lg.cast(x, dtype)
