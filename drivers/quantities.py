"""The closed catalogue of what a meter can say. Every id is spelled out; a map may name nothing else.

Units are SI (V A W var VA Hz Wh varh % h 1), values primary, power > 0 flows towards the load. Digital inputs are 1
where the input is active, which is a closed contact, and 0 where it is not; maps invert the bits that say it otherwise.
IEC 61850 references are data objects of IEC 61850-7-4 (MMXU, MMTR, MHAI, GGIO); OBIS codes follow IEC 62056-6-1.
An empty reference means that the standard has no object for the quantity, not that it was not looked for.

Evidence is what a meter keeps for later: what happened between two polls. It is asked for by name
(`MeterModel.evidence`) and is no part of a reading. Only the references of sags and swells are given for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

PHASES = ("l1", "l2", "l3")
VOLTAGES_LN = ("voltage_l1", "voltage_l2", "voltage_l3")
VOLTAGES_LL = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
CURRENTS = ("current_l1", "current_l2", "current_l3")

TARIFFS = ("t1", "t2", "t3", "t4")
QUADRANTS = ("q1", "q2", "q3", "q4")
INPUTS = 16  # the most digital inputs one word can carry; no meter of the library has more than three


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is measured.

    phase:     ``l1``.., ``l1_l2``.., ``n``, ``total``; None where no phase applies
    counter:   it only grows until it wraps or is reset; a gauge otherwise
    dimension: what the unit measures (``voltage``, ``active_energy`` ...): decides which ratio applies
    evidence:  not of this instant but latched, counted or averaged by the meter; not published with the readings
    """

    id: str
    unit: str
    phase: str | None
    counter: bool
    dimension: str
    iec61850: str
    obis: str
    evidence: bool = False


# IEC 61850 names phases A, B, C; OBIS value group C counts them 20 apart (L1 21.., L2 41.., L3 61..).
_IEC_PHASE = {"l1": "phsA", "l2": "phsB", "l3": "phsC"}
_OBIS_STEP = {"total": 0, "l1": 20, "l2": 40, "l3": 60}


def _voltages_and_currents() -> Iterator[Quantity]:
    for phase in PHASES:
        iec, step = _IEC_PHASE[phase], _OBIS_STEP[phase]
        yield Quantity(f"voltage_{phase}", "V", phase, False, "voltage", f"MMXU.PhV.{iec}", f"1-0:{12 + step}.7.0")
        yield Quantity(f"current_{phase}", "A", phase, False, "current", f"MMXU.A.{iec}", f"1-0:{11 + step}.7.0")
    for pair, iec in (("l1_l2", "phsAB"), ("l2_l3", "phsBC"), ("l3_l1", "phsCA")):
        yield Quantity(f"voltage_{pair}", "V", pair, False, "voltage", f"MMXU.PPV.{iec}", "")
    yield Quantity("voltage_residual", "V", None, False, "voltage", "MMXU.PhV.res", "")
    yield Quantity("current_n", "A", "n", False, "current", "MMXU.A.neut", "1-0:91.7.0")


def _powers() -> Iterator[Quantity]:
    # (id, unit, IEC 61850 per phase, total, OBIS value group C of the total)
    kinds = (
        ("active_power", "W", "W", "TotW", 16),
        ("reactive_power", "var", "VAr", "TotVAr", 3),
        ("apparent_power", "VA", "VA", "TotVA", 9),
        ("power_factor", "1", "PF", "TotPF", 13),
    )
    for name, unit, iec, iec_total, group in kinds:
        for phase, step in _OBIS_STEP.items():
            data_object = f"MMXU.{iec_total}" if phase == "total" else f"MMXU.{iec}.{_IEC_PHASE[phase]}"
            yield Quantity(f"{name}_{phase}", unit, phase, False, name, data_object, f"1-0:{group + step}.7.0")


def _energies() -> Iterator[Quantity]:
    # IEC 61850-7-4: demand flows away from the busbar, which is our import towards the load.
    active = (("active_energy_import", "MMTR.DmdWh", 1), ("active_energy_export", "MMTR.SupWh", 2))
    for name, iec, group in active:
        yield Quantity(name, "Wh", None, True, "active_energy", iec, f"1-0:{group}.8.0")
        for rate, tariff in enumerate(TARIFFS, start=1):
            yield Quantity(f"{name}_{tariff}", "Wh", None, True, "active_energy", "", f"1-0:{group}.8.{rate}")
    reactive = (("reactive_energy_import", "MMTR.DmdVArh", 3), ("reactive_energy_export", "MMTR.SupVArh", 4))
    for name, iec, group in reactive:
        yield Quantity(name, "varh", None, True, "reactive_energy", iec, f"1-0:{group}.8.0")
        for number, quadrant in enumerate(QUADRANTS, start=5):
            yield Quantity(f"{name}_{quadrant}", "varh", None, True, "reactive_energy", "", f"1-0:{number}.8.0")


def _distortion() -> Iterator[Quantity]:
    for phase in PHASES:
        iec, step = _IEC_PHASE[phase], _OBIS_STEP[phase]
        # OBIS value group E 124: total harmonic distortion
        yield Quantity(
            f"voltage_thd_{phase}", "%", phase, False, "ratio", f"MHAI.ThdPhV.{iec}", f"1-0:{12 + step}.7.124"
        )
        yield Quantity(f"current_thd_{phase}", "%", phase, False, "ratio", f"MHAI.ThdA.{iec}", f"1-0:{11 + step}.7.124")


def _others() -> Iterator[Quantity]:
    yield Quantity("frequency", "Hz", None, False, "frequency", "MMXU.Hz", "1-0:14.7.0")
    yield Quantity("max_demand", "W", None, False, "active_power", "", "1-0:1.6.0")
    yield Quantity("operating_hours", "h", None, True, "time", "", "0-0:96.8.0")
    yield Quantity("power_failures", "1", None, True, "count", "", "0-0:96.7.0")
    for number in range(1, INPUTS + 1):
        yield Quantity(f"input_{number}", "1", None, False, "state", f"GGIO.Ind{number}", "")


def _disturbances() -> Iterator[Quantity]:
    """What the meter itself saw of the voltage: extremes since its owner reset them, and how often it left the band."""
    for phase in PHASES:
        for extreme in ("min", "max"):
            yield _evidence(f"voltage_{phase}_{extreme}", "V", "voltage", phase=phase)
        # OBIS value group D: 32 number of voltage sags, 36 of voltage swells (IEC 62056-6-1, as in DSMR 5 P1 telegrams)
        group = 12 + _OBIS_STEP[phase]
        yield _evidence(f"sag_count_{phase}", "1", "count", phase=phase, counter=True, obis=f"1-0:{group}.32.0")
        yield _evidence(f"swell_count_{phase}", "1", "count", phase=phase, counter=True, obis=f"1-0:{group}.36.0")
        # overvoltage: where the vendor does not say that it counts swells
        for kind in ("overvoltage", "interruption"):
            yield _evidence(f"{kind}_count_{phase}", "1", "count", phase=phase, counter=True)


def _history() -> Iterator[Quantity]:
    """What befell the meter. Codes and bits mean what the vendor's document says; the map's comments repeat it."""
    yield _evidence("restart_count", "1", "count", counter=True)
    yield _evidence("power_failure_duration", "h", "time")  # of the last failure of the meter's own supply
    yield _evidence("last_reset_cause", "1", "code")
    yield _evidence("active_power_demand", "W", "active_power")  # mean of the running or the last demand interval
    # Set while, and perhaps for some time after, the meter says so: whether it latches them is its own affair.
    for flag in ("power_failure", "undervoltage", "overvoltage", "restart"):
        yield _evidence(f"{flag}_flag", "1", "state")
    # events: the meter's own alarms; limits: violations of limits its owner has set; overrange: inputs overdriven
    for kind in ("event", "limit", "status", "overrange"):
        yield _evidence(f"{kind}_bits", "1", "bits")


def _evidence(
    name: str, unit: str, dimension: str, *, phase: str | None = None, counter: bool = False, obis: str = ""
) -> Quantity:
    return Quantity(name, unit, phase, counter, dimension, "", obis, evidence=True)


def _catalogue() -> Iterator[Quantity]:
    for group in (_voltages_and_currents, _powers, _energies, _distortion, _others, _disturbances, _history):
        yield from group()


CATALOGUE: Mapping[str, Quantity] = MappingProxyType({quantity.id: quantity for quantity in _catalogue()})
