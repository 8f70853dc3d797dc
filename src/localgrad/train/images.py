"""Images: a folder with one folder of pictures for each class, as arrays a model takes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError

__all__ = ["read_images"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
LARGEST = 1 << 31
"""Bytes that all pictures may take."""


def read_images(
    folder: str | os.PathLike[str], shape: Sequence[int], mean: float = 0.0, std: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """The pictures below a folder, the class of each, and the names of the classes, which are those of its folders.

    `shape` is (C, H, W) or (H, W, C) with 1 or 3 channels; pictures are resized to it, in [0, 1], less `mean` and divided by
    `std`. Raises DataError where Pillow is missing, there are fewer than two classes, or a file is no picture.
    """
    try:
        image: Any = importlib.import_module("PIL.Image")
    except ImportError:
        raise DataError(
            f"the pictures in {folder} were to be read\nfound: the package Pillow is not installed\n"
            "do: pip install localgrad[images]"
        ) from None
    root = Path(folder)
    classes = sorted(each.name for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))
    if len(classes) < 2:
        raise DataError(
            f"the pictures in {root} were to be read\nfound: {len(classes)} folders in it\n"
            "do: put the pictures of each class into a folder of its name"
        )
    first = shape[0] in (1, 3) and shape[-1] not in (1, 3)
    if len(shape) != 3 or not (first or shape[-1] in (1, 3) or shape[0] in (1, 3)):
        raise DataError(
            f"the pictures in {root} were to be read for a model\nfound: it takes samples of shape {tuple(shape)}\n"
            "do: use a model of pictures with 1 or 3 channels, (C, H, W) or (H, W, C), or give arrays in an .npz file"
        )
    first = first or shape[0] in (1, 3)
    channels, height, width = (shape[0], shape[1], shape[2]) if first else (shape[2], shape[0], shape[1])
    files = [
        (number, path)
        for number, name in enumerate(classes)
        for path in sorted((root / name).iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    if not files or len(files) * channels * height * width * 4 > LARGEST:
        raise DataError(
            f"the pictures in {root} were to be read\nfound: {len(files)} files of {height} x {width}\n"
            f"do: use files that end in {', '.join(SUFFIXES)}, not more than fit into memory"
        )
    x = np.empty((len(files), *shape), np.float32)
    for row, (_, path) in enumerate(files):
        try:
            with image.open(path) as picture:
                scaled: Any = picture.convert("L" if channels == 1 else "RGB").resize((width, height))
                array = np.asarray(scaled, np.float32).reshape(height, width, channels) / 255
        except Exception as error:  # whatever a damaged picture leads to
            raise DataError(f"reading {path}\nfound: no picture ({error})\ndo: remove it, or save it again") from None
        array = (array - mean) / std
        x[row] = array.transpose(2, 0, 1) if first else array
    return x, np.array([number for number, _ in files], np.int64), classes
