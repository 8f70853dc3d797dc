"""The books' better language model: two LSTMs, dropout between all layers, and one table of words at both ends.

It reads 400 sentences of `data/sentences.txt` in blocks (truncated back-propagation); the learning rate falls where the
perplexity of others does not. Beside it stands the same with one LSTM and without dropout, which learns its sentences
by heart. Then it writes some of its own, which can be checked: their form has to be one of the text's, with he and his,
she and her as the person wants.

Result: perplexity 2.08 of sentences it was not trained on, beside 2.18 of the plain one (1.85 by the rules the text was
made by). Of 355 sentences it writes, 78 % are right, and 62 % are not in the text.
About 28 s on a 2-core machine.
Pictures: perplexity.svg and network.svg in the folder given by --out.
"""

import argparse
import runpy
from pathlib import Path

import numpy as np

import localgrad as lg

DATA = Path(__file__).parent / "data"
LINES = [line.split() for line in (DATA / "sentences.txt").read_text(encoding="utf-8").splitlines()]
VOCABULARY = sorted({word for line in LINES for word in line})
NUMBERS = {word: number for number, word in enumerate(VOCABULARY)}
KIND = {
    word: kind for kind, words in runpy.run_path(str(DATA / "make_sentences.py"))["WORDS"].items() for word in words
}


def encoded(lines: list[list[str]]) -> np.ndarray:
    return np.array([NUMBERS[word] for line in lines for word in line])


def form(sentence: list[str]) -> str:
    """A sentence with each animal, food, color, ... replaced by that word."""
    return " ".join(KIND.get(word, word) for word in sentence)


def trained(model: lg.models.LSTMLanguageModel, epochs: int, rate: float) -> lg.History:
    plateau = lg.ReduceOnPlateau("validation_perplexity", gamma=0.25, patience=2)
    trainer = lg.LanguageTrainer(model, lg.Adam(rate), time_size=20, clip_norm=1.0, schedule=plateau)
    return trainer.fit(encoded(LINES[:400]), epochs=epochs, batch_size=10, validation=encoded(LINES[1200:1400]))


def main(out: Path, quick: bool) -> dict[str, float]:
    epochs, width = (6, 64) if quick else (30, 128)
    plain = lg.models.LSTMLanguageModel(len(VOCABULARY), width, seed=0)
    better = lg.models.LSTMLanguageModel(len(VOCABULARY), width, layers=2, dropout=0.3, tied=True, seed=0)
    print(better.summary())
    result = {}
    for name, model, rate in (("plain", plain, 0.005), ("better", better, 0.01)):
        history = trained(model, epochs, rate)
        result[name] = model.eval().perplexity(encoded(LINES[1400:]), batch_size=10)
        print(f"{name:6}  {history[-1]['perplexity']:.2f} in training, {result[name]:.2f} on the test sentences")

    words = better.generate(NUMBERS["."], 400 if quick else 4000, seed=1)
    text = " ".join(VOCABULARY[number] for number in words).split(" . ")[:-1]
    written = [[*sentence.split(), "."] for sentence in text]
    forms = {form(line) for line in LINES}
    result["right"] = sum(form(sentence) in forms for sentence in written) / len(written)
    result["new"] = sum(sentence not in LINES for sentence in written) / len(written)
    print("\n".join(" ".join(sentence) for sentence in written[:8]))
    print(f"{len(written)} sentences written: {result['right']:.0%} right, {result['new']:.0%} not in the text")

    out.mkdir(parents=True, exist_ok=True)
    history.to_svg(out / "perplexity.svg")
    better.graph(lg.spec(1, "T", dtype=np.int64)).to_svg(out / "network.svg")
    print("pictures:", out / "perplexity.svg", out / "network.svg")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two LSTMs with dropout and tied weights learn a language.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/lstm_language_model"), help="for the pictures")
    parser.add_argument("--quick", action="store_true", help="6 epochs of smaller networks")
    given = parser.parse_args()
    result = main(given.out, given.quick)
