"""A site file for a running simulation: what an engineer would write in front of this substation."""

from collections.abc import Mapping, Sequence
from math import sqrt

from simulators.scenario import LineSpec, MeterSpec, Scenario


def site_text(
    scenario: Scenario,
    addresses: Mapping[str, str],
    state_dir: str,
    site: Mapping[str, str | float],
    tail: str,
) -> str:
    """TOML. addresses: of each line, ``host:port`` or a path; site: further keys of [site]; tail: whole tables."""
    head: dict[str, str | float] = {
        "name": scenario.name,
        "gateway": scenario.gateway,
        "state_dir": state_dir,
        "nominal_voltage": scenario.nominal_v,
        "frequency": scenario.frequency_hz,
    }
    blocks = [_table("site", head | dict(site))]
    blocks += [_table(f"lines.{line.name}", _line(line, addresses[line.name])) for line in scenario.lines.values()]
    blocks += [_table(f"meters.{meter.name}", _meter(scenario, meter)) for meter in scenario.meters.values()]
    return "\n".join([*blocks, tail])


def _line(line: LineSpec, address: str) -> dict[str, object]:
    if line.kind != "serial":
        return {line.kind: address}
    return {"serial": address, "baud": line.baud, "parity": line.parity, "stop_bits": line.stop_bits}


def _meter(scenario: Scenario, meter: MeterSpec) -> dict[str, object]:
    above = scenario.path(meter.name)[:-1]
    metered = [name for name in above if name in scenario.meters]
    feeders = [name for name in above if name in scenario.nodes and scenario.nodes[name].kind == "feeder"]
    keys: dict[str, object] = {"line": meter.line, "unit": meter.unit, "model": meter.model}
    keys |= {"feeder": feeders[-1]} if feeders else {}
    keys |= {"upstream": metered[-1]} if metered else {}
    for key in ("customers", "wiring", "basis", "powered_by", "vt", "ct", "registers"):
        value = getattr(meter, key)
        keys |= {} if value is None else {key: value}
    if meter.phase_map != ("l1", "l2", "l3"):
        keys["phase_map"] = meter.phase_map
    if meter.direction != 1:
        keys["direction"] = meter.direction
    # The site's nominal voltage is on the basis in use; a scenario's is line to neutral.
    nominal_v = meter.nominal_v * (sqrt(3.0) if meter.basis == "ll" else 1.0)
    if nominal_v != scenario.nominal_v:
        keys["nominal_voltage"] = round(nominal_v, 1)
    return keys


def _table(name: str, keys: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {_value(value)}" for key, value in keys.items()), ""])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
