"""Layers inside graphs: scopes and names, parameters they are given, modes and states, first values."""

import threading

import numpy as np
import pytest

from localgrad.graph.capturing import capture
from localgrad.graph.context import no_grad, scope
from localgrad.graph.errors import DataError, DTypeError, LocalgradError, LocalgradWarning, NameLookupError, ShapeError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter, tensor
from localgrad.graph.warning import forget_warnings
from localgrad.layers import (
    Affine,
    BatchNormalization,
    Branch,
    Dropout,
    Elu,
    Embedding,
    Flatten,
    Gelu,
    Identity,
    Layer,
    LayerNormalization,
    LeakyRelu,
    MatMul,
    Model,
    Relu,
    Repeat,
    Sequential,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)
from localgrad.layers import initialization as init
from localgrad.layers.activations import activation_named
from localgrad.layers.mode import fitting
from localgrad.nodes import activations, random, softmax, trigonometric


def ones(*shape):
    return np.ones(shape, np.float32)


# scopes and names ---------------------------------------------------------------------------------------------------
def test_a_layer_by_itself_has_its_class_for_a_scope_and_the_smallest_free_number():
    class Lonely(Affine):
        pass

    first, second = Lonely.create(2, 2), Lonely.create(2, 2)
    y = second(first(tensor(ones(1, 2))))
    assert y.node.scope == "lonely2"
    assert y.name == "lonely2/Add#1"
    assert [first.W.name, first.b.name, second.W.name] == ["lonely1/W", "lonely1/b", "lonely2/W"]
    del first, second, y
    third = Lonely.create(2, 2)
    third(ones(1, 2))
    assert third.name == "lonely1"


def test_a_given_name_is_the_scope():
    layer = Affine.create(2, 2)
    layer.name = "head"
    assert layer(ones(1, 2)).node.scope == "head"
    assert layer.W.name == "head/W"
    with pytest.raises(LocalgradError, match="non-empty string"):
        layer.name = ""


def test_scopes_nest_below_the_users_own():
    layer = Sigmoid()
    layer.name = "squash"
    for _ in range(2):
        with scope("outer"):
            assert layer(ones(2)).node.scope == "outer/squash"
        assert layer(ones(2)).node.scope == "squash"


def test_a_scope_ends_where_the_call_ends_also_by_an_error():
    class Fails(Layer):
        def call(self, x):
            raise KeyError("no")

    with pytest.raises(KeyError):
        Fails()(ones(2))
    assert (tensor([1.0]) * 2).node.scope == ""


def test_the_source_line_of_a_node_is_the_users():
    class Mine(Layer):
        def call(self, x):
            return x * 2  # this line

    assert Mine()(tensor([1.0])).node.source.text == "return x * 2  # this line"
    y = Sigmoid()(tensor([1.0]))  # that line
    assert y.node.source.text.endswith("# that line")


def test_an_error_names_the_layer():
    model = Sequential(Affine.create(4, 3), Affine.create(4, 2))
    with pytest.raises(ShapeError, match="in layer 1") as raised:
        model(ones(2, 4))
    assert "inner sizes differ: 3" in str(raised.value)


def test_no_scope_is_shared_between_threads():
    layer, names = Sigmoid(), []
    layer.name = "shared"

    def work(label):
        for _ in range(50):
            with scope(label):
                names.append((label, layer(ones(1)).node.scope))

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 150
    assert all(found == f"{label}/shared" for label, found in names)


def test_an_input_is_called_after_the_argument_of_call():
    class Two(Layer):
        def call(self, image, mask):
            return image * mask

    graph = capture(Two(), spec("N", 3), spec("N", 3))
    assert [each.name for each in graph.inputs] == ["image", "mask"]
    assert [node.scope for node in graph.nodes] == ["two1"]


def test_arrays_and_lists_given_to_a_called_layer_become_inputs():
    layer = Affine.create(2, 1)
    y = layer([[1.0, 2.0]])
    assert y.dtype == np.float32
    assert [each.shape for each in y.graph.inputs] == [(1, 2)]
    assert np.array_equal(layer(ones(1, 2)).data, layer(tensor(ones(1, 2))).data)


def test_a_layer_without_call_says_what_to_write():
    class Empty(Layer):
        pass

    class Forward(Layer):
        def forward(self, x):
            return x

    with pytest.raises(NotImplementedError, match="def call"):
        Empty()(ones(1))
    with pytest.raises(NotImplementedError, match="books' protocol"):
        Forward()(ones(1))


def test_attributes_that_would_hide_methods_are_refused():
    class Book(Layer):
        def __init__(self, W):
            self.params = [W]

    with pytest.raises(LocalgradError, match="follows from the parameters") as raised:
        Book(ones(2))
    assert "self.W = lg.parameter(W)" in str(raised.value)

    class Hiding(Layer):
        def __init__(self):
            self.state = parameter(ones(2))

    with pytest.raises(LocalgradError, match="method of that name"):
        Hiding()


# the parameters a layer is given ------------------------------------------------------------------------------------
def test_a_parameter_is_taken_as_it_is_and_a_list_is_copied():
    W = parameter(ones(2, 2))
    assert MatMul(W).W is W
    assert MatMul([[1.0, 2.0]]).W.dtype == np.float32
    with pytest.raises(DTypeError):
        MatMul(np.array([[1, 2]]))


def test_a_computed_tensor_is_no_parameter():
    with pytest.raises(LocalgradError, match="a Mul node made it") as raised:
        MatMul(parameter(ones(2, 2)) * 2)
    assert "give the parameter itself" in str(raised.value)


def test_the_transpose_of_a_parameter_ties_and_trains_both():
    W = parameter(np.arange(6.0, dtype=np.float32).reshape(3, 2))
    layer = MatMul(W.T)
    assert layer.W is W
    assert layer.sizes == (2, 3)
    x = tensor(ones(4, 2))
    layer(x).sum().backward()
    assert np.array_equal(W.grad, np.full((3, 2), 4.0, np.float32))
    W.write(W.data * 2)
    assert np.array_equal(layer(x).data, ones(4, 2) @ W.data.T)


def test_a_transposed_affine():
    W = parameter(ones(3, 2))
    assert Affine(W.T, np.zeros(3, np.float32)).forward(ones(4, 2)).shape == (4, 3)
    with pytest.raises(ShapeError, match="3 outputs"):
        Affine(W.T, np.zeros(2, np.float32))


def test_sizes_are_checked_when_a_layer_is_made():
    with pytest.raises(ShapeError, match="W has 3 outputs"):
        Affine(ones(2, 3), ones(2))
    with pytest.raises(ShapeError, match="rank 1"):
        MatMul(ones(3))
    with pytest.raises(ShapeError, match="beta"):
        BatchNormalization(ones(3), ones(2))
    with pytest.raises(ShapeError, match="n=0"):
        Branch(0)
    with pytest.raises(DataError):
        Dropout(1.5)


def test_affine_without_a_bias():
    layer = Affine.create(3, 2, bias=False)
    assert list(layer.parameters()) == ["W"]
    assert np.array_equal(layer.forward(ones(1, 3)), ones(1, 3) @ layer.W.data)


# symbolic batches ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "layer, shape, dtype",
    [
        (Affine.create(6, 2, seed=0), ("N", 3, 2), "float32"),
        (Flatten(), ("N", 3, 2), "float32"),
        (MatMul(init.he((2, 4))), ("N", 3, 2), "float32"),
        (Repeat(4, axis=1), ("N", 1, 2), "float32"),
        (Softmax(), ("N", 5), "float32"),
        (Embedding.create(7, 2), ("N", 3), "int64"),
        (BatchNormalization.create(2), ("N", 2, 3), "float32"),
        (LayerNormalization.create((3, 2)), ("N", 3, 2), "float32"),
        (Dropout(0.5, seed=1), ("N", 4), "float32"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Layer) else "",
)
def test_a_captured_layer_runs_at_every_batch_size(layer, shape, dtype):
    layer.eval()
    graph = layer.graph(spec(*shape, dtype=dtype))
    for size in (1, 5):
        x = np.arange(size * np.prod(shape[1:])).reshape(size, *shape[1:]) % 7
        x = x.astype(dtype)
        (found,) = graph.run([x]).values()
        np.testing.assert_allclose(found, layer.forward(x), rtol=1e-6)


# activations --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "layer, function",
    [
        (Sigmoid(), activations.sigmoid),
        (Relu(), activations.relu),
        (LeakyRelu(0.2), lambda x: activations.leaky_relu(x, alpha=0.2)),
        (Elu(0.5), lambda x: activations.elu(x, alpha=0.5)),
        (Gelu(), activations.gelu),
        (Gelu("tanh"), lambda x: activations.gelu(x, approximate="tanh")),
        (Silu(), activations.silu),
        (Softplus(), activations.softplus),
        (Tanh(), lambda x: trigonometric.Tanh()(x)),
        (Softmax(axis=0), lambda x: softmax.softmax(x, axis=0)),
        (Identity(), lambda x: x * 1),
    ],
    ids=lambda each: repr(each) if isinstance(each, Layer) else "",
)
def test_an_activation_is_its_function(layer, function):
    x = tensor(np.linspace(-3, 3, 12).reshape(4, 3), requires_grad=True)
    y, expected = layer(x), function(x)
    assert np.array_equal(y.data, expected.data)
    assert not layer.parameters()


def test_activations_by_name():
    assert isinstance(activation_named("leaky_relu"), LeakyRelu)
    assert isinstance(activation_named("gelu"), Gelu)
    tanh = Tanh()
    assert activation_named(tanh) is tanh
    with pytest.raises(NameLookupError, match="did you mean"):
        activation_named("rellu")


# modes and states ---------------------------------------------------------------------------------------------------
def test_dropout_draws_from_a_state_of_its_own_that_moves_on():
    layer, same = Dropout(0.5, seed=4), Dropout(0.5, seed=4)
    x = ones(8, 8)
    first, second = layer.forward(x), layer.forward(x)
    assert not np.array_equal(first, second)
    assert layer.generator.data[1] == 2
    assert np.array_equal(same.forward(x), first)
    same.generator.write(np.array([4, 1]))
    assert np.array_equal(same.forward(x), second)


def test_dropouts_without_a_seed_follow_the_global_one():
    def draws():
        random.seed(11)
        return [Dropout(0.5).forward(ones(64)) for _ in range(2)]

    (a, b), (c, d) = draws(), draws()
    assert np.array_equal(a, c)
    assert np.array_equal(b, d)
    assert not np.array_equal(a, b)


def test_dropout_is_differentiable_on_tensors_after_its_state_moved():
    layer = Dropout(0.5, seed=0)
    x = tensor(ones(16), requires_grad=True)
    y = layer(x)
    layer(x)
    y.sum().backward()
    assert np.array_equal(x.grad, y.data)


def test_a_captured_dropout_moves_its_state_when_the_graph_runs():
    layer = Dropout(0.5, seed=0)
    graph = layer.graph(spec("N"))
    assert list(graph.updates) == ["generator"]
    assert layer.generator.data[1] == 0
    runs = [next(iter(graph.run([ones(32)]).values())) for _ in range(2)]
    assert layer.generator.data[1] == 2
    assert not np.array_equal(*runs)
    assert np.array_equal(runs[0], Dropout(0.5, seed=0).forward(ones(32)))


def test_the_mode_stands_on_the_node():
    for layer in (Dropout(0.5, seed=0), BatchNormalization.create(3)):
        training = layer.graph(spec("N", 3))
        layer.eval()
        evaluation = layer.graph(spec("N", 3))
        name = type(layer).__name__
        modes = [[n.kind.training for n in graph if n.kind.name == name] for graph in (training, evaluation)]
        assert modes == [[True], [False]]
        assert not evaluation.updates


def test_batch_normalization_in_a_graph_moves_its_statistics_as_eager_does():
    eager, captured = BatchNormalization.create(3), BatchNormalization.create(3)
    graph = captured.graph(spec("N", 3))
    assert list(graph.updates) == ["running_mean", "running_var"]
    for seed in (1, 2):
        x = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)
        (found,) = graph.run([x]).values()
        np.testing.assert_allclose(found, eager.forward(x), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(captured.running_mean.data, eager.running_mean.data, rtol=1e-5)
        np.testing.assert_allclose(captured.running_var.data, eager.running_var.data, rtol=1e-5)


def test_batch_normalization_used_twice_in_a_graph_moves_twice():
    class Twice(Layer):
        def __init__(self):
            self.norm = BatchNormalization.create(2, momentum=0.5)

        def call(self, a, b):
            return self.norm(a) + self.norm(b)

    eager, captured = Twice(), Twice()
    a, b = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32), np.array([[5.0, 2.0], [7.0, 0.0]], np.float32)
    eager.forward(a, b)
    captured.graph(spec("N", 2), spec("N", 2)).run([a, b])
    np.testing.assert_allclose(eager.norm.running_mean.data, [3.5, 1.5])
    np.testing.assert_allclose(captured.norm.running_mean.data, eager.norm.running_mean.data)


def test_batch_normalization_of_images_is_by_channel():
    layer = BatchNormalization.create(3)
    x = np.random.default_rng(0).normal(2.0, 3.0, size=(4, 3, 5, 5)).astype(np.float32)
    y = layer.forward(x)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * x.mean(axis=(0, 2, 3)), rtol=1e-5)
    assert layer.backward(y).shape == x.shape


def test_statistics_move_also_without_gradients():
    layer = BatchNormalization.create(1)
    with no_grad():
        layer(np.array([[1.0], [3.0]], np.float32))
    np.testing.assert_allclose(layer.running_mean.data, [0.2], rtol=1e-6)


def test_a_fitted_model_used_in_training_mode_warns_once_and_train_or_eval_ends_that():
    forget_warnings()
    model = Sequential(Affine.create(2, 2), Dropout(0.5, seed=0))
    with fitting(model):
        model(ones(1, 2))
    with pytest.warns(LocalgradWarning, match=r"1 \(Dropout\) computes as in training") as seen:
        _ = [model(ones(1, 2)) for _ in range(2)]
    assert len(seen) == 1
    assert "model.eval()" in str(seen[0].message)
    forget_warnings()
    model.eval()
    model(ones(1, 2))
    model.train()
    model(ones(1, 2))


def test_fitting_gives_the_modes_back():
    model = Sequential(Dropout(0.5, seed=0), Dropout(0.5, seed=1))
    model[1].eval()
    with fitting(model):
        model.train()
    assert [layer.training for layer in model] == [True, False]


# first values -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "make, variance",
    [(init.he, 2 / 300), (init.xavier, 2 / 700), (init.lecun, 1 / 300)],
    ids=["he", "xavier", "lecun"],
)
@pytest.mark.parametrize("uniform", [False, True])
def test_the_spread_fits_the_sizes(make, variance, uniform):
    W = make((300, 400), seed=1, uniform=uniform)
    assert W.dtype == np.float32
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert abs(W.mean()) < 0.01 * variance**0.5 * 3
    if uniform:
        assert np.abs(W).max() <= (3 * variance) ** 0.5


def test_the_same_seed_gives_the_same_values_and_another_one_others():
    assert np.array_equal(init.he((4, 5), seed=3), init.he((4, 5), seed=3))
    assert not np.array_equal(init.he((4, 5), seed=3), init.he((4, 5), seed=4))


def test_kernels_count_their_field():
    assert init.fans((16, 3, 5, 5)) == (75, 400)
    assert init.he((64, 8, 3, 3), seed=0).std() == pytest.approx((2 / 72) ** 0.5, rel=0.05)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 2, 3)])
def test_orthogonal(shape):
    W = init.orthogonal(shape, gain=2.0, seed=2, dtype=np.float64).reshape(shape[0], -1)
    product = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    with pytest.raises(ShapeError):
        init.orthogonal((3,))


def test_first_values_by_name_by_deviation_and_by_function():
    assert init.initial(0.5, (200, 200)).std() == pytest.approx(0.5, rel=0.02)
    assert np.array_equal(init.initial("glorot", (3, 2), 1), init.xavier((3, 2), 1))
    assert init.initial(lambda shape, seed: np.full(shape, seed), (2, 2), 7).tolist() == [[7, 7], [7, 7]]
    assert not init.zeros(3).any()
    with pytest.raises(NameLookupError, match="did you mean xavier"):
        Affine.create(2, 2, init="xavir")


def test_create_follows_dtype_and_init():
    layer = Affine.create(30, 20, seed=1, init="xavier", dtype=np.float64)
    assert layer.W.dtype == np.float64
    assert layer.b.dtype == np.float64
    assert isinstance(layer, Affine)
    assert not isinstance(layer, Model)
