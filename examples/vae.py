"""A variational autoencoder on the digits: 64 pixels through 2 numbers and back, and a map of what lies between.

The encoder gives a mean and a log variance for each of 2 hidden numbers, the decoder makes 64 pixels of a draw from them.
The loss is what the picture costs (cross entropy of the pixels) plus how far the draw is from a standard normal.

Result: test loss from 29.2 after one epoch to 24.2 after 100. About 8 s on a 2-core machine.
Picture: map.svg, what the decoder makes of 15 x 15 points, in the folder given by --out.
"""

import argparse
from pathlib import Path
from statistics import NormalDist

import numpy as np

import localgrad as lg


def draw(path: Path, pictures: np.ndarray, columns: int, dot: int = 5) -> None:
    """8x8 pictures side by side, dark where there is ink."""
    side, rows = 8 * dot, len(pictures) // columns
    size = f'viewBox="0 0 {columns * side} {rows * side}" width="{columns * side}" height="{rows * side}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} shape-rendering="crispEdges">']
    for number, picture in enumerate(pictures.reshape(-1, 8, 8)):
        for (row, column), ink in np.ndenumerate(picture):
            x, y = number % columns * side + column * dot, number // columns * side + row * dot
            grey = round(255 * (1 - float(ink)))
            parts.append(f'<path d="M{x} {y}h{dot}v{dot}h-{dot}z" fill="#{grey:02x}{grey:02x}{grey:02x}"/>')
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    (x_train, _), (x_test, _) = lg.load_digits()
    model = lg.models.VAE(64, hidden=(128, 128), latent=2, seed=0)
    trainer = lg.Trainer(model, loss=None, optimizer=lg.Adam(2e-3))
    history = trainer.fit(x_train, epochs=5 if quick else 100, validation=x_test, batch_size=64, progress=False)
    for row in range(0, len(history), max(1, len(history) // 5)):
        print(f"epoch {row + 1:3}  loss {history['loss'][row]:.3f}  test loss {history['validation_loss'][row]:.3f}")
    print(
        f"after {len(history)} epochs: loss {history['loss'][-1]:.3f}, test loss {history['validation_loss'][-1]:.3f}"
    )

    count = 15
    marks = np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)], np.float32)
    points = np.stack(np.meshgrid(marks, marks), axis=-1).reshape(-1, 2)
    pictures = model.decode(points).numpy()
    out.mkdir(parents=True, exist_ok=True)
    draw(out / "map.svg", pictures, count)
    print("picture:", out / "map.svg")
    return {"first": history["loss"][0], "last": history["loss"][-1], "test": history["validation_loss"][-1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A variational autoencoder on the digits.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/vae"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="5 epochs in place of 100")
    given = parser.parse_args()
    result = main(given.out, given.quick)
