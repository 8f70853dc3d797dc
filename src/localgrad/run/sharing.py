"""Sharing: the beginning of a loop's kernel that takes a part of the loop, or one after the other the pieces of a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localgrad.run.text import Text

if TYPE_CHECKING:
    from localgrad.run.kernel import _Writer

PIECES: Final = 8
"""Pieces in which a large sum is added up, each on one thread; they are added in order afterwards."""
UNIT: Final = 64
"""Entries of an innermost axis that stay on one thread."""
WIDE: Final = 8
"""Bytes of a number in which sums are added up."""


def piecewise(writer: _Writer) -> None:
    """The pieces that are this part's, one after the other."""
    text = writer.text
    first = text.made(f"sdiv i64 {text.made(f'mul i64 %part, {PIECES}')}, %parts")
    end = text.made("add i64 %part, 1")
    last = text.made(f"sdiv i64 {text.made(f'mul i64 {end}, {PIECES}')}, %parts")
    some = text.made(f"icmp slt i64 {first}, {last}")
    text.line(f"  br i1 {some}, label %share, label %nothing")
    text.line("nothing:")
    text.line("  ret void")
    text.line("share:")
    text.line(f"  %share.i = phi i64 [ {first}, %entry ], [ %share.next, %share.end ]")
    writer.block = "share"
    take(writer, "%share.i", str(PIECES))
    writer.whole()
    text.line("  br label %share.end")
    text.line("share.end:")
    text.line("  %share.next = add nsw i64 %share.i, 1")
    text.line(f"  %share.more = icmp slt i64 %share.next, {last}")
    text.line("  br i1 %share.more, label %share, label %nothing")


def take(writer: _Writer, part: str, parts: str) -> None:
    """Shrink the extents to a part, and move all addresses there; return where the part is empty."""
    text, axis = writer.text, writer.kernel.axis
    whole = writer.extents[axis]
    unit = UNIT if axis == writer.rank - 1 else 1
    units = whole
    if unit > 1:
        units = text.made(f"sdiv i64 {text.made(f'add nsw i64 {whole}, {unit - 1}')}, {unit}")
    ends = []
    for number in (part, text.made(f"add nsw i64 {part}, 1")):
        at = text.made(f"sdiv i64 {text.made(f'mul nsw i64 {number}, {units}')}, {parts}")
        if unit > 1:
            at = least(text, text.made(f"mul nsw i64 {at}, {unit}"), whole)
        ends.append(at)
    count = text.made(f"sub nsw i64 {ends[1]}, {ends[0]}")
    if not writer.kernel.pieces:  # which are never empty
        text.line(f"  br i1 {text.made(f'icmp sgt i64 {count}, 0')}, label %taken, label %empty")
        text.line("empty:")
        text.line("  ret void")
        text.line("taken:")
        writer.block = "taken"
    writer.extents = [count if number == axis else extent for number, extent in enumerate(writer.extents)]
    writer.loads = [(writer.moved(start, [strides[axis]], [ends[0]]), strides) for start, strides in writer.loads]
    writer.stores = [(writer.moved(start, [strides[axis]], [ends[0]]), strides) for start, strides in writer.stores]
    totals = []
    for total, (start, strides, target, sums, size) in zip(writer.kernel.totals, writer.totals, strict=True):
        narrow = total.dtype.itemsize
        if writer.kernel.pieces:
            start = writer.moved(start, [text.made(f"mul nsw i64 {sums}, {WIDE}")], [part])
            start = writer.moved(start, [strides[axis]], [ends[0]])
        else:  # the sums of a part lie one behind the other
            each = text.made(f"sdiv i64 {strides[axis]}, {WIDE}")
            start = writer.moved(start, [strides[axis]], [ends[0]])
            target = writer.moved(target, [text.made(f"mul nsw i64 {each}, {narrow}")], [ends[0]])
            sums = text.made(f"mul nsw i64 {each}, {count}")
        totals.append((start, strides, target, sums, size))
    writer.totals = totals


def least(text: Text, a: str, b: str) -> str:
    """The smaller one of two numbers."""
    return text.made(f"select i1 {text.made(f'icmp slt i64 {a}, {b}')}, i64 {a}, i64 {b}")
