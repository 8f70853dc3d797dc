"""`python -m benchmarks [--peers] [--blocks 9] [--only mlp] [--write docs/...]`: tables of medians and ratios."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measure import interleaved
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.contenders import PEERS

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Run the chosen benchmarks and print their tables."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="also PyTorch, JAX and scikit-learn, in the same run")
    parser.add_argument("--blocks", type=int, default=9, help="interleaved blocks (default 9)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every contender (default 1)")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), action="append", help="one benchmark; may be repeated")
    parser.add_argument(
        "--without", choices=PEERS, action="append", default=[], help="leave a peer out; may be repeated"
    )
    parser.add_argument("--write", type=Path, help="also write the tables to this Markdown file")
    parser.add_argument("--figures", type=Path, help="also keep the figures of training steps in this JSON file")
    parser.add_argument("--page", type=Path, help="only write the page and the picture beside such a file")
    options = parser.parse_args()
    if options.page is not None:
        from benchmarks.page import write

        write(options.page)
        return 0
    if any(os.environ.get(name) != str(options.threads) for name in THREAD_VARIABLES):
        # thread pools are sized when NumPy and PyTorch load, so the environment has to be right before
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
        if options.threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + environment.get("XLA_FLAGS", "")
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], environment)
    if hasattr(os, "sched_setaffinity"):  # JAX has a thread for each processor it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    if options.peers:
        import torch

        torch.set_num_threads(options.threads)
    import localgrad as lg

    lg.set_threads(options.threads)
    lines: list[str] = []
    names = options.only or [name for name in BENCHMARKS if options.threads == 1 or name in THREADED]
    for name in names:
        table = "\n".join([*BENCHMARKS[name](options), ""])
        print(table, flush=True)
        lines.append(table)
    if options.write is not None:
        options.write.write_text("\n".join(lines), encoding="utf-8")
    return 0


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"**{title}**", "", _row(head), _row(["---", *["--:"] * (len(head) - 1)]), *map(_row, rows)]


def _compared(
    title: str, contenders: dict[str, Callable[[], float]], blocks: int, unit: str, factor: float
) -> list[str]:
    found = interleaved(contenders, blocks)
    ours = found["localgrad"].median
    rows = [
        [name, f"{timing.median * factor:.3g}", f"{timing.spread:.0%}", f"{ours / timing.median:.2f}"]
        for name, timing in found.items()
    ]
    return _table(title, ["", f"median, {unit}", "spread", "localgrad / this"], rows)


def bench_chain(options: argparse.Namespace) -> list[str]:
    from benchmarks import chain

    contenders = {"localgrad": chain.ours}
    if options.peers:
        contenders["PyTorch"] = chain.pytorch
    lines = _compared(
        f"Scalar chain of {chain.NODES:,} nodes, forward and backward",
        contenders, options.blocks, "µs a node", 1e6 / chain.NODES,
    )  # fmt: skip
    memory = {"localgrad": chain.bytes_per_node("ours")}
    if options.peers:
        memory["PyTorch"] = chain.bytes_per_node("pytorch")
    rows = [[name, f"{size:.0f}", f"{memory['localgrad'] / size:.2f}"] for name, size in memory.items()]
    long = chain.ours(1_000_000) / 1_000_000 * 1e6
    return [
        *lines, "", *_table("Peak memory of it", ["", "bytes a node", "localgrad / this"], rows), "",
        f"1,000,000 nodes: {long:.2f} µs a node.",
    ]  # fmt: skip


def bench_mlp(options: argparse.Namespace) -> list[str]:
    from benchmarks import mlp

    run, loss = mlp.ours()
    contenders = {"localgrad": run}
    losses = {"localgrad": loss}
    if options.peers:
        contenders["PyTorch"], losses["PyTorch"] = mlp.pytorch()
    lines = _compared("Eager training step, MLP 784-256-128-10, batch 64, Adam", contenders, options.blocks, "ms", 1e3)
    said = ", ".join(f"{name} {value():.6g}" for name, value in losses.items())
    return [*lines, "", f"Losses after the same steps: {said}."]


def bench_workload(workload: str, options: argparse.Namespace) -> list[str]:
    from benchmarks import compiled

    result = compiled.measure(workload, options.peers, options.blocks, options.without)
    if options.figures is not None:
        from benchmarks.page import keep

        keep(options.figures, str(options.threads), {workload: result.record()})
    return compiled.lines_of(result)


def bench_cost(options: argparse.Namespace) -> list[str]:
    from benchmarks import cost

    records = cost.measure(options.peers)
    if options.figures is not None:
        from benchmarks.page import keep

        keep(options.figures, "cost", records)
    return cost.lines_of(records)


def bench_digits(options: argparse.Namespace) -> list[str]:
    from benchmarks import digits

    lines: list[str] = []
    for batch in (200, 32):
        contenders = {"localgrad": partial(digits.ours, batch)}
        if options.peers:
            contenders["scikit-learn"] = partial(digits.sklearn, batch)
        title = f"Digits, one epoch of an MLP 64-100-10, batch {batch}"
        lines += [*_compared(title, contenders, options.blocks, "ms", 1e3), ""]
    return lines[:-1]


def bench_import(options: argparse.Namespace) -> list[str]:
    from benchmarks.process import import_cost

    statements = {"NumPy alone": "", "localgrad": "import localgrad"}
    if options.peers:
        statements["PyTorch"] = "import torch"
    base, base_memory = import_cost(statements["NumPy alone"])
    rows = [["NumPy alone", f"{base * 1e3:.0f}", f"{base_memory:.1f}"]]
    for name, statement in list(statements.items())[1:]:
        seconds, megabytes = import_cost(statement)
        rows.append([f"and {name}", f"+{(seconds - base) * 1e3:.0f}", f"+{megabytes - base_memory:.1f}"])
    return _table("Import", ["", "ms", "MB resident"], rows)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "chain": bench_chain,
    "mlp": bench_mlp,
    "digits": bench_digits,
    "import": bench_import,
    "cost": bench_cost,
    **{name: partial(bench_workload, name) for name in WORKLOADS},
}
THREADED = tuple(WORKLOADS)
"""What is also measured with two threads."""

if __name__ == "__main__":
    sys.exit(main())
