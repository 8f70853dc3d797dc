"""Attention in plans: opened into products and a softmax, with the values and gradients of the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.models import GPT
from localgrad.transform.attending import open_attention
from tests.compiled import training_step

SHAPES = [((2, 3, 5, 4), (2, 3, 5, 4), 6), ((1, 1), (7, 1), 1), ((3, 8, 4), (3, 5, 4), 4), ((13, 2), (3, 2), 5)]


def arrays(queries: tuple[int, ...], keys: tuple[int, ...], columns: int, dtype: Any) -> list[Any]:
    random = np.random.default_rng(3)
    return [random.normal(size=shape).astype(dtype) for shape in (queries, keys, (*keys[:-1], columns))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shapes", SHAPES)
def test_values_and_gradients_are_those_of_the_interpreter(shapes: Any, causal: bool, dtype: Any) -> None:
    given = arrays(*shapes, dtype)

    def f(q: Any, k: Any, v: Any) -> Any:
        y, weights = lg.scaled_dot_product_attention(q, k, v, causal=causal, return_weights=True)
        loss = lg.sum(lg.sin(y)) + lg.sum(weights**2)
        return y, weights, lg.gradients(loss, [q, k, v])

    tensors = [lg.tensor(x, requires_grad=True) for x in given]
    y, weights, gradients = f(*tensors)
    compiled = lg.compile(f)(*given)
    close = {"rtol": 2e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
    for found, wanted in zip([*compiled[:2], *compiled[2]], [y, weights, *gradients], strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), **close)


def test_the_second_order_is_the_same() -> None:
    given = arrays((2, 4, 3), (2, 4, 3), 2, np.float64)

    def f(q: Any, k: Any, v: Any) -> Any:
        first = lg.gradients(lg.sum(lg.scaled_dot_product_attention(q, k, v, causal=True) ** 2), [q, k, v])
        return lg.gradients(sum(lg.sum(lg.sin(each)) for each in first), [q, k, v])

    wanted = f(*(lg.tensor(x, requires_grad=True) for x in given))
    for found, each in zip(lg.compile(f)(*given), wanted, strict=True):
        np.testing.assert_allclose(found.numpy(), each.numpy(), rtol=1e-9, atol=1e-11)


def test_the_pass_alone_keeps_names_and_values() -> None:
    def f(q: Any, k: Any, v: Any) -> Any:
        return lg.scaled_dot_product_attention(q, k, v, causal=True, scale=0.25)

    given = arrays((2, 4, 3), (2, 4, 3), 2, np.float64)
    graph = lg.capture(f, *given)
    opened = open_attention(graph)
    assert "Attention" not in {node.kind.name for node in opened.nodes}
    assert [opened.name_of(x) for x in opened.outputs] == [graph.name_of(x) for x in graph.outputs]
    for name, value in graph.run(given).items():
        np.testing.assert_allclose(opened.run(given)[name], value, rtol=1e-13)


def test_attention_with_a_mask_or_of_unknown_extents_stays_one_node() -> None:
    def masked(q: Any) -> Any:
        return lg.scaled_dot_product_attention(q, q, q, np.eye(3, dtype=bool))

    for graph in (
        lg.capture(masked, lg.spec(3, 2)),
        lg.capture(lambda q: lg.scaled_dot_product_attention(q, q, q), lg.spec("N", 3, 2)),
    ):
        assert "Attention" in {node.kind.name for node in open_attention(graph).nodes}


def test_a_value_that_no_query_sees_may_be_nan() -> None:
    q, k, v = arrays((3, 2), (3, 2), 2, np.float32)
    k[2] = np.nan
    y = lg.compile(lambda q, k, v: lg.scaled_dot_product_attention(q, k, v, causal=True))(q, k, v).numpy()
    assert np.isfinite(y[:2]).all()
    assert np.isnan(y[2]).all()


def test_training_a_gpt_compiled_is_training_it() -> None:
    tokens = np.random.default_rng(0).integers(0, 11, (2, 9))
    losses = []
    for compiled in (False, True):
        model = GPT(vocabulary=11, context=8, layers=2, heads=2, width=8, dtype=np.float64, seed=1)
        optimizer = lg.AdamW(1e-2)
        step = training_step(model, optimizer)
        run = lg.compile(step) if compiled else step
        losses.append([run(tokens[:, :-1], tokens[:, 1:]).item() for _ in range(5)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)
    assert losses[0][-1] < losses[0][0]
