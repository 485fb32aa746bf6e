"""What `commission` judges: one meter as the site file has it, as it was seen, and what was found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.field.commission.words import TEMPLATES

Verdict = Literal["fail", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A meter as the site file and its map have it.

    nominal_v: on `basis`; vt, ct: register to primary, 1 where registers are primary; terminals: the network phase on
    terminals 1, 2, 3; energy_step_wh: the least by which its counter moves; feeds_in: False where nothing can feed in
    """

    meter: str
    model: str
    wiring: str
    basis: str
    nominal_v: float
    frequency_hz: float
    vt: float = 1.0
    ct: float = 1.0
    terminals: tuple[str, ...] = ("l1", "l2", "l3")
    refresh_s: float = 1.0
    energy_step_wh: float = 10.0
    feeds_in: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A meter as it was seen.

    values: at the end, primary, by quantity as published; first: likewise, `elapsed_s` before
    looks: that the voltages were looked at; changes: of them that brought other words; watched_s: over which
    blur_s: how far the instants of two reads of the counter may lie from `elapsed_s` apart
    refresh_s: as the agent has learnt it, None where nobody has
    trouble: why there are no values, or not all
    """

    values: Mapping[str, float]
    first: Mapping[str, float] = field(default_factory=dict)
    elapsed_s: float = 0.0
    blur_s: float = 0.0
    looks: int = 0
    changes: int = 0
    watched_s: float = 0.0
    refresh_s: float | None = None
    serial: str | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """code: of agent/field/commission/words.py; what and todo: its message, filled in."""

    code: str
    verdict: Verdict
    what: str
    todo: str


def failed(code: str, **details: object) -> Finding:
    return _finding(code, "fail", details)


def cannot_tell(code: str, **details: object) -> Finding:
    return _finding(code, "cannot_tell", details)


def _finding(code: str, verdict: Verdict, details: Mapping[str, object]) -> Finding:
    template = TEMPLATES[code]
    return Finding(code, verdict, template.what.format(**details), template.todo.format(**details))


def named(phases: tuple[str, ...] | list[str]) -> str:
    """``l1``, ``l1 and l2``, ``l1, l2 and l3``."""
    return " and ".join(filter(None, (", ".join(phases[:-1]), phases[-1]))) if phases else "none"


def terminals(fitted: Fitted, phases: tuple[str, ...] | list[str]) -> str:
    """``terminal 1``, ``terminals 1 and 3``: where the network phases are connected."""
    numbers = sorted(str(1 + fitted.terminals.index(phase)) for phase in phases)
    return f"terminal{'s' * (len(numbers) > 1)} {named(numbers)}"
