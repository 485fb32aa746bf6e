"""Part (e) of the detection campaign: random views of random faults, at a meter that keeps registers of its own.

Phases fall, hand over and part, within one window and far apart; looks and reads of the registers come when they come,
the meter may fall silent, the agent may be restarted. Every event has to hold against the faults: one of its own began
between its bounds, one ended between them, and they lasted as long as it says; nothing went less far than it says; and
where the meter counts, every fault lies in some event of its phases.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from latching import COUNTERS, EXTREMES, FLAGS, PHASES, SECOND, Fault, Rig, World, seconds

from agent.detect.evidence import Latch
from agent.records import Event

_LATCHES = {"C": COUNTERS, "E": EXTREMES, "F": FLAGS}
_JUDGED = ("sag", "swell", "supply_loss", "phase_loss")
# What a fault may have become.
_FALLS = ("sag", "supply_loss", "phase_loss", "undervoltage")
_SWELLS, _SAGS = 1.1, 0.9
_FIRST_S, _LAST_S, _UNTIL_S = 15.0, 170.0, 260.0
_ROUNDING_S = 0.002
_ROUNDING_PU = 0.002
# The interruption threshold of the profile that the rig judges by.
_DEAD = 0.1


@dataclass(frozen=True)
class View:
    """silence: since when, and for how long the meter does not answer; restart: when, and for how long no agent runs"""

    world: World
    latches: Sequence[Latch]
    look_s: float
    log_s: float
    shift_s: float
    silence: tuple[float, float] | None
    restart: tuple[float, float] | None


def view(seed: int) -> View:
    random = Random(seed)  # noqa: S311 - faults, no secrets
    world = World(
        faults(random), window_s=random.choice([0.2, 1.0]), refresh_s=random.choice([0.1, 0.2]),
        counts_at_end=random.random() < 0.3, flags_hold_s=random.choice([1, 15, 60]),
    )  # fmt: skip
    kept = random.choice(["C", "E", "F", "CE", "CF", "EF", "CEF", "CE"])
    silence = (random.uniform(30, 120), random.uniform(3, 30)) if random.random() < 0.4 else None
    earliest_s = 31.0 if silence is None else sum(silence) + 1
    restart = (random.uniform(earliest_s, 151), random.choice([0.5, 5, 20])) if random.random() < 0.4 else None
    return View(
        world, [latch for name in kept for latch in _LATCHES[name]], random.choice([0.2, 1, 2, 5]),
        random.choice([10, 30, 60]), random.uniform(0, 0.2), silence, restart,
    )  # fmt: skip


def faults(random: Random) -> list[Fault]:
    """One after the other, often so soon that a window holds two of them."""
    found: list[Fault] = []
    now_s = _FIRST_S
    while True:
        start_s = now_s + random.choice([0.3, 0.3, 1, 3, 8, 25, 40]) * random.uniform(0.5, 1.5)
        now_s = start_s + random.choice([0.02, 0.06, 0.15, 0.5, 2, 6, 15]) * random.uniform(0.5, 1.5)
        if now_s > _LAST_S:
            return found
        pu = random.choice([0.0, 0.05, 0.2, 0.4, 0.55, 0.7, 0.8, 0.87, 1.15, 1.3])
        on = random.sample(PHASES, random.choice([1, 1, 2, 3]))
        found.append(Fault(round(start_s, 3), round(now_s, 3), pu, tuple(on)))


def seen(one: View) -> list[Event]:
    """The events as they stand in the end."""
    rig = Rig(one.world, one.latches, look_s=one.look_s, log_s=one.log_s, shift_s=one.shift_s)
    if one.silence is not None:
        rig.until(one.silence[0])
        rig.silence(one.silence[1])
        rig._next_log_us = max(rig._next_log_us, rig.now_us + 1)
    last: dict[str, Event] = {}
    if one.restart is not None:
        rig.until(one.restart[0])
        rig.pipeline.stop()
        last |= {event.id: event for event in rig.kept.events}
        rig.now_us += round(one.restart[1] * SECOND)
        rig = Rig(one.world, one.latches, look_s=one.look_s, log_s=one.log_s, before=rig)
    rig.until(_UNTIL_S)
    last |= {event.id: event for event in rig.kept.events}
    return [event for event in last.values() if event.state != "retracted"]


@dataclass
class Tally:
    views: int = 0
    events: int = 0
    measured: int = 0
    parted: int = 0

    def add(self, events: Sequence[Event]) -> None:
        self.views += 1
        mine = [event for event in events if event.kind in _JUDGED]
        self.events += len(mine)
        self.measured += sum(event.basis == "measured" for event in mine)
        self.parted += sum(event.kind == "phase_loss" for event in mine)


def try_view(seed: int, tally: Tally) -> list[str]:
    """What is wrong with what was told of it."""
    one = view(seed)
    events = seen(one)
    tally.add(events)
    wrong = [
        f"seed {seed}: {word}: {shown(event)}" for event in events for word in false_words(event, one.world.faults)
    ]
    return wrong + [f"seed {seed}: in no event: {fault}" for fault in missed(one, events)]


def false_words(event: Event, every: Sequence[Fault]) -> Iterator[str]:
    if event.kind not in _JUDGED:
        return
    mine = [fault for fault in every if _is_its_own(fault, event)]
    began = [fault for fault in mine if _within(fault.start_s, event.start_earliest_us, event.start_us)]
    if event.open_at_start:
        began = [fault for fault in mine if fault.start_s <= seconds(event.start_us) + _ROUNDING_S]
    if not began:
        yield "no start"
        return
    if event.end_us is not None and event.end_earliest_us is not None:
        ended = [fault for fault in mine if _within(fault.end_s, event.end_earliest_us, event.end_us)]
        yield from _false_end(event, began, ended)
    yield from _false_depth(event, [fault for fault in mine if _touches(fault, event)])


def _false_end(event: Event, began: Sequence[Fault], ended: Sequence[Fault]) -> Iterator[str]:
    if not ended:
        yield "no end"
        return
    lasted_s = [last.end_s - first.start_s for first in began for last in ended if last.end_s >= first.end_s]
    if not lasted_s:
        yield "ends before it begins"
        return
    if event.duration_min_s is not None and event.duration_min_s > max(lasted_s) + _ROUNDING_S:
        yield f"lasted {max(lasted_s):.3f} s at most"
    if event.duration_max_s is not None and event.duration_max_s < min(lasted_s) - _ROUNDING_S:
        yield f"lasted {min(lasted_s):.3f} s at least"


def _false_depth(event: Event, touched: Sequence[Fault]) -> Iterator[str]:
    if not touched:
        return
    low, high = min(fault.pu for fault in touched), max(fault.pu for fault in touched)
    if event.residual_pct is not None and event.residual_pct / 100 < low - _ROUNDING_PU:
        yield f"went down to {low} at most"
    if event.peak_pct is not None and event.peak_pct / 100 > high + _ROUNDING_PU:
        yield f"went up to {high} at most"


def missed(one: View, events: Sequence[Event]) -> list[Fault]:
    """Faults that the meter counts, and that are no part of any event."""
    if not set(COUNTERS) <= set(one.latches):
        return []
    return [fault for fault in one.world.faults if not any(_tells(event, fault) for event in events)]


def _tells(event: Event, fault: Fault) -> bool:
    kinds = ("swell",) if fault.pu > _SWELLS else _FALLS
    return event.kind in kinds and _shares(fault, event) and _touches(fault, event)


def _is_its_own(fault: Fault, event: Event) -> bool:
    if event.kind == "swell":
        return fault.pu > _SWELLS and _shares(fault, event)
    if event.kind == "supply_loss":
        return fault.pu < _DEAD and (event.basis != "measured" or len(fault.phases) == len(PHASES))
    return fault.pu < _SAGS and _shares(fault, event)


def _shares(fault: Fault, event: Event) -> bool:
    return not event.phases or not set(event.phases).isdisjoint(fault.phases)


def _within(at_s: float, earliest_us: int, latest_us: int) -> bool:
    return seconds(earliest_us) - _ROUNDING_S <= at_s <= seconds(latest_us) + _ROUNDING_S


def _touches(fault: Fault, event: Event) -> bool:
    over_s = float("inf") if event.end_us is None else seconds(event.end_us) + _ROUNDING_S
    return fault.end_s > seconds(event.start_earliest_us) - _ROUNDING_S and fault.start_s < over_s


def shown(event: Event) -> str:
    start_s = (seconds(event.start_earliest_us), seconds(event.start_us))
    none = event.end_us is None or event.end_earliest_us is None
    end_s = None if none else (seconds(event.end_earliest_us), seconds(event.end_us))
    lasted_s = (event.duration_min_s, event.duration_max_s)
    return f"{event.id} {event.basis} {event.kind} {event.phases} {start_s} {end_s} {lasted_s} {event.residual_pct} %"
