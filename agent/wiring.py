"""Which quantities of a meter are judged and watched, and what they are called on the terminals and on the network.
Pure.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.detect.thresholds import PROFILES, Rules
from drivers.codec import Installation, published_name
from drivers.model import MeterModel
from drivers.quantities import CATALOGUE, CURRENTS, VOLTAGES_LL, VOLTAGES_LN

if TYPE_CHECKING:
    from agent.site import Meter

# 2 % of a 5 A secondary, in which current transformers and meters keep no accuracy: times the ratio, below it a
# current is noise.
NOISE_A = 0.1


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
    """Terminal names of what is read as often as possible: the judged voltages, and the currents the map has."""
    currents = CURRENTS[:1] if wiring == "1p2w" else CURRENTS
    return tuple(name for name in (*terminals_of(basis, wiring), *currents) if name in model.quantities)


def polled(model: MeterModel, basis: str, wiring: str) -> tuple[str, ...]:
    """Terminal names of the rest of what the map offers."""
    often = set(watched(model, basis, wiring))
    return tuple(name for name in model.quantities if name not in often and _wired(name, wiring))


def slowly_polled(model: MeterModel, basis: str, wiring: str) -> tuple[str, ...]:
    """Terminal names of those of `polled` that only count up: energies, hours, failures."""
    return tuple(name for name in polled(model, basis, wiring) if CATALOGUE[name].counter)


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
    )
