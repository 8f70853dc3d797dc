"""`python -m benchmarks [--peers] [--blocks 9] [--only mlp] [--write docs/...]`: tables of medians and ratios."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measure import interleaved

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Run the chosen benchmarks and print their tables."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="also PyTorch and scikit-learn, in the same run")
    parser.add_argument("--blocks", type=int, default=9, help="interleaved blocks (default 9)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every contender (default 1)")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), action="append", help="one benchmark; may be repeated")
    parser.add_argument("--write", type=Path, help="also write the tables to this Markdown file")
    options = parser.parse_args()
    if any(os.environ.get(name) != str(options.threads) for name in THREAD_VARIABLES):
        # thread pools are sized when NumPy and PyTorch load, so the environment has to be right before
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], environment)
    if options.peers:
        import torch

        torch.set_num_threads(options.threads)
    lines: list[str] = []
    for name in options.only or BENCHMARKS:
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


def bench_compiled(options: argparse.Namespace) -> list[str]:
    from importlib.util import find_spec

    from benchmarks import compiled

    makers = {"localgrad": compiled.ours}
    if options.peers:
        makers["PyTorch"] = compiled.pytorch
        if find_spec("jax") is not None:
            makers["JAX"] = compiled.jax
    lines: list[str] = []
    for workload, title in compiled.TITLES.items():
        made = {name: make(workload) for name, make in makers.items()}
        lines += _compared(title, {name: run for name, (run, _) in made.items()}, options.blocks, "ms", 1e3)
        said = ", ".join(f"{name} {loss():.6g}" for name, (_, loss) in made.items())
        lines += ["", f"Losses after the same steps: {said}.", ""]
    return lines[:-1]


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
    "compiled": bench_compiled,
    "digits": bench_digits,
    "import": bench_import,
    "mlp": bench_mlp,
}

if __name__ == "__main__":
    sys.exit(main())
