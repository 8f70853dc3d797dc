"""A GPT and a decoder block judged by PyTorch: loss and gradients from the same values.

The arrays in data/gpt.npz were made by PyTorch (see `origin` in it, and torch/make_gpt.py, which writes it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.layers import TransformerDecoderBlock
from localgrad.models import GPT

FILE = Path(__file__).parent / "data" / "gpt.npz"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    with np.load(FILE) as file:
        return dict(file)


def part(made: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in made.items() if name.startswith(prefix)}


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


def network(made: dict[str, Any]) -> GPT:
    model = GPT(vocabulary=7, context=6, layers=2, heads=2, width=8, dtype=np.float64)
    model.load_values(part(made, "value/"))
    return model


def test_where_the_arrays_come_from(made: dict[str, Any]) -> None:
    assert str(made["origin"]).startswith("PyTorch 2.")


def test_a_gpt_has_pytorchs_scores_loss_and_gradients(made: dict[str, Any]) -> None:
    model, tokens = network(made), made["tokens"]
    logits = model(tokens[:, :-1])
    loss = lg.softmax_cross_entropy(logits, tokens[:, 1:])
    loss.backward()
    near(logits.data, made["logits"])
    near(loss.data, made["loss"])
    wanted = part(made, "gradient/")
    assert set(wanted) == set(model.parameters())
    for name, leaf in model.parameters().items():
        near(leaf.grad, wanted[name])


def test_its_gradient_as_a_graph_and_opened_is_pytorchs_too(made: dict[str, Any]) -> None:
    model, tokens = network(made), made["tokens"]

    def loss(x: Any, t: Any) -> Any:
        return lg.softmax_cross_entropy(model(x), t)

    graph = lg.capture(loss, lg.spec("N", "T", dtype=np.int64), lg.spec("N", "T", dtype=np.int64))
    for each in (graph.gradient(), graph.expand().gradient(), graph.gradient().explicit()):
        found = each.run([tokens[:, :-1], tokens[:, 1:]])
        for name, value in part(made, "gradient/").items():
            near(found[f"grad/{name}"], value)


def test_a_decoder_block_normalized_after_each_part_is_pytorchs(made: dict[str, Any]) -> None:
    made = part(made, "decoder/")
    block = TransformerDecoderBlock.create(8, 2, norm_first=False, dtype=np.float64)
    block.load_values(part(made, "value/"))
    x, context = (lg.tensor(made[name], requires_grad=True) for name in ("x", "context"))
    y = block(x, context, context_mask=made["seen"][:, None])
    near(y.data, made["y"])
    (y * made["weights"]).sum().backward()
    near(x.grad, made["gradient of x"])
    near(context.grad, made["gradient of context"])
    for name, leaf in block.parameters().items():
        near(leaf.grad, made[f"gradient/{name}"])
