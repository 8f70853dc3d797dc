"""Grad-CAM: where a convolutional network looks when it names a digit.

In pictures of 24x24 a digit stands anywhere, and somewhere else the same pixels of another digit in random order. A
network with global average pooling learns to name the digit. Grad-CAM (Selvaraju et al., 2017) weights the maps before
the pooling by the mean gradient of the score named, adds them up and keeps what is positive.

Result: test accuracy 0.957; 66 % of the heat is on the digit, whose square is a ninth of the picture.
About 45 s on a 2-core machine.
Picture: heat.svg, test pictures with the heat over them, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, Convolution, GlobalAveragePooling, MaxPooling, Relu

SIZE = 24


def scenes(digits: np.ndarray, labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (count, 1, 24, 24), the digits in them, and the row and column where each digit begins."""
    random = np.random.default_rng(seed)
    chosen, others = random.integers(0, len(digits), (2, count))
    x, places = np.zeros((count, 1, SIZE, SIZE), np.float32), np.zeros((count, 2), int)
    for number in range(count):
        while True:
            (row, column), (other_row, other_column) = random.integers(0, SIZE - 7, (2, 2))
            if max(abs(row - other_row), abs(column - other_column)) >= 8:
                break
        places[number] = row, column
        x[number, 0, row : row + 8, column : column + 8] = digits[chosen[number]].reshape(8, 8)
        scrambled = random.permutation(digits[others[number]]).reshape(8, 8)
        x[number, 0, other_row : other_row + 8, other_column : other_column + 8] = scrambled
    return x, labels[chosen], places


def network() -> lg.Sequential:
    return lg.Sequential(
        Convolution.create(1, 16, 3, pad=1, seed=0, bias=False), BatchNormalization.create(16), Relu(), MaxPooling(2),
        Convolution.create(16, 32, 3, pad=1, seed=1, bias=False), BatchNormalization.create(32), Relu(),
        Convolution.create(32, 64, 3, pad=1, seed=2, bias=False), BatchNormalization.create(64), Relu(),
        GlobalAveragePooling(),
        Affine.create(64, 10, seed=3, init="lecun"),
    )  # fmt: skip


def grad_cam(model: lg.Sequential, layers: int, x: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The heat (N, height, width) on the maps that the first `layers` layers give, for one class of each picture."""
    maps = model[:layers](lg.tensor(x, requires_grad=True))
    scores = model[layers:](maps)
    (slope,) = lg.gradients(scores[np.arange(len(x)), classes].sum(), maps)
    weights = slope.mean(axis=(2, 3), keepdims=True)
    return lg.relu((weights * maps).sum(axis=1)).numpy()


def inside(heat: np.ndarray, places: np.ndarray) -> float:
    """The part of the heat that falls on the 8x8 pixels of the digit, on average."""
    large = heat.repeat(2, axis=1).repeat(2, axis=2)
    rows, columns = (np.arange(SIZE) - places[:, axis, None] for axis in (0, 1))
    boxes = ((rows >= 0) & (rows < 8))[:, :, None] & ((columns >= 0) & (columns < 8))[:, None, :]
    return float(((large * boxes).sum(axis=(1, 2)) / np.maximum(large.sum(axis=(1, 2)), 1e-12)).mean())


def draw(path: Path, x: np.ndarray, heat: np.ndarray, captions: list[str], columns: int = 6, dot: int = 5) -> None:
    """Each picture, and to its right the same with the heat over it."""
    side = SIZE * dot
    wide, high = 2 * side + 22, side + 30
    width, height = columns * wide, -(-len(x) // columns) * high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/><g font-family="sans-serif">')

    def square(row: int, column: int, left: int, top: int, size: int, color: str) -> str:
        return f'<path d="M{left + column * size} {top + row * size}h{size}v{size}h-{size}z" fill="{color}"/>'

    for number, (picture, warm, caption) in enumerate(zip(x[:, 0], heat, captions)):
        left, top = number % columns * wide + 6, number // columns * high + 6
        parts.append(
            f'<text x="{left + side}" y="{top + side + 16}" text-anchor="middle" font-size="13">{caption}</text>'
        )
        parts.append('<g shape-rendering="crispEdges">')
        for shift in (0, side + 6):
            parts.append(f'<path d="M{left + shift} {top}h{side}v{side}h-{side}z" fill="#f4f4f4"/>')
            for row, column in np.argwhere(picture > 0.05):
                grey = int(244 - 230 * picture[row, column])
                parts.append(square(row, column, left + shift, top, dot, f"rgb({grey},{grey},{grey})"))
        parts.append('</g><g fill-opacity="0.6" shape-rendering="crispEdges">')
        for row, column in np.argwhere(warm > 0.15 * warm.max()):
            green = int(220 - 170 * warm[row, column] / warm.max())
            parts.append(square(row, column, left + side + 6, top, 2 * dot, f"rgb(235,{green},60)"))
        parts.append("</g>")
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    (x_train, t_train), (x_test, t_test) = lg.load_digits()
    x, t, _ = scenes(x_train, t_train, 1000 if quick else 4000, seed=0)
    x_new, t_new, places = scenes(x_test, t_test, 100 if quick else 1000, seed=1)
    model = network()
    trainer = lg.Trainer(model, optimizer=lg.Adam(3e-3), schedule=lg.CosineDecay())
    trainer.fit((x, t), epochs=4 if quick else 10, batch_size=50)
    accuracy = trainer.evaluate((x_new, t_new))["accuracy"]

    model.eval()
    named = trainer.predict(x_new).argmax(axis=1)
    heat = grad_cam(model, 10, x_new, named)
    part = inside(heat, places)
    print(f"test accuracy {accuracy:.3f}; {100 * part:.0f} % of the heat is on the digit, a ninth of the picture")

    out.mkdir(parents=True, exist_ok=True)
    count = 12
    captions = [f"named {a}" if a == b else f"named {a}, is {b}" for a, b in zip(named[:count], t_new[:count])]
    draw(out / "heat.svg", x_new[:count], heat[:count], captions, columns=4)
    print("picture:", out / "heat.svg")
    return {"accuracy": accuracy, "on the digit": part}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Where a convolutional network looks when it names a digit.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/grad_cam"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="4 epochs of 1,000 pictures in place of 10 of 4,000")
    given = parser.parse_args()
    result = main(given.out, given.quick)
