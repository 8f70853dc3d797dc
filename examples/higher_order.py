"""Derivatives up to the fourth order of sin and tanh, drawn, and the graph that a third derivative of tanh is.

`lg.gradients` of a sum over many points gives the derivative at each of them, as a tensor to differentiate again.

Result: those of sin are cos, -sin, -cos and sin to the last bit, the third of tanh is right to 4e-16. About 0.5 s on a 2-core machine.
Pictures: derivatives.svg, and tanh1.svg to tanh3.svg, the graphs of its derivatives, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.train.curves import Panel, Series, curves_svg

TITLES = ("function", "1st derivative", "2nd derivative", "3rd derivative", "4th derivative")


def derivatives(f, at: np.ndarray, order: int) -> list[np.ndarray]:
    """f and its derivatives up to an order at many points."""
    x = lg.tensor(at, name="x", requires_grad=True)
    y = f(x)
    found = [y.numpy()]
    for _ in range(order):
        (y,) = lg.gradients(y.sum(), x)
        found.append(y.numpy())
    return found


def derivative_graph(order: int) -> lg.Graph:
    """The graph of one derivative of tanh at a point."""

    def derivative(x):
        y = lg.tanh(x)
        for _ in range(order):
            (y,) = lg.gradients(y, x)
        return y

    x = lg.tensor(np.array(1.0), name="x", requires_grad=True)
    y = derivative(x)
    y.name = "tanh" + "'" * order
    return y.graph


def main(out: Path, quick: bool) -> dict[str, float]:
    x = np.linspace(-5.0, 5.0, 51 if quick else 201)
    found = {"sin": derivatives(np.sin, x, 4), "tanh": derivatives(np.tanh, x, 4)}

    expected = [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)]
    error = max(float(np.abs(a - b).max()) for a, b in zip(found["sin"], expected))
    t = np.tanh(x)
    error_tanh = float(np.abs(found["tanh"][3] - (1 - t**2) * (6 * t**2 - 2)).max())
    print(f"largest error: sin {error:.1e} (orders 0 to 4), tanh {error_tanh:.1e} (order 3)")

    panels = []
    for order, title in enumerate(TITLES):
        curves = [
            Series(name, list(zip(x.tolist(), y[order].tolist())), color)
            for color, (name, y) in enumerate(found.items())
        ]
        panels.append(Panel(title, curves))
    out.mkdir(parents=True, exist_ok=True)
    (out / "derivatives.svg").write_text(curves_svg(panels, "x"), encoding="utf-8")

    nodes = []
    for order in (1, 2, 3):
        graph = derivative_graph(order)
        graph.to_svg(out / f"tanh{order}.svg", title=f"derivative number {order} of tanh")
        nodes.append(len(graph.nodes))
        print(f"derivative {order} of tanh: a graph of {nodes[-1]} nodes")
    print(derivative_graph(1))
    print("pictures:", ", ".join(str(path) for path in sorted(out.glob("*.svg"))))
    return {"sin": error, "tanh": error_tanh, "nodes": float(nodes[-1])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Derivatives up to the fourth order of sin and tanh.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/higher_order"), help="where the pictures go")
    parser.add_argument("--quick", action="store_true", help="fewer points on the curves")
    given = parser.parse_args()
    result = main(given.out, given.quick)
