"""Drawing: an explanation as SVG, a map of colours over an image or bars for signals and words."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import IndexRangeError, ShapeError
from localgrad.graph.spec import format_shape

if TYPE_CHECKING:
    from localgrad.attribution.result import Attribution

FOR: Final = np.array([178, 24, 43], np.float64)
AGAINST: Final = np.array([33, 102, 172], np.float64)
"""Red and blue that colour-blind readers tell apart (Brewer's RdBu)."""
SIZE: Final = 360
STYLE: Final = (
    "<style>text{font:13px system-ui,sans-serif;fill:#222}.axis{stroke:#888}"
    ".for{fill:#b2182b}.against{fill:#2166ac}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.for{fill:#ef8a62}.against{fill:#67a9cf}}</style>"
)


def drawn(found: Attribution, sample: int, beside: Any, labels: Any) -> str:
    """The text of an SVG file."""
    values = found.values
    if values.ndim > 1:
        if not -len(values) <= sample < len(values):
            raise IndexRangeError(f"sample {sample} was to be drawn\nfound: {len(values)} samples")
        values = values[sample]
    values = np.nan_to_num(values.astype(np.float64))
    title = f"{found.method} by {found.name}"
    if found.index is not None and found.index.ndim == 1:
        title += f", entry {int(found.index[sample])} with {float(found.score[sample]):.4g}"
    if values.ndim == 1 or labels is not None:
        return bars(values.reshape(len(values), -1).sum(-1), title, labels)
    if values.ndim == 3:
        values = values.sum(0)
    if values.ndim != 2:
        raise ShapeError(
            f"values of shape {format_shape(values.shape)} were to be drawn\ndo: take a part with 1 to 3 axes"
        )
    return overlay(found, values, sample, beside, title)


def overlay(found: Attribution, values: NDArray[Any], sample: int, beside: Any, title: str) -> str:
    """A map, and where there is one, the image it explains, at its left."""
    images = []
    if beside is not None:
        image = grey_or_colour(np.asarray(beside, np.float64))
        images.append(image)
        if image.shape[:2] != values.shape:
            from localgrad.attribution.result import Attribution

            alone = Attribution(found.method, found.name, values, None, found.score)
            values = alone.over(image.shape[:2])
    largest = float(np.abs(values).max(initial=0)) or 1.0
    part = (np.abs(values) / largest)[..., None]
    colour = np.where(values[..., None] >= 0, FOR, AGAINST)
    under = np.full((*values.shape, 3), 255.0)
    if images:
        grey = images[0].mean(-1, keepdims=True)
        under = 128 + grey / 2 + np.zeros(3)
    images.append(np.clip(under * (1 - part) + colour * part, 0, 255))
    height = SIZE * values.shape[0] / max(values.shape[1], 1)
    width = SIZE * len(images) + 20 * (len(images) + 1)
    lines = [head(width, int(height) + 76), STYLE, f'<text x="20" y="24">{escape(title)}</text>']
    for number, image in enumerate(images):
        data = base64.b64encode(png(image.astype(np.uint8))).decode()
        lines.append(
            f'<image x="{20 + number * (SIZE + 20)}" y="40" width="{SIZE}" height="{height:.0f}" '
            f'style="image-rendering:pixelated" preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
        )
    lines.append(f'<text x="20" y="{height + 62:.0f}">darkest: {largest:.4g}; red for it, blue against it</text></svg>')
    return "\n".join(lines) + "\n"


def grey_or_colour(image: NDArray[Any]) -> NDArray[Any]:
    """An image of (height, width), (channels, height, width) or (height, width, channels) as colours from 0 to 255."""
    if image.ndim == 4 and len(image) == 1:
        image = image[0]
    if image.ndim == 3 and image.shape[0] in (1, 3):
        image = np.moveaxis(image, 0, -1)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or not image.size:
        raise ShapeError(
            f"an image of shape {format_shape(image.shape)} was to be drawn\ndo: give one of (height, width), or with 1 or 3 channels"
        )
    image = np.nan_to_num(image)
    low, high = float(image.min()), float(image.max())
    scaled: NDArray[Any] = (image - low) / ((high - low) or 1.0) * 255 + np.zeros(3)
    return scaled


def bars(values: NDArray[Any], title: str, labels: Sequence[Any] | None) -> str:
    """A bar for each entry: lines of words where there are labels, columns side by side where not."""
    largest = float(np.abs(values).max(initial=0)) or 1.0
    lines = []
    if labels is None:
        width, middle = 720.0, 160.0
        step = width / max(len(values), 1)
        for number, value in enumerate(values):
            tall = abs(value) / largest * 100
            top = middle - tall if value > 0 else middle
            kind = "for" if value > 0 else "against"
            lines.append(
                f'<rect class="{kind}" x="{20 + number * step:.2f}" y="{top:.1f}" width="{step * 0.9:.2f}" height="{tall:.1f}"/>'
            )
        lines.append(f'<path class="axis" d="M20 {middle}H{20 + width}"/>')
        total = (int(width) + 40, 300)
    else:
        texts = [str(label) for label in labels]
        if len(texts) != len(values):
            raise ShapeError(f"{len(texts)} labels were given for {len(values)} entries\ndo: give one for each")
        for number, (text, value) in enumerate(zip(texts, values, strict=True)):
            y, long = 44 + number * 22, abs(value) / largest * 200
            start = 440 if value > 0 else 440 - long
            kind = "for" if value > 0 else "against"
            lines.append(f'<text x="20" y="{y + 12}">{escape(text[:30])}</text>')
            lines.append(f'<rect class="{kind}" x="{start:.1f}" y="{y}" width="{long:.1f}" height="16"/>')
        lines.append(f'<path class="axis" d="M440 40V{44 + len(texts) * 22}"/>')
        total = (680, 60 + len(texts) * 22)
    top = [head(*total), STYLE, f'<text x="20" y="24">{escape(title)}; longest {largest:.4g}</text>']
    return "\n".join([*top, *lines, "</svg>"]) + "\n"


def head(width: int, height: int) -> str:
    """The first line of an SVG file."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'


def png(image: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file of colours (height, width, 3)."""
    height, width = image.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, width * 3)], axis=1)

    def part(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + part(b"IEND", b"")
    )
