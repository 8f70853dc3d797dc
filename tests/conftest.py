"""What every test shares: one BLAS thread per process, and random examples that are the same on every run."""

import os
import sys

# Before NumPy is imported: processes running side by side with a pool of threads each only wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Shared modules with asserts of their own, so that a failure there shows both sides as in a test.
pytest.register_assert_rewrite(
    "tests.trial", "tests.told", "tests.book_layers", "tests.loops_by_hand", "tests.recurrent_by_hand"
)

# Derandomised, so a failure is the change's and not the day's; without a deadline, because the first example of a test
# may compile a kernel; without the database, which only serves random runs.
settings.register_profile(
    "localgrad",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("localgrad")

_STARTS: list[tuple[np.random.Generator, dict]] = []


@pytest.fixture(autouse=True)
def same_numbers_in_any_order():
    """Start the generators that test modules share anew, so that a test draws the same numbers whichever ran before."""
    if not _STARTS:
        modules = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "tests"]
        found = {id(x): x for module in modules for x in vars(module).values() if isinstance(x, np.random.Generator)}
        _STARTS.extend((generator, generator.bit_generator.state) for generator in found.values())
    for generator, state in _STARTS:
        generator.bit_generator.state = state
