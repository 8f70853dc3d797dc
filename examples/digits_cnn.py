"""Handwritten digits read by the books' first convolutional network, and a look at what its kernels became.

1,797 pictures of 8x8 (1,437 to train, 360 to test), which come with the package. Convolution with 30 kernels of 5x5,
ReLU, max pooling, affine 100, ReLU, affine 10; Adam with a falling rate, 20 epochs of batches of 50.

Result: test accuracy 0.989. About 3 s on a 2-core machine.
Pictures: curves.svg, kernels.svg (before and after training), in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg


def images(data: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    x, t = data
    return x.reshape(-1, 1, 8, 8), t


def draw(path: Path, rows: dict[str, np.ndarray], dot: int = 8) -> None:
    """Rows of kernels, black the smallest weight of each and white its largest."""
    side = dot * 5 + 6
    count = max(len(kernels) for kernels in rows.values())
    columns = -(-count // 2)
    width, height = columns * side + 6, len(rows) * (2 * side + 26)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/><g shape-rendering="crispEdges">')
    for row, (title, kernels) in enumerate(rows.items()):
        top = row * (2 * side + 26)
        parts.append(f'<text x="6" y="{top + 17}" font-family="sans-serif" font-size="13">{title}</text>')
        for number, kernel in enumerate(kernels):
            left, upper = number % columns * side + 6, top + 24 + number // columns * side
            greys = 255 * (kernel - kernel.min()) / np.ptp(kernel)
            for (y, x), grey in np.ndenumerate(greys.astype(int)):
                place = f'x="{left + x * dot}" y="{upper + y * dot}" width="{dot}" height="{dot}"'
                parts.append(f'<rect {place} fill="rgb({grey},{grey},{grey})"/>')
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    train, test = (images(data) for data in lg.load_digits())
    model = lg.models.SimpleConvNet((1, 8, 8), pad=2, init=0.01, seed=0)
    print(model.summary(lg.spec("N", 1, 8, 8)))
    before = model[0].W.numpy()[:, 0]

    trainer = lg.Trainer(model, optimizer=lg.Adam(2e-3), schedule=lg.CosineDecay())
    history = trainer.fit(train, epochs=4 if quick else 20, validation=test, batch_size=50)
    scores = trainer.evaluate(test)
    print(f"test accuracy {scores['accuracy']:.4f}, test loss {scores['loss']:.4f}")

    out.mkdir(parents=True, exist_ok=True)
    history.to_svg(out / "curves.svg")
    draw(out / "kernels.svg", {"before training": before, "after training": model[0].W.numpy()[:, 0]})
    print("pictures:", ", ".join(str(path) for path in sorted(out.glob("*.svg"))))
    return {"accuracy": scores["accuracy"], "loss": scores["loss"]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Handwritten digits read by a convolutional network.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/digits_cnn"), help="where the pictures go")
    parser.add_argument("--quick", action="store_true", help="4 epochs in place of 20")
    given = parser.parse_args()
    result = main(given.out, given.quick)
