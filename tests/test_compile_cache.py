"""The cache of compiled kernels, and what happens without a compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import cache, native
from localgrad.run.plan import Plan
from tests.compiled import floats, generator, model_and_step, needs_compiler


# the cache, and life without a compiler -----------------------------------------------------------------------------
@needs_compiler
def test_what_does_not_check_out_in_the_cache_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "kernels"
    monkeypatch.setenv("LOCALGRAD_CACHE", str(place))
    cache.write_object("key", b"code")
    assert cache.read_object("key") == b"code"
    assert cache.read_object("other") is None
    (path,) = place.iterdir()
    kept = path.read_bytes()
    for wrong in (b"", kept[:-1], kept + b"x", kept[:40] + b"?" + kept[41:], b"\0" * 100):
        path.write_bytes(wrong)
        assert cache.read_object("key") is None
    path.write_bytes(kept)
    path.chmod(0o666)
    assert cache.read_object("key") is None
    path.chmod(0o600)
    place.chmod(0o777)
    assert cache.read_object("key") is None
    monkeypatch.setenv("LOCALGRAD_CACHE", "off")
    cache.write_object("key", b"code")
    assert cache.read_object("key") is None


@needs_compiler
def test_another_process_finds_the_kernels(tmp_path: Path) -> None:
    script = (
        "import numpy as np, localgrad as lg\n"
        "from localgrad.run import native\n"
        "compiled = []\n"
        "original = native.compiled\n"
        "native.compiled = lambda text: (compiled.append(1), original(text))[1]\n"
        "print(lg.compile(lambda x: lg.exp(x) * 3)(np.float32([0.0])).item(), len(compiled))\n"
    )
    source = Path(lg.__file__).parents[1]
    environment = {"LOCALGRAD_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(source), "PATH": ""}
    said = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["3.0 2\n", "3.0 0\n"]


def test_without_a_compiler_the_same_graph_runs_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_available", False)
    x, labels = floats(5, 6), generator.integers(0, 3, 5)
    _, eager = model_and_step(lg.Adam(0.01))
    lg.seed(1)
    wanted = [eager(lg.tensor(x), labels).item() for _ in range(3)]
    _, step = model_and_step(lg.Adam(0.01))
    fast = lg.compile(step)
    lg.seed(1)
    np.testing.assert_allclose([fast(x, labels).item() for _ in range(3)], wanted, rtol=1e-5)
    assert "with NumPy" in str(fast.plan)


@needs_compiler
def test_a_loop_that_cannot_be_compiled_runs_with_numpy_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(text: str, name: str) -> int:
        raise native.NoCompilerError("no such instruction")

    x = floats(5)
    graph = lg.capture(lambda x: lg.sum(lg.tanh(x) * 2, axis=0), lg.spec(5))
    real = native.address_of
    with monkeypatch.context() as patched:
        patched.setattr(
            native, "address_of", lambda text, name: real(text, name) if "%records" in text else refused(text, name)
        )
        with pytest.warns(lg.LocalgradWarning, match="Sum#1.*no such instruction"):
            plan = Plan(graph)
    np.testing.assert_allclose(plan.run([x])["Sum#1"], graph.run([x])["Sum#1"], rtol=1e-6)


def test_importing_localgrad_loads_no_compiler() -> None:
    script = "import sys, localgrad as lg; lg.compile; print([m for m in ('llvmlite', 'numba', 'ctypes.util') if m in sys.modules])"
    source = Path(lg.__file__).parents[1]
    said = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(source), "PATH": ""}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert "llvmlite" not in said.stdout
    assert "numba" not in said.stdout
