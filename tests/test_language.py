"""Language models and sequence to sequence: truncated training, perplexity, text made, answers written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import localgrad as lg
from localgrad.models import LSTMLanguageModel, Seq2seq
from localgrad.train.language import TextBlocks

V = 6
TEXT = np.arange(1201) % V


def trainer(seed: int = 0, **options: Any) -> lg.LanguageTrainer:
    model = LSTMLanguageModel(V, 12, layers=2, dropout=0.1, tied=True, seed=seed)
    return lg.LanguageTrainer(model, lg.Adam(0.02), time_size=7, clip_norm=1.0, **options)


# the trainer ----------------------------------------------------------------------------------------------------------
def test_blocks_follow_one_another() -> None:
    blocks = TextBlocks(np.arange(100), batch_size=3, time_size=10)
    assert len(blocks) == 4
    rows = np.concatenate([xs for xs, _ in blocks], axis=1)
    assert rows.shape == (3, 33)
    assert np.array_equal(rows, np.arange(99).reshape(3, 33))
    assert np.array_equal(np.concatenate([ts for _, ts in blocks], axis=1), rows + 1)
    pair = TextBlocks((np.arange(10), np.arange(10) * 2), batch_size=2, time_size=5)
    assert [ts.tolist() for _, ts in pair] == [[[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]]
    for text, message in [
        (np.zeros((2, 3), int), r"shape \(2, 3\)"),
        (np.zeros(9), "float64"),
        (np.arange(3), "2 words"),
        ((np.arange(9), np.arange(8)), "9 words and 8"),
    ]:
        with pytest.raises(lg.DataError, match=message):
            TextBlocks(text, batch_size=3)


def test_it_is_the_loop_written_by_hand() -> None:
    ours = lg.LanguageTrainer(LSTMLanguageModel(V, 8, seed=3), lg.SGD(0.5), time_size=5, compile=False)
    history = ours.fit(TEXT, epochs=2, batch_size=4)
    model, optimizer = LSTMLanguageModel(V, 8, seed=3), lg.SGD(0.5)
    for epoch in range(2):
        model.reset_state()
        total = words = 0.0
        for xs, ts in TextBlocks(TEXT, 4, 5):
            loss = model(lg.tensor(xs), lg.tensor(ts))
            loss.backward()
            optimizer.step(model)
            total, words = total + loss.item() * xs.size, words + xs.size
        assert history[epoch]["loss"] == pytest.approx(total / words, rel=1e-6)
        assert history[epoch]["perplexity"] == pytest.approx(np.exp(total / words), rel=1e-6)
    for name, leaf in model.parameters().items():
        np.testing.assert_array_equal(leaf.data, ours.model.parameters()[name].data)


def test_the_books_loop_trains_it() -> None:
    model, optimizer = LSTMLanguageModel(V, 12, seed=0), lg.Adam(0.02)
    losses = []
    for xs, ts in [*TextBlocks(TEXT, 10, 6)] * 3:
        losses.append(float(model.forward(xs, ts)))
        model.backward()
        optimizer.update(model.params, model.grads)
    assert losses[0] == pytest.approx(np.log(V), abs=0.1)
    assert losses[-1] < 0.2


def test_it_learns_and_says_the_perplexity() -> None:
    ours = trainer()
    history = ours.fit(TEXT, epochs=6, validation=TEXT[:200], batch_size=10)
    assert history[0]["perplexity"] > history[-1]["perplexity"]
    assert history[-1]["validation_perplexity"] < 1.2
    found = ours.evaluate(TEXT[:200], batch_size=10)
    assert found["perplexity"] == pytest.approx(np.exp(found["loss"]))
    assert ours.model.perplexity(TEXT[:200], batch_size=10) == pytest.approx(found["perplexity"], rel=1e-4)
    assert "perplexity" in history.svg()
    assert np.array_equal(ours.model.eval().generate([0, 1], 8, temperature=0), np.arange(2, 10) % V)


def test_labels_of_minus_one_count_for_nothing() -> None:
    ours = trainer()
    xs, ts = TEXT[:60], TEXT[1:61].copy()
    ts[30:] = -1
    half = ours.evaluate((xs, ts), batch_size=1)
    assert half["loss"] == pytest.approx(ours.evaluate((xs[:30], ts[:30]), batch_size=1)["loss"], rel=1e-5)


def test_a_validation_leaves_the_states_alone() -> None:
    ours = trainer()
    ours.fit(TEXT, epochs=1, batch_size=10)
    ours.model.eval()
    ours.model(TEXT[:70].reshape(10, 7))
    before = [leaf.numpy() for leaf in ours.model.state().values()]
    ours.evaluate(TEXT, batch_size=3)
    ours.model.perplexity(TEXT[:50])
    ours.model.generate(0, 5)
    assert ours.predict(TEXT[:12].reshape(2, 6)).shape == (2, 6, V)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, ours.model.state().values(), strict=True))


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = trainer()
    whole.fit(TEXT, epochs=3, batch_size=10)

    class Stop(lg.Callback):
        def on_step_end(self, trainer: lg.Trainer, loss: float) -> None:
            if trainer.step == 25:  # in the middle of the second epoch
                trainer.stop("enough")

    first = trainer()
    first.fit(TEXT, epochs=3, batch_size=10, checkpoint=tmp_path / "place", callbacks=[Stop()])
    assert first.stopped == "enough"
    second = trainer(seed=5)
    history = second.fit(TEXT, epochs=4, batch_size=10, checkpoint=tmp_path / "place", resume=True)
    again = trainer()
    wanted = again.fit(TEXT, epochs=4, batch_size=10)
    for name in ("loss", "perplexity"):
        np.testing.assert_array_equal(history[name], wanted[name])
    for one, other in zip(second.leaves().values(), again.leaves().values(), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_run_folder_holds_the_graph(tmp_path: Path) -> None:
    ours = trainer(run=tmp_path / "run")
    ours.fit(TEXT[:200], epochs=1, batch_size=4)
    assert {"graph.json", "history.csv", "curves.svg"} <= {path.name for path in (tmp_path / "run").iterdir()}


# the language model ---------------------------------------------------------------------------------------------------
def test_sizes_and_names_of_the_language_model() -> None:
    model = LSTMLanguageModel(50, 8, 6, layers=2, dropout=0.5, seed=1)
    assert [type(layer).__name__ for layer in model] == [
        "TimeEmbedding",
        "TimeDropout",
        "TimeLSTM",
        "TimeDropout",
        "TimeLSTM",
        "TimeDropout",
        "TimeAffine",
    ]
    assert model.count_parameters() == 50 * 8 + (8 + 6 + 1) * 24 + (6 + 6 + 1) * 24 + 7 * 50
    tied = LSTMLanguageModel(50, 8, layers=2, tied=True)
    assert tied.parameters().aliases == {"3/W": "0/W"}
    with pytest.raises(lg.ShapeError, match=r"(?s)width 8 and 6 hidden"):
        LSTMLanguageModel(50, 8, 6, tied=True)


def test_its_graph_has_a_scan_that_opens() -> None:
    model = LSTMLanguageModel(V, 8, layers=2, stateful=False)
    graph = model.graph(lg.spec("N", "T", dtype=np.int64))
    scans = [node.kind for node in graph.nodes if node.kind.name == "Scan"]
    assert len(scans) == 2
    assert any(node.kind.name == "LSTMCell" for node in scans[0].body.nodes)
    assert "LSTMCell" not in {node.kind.name for node in graph.expand().nodes}
    xs = TEXT[:20].reshape(4, 5)
    np.testing.assert_array_equal(next(iter(graph.run([xs]).values())), model.forward(xs))


def test_text_is_drawn_by_seed_and_temperature() -> None:
    model = LSTMLanguageModel(V, 8, seed=0)
    one, other = model.generate(0, 40, seed=1), model.generate(0, 40, seed=1)
    assert np.array_equal(one, other)
    assert not np.array_equal(one, model.generate(0, 40, seed=2))
    assert len(set(one.tolist())) == V
    assert set(model.generate(0, 40, skip=[0, 1, 2]).tolist()) == {3, 4, 5}
    ends = model.generate(0, 400, end=3)
    assert ends[-1] == 3
    assert 3 not in ends[:-1]
    for layer in model.lstms:
        layer.stateful = False
    assert np.array_equal(one, model.generate(0, 40, seed=1))
    with pytest.raises(lg.DataError, match=r"shape \(0,\)"):
        model.generate([], 4)
    with pytest.raises(lg.DataError, match="temperature of -1"):
        model.generate(0, 4, temperature=-1)
    with pytest.raises(lg.DataError, match="6 of them skipped"):
        model.generate(0, 4, skip=range(V))


# sequence to sequence -------------------------------------------------------------------------------------------------
DECODERS = pytest.mark.parametrize("decoder", ["plain", "peeky", "attention"])


def copies(count: int = 200, length: int = 4) -> tuple[np.ndarray, np.ndarray]:
    xs = np.random.default_rng(0).integers(0, 5, (count, length))
    return xs, np.concatenate([np.full((count, 1), 5), xs[:, ::-1]], axis=1)


@DECODERS
def test_each_decoder_learns_to_write_backwards(decoder: str) -> None:
    xs, ts = copies()
    model = Seq2seq(V, 8, 32, decoder=decoder, seed=0)
    trainer = lg.Trainer(model, loss=None, optimizer=lg.Adam(0.01), clip_norm=5.0)
    history = trainer.fit((xs, ts), epochs=30, batch_size=20)
    assert history[0]["loss"] > 1.2
    assert model.exact_match(xs, ts) > 0.9


@DECODERS
def test_writing_takes_the_best_of_the_scores_at_each_step(decoder: str) -> None:
    xs, ts = copies(7)
    model = Seq2seq(V, 8, 12, decoder=decoder, seed=1)
    for _ in range(2):
        found = model.generate(xs, start=5, length=6)
        signs = np.concatenate([ts[:, :1], found[:, :-1]], axis=1)
        assert np.array_equal(model.scores(xs, signs).data.argmax(-1), found)
    assert model.scores(xs, signs[:, :3]).shape == (7, 3, V)
    assert model.training


@DECODERS
def test_gradients_of_a_seq2seq(decoder: str) -> None:
    xs, ts = copies(3)
    model = Seq2seq(V, 3, 4, decoder=decoder, seed=1, dtype=np.float64)
    model.forward(xs, ts)
    model.backward()
    random = np.random.default_rng(1)
    for leaf, grad in zip(model.parameters().values(), model.grads, strict=True):
        step = random.normal(size=leaf.shape)
        value = leaf.numpy()
        leaf.data = value + 1e-6 * step
        above = float(model.forward(xs, ts))
        leaf.data = value - 1e-6 * step
        below = float(model.forward(xs, ts))
        leaf.data = value
        assert (above - below) / 2e-6 == pytest.approx((grad * step).sum(), rel=1e-5, abs=1e-9)
    graph = model.graph(lg.spec("N", "S", dtype=np.int64), lg.spec("N", "T", dtype=np.int64))
    assert next(iter(graph.run([xs, ts]).values())) == pytest.approx(float(model.forward(xs, ts)))


def test_attention_weights() -> None:
    xs, _ = copies(7)
    model = Seq2seq(V, 8, 12, decoder="attention", seed=1)
    answers, weights = model.attention(xs, start=5, length=3)
    assert weights.shape == (7, 3, 4)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert np.array_equal(answers, model.generate(xs, start=5, length=3))
    with pytest.raises(lg.LocalgradError, match="its decoder is a PeekyDecoder"):
        Seq2seq(V, decoder="peeky").attention(xs, 5, 3)
    with pytest.raises(lg.LocalgradError, match="'plain', 'peeky', 'attention'"):
        Seq2seq(V, decoder="transformer")


def test_one_row_of_words_gets_one_row_of_scores() -> None:
    model = lg.models.LSTMLanguageModel(5, 8, seed=0)
    trainer = lg.LanguageTrainer(model, time_size=5)
    text = np.arange(12) % 5
    assert np.array_equal(trainer.predict(text), trainer.predict(text[None])[0])


def test_a_summary_leaves_the_states_alone() -> None:
    model = lg.models.LSTMLanguageModel(5, 8, seed=0)
    model(np.zeros((3, 4), np.int64))
    kept = [layer.h.copy() for layer in model.lstms]
    assert "parameters" in str(model.summary(np.zeros((2, 4), np.int64)))
    after = [layer.h for layer in model.lstms]
    for one, other in zip(kept, after, strict=True):
        assert np.array_equal(one, other)
