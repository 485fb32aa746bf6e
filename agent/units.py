"""A meter of the site as the poller's unit: which reads, how often, how long to wait. Pure."""

from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path

from agent.budget import ceiling_s, wire_s
from agent.poll import place
from agent.poll.unit import Unit
from agent.site import Meter
from agent.wiring import latched, polled, slowly_polled, watched
from drivers.codec import Decoder, Installation, compile_plan
from drivers.endpoints import LineConfig
from drivers.model import MeterModel
from drivers.nameplate import plate_reads
from drivers.plan import PlannedRead, plan_reads
from drivers.sunspec import Block, is_sunspec

# While something happens: five looks at each value tell when it changed to a fifth of the refresh; more tell little.
_LOOKS_PER_REFRESH = 5
_HURRY_FLOOR_US = 20_000
# However fast a unit usually is: the kernel, the adapter and a busy gateway may hold an answer up for this long.
_FLOOR_S = 0.05
# On a tight line counters, which only ever grow slowly, are asked no more often than this, however often the rest is.
SLOW_US = 10_000_000
# A line is tight when its full sets take more of it than this: what they leave is for watching the voltages.
TIGHT = 0.5
# What the meter latches waits there for us; after trouble it is asked at once.
LOG_US = 60_000_000
# Who the meter is, beside every time it was away: a swap or another firmware shows within the hour.
PLATE_US = 3_600_000_000


def unit_of(meter: Meter, config: LineConfig, beside: Path, *, tight: bool) -> Unit:
    """beside: directory of the site file, for maps of its own; tight: the line has little room beside its full sets."""
    slow = slowly_polled(meter.model, meter.basis, meter.wiring) if tight and meter.poll_us < SLOW_US else ()
    log = latched(meter.model, meter.wiring)
    rest = [name for name in polled(meter.model, meter.basis, meter.wiring) if name not in slow]
    return Unit(
        meter=meter.name,
        unit=meter.unit,
        watch=watch_decoder(meter),
        poll=_decoder(meter, rest),
        slow=_decoder(meter, slow) if slow else None,
        watch_us=meter.watch_us or 0,
        auto=meter.watch_auto,
        refresh_us=round(meter.model.refresh_s * 1e6),
        hurry_us=max(_HURRY_FLOOR_US, round(meter.model.refresh_s * 1e6 / _LOOKS_PER_REFRESH)),
        poll_us=meter.poll_us,
        slow_us=SLOW_US,
        log=_decoder(meter, log) if log else None,
        log_us=LOG_US,
        plate=plate_reads(meter.model.identity),
        plate_us=PLATE_US,
        wire_s=partial(_wire_s, config),
        floor_s=_FLOOR_S,
        ceiling_s=ceiling_s(meter.model, config),
        moved=partial(_moved, meter, config, beside, tight) if is_sunspec(meter.model) else None,
    )


def watch_decoder(meter: Meter) -> Decoder:
    return _decoder(meter, watched(meter.model, meter.basis, meter.wiring))


def _decoder(meter: Meter, quantities: Iterable[str]) -> Decoder:
    return _compiled(meter.model, tuple(quantities), meter.installation)


# Two hundred meters of one model share their decoders: compiling one takes 1 to 4 ms, keeping it 7 kB and more.
@lru_cache(maxsize=256)
def _compiled(model: MeterModel, quantities: tuple[str, ...], installation: Installation) -> Decoder:
    return compile_plan(plan_reads(model, quantities), installation)


def _moved(meter: Meter, config: LineConfig, beside: Path, tight: bool, block: Block) -> Unit:
    return unit_of(place.moved(meter, block, beside), config, beside, tight=tight)


def _wire_s(config: LineConfig, planned: PlannedRead) -> float:
    return wire_s(planned.spare or planned.read, config)
