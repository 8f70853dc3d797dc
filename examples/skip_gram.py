"""word2vec as skip-gram: the words around guessed from the one in the middle, with negative sampling.

CBOW the other way round: one vector is asked about each of the six words around it (yes) and 30 drawn ones (no).
Each pair of words counts by itself here, where CBOW takes the mean of those around. The text is `data/sentences.txt`.

Result: loss from 17.3 to 11.95, a sum over six words; the four nearest neighbours of all 32 nouns and colors are of
their own kind. About 8 s on a 2-core machine.
Picture: cosines.svg, how near each noun's vector is to each other one's, in the folder given by --out.
"""

import argparse
from pathlib import Path

import numpy as np

import localgrad as lg
from localgrad.models import SkipGram

WINDOW, NEGATIVE = 3, 5
KINDS = (
    "cat dog horse cow sheep goat",
    "bread cheese soup cake rice fish",
    "water milk tea wine juice",
    "red green blue white black",
    "garden forest village harbour market",
    "monday tuesday wednesday thursday friday",
)


def draw(path: Path, vectors: dict[str, np.ndarray], cell: int = 15, edge: int = 80) -> None:
    """How near each word is to each other one: the cosine of their vectors, dark where it is 1, white from 0 down."""
    size = edge + cell * len(vectors)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}">']
    parts.append(f'<rect width="{size}" height="{size}" fill="#fff"/><g font-family="sans-serif" font-size="11">')
    for row, (word, vector) in enumerate(vectors.items()):
        middle = edge + (row + 0.75) * cell
        parts.append(f'<text x="{edge - 5}" y="{middle}" text-anchor="end">{word}</text>')
        parts.append(f'<text transform="translate({middle} {edge - 5}) rotate(-90)">{word}</text>')
        for column, other in enumerate(vectors.values()):
            place = f'x="{edge + column * cell}" y="{edge + row * cell}" width="{cell}" height="{cell}"'
            parts.append(f'<rect {place} fill="#0072b2" fill-opacity="{max(0.0, float(vector @ other)):.2f}"/>')
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    text = Path(__file__).with_name("data").joinpath("sentences.txt").read_text(encoding="utf-8").split()
    vocabulary, corpus = np.unique(text, return_inverse=True)
    number = {str(word): index for index, word in enumerate(vocabulary)}

    windows = np.lib.stride_tricks.sliding_window_view(corpus, 2 * WINDOW + 1)
    around, middle = np.delete(windows, WINDOW, axis=1), windows[:, WINDOW]
    model, optimizer = SkipGram(len(vocabulary), 32, corpus, sample_size=NEGATIVE, seed=0), lg.Adam(0.005)
    loader, losses = lg.DataLoader((middle, around), batch_size=100, shuffle=True, seed=0), []
    for epoch in range(1, (3 if quick else 10) + 1):
        total = 0.0
        for word, around_it in loader:
            loss = model(word, around_it)
            loss.backward(keep="leaves")
            optimizer.step(model)
            total += loss.item() / len(loader)
        losses.append(total)
        print(f"epoch {epoch:2}  loss {total:.4f}")

    vectors = model.word_vecs
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    own = []
    for kind in KINDS:
        for word in kind.split():
            nearest = vocabulary[np.argsort(-(vectors @ vectors[number[word]]))[1:5]]
            own += [neighbour in kind.split() for neighbour in nearest]
            if kind.startswith(word):
                print(f"{word:8} is near to {', '.join(nearest)}")
    print(f"neighbours of the same kind: {np.mean(own):.0%}")

    out.mkdir(parents=True, exist_ok=True)
    draw(out / "cosines.svg", {word: vectors[number[word]] for kind in KINDS for word in kind.split()})
    print("picture:", out / "cosines.svg")
    return {"first": losses[0], "last": losses[-1], "own": float(np.mean(own))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="word2vec: skip-gram with negative sampling.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/skip_gram"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="3 epochs in place of 10")
    given = parser.parse_args()
    result = main(given.out, given.quick)
