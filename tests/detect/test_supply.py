"""Live, dead, partial, unknown."""

import pytest
from looks import U, rules

from agent.detect.supply import supply
from agent.records import Comms, Kind, Supply

IEC = rules()


def _supply(*pu: float | None, comms: Comms = "ok", kinds: tuple[Kind, ...] = ()) -> tuple[Supply, list[Supply]]:
    volts = tuple(None if value is None else value * U for value in pu)
    total, by_phase = supply(volts, IEC, comms, kinds)
    assert list(by_phase) == ["l1", "l2", "l3"]
    return total, list(by_phase.values())


@pytest.mark.parametrize(
    ("pu", "total", "phases"),
    [
        ((1, 1, 1), "live", ["live", "live", "live"]),
        ((0.4, 1, 1), "live", ["live", "live", "live"]),
        ((0, 1, 1), "partial", ["dead", "live", "live"]),
        ((0.01, 0.02, 0), "dead", ["dead", "dead", "dead"]),
        ((None, 0, 0), "unknown", ["unknown", "dead", "dead"]),
        ((None, 1, 1), "live", ["unknown", "live", "live"]),
        ((None, 0, 1), "partial", ["unknown", "dead", "live"]),
        ((None, None, None), "unknown", ["unknown", "unknown", "unknown"]),
    ],
)
def test_supply_in_one_word(pu: tuple[float | None, ...], total: Supply, phases: list[Supply]) -> None:
    assert _supply(*pu) == (total, phases)


@pytest.mark.parametrize("pu", [(1, 1, 1), (0, 0, 0)])
def test_silence_is_unknown_never_dead(pu: tuple[float, ...]) -> None:
    assert _supply(*pu, comms="lost") == ("unknown", ["unknown"] * 3)
    assert _supply(*pu, comms="suspect") == _supply(*pu)


def test_a_unit_never_seen_is_unknown() -> None:
    assert supply(None, IEC, "ok") == ("unknown", {"l1": "unknown", "l2": "unknown", "l3": "unknown"})


def test_a_phase_in_a_phase_loss_is_partial_even_where_something_backfeeds_it() -> None:
    assert _supply(0.3, 1, 1, kinds=("phase_loss",)) == ("partial", ["partial", "live", "live"])
    assert _supply(0.3, 1, 1) == ("live", ["live"] * 3)


def test_an_open_supply_loss_stays_dead_through_its_hysteresis() -> None:
    assert _supply(0.06, 0.06, 0.06, kinds=("supply_loss",))[0] == "dead"
    assert _supply(0.06, 0.06, 0.06)[0] == "live"
