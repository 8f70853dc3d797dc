"""What a process costs: import time and resident memory beyond NumPy's, and the size of an installation."""

from __future__ import annotations

import statistics
import subprocess
import sys

_IMPORT = """
import resource, time
began = time.perf_counter()
import numpy
{statement}
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def import_cost(statement: str, blocks: int = 9) -> tuple[float, float]:
    """Median seconds to import NumPy and then `statement`, and median peak resident megabytes."""
    seconds, megabytes = [], []
    for _ in range(blocks):
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT.format(statement=statement)], capture_output=True, text=True, check=True
        )
        one, other = done.stdout.split()
        seconds.append(float(one))
        megabytes.append(float(other))
    return statistics.median(seconds), statistics.median(megabytes)
