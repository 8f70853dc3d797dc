"""GPT: sizes as published, causal, opened, generating, learning."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.models import GPT
from localgrad.models.gpt import drawn


def small(**options):
    return GPT(**{"vocabulary": 11, "context": 6, "layers": 2, "heads": 2, "width": 8, "seed": 0, **options})


def test_gpt2_has_as_many_parameters_as_published():
    assert GPT(init="zeros").count_parameters() == 124_439_808


def test_parameters_tied_or_not():
    tied, free = small(), small(tied=False)
    assert free.count_parameters() == tied.count_parameters() + 8 * 11
    assert tied.parameters().aliases == {"head/W": "tokens/W"}
    assert small(bias=False).count_parameters() == 11 * 8 + 6 * 8 + 2 * (12 * 64 + 2 * 8) + 8


def test_a_later_token_changes_no_earlier_score():
    model, tokens = small(), np.array([[1, 2, 3, 4, 5]])
    before = model.forward(tokens)
    tokens[0, 3] = 9
    after = model.forward(tokens)
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert (after[:, 3:] != before[:, 3:]).any(axis=-1).all()


def test_its_graph_has_the_scopes_of_its_blocks_and_runs_at_any_size():
    model = small()
    graph = model.graph(lg.spec("N", "T", dtype=np.int64))
    assert {"tokens", "positions", "blocks/0/attention/query", "blocks/1/feedforward/contract", "head"} <= {
        node.scope for node in graph.nodes
    }
    for shape in ((1, 6), (3, 2)):
        tokens = np.arange(np.prod(shape)).reshape(shape) % 11
        for each in (graph, graph.expand()):
            (y,) = each.run([tokens]).values()
            np.testing.assert_allclose(y, model.forward(tokens), rtol=1e-4, atol=1e-6)


def test_generating_is_a_function_of_the_seed_and_follows_the_prompt():
    model = small()
    first = model.generate([3, 4], 20, seed=1)
    np.testing.assert_array_equal(first, model.generate([3, 4], 20, seed=1))
    assert first[:2].tolist() == [3, 4]
    assert first.shape == (22,)
    assert not np.array_equal(first, model.generate([3, 4], 20, seed=2))
    both = model.generate([[3, 4], [5, 6]], 20, seed=1)
    assert both.shape == (2, 22)
    assert not np.array_equal(both[0, 2:], both[1, 2:])


def test_generating_takes_the_best_where_it_is_cold_and_reads_its_own_last_places():
    model = small(dropout=0.5)
    text = model.generate([1], 9, temperature=0)
    assert model.training  # what the mode was before
    model.eval()
    for place in range(1, 10):
        window = text[None, max(0, place - 6) : place]
        assert text[place] == model.forward(window)[0, -1].argmax()


def test_drawing_follows_the_probabilities():
    scores = np.tile(np.log([0.2, 0.5, 0.3]), (1000, 1))
    chance = (np.arange(1000) + 0.5) / 1000
    assert np.bincount(drawn(scores, chance, 1.0, None)).tolist() == [200, 500, 300]
    assert np.bincount(drawn(scores, chance, 1.0, 2)).tolist() == [0, 625, 375]
    assert np.bincount(drawn(scores, chance, 0.5, None))[1] == pytest.approx(1000 * 0.25 / 0.38, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 1), "at least one"),
        (([0.5], 1), "whole numbers"),
        (([1], 1, -1.0), "temperature"),
        (([1], 1, 1.0, 0), "top_k"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused(arguments, message):
    with pytest.raises(lg.DataError, match=message):
        small().generate(*arguments)


def test_too_long_a_text_is_refused():
    with pytest.raises(lg.ShapeError, match="T at most 6"):
        small().forward(np.zeros((1, 7), np.int64))


def test_it_learns_a_text_by_heart():
    text = np.arange(60) * 3 % 11
    windows = np.lib.stride_tricks.sliding_window_view(text, 7)
    model = small(dropout=0.0)
    history = lg.Trainer(model, optimizer=lg.Adam(0.01)).fit(
        (windows[:, :-1], windows[:, 1:]), epochs=15, batch_size=16, progress=False
    )
    losses = [row["loss"] for row in history]
    assert losses[0] > 1.5 > 0.2 > losses[-1]
    np.testing.assert_array_equal(model.eval().generate(text[:3], 20, temperature=0), text[:23])
