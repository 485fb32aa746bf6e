"""The protocol of a commissioning: what is handed over with the cabinet. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.field.commission.judge import Outcome, judge, outcome_of
from agent.field.commission.moving import refresh_s
from agent.field.commission.observed import Finding, Fitted, Seen
from agent.site import Meter, Site
from agent.wiring import counter_steps

# What no register tells. In the order in which it is done at the cabinet.
BY_HAND = (
    "Order of phases: the meter's display or a rotation meter shows L1-L2-L3, clockwise.",
    "Ratios: the plates of current and voltage transformers say what this sheet says under vt and ct.",
    "Shorting links of the current transformers are open, and their screws are tight.",
    "Fuses of the voltage terminals are of the rating the plan says.",
    "The serial number above is that of the meter at this place.",
)


@dataclass(frozen=True, slots=True)
class MeterSheet:
    """One meter. vt, ct: register to primary; refresh_s: how often its values were renewed, None where too few changes
    were seen; values: the last ones, primary, SI units"""

    meter: str
    outcome: Outcome
    model: str
    serial: str | None
    line: str
    unit: int
    feeder: str | None
    wiring: str
    basis: str
    nominal_v: float
    vt: float
    ct: float
    phase_map: tuple[str, ...]
    direction: int
    refresh_s: float | None
    values: Mapping[str, float]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A visit to a site. made: RFC 3339; clock: of the gateway, in words; beside_agent: its readings were judged

    site_file: hash of the file and its maps; findings: of the gateway itself
    """

    site: str
    gateway: str
    made: str
    engineer: str
    version: str
    site_file: str
    beside_agent: bool
    clock: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    meters: tuple[MeterSheet, ...]


def fitted_of(meter: Meter, site: Site, *, feeds_in: bool) -> Fitted:
    fitted = meter.installation
    return Fitted(
        meter.name,
        meter.model.id,
        meter.wiring,
        meter.basis,
        meter.nominal_v,
        site.frequency_hz,
        fitted.vt,
        fitted.ct,
        fitted.phase_map,
        meter.model.refresh_s,
        counter_steps(meter).energy_wh,
        feeds_in,
    )


def meter_sheet(meter: Meter, fitted: Fitted, seen: Seen) -> MeterSheet:
    findings = judge(fitted, seen)
    return MeterSheet(
        meter.name,
        outcome_of(findings),
        meter.model.id,
        seen.serial,
        meter.line,
        meter.unit,
        meter.feeder,
        meter.wiring,
        meter.basis,
        meter.nominal_v,
        fitted.vt,
        fitted.ct,
        fitted.terminals,
        meter.installation.direction,
        refresh_s(seen),
        seen.values,
        findings,
    )


def outcome_of_all(findings: tuple[Finding, ...], meters: tuple[MeterSheet, ...]) -> Outcome:
    outcomes = {outcome_of(findings), *(meter.outcome for meter in meters)}
    return "fail" if "fail" in outcomes else "open" if "open" in outcomes else "pass"
