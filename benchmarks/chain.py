"""Scalars: a chain of multiplications and additions, forward and backward, in time and memory per node."""

from __future__ import annotations

import subprocess
import sys
import time

NODES = 100_000


def ours(nodes: int = NODES) -> float:
    """Seconds of the chain in localgrad."""
    import localgrad as lg

    start = lg.parameter(1.5, name="start")
    began = time.perf_counter()
    x = start
    for _ in range(nodes // 2):
        x = x * 1.0000001
        x = x + 1e-7
    x.backward()
    return time.perf_counter() - began


def pytorch(nodes: int = NODES) -> float:
    """Seconds of the same chain in PyTorch."""
    import torch

    start = torch.tensor(1.5, requires_grad=True)
    began = time.perf_counter()
    x = start
    for _ in range(nodes // 2):
        x = x * 1.0000001
        x = x + 1e-7
    x.backward()
    return time.perf_counter() - began


_MEMORY = """
import sys
from benchmarks import chain
from benchmarks.process import peak_bytes
run = getattr(chain, sys.argv[1])
run(100)
before = peak_bytes()
run(int(sys.argv[2]))
print((peak_bytes() - before) / int(sys.argv[2]))
"""


def bytes_per_node(contender: str, nodes: int = NODES) -> float:
    """Peak memory after import, forward and backward, in bytes a node, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, contender, str(nodes)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
