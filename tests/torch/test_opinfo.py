"""Every operation with a twin in PyTorch's table of sample inputs agrees with it, in values and gradients."""

from __future__ import annotations

import pytest

import localgrad as lg
from tests.torch.opinfo import Spelling, Verdict, judged
from tests.torch.opinfo_report import report, total
from tests.torch.opinfo_twins import TWINS

EXCUSED = 0.03
OPERATIONS = 200


@pytest.mark.parametrize("name", sorted(TWINS))
def test_values_and_gradients_agree_with_pytorch(name: str) -> None:
    verdict: Verdict = judged(name)
    assert not verdict.failures, "\n".join([f"{len(verdict.failures)} of {verdict.samples}:", *verdict.failures[:5]])
    assert verdict.agreeing or verdict.excused, "nothing was compared"


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (lambda x: lg.tanh(x) * (1 + 1e-5 if x.dtype == "float64" else 1.001), "output 0: relative error"),
        (lambda x: lg.tanh(x) + 1e-5 * (x - lg.stop_gradient(x)) if x.dtype == "float64" else 2 * x, "gradient 0: rel"),
        (lambda x: lg.tanh(lg.stop_gradient(x)), "gradient 0: missing"),
        (lambda x: lg.tanh(x).astype("float16"), "dtype float16"),
        (lambda x: lg.expand_dims(lg.tanh(x), 0), "output 0: shape"),
        (lambda x: lg.where(x > 0, lg.tanh(x), float("nan")), "infinities or NaN differ"),
        (lambda x: (lg.tanh(x), x), "2 outputs"),
        (lambda x: lg.tanh(x).numpy(), "not a tensor"),
    ],
)
def test_the_judge_notices(wrong, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TWINS, "tanh", {"tanh": Spelling(wrong)})
    verdict = judged.__wrapped__("tanh")
    assert len(verdict.failures) == verdict.samples == 2  # one in each dtype
    assert part in verdict.failures[0]


def test_enough_operations_have_a_twin_and_few_samples_are_excused(capsys: pytest.CaptureFixture[str]) -> None:
    whole = total()
    with capsys.disabled():
        print(report())
    agreeing = [name for name in TWINS if judged(name).agreeing]
    assert len(agreeing) >= OPERATIONS
    assert sum(whole.excused.values()) <= EXCUSED * whole.samples
