"""Site files and the meter map that lamplighter is measured with.

Two layouts of the same 15 floats in 30 registers:
  block: the watched voltages and currents stand at both ends, one read of all 30 registers fetches them
  split: they stand together, a read of 12 registers fetches them and one of 18 the rest
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["block", "split"]

_VOLTAGES = [(f"voltage_l{n}", "V") for n in (1, 2, 3)]
_CURRENTS = [(f"current_l{n}", "A") for n in (1, 2, 3)]
_REST = [
    *((f"active_power_l{n}", "W") for n in (1, 2, 3)),
    ("active_power_total", "W"),
    *((f"reactive_power_l{n}", "var") for n in (1, 2, 3)),
    ("reactive_power_total", "var"),
    ("apparent_power_total", "VA"),
]
_ORDER = {"block": [*_VOLTAGES, *_REST, *_CURRENTS], "split": [*_VOLTAGES, *_CURRENTS, *_REST]}

# turnaround_s is the RTU slave's; the longest is the timeout that the peers have.
_MODEL = """vendor = "Bench"
name = "Bench"
wiring = "3p4w"
powered_by = "self"
sources = ["bench/slave.c"]

[serial]
baud = 9600
parity = "N"
stop_bits = 1

[limits]
max_words = 125
max_gap = {gap}

[timing]
refresh_s = 0.01
window_s = 0.02
turnaround_s = 0.005
turnaround_max_s = 0.5

[[registers]]
title = "All"
function = 4
encoding = "f32"
order = "msw"
grade = "C"
sources = "bench/slave.c"
rows = [
{rows}
]
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """As in the site file; watch may be "max"."""

    watch: str
    poll: str
    publish_every: str = "10s"


@dataclass(frozen=True, slots=True)
class Line:
    """endpoint: the line's keys as TOML; units: the meters on it."""

    endpoint: str
    units: Sequence[int] = (1,)


def tcp_lines(ports: Sequence[int]) -> list[Line]:
    return [Line(f'tcp = "127.0.0.1:{port}"') for port in ports]


def rtu_line(path: str, baud: int, stop_bits: int, units: int) -> Line:
    return Line(f'serial = "{path}"\nbaud = {baud}\nstop_bits = {stop_bits}', range(1, units + 1))


def write_site(
    directory: Path, lines: Sequence[Line], layout: Layout, pace: Pace, broker_port: int, influx_port: int | None = None
) -> Path:
    """The site file and models/bench.toml beside it; journal and socket go to the same directory. Meters are m0..."""
    (directory / "models").mkdir(exist_ok=True)
    (directory / "models/bench.toml").write_text(_model(layout))
    parts = [_head(directory, pace)]
    number = 0
    for at, line in enumerate(lines):
        parts.append(f"[lines.l{at}]\n{line.endpoint}\n")
        for unit in line.units:
            parts.append(f'[meters.m{number}]\nline = "l{at}"\nunit = {unit}\nmodel = "bench"\n')
            number += 1
    parts.append(f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker_port}"\n')
    if influx_port is not None:
        parts.append(f'[influxdb]\nurl = "http://127.0.0.1:{influx_port}"\n')
    path = directory / "site.toml"
    path.write_text("\n".join(parts))
    return path


def _head(directory: Path, pace: Pace) -> str:
    return (
        f'[site]\nname = "bench"\ngateway = "gw"\nnominal_voltage = 230\nstate_dir = "{directory}/state"\n'
        f'watch = "{pace.watch}"\npoll = "{pace.poll}"\npublish_every = "{pace.publish_every}"\n'
    )


def _model(layout: Layout) -> str:
    rows = "\n".join(
        f'  {{ address = {2 * pair}, quantity = "{quantity}", unit = "{unit}" }},'
        for pair, (quantity, unit) in enumerate(_ORDER[layout])
    )
    return _MODEL.format(gap=30 if layout == "block" else 0, rows=rows)
