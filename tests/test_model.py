"""Models: what they find by attribute, under which names, and what can be done with it."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from localgrad.graph.errors import CheckpointError, LocalgradError, NameLookupError
from localgrad.graph.spec import spec
from localgrad.graph.tensor import parameter, state, tensor
from localgrad.layers import Affine, BatchNormalization, Dropout, Embedding, Layer, MatMul, Model, Relu, Sequential


def ones(*shape):
    return np.ones(shape, np.float32)


class Block(Layer):
    def __init__(self, width, seed=0):
        self.W = parameter(np.random.default_rng(seed).normal(size=(width, width)).astype(np.float32), name="W")
        self.norm = BatchNormalization.create(width)

    def call(self, x):
        return self.norm(x @ self.W)


class Net(Model):
    def __init__(self):
        self.scale = parameter(ones(4))
        self.blocks = [Block(4, 1), Block(4, 2)]
        self.heads = {"left": Affine.create(4, 2, seed=3), "right": Affine.create(4, 3, seed=4)}
        self.steps = state(0)
        self.shift = parameter(ones(4))

    def call(self, x):
        x = x * self.scale + self.shift
        for block in self.blocks:
            x = block(x)
        return self.heads["left"](x), self.heads["right"](x)


NAMES = ["scale", "blocks/0/W", "blocks/0/norm/gamma", "blocks/0/norm/beta", "blocks/1/W", "blocks/1/norm/gamma"]
NAMES += ["blocks/1/norm/beta", "heads/left/W", "heads/left/b", "heads/right/W", "heads/right/b", "shift"]
STATES = [f"blocks/{number}/norm/running_{what}" for number in (0, 1) for what in ("mean", "var")] + ["steps"]


# names --------------------------------------------------------------------------------------------------------------
def test_parameters_and_states_are_found_in_the_order_of_definition():
    net = Net()
    assert list(net.parameters()) == NAMES
    assert list(net.state()) == STATES
    assert net.parameters().aliases == {}


def test_parameters_graphs_tensors_and_scopes_agree():
    net = Net()
    graph = net.graph(spec("N", 4))
    assert set(graph.parameters) == set(NAMES)
    assert all(graph.parameters[name] is leaf for name, leaf in net.parameters().items())
    assert all(leaf.name == name for name, leaf in net.parameters().items())
    scopes = {node.scope for node in graph.nodes}
    assert scopes == {"", "blocks/0", "blocks/0/norm", "blocks/1", "blocks/1/norm", "heads/left", "heads/right"}
    left, _ = net(tensor(ones(2, 4)))
    assert {node.scope for node in left.graph.nodes} == scopes - {"heads/right"}
    assert set(left.graph.parameters) < set(NAMES)


def test_a_sub_layer_names_from_itself():
    net = Net()
    block = net.blocks[1]
    assert list(block.parameters()) == ["W", "norm/gamma", "norm/beta"]
    assert list(block.graph(spec("N", 4)).parameters) == ["W", "norm/gamma", "norm/beta"]
    assert block.name == "blocks/1"
    assert block.W.name == "blocks/1/W"


def test_a_layer_by_itself_has_the_same_names_in_its_graph():
    layer = Affine.create(3, 2)
    layer(ones(1, 3))
    assert list(layer.graph(spec("N", 3)).parameters) == list(layer.parameters()) == ["W", "b"]
    assert layer(ones(1, 3)).node.scope == layer.name


def test_a_list_that_grows_after_it_was_assigned():
    class Growing(Model):
        def __init__(self):
            self.layers = []
            for number in range(2):
                self.layers.append(Affine.create(3, 3, seed=number))

        def call(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Growing()
    assert net(ones(1, 3)).node.scope == "layers/1"
    assert net.layers[0].W.name == "layers/0/W"
    net.layers.append(Affine.create(3, 3, seed=2))
    assert list(net.parameters())[-2:] == ["layers/2/W", "layers/2/b"]
    assert len(net.params) == len(net.grads) == 6
    assert net(ones(1, 3)).node.scope == "layers/2"


def test_another_layer_in_an_attribute_gets_its_name():
    class Two(Model):
        def __init__(self):
            self.body = Affine.create(3, 3)
            self.head = Affine.create(3, 2)

        def call(self, x):
            return self.head(self.body(x))

    net = Two()
    old = net.head
    net(ones(1, 3))
    net.head = Affine.create(3, 5, seed=1)
    y = net(ones(1, 3))
    assert y.node.scope == "head"
    assert net.head.W.name == "head/W"
    assert old.name == ""
    assert old(ones(1, 3)).node.scope.startswith("affine")


def test_a_given_name_stays_unless_it_is_the_attributes_own_or_taken():
    table = parameter(ones(3, 2), name="table")
    model = Sequential(
        Embedding(table), MatMul(parameter(ones(2, 2), name="W")), MatMul(parameter(ones(2, 2), name="table"))
    )
    assert list(model.parameters()) == ["table", "1/W", "2/W"]
    assert table.name == "table"
    assert model.freeze("table") == ["table"]


def test_a_model_with_a_name_is_a_scope_but_keeps_its_names():
    generator = Sequential(Affine.create(2, 2), name="generator")
    discriminator = Sequential(Affine.create(2, 2), name="discriminator")
    y = discriminator(generator(tensor(ones(1, 2))))
    assert y.node.scope == "discriminator/0"
    assert list(y.graph.parameters) == ["generator/0/W", "generator/0/b", "discriminator/0/W", "discriminator/0/b"]
    assert list(generator.parameters()) == list(generator.graph(spec("N", 2)).parameters) == ["0/W", "0/b"]


def test_a_layer_owned_by_one_model_keeps_its_name_in_another():
    encoder = Sequential(Affine.create(2, 2))
    first = Sequential(encoder, Relu())
    second = Sequential(Relu(), Relu(), encoder)
    assert encoder.name == "0"
    assert list(second.parameters()) == ["2/0/W", "2/0/b"]
    assert encoder[0].W.name == "0/0/W"
    del first
    gc.collect()
    second.parameters()
    assert encoder.name == "2"
    inner = encoder[0]
    del second, encoder
    gc.collect()
    assert inner(ones(1, 2)).node.scope.startswith("affine")


def test_a_layer_that_knows_its_owner_is_no_endless_loop():
    class Child(Layer):
        def __init__(self, parent):
            self.parent = parent
            self.W = parameter(ones(2, 2))

        def call(self, x):
            return x @ self.W

    class Parent(Model):
        def __init__(self):
            self.child = Child(self)

        def call(self, x):
            return self.child(x)

    net = Parent()
    assert list(net.parameters()) == ["child/W"]
    assert net(ones(1, 2)).shape == (1, 2)
    assert net.eval().count_parameters() == 4


# tied parameters ----------------------------------------------------------------------------------------------------
def test_a_parameter_under_two_names_is_one():
    class Tied(Model):
        def __init__(self):
            self.table = Embedding.create(5, 3, seed=0)
            self.out = MatMul(self.table.W.T)
            self.again = self.table.W

        def call(self, indices):
            return self.out(self.table(indices))

    net = Tied()
    found = net.parameters()
    assert list(found) == ["table/W"]
    assert found.aliases == {"out/W": "table/W", "again": "table/W"}
    assert net.count_parameters() == 15
    assert list(net.values()) == ["table/W"]
    net.load_values({"out/W": np.zeros((5, 3))})
    assert not net.table.W.data.any()
    assert net.freeze("out/W") == ["table/W"]


def test_a_tied_weight_gets_the_sum_of_both_uses():
    W = parameter(np.random.default_rng(0).normal(size=(5, 3)))
    net = Sequential(Embedding(W), MatMul(W.T))
    indices = np.array([0, 2, 2])
    net(indices).sum().backward()
    hidden = W.data[indices]
    expected = np.tile(hidden.sum(axis=0), (5, 1))
    np.add.at(expected, indices, np.tile(W.data.sum(axis=0), (3, 1)))
    np.testing.assert_allclose(W.grad, expected)


def test_a_layer_under_two_names_is_one():
    block = Affine.create(3, 3)
    net = Sequential(block, Relu(), block)
    assert net.parameters().aliases == {"2/W": "0/W", "2/b": "0/b"}
    assert net.count_parameters() == 12
    assert len(net.params) == 2
    x = ones(2, 3)
    net.forward(x)
    net.backward(ones(2, 3))
    y = net(tensor(x))
    y.backward(ones(2, 3))
    np.testing.assert_allclose(net.grads[0], block.W.grad, rtol=1e-6)


# values -------------------------------------------------------------------------------------------------------------
def test_values_are_copies_and_load_back():
    net, other = Net(), Net()
    other.scale.write(np.full(4, 7.0, np.float32))
    other.blocks[0].norm.running_mean.write(ones(4))
    saved = other.values()
    assert list(saved) == NAMES + STATES
    other.scale.write(ones(4))
    assert net.load_values(saved) is net
    assert net.scale.data.tolist() == [7.0] * 4
    assert net.blocks[0].norm.running_mean.data.tolist() == [1.0] * 4


def test_loading_names_every_difference_and_changes_nothing():
    net = Sequential(Affine.create(3, 2, seed=0), Dropout(0.5, seed=0))
    before = net.values()
    wrong = {"0/W": np.zeros((2, 3)), "0/bias": np.zeros(2), "1/generator": np.zeros(2)}
    with pytest.raises(CheckpointError, match="nothing was loaded") as raised:
        net.load_values(wrong)
    text = str(raised.value)
    assert "0/W: shape (2, 3); the model's is (3, 2)" in text
    assert "0/bias: the model has nothing of that name; did you mean 0/b" in text
    assert "0/b: missing; the model's has shape (2,)" in text
    assert "1/generator: float64 values; the model holds int64" in text
    assert "4 differences" in text
    assert all(np.array_equal(before[name], now) for name, now in net.values().items())


def test_loading_keeps_the_arrays_and_moves_their_version():
    net = Sequential(Affine.create(3, 2, seed=0))
    array, version = net.params[0], net[0].W.version
    net.load_values({"0/W": np.ones((3, 2), np.float64), "0/b": np.ones(2, np.float32)})
    assert net.params[0] is array
    assert array.tolist() == [[1.0, 1.0]] * 3
    assert net[0].W.version > version


# freezing and modes -------------------------------------------------------------------------------------------------
def test_freezing_by_name_by_pattern_and_by_layer():
    net = Net()
    assert net.freeze("blocks") == [name for name in NAMES if name.startswith("blocks/")]
    assert net.freeze(["scale", "heads/*/b"]) == ["scale", "heads/left/b", "heads/right/b"]
    left, right = net(tensor(ones(2, 4)))
    (left.sum() + right.sum()).backward()
    assert [name for name, leaf in net.parameters().items() if leaf.grad is not None] == [
        "heads/left/W",
        "heads/right/W",
        "shift",
    ]
    assert net.unfreeze("blocks/0/W") == ["blocks/0/W"]
    assert net.count_parameters(trainable=True) == 4 * 4 + 4 * 2 + 4 * 3 + 4
    net.unfreeze()
    assert net.count_parameters(trainable=True) == net.count_parameters()
    with pytest.raises(NameLookupError, match="no parameter matches 'haeds"):
        net.freeze("haeds/*")


def test_modes_reach_every_layer():
    net = Sequential(Sequential(Dropout(0.5, seed=0)), Net())
    assert net.training
    assert net.eval() is net
    assert not net[0][0].training
    assert not net[1].blocks[1].norm.training
    assert net.train()[1].heads["left"].training


# copies -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_is_equal_and_independent_and_keeps_ties(duplicate):
    W = parameter(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    net = Sequential(Embedding(W), MatMul(W.T), Dropout(0.5, seed=0), name="tied")
    indices = np.array([0, 2, 2])
    net.eval()
    y = net.forward(indices)
    other = duplicate(net)
    assert list(other.parameters()) == ["0/W"]
    assert other.parameters().aliases == {"1/W": "0/W"}
    assert other.name == "tied"
    assert not other.training
    assert np.array_equal(other.forward(indices), y)
    other.params[0][...] = 0
    assert np.array_equal(net.forward(indices), y)
    assert other[0].name == "tied/0"


# sequential ---------------------------------------------------------------------------------------------------------
def test_a_sequential_is_indexed_and_grows():
    layers = [Affine.create(3, 4), Relu(), Affine.create(4, 2)]
    model = Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert model.layers == tuple(layers)
    part = model[:2]
    assert isinstance(part, Sequential)
    assert part.forward(ones(1, 3)).shape == (1, 4)
    model.append(Relu()).insert(1, BatchNormalization.create(4))
    assert [type(layer).__name__ for layer in model][1:3] == ["BatchNormalization", "Relu"]
    assert "3/W" in model.parameters()
    model[3] = Affine.create(4, 5, seed=1)
    assert model(ones(2, 3)).shape == (2, 5)
    del model[4]
    assert len(model) == 4
    assert len(Sequential([Relu(), Relu()])) == 2
    assert Sequential()


def test_a_sequential_takes_functions_and_passes_several_outputs_on():
    def double(x):
        return x * 2

    def split(x):
        return x, x * 10

    model = Sequential(double, split, lambda a, b: a + b)
    assert model.forward(ones(2)).tolist() == [22.0, 22.0]
    assert "Function(double)" in str(model)


def test_a_sequential_refuses_what_is_no_layer():
    with pytest.raises(LocalgradError, match="the class Relu; make one"):
        Sequential(Relu)
    with pytest.raises(LocalgradError, match="found: 3 among"):
        Sequential(3)


def test_an_empty_sequential_passes_on():
    assert Sequential().forward(ones(2)).tolist() == [1.0, 1.0]


# summary ------------------------------------------------------------------------------------------------------------
def test_a_summary_is_a_table_in_fixed_columns():
    model = Sequential(Affine.create(784, 32), Relu(), Dropout(0.2, seed=0), Affine.create(32, 10))
    model.freeze("0")
    summary = model.summary(spec("N", 784))
    assert str(summary).splitlines() == [
        "layer  kind     output   parameters",
        "-----------------------------------",
        "0      Affine   (N, 32)      25,120",
        "1      Relu     (N, 32)           0",
        "2      Dropout  (N, 32)           0",
        "3      Affine   (N, 10)         330",
        "-----------------------------------",
        "25,450 parameters, 330 trainable, 25,120 frozen; 2 entries of state",
    ]
    assert [row.parameters for row in summary.rows] == [25120, 0, 0, 330]
    assert summary.rows[0].outputs == ((spec("N", 32).shape),)
    assert sum(row.parameters for row in summary.rows) == summary.parameters == model.count_parameters()


def test_a_summary_puts_layers_below_their_owner_and_counts_each_tensor_once():
    net = Net()
    net.unused = Affine.create(4, 4, seed=9)
    rows = net.summary(spec("N", 4)).rows
    assert [row.path for row in rows] == [
        "",
        "blocks/0",
        "blocks/0/norm",
        "blocks/1",
        "blocks/1/norm",
        "heads/left",
        "heads/right",
        "unused",
    ]
    assert [row.parameters for row in rows] == [8, 16, 8, 16, 8, 10, 15, 20]
    assert rows[-1].output == "not called"
    assert rows[0].output == "(N, 2), (N, 3)"
    block = Affine.create(3, 3)
    shared = Sequential(block, Relu(), block).summary(spec(2, 3))
    assert [row.parameters for row in shared.rows] == [12, 0, 0]


def test_a_summary_without_examples_leaves_shapes_out():
    text = str(Net().summary())
    assert "output" not in text
    assert "heads/right" in text
    assert text.splitlines()[-1].startswith("81 parameters, all trainable")


def test_a_summary_changes_nothing():
    net = Sequential(BatchNormalization.create(3), Dropout(0.5, seed=0))
    before = net.values()
    net.summary(ones(2, 3))
    assert all(np.array_equal(before[name], now) for name, now in net.values().items())
    assert net(ones(2, 3)).node.scope == "1"


def test_a_model_prints_its_layers():
    class Small(Model):
        def __init__(self):
            self.scale = parameter(ones(2))
            self.body = Sequential(Affine.create(2, 3), Relu())

        def call(self, x):
            return self.body(x * self.scale)

    assert repr(Small()).splitlines() == [
        "Small(",
        "  scale: parameter float32(2,)",
        "  body: Sequential(",
        "    0: Affine(2, 3)",
        "    1: Relu()",
        "  )",
        ")",
    ]


# memory -------------------------------------------------------------------------------------------------------------
def test_a_capture_leaves_nothing_of_its_graph_in_the_layers():
    net = Sequential(Affine.create(2, 2), Relu())
    graph = net.graph(spec("N", 2))
    node = weakref.ref(graph.nodes[0])
    gc.collect()
    del graph
    gc.collect()
    assert node() is None


def test_a_model_is_freed_without_the_collector():
    net = Sequential(Affine.create(2, 2), Relu())
    net.forward(ones(1, 2))
    net.backward(ones(1, 2))
    gone = weakref.ref(net)
    gc.disable()
    try:
        del net
        assert gone() is None
    finally:
        gc.enable()
