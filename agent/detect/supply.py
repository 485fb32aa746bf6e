"""Is there supply? In one word, per phase and in total, from the last look and from what the line says.

    one phase  dead     below the interruption threshold (with its hysteresis while a supply_loss is open)
               partial  lost in an open phase_loss, but not dead
               live     anything above
               unknown  not available; unit lost, or never seen
    in total   live     a phase is live, none is dead or partial (one that is unknown says so itself)
               partial  some live or partial, some dead or partial
               dead     every phase measured dead
               unknown  everything else

Silence alone is never dead. "dead" means no voltage measured: it is not proof of isolation.
"""

from collections.abc import Collection, Mapping

from agent.detect.thresholds import Rules
from agent.records import Comms, Kind, Supply


def supply(
    volts: tuple[float | None, ...] | None,
    rules: Rules,
    comms: Comms,
    open_kinds: Collection[Kind] = (),
) -> tuple[Supply, Mapping[str, Supply]]:
    """volts: of the last look, in the order of the rules' channels; None if there was none. By phase: keyed as
    `Rules.phases`."""
    if volts is None or comms == "lost":
        volts = (None,) * len(rules.phases)
    words = tuple(_of_phase(value, rules, open_kinds) for value in volts)
    return _in_total(frozenset(words)), dict(zip(rules.phases, words, strict=True))


def _of_phase(volts: float | None, rules: Rules, open_kinds: Collection[Kind]) -> Supply:
    levels = rules.levels
    if volts is None:
        return "unknown"
    if volts < (levels.loss_end if "supply_loss" in open_kinds else levels.loss):
        return "dead"
    if "phase_loss" in open_kinds and volts < levels.phase_end:
        return "partial"
    return "live"


def _in_total(words: frozenset[Supply]) -> Supply:
    if words == {"dead"}:
        return "dead"
    if "live" in words or "partial" in words:
        return "live" if words <= {"live", "unknown"} else "partial"
    return "unknown"
