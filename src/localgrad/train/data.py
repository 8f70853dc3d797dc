"""Data in batches: seeded, resumable, and without a Python loop over samples."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localgrad.graph.errors import DataError
from localgrad.train.dataset import Batch, Dataset, checked, in_our_dtype, is_indexed, mapped

__all__ = ["Batch", "DataLoader", "Dataset", "as_loader"]


class DataLoader:
    """Batches of a data set, epoch after epoch; what epoch e gives depends on `seed` and e alone.

    `data` is whatever `Dataset` takes. It may also bring its own batches: an iterable of arrays, tuples or dicts, or
    a function without arguments that makes a new one for each epoch (a bare generator lasts one epoch). Such data are
    delivered as they come, converted and checked like a `Dataset`; `batch_size`, `shuffle`, `seed` and `drop_last` do
    not apply. With `drop_last` a shorter last batch is left out.

    Each `for batch in loader` runs the next epoch. Saving `state()` in the middle and giving it to `load_state` of an
    equal loader makes the next `for` continue after the last batch delivered, bit for bit; data that bring their own
    batches are run up to that place. Raises `DataError`.

    >>> import numpy
    >>> loader = DataLoader((numpy.zeros((10, 3)), numpy.arange(10)), batch_size=4, seed=0)
    >>> [y.shape[0] for x, y in loader]
    [4, 4, 2]
    >>> loader.state()["epoch"], len(loader)
    (1, 3)
    """

    def __init__(
        self,
        data: Any,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        check_finite: bool = True,
    ) -> None:
        self.batch_size = _whole("batch_size", batch_size)
        self.shuffle, self.seed, self.drop_last = bool(shuffle), operator.index(seed), bool(drop_last)
        self.check_finite = check_finite
        self.dataset: Dataset | None = None
        self._source: Iterable[Any] | Callable[[], Iterable[Any]] = ()
        self._spent = False
        self._epoch, self._position, self._resumed = 0, 0, False
        if self.batch_size < 1:
            raise DataError(
                f"batch_size: at least 1 was expected, found {batch_size}. Powers of two from 32 are usual."
            )
        if isinstance(data, Dataset):
            self.dataset = data
        elif _brings_batches(data):
            self._source = data
        else:
            self.dataset = Dataset(data, check_finite=check_finite)
        if self.drop_last and self.dataset is not None and len(self.dataset) < self.batch_size:
            raise DataError(
                f"no batch is left: {len(self.dataset)} samples, batch_size={self.batch_size} and drop_last=True. "
                f"Lower batch_size, or keep the last batch."
            )

    def __len__(self) -> int:
        """The number of batches in an epoch; `TypeError` where the data do not tell."""
        if self.dataset is None:
            return len(self._source)  # type: ignore[arg-type]  # the TypeError of a generator is the right one
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __bool__(self) -> bool:
        return True  # by len() a generator could not be asked

    @property
    def samples(self) -> int | None:
        """The number of samples, `None` where the data do not tell."""
        return None if self.dataset is None else len(self.dataset)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the next epoch, or after `load_state` the rest of the interrupted one."""
        if self._position and not self._resumed:
            self._epoch, self._position = self._epoch + 1, 0
        self._resumed = False
        return self._following(self.batches(self._epoch, self._position), self._epoch)

    def _following(self, batches: Iterator[Batch], epoch: int) -> Iterator[Batch]:
        for batch in batches:
            self._epoch, self._position = epoch, self._position + 1
            yield batch
        self._epoch, self._position = epoch + 1, 0

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the samples in an epoch (from 0): a pure function of the seed and `epoch`."""
        if self.dataset is None:
            raise DataError("order: the data bring their own batches. Only arrays and indexed samples have an order.")
        if not self.shuffle:
            return np.arange(len(self.dataset))
        # Sorting raw Philox bits gives the same order in every NumPy; Generator.permutation does not promise that.
        key = np.array([self.seed % 2**64, operator.index(epoch) % 2**64], dtype=np.uint64)
        return np.argsort(np.random.Philox(key=key).random_raw(len(self.dataset)), kind="stable")

    def batches(self, epoch: int, position: int = 0) -> Iterator[Batch]:
        """The batches of one epoch (from 0) without the first `position`; leaves the loader's own place alone."""
        if self.dataset is None:
            yield from self._brought(position)
            return
        order = self.order(epoch)
        for number in range(position, len(self)):
            yield self.dataset.take(order[number * self.batch_size : (number + 1) * self.batch_size])

    def _brought(self, position: int) -> Iterator[Batch]:
        source = self._source() if callable(self._source) else self._source
        iterator = iter(source)
        if iterator is self._source:
            if self._spent:
                raise DataError(
                    "a second epoch was asked for, and the generator is used up: it lasts one. Pass a function that "
                    "makes a new one (the generator function itself, without calling it)."
                )
            self._spent = True
        number = -1
        for number, item in enumerate(iterator):
            if number < position:
                continue
            # Frameworks that stack samples give a list of arrays where we say tuple.
            parts = isinstance(item, list) and item and all(hasattr(part, "__array__") for part in item)
            arrays, _ = checked(tuple(item) if parts else item, f"batch {number}", self.check_finite)
            yield mapped(arrays, in_our_dtype, f"batch {number}")
        if number < 0:
            raise DataError("batches were asked for, and the data gave none. Pass an iterable that is not empty.")

    def state(self) -> dict[str, Any]:
        """The place in the data and what it depends on, as a plain dict of ints and bools for a checkpoint."""
        return {"epoch": self._epoch, "position": self._position, **self._identity()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`. Raises `DataError`, and changes nothing, if the loader that saved it was set up otherwise."""
        own = self._identity()
        different = [
            f"{name} was {state.get(name)!r}, is {own[name]!r}" for name in own if state.get(name) != own[name]
        ]
        if different:
            raise DataError(
                f"continuing in the data: they were set up otherwise when the state was saved ({'; '.join(different)}). "
                f"Set them up the same way, or start anew."
            )
        epoch, position = state.get("epoch"), state.get("position")
        if type(epoch) is not int or type(position) is not int or epoch < 0 or position < 0:
            raise DataError(f"continuing in the data: epoch {epoch!r}, position {position!r} is no place. Start anew.")
        self._epoch, self._position, self._resumed = epoch, position, True

    def _identity(self) -> dict[str, Any]:
        if self.dataset is None:
            return {"samples": None}
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "drop_last": self.drop_last,
        }

    def __repr__(self) -> str:
        if self.dataset is None:
            return "DataLoader(batches as they come)"
        order = f"shuffled with seed {self.seed}" if self.shuffle else "in order"
        return f"DataLoader({len(self.dataset):,} samples, batches of {self.batch_size}, {order})"


def as_loader(data: Any, batch_size: int = 32, shuffle: bool = True, seed: int = 0) -> DataLoader:
    """`data` itself if it is a `DataLoader`, else one made from it."""
    return data if isinstance(data, DataLoader) else DataLoader(data, batch_size, shuffle, seed)


def _brings_batches(data: Any) -> bool:
    if isinstance(data, np.ndarray | tuple | dict | list | str | bytes) or hasattr(data, "__array__"):
        return False
    return not is_indexed(data) and (callable(data) or hasattr(data, "__iter__"))


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise DataError(f"{name}: a whole number was expected, found {value!r}. Pass an int.") from None
