"""Plans on several threads: the same results, shared or not, and threads that come and go with what is around them."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.run import pool, products, runner, threads
from localgrad.run.plan import Plan
from tests.compiled import at_once, floats, model_and_step, needs_compiler

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def every_step_shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However small a step is, several threads do it; and the number of threads is put back."""
    monkeypatch.setattr(runner, "WORTH", 0.0)
    monkeypatch.setattr(threads, "SHARED", 0.0)
    monkeypatch.setattr(threads, "_wanted", threads._wanted)
    yield
    pool.close()


def always(monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    monkeypatch.setattr(threads.Pace, "next", lambda self: None)
    monkeypatch.setattr(threads.Pace, "shared", shared, raising=False)
    monkeypatch.setattr(threads.Pace, "__init__", lambda self: setattr(self, "count", 0))


def network(x: Any, w: Any, v: Any) -> Any:
    hidden = lg.tanh(x @ w + lg.sum(x, axis=1, keepdims=True))
    p = lg.softmax(hidden @ v)
    return p, lg.sum(p, axis=0), lg.mean(hidden * hidden), lg.sum(hidden.T, axis=1)


def arrays(rows: int = 70, inner: int = 130, middle: int = 300, columns: int = 11) -> list[np.ndarray]:
    return [floats(rows, inner), floats(inner, middle) / 16, floats(middle, columns)]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shared_steps_give_what_one_thread_gives(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    given = arrays()
    found: list[Any] = []
    for shared in (False, True):
        always(monkeypatch, shared)
        lg.set_threads(count)
        found.append([t.numpy() for t in lg.compile(network)(*given)])
    lg.set_threads(1)
    one = [t.numpy() for t in lg.compile(network)(*given)]
    for alone, together, single in zip(*found, one):
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_allclose(together, single, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 20_011, 70_001])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_loops_and_sums_are_equal_for_any_number(monkeypatch: pytest.MonkeyPatch, size: int, reduce: str) -> None:
    x, y = floats(size), floats(3, size)
    always(monkeypatch, True)

    def f(x: Any, y: Any) -> Any:
        z = lg.exp(-x * x) + y
        total = lg.sum if reduce == "sum" else lg.mean
        return z, total(z), total(z, axis=0), total(z, axis=1), lg.sum(x)

    results = []
    for count in (1, 2, 4):
        lg.set_threads(count)
        results.append([t.numpy() for t in lg.compile(f)(x, y)])
    for values in zip(*results):
        for other in values[1:]:
            np.testing.assert_array_equal(other, values[0])
    z = np.exp(-(x.astype(np.float64) ** 2)) + y
    total = {"sum": np.sum, "mean": np.mean}[reduce]
    np.testing.assert_allclose(results[0][1], total(z), rtol=1e-6, atol=1e-6 * size)
    np.testing.assert_allclose(results[0][2], total(z, axis=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sleeping", [True, False])
def test_workers_sleep_and_wake(monkeypatch: pytest.MonkeyPatch, sleeping: bool) -> None:
    always(monkeypatch, True)
    if not sleeping:  # as where the C library has no semaphores
        monkeypatch.setattr(pool.Pool, "_make_semaphores", lambda self: False)
    pool.close()
    lg.set_threads(3)
    f = lg.compile(lambda x: lg.sum(x * 2, axis=1))
    x = floats(9, 100)
    wanted = f(x).numpy()
    for pause in (0.0, 0.0, 0.02, 0.0, 0.02):
        time.sleep(pause)
        np.testing.assert_array_equal(f(x).numpy(), wanted)


def test_training_is_the_same_shared_or_not_and_dropout_too(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = floats(16, 6), np.arange(16) % 3
    found = []
    for count, shared in ((1, True), (2, False), (2, True)):
        always(monkeypatch, shared)
        lg.set_threads(count)
        model, step = model_and_step(lg.Adam(0.01))
        fast = lg.compile(step)
        losses = [fast(x, labels).item() for _ in range(5)]
        found.append((losses, [t.data.copy() for t in model.parameters().values()]))
    assert found[1][0] == found[2][0]
    for a, b in zip(found[1][1], found[2][1]):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(found[0][0], found[2][0], rtol=1e-4)


def test_scans_run_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(xs: Any, w: Any) -> Any:
        def cell(h: Any, x: Any) -> Any:
            h = lg.tanh(h @ w + x)
            return h, h

        last, everything = lg.scan(cell, lg.zeros((4, 70)), xs)
        return last, everything, lg.sum(everything)

    xs, w = floats(5, 4, 70), floats(70, 70) / 9
    found = []
    for shared in (False, True):
        always(monkeypatch, shared)
        lg.set_threads(2)
        found.append([t.numpy() for t in lg.compile(f)(xs, w)])
    for alone, together in zip(*found):
        np.testing.assert_array_equal(together, alone)


def test_several_python_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    always(monkeypatch, True)
    lg.set_threads(2)
    given = arrays(20, 30, 40)
    wanted = [t.numpy() for t in lg.compile(network)(*given)]
    wrong: list[str] = []

    def work() -> None:
        f = lg.compile(network)
        for _ in range(30):
            for a, b in zip(f(*given), wanted):
                if not np.array_equal(a.numpy(), b):
                    wrong.append("differs")

    at_once(work)
    assert not wrong


def test_the_number_of_threads_can_change(monkeypatch: pytest.MonkeyPatch) -> None:
    always(monkeypatch, True)
    f = lg.compile(lambda x: lg.exp(x))
    x = floats(500)
    for count in (1, 3, 2, 1, 2):
        lg.set_threads(count)
        np.testing.assert_allclose(f(x).numpy(), np.exp(x), rtol=1e-6)


def test_blas_has_its_threads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    if products.blas() is None:
        pytest.skip("NumPy has another BLAS")
    before = products.threads()
    products.use_threads(2)
    try:
        seen: list[int] = []
        execute = threads.execute
        monkeypatch.setattr(
            "localgrad.run.plan.execute", lambda *each: (seen.append(products.threads()), execute(*each))
        )
        given = floats(200, 200)
        lg.compile(lambda x: x @ x)(given)
        assert seen == [1]
        assert products.threads() == 2

        def fails(*each: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("localgrad.run.plan.execute", fails)
        with pytest.raises(KeyboardInterrupt):
            lg.compile(lambda x: x @ x)(given)
        assert products.threads() == 2
    finally:
        products.use_threads(before)


def test_an_interrupt_leaves_everything_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    always(monkeypatch, True)
    lg.set_threads(2)
    f = lg.compile(lambda x: lg.sum(lg.exp(x), axis=1))
    x = floats(300, 300)
    wanted = f(x).numpy()
    timer = threading.Timer(0.05, _thread.interrupt_main)
    timer.start()

    def forever() -> None:
        for _ in range(1_000_000):
            f(x)

    with pytest.raises(KeyboardInterrupt):
        forever()
    timer.join()
    np.testing.assert_array_equal(f(x).numpy(), wanted)
    assert pool._pool is not None
    assert not pool._pool.box[3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    always(monkeypatch, True)
    lg.set_threads(2)
    f = lg.compile(lambda x: lg.sum(lg.exp(x), axis=1))
    x = floats(8, 50)
    wanted = f(x).numpy()
    child = os.fork()
    if child == 0:
        fine = all(np.array_equal(f(x).numpy(), wanted) for _ in range(3)) and pool._pool is not None
        os._exit(0 if fine else 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child never came back")
    np.testing.assert_array_equal(f(x).numpy(), wanted)


def test_a_program_that_used_threads_ends() -> None:
    program = (
        "import localgrad as lg, numpy as np, threading\n"
        "from localgrad.run import runner, threads\n"
        "runner.WORTH = threads.SHARED = 0.0\n"
        "lg.set_threads(2)\n"
        "f = lg.compile(lambda x: lg.exp(x))\n"
        "for _ in range(20): f(np.ones(1000, np.float32))\n"
        "assert any(t.name == 'localgrad-1' for t in threading.enumerate())\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_small_plans_stay_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(threads, "_wanted", 2)
    asked: list[Any] = []
    monkeypatch.setattr(pool, "attempt", lambda *each: asked.append(each) or False)
    f = lg.compile(lambda x: lg.sum(lg.exp(x)))
    for _ in range(12):
        f(floats(100))
    assert not asked
    for _ in range(2):
        lg.compile(lambda x: lg.sum(lg.exp(x)))(floats(1 << 20))
    g = lg.compile(lambda x: lg.sum(lg.exp(x)))
    for _ in range(2):
        g(floats(1 << 20))
    assert asked


def test_the_faster_way_is_kept_until_it_is_tried_again() -> None:
    pace = threads.Pace()
    for _ in range(2 * threads.TRIED):
        shared = pace.next()
        assert shared is not None
        pace.note(shared, 2.0 if shared else 1.0)
        pace.count += 1
    assert pace.next() is None
    assert not pace.shared
    pace.count = threads.AGAIN
    for _ in range(2 * threads.TRIED):
        shared = pace.next()
        assert shared is not None
        pace.note(shared, 1.0 if shared else 2.0)
        pace.count += 1
    assert pace.shared


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_no_more_threads_than_offered(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setattr(threads, "_wanted", None)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    for value, wanted in (("2", 2), ("9", 3), ("1,4", 1), ("", 3), ("many", 3)):
        monkeypatch.setenv(variable, value)
        monkeypatch.setattr(threads, "_offered", None)
        assert threads.thread_count() == wanted
    monkeypatch.setattr(threads, "_offered", None)
    lg.set_threads(6)
    assert threads.thread_count() == 6


def test_a_plan_says_what_it_is() -> None:
    plan = Plan(lg.capture(lambda x: lg.sum(lg.exp(x)), lg.spec(1 << 15)))
    assert "pieces" in str(plan)


@pytest.mark.parametrize("sleeping", [True, False])
def test_the_number_may_change_while_others_run(monkeypatch: pytest.MonkeyPatch, sleeping: bool) -> None:
    always(monkeypatch, True)
    if not sleeping:
        monkeypatch.setattr(pool.Pool, "_make_semaphores", lambda self: False)
    pool.close()
    x = floats(9, 200)
    wanted = np.exp(x)
    wrong: list[str] = []

    def work() -> None:
        f = lg.compile(lambda x: lg.exp(x))
        for number in range(20):
            lg.set_threads(2 + number % 2)
            if not np.allclose(f(x).numpy(), wanted, rtol=1e-6):
                wrong.append("differs")

    at_once(work)
    assert not wrong
