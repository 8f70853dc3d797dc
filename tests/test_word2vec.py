"""Words drawn for negative sampling: how often, never the target, and the same again from the same state."""

import numpy as np
import pytest

import localgrad as lg
from localgrad.graph.errors import DataError, ShapeError
from localgrad.layers import EmbeddingDot, NegativeSamplingLoss, UnigramSampler
from localgrad.nodes.sampling import draw_others
from tests.told import told


def test_words_are_drawn_by_their_frequency_to_a_power():
    corpus = np.repeat(np.arange(5), [1, 10, 40, 5, 20])
    sampler = UnigramSampler(corpus, power=0.75, sample_size=1, seed=0)
    weights = np.array([1, 10, 40, 5, 20]) ** 0.75
    np.testing.assert_allclose(sampler.word_p, weights / weights.sum())
    drawn = sampler.get_negative_sample(np.full(40_000, 2))
    weights[2] = 0  # the target is not drawn, the others by their part of the rest
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=5) / drawn.size, weights / weights.sum(), atol=0.01)


def test_without_repetition_rows_are_drawn_one_word_after_the_other():
    weights = np.array([0.6, 0.3, 0.05, 0.05])
    drawn = draw_others(1, 0, np.full(60_000, 3), weights, 2, False)
    assert (drawn[:, 0] != drawn[:, 1]).all()
    for first in range(3):
        for second in range(3):
            wanted = 0.0 if first == second else weights[first] / 0.95 * weights[second] / (0.95 - weights[first])
            assert np.mean((drawn[:, 0] == first) & (drawn[:, 1] == second)) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("replace", [False, True])
def test_where_one_word_has_nearly_all_the_weight_the_others_are_still_found(replace):
    weights = np.array([1e-12, 1.0, 2e-12, 1e-12])
    drawn = draw_others(1, 0, np.full(2_000, 1), weights, 3, replace)
    assert (drawn != 1).all()
    if not replace:
        assert (np.sort(drawn, axis=1) == [0, 2, 3]).all()
    else:
        assert np.mean(drawn == 2) == pytest.approx(0.5, abs=0.03)


def test_the_same_state_draws_the_same_and_moves_on():
    corpus, target = np.arange(50), np.arange(20)
    one, other = UnigramSampler(corpus, seed=3), UnigramSampler(corpus, seed=3)
    first = one.get_negative_sample(target)
    assert np.array_equal(first, other.get_negative_sample(target))
    assert not np.array_equal(first, one.get_negative_sample(target))
    assert first.shape == (20, 5)
    assert list(one.state()) == ["generator"]


def test_a_captured_loss_draws_anew_at_each_run():
    loss = NegativeSamplingLoss(np.random.default_rng(0).normal(size=(50, 4)), np.arange(50), seed=0)
    graph = lg.capture(loss, lg.spec("N", 4, dtype=np.float64), lg.spec("N", dtype=np.int64))
    h, target = np.random.default_rng(1).normal(size=(8, 4)), np.arange(8)
    (eager,) = {float(NegativeSamplingLoss(loss.embed_dot.W, np.arange(50), seed=0).forward(h, target))}
    first, second = (float(next(iter(graph.run([h, target]).values()))) for _ in range(2))
    assert first == pytest.approx(eager, rel=1e-12)
    assert first != second


def test_several_right_words_are_the_sum_of_their_losses():
    W, corpus = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9)
    h, targets = np.random.default_rng(1).normal(size=(6, 4)), np.random.default_rng(2).integers(0, 9, (6, 3))
    both = NegativeSamplingLoss(W, corpus, sample_size=2, seed=0)
    drawn = UnigramSampler(corpus, sample_size=2, seed=0).get_negative_sample(targets)
    right, wrong = EmbeddingDot(W).forward(h, targets), EmbeddingDot(W).forward(h, drawn.reshape(6, 6))
    wanted = np.logaddexp(0, -right).sum(axis=1) + np.logaddexp(0, wrong).sum(axis=1)
    assert float(both.forward(h, targets)) == pytest.approx(wanted.mean())


def test_what_cannot_be_drawn_from_is_refused():
    with pytest.raises(DataError, match="integers from 0"):
        UnigramSampler(np.array([0.5, 1.0]))
    with pytest.raises(DataError, match="below 0, -1"):
        UnigramSampler(np.array([-1, 1]))
    with pytest.raises(DataError, match="2 others have a weight"):
        UnigramSampler(np.array([0, 1, 2]), sample_size=3, seed=0).get_negative_sample(np.array([0]))
    with pytest.raises(DataError, match="from 0 to 7"):
        UnigramSampler(np.arange(8), seed=0).get_negative_sample(np.array([8]))
    with pytest.raises(ShapeError, match="words up to 7"):
        NegativeSamplingLoss(np.zeros((5, 2)), np.arange(8))
    with pytest.raises(ShapeError, match=r"vectors \(N, 2\)"):
        EmbeddingDot(np.zeros((5, 2))).forward(np.zeros((3, 4)), np.zeros(3, int))


@pytest.mark.parametrize("name", ["CBOW", "SkipGram"])
def test_a_model_puts_words_of_one_kind_together(name):
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 2, 900)  # a text of two kinds of words, each among its own
    corpus = np.concatenate([generator.integers(0, 4, 3) + 4 * kind for kind in kinds])
    words, around = corpus[1::3], np.stack([corpus[::3], corpus[2::3]], axis=1)
    model, optimizer = getattr(lg.models, name)(8, 6, corpus, sample_size=3, seed=1), lg.Adam(0.02)
    assert sorted(model.parameters()) == ["embedding/W", "loss/embed_dot/W"]
    assert sorted(model.state()) == ["loss/sampler/generator"]
    losses = []
    for _ in range(150):
        rows = generator.integers(0, 900, 64)
        given = (around[rows], words[rows]) if name == "CBOW" else (words[rows], around[rows])
        loss = model(*given)
        loss.backward()
        optimizer.step(model)
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    vectors = model.word_vecs
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    assert cosines[:4, :4].min() > cosines[:4, 4:].max()
    assert cosines[4:, 4:].min() > cosines[:4, 4:].max()


def test_a_model_starts_from_its_seed_and_draws_the_same():
    corpus, target, contexts = np.arange(9), np.array([1, 2]), np.array([[0, 2], [1, 3]])
    one, other, third = (lg.models.CBOW(9, 4, corpus, sample_size=2, init=1.0, seed=seed) for seed in (0, 0, 1))
    assert one(contexts, target).item() == other(contexts, target).item() != third(contexts, target).item()
    assert not np.array_equal(one.word_vecs, one.loss.embed_dot.W.numpy())


def test_words_in_the_other_models_order_are_told_at_the_model() -> None:
    corpus, around, word = np.arange(7), np.array([[0, 2], [1, 3]]), np.array([1, 2])
    told(lg.ShapeError, lambda: lg.models.SkipGram(7, 4, corpus)(around, word), "SkipGram", "(target, contexts)")
    told(lg.ShapeError, lambda: lg.models.CBOW(7, 4, corpus)(word, around), "CBOW", "(contexts, target)")
