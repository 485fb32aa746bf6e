"""Levels in volts, and the profiles that set them."""

import pytest
from looks import U, rules

from agent.detect.thresholds import PROFILES, Rules, levels_of


@pytest.mark.parametrize(("profile", "interruption"), [("iec", 0.05), ("gb", 0.10), ("ieee", 0.10)])
def test_the_interruption_threshold_is_a_profile_setting(profile: str, interruption: float) -> None:
    assert PROFILES[profile].interruption == interruption
    assert {(t.sag, t.swell, t.hysteresis) for t in PROFILES.values()} == {(0.90, 1.10, 0.02)}


def test_levels_are_the_fractions_of_the_reference() -> None:
    levels = levels_of(PROFILES["iec"], 230.0)
    found = (levels.sag, levels.sag_end, levels.swell, levels.swell_end, levels.loss, levels.loss_end)
    assert found == pytest.approx((207.0, 211.6, 253.0, 248.4, 11.5, 16.1), rel=1e-5)
    assert (levels.phase, levels.phase_end, levels.alive) == pytest.approx((138.0, 142.6, 184.0), rel=1e-5)


@pytest.mark.parametrize(("channels", "phases"), [((), ()), (("a", "b"), ("l1",)), (tuple("abcd"), ("l1",) * 4)])
def test_rules_want_one_to_three_channels_each_with_its_phase(
    channels: tuple[str, ...], phases: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="one phase for each"):
        Rules("iec", PROFILES["iec"], U, channels, phases, 0, 0, "ln")


@pytest.mark.parametrize(("reference_v", "window_us", "age_us"), [(0.0, 0, 0), (U, -1, 0), (U, 0, -1)])
def test_rules_refuse_what_no_voltage_can_be_judged_by(reference_v: float, window_us: int, age_us: int) -> None:
    with pytest.raises(ValueError, match="positive reference"):
        Rules("iec", PROFILES["iec"], reference_v, ("a",), ("l1",), window_us, age_us, "ln")


def test_a_reading_reaches_back_by_window_and_register_age() -> None:
    assert rules(window_s=1.0, age_s=0.6).reach_us == 1_600_000
