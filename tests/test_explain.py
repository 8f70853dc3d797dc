"""Node cards: what they say, in numbers that can be checked by hand."""

import numpy as np

import localgrad as lg


def lines_of(node):
    return [line.strip() for line in str(node.explain()).splitlines()]


def test_a_card_puts_the_first_entry_into_the_rule():
    x = lg.tensor([0.0, 1.0], name="x", requires_grad=True)
    y = lg.sigmoid(x)
    (3 * y).sum().backward()
    lines = lines_of(y.node)
    assert "local derivative: [0.25  , 0.1966]" in lines
    assert "gradient: [0.75  , 0.5898]" in lines
    assert "with numbers: gradient of x = 3 * (0.5 * (1 - 0.5)) = 0.75 (entry (0,))" in lines


def test_a_broadcast_input_has_a_sum_and_no_derivative_for_each_entry():
    h = lg.tensor(np.ones((2, 3), np.float32), name="h", requires_grad=True)
    b = lg.parameter([0.5, 1.0, 2.0], name="b")
    y = h * b
    y.sum().backward()
    card = y.node.explain()
    first, second = card.inputs
    assert first.vjp == "grad * b"
    assert np.array_equal(first.local, [[0.5, 1.0, 2.0]] * 2)
    assert second.vjp == "grad * a, summed over the copies"
    assert second.local is None
    assert np.array_equal(second.gradient, [2.0, 2.0, 2.0])


def test_each_reader_of_a_value_is_listed_with_what_it_sent_back():
    v = lg.tensor([0.5], name="v", requires_grad=True)
    u = v * 2.0
    y = (u * u + u).sum()
    y.backward()
    assert [(name, part.tolist()) for name, part in u.node.explain().consumers] == [
        ("Mul#2", [1.0]),
        ("Mul#2", [1.0]),
        ("Add#1", [1.0]),
    ]
