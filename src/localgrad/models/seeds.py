"""One seed for a whole network: a key for each of its layers."""

from __future__ import annotations

from collections.abc import Iterator

from localgrad.nodes import philox


def seeds(seed: int) -> Iterator[int]:
    """The seeds of the layers of a network that is made from one: equal for the same seed, unlike for another.

    Counting up from `seed` would give the second layer of one network the numbers of the first layer of the next.

    >>> first, second = seeds(0), seeds(1)
    >>> len({next(first), next(first), next(second), next(second)})
    4
    """
    layer = 0
    while True:
        yield philox.fold(philox.fold(seed, "model"), layer)
        layer += 1
