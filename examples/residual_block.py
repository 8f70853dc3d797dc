"""What the sum in a residual block is for: 32 layers on the digits, with shortcuts and without.

A block computes relu(body(x) + x). Its Add sends the gradient to the body and, unchanged, past it; without the sum
every gradient has to come through all the bodies, and the first layers learn late. Both networks are `lg.models.ResNet`
of the same sizes and first weights, made of other blocks.

Result: training loss 0.004 with shortcuts, 0.583 without; test accuracy 0.978 and 0.753.
About 35 s on a 2-core machine.
Pictures: block.svg (the graph of one block), curves.svg, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.models import ResidualBlock, ResNet


class PlainBlock(ResidualBlock):
    """The same layers, without the sum."""

    def call(self, x):
        return lg.relu(self.body(x))


def network(block: type[ResidualBlock], blocks: int) -> ResNet:
    return ResNet((blocks,) * 3, (8, 16, 32), 10, channels=1, block=block, shortcut="padding", seed=0)


def draw(path: Path, curves: dict[str, list[float]], width: int = 460, height: int = 300) -> None:
    """The training loss of each network, epoch by epoch."""
    colors = dict(zip(curves, ("#0072b2", "#d55e00")))
    top = max(max(values) for values in curves.values()) * 1.05
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/><g font-family="sans-serif" font-size="12">')
    for mark in np.arange(0, top, 0.5):
        y = height - 36 - (height - 60) * mark / top
        parts.append(
            f'<path d="M40 {y:.1f}H{width - 90}" stroke="#ddd"/><text x="12" y="{y + 4:.1f}">{mark:.1f}</text>'
        )
    for name, values in curves.items():
        xs = np.linspace(40, width - 90, len(values))
        ys = height - 36 - (height - 60) * np.array(values) / top
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colors[name]}" stroke-width="2"/>')
        parts.append(f'<text x="{width - 84}" y="{ys[-1] + 4:.1f}" fill="{colors[name]}">{name}</text>')
    parts.append(f'<text x="40" y="{height - 12}">training loss, epoch 1 to {len(values)}</text>')
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    (x, t), (x_test, t_test) = lg.load_digits()
    train, test = (x.reshape(-1, 1, 8, 8), t), (x_test.reshape(-1, 1, 8, 8), t_test)
    blocks, epochs = (3, 2) if quick else (5, 10)
    found, curves = {}, {}
    for name, block in (("residual", ResidualBlock), ("plain", PlainBlock)):
        model = network(block, blocks)
        trainer = lg.Trainer(model, optimizer=lg.Momentum(0.02, momentum=0.9))
        history = trainer.fit(train, epochs=epochs, batch_size=100)
        curves[name] = history["loss"]
        found[f"{name}: loss"] = history["loss"][-1]
        found[name] = trainer.evaluate(test)["accuracy"]
        layers = sum(label.endswith("/W") for label in model.parameters())
        print(f"{name}: {layers} layers, training loss {curves[name][-1]:.3f}, test accuracy {found[name]:.3f}")

    out.mkdir(parents=True, exist_ok=True)
    draw(out / "curves.svg", curves)
    graph = ResidualBlock(8, 16, stride=2, seed=0).eval().graph(lg.spec("N", 8, 8, 8))
    graph.to_svg(out / "block.svg", title="A residual block that halves the picture")
    print("pictures:", ", ".join(str(path) for path in sorted(out.glob("*.svg"))))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="32 layers on the digits, with shortcuts and without.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/residual_block"), help="where the pictures go")
    parser.add_argument("--quick", action="store_true", help="20 layers and 2 epochs in place of 32 and 10")
    given = parser.parse_args()
    result = main(given.out, given.quick)
