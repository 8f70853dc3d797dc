"""What first weights do to a deep network: the activations of five layers, before any training.

1,000 random rows go through five layers of 100. With weights of standard deviation 1 the sigmoids sit at 0 and 1, where
their gradient is nothing; with 0.01 all of them say 0.5, so 100 of them know no more than one. Xavier's keep a spread from
layer to layer. For ReLU that is He's: the others die out.

Result (standard deviation of the activations in layer 1 and layer 5):
sigmoid: 0.46 and 0.43 from std 1, 0.03 and 0.01 from std 0.01, 0.21 and 0.11 from Xavier's;
ReLU: 0.06 and 0.0000 from std 0.01, 0.59 and 0.14 from Xavier's, 0.84 and 0.81 from He's.
About 1 s on a 2-core machine.
Picture: activations.svg, a histogram for each layer, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.layers import Affine, Relu, Sigmoid

CASES = (
    ("sigmoid", "std 1", 1.0),
    ("sigmoid", "std 0.01", 0.01),
    ("sigmoid", "Xavier", "xavier"),
    ("ReLU", "std 0.01", 0.01),
    ("ReLU", "Xavier", "xavier"),
    ("ReLU", "He", "he"),
)
LAYERS, WIDTH = 5, 100


def activations(function: str, init: object, rows: int) -> list[np.ndarray]:
    """What each layer gives for normal random rows."""
    x = np.random.default_rng(0).standard_normal((rows, WIDTH)).astype(np.float32)
    found = []
    with lg.no_grad():
        for seed in range(LAYERS):
            x = Affine.create(WIDTH, WIDTH, seed=seed, init=init)(x)
            x = Sigmoid()(x) if function == "sigmoid" else Relu()(x)
            found.append(x.numpy())
    return found


def draw(path: Path, found: dict[str, list[np.ndarray]]) -> None:
    """A row of histograms for each case: sigmoids from 0 to 1, ReLUs from 0 to 3, without the zeros that they cut off."""
    wide, high, left = 130, 92, 120
    width, height = left + LAYERS * wide, high * len(found) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/><g font-family="sans-serif" font-size="12">')
    parts += [f'<text x="{left + layer * wide}" y="16">layer {layer + 1}</text>' for layer in range(LAYERS)]
    for row, (name, values) in enumerate(found.items()):
        bottom = 24 + (row + 1) * high - 14
        parts.append(f'<text x="8" y="{bottom - 30}">{name}</text>')
        for layer, each in enumerate(values):
            counts, _ = np.histogram(each[each > 0], bins=30, range=(0, 1 if name.startswith("sigmoid") else 3))
            start, bar = left + layer * wide, (wide - 16) / 30
            parts.append(f'<path d="M{start} {bottom}h{wide - 16}" stroke="#b8c0cc"/>')
            for number, count in enumerate(counts):
                tall = min(1.0, 6 * count / each.size) * (high - 24)
                place = f'x="{start + number * bar:.1f}" y="{bottom - tall:.1f}" width="{bar:.1f}" height="{tall:.1f}"'
                parts.append(f'<rect {place} fill="{"#0072b2" if name.startswith("sigmoid") else "#d55e00"}"/>')
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, tuple[float, float]]:
    found = {
        f"{function}, {name}": activations(function, init, 200 if quick else 1_000) for function, name, init in CASES
    }
    print(f"{'standard deviation in':20}  " + "  ".join(f"layer {layer + 1}" for layer in range(LAYERS)))
    for name, values in found.items():
        print(f"{name:20}   " + "  ".join(f"{each.std():7.4f}" for each in values))
    out.mkdir(parents=True, exist_ok=True)
    draw(out / "activations.svg", found)
    print("picture:", out / "activations.svg")
    return {name: (float(values[0].std()), float(values[-1].std())) for name, values in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What first weights do to the activations of a deep network.")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/examples/weight_initialisation"), help="where the picture goes"
    )
    parser.add_argument("--quick", action="store_true", help="200 rows in place of 1,000")
    given = parser.parse_args()
    result = main(given.out, given.quick)
