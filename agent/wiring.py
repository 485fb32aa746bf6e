"""Which quantities of a meter are judged and watched, and what they are called on the terminals and on the network.
Pure.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.detect.evidence import LATCHES, Latch
from agent.detect.meter_log import MeterLog
from agent.detect.thresholds import PROFILES, Rules
from agent.outage import Steps
from drivers.codec import Installation, published_name
from drivers.encodings import ENCODINGS
from drivers.model import MeterModel, Register
from drivers.quantities import CATALOGUE, CURRENTS, PHASES, VOLTAGES_LL, VOLTAGES_LN

if TYPE_CHECKING:
    from agent.site import Meter

# 2 % of a 5 A secondary, in which current transformers and meters keep no accuracy: times the ratio, below it a
# current is noise.
NOISE_A = 0.1
# Of what a meter may live on: its silence then comes with the loss of all the voltage it measures.
_LIVES_ON_IT = ("self", "self:all")


@dataclass(frozen=True, slots=True)
class Channels:
    """The judged channels of one meter, one entry each in the same order.

    terminals: as the meter's own table calls them; keys: as published, by network phase; phases: ``l1``, or ``l1_l2``
    """

    terminals: tuple[str, ...]
    keys: tuple[str, ...]
    phases: tuple[str, ...]


def terminals_of(basis: str, wiring: str) -> tuple[str, ...]:
    """Line-to-line voltages on basis ``ll``, else line-to-neutral (or to earth); one of them on a two-wire meter."""
    every = VOLTAGES_LL if basis == "ll" else VOLTAGES_LN
    return every[:1] if wiring == "1p2w" else every


def channels_of(basis: str, wiring: str, installation: Installation) -> Channels:
    terminals = terminals_of(basis, wiring)
    keys = tuple(published_name(terminal, installation) or terminal for terminal in terminals)
    return Channels(terminals, keys, tuple(key.removeprefix("voltage_") for key in keys))


def watched(model: MeterModel, basis: str, wiring: str) -> tuple[str, ...]:
    """Terminal names of what is read as often as possible: the judged voltages, and the currents the map has. Beside
    voltages to earth, line-line ones, if it has all of them: they tell an earth fault from a sag."""
    currents = CURRENTS[:1] if wiring == "1p2w" else CURRENTS
    lines = VOLTAGES_LL if basis == "le" and wiring != "1p2w" and set(VOLTAGES_LL) <= set(model.quantities) else ()
    return tuple(name for name in (*terminals_of(basis, wiring), *currents, *lines) if name in model.quantities)


def polled(model: MeterModel, basis: str, wiring: str) -> tuple[str, ...]:
    """Terminal names of the rest of what the map offers."""
    often = set(watched(model, basis, wiring))
    return tuple(name for name in model.quantities if name not in often and _wired(name, wiring))


def slowly_polled(model: MeterModel, basis: str, wiring: str) -> tuple[str, ...]:
    """Terminal names of those of `polled` that only count up: energies, hours, failures."""
    return tuple(name for name in polled(model, basis, wiring) if CATALOGUE[name].counter)


def latched(model: MeterModel, wiring: str | None = None) -> tuple[str, ...]:
    """Terminal names of what the meter latches and the agent can read something from; wiring: the map's."""
    wired = wiring or model.wiring
    return tuple(name for name in model.evidence if _stem(name) in LATCHES and _wired(name, wired))


def log_of(meter: "Meter", rules: Rules) -> MeterLog:
    """What the meter itself latches, and those of its counters that are published, which tell as much."""
    model, wiring = meter.model, meter.wiring
    also = (name for name in polled(model, meter.basis, wiring) if _stem(name) in LATCHES)
    wanted = {*latched(model, wiring), *also}
    found = (_latch(row, meter.installation) for row in model.registers if row.quantity in wanted)
    latches = [latch for latch in found if latch is not None]
    if all(latch.row.how == "witness" for latch in latches):
        latches = []
    one_phase = meter.powered_by == "self:l1" and wiring == "1p2w"
    fitted = meter.installation
    return MeterLog(
        latches,
        rules,
        lives_on_it=meter.powered_by in _LIVES_ON_IT or one_phase,
        made_by=f"{model.id} {fitted.vt:g} {' '.join(fitted.phase_map)}",
    )


def counter_steps(meter: "Meter") -> Steps:
    """The least by which its energy and its hour counter move, as published. Of a float only the meter's own display
    tells: 0.01 kWh and 0.1 h are common."""
    common = {"active_energy_import": 10.0, "operating_hours": 0.1}
    found = {
        row.quantity: row.multiply / row.divide
        for row in meter.model.registers
        if row.quantity in common and ENCODINGS[row.encoding].integer
    }
    steps, fitted = common | found, meter.installation
    return Steps(steps["active_energy_import"] * fitted.vt * fitted.ct, steps["operating_hours"])


def _latch(row: Register, installation: Installation) -> Latch | None:
    name = published_name(row.quantity, installation)
    if name is None:
        return None
    encoding, phase = ENCODINGS[row.encoding], CATALOGUE[name].phase
    step = row.multiply / row.divide if encoding.integer else 1.0
    unsigned = encoding.code in "HIQ" and not row.scaled_by
    turn = 2.0 ** (16 * encoding.words) * step if unsigned else None
    return Latch(name, _stem(name), phase if phase in PHASES else None, turn, step)


def _stem(name: str) -> str:
    """``sag_count`` of ``sag_count_l1``, ``voltage_min`` of ``voltage_l1_min``."""
    phase = CATALOGUE[name].phase
    return name.replace(f"_{phase}", "") if phase in PHASES else name


def _wired(name: str, wiring: str) -> bool:
    """A two-wire meter has one phase: what its map offers for the other terminals reads 0 and means nothing."""
    phase = CATALOGUE[name].phase
    return wiring != "1p2w" or phase in (None, "l1", "total", "n")


def rules_of(meter: "Meter", profile: str) -> Rules:
    channels = channels_of(meter.basis, meter.wiring, meter.installation)
    return Rules(
        profile=profile,
        thresholds=PROFILES[profile],
        reference_v=meter.nominal_v,
        channels=channels.terminals,
        phases=channels.phases,
        window_us=round(meter.model.window_s * 1e6),
        age_us=round(meter.model.refresh_s * 1e6),
        basis=meter.basis,
        limits=meter.limits,
        reference=meter.reference,
        watch_us=meter.watch_us or 0,
    )
