"""A reference that follows the voltage: for networks that are run off their nominal voltage (IEC 61000-4-30, 5.4.4).

A first-order filter with a time constant of one minute over the mean of the wired channels, which begins at the
declared voltage. It is frozen while anything is out of the ordinary, so an event is judged by one reference from start
to end.
"""

from dataclasses import replace
from math import exp

from agent.detect.blocks import Block
from agent.detect.thresholds import Rules

# IEC 61000-4-30: tau = 1 min.
_TAU_US = 60_000_000
# Thresholds are worked out anew when the reference has moved by this part of the nominal voltage.
_WORTH = 0.0005


class Sliding:
    """rules: as they stand now."""

    def __init__(self, rules: Rules, reference_v: float | None = None) -> None:
        """reference_v: where it stood when an earlier run of the agent opened an event that still goes on."""
        self._value_v = rules.reference_v if reference_v is None else reference_v
        self.rules = _based_on(rules, self._value_v)

    def add(self, block: Block) -> None:
        """A block in which every voltage was ordinary."""
        volts = [mean for mean in block.means if mean is not None]
        covered_us = max(block.covered_us)
        if not volts or not covered_us:
            return
        self._value_v += (sum(volts) / len(volts) - self._value_v) * (1 - exp(-covered_us / _TAU_US))
        if abs(self._value_v - self.rules.reference_v) > _WORTH * self.rules.nominal_v:
            self.rules = _based_on(self.rules, self._value_v)


def _based_on(rules: Rules, reference_v: float) -> Rules:
    return replace(rules, reference_v=reference_v, declared_v=rules.nominal_v)
