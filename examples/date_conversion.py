"""Dates in five styles rewritten as year-month-day by a network with attention, and what it looked at while it wrote.

"Tuesday, October 30, 2001" becomes "2001-10-30". An LSTM reads the date backwards, another writes sign by sign, and looks
back at each step at those states of the reader that fit its own. Nobody told it which signs are the year: see the map.

Result: 0.999 of 1,000 dates that were kept apart are rewritten without a mistake. About 20 s on a 2-core machine.
Picture: attention.svg, a map for one date of each style, in the folder given by --out.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np

import localgrad as lg

FIRST, DAYS = datetime.date(1970, 1, 1), 18_628
LENGTH, ANSWER = 29, 10


def written(day: datetime.date, style: int) -> str:
    return [
        f"{day:%B} {day.day}, {day.year}",
        f"{day:%b} {day.day}, {day.year}",
        f"{day.month}/{day.day}/{day:%y}",
        f"{day:%A}, {day:%B} {day.day}, {day.year}",
        f"{day.day} {day:%B} {day.year}".upper(),
    ][style]


def dates(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Different dates as they may be written, and as year-month-day."""
    random = np.random.default_rng(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        day = FIRST + datetime.timedelta(days=int(random.integers(DAYS)))
        found[written(day, int(random.integers(5)))] = day.isoformat()
    return list(found), list(found.values())


def draw(path: Path, texts: list[str], answers: list[str], weights: np.ndarray, side: int = 15) -> None:
    """For each date a map: what was written downwards, what was read to the right, dark where it looked."""
    width, height = (LENGTH + 3) * side, len(texts) * (ANSWER + 3) * side
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/><g font-family="monospace" text-anchor="middle">',
    ]
    for number, (text, answer) in enumerate(zip(texts, answers)):
        top = number * (ANSWER + 3) * side + 2 * side
        for column, sign in enumerate(text):
            parts.append(f'<text x="{(column + 2.5) * side}" y="{top - 4}" font-size="12">{sign}</text>')
        for row, sign in enumerate(answer):
            parts.append(f'<text x="{1.3 * side}" y="{top + (row + 0.75) * side}" font-size="12">{sign}</text>')
            for column in range(len(text)):
                grey = round(255 * (1 - float(weights[number, row, column])))
                parts.append(
                    f'<path d="M{(column + 2) * side} {top + row * side}h{side}v{side}h-{side}z" stroke="#ddd" '
                    f'fill="#{grey:02x}{grey:02x}{grey:02x}"/>'
                )
    path.write_text("\n".join([*parts, "</g></svg>", ""]), encoding="utf-8")


def main(out: Path, quick: bool) -> dict[str, float]:
    texts, answers = dates(1_500 if quick else 10_000)
    signs = sorted(set("".join([*texts, *answers, "_ "])))
    number = {sign: place for place, sign in enumerate(signs)}
    # read backwards: the reader ends with the first sign, and the writer starts from there
    xs = np.array([[number[sign] for sign in reversed(text.ljust(LENGTH))] for text in texts])
    ts = np.array([[number[sign] for sign in "_" + answer] for answer in answers])
    last = len(xs) * 9 // 10

    model = lg.models.Seq2seq(len(signs), width=16, hidden=32 if quick else 64, decoder="attention", seed=0)
    trainer = lg.Trainer(model, loss=None, optimizer=lg.Adam(0.005), schedule=lg.CosineDecay(), clip_norm=5.0)

    def judge(trainer: lg.Trainer, row: dict[str, float]) -> None:
        right = model.exact_match(xs[last:], ts[last:])
        print(f"epoch {trainer.epoch}  loss {row['loss']:.4f}  right {right:.4f}")

    history = trainer.fit((xs[:last], ts[:last]), epochs=2 if quick else 5, batch_size=64, callbacks=[judge])

    test = texts[last:]
    chosen = [last + next(k for k, text in enumerate(test) if style(text) == each) for each in range(5)]
    found, weights = model.attention(xs[chosen], number["_"], ANSWER)
    rewritten = ["".join(signs[each] for each in answer) for answer in found]
    for text, answer in zip([texts[k] for k in chosen], rewritten):
        print(f"{text:>{LENGTH}}  ->  {answer}")
    out.mkdir(parents=True, exist_ok=True)
    draw(out / "attention.svg", [texts[k] for k in chosen], rewritten, weights[:, :, ::-1])
    print("picture:", out / "attention.svg")
    right = model.exact_match(xs[last:], ts[last:])
    return {"right": right, "first": history[0]["loss"], "last": history[-1]["loss"]}


def style(text: str) -> int:
    """Which of the five styles a date is written in."""
    if "/" in text:
        return 2
    if text.isupper():
        return 4
    if text.count(",") == 2:
        return 3
    return 0 if len(text.split()[0]) > 3 else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Dates rewritten by a network with attention, and what it looked at.")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/date_conversion"), help="for the picture")
    parser.add_argument("--quick", action="store_true", help="2 epochs of a small network on 1,500 dates")
    given = parser.parse_args()
    result = main(given.out, given.quick)
