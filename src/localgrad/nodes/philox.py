"""Random numbers as a pure function of (key, step, entry): Philox-4x32-10 in NumPy's integers.

A draw has no state. Word `i` of `(key, step)` is one fixed number, whoever asks for it, in whatever shape, order or
number of pieces, so a mask can be computed again instead of stored, and a resumed run draws what the first one drew.

Where the words come from: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section
3.3, with ten rounds. Block `b` is the cipher of the counter `(b mod 2^32, b div 2^32, step mod 2^32, step div 2^32)`
under the key `(key mod 2^32, key div 2^32)`, and word `i` is number `i mod 4` of block `i div 4`. Blocks from 2^63 on
belong to `fold`.

What is made of words uses integers and the operations IEEE 754 rounds in exactly one way (+ - * /, square root and
conversions), so it is the same number in NumPy, in compiled loops and on another machine.
"""

from __future__ import annotations

import math
import operator
import sys
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from localgrad.graph.errors import DTypeError, ShapeError

__all__ = ["bits", "block", "fold", "normal", "permutation", "randint", "uniform"]

ROUNDS: Final = 10
MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
WEYL: Final = (0x9E3779B9, 0xBB67AE85)  # added to the key after each round: golden ratio and sqrt(3) - 1

_LOW: Final = 0xFFFFFFFF
_WIDE: Final = 0xFFFFFFFFFFFFFFFF
_TEXT: Final = 0x80000001  # second counter word of fold's blocks, which no draw reaches
_INTEGER: Final = 0x80000000

_BLOCKS: Final = 4096  # computed at a time: the intermediate arrays stay in the cache
_WORDS: Final = 4 * _BLOCKS

_MULTIPLIER_COLUMN: Final = np.array(MULTIPLIERS, np.uint64)[:, None]
_WEYL_COLUMN: Final = np.array(WEYL, np.uint32)[:, None]
# Which half of a 64-bit product is which when it is looked at as two 32-bit words.
_LOW_HALF: Final = 0 if sys.byteorder == "little" else 1

Shape = int | tuple[int, ...] | list[int]


def block(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """One block of Philox-4x32-10, in Python integers.

    Four counter words and two key words of 32 bits give four words of 32 bits.

    >>> [hex(word) for word in block((0, 0, 0, 0), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        first, second = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (second >> 32) ^ c1 ^ k0, second & _LOW, (first >> 32) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + WEYL[0]) & _LOW, (k1 + WEYL[1]) & _LOW
    return c0, c1, c2, c3


def bits(key: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
    """The 32-bit words `start` to `start + count - 1` of `(key, step)`.

    `key` and `step` are taken modulo 2^64. Raises `ShapeError` where `count` or `start` is negative.

    >>> bits(0, 0, 4).tolist()
    [1713891541, 3781805453, 3159862348, 2600524760]
    >>> bits(0, 0, 2, start=2).tolist()
    [3159862348, 2600524760]
    """
    count, start = operator.index(count), operator.index(start)
    if count < 0 or start < 0:
        raise ShapeError(f"random words were asked for, but count={count} and start={start}: pass values from 0 on")
    key, step = operator.index(key) & _WIDE, operator.index(step) & _WIDE
    first = start // 4
    blocks = np.empty(((start + count + 3) // 4 - first, 4), np.uint32)
    done = 0
    while done < len(blocks):
        # A piece never crosses a multiple of 2^32, so its counters differ in their first word only.
        here = first + done
        size = min(_BLOCKS, len(blocks) - done, (1 << 32) - (here & _LOW))
        _encipher(key, step, here, blocks[done : done + size])
        done += size
    return blocks.reshape(-1)[start - 4 * first :][:count]


def _encipher(key: int, step: int, first: int, out: NDArray[np.uint32]) -> None:
    """Write the blocks from `first` on into the rows of `out`."""
    count = len(out)
    # The even counter words are the ones multiplied, the odd ones are mixed in. A product's halves are read where they
    # lie, in the other row: two buffers in turn save copying them.
    even = np.empty((2, count), np.uint32)
    even[0] = np.arange(count, dtype=np.uint32)
    even[0] += np.uint32(first & _LOW)
    even[1] = step & _LOW
    odd = np.array([[first >> 32], [step >> 32]], np.uint32)
    round_key = np.array([[key & _LOW], [key >> 32]], np.uint32)
    products = [np.empty((2, count), np.uint64) for _ in range(2)]
    halves = [product.view(np.uint32)[::-1] for product in products]
    for turn in range(ROUNDS):
        half = halves[turn % 2]
        np.multiply(even, _MULTIPLIER_COLUMN, out=products[turn % 2])
        np.bitwise_xor(half[:, 1 - _LOW_HALF :: 2], odd, out=even)
        np.bitwise_xor(even, round_key, out=even)
        odd = half[:, _LOW_HALF::2]
        round_key = round_key + _WEYL_COLUMN
    out[:, 0], out[:, 2] = even
    out[:, 1], out[:, 3] = odd


def _wide(key: int, step: int, count: int, start: int = 0) -> NDArray[np.uint64]:
    """64-bit numbers: entry `i` has word `2i` as its low half and word `2i + 1` as its high half."""
    words = bits(key, step, 2 * count, 2 * start)
    if sys.byteorder == "little":
        return words.view(np.uint64)
    return words[0::2] | words[1::2].astype(np.uint64) << np.uint64(32)


def uniform(
    key: int, step: int, shape: Shape = (), dtype: DTypeLike = np.float32, start: int = 0
) -> NDArray[np.floating[Any]]:
    """Numbers of [0, 1), each value of the grid equally likely.

    An array of `shape`; entry `i` in C order belongs to `start + i`. float32 has 24 random bits, from one word;
    float64 has 53, from two; float16 has 11, from one. Raises `DTypeError` for any other type.

    >>> uniform(0, 0, 3)
    array([0.39904642, 0.88052016, 0.73571277], dtype=float32)
    """
    kind = _float_type(dtype, "uniform")
    extent, count = _extent(shape, "uniform")
    if kind == np.float64:
        # Through int64: it converts faster, and 53 bits fit.
        whole: NDArray[Any] = (_wide(key, step, count, start) >> np.uint64(11)).view(np.int64)
        width = 53
    else:
        width = 24 if kind == np.float32 else 11
        whole = (bits(key, step, count, start) >> np.uint32(32 - width)).view(np.int32)
    result: NDArray[np.floating[Any]] = whole.astype(np.float64 if kind == np.float64 else np.float32)
    result *= 0.5**width
    return result.astype(kind, copy=False).reshape(extent)


def randint(key: int, step: int, shape: Shape, low: int, high: int) -> NDArray[np.int64]:
    """Integers from `low` to `high - 1`.

    An int64 array of `shape`. Entry `i` is the high part of the product of `high - low` with a 64-bit number (words
    `2i` and `2i + 1`), so no two values differ in probability by more than 2^-64. Raises `ValueError` where the range
    is empty, wider than 2^32 or outside of int64.

    >>> randint(0, 0, 6, 1, 7).tolist()
    [6, 4, 3, 1, 2, 2]
    """
    low, high = operator.index(low), operator.index(high)
    if not 0 < high - low <= 1 << 32 or low < -(1 << 63) or high > 1 << 63:
        raise ValueError(
            f"randint was asked for integers from {low} to below {high}, "
            "but it draws from 1 to 2^32 different values of int64: pass low < high, or draw `bits` and combine them"
        )
    extent, count = _extent(shape, "randint")
    words = bits(key, step, 2 * count)
    span = np.uint64(high - low)
    part = words[0::2] * span  # the low word's product, of which only the carry matters
    part >>= np.uint64(32)
    part += words[1::2] * span
    part >>= np.uint64(32)
    result = part.view(np.int64)
    result += low
    return result.reshape(extent)


def permutation(key: int, step: int, n: int) -> NDArray[np.int64]:
    """The numbers 0 to `n - 1` in a random order.

    An int64 array of length `n`: the order of `n` random 64-bit numbers whose lowest bits are replaced by their
    position, which makes them distinct. Raises `ShapeError` where `n` is negative.

    >>> permutation(0, 0, 5).tolist()
    [3, 4, 2, 1, 0]
    """
    _, count = _extent(operator.index(n), "permutation")
    positions = np.uint64((1 << max(count - 1, 0).bit_length()) - 1)
    marked = _wide(key, step, count) & ~positions
    marked |= np.arange(count, dtype=np.uint64)
    marked.sort()
    marked &= positions
    return marked.view(np.int64)


def fold(key: int, data: int | str) -> int:
    """A new key that belongs to `key` and `data`.

    `data` is a text or an integer, taken modulo 2^64. Different texts and numbers give unrelated keys, and a key made
    here is unrelated to the words drawn with the old one. The result is an integer from 0 to 2^64 - 1.

    >>> fold(0, "dropout")
    5735175876560855991
    >>> fold(fold(0, "dropout"), 1) == fold(0, "dropout")
    False
    """
    key = operator.index(key) & _WIDE
    if not isinstance(data, str):
        number = operator.index(data) & _WIDE
        return _next_key(key, (number & _LOW, _INTEGER, number >> 32, 0))
    text = data.encode()
    # The length stands in every block, so a text and the same text with zeros after it differ.
    for place in range(0, max(len(text), 1), 8):
        piece = int.from_bytes(text[place : place + 8], "little")
        key = _next_key(key, (piece & _LOW, _TEXT, piece >> 32, len(text) & _LOW))
    return key


def _next_key(key: int, counter: tuple[int, int, int, int]) -> int:
    words = block(counter, (key & _LOW, key >> 32))
    return words[0] | words[1] << 32


def _extent(shape: Shape, caller: str) -> tuple[tuple[int, ...], int]:
    """The shape as a tuple, and its number of entries."""
    extent = tuple(operator.index(size) for size in (shape if isinstance(shape, tuple | list) else (shape,)))
    if any(size < 0 for size in extent):
        raise ShapeError(f"{caller} was asked for the shape {extent}, which has a negative size: pass sizes from 0 on")
    return extent, math.prod(extent)


def _float_type(dtype: DTypeLike, caller: str) -> np.dtype[Any]:
    kind = np.dtype(dtype)
    if kind not in (np.float16, np.float32, np.float64):
        raise DTypeError(
            f"{caller} was asked for {kind}, but draws float16, float32 and float64: pass one of them, or use `randint`"
        )
    return kind


# ---------------------------------------------------------------- the normal distribution

# log((1 + z) / (1 - z)) / z as a polynomial in z^2 for m = (1 + z) / (1 - z) from sqrt(1/2) to sqrt(2), and
# sin(pi/4 v) / v and cos(pi/4 v), both over sqrt(2), as polynomials in v^2 for v from -1 to 1: minimax fits of our own,
# relative errors 2^-30, 2^-28 and 2^-25 for float32, 2^-59, 2^-58 and 2^-64 for float64.
_SINGLE: Final = (
    (1.9999999986219126, 0.666668159152221, 0.3997479815306376, 0.2992557758691919),
    (0.5553603654712091, -0.05709564288739419, 0.0017606965995120834, -2.5420802286979077e-05),
    (0.7071067581219338, -0.21808881880778164, 0.011207418712029545, -0.0002253743341271789),
)
_DOUBLE: Final = (
    (
        2.0, 0.6666666666666765, 0.39999999999298985, 0.2857142876132605, 0.2222219699025089, 0.18183634994335898,
        0.15312446227579152, 0.14810505826398332,
    ),
    (
        0.5553603672697958, -0.057095699218714185, 0.0017609748884106124, -2.5863281990507265e-05,
        2.2158012764104177e-07, -1.2424921813635424e-09, 4.8628447533800416e-12,
    ),
    (
        0.7071067811865476, -0.21808950623871498, 0.011210714326067782, -0.00023051107385765906,
        2.5391217715805694e-06, -1.7402862256095302e-08, 8.132079448663973e-11, -2.7278501513290987e-13,
    ),
)  # fmt: skip


def normal(
    key: int, step: int, shape: Shape = (), dtype: DTypeLike = np.float32, start: int = 0
) -> NDArray[np.floating[Any]]:
    """Numbers of the normal distribution with mean 0 and variance 1.

    An array of `shape`; entry `i` in C order belongs to `start + i`. float32 reaches to 6.8 and uses one word an entry,
    float64 reaches to 9.5 and uses two; float16 is float32 rounded. Raises `DTypeError` for any other type.

    Entries `2j` and `2j + 1` are the two coordinates of one point: Box and Muller, "A note on the generation of random
    normal deviates", 1958. Its radius comes from the pair's first number, its angle from the second: two bits for the
    quadrant, the others for the place in it.

    >>> normal(0, 0, 3)
    array([-1.3546754 , -0.04700491, -0.0958415 ], dtype=float32)
    """
    kind = _float_type(dtype, "normal")
    extent, count = _extent(shape, "normal")
    result = np.empty(count, kind)
    first = operator.index(start)
    done = 0
    while done < count:
        here = first + done
        even = here - here % 2  # a point is always computed whole
        size = min(_WORDS, count - done)
        pairs = (here + size + 1) // 2 - even // 2
        points = np.empty((pairs, 2), np.float64 if kind == np.float64 else np.float32)
        if kind == np.float64:
            _points(_wide(key, step, 2 * pairs, even), points, _DOUBLE)
        else:
            _points(bits(key, step, 2 * pairs, even), points, _SINGLE)
        result[done : done + size] = points.reshape(-1)[here - even :][:size]
        done += size
    return result.reshape(extent)


def _points(words: NDArray[Any], out: NDArray[Any], coefficients: tuple[tuple[float, ...], ...]) -> None:
    """Write a point of the plane for each pair of words into the rows of `out`."""
    logarithm, sine, cosine = coefficients
    unsigned, real = words.dtype, out.dtype
    signed = np.dtype(np.int32) if unsigned == np.uint32 else np.dtype(np.int64)
    width = 8 * unsigned.itemsize
    fraction = np.finfo(real).nmant

    # The radius is sqrt(-2 log u) with u in (0, 1]: u = 2^exponent m with m from sqrt(1/2) to sqrt(2).
    mantissa = np.maximum(words[0::2].astype(real), real.type(0.5))
    pattern = mantissa.view(signed)
    base = np.array(math.sqrt(0.5), real).view(signed)[()]
    exponent = pattern - base
    exponent >>= fraction
    pattern -= exponent << fraction
    exponent -= width
    z = (mantissa - 1) / (mantissa + 1)
    radius = _polynomial(logarithm, z * z)
    radius *= z
    radius += exponent.astype(real) * math.log(2.0)
    radius *= -2
    np.maximum(radius, 0, out=radius)  # u = 1 gives 0, which the sign above made -0
    np.sqrt(radius, out=radius)

    # In the first quadrant, at the angle pi/4 (1 + v): cos = (cos(pi/4 v) - sin(pi/4 v)) / sqrt(2), sin with a plus.
    angle = words[1::2]
    place = (angle << unsigned.type(2)).view(signed).astype(real)
    place *= 0.5 ** (width - 1)
    square = place * place
    across = _polynomial(sine, square)
    across *= place
    along = _polynomial(cosine, square)
    first, second = along - across, along + across
    first *= radius
    second *= radius
    top = unsigned.type(1 << (width - 1))
    first.view(unsigned)[...] ^= angle & top
    second.view(unsigned)[...] ^= (angle << unsigned.type(1)) & top
    out[:, 0], out[:, 1] = first, second


def _polynomial(coefficients: tuple[float, ...], x: NDArray[Any]) -> NDArray[Any]:
    """Horner's rule; the constant comes first."""
    result: NDArray[Any] = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result
