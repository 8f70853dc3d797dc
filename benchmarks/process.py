"""What a process costs: import time and resident memory beyond NumPy's, and the size of an installation."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of a child starts at its parent's peak on Linux
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_IMPORT = """
import time
began = time.perf_counter()
import numpy
{statement}
seconds = time.perf_counter() - began
from benchmarks.process import peak_bytes
print(seconds, peak_bytes() / 2**20)
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
