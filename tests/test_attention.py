"""Attention, positions and transformer blocks against plain NumPy; masks, rows without keys, scopes and opening."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.warning import forget_warnings
from localgrad.layers import (
    FeedForward,
    GroupNormalization,
    InstanceNormalization,
    LearnedPositions,
    MultiHeadAttention,
    RMSNormalization,
    RotaryPositions,
    SinusoidalPositions,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from tests.told import told

random = np.random.default_rng(3)


def draw(*shape):
    return random.standard_normal(shape)


# in plain NumPy -----------------------------------------------------------------------------------------------------
def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def heads_of(layer, x, seen, mask=None, turn=lambda x: x):
    """Multi-head attention, head by head; gives the result and the weights."""

    def affine(part, x):
        return x @ part.W.data + (0 if part.b is None else part.b.data)

    q, k, v = affine(layer.query, x), affine(layer.key, seen), affine(layer.value, seen)
    width = q.shape[-1] // layer.heads
    outputs, weights = [], []
    for head in range(layer.heads):
        part = slice(head * width, (head + 1) * width)
        scores = turn(q[..., part]) @ turn(k[..., part]).swapaxes(1, 2) / np.sqrt(width)
        if mask is not None:
            scores = np.where(mask, scores, -1e30)
        if layer.causal:
            scores = np.where(np.tri(*scores.shape[1:], dtype=bool), scores, -1e30)
        weights.append(softmax(scores))
        outputs.append(weights[-1] @ v[..., part])
    return affine(layer.output, np.concatenate(outputs, axis=-1)), np.stack(weights, axis=1)


def normalized(layer, x):
    y = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + layer.epsilon)
    return y * layer.gamma.data + (0 if layer.beta is None else layer.beta.data)


def network(layer, x):
    return np.maximum(x @ layer.expand.W.data + layer.expand.b.data, 0) @ layer.contract.W.data + layer.contract.b.data


def shaken(layer, seed=0):
    """A layer whose biases and scales are not 0 and 1, so that none can be forgotten unseen."""
    generator = np.random.default_rng(seed)
    for array in layer.params:
        array += 0.3 * generator.standard_normal(array.shape)
    return layer


def attention_layer(**options):
    return shaken(MultiHeadAttention.create(6, 2, seed=1, dtype=np.float64, **options))


# the function -------------------------------------------------------------------------------------------------------
def test_masks_of_two_kinds_and_causal_are_taken_together():
    q, k, v = draw(4, 3), draw(4, 3), draw(4, 2)
    allowed = random.random((4, 4)) < 0.7
    allowed[:, 0] = True
    both = lg.scaled_dot_product_attention(q, k, v, mask=allowed, causal=True)
    added = lg.scaled_dot_product_attention(q, k, v, mask=np.where(allowed & np.tri(4, dtype=bool), 0.0, -np.inf))
    np.testing.assert_allclose(both.data, added.data, rtol=1e-12)
    scores = np.where(allowed & np.tri(4, dtype=bool), q @ k.T / np.sqrt(3), -1e30)
    np.testing.assert_allclose(both.data, softmax(scores) @ v, rtol=1e-12)


@pytest.mark.parametrize("added", [False, True])
def test_a_query_without_keys_gives_zeros_and_sends_none_back(added):
    mask = np.array([[True, False], [False, False]])
    if added:
        mask = np.where(mask, 0.0, -np.inf)
    q, k, v = (lg.tensor(draw(2, 3), requires_grad=True) for _ in range(3))
    y = lg.scaled_dot_product_attention(q, k, v, mask=mask)
    np.testing.assert_array_equal(y.data[1], 0)
    np.testing.assert_allclose(y.data[0], v.data[0])
    (y * y).sum().backward()
    assert all(np.isfinite(x.grad).all() for x in (q, k, v))
    np.testing.assert_array_equal(q.grad[1], 0)
    np.testing.assert_array_equal(k.grad[1], 0)
    hessian = lg.hessian(lambda q: (lg.scaled_dot_product_attention(q, k, v, mask=mask) ** 2).sum())(q.data)
    assert np.isfinite(hessian).all()


def test_what_is_masked_cannot_leak():
    q, k, v = draw(3, 2), draw(3, 2), draw(3, 2)
    first = lg.scaled_dot_product_attention(q, k, v, causal=True).data
    k[2], v[2] = 1e6, -1e6
    np.testing.assert_array_equal(lg.scaled_dot_product_attention(q, k, v, causal=True).data[:2], first[:2])
    k[2] = np.nan
    np.testing.assert_allclose(lg.scaled_dot_product_attention(q, k, v, causal=True).data[:2], first[:2], rtol=1e-12)


def test_large_scores_do_not_overflow():
    q = lg.tensor(np.full((1, 2), 1e3, np.float32), requires_grad=True)
    y, weights = lg.scaled_dot_product_attention(q, [[1e3, 1e3], [0.0, 0.0]], [[1.0], [2.0]], return_weights=True)
    assert y.item() == 1.0
    np.testing.assert_array_equal(weights.data, [[1, 0]])
    y.sum().backward()
    np.testing.assert_array_equal(q.grad, [[0, 0]])


def test_gradients_of_everything_to_second_order_also_through_the_weights():
    def f(q, k, v, bias):
        y, weights = lg.scaled_dot_product_attention(q, k, v, mask=bias, causal=True, scale=0.7, return_weights=True)
        return (y * y).sum() + (weights**3).sum()

    inputs = draw(2, 2, 3, 2), draw(1, 3, 2), draw(2, 1, 3, 2), draw(3, 3)
    lg.check_gradients(f, *inputs)
    lg.check_gradients(f, *inputs, order=2)


def test_dtypes_come_together_and_python_numbers_are_float32():
    y = lg.scaled_dot_product_attention([[1, 0]], [[1, 0]], [[3, 4]])
    assert y.dtype == np.float32
    assert lg.scaled_dot_product_attention(draw(2, 2), draw(3, 2), draw(3, 2), mask=[[True] * 3]).dtype == np.float64


# multi-head attention -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_self_attention_is_what_numpy_computes_head_by_head(causal, bias):
    layer, x = attention_layer(causal=causal, bias=bias), draw(2, 5, 6)
    wanted, weights = heads_of(layer, x, x)
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-10)
    y, found = layer(lg.tensor(x), return_weights=True)
    np.testing.assert_allclose(found.data, weights, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-10)
    assert len(layer.params) == (8 if bias else 4)


def test_cross_attention_looks_at_a_context_of_another_length_and_width():
    layer, x, context = attention_layer(context_width=4), draw(2, 3, 6), draw(2, 5, 4)
    np.testing.assert_allclose(layer.forward(x, context), heads_of(layer, x, context)[0], rtol=1e-10)
    dx, dcontext = layer.backward(np.ones((2, 3, 6)))
    assert (dx.shape, dcontext.shape) == (x.shape, context.shape)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_masks_of_each_rank(rank):
    layer, x = attention_layer(), draw(2, 4, 6)
    mask = random.random((2, 4, 4)) < 0.6
    mask[..., 0] = True
    given = {2: mask[0], 3: mask, 4: mask[:, None]}[rank]
    wanted = heads_of(layer, x, x, mask[0] if rank == 2 else mask)[0]
    np.testing.assert_allclose(layer(x, None, given).data, wanted, rtol=1e-10)
    np.testing.assert_allclose(layer(x, None, lg.tensor(given)).data, wanted, rtol=1e-10)


def test_padding_is_not_seen():
    layer, x = attention_layer(), draw(1, 4, 6)
    padding = np.array([[[True, True, True, False]]])
    before = layer(x, None, padding).data
    x[:, 3] = 100.0
    np.testing.assert_array_equal(layer(x, None, padding).data[:, :3], before[:, :3])


def test_dropout_is_on_the_weights_and_only_in_training():
    layer, x = attention_layer(dropout=0.5), draw(1, 8, 6)
    wanted, weights = heads_of(layer, x, x)
    layer.eval()
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-10)
    layer.train()
    y, found = layer(x, return_weights=True)
    np.testing.assert_allclose(found.data, weights, rtol=1e-10)
    assert not np.allclose(y.data, wanted)
    kinds = [node.kind.name for node in layer.graph(lg.spec("N", "T", 6, dtype=np.float64)).nodes]
    assert "Dropout" in kinds
    assert "Attention" not in kinds


def test_gradients_of_every_weight_are_differences():
    layer = shaken(MultiHeadAttention.create(4, 2, seed=1, causal=True, positions=RotaryPositions(2), dtype=np.float64))
    x, outer = draw(1, 4, 3), draw(3, 4)

    def f(*weights):
        for leaf, w in zip((layer.query, layer.key, layer.value, layer.output), weights):
            leaf.__dict__["W"] = w
        return (layer(lg.tensor(x) @ outer) ** 2).sum()

    lg.check_gradients(f, *(part.W.data for part in (layer.query, layer.key, layer.value, layer.output)))


def test_it_opens_and_shows_its_scopes():
    layer = attention_layer(causal=True)
    graph = layer.graph(lg.spec("N", "T", 6, dtype=np.float64))
    assert [node.scope for node in graph.nodes if node.kind.name == "MatMul"] == ["query", "key", "value", "output"]
    opened = graph.expand()
    assert "Attention" not in {node.kind.name for node in opened.nodes}
    assert {"Softmax", "Trilu"} <= {node.kind.name for node in graph.expand(depth=2).nodes} | {
        node.kind.name for node in opened.nodes
    }
    for places in (3, 5):
        x = draw(2, places, 6)
        wanted = heads_of(layer, x, x)[0]
        for each in (graph, opened, graph.explicit()):
            (y,) = each.run([x]).values()
            np.testing.assert_allclose(y, wanted, rtol=1e-10)
    gradient = graph.gradient()
    found = gradient.run([draw(2, 3, 6), np.ones((2, 3, 6))])
    assert all(np.isfinite(value).all() for value in found.values())


def test_what_does_not_fit_is_refused():
    with pytest.raises(lg.ShapeError, match="4 heads of together 6"):
        MultiHeadAttention.create(6, 4)
    layer = attention_layer()
    with pytest.raises(lg.ShapeError, match="give \\(N, T, width\\)"):
        layer.forward(draw(3, 6))
    with pytest.raises(lg.ShapeError, match="takes 6 inputs"):
        layer.forward(draw(1, 3, 5))
    with pytest.raises(lg.ShapeError, match="mask"):
        layer(draw(1, 3, 6), None, np.ones((3, 4), bool))


def test_masks_of_integers_and_of_zeros_and_ones_are_explained():
    x = draw(2, 3, 6)
    layer = attention_layer()
    for call in (
        lambda: lg.scaled_dot_product_attention(x, x, x, mask=np.ones((3, 3), int)),
        lambda: layer(x, None, np.ones((3, 3), int)),
    ):
        text = told(lg.DTypeError, call, "of int64", "do: convert with .astype(bool); True lets a key be seen")
        assert "float32)" not in text.split("where:")[0]
    for mask in (np.tri(3), lg.tensor(np.tri(3))):
        forget_warnings()
        with pytest.warns(lg.LocalgradWarning, match=r"added to the scores(.|\n)*mask.astype\(bool\)"):
            lg.scaled_dot_product_attention(x, x, x, mask=mask)
        with pytest.warns(lg.LocalgradWarning, match="holds only 0 and 1"):
            layer(x, None, mask)
    for fine in (np.zeros((3, 3)), np.tri(3) * 0.5, np.where(np.tri(3) > 0, 0.0, -np.inf), np.tri(3, dtype=bool)):
        lg.scaled_dot_product_attention(x, x, x, mask=fine)


def test_batches_that_differ_are_named():
    x, other = draw(2, 3, 6), draw(3, 3, 6)
    attend = lg.scaled_dot_product_attention
    told(lg.ShapeError, lambda: attend(x, other, other), "queries input 0 of shape (2, 3, 6) and keys input 1", "do: ")
    told(lg.ShapeError, lambda: attend(x, x, other), "values input 2 of shape (3, 3, 6)", "(2,) and (3,)", "do: ")
    told(lg.ShapeError, lambda: attention_layer()(x, other), "queries", "keys", "same batch")


def test_a_mask_of_padding_is_told_its_axis():
    x, mask = draw(2, 3, 6), np.array([[True, True, False], [True] * 3])
    layer = attention_layer()
    told(lg.ShapeError, lambda: layer(x, None, mask), "(N, 1, S)", "mask[:, None, :]", "shape (2, 3)")
    layer(x, None, mask[:, None, :])
    told(lg.ShapeError, lambda: layer(x, None, np.ones((4, 4), bool)), "give (T, S), (N, T, S) or (N, 1, S)")
    told(lg.ShapeError, lambda: lg.scaled_dot_product_attention(x, x, x, mask=mask), "mask[:, None, :]")


# positions ----------------------------------------------------------------------------------------------------------
def test_sinusoidal_positions_are_those_of_the_paper():
    y = SinusoidalPositions(5, length=9).forward(np.zeros((2, 7, 5)))
    for place in range(7):
        for entry in range(5):
            angle = place / 10000 ** (2 * (entry // 2) / 5)
            assert y[1, place, entry] == pytest.approx(np.cos(angle) if entry % 2 else np.sin(angle), abs=1e-12)


def test_rotary_positions_make_products_depend_on_the_distance_alone():
    layer = RotaryPositions(4, length=16)
    q, k = draw(4), draw(4)
    turned_q = layer.forward(np.broadcast_to(q, (16, 4)))
    turned_k = layer.forward(np.broadcast_to(k, (16, 4)))
    products = turned_q @ turned_k.T
    for distance in range(-5, 6):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(turned_q, axis=-1), np.linalg.norm(q))
    assert not np.allclose(products[0, 0], products[0, 3])


def test_attention_with_rotary_positions():
    positions = RotaryPositions(3 - 1, length=8)
    layer, x = shaken(MultiHeadAttention.create(4, 2, seed=2, positions=positions, dtype=np.float64)), draw(2, 5, 4)
    wanted = heads_of(layer, x, x, turn=positions.forward)[0]
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-10)


@pytest.mark.parametrize(
    "layer", [SinusoidalPositions(4, length=6), LearnedPositions.create(6, 4, seed=0), RotaryPositions(4, length=6)]
)
def test_positions_know_their_length_and_keep_the_dtype(layer):
    y = layer.forward(np.ones((2, 3, 4), np.float32))
    assert (y.dtype, y.shape) == (np.float32, (2, 3, 4))
    graph = layer.graph(lg.spec("N", "T", 4))
    for places in (2, 6):
        x = draw(2, places, 4).astype(np.float32)
        (found,) = graph.run([x]).values()
        np.testing.assert_allclose(found, layer.forward(x), rtol=1e-6)
    with pytest.raises(lg.ShapeError, match="7 places"):
        layer.forward(np.ones((7, 4), np.float32))
    with pytest.raises(lg.ShapeError, match="places of width 4"):
        layer.forward(np.ones((3, 5), np.float32))


def test_learned_positions_learn():
    layer = LearnedPositions(np.zeros((4, 2)))
    layer.forward(draw(3, 2, 2))
    layer.backward(np.ones((3, 2, 2)))
    np.testing.assert_array_equal(layer.grads[0], [[3, 3], [3, 3], [0, 0], [0, 0]])


# blocks -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("norm_first", [True, False])
def test_an_encoder_block_is_what_numpy_computes(norm_first):
    block = TransformerEncoderBlock.create(
        6, 2, hidden=7, seed=0, activation="relu", norm_first=norm_first, dtype=np.float64
    )
    x = draw(2, 4, 6)
    shaken(block)
    one, two = block.attention_norm, block.feedforward_norm
    if norm_first:
        inner = normalized(one, x)
        wanted = x + heads_of(block.attention, inner, inner)[0]
        wanted = wanted + network(block.feedforward, normalized(two, wanted))
    else:
        wanted = normalized(one, x + heads_of(block.attention, x, x)[0])
        wanted = normalized(two, wanted + network(block.feedforward, wanted))
    np.testing.assert_allclose(block.forward(x), wanted, rtol=1e-9)
    assert block.backward(np.ones_like(x)).shape == x.shape
    y, weights = block(x, return_weights=True)
    assert (y.shape, weights.shape) == ((2, 4, 6), (2, 2, 4, 4))


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_decoder_block_is_what_numpy_computes(norm_first):
    block = TransformerDecoderBlock.create(
        6, 2, hidden=7, seed=0, activation="relu", norm_first=norm_first, dtype=np.float64, context_width=3
    )
    x, context = draw(2, 4, 6), draw(2, 5, 3)
    mask = np.array([[[True, True, True, False, False]], [[True] * 5]])
    shaken(block)
    norms = block.attention_norm, block.cross_norm, block.feedforward_norm
    parts = [
        lambda x: heads_of(block.attention, x, x)[0],
        lambda x: heads_of(block.cross, x, context, mask)[0],
        lambda x: network(block.feedforward, x),
    ]
    wanted = x
    for norm, part in zip(norms, parts):
        wanted = wanted + part(normalized(norm, wanted)) if norm_first else normalized(norm, wanted + part(wanted))
    assert block.attention.causal
    np.testing.assert_allclose(block(x, context, None, mask).data, wanted, rtol=1e-9)
    _, own, across = block(x, context, context_mask=mask, return_weights=True)
    assert (own.shape, across.shape) == ((2, 2, 4, 4), (2, 2, 4, 5))
    assert not across.data[0, ..., 3:].any()
    with pytest.raises(lg.LocalgradError, match="no context"):
        block(x, None)


def test_blocks_open_with_their_scopes_and_named_extents():
    block = TransformerDecoderBlock.create(4, 2, seed=0)
    graph = block.graph(lg.spec("N", "T", 4), lg.spec("N", "S", 4))
    scopes = {node.scope for node in graph.nodes}
    assert {"attention/query", "cross/key", "feedforward/expand", "feedforward_norm"} <= scopes
    x, context = draw(2, 3, 4).astype(np.float32), draw(2, 5, 4).astype(np.float32)
    (y,) = graph.run([x, context]).values()
    np.testing.assert_allclose(y, block.forward(x, context), rtol=1e-5, atol=1e-6)
    (opened,) = graph.expand().run([x, context]).values()
    np.testing.assert_allclose(opened, y, rtol=1e-4, atol=1e-5)


def test_dropout_of_a_block_is_drawn_apart_for_each_part_and_ends_in_evaluation():
    block = TransformerEncoderBlock.create(4, 2, seed=0, dropout=0.3)
    x = draw(2, 3, 4).astype(np.float32)
    assert not np.array_equal(block.forward(x), block.forward(x))
    block.eval()
    np.testing.assert_array_equal(block.forward(x), block.forward(x))
    nodes = block.train().graph(lg.spec("N", "T", 4)).nodes
    drawn = [(node.inputs[1].name, node.kind.stream) for node in nodes if node.kind.name == "Dropout"]
    assert len(drawn) == len(set(drawn)) == 3


def test_a_block_is_checked_to_second_order():
    block = shaken(TransformerEncoderBlock.create(4, 2, hidden=3, seed=0, causal=True, dtype=np.float64))
    lg.check_gradients(lambda x: (block(x) ** 2).sum(), draw(1, 3, 4), order=2)


def test_the_network_of_a_block_takes_any_activation():
    x = draw(1, 2, 4)
    outcomes = [
        FeedForward.create(4, 3, seed=0, activation=name, dtype=np.float64).forward(x) for name in ("gelu", "relu")
    ]
    assert not np.allclose(*outcomes)
    with pytest.raises(lg.NameLookupError, match="relu"):
        FeedForward.create(4, activation="rellu")


# normalizations -----------------------------------------------------------------------------------------------------
def test_group_and_instance_normalization_have_mean_0_and_variance_1_in_each_group():
    x = (draw(2, 6, 3, 3) * 4 + 7).astype(np.float32)
    y = GroupNormalization.create(2, 6).forward(x).reshape(2, 2, -1)
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=-1), 1, atol=1e-4)
    y = InstanceNormalization().forward(x).reshape(2, 6, -1)
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=-1), 1, atol=1e-4)
    one = GroupNormalization.create(6, 6).forward(x)
    np.testing.assert_allclose(one, InstanceNormalization.create(6).forward(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [GroupNormalization.create(2, 4, dtype=np.float64), InstanceNormalization.create(4, dtype=np.float64)]
)
def test_gamma_and_beta_of_channels_learn(layer):
    x, dout = draw(2, 4, 3), draw(2, 4, 3)
    layer.forward(x)
    layer.backward(dout)
    np.testing.assert_allclose(layer.grads[1], dout.sum(axis=(0, 2)))
    np.testing.assert_allclose(layer.grads[0], (dout * layer.forward(x)).sum(axis=(0, 2)))


def test_root_mean_square_normalization_has_length_1_in_the_mean():
    layer = RMSNormalization.create((3, 4), epsilon=0.0, dtype=np.float64)
    y = layer.forward(draw(5, 3, 4) + 2)
    np.testing.assert_allclose(np.mean(y**2, axis=(1, 2)), 1)
    assert layer.parameters()["gamma"].shape == (3, 4)
