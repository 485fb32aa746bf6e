"""What to write into a site file for a meter that was found: text, ready to paste. Pure."""

import json

from drivers.line import LineConfig, SerialPort, TcpEndpoint
from drivers.model import MeterModel


def _text(value: str) -> str:
    """JSON's texts are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def stanza(line: LineConfig, unit: int, model: MeterModel, wiring: str, nominal_v: float | None = None) -> str:
    """TOML of one line and one meter. wiring: as the voltages look, empty where they do not tell.

    nominal_v: line to neutral, where the engineer gave it
    """
    rows = ["[lines.line-1]", *line_rows(line), "", f"[meters.meter-{unit}]", 'line = "line-1"', f"unit = {unit}"]
    rows.append(f"model = {_text(model.id)}")
    if wiring and wiring != model.wiring:
        rows.append(f"wiring = {_text(wiring)}             # as its voltages look now")
    if nominal_v is not None:
        rows.append(f"nominal_voltage = {int(nominal_v) if nominal_v.is_integer() else nominal_v}")
    return "\n".join([*rows, ""])


def line_rows(line: LineConfig) -> list[str]:
    """Of its table, without the header."""
    if isinstance(line, SerialPort):
        serial, parity = f"serial = {_text(line.path)}", f"parity = {_text(line.parity)}"
        return [serial, f"baud = {line.baud}", parity, f"stop_bits = {line.stop_bits}"]
    host = f"[{line.host}]" if ":" in line.host else line.host
    kind = "tcp" if isinstance(line, TcpEndpoint) else "rtu_over_tcp"
    return [f"{kind} = {_text(f'{host}:{line.port}')}"]
