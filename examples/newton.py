"""Newton's method by second derivatives: the slope divided by the curvature, both found by back-propagation.

The minimum of x^4 - 2 x^2 from x = 2. The gradient that `lg.gradients` gives is a tensor with a history of its own, so
the gradient of the gradient is one call more.

Result: exact to 15 digits after 7 steps; gradient descent at rate 0.01 needs 374. About 0.5 s on a 2-core machine.
Picture: error.svg, the error of both over the steps, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.train.curves import Panel, Series, curves_svg

MINIMUM = 1.0


def f(x):
    return x**4 - 2.0 * x**2


def newton(start: float, steps: int) -> list[float]:
    places = [start]
    for _ in range(steps):
        x = lg.tensor(np.array(places[-1]), requires_grad=True)
        (slope,) = lg.gradients(f(x), x)
        (curvature,) = lg.gradients(slope, x)
        places.append((x - slope / curvature).item())
    return places


def descent(start: float, steps: int, rate: float = 0.01) -> list[float]:
    places = [start]
    slope = lg.grad(f)
    for _ in range(steps):
        places.append(places[-1] - rate * float(slope(np.array(places[-1]))))
    return places


def steps_until(places: list[float], tolerance: float = 1e-14) -> int:
    return next((step for step, x in enumerate(places) if abs(x - MINIMUM) < tolerance), len(places))


def main(out: Path, quick: bool) -> dict[str, float]:
    paths = {"Newton": newton(2.0, 8), "descent": descent(2.0, 50 if quick else 500)}
    for step, x in enumerate(paths["Newton"]):
        print(f"{step}  x = {x:.15f}  error {abs(x - MINIMUM):.1e}")
    needed = {name: steps_until(places) for name, places in paths.items()}
    print(f"steps to 1e-14: Newton {needed['Newton']}, gradient descent {needed['descent']}")

    # An error of exactly 0 has no place on a logarithmic scale.
    curves = {name: [max(abs(x - MINIMUM), 1e-16) for x in places] for name, places in paths.items()}
    curves["descent"] = curves["descent"][:50]
    series = [
        Series(name, list(enumerate(curve)), color, dots=True) for color, (name, curve) in enumerate(curves.items())
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "error.svg").write_text(curves_svg([Panel("error", series)], "step"), encoding="utf-8")
    print("picture:", out / "error.svg")
    return {"Newton": float(needed["Newton"]), "descent": float(needed["descent"]), "x": paths["Newton"][-1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Newton's method by second derivatives.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/newton"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="fewer steps of gradient descent")
    given = parser.parse_args()
    result = main(given.out, given.quick)
