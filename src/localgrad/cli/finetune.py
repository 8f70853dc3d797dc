"""`localgrad finetune`: an ONNX model trained further on one's own data, and written back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from localgrad.cli.model_file import load, onnx_output
from localgrad.cli.parsing import Parser, UsageError, count, positive, share, whole
from localgrad.cli.train import OPTIMIZERS

if TYPE_CHECKING:
    from localgrad.graph.graph import Graph

SUMMARY = "train an ONNX model further on your own data"
DESCRIPTION = """Trains parameters of MODEL on DATA and writes the model back: the same nodes, names and
initializers, but for the values that were trained. DATA is a .csv file with names in the
first line, an .npz file with arrays x and y, or a folder with one folder of pictures for
each class (needs Pillow). The values of the best epoch are kept."""
EXAMPLES = (
    ("localgrad finetune model.onnx data.csv --target kind --trainable 'classifier.*' -o tuned.onnx", "its last layer"),
    ("localgrad finetune model.onnx images/ --head /pool/out -o tuned.onnx", "a new last layer on that tensor"),
    ("localgrad finetune model.onnx data.npz --loss mse --epochs 50 --patience 5 -o tuned.onnx", "all of it, a value"),
    ("localgrad finetune model.onnx data.npz -o tuned.onnx --checkpoint run --resume", "go on after an interruption"),
)


def add_arguments(parser: Parser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="an .onnx file")
    parser.add_argument("data", metavar="DATA", type=Path, help="a .csv or .npz file, or a folder of pictures")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the .onnx file to write")
    data = parser.add_argument_group("the data")
    data.add_argument("--target", metavar="COLUMN", help="the column to learn (.npz: the array; default: y)")
    data.add_argument(
        "--validation", metavar="SHARE", type=share, default=0.2, help="samples kept aside (default: 0.2; 0: none)"
    )
    data.add_argument("--mean", metavar="NUMBER", type=float, default=0.0, help="of pictures in [0, 1] (default: 0)")
    data.add_argument("--std", metavar="NUMBER", type=positive, default=1.0, help="of pictures (default: 1)")
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--trainable", metavar="PATTERN", action="append", help="parameters to train, with * and ? (default: all)"
    )
    model.add_argument(
        "--head", metavar="TENSOR", help="cut there and put a new layer for the classes or values of DATA on it"
    )
    model.add_argument(
        "--adapters", metavar="PATTERN", action="append", default=[], help="matrices to train by a low-rank change"
    )
    model.add_argument("--rank", metavar="NUMBER", type=count, default=4, help="of these changes (default: 4)")
    model.add_argument("--train-batch-norm", action="store_true", help="use and move the statistics of the batch")
    training = parser.add_argument_group("training")
    training.add_argument("--loss", metavar="NAME", help="(default: cross_entropy for classes, mse for values)")
    training.add_argument("--epochs", metavar="NUMBER", type=count, default=10, help="(default: 10)")
    training.add_argument("--batch-size", metavar="ROWS", type=count, default=32, help="(default: 32)")
    training.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="(default: adam)")
    training.add_argument("--learning-rate", metavar="RATE", type=positive, help="(default: by the optimizer)")
    training.add_argument(
        "--patience", metavar="EPOCHS", type=count, default=5, help="stop after so many without gain (default: 5)"
    )
    training.add_argument("--seed", metavar="NUMBER", type=whole, default=0, help="of everything random (default: 0)")
    training.add_argument("--checkpoint", metavar="FOLDER", type=Path, help="where to keep the state of the training")
    training.add_argument("--resume", action="store_true", help="go on from the checkpoint")


def call(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.resume and arguments.checkpoint is None:
        raise UsageError("--resume needs --checkpoint, the folder of the training", "localgrad finetune")
    from localgrad.cli.fitting import Lines, optimizer_named
    from localgrad.cli.settings import OPTIMIZER_RATES
    from localgrad.train.callbacks import EarlyStopping
    from localgrad.train.trainer import Trainer

    output = onnx_output(arguments.output, "localgrad finetune")
    graph = _any_batch(load(arguments.model))
    x, y, names = _samples(graph, arguments)
    outputs = len(names) if names else int(np.prod(y.shape[1:]))
    if arguments.head is not None:
        graph = _with_head(graph, arguments.head, outputs, arguments.seed)
    _require_outputs(graph, outputs, names)
    trainable = arguments.trainable
    if trainable is None and arguments.head is not None:
        trainable = ["head/*"]
    layer = graph.as_layer(
        trainable,
        batch_norm="train" if arguments.train_batch_norm else "frozen",
        adapters=arguments.adapters,
        rank=arguments.rank,
        seed=arguments.seed,
    )
    trained = [leaf for leaf in layer.parameters().values() if leaf.requires_grad]
    print(f"{arguments.model}: {sum(t.size for t in trained):,} entries of {len(trained)} tensors are trained")
    for note in layer.notes:
        print(f"  {note}")
    order = np.random.default_rng(arguments.seed).permutation(len(x))
    aside = int(len(x) * arguments.validation)
    judged = (x[order[:aside]], y[order[:aside]]) if aside else None
    rate = arguments.learning_rate or OPTIMIZER_RATES[arguments.optimizer]
    loss = arguments.loss or ("cross_entropy" if names else "mse")
    trainer = Trainer(layer, loss, optimizer_named(arguments.optimizer, rate), seed=arguments.seed)
    stopping = EarlyStopping("validation_loss" if aside else "loss", patience=arguments.patience)
    print(f"{arguments.data}: {len(x) - aside:,} samples to learn from, {aside:,} for validation; {loss}")
    trainer.fit(
        (x[order[aside:]], y[order[aside:]]),
        epochs=arguments.epochs,
        validation=judged,
        batch_size=arguments.batch_size,
        checkpoint=arguments.checkpoint,
        callbacks=[stopping],
        resume=arguments.resume,
        progress=Lines("validation"),
    )
    if trainer.stopped == "interrupted":
        raise KeyboardInterrupt("go on with --checkpoint and --resume")
    if stopping.best is not None:
        print(f"kept: epoch {stopping.best_epoch}")
    if judged is not None:
        measured = trainer.evaluate(judged)
        print("validation: " + ", ".join(f"{name} {value:.4f}" for name, value in measured.items()))
    layer.save_onnx(output)
    print(f"Written to {output}")
    if names:
        print(f"classes: {', '.join(f'{number} {name}' for number, name in enumerate(names))}")
    return 0


def _any_batch(graph: Graph) -> Graph:
    """The graph for any number of samples, where it was made for one number."""
    from localgrad.graph.errors import DataError
    from localgrad.graph.interpreter import declared

    if len(graph.inputs) != 1 or not graph.inputs[0].ndim:
        raise DataError(
            f"the model was to be trained on samples\nfound: it takes {declared(graph)}\n"
            "do: write the training in Python, with graph.as_layer() and lg.Trainer"
        )
    return graph.set_batch("N") if isinstance(graph.inputs[0].shape[0], int) else graph


def _samples(graph: Graph, arguments: argparse.Namespace) -> tuple[Any, Any, list[str]]:
    """Samples as the model takes them, their targets, and the names of the classes (none for values)."""
    from localgrad.graph.errors import DataError

    taken = graph.inputs[0]
    shape = taken.shape[1:]
    if arguments.data.is_dir():
        from localgrad.train.images import read_images

        fixed = tuple(each if isinstance(each, int) else 224 for each in shape)
        x, y, names = read_images(arguments.data, fixed, arguments.mean, arguments.std)
        return x.astype(taken.dtype), y, names
    from localgrad.train.preparation import Preparation
    from localgrad.train.table import read_table

    if arguments.target is None and arguments.data.suffix.lower() != ".npz":
        raise UsageError(f"--target is needed, the column of {arguments.data} to learn", "localgrad finetune")
    table = read_table(arguments.data, arguments.target)
    if table.target is None:
        raise DataError(f"reading {arguments.data}\nfound: no target\ndo: add an array y, or name one with --target")
    x = table.features
    if all(isinstance(each, int) for each in shape):
        if int(np.prod(x.shape[1:])) != int(np.prod(shape)):
            raise DataError(
                f"{arguments.data} was to be given to the model\nfound: samples of shape {x.shape[1:]}; it takes {shape}\n"
                "do: give data with as many features"
            )
        x = x.reshape(len(x), *shape)
    if table.task == "classification":
        names = list(table.class_names or ())
        return x.astype(taken.dtype), Preparation.fit(table, standardise=False).apply_target(table), names
    y = table.target.reshape(len(x), -1)
    return x.astype(taken.dtype), y.astype(np.float32), []


def _with_head(graph: Graph, at: str, outputs: int, seed: int) -> Graph:
    from localgrad.graph.errors import ShapeError
    from localgrad.layers.linear import Affine
    from localgrad.layers.model import Sequential
    from localgrad.layers.structure import Flatten

    tensor = graph.find(at)
    widths = tensor.shape[1:]
    if not widths or not all(isinstance(each, int) for each in widths):
        raise ShapeError(
            f"a new head was to stand on `{at}`\nfound: its shape is {tensor.shape}\n"
            "do: name a tensor (N, features), with sizes that are known"
        )
    affine = Affine.create(int(np.prod(widths)), outputs, seed=seed)
    return graph.with_head(affine if len(widths) == 1 else Sequential(Flatten(), affine, name="head"), at=at)


def _require_outputs(graph: Graph, outputs: int, names: list[str]) -> None:
    from localgrad.graph.errors import DataError

    shape = graph.outputs[0].shape
    if len(graph.outputs) != 1 or len(shape) < 2 or (isinstance(shape[1], int) and shape[1] != outputs):
        wanted = f"{outputs} classes" if names else f"{outputs} values"
        listed = ", ".join(f"{t.name}: {t.shape}" for t in graph.outputs)
        raise DataError(
            f"the model was to learn {wanted} a sample\nfound: its outputs are {listed}\n"
            "do: put a new layer on one of its tensors with --head TENSOR"
        )
