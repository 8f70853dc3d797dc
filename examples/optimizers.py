"""SGD, Momentum, AdaGrad and Adam: their paths down a long valley, and their curves on the digits.

The valley is x*x/20 + y*y, steep across and flat along. SGD jumps from wall to wall, Momentum swings, AdaGrad and
Adam give each direction a step size of its own. Then each one trains the same network of five layers on the digits.

Result: distances from the bottom after 30 steps: SGD 0.36, Momentum 0.90, AdaGrad 0.12, Adam 0.35.
Training losses after 10 epochs: SGD 1.32, Momentum 0.13, AdaGrad 0.03, Adam 0.08. About 2 s on a 2-core machine.
Pictures: paths.svg and digits.svg in the folder given by --out.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.layers import Affine, Relu
from localgrad.train.curves import Panel, Series, curves_svg


def path_of(optimizer: lg.Optimizer, steps: int) -> np.ndarray:
    """The points an optimizer visits from (-7, 2), shape (steps + 1, 2)."""
    place = lg.parameter(np.array([-7.0, 2.0]), name="place")
    scale = np.array([1 / 20, 1.0])
    points = [place.numpy()]
    for _ in range(steps):
        (scale * place * place).sum().backward()
        optimizer.step(place)
        points.append(place.numpy())
    return np.array(points)


def draw_paths(out: Path, paths: dict[str, np.ndarray]) -> None:
    """One panel for each path, over level curves of the valley, which are ellipses."""
    wide, high, unit = 340, 190, 19
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * wide} {2 * high}" width="{2 * wide}" font-family="sans-serif">'
    ]
    parts.append(f'<rect width="{2 * wide}" height="{2 * high}" fill="#fff"/>')
    for number, (name, points) in enumerate(paths.items()):
        x, y = number % 2 * wide + wide / 2, number // 2 * high + high / 2 + 8
        parts.append(f'<g transform="translate({x:g} {y:g})" fill="none" stroke="#c6ccd6">')
        for level in (0.1, 0.5, 1, 2, 4):
            across, along = level**0.5 * unit, (20 * level) ** 0.5 * unit
            parts.append(f'<ellipse rx="{along:.1f}" ry="{across:.1f}"/>')
        line = " ".join(f"{a * unit:.1f},{-b * unit:.1f}" for a, b in points)
        parts.append(f'<polyline points="{line}" stroke="#0072b2" stroke-width="1.5"/>')
        parts += [f'<circle cx="{a * unit:.1f}" cy="{-b * unit:.1f}" r="2.5" fill="#d55e00"/>' for a, b in points]
        parts.append(f'<text y="{-high / 2 + 16:g}" text-anchor="middle" fill="#222" stroke="none">{name}</text></g>')
    out.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def losses_on_digits(optimizer: lg.Optimizer, epochs: int) -> list[float]:
    """The training loss of each epoch, always from the same first weights."""
    train, _ = lg.load_digits()
    sizes = [64, 100, 100, 100, 100, 10]
    layers = []
    for seed, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers += [Affine.create(n_in, n_out, seed=seed, init="he"), Relu()]
    trainer = lg.Trainer(lg.Sequential(*layers[:-1]), optimizer=optimizer)
    return list(trainer.fit(train, epochs=epochs, batch_size=128, progress=False)["loss"])


def main(out: Path, quick: bool) -> dict[str, float]:
    valley = {"SGD": lg.SGD(0.95), "Momentum": lg.Momentum(0.1), "AdaGrad": lg.AdaGrad(1.5), "Adam": lg.Adam(0.3)}
    paths = {name: path_of(optimizer, 30) for name, optimizer in valley.items()}
    distances = {name: float(np.hypot(*points[-1])) for name, points in paths.items()}

    rates = {"SGD": lg.SGD(0.01), "Momentum": lg.Momentum(0.01), "AdaGrad": lg.AdaGrad(0.01), "Adam": lg.Adam(0.001)}
    losses = {name: losses_on_digits(optimizer, 3 if quick else 10) for name, optimizer in rates.items()}

    print(f"{'':10}{'distance from the bottom':>26}{'loss on the digits':>22}")
    for name, curve in losses.items():
        print(f"{name:10}{distances[name]:26.3f}{curve[-1]:22.4f}")

    out.mkdir(parents=True, exist_ok=True)
    draw_paths(out / "paths.svg", paths)
    series = [Series(name, list(enumerate(curve, 1)), color) for color, (name, curve) in enumerate(losses.items())]
    (out / "digits.svg").write_text(curves_svg([Panel("training loss", series)], "epoch"), encoding="utf-8")
    print("pictures:", out / "paths.svg", out / "digits.svg")
    return distances | {f"{name} loss": curve[-1] for name, curve in losses.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Four optimizers in a valley and on the digits.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/optimizers"), help="where the pictures go")
    parser.add_argument("--quick", action="store_true", help="3 epochs in place of 10")
    given = parser.parse_args()
    result = main(given.out, given.quick)
