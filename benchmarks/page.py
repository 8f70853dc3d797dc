"""The figures kept from runs, as a page with a table and a picture: `docs/benchmarks.md`, made from `docs/benchmarks.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.cost import lines_of

BARS = {
    "T1": (0.3, 0.3), "T2": (0.8, 0.65), "T3": (1.0, 0.97), "T4": (0.92, 1.0), "T5": (0.65, 0.7), "T5b": (0.8, 0.85),
    "T6": (0.7, 0.75), "T6b": (0.85, 0.8), "T7": (0.9, 0.9), "T9": (0.6, 0.4), "T9b": (0.2, 0.2),
}  # fmt: skip
"""What is aimed at, as a share of the best peer's time, with one and with two threads."""
CHART = {"width": 720, "row": 26, "left": 70, "bars": 590}


def keep(path: Path, key: str, records: Any) -> None:
    """Put figures into the file, in place of those under the same key."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if isinstance(records, dict):
        kept.setdefault(key, {}).update(records)
    else:
        kept[key] = records
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def write(path: Path) -> None:
    """Write the page and the picture beside the figures."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = _rows(kept)
    lines = [
        "---", "orphan: true", "---", "", "# Benchmarks", "",
        "A training step is forward, loss, backward and update, with the data in memory; each library computes the same losses",
        "from the same weights, which is checked first. Blocks of steps run in turns, so that a slow minute hits all; figures",
        "are medians of blocks, with the distance of the quartiles as a share behind them. PyTorch counts with the fastest of",
        "eager, eager with a fused optimizer, and `torch.compile`; JAX is jitted with donated arguments. `make bench-peers`",
        "measures all of it again.", "",
        "```{image} benchmarks.svg", ":alt: Each workload's time as a share of the best peer's", "```", "",
        "| workload | threads | localgrad, ms | best peer | its ms | ratio | aim |",
        "| --- | --: | --: | --- | --: | --: | --: |",
    ]  # fmt: skip
    lines += [
        f"| {row['workload']}: {row['title']} | {row['threads']} | {row['ours']:.4g} ({row['spread']:.0%}) | {row['peer']} | "
        f"{row['theirs']:.4g} ({row['their_spread']:.0%}) | {row['ratio']:.2f} | {row['bar']} |"
        for row in rows
    ]
    if kept.get("cost"):
        lines += ["", *lines_of(kept["cost"])]
    notes = [note for threads in ("1", "2") for each in kept.get(threads, {}).values() for note in each["notes"]]
    lines += ["", *dict.fromkeys(notes)] if notes else []
    path.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (path.parent / "benchmarks.svg").write_text(picture(rows), encoding="utf-8")


def _rows(kept: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for threads in (1, 2):
        records = kept.get(str(threads), {})
        for workload, bars in BARS.items():
            record = records.get(workload)
            peers = {} if record is None else {name: ms for name, ms in record["ms"].items() if name != "localgrad"}
            if not peers:
                continue
            best = min(peers, key=lambda name: peers[name])
            mine = record["ms"]["localgrad"]
            rows.append(
                {
                    "workload": workload, "title": record["title"], "threads": threads, "ours": mine, "peer": best,
                    "theirs": peers[best], "ratio": mine / peers[best], "bar": bars[threads - 1],
                    "spread": record["spread"]["localgrad"], "their_spread": record["spread"][best],
                }
            )  # fmt: skip
    return rows


def picture(rows: list[dict[str, Any]]) -> str:
    """Bars for each workload: time as a share of the best peer's, which is the line at 1."""
    workloads = [name for name in BARS if any(row["workload"] == name for row in rows)]
    width, height, left = CHART["width"], CHART["row"], CHART["left"]
    scale = CHART["bars"] / max(1.2, *(row["ratio"] for row in rows))
    total = height * len(workloads) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{left}" y="18" fill="#333">time of a training step, best peer = 1</text>',
        f'<rect x="{left + 300}" y="9" width="10" height="10" fill="#2b6cb0"/><text x="{left + 315}" y="18" fill="#333">1 thread</text>',
        f'<rect x="{left + 390}" y="9" width="10" height="10" fill="#90cdf4"/><text x="{left + 405}" y="18" fill="#333">2 threads</text>',
    ]
    for number, workload in enumerate(workloads):
        top = 32 + number * height
        parts.append(f'<text x="{left - 8}" y="{top + 14}" text-anchor="end" fill="#333">{workload}</text>')
        for row in rows:
            if row["workload"] != workload:
                continue
            y = top + (row["threads"] - 1) * 11
            length = row["ratio"] * scale
            color = "#2b6cb0" if row["threads"] == 1 else "#90cdf4"
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="9" fill="{color}"/>')
            parts.append(
                f'<text x="{left + length + 5:.1f}" y="{y + 9}" font-size="10" fill="#333">{row["ratio"]:.2f}</text>'
            )
    parts.append(
        f'<line x1="{left + scale}" y1="26" x2="{left + scale}" y2="{total - 20}" stroke="#c53030" stroke-dasharray="4 3"/>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"
