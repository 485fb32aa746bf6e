"""A detector that packs its looks says, bit for bit, what one says that keeps them as objects."""

import random
from dataclasses import replace

import pytest
from looks import U, rules, s

from agent.detect.blocks import LOOKS
from agent.detect.changes import Change
from agent.detect.meter import MeterDetector
from agent.detect.put_by import TOGETHER
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look

_BY = {
    "iec": rules(),
    "limits": replace(rules(), limits=(0.95 * U, 1.05 * U)),
    # Its reference follows the mean of each block: what tells one of them apart from the other tells here.
    "sliding": replace(rules(), reference="sliding", basis="ll"),
    "one phase": rules(channels=1),
}
# Most of what is read is ordinary, else nothing would lie packed when something begins.
_LEVELS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.93, 1.07, 0.7, 0.85, 1.12, 0.02, 0.5)
_PACES_S = (0.1, 0.3, 0.6, 1.0, 1.0, 3.0, 12.0)


class AsObjects(MeterDetector):
    """Never packs."""

    def look(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        self._looks.together = LOOKS
        return super().look(look, wall_us)


class Packing(MeterDetector):
    """packed: looks that lay packed when another came, added up."""

    packed = 0

    def look(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        self.packed += len(self._looks) - len(self._looks.fresh)
        return super().look(look, wall_us)


class Twins:
    """Two that are told the same."""

    def __init__(self, by: Rules) -> None:
        self.packing, self.plain = Packing(by), AsObjects(by)
        self.told = 0

    def look(self, look: Look, wall_us: int) -> None:
        told, plainly = self.packing.look(look, wall_us), self.plain.look(look, wall_us)
        assert repr(told) == repr(plainly)
        assert _shown(self.packing) == _shown(self.plain)
        assert _kept(self.packing) == _kept(self.plain)
        self.told += len(told)

    def between(self, dice: random.Random, now_us: int) -> None:
        """What comes between two looks: a full set, a silence, a meter that renews its values less often."""
        if dice.random() < 0.05:
            lines = dice.choice((None, (400.0, 401.0, dice.choice((399.0, 340.0)))))
            values = {"voltage_l1": dice.choice((U, dice.gauss(U, 1))), "voltage_residual": dice.choice((0.5, 30.0))}
            said = []
            for one in (self.packing, self.plain):
                one.full_set(1000.0, lines)
                said.append(repr(one.full_values(values, now_us)))
            assert said[0] == said[1]
        if dice.random() < 0.003:
            silent_us, age_us = dice.randrange(s(100)), dice.randrange(s(2))
            for one in (self.packing, self.plain):
                one.after_silence(silent_us)
                one.refreshes(age_us)


def _shown(one: MeterDetector) -> str:
    return repr((one.calm, one.is_ordinary, one.heard, one.last_look, one.faults, one.open_tracks, one.rules))


def _kept(one: MeterDetector) -> tuple[object, ...]:
    """What later looks are compared with, and the minute in the making: some of it tells only after hours."""
    return list(one._before), list(one._clean), list(one._faults._recent), repr(vars(one._minutes))


def _volts(dice: random.Random, pu: float, by: Rules) -> tuple[float | None, ...]:
    missing, hit = dice.random() < 0.01, dice.randrange(1, 8)
    return tuple(
        None if missing and dice.random() < 0.5 else U * (pu if hit >> i & 1 else 1.0) + dice.gauss(0, 0.5)
        for i in range(len(by.channels))
    )


def _live(twins: Twins, by: Rules, seed: int) -> None:
    """Stretches of one pace and level; between them gaps, and corrections of the clock that cut the minute."""
    dice = random.Random(seed)  # noqa: S311 - tests must repeat
    now_us, wall_us = s(1000), 1_700_000_000_000_000
    for _ in range(14):
        pace_us, pu = s(dice.choice(_PACES_S)), dice.choice(_LEVELS)
        for _ in range(dice.choice((1, 5, 40, 90))):
            late_us = dice.randrange(s(0.05))
            amps = (dice.uniform(0, 9), dice.choice((None, 5.0)), 0.0)
            lines = (400.0, 400.5, 399.5) if dice.random() < 0.1 else None
            look = Look(now_us, now_us + late_us, _volts(dice, pu, by), dice.random() < 0.01, amps, lines)
            twins.look(look, wall_us + now_us + late_us)
            twins.between(dice, now_us + late_us)
            now_us += late_us + pace_us
        now_us += dice.choice((0, 0, s(30), s(200)))
        wall_us += dice.choice((0, 0, s(-17), s(41), s(3600)))


@pytest.mark.slow
@pytest.mark.parametrize("name", _BY)
def test_it_judges_as_one_that_keeps_its_looks_as_objects(name: str) -> None:
    told = packed = 0
    for seed in range(12):
        twins = Twins(_BY[name])
        _live(twins, _BY[name], seed)
        told, packed = told + twins.told, packed + twins.packing.packed
    assert told >= 50, "nothing happened"
    assert packed >= 1000 * TOGETHER, "nothing lay packed"
