"""The smallest word2vec: each word of "you say goodbye and i say hello ." guessed from its two neighbours.

Contexts are one-hot rows, so the product with W_in picks the rows of two words; their mean goes through W_out, and a
softmax names one of the 7 words. The rows of W_in are then the words' vectors.

Result: loss 0.2317; no less than 2 log(2) / 6 = 0.2310 is possible, as "goodbye" and "i" stand between the same two words,
so 5 of 6 are guessed. Words with the same neighbours get the same vector: "you" and "hello", "goodbye" and "i".
About 1 s on a 2-core machine.
Picture: loss.svg in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.layers import MatMul, SoftmaxWithLoss

TEXT = "you say goodbye and i say hello ."


class SimpleCBOW:
    """Two layers share W_in, so each one's part of its gradient is added up before the step."""

    def __init__(self, words: int, width: int) -> None:
        random = np.random.default_rng(0)
        W_in = 0.01 * random.standard_normal((words, width))
        W_out = 0.01 * random.standard_normal((width, words))
        self.before, self.after, self.out, self.loss = MatMul(W_in), MatMul(W_in), MatMul(W_out), SoftmaxWithLoss()
        self.params, self.grads = [W_in, W_out], [np.zeros_like(W_in), np.zeros_like(W_out)]

    def forward(self, contexts: np.ndarray, target: np.ndarray) -> float:
        h = 0.5 * (self.before.forward(contexts[:, 0]) + self.after.forward(contexts[:, 1]))
        return self.loss.forward(self.out.forward(h), target)

    def backward(self) -> None:
        dh = 0.5 * self.out.backward(self.loss.backward())
        self.before.backward(dh)
        self.after.backward(dh)
        self.grads[0][...] = self.before.grads[0] + self.after.grads[0]
        self.grads[1][...] = self.out.grads[0]


def main(out: Path, quick: bool) -> dict[str, float]:
    words = TEXT.split()
    vocabulary = list(dict.fromkeys(words))
    corpus = np.array([vocabulary.index(word) for word in words])
    one_hot = np.eye(len(vocabulary))
    contexts = one_hot[np.stack([corpus[:-2], corpus[2:]], axis=1)]
    target = corpus[1:-1]

    net, optimizer, history = SimpleCBOW(len(vocabulary), 5), lg.Adam(0.01), lg.History()
    for epoch in range(1, (400 if quick else 1_000) + 1):
        loss = float(net.forward(contexts, target))
        net.backward()
        optimizer.update(net.params, net.grads)
        history.append(epoch=epoch, loss=loss)
        if epoch % 200 == 0:
            print(f"epoch {epoch:5,}  loss {loss:.4f}")

    right = int((net.out.forward(0.5 * (contexts.sum(axis=1) @ net.params[0])).argmax(axis=1) == target).sum())
    print(f"{right} of {len(target)} words guessed")
    for word, vector in zip(vocabulary, net.params[0]):
        print(f"{word:8}", np.array2string(vector, precision=2, sign="+", floatmode="fixed"))
    out.mkdir(parents=True, exist_ok=True)
    history.to_svg(out / "loss.svg")
    print("picture:", out / "loss.svg")
    return {"loss": loss, "right": float(right), "of": float(len(target))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The smallest word2vec.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/simple_cbow"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="400 epochs in place of 1,000")
    given = parser.parse_args()
    result = main(given.out, given.quick)
