"""Counter-based random numbers: the published words, independence of how they are asked for, and their distribution."""

import math

import numpy as np
import pytest
from scipy import stats

from localgrad.graph.errors import DTypeError, ShapeError
from localgrad.nodes import philox

ONES = 0xFFFFFFFF
# The three vectors the authors of Philox publish with their Random123 library: counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
FLOATS = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter, key, result):
    assert philox.block(counter, key) == result
    first_block = counter[0] | counter[1] << 32
    words = philox.bits(key[0] | key[1] << 32, counter[2] | counter[3] << 32, 4, start=4 * first_block)
    assert words.dtype == np.uint32
    assert tuple(words.tolist()) == result


def test_words_are_the_blocks_in_order():
    key, step = 0x0123456789ABCDEF, 0xFEDCBA9876543210
    words = philox.bits(key, step, 40)
    expected = [w for b in range(10) for w in philox.block((b, 0, 0x76543210, 0xFEDCBA98), (0x89ABCDEF, 0x01234567))]
    assert words.tolist() == expected


def test_words_go_on_past_the_32_bits_of_the_first_counter_word():
    start = 4 * ((1 << 32) - 1)
    words = philox.bits(1, 2, 8, start=start)
    assert words.tolist() == [*philox.block((ONES, 0, 2, 0), (1, 0)), *philox.block((0, 1, 2, 0), (1, 0))]


@pytest.mark.parametrize("start", [0, 1, 2, 3, 4, 16383, 16385])
@pytest.mark.parametrize("count", [0, 1, 3, 5, 20000])
def test_a_word_does_not_depend_on_the_piece_it_is_asked_in(start, count):
    assert np.array_equal(philox.bits(7, 9, 40000)[start : start + count], philox.bits(7, 9, count, start=start))


@pytest.mark.parametrize("draw", [philox.uniform, philox.normal])
@pytest.mark.parametrize("dtype", FLOATS)
def test_an_entry_does_not_depend_on_shape_or_pieces(draw, dtype):
    whole = draw(5, 6, 20001, dtype)
    assert whole.dtype == dtype
    assert np.array_equal(draw(5, 6, (3, 7), dtype).ravel(), whole[:21])
    assert draw(5, 6, (), dtype).shape == ()
    assert draw(5, 6, (), dtype) == whole[0]
    assert draw(5, 6, (0, 4), dtype).shape == (0, 4)
    for start, count in [(1, 1), (2, 3), (3, 18000), (16383, 5)]:
        assert np.array_equal(draw(5, 6, count, dtype, start=start), whole[start : start + count])


def test_integers_do_not_depend_on_shape():
    assert np.array_equal(philox.randint(5, 6, [3, 7], 0, 100).ravel(), philox.randint(5, 6, 21, 0, 100))


def test_key_and_step_both_matter_and_wrap_at_64_bits():
    base = philox.bits(1, 1, 64)
    for key, step in [(2, 1), (1, 2), (1 + (1 << 32), 1), (1, 1 + (1 << 32)), (1 - (1 << 63), 1)]:
        assert not np.any(philox.bits(key, step, 64) == base)
    assert np.array_equal(philox.bits(1 + (1 << 64), 1 - (1 << 64), 64), base)
    assert np.array_equal(philox.bits(np.int64(1), np.array(1), 64), base)


def test_uniform_takes_the_highest_bits_of_its_words():
    words = philox.bits(3, 4, 1000).astype(np.float64)
    assert np.array_equal(philox.uniform(3, 4, 1000, np.float32), np.floor(words / 2**8) / 2**24)
    assert np.array_equal(philox.uniform(3, 4, 1000, np.float16), np.floor(words / 2**21) / 2**11)
    integers = philox.bits(3, 4, 1000).tolist()
    wide = [((high << 32 | low) >> 11) / 2**53 for low, high in zip(integers[::2], integers[1::2], strict=True)]
    assert philox.uniform(3, 4, 500, np.float64).tolist() == wide


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_is_uniform_on_the_half_open_interval(dtype):
    values = philox.uniform(11, 0, 200_000, dtype).astype(np.float64)
    assert values.min() >= 0
    assert values.max() < 1
    values += 0.5**12 if dtype == np.float16 else 0  # the middle of each step of 2^-11
    assert stats.kstest(values, "uniform").pvalue > 0.01
    counts = np.bincount((values * 64).astype(int), minlength=64)
    assert stats.chisquare(counts).pvalue > 0.01


def test_each_bit_is_set_half_the_time():
    words = philox.bits(12, 0, 100_000)
    ones = np.array([int((words >> np.uint32(bit) & np.uint32(1)).sum()) for bit in range(32)])
    assert np.all(np.abs(ones - 50_000) < 4 * math.sqrt(25_000))


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_is_normal(dtype):
    values = philox.normal(13, 0, 200_000, dtype).astype(np.float64)
    assert np.all(np.isfinite(values))
    root = math.sqrt(len(values))
    # The bounds are four standard deviations of each moment.
    assert abs(values.mean()) < 4 / root
    assert abs(values.var() - 1) < 4 * math.sqrt(2) / root
    assert abs((values**3).mean()) < 4 * math.sqrt(15) / root
    assert abs((values**4).mean() - 3) < 4 * math.sqrt(96) / root
    if dtype != np.float16:
        assert stats.kstest(values, "norm").pvalue > 0.01


def test_the_two_coordinates_of_a_point_are_unrelated():
    first, second = philox.normal(14, 0, (100_000, 2), np.float64).T
    for left, right in [(first, second), (first**2, second**2), (abs(first), second), (first, abs(second))]:
        assert abs(np.corrcoef(left, right)[0, 1]) < 4 / math.sqrt(100_000)
    quadrants = np.bincount((first > 0) * 2 + (second > 0))
    assert stats.chisquare(quadrants).pvalue > 0.01


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 5e-7), (np.float64, 1e-15)])
def test_normal_is_the_formula_of_box_and_muller(dtype, tolerance):
    width = 32 if dtype == np.float32 else 64
    words = philox.bits(15, 3, 4000 if width == 64 else 2000).tolist()
    if width == 64:
        words = [low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)]
    expected = []
    for first, second in zip(words[::2], words[1::2], strict=True):
        radius = math.sqrt(-2 * math.log(max(first, 0.5) / 2**width))
        place = (second << 2) % 2**width  # two bits are the quadrant, the others are signed
        angle = math.pi / 4 * (1 + (place - 2**width * (place >> (width - 1))) / 2 ** (width - 1))
        signs = [-1 if second >> (width - 1) & 1 else 1, -1 if second >> (width - 2) & 1 else 1]
        expected += [signs[0] * radius * math.cos(angle), signs[1] * radius * math.sin(angle)]
    assert np.max(np.abs(philox.normal(15, 3, 2000, dtype) - expected)) < tolerance * 5


def test_normal_is_finite_for_the_extreme_words():
    for width, real, table in [(32, np.float32, philox._SINGLE), (64, np.float64, philox._DOUBLE)]:
        unsigned = np.uint32 if width == 32 else np.uint64
        most = 2**width - 1
        words = np.array([[a, b] for a in (0, 1, most) for b in (0, 1, most, 1 << (width - 3))], unsigned)
        points = np.empty((len(words), 2), real)
        philox._points(words.reshape(-1), points, table)
        radius = np.hypot(points[:, 0], points[:, 1])
        assert np.allclose(radius[:4], math.sqrt(2 * (width + 1) * math.log(2)))
        assert np.all(radius[8:] < 1e-3)


def test_integers_cover_their_range_evenly():
    values = philox.randint(16, 0, 60_000, -3, 3)
    assert values.dtype == np.int64
    assert stats.chisquare(np.bincount(values + 3)).pvalue > 0.01
    assert np.all(philox.randint(16, 0, 10, 5, 6) == 5)


def test_integers_are_the_high_part_of_a_product():
    for low, high in [(0, 10), (-(1 << 63), -(1 << 63) + (1 << 32)), ((1 << 63) - 1000, 1 << 63)]:
        words = philox.bits(17, 0, 200).tolist()
        wide = [a | b << 32 for a, b in zip(words[::2], words[1::2], strict=True)]
        expected = [low + (number * (high - low) >> 64) for number in wide]
        assert philox.randint(17, 0, 100, low, high).tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 2, 3, 64, 1000])
def test_a_permutation_has_every_number_once(n):
    order = philox.permutation(18, 0, n)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(n))


def test_permutations_are_equally_likely():
    codes = [tuple(philox.permutation(19, step, 3).tolist()) for step in range(3000)]
    counts = [codes.count(code) for code in sorted(set(codes))]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.01


def test_fold_separates_names_and_numbers():
    names = ["", "\0", "a", "b", "ab", "a\0", "network/dropout#1", "network/dropout#2", "层"]
    data = [*names, *range(-3, 40), 1 << 32, (1 << 32) + 1]
    keys = [philox.fold(20, entry) for entry in data]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 1 << 64 for key in keys)
    assert keys == [philox.fold(20, entry) for entry in data]
    assert not set(keys) & {philox.fold(21, entry) for entry in data}


def test_fold_is_pinned():
    # Checkpoints rely on these: a changed value is a changed training run.
    assert philox.fold(0, "dropout") == 5735175876560855991
    assert philox.fold(0, 0) == 5854828442007243983


def test_a_folded_key_draws_unrelated_words():
    first, second = philox.uniform(22, 0, 50_000), philox.uniform(philox.fold(22, "dropout"), 0, 50_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / math.sqrt(50_000)


def test_words_of_consecutive_steps_and_keys_are_unrelated():
    draws = [philox.uniform(key, step, 20_000) for key in (0, 1) for step in (0, 1)]
    correlation = np.corrcoef(draws)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlation) < 4 / math.sqrt(20_000))


def test_what_is_refused_and_why():
    with pytest.raises(DTypeError, match="uniform was asked for int64, but draws float16, float32 and float64"):
        philox.uniform(0, 0, 3, np.int64)
    with pytest.raises(DTypeError, match="normal was asked for complex64"):
        philox.normal(0, 0, 3, np.complex64)
    with pytest.raises(ShapeError, match=r"uniform was asked for the shape \(2, -1\)"):
        philox.uniform(0, 0, (2, -1))
    with pytest.raises(ShapeError, match="count=-1"):
        philox.bits(0, 0, -1)
    for low, high in [(3, 3), (4, 3), (0, (1 << 32) + 1), (0, 1 << 64), ((1 << 63) - 1, (1 << 63) + 1)]:
        with pytest.raises(ValueError, match=f"integers from {low} to below {high}, but it draws"):
            philox.randint(0, 0, 3, low, high)
    with pytest.raises(TypeError):
        philox.bits(0.5, 0, 3)
