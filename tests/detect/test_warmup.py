"""What a meter says right after its boot."""

import pytest
from looks import U, rules, s

from agent.detect.warmup import Warmup

GOOD, LOW, ZERO, NONE = (U, U, U), (0.5 * U, U, U), (0.0, 0.0, 0.0), (None, None, None)
Volts = tuple[float | None, ...]


def _doubtful(volts: Volts, at_s: float) -> bool:
    warmup = Warmup(rules(window_s=0.2, age_s=0.1))
    warmup.begins(0)
    return warmup.doubtful(volts, s(at_s))


@pytest.mark.parametrize(
    ("volts", "at_s", "doubtful"),
    [
        (LOW, 0.0, True),
        (LOW, 1.3, True),
        (LOW, 1.301, False),
        (ZERO, 1.301, True),
        (ZERO, 10.0, True),
        (ZERO, 10.001, False),
        (NONE, 10.0, True),
        ((0.0, None, 0.0), 9.0, True),
        ((0.0, U, 0.0), 1.4, False),
        (GOOD, 0.0, False),
        ((U, None, U), 0.0, True),
    ],
)
def test_how_long_an_answer_is_doubtful(volts: Volts, at_s: float, doubtful: bool) -> None:
    assert _doubtful(volts, at_s) is doubtful


def test_a_look_with_every_voltage_in_band_ends_it_at_once() -> None:
    warmup = Warmup(rules())
    warmup.begins(0)
    assert not warmup.doubtful(GOOD, s(0.1))
    assert warmup.since_us is None
    assert not warmup.doubtful(LOW, s(0.2))


def test_a_meter_that_did_not_boot_is_believed() -> None:
    assert not Warmup(rules()).doubtful(ZERO, 0)
