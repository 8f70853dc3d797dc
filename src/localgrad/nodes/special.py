"""The special functions NumPy lacks: erf, erfc, lgamma, digamma, trigamma.

Each takes an array or a number and gives an array of the same shape, or a NumPy scalar. float32 and float64 keep their
type; float16 is computed as float32 is and rounded; integers and bools give float64. Nothing here ever warns: a pole
is an infinity or NaN, as each docstring says. Complex and other types raise `DTypeError`.

The approximations are minimax fits of our own, made with fifty digits: a rational function fitted by linearised least
squares (Sanathanan and Koerner, 1963) whose weights follow the error (Lawson, 1961). The fits' errors are given with
their coefficients, and each function's whole error in its docstring, in units in the last place (ULP) of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from localgrad.graph.errors import DTypeError

__all__ = ["digamma", "erf", "erfc", "lgamma", "trigamma"]

_Real = NDArray[np.float64]
_Coefficients = tuple[float, ...]  # the constant first

_PIECE: Final = 8192  # entries computed at a time: the intermediate arrays stay in the cache


def erf(x: ArrayLike) -> Any:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    From -1 to 1, with the sign of x at zero. Largest error: 0.9 ULP in float32, 1.2 ULP in float64.

    >>> erf(np.array([0.0, 0.5, np.inf]))
    array([0.        , 0.52049988, 1.        ])
    """
    return _elementwise(_erf_single, _erf_double, x, "erf")


def erfc(x: ArrayLike) -> Any:
    """The complementary error function 1 - erf(x), without the cancellation for positive x.

    From 2 down to 0. Largest error: 0.6 ULP in float32, 4.5 ULP in float64.

    >>> erfc(np.array([0.0, 10.0]))
    array([1.00000000e+00, 2.08848758e-45])
    """
    return _elementwise(_erfc, _erfc, x, "erfc")


def lgamma(x: ArrayLike) -> Any:
    """The natural logarithm of the absolute value of the gamma function.

    Infinite at 0, at the negative integers and at both infinities. Largest error: 0.6 ULP in float32 and 5 ULP in
    float64 for x > -0.5. Below, where the function passes zero between its poles, as many ULP of the largest of 1,
    |lgamma(x)| and |lgamma(-x)|.

    >>> lgamma(np.array([0.5, 1.0, 10.0]))
    array([ 0.57236494,  0.        , 12.80182748])
    """
    return _elementwise(_lgamma, _lgamma, x, "lgamma")


def digamma(x: ArrayLike) -> Any:
    """The derivative of lgamma.

    -inf at 0.0, inf at -0.0, NaN at the negative integers and at -inf. Largest error: 0.6 ULP in float32 and 6 ULP in
    float64 for x > 0. Below, where the function passes zero between its poles, as many ULP of the largest of 1,
    |digamma(x)| and |digamma(-x)|.

    >>> digamma(np.array([1.0, 2.0]))
    array([-0.57721566,  0.42278434])
    """
    return _elementwise(_digamma, _digamma, x, "digamma")


def trigamma(x: ArrayLike) -> Any:
    """The derivative of digamma.

    Positive everywhere; inf at 0 and at the negative integers, NaN at -inf. Largest error: 0.6 ULP in float32, 6 ULP
    in float64.

    >>> trigamma(np.array([1.0, 0.5]))
    array([1.64493407, 4.9348022 ])
    """
    return _elementwise(_trigamma, _trigamma, x, "trigamma")


def _elementwise(
    single: Callable[[_Real], _Real], double: Callable[[_Real], _Real], x: ArrayLike, name: str
) -> NDArray[Any] | np.floating[Any]:
    """Apply a function of one-dimensional float64 arrays, which it may overwrite, piece by piece."""
    array = np.asarray(x)
    if array.dtype.kind in "iub":
        dtype = np.dtype(np.float64)
    elif array.dtype in (np.float16, np.float32, np.float64):
        dtype = array.dtype
    else:
        raise DTypeError(
            f"{name} was asked for {array.dtype}, but is made for float16, float32 and float64: convert with astype"
        )
    function = double if dtype == np.float64 else single
    entries = array.reshape(-1)
    result = np.empty(entries.shape, dtype)
    with np.errstate(all="ignore"):
        for start in range(0, entries.size, _PIECE):
            piece = entries[start : start + _PIECE]
            result[start : start + _PIECE] = function(piece.astype(np.float64))
    return result.reshape(array.shape)[()]


def _polynomial(coefficients: _Coefficients, x: _Real) -> _Real:
    """Horner's rule."""
    result = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result


def _ratio(coefficients: tuple[_Coefficients, _Coefficients], x: _Real) -> _Real:
    result = _polynomial(coefficients[0], x)
    result /= _polynomial(coefficients[1], x)
    return result


def _replace(result: _Real, x: _Real, where: NDArray[np.bool_], function: Callable[[_Real], _Real]) -> None:
    """Write function(x) into the entries of `result` that `where` chooses, computing only those."""
    chosen = np.flatnonzero(where)
    if chosen.size == result.size:
        result[...] = function(x)
    elif chosen.size:
        result[chosen] = function(x[chosen])


# ---------------------------------------------------------------- erf and erfc

# erf(x) / x in x^2 for |x| <= 3.95, relative error 2^-25.5. Beyond, float32 cannot tell erf from 1.
_ERF_SINGLE_END: Final = 3.95
_ERF_SINGLE: Final = (
    (
        1.1283791436644923, 0.19155500420983226, 0.05287603634771361, 0.0038083544562175506, 0.0002846908447809132,
        2.0258566719630523e-06,
    ),
    (
        1.0, 0.5030938766521392, 0.11456153716533003, 0.01505547623252948, 0.0011707702596100089,
        3.783142971799512e-05,
    ),
)  # fmt: skip
# erf(x) / x - 1 in x^2 for |x| <= 1, error 2^-60.4.
_ERF_INNER: Final = (
    (
        0.1283791670955126, -0.3170140943015608, -0.04830985161745198, -0.008812545798625698, -0.000495132578869384,
        -2.0710246289358624e-05,
    ),
    (
        1.0, 0.46045083534696934, 0.09378423284036619, 0.010687377993792987, 0.0006919187265543899,
        2.0783962180460697e-05,
    ),
)  # fmt: skip
# exp(x^2) erfc(x) in x, for 1 <= x <= 6: error of erfc 2^-59.5. Beyond 6 float64 cannot tell erf from 1.
_ERF_OUTER_END: Final = 6.0
_ERF_OUTER: Final = (
    (
        0.9999998868902863, 1.390612759565352, 0.9495643129926644, 0.37362506203171053, 0.08435703160476969,
        0.008931522911468232,
    ),
    (
        1.0, 2.518990735151427, 2.7919469660180862, 1.7572427376132373, 0.6702080386529803, 0.14951504143133598,
        0.015830834598808324,
    ),
)  # fmt: skip
# (x + 0.5) exp(x^2) erfc(x) - 0.6 in 1 / (x + 0.5), for 0.5 <= x <= 28, relative error of erfc 2^-59.4. The constant
# keeps the rounding of the rest small. Beyond 28 erfc is below the least float64.
_ERFC_END: Final = 28.0
_ERFC_MIDDLE: Final = 0.6
_ERFC: Final = (
    (
        -0.03581041645235945, -0.1391316040650348, 0.3623578092583528, 7.583265892834527, 43.21801954088844,
        146.84383461585205, 321.7265918708863, 426.1401883111666, 207.89197883265757, -289.58038177522144,
        -475.51911200828397,
    ),
    (
        1.0, 11.76267794651471, 78.60240841254023, 351.24837610655993, 1135.6521084172477, 2719.7692380598132,
        4831.434605528508, 6230.373202950641, 5546.076737473487, 3061.4769508373233, 792.5322396638302,
    ),
)  # fmt: skip


def _erf_single(x: _Real) -> _Real:
    """float32's erf. In float64, because rounding to float32 at each step would cost six ULP to save a quarter."""
    np.minimum(x, _ERF_SINGLE_END, out=x)
    np.maximum(x, -_ERF_SINGLE_END, out=x)
    result = _ratio(_ERF_SINGLE, x * x)
    result *= x
    return result


def _erf_double(x: _Real) -> _Real:
    result = _erf_inner(x)
    _replace(result, x, np.abs(x) > 1, _erf_outer)
    return result


def _erf_inner(x: _Real) -> _Real:
    result = _ratio(_ERF_INNER, np.minimum(x * x, 1))
    result *= x
    result += x
    return result


def _erf_outer(x: _Real) -> _Real:
    distance = np.minimum(np.abs(x), _ERF_OUTER_END)
    result = _ratio(_ERF_OUTER, distance)
    result *= np.exp(-distance * distance)
    return np.copysign(1 - result, x)


def _erfc(x: _Real) -> _Real:
    result = 1 - _erf_inner(x)
    _replace(result, x, x > 0.5, _erfc_tail)
    _replace(result, x, x < -1, lambda chosen: 2 - _erfc_tail(-chosen))
    return result


def _erfc_tail(x: _Real) -> _Real:
    np.minimum(x, _ERFC_END, out=x)
    # x^2 is split because rounding it would multiply exp by up to 1 + 400 ULP: the square of a float32 is exact.
    head = x.astype(np.float32).astype(np.float64)
    rest = (head - x) * (head + x)
    inverse = 1 / (x + 0.5)
    result = _ratio(_ERFC, inverse)
    result += _ERFC_MIDDLE
    result *= inverse
    # exp(rest), |rest| < 5e-5.
    result *= _polynomial((1.0, 1.0, 1 / 2, 1 / 6), rest)
    result *= np.exp(-head * head)
    return result


# ---------------------------------------------------------------- gamma

# Near the origin all three use t = x - 1 from -0.5 to 3, and below that x + 1 in place of x. The variable of the fits
# is t + 0.5, in which the denominators' coefficients are positive: nothing cancels.
_NEAR_END: Final = 4.0
# lgamma(1 + t) / (t (t - 1)) - 0.5, error 2^-60.7. The constant keeps the rounding of the rest small.
_LGAMMA_MIDDLE: Final = 0.5
_LGAMMA: Final = (
    (
        0.2631532572329334, 1.449187492993588, 2.6823363204006054, 1.1664342451591596, -2.2940798279092323,
        -3.3973436341316003, -1.8642129514840196, -0.48406207585287186, -0.05814078065623981, -0.0027810394402313175,
        -3.574418182022758e-05,
    ),
    (
        1.0, 7.722213016737371, 24.5715323304592, 41.78233086385833, 41.26918092941837, 24.179495037923598,
        8.27157519175903, 1.572778304781605, 0.15140574317445182, 0.006195635582150785, 7.221030192417171e-05,
    ),
)  # fmt: skip
# digamma(1 + t) / (t - root), relative error 2^-63, with the root as the sum of two numbers.
_DIGAMMA_ROOT: Final = (0.46163214496836236, -1.5522348162858677e-17)
_DIGAMMA: Final = (
    (
        2.041851487905516, 4.567671474473008, 3.6831346679902763, 1.3996860334188916, 0.2685314454774454,
        0.02538211095996781, 0.0010467115493519616, 1.3599082260648524e-05, 1.0053427810988333e-08,
    ),
    (
        1.0, 3.7103810694104165, 4.517291708744109, 2.5306790769459275, 0.7279644470814234, 0.10946953691554967,
        0.008170708464966628, 0.0002610687307738817, 2.433243561623284e-06,
    ),
)  # fmt: skip
# trigamma(1 + t), relative error 2^-58.
_TRIGAMMA: Final = (
    (
        4.934802200544679, 18.02595842660902, 29.32968179747992, 26.936100867527074, 14.972001262113135,
        5.036532040065297, 0.953315764949598, 0.0788900434358578,
    ),
    (
        1.0, 7.063050078683242, 20.160437176529964, 30.556117516775014, 27.35406592372214, 15.05144336812894,
        5.043106289058893, 0.9533157603201169, 0.07889004356871311,
    ),
)  # fmt: skip
# From 4 on: what Stirling's series (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12) has after its first terms, as
# polynomials in 1 / x^2, times x, x^2 and x^3; errors of the functions 2^-58.6, 2^-57.7 and 2^-57.
_LGAMMA_TAIL: Final = (
    0.08333333333333316, -0.002777777777603955, 0.0007936507425547154, -0.0005952312173513819, 0.0008412426011790763,
    -0.001894932513910005, 0.00577531014691139, -0.017916284326879563, 0.03456979268491315,
)  # fmt: skip
_DIGAMMA_TAIL: Final = (
    -0.08333333333332416, 0.008333333327192476, -0.003968252547344352, 0.004166504002744459, -0.007565055924389402,
    0.02065560141263697, -0.0717442405374937, 0.23732139817327563, -0.4654503706925337,
)  # fmt: skip
_TRIGAMMA_TAIL: Final = (
    0.16666666666664892, -0.03333333331889226, 0.023809519720116832, -0.03333275514076263, 0.07570994021687852,
    -0.2506284021673247, 1.0803215747975226, -5.018765784589764, 19.01499830834999, -38.67581828908798,
)  # fmt: skip
_HALF_LOG_2PI: Final = 0.9189385332046728


def _by_region(
    near: Callable[[_Real], _Real],
    below: Callable[[_Real], _Real],
    tail: Callable[[_Real], _Real],
    reflected: Callable[[_Real], _Real],
    x: _Real,
) -> _Real:
    """`near(x - 1)` from 0.5 to 4, `near(x) + below(x)` from -0.5 to 0.5, `tail` above and `reflected(-x)` below."""

    def low(chosen: _Real) -> _Real:
        return near(chosen) + below(chosen)

    result = np.full_like(x, np.nan)
    _replace(result, x, (x >= 0.5) & (x < _NEAR_END), lambda chosen: near(chosen - 1))
    _replace(result, x, (x >= -0.5) & (x < 0.5), low)
    _replace(result, x, x >= _NEAR_END, tail)
    _replace(result, x, x < -0.5, lambda chosen: reflected(-chosen))
    return result


def _from_nearest_integer(x: _Real) -> _Real:
    """The exact signed distance; NaN for infinity."""
    return x - np.rint(x)


def _lgamma(x: _Real) -> _Real:
    return _by_region(_lgamma_near, lambda low: -np.log(np.abs(low)), _lgamma_tail, _lgamma_reflected, x)


def _lgamma_near(t: _Real) -> _Real:
    # Adding 0.0 makes the zero at x = 1 a positive one.
    return t * (t - 1) * (_LGAMMA_MIDDLE + _ratio(_LGAMMA, t + 0.5)) + 0.0


def _lgamma_tail(x: _Real) -> _Real:
    inverse = 1 / x
    result = _polynomial(_LGAMMA_TAIL, inverse * inverse) * inverse
    result += _HALF_LOG_2PI - 0.5
    result += (x - 0.5) * (np.log(x) - 1)
    return result


def _lgamma_reflected(x: _Real) -> _Real:
    # |Gamma(-x) Gamma(x)| = pi / (x |sin(pi x)|)
    sine = np.sin(np.pi * np.abs(_from_nearest_integer(x)))
    result = np.log(np.pi / (x * sine)) - _lgamma(x)
    result[np.isinf(x) | (sine == 0)] = np.inf
    return result


def _digamma(x: _Real) -> _Real:
    return _by_region(_digamma_near, lambda low: -1 / low, _digamma_tail, _digamma_reflected, x)


def _digamma_near(t: _Real) -> _Real:
    return ((t - _DIGAMMA_ROOT[0]) - _DIGAMMA_ROOT[1]) * _ratio(_DIGAMMA, t + 0.5)


def _digamma_tail(x: _Real) -> _Real:
    inverse = 1 / x
    square = inverse * inverse
    result = _polynomial(_DIGAMMA_TAIL, square) * square
    result -= 0.5 * inverse
    result += np.log(x)
    return result


def _digamma_reflected(x: _Real) -> _Real:
    # digamma(-x) = digamma(1 + x) + pi cot(pi x)
    place = _from_nearest_integer(x)
    result = _digamma(1 + x) + np.pi / np.tan(np.pi * place)
    result[place == 0] = np.nan
    return result


def _trigamma(x: _Real) -> _Real:
    return _by_region(
        lambda t: _ratio(_TRIGAMMA, t + 0.5), lambda low: 1 / (low * low), _trigamma_tail, _trigamma_reflected, x
    )


def _trigamma_tail(x: _Real) -> _Real:
    inverse = 1 / x
    square = inverse * inverse
    result = _polynomial(_TRIGAMMA_TAIL, square) * square
    result += 0.5 * inverse
    result += 1
    result *= inverse
    return result


def _trigamma_reflected(x: _Real) -> _Real:
    # trigamma(-x) + trigamma(1 + x) = (pi / sin(pi x))^2
    ratio = np.pi / np.sin(np.pi * _from_nearest_integer(x))
    return ratio * ratio - _trigamma(1 + x)
