"""A generative adversarial network on the digits: one network draws, the other tells drawn from real.

The generator makes 8x8 pictures of 16 random numbers; the discriminator is shown real and drawn ones. Each is trained
against the other in turn. A third network, trained to read digits, says afterwards which digits were drawn.

Result: drawings are on average 1.33 from the nearest training digit; real test digits are 1.06 from it, random pixels
3.56. The rarest digit is seen in 35 of 500 drawings.
About 20 s on a 2-core machine.
Picture: samples.svg, 100 drawings, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, LeakyRelu, Relu, Sigmoid

NOISE = 16


def networks() -> tuple[lg.Sequential, lg.Sequential]:
    generator = lg.Sequential(
        Affine.create(NOISE, 128, seed=0), BatchNormalization.create(128), Relu(),
        Affine.create(128, 128, seed=1), BatchNormalization.create(128), Relu(),
        Affine.create(128, 64, seed=2, init="xavier"), Sigmoid(),
    )  # fmt: skip
    discriminator = lg.Sequential(
        Affine.create(64, 128, seed=3), LeakyRelu(0.2),
        Affine.create(128, 64, seed=4), LeakyRelu(0.2),
        Affine.create(64, 1, seed=5, init="xavier"),
    )  # fmt: skip
    return generator, discriminator


def draw(path: Path, pictures: np.ndarray, columns: int, dot: int = 5) -> None:
    """8x8 pictures in rows, dark where there is ink."""
    side = 8 * dot + 6
    width, height = columns * side, len(pictures) // columns * side
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<g shape-rendering="crispEdges"><rect width="{width}" height="{height}" fill="#fff"/>')
    for number, picture in enumerate(pictures.reshape(-1, 8, 8)):
        for (row, column), ink in np.ndenumerate(picture):
            x, y = number % columns * side + 3 + column * dot, number // columns * side + 3 + row * dot
            grey = round(255 * (1 - float(ink)))
            parts.append(f'<path d="M{x} {y}h{dot}v{dot}h-{dot}z" fill="#{grey:02x}{grey:02x}{grey:02x}"/>')
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def away(pictures: np.ndarray, others: np.ndarray) -> float:
    """The mean distance of pictures from the nearest of the others."""
    squares = (pictures**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * pictures @ others.T
    return float(np.sqrt(np.maximum(squares.min(axis=1), 0)).mean())


def read(pictures: np.ndarray) -> np.ndarray:
    """The digit that a network trained to read digits sees in each picture."""
    train, _ = lg.load_digits()
    reader = lg.Sequential(Affine.create(64, 64, seed=7), Relu(), Affine.create(64, 10, seed=8))
    trainer = lg.Trainer(reader, optimizer=lg.Adam(3e-3))
    trainer.fit(train, epochs=15, progress=False)
    return trainer.predict(pictures).argmax(axis=1)


def main(out: Path, quick: bool) -> dict[str, float]:
    (x, _), (x_test, _) = lg.load_digits()
    generator, discriminator = networks()
    of_generator, of_discriminator = lg.Adam(1e-3, beta1=0.5), lg.Adam(1e-3, beta1=0.5)
    random, history = np.random.default_rng(0), lg.History()

    def noise(count: int) -> np.ndarray:
        return random.standard_normal((count, NOISE), dtype=np.float32)

    epochs = 8 if quick else 150
    for epoch in range(1, epochs + 1):
        losses = []
        for real in lg.DataLoader(x, batch_size=64, shuffle=True, seed=epoch):
            ones, zeros = np.full((len(real), 1), 0.9, np.float32), np.zeros((len(real), 1), np.float32)

            drawn = generator(noise(len(real)))
            loss = lg.sigmoid_cross_entropy(discriminator(real), ones)
            loss = loss + lg.sigmoid_cross_entropy(discriminator(drawn.detach()), zeros)
            loss.backward(keep="leaves")
            of_discriminator.step(discriminator)

            discriminator.freeze()
            fooled = lg.sigmoid_cross_entropy(discriminator(drawn), ones)
            fooled.backward(keep="leaves")
            of_generator.step(generator)
            discriminator.unfreeze()
            losses.append((loss.item(), fooled.item()))
        d, g = np.mean(losses, axis=0)
        history.append(epoch=epoch, discriminator=float(d), generator=float(g))
        if epoch % max(1, epochs // 5) == 0:
            print(f"epoch {epoch:3}  discriminator {d:.3f}  generator {g:.3f}")

    generator.eval()
    pictures = generator(noise(500)).numpy()
    distances = {"drawings": away(pictures, x), "test digits": away(x_test, x)}
    distances["random pixels"] = away(random.random((500, 64), dtype=np.float32), x)
    print("distance to the nearest training digit:", ", ".join(f"{name} {d:.2f}" for name, d in distances.items()))
    counts = np.bincount(read(pictures), minlength=10)
    print("digits seen in 500 drawings:", ", ".join(f"{digit}: {count}" for digit, count in enumerate(counts)))
    out.mkdir(parents=True, exist_ok=True)
    draw(out / "samples.svg", pictures[:100], 20)
    print("picture:", out / "samples.svg")
    return distances | {"rarest": float(counts.min())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A generative adversarial network on the digits.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/gan"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="8 epochs in place of 150")
    given = parser.parse_args()
    result = main(given.out, given.quick)
