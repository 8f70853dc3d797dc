"""Every operation with a twin in PyTorch's table of sample inputs agrees with it, in values and gradients."""

from __future__ import annotations

import pytest

from tests.torch.opinfo import TWINS, Verdict, judged
from tests.torch.opinfo_report import report, total
from tests.torch.opinfo_twins import TWINS as ALL  # the adapters enter themselves

assert ALL is TWINS

EXCUSED = 0.03
OPERATIONS = 200


@pytest.mark.parametrize("name", sorted(TWINS))
def test_values_and_gradients_agree_with_pytorch(name: str) -> None:
    verdict: Verdict = judged(name)
    assert not verdict.failures, "\n".join([f"{len(verdict.failures)} of {verdict.samples}:", *verdict.failures[:5]])
    assert verdict.agreeing or verdict.excused, "nothing was compared"


def test_enough_operations_have_a_twin_and_few_samples_are_excused(capsys: pytest.CaptureFixture[str]) -> None:
    whole = total()
    with capsys.disabled():
        print(report())
    agreeing = [name for name in TWINS if judged(name).agreeing]
    assert len(agreeing) >= OPERATIONS
    assert sum(whole.excused.values()) <= EXCUSED * whole.samples
