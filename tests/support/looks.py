"""Looks at voltages in pu and seconds, and what a detector made of them."""

from collections.abc import Iterable, Sequence

from agent.detect.changes import Change
from agent.detect.thresholds import PROFILES, Rules
from agent.detect.voltage import INITIAL, Look, VoltageState, step

U = 230.0
L1, L2, L3 = 0, 1, 2


def s(seconds: float) -> int:
    return round(seconds * 1e6)


def rules(
    profile: str = "iec", *, window_s: float = 0.2, age_s: float = 0.1, channels: int = 3, reference_v: float = U
) -> Rules:
    return Rules(
        profile=profile,
        thresholds=PROFILES[profile],
        reference_v=reference_v,
        channels=("voltage_l1", "voltage_l2", "voltage_l3")[:channels],
        phases=("l1", "l2", "l3")[:channels],
        window_us=s(window_s),
        age_us=s(age_s),
        basis="ln",
    )


def look(at_s: float, *pu: float | None, questionable: bool = False, took_s: float = 0.02) -> Look:
    """Asked at at_s, answered took_s later."""
    volts = tuple(None if value is None else value * U for value in pu)
    return Look(s(at_s), s(at_s + took_s), volts, questionable)


def every(period_s: float, *rows: Sequence[float | None], start_s: float = 0.0) -> list[Look]:
    return [look(start_s + i * period_s, *row) for i, row in enumerate(rows)]


def run(looks: Iterable[Look], by: Rules, state: VoltageState = INITIAL) -> tuple[VoltageState, list[Change]]:
    changes: list[Change] = []
    for one in looks:
        state, more = step(state, one, by)
        changes += more
    return state, changes


def told(changes: Iterable[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.kind) for change in changes]
