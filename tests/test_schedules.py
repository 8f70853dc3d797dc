"""Schedules: factors at known places, composed, and through a checkpoint."""

from __future__ import annotations

import json
import math

import pytest

from localgrad.graph.errors import CheckpointError, DataError, LocalgradError
from localgrad.train.schedules import (
    ConstantRate,
    CosineDecay,
    RateFunction,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
    as_schedule,
)


def along(schedule: Schedule, steps: int, each: int = 4) -> list[float]:
    schedule.start(steps, steps / each)
    return [schedule.factor(step, step / each) for step in range(steps)]


def test_constant_and_functions() -> None:
    assert along(ConstantRate(0.5), 3) == [0.5] * 3
    assert along(RateFunction(lambda epoch: 1 / (1 + epoch)), 5)[4] == 0.5
    assert RateFunction(lambda step: step, unit="step").factor(7, 1) == 7


def test_steps_by_epochs_and_by_steps() -> None:
    assert along(StepDecay(1, 0.5), 9) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]
    assert along(StepDecay(3, 0.5, unit="step"), 7) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert [StepDecay([1, 3], 0.5).factor(0, epoch) for epoch in (0.9, 1, 2.5, 3)] == [1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("each", [3, 7, 49, 1437])
def test_an_epoch_boundary_is_not_moved_by_rounding(each: int) -> None:
    schedule = StepDecay(0.7, 0.5)
    for epoch in range(7, 70, 7):
        assert schedule.factor(0, epoch * each / each / 10) == 0.5 ** (epoch // 7)


@pytest.mark.parametrize("unit", ["epoch", "step"])
def test_cosine_over_the_whole_training(unit: str) -> None:
    factors = along(CosineDecay(minimum=0.1, unit=unit), 8)
    assert factors[0] == 1
    assert factors[4] == pytest.approx(0.55)
    assert factors[2] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert CosineDecay(2, unit="step").factor(5, 0) == pytest.approx(0)


def test_cosine_without_a_known_end() -> None:
    with pytest.raises(DataError, match="do not tell how many"):
        CosineDecay(unit="step").start(None, 3)
    with pytest.raises(LocalgradError, match="before training began"):
        CosineDecay().factor(0, 0)


def test_warm_up_leads_to_the_rest() -> None:
    factors = along(WarmUp(4, then=CosineDecay(unit="step")), 12)
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1
    assert factors[8] == pytest.approx(0.5)
    by_epochs = along(WarmUp(1, then=CosineDecay(), unit="epoch", start_at=0.2), 12)
    assert by_epochs[0] == 0.2
    assert by_epochs[2] == pytest.approx(0.6)
    assert by_epochs[8] == pytest.approx(0.5)
    assert along(WarmUp(2), 4) == [0.5, 1, 1, 1]
    assert WarmUp(2, then=lambda epoch: 0.5).factor(3, 0) == 0.5


def test_warm_up_longer_than_the_training() -> None:
    assert along(WarmUp(8, then=CosineDecay()), 4) == [0.125, 0.25, 0.375, 0.5]


def test_plateau_waits_and_reduces() -> None:
    schedule = ReduceOnPlateau("accuracy", gamma=0.5, patience=2, minimum=0.3)
    seen = []
    for value in (0.5, 0.6, 0.6, 0.6, 0.6, 0.6, math.nan, 0.6, 0.7, 0.7):
        schedule.epoch_ended({"accuracy": value})
        seen.append(schedule.factor(0, 0))
    assert seen == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]


def test_plateau_watches_the_validation_loss_and_says_what_there_is() -> None:
    schedule = ReduceOnPlateau(patience=0, gamma=0.5)
    schedule.epoch_ended({"loss": 1.0, "validation_loss": 1.0})
    schedule.epoch_ended({"loss": 0.5, "validation_loss": 1.0})
    assert schedule.factor(0, 0) == 0.5
    with pytest.raises(DataError, match="watches 'recall'; this epoch has loss"):
        ReduceOnPlateau("recall").epoch_ended({"loss": 1.0})


def test_plateau_goes_on_from_its_state_inside_a_warm_up() -> None:
    first, second = (WarmUp(1, then=ReduceOnPlateau("loss", patience=1, gamma=0.5)) for _ in range(2))
    for loss in (1.0, 1.0):
        first.epoch_ended({"loss": loss})
    second.load_state(json.loads(json.dumps(first.state())))
    for schedule in (first, second):
        schedule.epoch_ended({"loss": 1.0})
        assert schedule.factor(9, 1) == 0.5
    with pytest.raises(CheckpointError, match="the same schedule"):
        second.load_state({})


def test_what_is_no_schedule() -> None:
    assert as_schedule(None) is None
    assert isinstance(as_schedule(lambda epoch: 1.0), RateFunction)
    for wrong in (3, "cosine", CosineDecay):
        with pytest.raises(LocalgradError, match="a schedule was to be used"):
            as_schedule(wrong)  # type: ignore[arg-type]
    for make in (
        lambda: StepDecay(0),
        lambda: CosineDecay(-1),
        lambda: WarmUp(0),
        lambda: ReduceOnPlateau(gamma=2),
        lambda: StepDecay(1, unit="week"),  # type: ignore[arg-type]
    ):
        with pytest.raises(LocalgradError):
            make()
