"""Special functions: their stated error bounds, their limits, and that they never warn."""

import math

import numpy as np
import pytest
from scipy import special as judge

from localgrad.graph.errors import DTypeError
from localgrad.nodes import special

FUNCTIONS = {name: getattr(special, name) for name in special.__all__}
JUDGES = {
    "erf": np.vectorize(math.erf, otypes=[float]),
    "erfc": np.vectorize(math.erfc, otypes=[float]),
    "lgamma": judge.gammaln,
    "digamma": judge.psi,
    "trigamma": lambda x: judge.polygamma(1, x),
}
# The bounds the docstrings state, in ULP.
BOUND_SINGLE = {"erf": 0.9, "erfc": 0.6, "lgamma": 0.6, "digamma": 0.6, "trigamma": 0.6}
BOUND_DOUBLE = {"erf": 1.2, "erfc": 4.5, "lgamma": 5, "digamma": 6, "trigamma": 6}
# How far SciPy and the C library are themselves from the exact value, in ULP, over the points compared here.
JUDGE_ERROR = {"erf": 1, "erfc": 3, "lgamma": 16, "digamma": 12, "trigamma": 6}

# Values computed with ninety digits and rounded once.
REFERENCE = {
    "erf": [
        (1e-300, 1.1283791670955126e-300), (1e-08, 1.1283791670955126e-08), (0.1, 0.1124629160182849),
        (0.3, 0.3286267594591274), (0.49999999999999994, 0.5204998778130465), (0.5, 0.5204998778130465),
        (0.7, 0.6778011938374184), (0.9999999999999999, 0.8427007929497148), (1.0, 0.8427007929497149),
        (1.0000000000000002, 0.842700792949715), (1.3, 0.9340079449406524), (2.0, 0.9953222650189527),
        (3.7, 0.9999998328489421), (5.5, 0.9999999999999927), (-0.25, -0.27632639016823696),
        (-1.1, -0.8802050695740817), (-4.0, -0.9999999845827421),
    ],
    "erfc": [
        (1e-300, 1.0), (1e-08, 0.9999999887162083), (0.1, 0.887537083981715), (0.3, 0.6713732405408726),
        (0.49999999999999994, 0.47950012218695354), (0.5, 0.4795001221869535), (0.7, 0.32219880616258156),
        (0.9999999999999999, 0.1572992070502852), (1.0, 0.15729920705028513),
        (1.0000000000000002, 0.15729920705028505), (1.3, 0.06599205505934755), (2.0, 0.004677734981047266),
        (3.7, 1.6715105790914599e-07), (5.5, 7.357847917974398e-15), (0.5000000000000001, 0.47950012218695337),
        (8.0, 1.1224297172982926e-29), (15.3, 7.9765601254207e-104), (20.0, 5.395865611607901e-176),
        (26.0, 5.663192408856143e-296), (26.6, 1.088512588544227e-309), (-0.25, 1.276326390168237),
        (-1.1, 1.8802050695740817), (-3.0, 1.9999779095030015),
    ],
    "lgamma": [
        (1e-300, 690.7755278982137), (1e-20, 46.051701859880914), (0.003, 5.807418734725978),
        (0.25, 1.2880225246980774), (0.49999999999999994, 0.5723649429247002), (0.5, 0.5723649429247001),
        (0.9, 0.06637623973474295), (0.999999999, 5.77215649399226e-10), (1.0000000001, -5.772157125783244e-11),
        (1.4616321449683622, -0.12148629053584961), (1.4616321449683625, -0.12148629053584961),
        (1.7, -0.09580769740706588), (1.99999999999, -4.227843700765752e-12), (2.0000000001, 4.2278437011204657e-11),
        (2.7, 0.4348205536551047), (3.9999999999999996, 1.7917594692280545), (4.0, 1.791759469228055),
        (7.3, 7.147892523022248), (19.0, 36.39544520803305), (333.25, 1600.578320722467),
        (100000.0, 1051287.7089736569), (1000000000000000.0, 3.3538776394910668e+16),
        (1e+300, 6.897755278982137e+302), (-1e-12, 27.631021115929126), (-0.3, 1.4648400508576025),
        (-0.5000000000000001, 1.2655121234846454), (-0.7, 1.4524729387568078), (-1.5, 0.860047015376481),
        (-2.457, 3.7496305958099786e-05), (-3.999999, 10.637458233595753), (-10.25, -14.20399790093109),
        (-55.125, -166.7243586084319),
    ],
    "digamma": [
        (1e-300, -9.999999999999999e+299), (1e-20, -1e+20), (0.003, -333.9056249854075), (0.25, -4.2274535333762655),
        (0.49999999999999994, -1.9635100260214238), (0.5, -1.9635100260214235), (0.9, -0.7549269499470513),
        (0.999999999, -0.5772156665464668), (1.0000000001, -0.5772156647370394),
        (1.4616321449683622, -9.241265521729427e-17), (1.4616321449683625, 1.2245374622004068e-16),
        (1.7, 0.2085478748734939), (1.99999999999, 0.4227843350920178), (2.0000000001, 0.42278433516296055),
        (2.7, 0.7967831689911411), (3.9999999999999996, 1.2561176684318003), (4.0, 1.2561176684318005),
        (7.3, 1.9178203356379862), (19.0, 2.9178924132947808), (333.25, 5.80739183359058),
        (100000.0, 11.512920464961896), (1000000000000000.0, 34.538776394910684), (1e+300, 690.7755278982137),
        (-1e-12, 999999999999.4229), (-0.3, 2.113309779635399), (-0.5000000000000001, 0.03648997397857553),
        (-0.7, -2.073952793628704), (-1.5, 0.7031566406452432), (-2.457, 1.5158438230460747),
        (-3.999999, -999998.493739485), (-10.25, 5.516858419886273), (-55.125, 11.603121797786235),
    ],
    "trigamma": [
        (1e-20, 1.0000000000000002e+40), (0.003, 111112.74886194768), (0.25, 17.19732915450711),
        (0.49999999999999994, 4.93480220054468), (0.5, 4.934802200544679), (0.9, 1.9225399594772035),
        (0.999999999, 1.6449340692523402), (1.0000000001, 1.644934066607815),
        (1.4616321449683622, 0.9676722454476212), (1.4616321449683625, 0.9676722454476211), (1.7, 0.7932328301639984),
        (1.99999999999, 0.6449340668522676), (2.0000000001, 0.6449340668078151), (2.7, 0.4472120689183236),
        (3.9999999999999996, 0.28382295573711536), (4.0, 0.2838229557371153), (7.3, 0.1467957681314271),
        (19.0, 0.05404090603769619), (333.25, 0.0030052569417594963), (100000.0, 1.0000050000166667e-05),
        (1000000000000000.0, 1.0000000000000005e-15), (1e+300, 1e-300), (-1e-12, 1e+24), (-0.3, 13.945160267805722),
        (-0.5000000000000001, 8.934802200544679), (-0.7, 14.28618087263834), (-1.5, 9.379246644989124),
        (-2.457, 9.716851444311851), (-3.999999, 999999999723.5126), (-10.25, 19.646252424622652),
        (-55.125, 67.37589735895035),
    ],
}  # fmt: skip


def least_scale(name, x):
    """What an error below the axis is measured against, where these two functions pass zero again and again."""
    if name == "lgamma":
        return np.where(x < -0.5, np.maximum(1, np.abs(judge.gammaln(np.abs(x)))), 0)
    if name == "digamma":
        return np.where(x < 0, np.maximum(1, np.abs(judge.psi(np.abs(x)))), 0)
    return np.zeros_like(x)


def error_in_ulp(name, x, expected, dtype):
    result = FUNCTIONS[name](x)
    assert result.dtype == dtype
    wide = x.astype(np.float64)
    scale = np.maximum(np.abs(expected), least_scale(name, wide)).astype(dtype)
    return np.abs(result.astype(np.float64) - expected) / np.spacing(scale).astype(np.float64)


def points(name, generator):
    """Points over the whole range on which the judge can be trusted."""
    if name in ("erf", "erfc"):
        return np.concatenate(
            [
                generator.uniform(-1.3, 1.3, 4000),
                generator.uniform(-7, 7, 4000),
                generator.uniform(0.3, 26.5 if name == "erfc" else 7, 4000),
                np.exp(generator.uniform(-80, 0, 1000)),
            ]
        )
    x = np.concatenate(
        [
            generator.uniform(0, 5, 6000),
            generator.uniform(4, 60, 4000),
            np.exp(generator.uniform(-80, 0, 1000)),
            np.exp(generator.uniform(2, 80, 1000)),
            -generator.uniform(0.01, 30, 4000) if name != "trigamma" else np.ones(1),
        ]
    )
    # SciPy loses digits near lgamma's two zeros and digamma's poles; the table of known values has points there.
    if name == "lgamma":
        x = x[(np.abs(x - 1) > 0.3) & (np.abs(x - 2) > 0.3)]
    if name == "digamma":
        x = x[(x > 0) | (np.abs(x - np.rint(x)) > 0.2)]
    return x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_known_to_the_last_place(name):
    x, expected = np.array(REFERENCE[name]).T
    # The rounding of the reference itself may be half a unit.
    assert np.max(error_in_ulp(name, x, expected, np.float64)) <= BOUND_DOUBLE[name] + 0.5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_double_precision_everywhere(name):
    x = points(name, np.random.default_rng(1))
    error = error_in_ulp(name, x, JUDGES[name](x), np.float64)
    assert np.max(error) <= BOUND_DOUBLE[name] + JUDGE_ERROR[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_single_precision_everywhere(name):
    x = points(name, np.random.default_rng(2)).astype(np.float32)
    with np.errstate(over="ignore"):
        x = x[np.isfinite(JUDGES[name](x.astype(np.float64)).astype(np.float32))]
    error = error_in_ulp(name, x, JUDGES[name](x.astype(np.float64)), np.float32)
    assert np.max(error) <= BOUND_SINGLE[name] + 1e-4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision_is_single_rounded(name):
    x = np.concatenate([np.linspace(-5, 5, 501), [np.nan, np.inf, -np.inf]]).astype(np.float16)
    with np.errstate(over="ignore"):
        expected = FUNCTIONS[name](x.astype(np.float32)).astype(np.float16)
    result = FUNCTIONS[name](x)
    assert result.dtype == np.float16
    # float32 rounded twice may differ from float64 rounded once by one unit.
    np.testing.assert_allclose(result.astype(np.float64), expected.astype(np.float64), rtol=1e-3)


LIMITS = {
    "erf": [(np.inf, 1.0), (-np.inf, -1.0), (0.0, 0.0), (-0.0, -0.0), (1e300, 1.0), (-1e300, -1.0), (5e-324, 5e-324)],
    "erfc": [(np.inf, 0.0), (-np.inf, 2.0), (0.0, 1.0), (-0.0, 1.0), (1e300, 0.0), (-1e300, 2.0), (-6.0, 2.0)],
    "lgamma": [
        (np.inf, np.inf), (-np.inf, np.inf), (0.0, np.inf), (-0.0, np.inf), (-1.0, np.inf), (-1e4, np.inf),
        (1.0, 0.0), (2.0, 0.0), (1e307, np.inf),
    ],
    "digamma": [
        (np.inf, np.inf), (-np.inf, np.nan), (0.0, -np.inf), (-0.0, np.inf), (-1.0, np.nan), (-1e300, np.nan),
    ],
    "trigamma": [
        (np.inf, 0.0), (-np.inf, np.nan), (0.0, np.inf), (-0.0, np.inf), (-1.0, np.inf), (-1e4, np.inf),
        (1e-300, np.inf), (-1e-300, np.inf),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_limits_poles_signs_and_nan_without_a_warning(name, dtype):
    with np.errstate(over="ignore", under="ignore"):
        x = np.array([x for x, _ in LIMITS[name]] + [np.nan], dtype)
        expected = np.array([y for _, y in LIMITS[name]] + [np.nan], dtype)
    with np.errstate(all="raise"):
        result = FUNCTIONS[name](x)
    np.testing.assert_array_equal(result, expected)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.signbit(result[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_stay_numbers_and_shapes_stay_shapes(name):
    function = FUNCTIONS[name]
    for number, dtype in [(np.float32(0.7), np.float32), (np.float64(0.7), np.float64), (0.7, np.float64)]:
        result = function(number)
        assert type(result) is dtype
        assert result == function(np.array([number]))[0]
    assert type(function(np.array(0.7))) is np.float64
    assert type(function(1)) is np.float64
    assert function(np.array([1, 2])).dtype == np.float64
    x = np.random.default_rng(3).uniform(-3, 3, (40, 50, 30))  # more than one piece
    turned = x.transpose(2, 0, 1)[::-1, ::2]
    result = function(turned)
    assert result.shape == turned.shape
    assert np.array_equal(result, function(x).transpose(2, 0, 1)[::-1, ::2])
    assert function(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_are_not_written_to(name):
    x = np.linspace(-9, 9, 50)
    kept = x.copy()
    FUNCTIONS[name](x)
    assert np.array_equal(x, kept)


def test_erf_never_leaves_its_range_and_is_odd():
    for dtype in (np.float32, np.float64):
        x = np.linspace(0, 8, 20001, dtype=dtype)
        assert np.max(special.erf(x)) == 1
        assert np.array_equal(special.erf(-x), -special.erf(x))


def test_other_types_are_refused():
    with pytest.raises(DTypeError, match="erf was asked for complex128, but is made for float16, float32 and float64"):
        special.erf(1j)
    with pytest.raises(DTypeError, match="lgamma was asked for <U1"):
        special.lgamma("x")
