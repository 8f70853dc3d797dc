"""Mathematics: exp, log, tanh and their relatives as straight-line code that a loop's vectoriser takes.

Each reduces its argument to a short range and takes a polynomial there, whose coefficients are those of the series
(computed here, in the powers of the reduced argument) cut where the rest is below half a unit in the last place.
Infinities, NaN, signed zeros and denormals come out as NumPy has them. The errors over the whole range are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from math import factorial, inf, nan
from typing import Final, NamedTuple

from localgrad.nodes import special
from localgrad.run.text import Floats, bits_of


class Width(NamedTuple):
    """What differs between the two precisions."""

    digits: int  # of the significand, without the leading one
    bias: int
    magic: float  # adding it rounds to an integer, which then stands in the last bits
    ln2_high: float  # its product with an exponent is exact
    ln2_low: float
    terms: int  # of the exponential's series
    log_terms: int  # of the series of the logarithm
    least: float  # exp of less is 0
    most: float  # exp of more is infinite
    least_one: float  # expm1 of less is -1
    most_one: float
    smallest: float  # the smallest normal number


with localcontext() as _context:
    _context.prec = 50
    _LN2: Final = Decimal(2).ln()
    _LN10: Final = Decimal(10).ln()
    _INVERSE_LN2: Final = float(1 / _LN2)


def _split(value: Decimal, digits: int) -> tuple[float, float]:
    high = Decimal(int(value * 2**digits)) / 2**digits
    return float(high), float(value - high)


WIDTHS: Final = {
    "float": Width(23, 127, 1.5 * 2**23, *_split(_LN2, 12), 8, 5, -104.0, 89.0, -30.0, 88.8, 2.0**-126),
    "double": Width(52, 1023, 1.5 * 2**52, *_split(_LN2, 40), 14, 11, -746.0, 710.0, -50.0, 709.9, 2.0**-1022),
}


def _exponent(f: Floats, whole: str) -> str:
    """2 to the power of an integer given as a float, where that is a normal number."""
    width = WIDTHS[f.kind]
    bits = f.integer("sub", f.as_bits(f.add(whole, width.magic)), bits_of(width.magic, f.kind) - width.bias)
    return f.from_bits(f.integer("shl", bits, width.digits))


def _clamped(f: Floats, x: str, least: float, most: float) -> str:
    x = f.select(f.compare("olt", x, least), least, x)  # a NaN stays
    return f.select(f.compare("ogt", x, most), most, x)


def _whole(f: Floats, x: str, factor: float) -> str:
    width = WIDTHS[f.kind]
    return f.sub(f.fused(x, factor, width.magic), width.magic)


def _remainder(f: Floats, x: str, whole: str) -> str:
    width = WIDTHS[f.kind]
    return f.fused(whole, -width.ln2_low, f.fused(whole, -width.ln2_high, x))


def _series(f: Floats, r: str) -> str:
    """exp(r) - 1 of a small r."""
    rest = f.polynomial(r, [1 / factorial(k) for k in range(2, WIDTHS[f.kind].terms)])
    return f.fused(f.mul(r, r), rest, r)


def _scaled(f: Floats, value: str, whole: str) -> str:
    """Value * 2**whole, in two steps: infinity and denormals come out right."""
    half = _whole(f, whole, 0.5)
    return f.mul(f.mul(value, _exponent(f, half)), _exponent(f, f.sub(whole, half)))


def exp(f: Floats, x: str) -> str:
    """E to the power x: x = n ln 2 + r."""
    width = WIDTHS[f.kind]
    x = _clamped(f, x, width.least, width.most)
    whole = _whole(f, x, _INVERSE_LN2)
    return _scaled(f, f.add(1.0, _series(f, _remainder(f, x, whole))), whole)


def exp2(f: Floats, x: str) -> str:
    """2 to the power x."""
    width = WIDTHS[f.kind]
    x = _clamped(f, x, -width.bias - width.digits - 2.0, width.bias + 2.0)
    whole = _whole(f, x, 1.0)
    return _scaled(f, f.add(1.0, _series(f, f.mul(f.sub(x, whole), float(_LN2)))), whole)


def expm1(f: Floats, x: str) -> str:
    """E to the power x, minus 1: 2^n (e^r - 1) + (2^n - 1), computed at half its size so that it cannot overflow."""
    width = WIDTHS[f.kind]
    limited = _clamped(f, x, width.least_one, width.most_one)
    whole = _whole(f, limited, _INVERSE_LN2)
    p = _series(f, _remainder(f, limited, whole))
    half = _exponent(f, f.sub(whole, 1.0))
    y = f.mul(f.fused(half, p, f.sub(half, 0.5)), 2.0)
    return f.select(f.compare("olt", f.call("fabs", x), 2.0 ** -(width.digits + 4)), x, y)


def _parts(f: Floats, x: str) -> tuple[str, str]:
    """The exponent k, and log m, of a positive x = 2^k m with m near 1."""
    width = WIDTHS[f.kind]
    low = f.compare("olt", x, width.smallest)
    up = width.digits + 2
    bits = f.as_bits(f.select(low, f.mul(x, 2.0**up), x))
    root = bits_of(0.5**0.5, f.kind)
    bias = width.bias + 1
    moved = f.integer("add", bits, (bias << width.digits) - root)
    # an exponent becomes a float by standing in the last bits of one
    k = f.integer("or", f.integer("lshr", moved, width.digits), bits_of(2.0**width.digits, f.kind))
    whole = f.sub(f.from_bits(k), 2.0**width.digits + bias)
    whole = f.select(low, f.sub(whole, float(up)), whole)
    mantissa = f.integer("and", moved, (1 << width.digits) - 1)
    part = f.sub(f.from_bits(f.integer("add", mantissa, root)), 1.0)
    # log(1 + f) = 2 artanh s with s = f / (2 + f); 2s = f - s f
    s = f.div(part, f.add(part, 2.0))
    z = f.mul(s, s)
    rest = f.mul(z, f.polynomial(z, [2 / (2 * k + 3) for k in range(width.log_terms)]))
    return whole, f.sub(part, f.mul(s, f.sub(part, rest)))


def _logarithm(f: Floats, x: str, y: str) -> str:
    """Y with the values of a logarithm at 0, infinity, NaN and below 0."""
    y = f.select(f.compare("olt", x, inf), y, x)
    y = f.select(f.compare("oeq", x, 0.0), -inf, y)
    return f.select(f.compare("olt", x, 0.0), nan, y)


def log(f: Floats, x: str) -> str:
    """The natural logarithm."""
    width = WIDTHS[f.kind]
    whole, part = _parts(f, x)
    return _logarithm(f, x, f.fused(whole, width.ln2_high, f.fused(whole, width.ln2_low, part)))


def log2(f: Floats, x: str) -> str:
    """The logarithm of base 2, exact at powers of 2."""
    whole, part = _parts(f, x)
    return _logarithm(f, x, f.fused(part, _INVERSE_LN2, whole))


def log10(f: Floats, x: str) -> str:
    """The logarithm of base 10."""
    width = WIDTHS[f.kind]
    with localcontext() as context:
        context.prec = 50
        high, low = _split(_LN2 / _LN10, 12 if width.digits == 23 else 40)
        factor = float(1 / _LN10)
    whole, part = _parts(f, x)
    return _logarithm(f, x, f.fused(whole, high, f.fused(whole, low, f.mul(part, factor))))


def log1p(f: Floats, x: str) -> str:
    """log(1 + x), with what 1 + x loses put back."""
    width = WIDTHS[f.kind]
    one = f.add(x, 1.0)
    lost = f.div(f.sub(x, f.sub(one, 1.0)), one)
    whole, part = _parts(f, one)
    y = f.fused(whole, width.ln2_high, f.add(f.fused(whole, width.ln2_low, lost), part))
    y = f.select(f.compare("olt", one, inf), y, x)
    y = f.select(f.compare("oeq", x, -1.0), -inf, y)
    y = f.select(f.compare("olt", x, -1.0), nan, y)
    return f.select(f.compare("olt", f.call("fabs", x), 2.0 ** -(width.digits + 4)), x, y)


def tanh(f: Floats, x: str) -> str:
    """The hyperbolic tangent, e / (e + 2) with e = expm1(2 |x|)."""
    size = f.call("fabs", x)
    size = f.select(f.compare("ogt", size, 22.0), 22.0, size)
    e = expm1(f, f.add(size, size))
    return f.call("copysign", f.div(e, f.add(e, 2.0)), x)


def _ratio(f: Floats, coefficients: tuple[tuple[float, ...], ...], x: str) -> str:
    return f.div(f.polynomial(x, coefficients[0]), f.polynomial(x, coefficients[1]))


def erf(f: Floats, x: str) -> str:
    """The error function, with the coefficients of `nodes.special`; of single precision computed in double, as there."""
    if f.kind == "float":
        wide = Floats(f.text, "double")
        end = special._ERF_SINGLE_END
        limited = _clamped(wide, f.text.made(f"fpext float {x} to double"), -end, end)
        y = wide.mul(_ratio(wide, special._ERF_SINGLE, wide.mul(limited, limited)), limited)
        return f.text.made(f"fptrunc double {y} to float")
    size = f.call("fabs", x)
    near = f.fused(_ratio(f, special._ERF_INNER, f.mul(x, x)), x, x)
    distance = _clamped(f, size, 0.0, special._ERF_OUTER_END)
    rest = f.mul(_ratio(f, special._ERF_OUTER, distance), exp(f, f.mul(f.call("fabs", distance), f.sub(0.0, distance))))
    far = f.call("copysign", f.sub(1.0, rest), x)
    return f.select(f.compare("ogt", size, 1.0), far, near)


def sign(f: Floats, x: str) -> str:
    """1, 0 or -1, and NaN of NaN."""
    y = f.select(f.compare("ogt", x, 0.0), 1.0, f.select(f.compare("oeq", x, 0.0), 0.0, x))
    return f.select(f.compare("olt", x, 0.0), -1.0, y)


def _named(name: str) -> Callable[[Floats, str], str]:
    def function(f: Floats, x: str) -> str:
        return f.call(name, x)

    return function


FUNCTIONS: Final[dict[str, Callable[[Floats, str], str]]] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log2": log2, "log10": log10, "log1p": log1p, "tanh": tanh,
    "sign": sign, "erf": erf, "abs": _named("fabs"), "sqrt": _named("sqrt"), "floor": _named("floor"), "ceil": _named("ceil"),
    "trunc": _named("trunc"), "round": _named("rint"),
}  # fmt: skip
"""The functions of one float that kernels have; kinds that need others run their NumPy forward."""
