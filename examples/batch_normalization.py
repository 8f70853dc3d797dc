"""Batch normalization makes a deep network trainable from first weights that would otherwise fail.

Five layers of 100 with ReLU on 1,000 digits, from first weights of three sizes, each with and without a BatchNormalization
after each affine layer; SGD at rate 0.05.

Result (train accuracy after 15 epochs, without and with): 0.54 and 0.96 from weights of standard deviation 0.4,
0.79 and 1.00 from 0.1, 0.11 and 1.00 from 0.01. About 3 s on a 2-core machine.
Picture: curves.svg in the folder given by --out.
"""

import argparse
from pathlib import Path

import localgrad as lg
from localgrad.layers import Affine, BatchNormalization, Relu
from localgrad.train.curves import Panel, Series, curves_svg

SIZES = (64, 100, 100, 100, 100, 10)


def network(init: float, normalized: bool) -> lg.Sequential:
    layers = []
    for seed in range(len(SIZES) - 2):
        layers.append(Affine.create(SIZES[seed], SIZES[seed + 1], seed=seed, init=init))
        if normalized:
            layers.append(BatchNormalization.create(SIZES[seed + 1]))
        layers.append(Relu())
    return lg.Sequential(*layers, Affine.create(SIZES[-2], SIZES[-1], seed=9, init=init))


def accuracies(init: float, normalized: bool, epochs: int) -> list[float]:
    """The train accuracy of each epoch."""
    (x, t), _ = lg.load_digits()
    trainer = lg.Trainer(network(init, normalized), optimizer=lg.SGD(0.05))
    return list(trainer.fit((x[:1000], t[:1000]), epochs=epochs, batch_size=100, progress=False)["accuracy"])


def main(out: Path, quick: bool) -> dict[float, tuple[float, float]]:
    panels, reached = [], {}
    print(f"{'first weights':>14}{'without':>10}{'with':>10}")
    for init in (0.4, 0.1, 0.01):
        curves = [accuracies(init, normalized, 5 if quick else 15) for normalized in (False, True)]
        reached[init] = (curves[0][-1], curves[1][-1])
        print(f"{'std ' + str(init):>14}{reached[init][0]:10.3f}{reached[init][1]:10.3f}")
        series = [
            Series(name, list(enumerate(curve, 1)), color)
            for color, (name, curve) in enumerate(zip(("without", "with"), curves))
        ]
        panels.append(Panel(f"weights of {init}", series))
    out.mkdir(parents=True, exist_ok=True)
    (out / "curves.svg").write_text(curves_svg(panels, "epoch"), encoding="utf-8")
    print("picture:", out / "curves.svg")
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A deep network with and without batch normalization.")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/examples/batch_normalization"), help="where the picture goes"
    )
    parser.add_argument("--quick", action="store_true", help="5 epochs in place of 15")
    given = parser.parse_args()
    result = main(given.out, given.quick)
