"""How single values are written in a site file: text -> number, and a value -> how it stands in the file."""

import json
import re
from fractions import Fraction

_UNITS_US = {"ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_DURATION = re.compile(_NUMBER + "(ms|s|min|h)")
_RATIO = re.compile(f"{_NUMBER}/{_NUMBER}")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:/@\[\]]+)(?::([0-9]{1,5}))?")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

NAME_ALLOWED = "1 to 64 letters, digits, - and _"
DURATION_ALLOWED = 'a duration above zero, as "500ms", "10s", "1min" or "1h"'
FILE_NAME = re.compile(r"[\w./-]+")
LONGEST_FILE_NAME = 64  # tokens are longer than the names people give their files


def duration_us(text: str) -> int:
    """``"10s"`` -> 10_000_000 µs. ValueError if it is no duration above zero."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    us = round(Fraction(match[1]) * _UNITS_US[match[2]])
    if us <= 0:
        raise ValueError(text)
    return us


def ratio(text: str) -> float:
    """``"10000/100"`` -> 100.0. ValueError if it is no ratio of two numbers above zero."""
    match = _RATIO.fullmatch(text)
    if match is None or not float(match[1]) or not float(match[2]):
        raise ValueError(text)
    return float(match[1]) / float(match[2])


def endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """``"10.20.0.11:502"`` or ``"[fd00::1]:502"`` -> host and port. ValueError if it is neither."""
    match = _ENDPOINT.fullmatch(text)
    port = int(match[2]) if match and match[2] else default_port
    if match is None or port is None or not 1 <= port <= 65535:
        raise ValueError(text)
    return match[1].strip("[]"), port


def as_toml(value: object) -> str:
    """A value as it stands in the file, cut to what a message can carry."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    listed = isinstance(value, str | list)
    text = json.dumps(value, ensure_ascii=False, default=str) if listed else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
