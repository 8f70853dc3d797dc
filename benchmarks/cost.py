"""What a training step costs beside its time: the first call with a cold and a warm cache of kernels, and peak memory.

Each figure is that of a process of its own: `python -m benchmarks.cost T2 localgrad`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.process import peak_bytes

LATENCY = ("T2", "T5b", "T7")
MEMORY = ("T3", "T5b", "T7")
STEPS = 5


def costs(workload: str, library: str, cache: str) -> tuple[float, float]:
    """Seconds of the first call, with the making of the network, and peak resident megabytes of some steps."""
    environment = {**os.environ, "LOCALGRAD_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cost", workload, library],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def measure(peers: bool) -> list[dict[str, Any]]:
    """A record for each workload and library."""
    found = []
    libraries = ("localgrad", "PyTorch", "JAX") if peers else ("localgrad",)
    for workload in dict.fromkeys((*LATENCY, *MEMORY)):
        for library in libraries:
            with tempfile.TemporaryDirectory() as cache:
                cold, memory = costs(workload, library, cache)
                warm = costs(workload, library, cache)[0] if library == "localgrad" else None
            found.append({"workload": workload, "library": library, "cold": cold, "warm": warm, "memory": memory})
    return found


def lines_of(records: list[dict[str, Any]]) -> list[str]:
    """The records as a table."""
    lines = [
        "| | | first call, s | with kernels on disk, s | peak memory, MB |",
        "| --- | --- | --: | --: | --: |",
    ]
    for each in records:
        warm = "" if each["warm"] is None else f"{each['warm']:.2f}"
        lines.append(f"| {each['workload']} | {each['library']} | {each['cold']:.2f} | {warm} | {each['memory']:.0f} |")
    return ["**First call, and peak resident memory of some steps**", "", *lines]


def main() -> None:
    """Run a few steps and print the seconds of the first and the megabytes of all."""
    from benchmarks.workloads.contenders import contender

    workload, library = sys.argv[1:]
    if library.startswith("PyTorch"):
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    elif library == "localgrad":
        import localgrad  # noqa: F401 - importing is told apart
    else:
        import jax  # noqa: F401
    made = contender(workload, library)
    began = time.perf_counter()
    made()
    seconds = time.perf_counter() - began
    for _ in range(STEPS):
        made()
    print(seconds, peak_bytes() / 2**20)


if __name__ == "__main__":
    main()
