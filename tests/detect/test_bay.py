"""A bay with the voltage of its bus: its own current tells whether it is dead."""

from looks import U, rules, s

from agent.detect.bay import BayDetector
from agent.detect.voltage import Look


def _held(detector: BayDetector, at_s: float, for_s: float, *amps: float) -> float:
    while for_s > 0:
        one, two, three = amps
        look = Look(s(at_s), s(at_s) + 20_000, (U, U, U), False, (one, two, three))
        assert not detector.look(look, s(at_s))
        at_s, for_s = at_s + 0.5, for_s - 0.5
    return at_s


def test_a_current_that_is_gone_at_once_is_gone_since_between_two_looks() -> None:
    detector = BayDetector(rules(), floor_a=1.0)
    at_s = _held(detector, 0.0, 20, 80, 90, 85)
    assert detector.current_gone is None
    after_s = _held(detector, at_s, 20, 0.0, 0.1, 0.0)
    assert detector.current_gone is not None
    assert detector.current_gone.start_boot_us == s(at_s + 0.02)
    assert detector.current_gone.start_earliest_boot_us == s(at_s - 0.5 - 0.3)
    _held(detector, after_s, 2, 5, 5, 5)
    assert detector.current_gone is None


def test_a_look_half_way_down_is_allowed() -> None:
    detector = BayDetector(rules(), floor_a=1.0)
    at_s = _held(detector, 0.0, 20, 80, 90, 85)
    at_s = _held(detector, at_s, 0.5, 3, 3, 3)
    _held(detector, at_s, 5, 0, 0, 0)
    assert detector.current_gone is not None


def test_a_load_that_is_switched_off_bit_by_bit_is_no_dead_feeder() -> None:
    detector = BayDetector(rules(), floor_a=1.0)
    at_s = 0.0
    for amps in (80, 40, 12, 6, 3, 1.5):
        at_s = _held(detector, at_s, 3, amps, amps, amps)
    _held(detector, at_s, 30, 0, 0, 0)
    assert detector.current_gone is None


def test_one_phase_that_flows_on_and_a_load_never_above_noise_tell_nothing() -> None:
    detector = BayDetector(rules(), floor_a=1.0)
    _held(detector, _held(detector, 0.0, 5, 80, 90, 85), 5, 0, 0, 85)
    assert detector.current_gone is None
    detector = BayDetector(rules(), floor_a=1.0)
    _held(detector, _held(detector, 0.0, 5, 5, 5, 5), 5, 0, 0, 0)
    assert detector.current_gone is None
