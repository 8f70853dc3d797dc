"""Schedules: how the learning rate changes during training, as a factor of the rate the optimizer was given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from localgrad.graph.errors import CheckpointError, DataError, LocalgradError
from localgrad.train.history import smaller_is_better

__all__ = [
    "ConstantRate",
    "CosineDecay",
    "RateFunction",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "as_schedule",
]

Unit = Literal["epoch", "step"]


class Schedule:
    """A factor of the learning rate for each place in training; a subclass writes `factor`.

    `factor(step, epoch)` is asked before every step: `step` counts steps from 0, `epoch` epochs from 0, with the part of
    the epoch that is done where the number of batches is known. The trainer calls `start` first, with the total numbers.
    """

    def start(self, steps: float | None, epochs: float) -> None:
        """Told once before training: how many steps (None where unknown) and epochs there will be in all."""

    def factor(self, step: float, epoch: float) -> float:
        """The factor at a place in training."""
        raise NotImplementedError(f"{type(self).__name__} has no factor")

    def epoch_ended(self, row: Mapping[str, float]) -> None:
        """Told after each epoch what the history says of it."""

    def state(self) -> dict[str, Any]:
        """What it needs to go on, as numbers and texts."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""


class ConstantRate(Schedule):
    """The learning rate times a constant factor (1 unless given).

    >>> ConstantRate().factor(10, 1)
    1.0
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.constant = float(factor)

    def factor(self, step: float, epoch: float) -> float:
        return self.constant


class RateFunction(Schedule):
    """A function of the epoch (with its part that is done), or of the step, as a schedule.

    >>> RateFunction(lambda epoch: 0.5**epoch).factor(30, 2.0)
    0.25
    """

    def __init__(self, function: Callable[[float], float], unit: Unit = "epoch") -> None:
        self.function, self.unit = function, _unit(unit)

    def factor(self, step: float, epoch: float) -> float:
        return float(self.function(step if self.unit == "step" else epoch))


class StepDecay(Schedule):
    """Multiplies the rate by `gamma` every so many epochs (or steps), or at each of the places in a list.

    >>> schedule = StepDecay(10, gamma=0.1)
    >>> [round(schedule.factor(0, epoch), 3) for epoch in (0, 9.9, 10, 25)]
    [1.0, 1.0, 0.1, 0.01]
    >>> StepDecay([3, 5], gamma=0.5).factor(0, 4)
    0.5
    """

    def __init__(
        self, every: float | list[float] | tuple[float, ...], gamma: float = 0.1, unit: Unit = "epoch"
    ) -> None:
        self.every, self.gamma, self.unit = every, float(gamma), _unit(unit)
        if not isinstance(every, (list, tuple)) and not every > 0:
            raise LocalgradError(f"StepDecay needs a distance above 0 between its steps; found every={every!r}")

    def factor(self, step: float, epoch: float) -> float:
        place = step if self.unit == "step" else epoch
        if isinstance(self.every, (list, tuple)):
            return self.gamma ** sum(place >= each for each in self.every)
        # a part of an epoch is a division of integers, whose rounding must not move the place
        return float(self.gamma ** math.floor(place / self.every + 1e-9))


class CosineDecay(Schedule):
    """Half a cosine from 1 down to `minimum` over the whole training, or over so many epochs (or steps), then constant.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without restarts.

    >>> schedule = CosineDecay(10)
    >>> [round(schedule.factor(0, epoch), 3) for epoch in (0, 5, 10, 12)]
    [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, length: float | None = None, minimum: float = 0.0, unit: Unit = "epoch") -> None:
        self.length, self.minimum, self.unit = length, float(minimum), _unit(unit)
        if length is not None and not length > 0:
            raise LocalgradError(f"CosineDecay needs a length above 0; found {length!r}")
        self._total = length

    def start(self, steps: float | None, epochs: float) -> None:
        if self.length is None:
            total = steps if self.unit == "step" else epochs
            if total is None:
                raise DataError(
                    "CosineDecay counts steps over the whole training, and the data do not tell how many there are; "
                    'give its length, or use unit="epoch"'
                )
            self._total = total

    def factor(self, step: float, epoch: float) -> float:
        if self._total is None:
            raise LocalgradError("CosineDecay without a length was asked before training began; give it a length")
        place = min(1.0, (step if self.unit == "step" else epoch) / self._total) if self._total > 0 else 1.0
        return self.minimum + (1 - self.minimum) * 0.5 * (1 + math.cos(math.pi * place))


class WarmUp(Schedule):
    """A straight line from `start_at` up to 1 over so many steps (or epochs), after which another schedule begins.

    What comes `then` counts from the end of the warm-up, and what lasts the whole training lasts the rest of it.

    >>> schedule = WarmUp(4, then=StepDecay(2, 0.1, unit="step"))
    >>> [round(schedule.factor(step, 0), 2) for step in (0, 1, 3, 4, 5, 6)]
    [0.25, 0.5, 1.0, 1.0, 1.0, 0.1]
    """

    def __init__(
        self,
        length: float,
        then: Schedule | Callable[[float], float] | None = None,
        start_at: float = 0.0,
        unit: Unit = "step",
    ) -> None:
        if not length > 0:
            raise LocalgradError(f"WarmUp needs a length above 0; found {length!r}")
        self.length, self.start_at, self.unit = float(length), float(start_at), _unit(unit)
        self.then = as_schedule(then) or ConstantRate()
        self._done: tuple[float, float] = (length, 0.0) if unit == "step" else (0.0, length)

    def start(self, steps: float | None, epochs: float) -> None:
        each = steps / epochs if steps is not None and epochs else None
        if self.unit == "step":
            self._done = (self.length, self.length / each if each else 0.0)
        else:
            self._done = (self.length * each if each else 0.0, self.length)
        self.then.start(None if steps is None else max(steps - self._done[0], 0.0), max(epochs - self._done[1], 0.0))

    def factor(self, step: float, epoch: float) -> float:
        # the step about to be made counts, so that the first one is not made at rate 0
        done = step + 1 if self.unit == "step" else epoch
        if done < self.length:
            return self.start_at + (1 - self.start_at) * done / self.length
        return self.then.factor(max(step - self._done[0], 0.0), max(epoch - self._done[1], 0.0))

    def epoch_ended(self, row: Mapping[str, float]) -> None:
        self.then.epoch_ended(row)

    def state(self) -> dict[str, Any]:
        return self.then.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.then.load_state(state)


class ReduceOnPlateau(Schedule):
    """Multiplies the rate by `gamma` when a metric has not become better for more than `patience` epochs.

    `metric` is a column of the history (None: the validation loss, else the loss); better means smaller for losses and
    errors, larger for others, unless `mode` says, by more than the part `threshold` of the best.

    >>> schedule = ReduceOnPlateau("loss", patience=1, gamma=0.5)
    >>> for loss in (1.0, 0.9, 0.9, 0.9):
    ...     schedule.epoch_ended({"loss": loss})
    >>> schedule.factor(0, 0)
    0.5
    """

    def __init__(
        self,
        metric: str | None = None,
        gamma: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        minimum: float = 0.0,
        mode: Literal["min", "max"] | None = None,
    ) -> None:
        if not 0 < gamma < 1:
            raise LocalgradError(f"ReduceOnPlateau multiplies the rate by a gamma between 0 and 1; found {gamma!r}")
        self.metric, self.gamma, self.patience = metric, float(gamma), int(patience)
        self.threshold, self.minimum, self.mode = float(threshold), float(minimum), mode
        self._now, self._best, self._waited = 1.0, None, 0  # type: tuple[float, float | None, int]

    def factor(self, step: float, epoch: float) -> float:
        return self._now

    def epoch_ended(self, row: Mapping[str, float]) -> None:
        name = self.metric or ("validation_loss" if "validation_loss" in row else "loss")
        if name not in row:
            raise DataError(f"ReduceOnPlateau watches {name!r}; this epoch has {', '.join(row)}. Watch one of these.")
        value = row[name]
        down = smaller_is_better(name) if self.mode is None else self.mode == "min"
        if math.isfinite(value) and (self._best is None or _better(value, self._best, down, self.threshold)):
            self._best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited > self.patience:
            self._now, self._waited = max(self._now * self.gamma, self.minimum), 0

    def state(self) -> dict[str, Any]:
        return {"factor": self._now, "best": self._best, "waited": self._waited}

    def load_state(self, state: Mapping[str, Any]) -> None:
        try:
            best = state["best"]
            self._now, self._waited = float(state["factor"]), int(state["waited"])
            self._best = None if best is None else float(best)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the state of a ReduceOnPlateau was to be loaded; found {state!r:.80} ({error}). Use the same schedule "
                "as when it was saved."
            ) from None


def _better(value: float, best: float, down: bool, threshold: float) -> bool:
    margin = threshold * abs(best)
    return value < best - margin if down else value > best + margin


def as_schedule(schedule: Schedule | Callable[[float], float] | None) -> Schedule | None:
    """A schedule as it is, or a function of the epoch as one; raises LocalgradError for anything else."""
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    if callable(schedule) and not isinstance(schedule, type):
        return RateFunction(schedule)
    raise LocalgradError(
        f"a schedule was to be used; found {schedule!r:.60}. Give CosineDecay(), StepDecay(10), ..., or a function of the "
        "epoch that gives a factor of the learning rate"
    )


def _unit(unit: Any) -> Unit:
    if unit not in ("epoch", "step"):
        raise LocalgradError(f'the unit of a schedule is "epoch" or "step"; found {unit!r}')
    return unit  # type: ignore[no-any-return]
