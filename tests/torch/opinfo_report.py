"""What the judge found, as a table: `python -m tests.torch.opinfo_report [operation ...]` prints it."""

from __future__ import annotations

import sys

from tests.torch.opinfo import ENTRIES, Verdict, judged
from tests.torch.opinfo_twins import TWINS


def total() -> Verdict:
    """The verdicts of all operations in one."""
    whole = Verdict()
    for name in TWINS:
        whole.add(judged(name))
    return whole


def report() -> str:
    """Operations, samples, and the reasons of those that are excused or outside."""
    whole = total()
    entries = sum(len(names) for names in TWINS.values())
    excused = sum(whole.excused.values())
    verdicts = [judged(name) for name in TWINS]
    wholly = sum(not verdict.excused and not verdict.failures for verdict in verdicts)
    differentiated = sum(verdict.differentiated > 0 for verdict in verdicts)
    lines = [
        "",
        f"operations with a twin: {len(TWINS)} (in {entries} of the {len(ENTRIES)} names of PyTorch's table)",
        f"of those with gradients: {differentiated}; without any sample excused: {wholly}",
        f"samples: {whole.samples}, in float64 and float32; gradients compared of {whole.differentiated}",
        f"agreeing: {whole.agreeing} (of those in float32 {whole.in_double} with PyTorch in float64 only)",
        f"differing: {len(whole.failures)}",
        f"excused, as PyTorch's own convention: {excused} ({100 * excused / max(whole.samples, 1):.2f} %)",
        *(f"  {count:5d}  {reason}" for reason, count in whole.excused.most_common()),
        f"outside of localgrad's limits, not counted: {sum(whole.outside.values())}",
        *(f"  {count:5d}  {reason}" for reason, count in whole.outside.most_common()),
    ]
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Print the table, or what differs in the operations named."""
    if not names:
        print(report())
        for name in TWINS:
            if judged(name).failures:
                print(f"{name}: {len(judged(name).failures)} of {judged(name).samples} differ")
        return 0
    for name in names:
        name = next(operation for operation, spellings in TWINS.items() if name in spellings)
        verdict = judged(name)
        print(f"{name}: {verdict.agreeing} of {verdict.samples} agree, {sum(verdict.excused.values())} excused")
        for failure in verdict.failures:
            print("  " + failure)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
