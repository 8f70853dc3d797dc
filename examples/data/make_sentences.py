"""Writes sentences.txt, the text of the word2vec examples: `python examples/data/make_sentences.py`.

1,600 sentences of a small made-up language: people, animals, food, drinks, colors, places and days, each kind of word
in its own surroundings. Words of one kind can be told only by what stands around them, which is what word2vec learns.
The text is part of localgrad and under its licence; `tests/test_examples.py` holds it to this script.
"""

import random
from pathlib import Path

MEN, WOMEN = ["man", "boy", "king", "prince"], ["woman", "girl", "queen", "princess"]
COURT, YOUNG = ["king", "prince", "queen", "princess"], ["boy", "prince", "girl", "princess"]
WORDS = {
    "animal": ["cat", "dog", "horse", "cow", "sheep", "goat"],
    "food": ["bread", "cheese", "soup", "cake", "rice", "fish"],
    "drink": ["water", "milk", "tea", "wine", "juice"],
    "color": ["red", "green", "blue", "white", "black"],
    "place": ["garden", "forest", "village", "harbour", "market"],
    "day": ["monday", "tuesday", "wednesday", "thursday", "friday"],
    "thing": ["hat", "coat", "house", "boat", "cart"],
    "move": ["runs", "walks", "jumps", "sleeps", "hides"],
}


def sentence(draw: random.Random) -> str:
    def word(name: str) -> str:
        return draw.choice(WORDS[name])

    person = draw.choice(MEN + WOMEN)
    he, his = ("he", "his") if person in MEN else ("she", "her")
    home = "palace" if person in COURT else "cottage"
    work = "learns and plays at school" if person in YOUNG else "works and reads letters"
    return draw.choice(
        [
            f"the {word('animal')} {word('move')} in the {word('place')} .",
            f"a {word('color')} {word('animal')} eats grass and {word('move')} away .",
            f"on {word('day')} the {person} eats {word('food')} and drinks {word('drink')} .",
            f"on {word('day')} the {person} says that {he} wants {word('food')} .",
            f"a glass of {word('drink')} and a plate of {word('food')} for the {person} and {his} friend .",
            f"the {person} has a {word('color')} {word('thing')} and {he} likes {his} {word('thing')} .",
            f"in the {home} {his} bed is warm and the {person} sleeps .",
            f"at the {home} the {person} {work} .",
            f"the {person} {work} and {he} goes to the {home} .",
            f"the {person} takes {his} {word('animal')} to the {word('place')} on {word('day')} .",
        ]
    )


def text(count: int = 1_600) -> str:
    draw = random.Random(0)
    return "".join(sentence(draw) + "\n" for _ in range(count))


if __name__ == "__main__":
    Path(__file__).with_name("sentences.txt").write_text(text(), encoding="utf-8")
