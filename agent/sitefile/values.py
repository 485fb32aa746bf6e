"""How single values are written in a site file: text -> number, and a value -> how it stands in the file."""

import json
import re
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.detect.network import Customers
from agent.detect.patterns import is_group

_UNITS_US = {"ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_NUMBER = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_DURATION = re.compile(_NUMBER + "(ms|s|min|h)")
_AGE = re.compile(r"([1-9][0-9]{0,4})(h|d)")
_SIZE = re.compile(r"([1-9][0-9]{0,6}) ?(MiB|GiB)")
_RATIO = re.compile(f"{_NUMBER}/{_NUMBER}")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^\s:/@\[\]\x00-\x1f\x7f]+)(?::([0-9]{1,5}))?")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

NAME_ALLOWED = "1 to 64 letters, digits, - and _"
DURATION_ALLOWED = 'a duration above zero, as "500ms", "10s", "1min" or "1h"'
AGE_ALLOWED = 'whole hours or days, as "72h" or "30d"'
SIZE_ALLOWED = 'a size of "16 MiB" to "1024 GiB", as "512 MiB"'
FILE_NAME = re.compile(r"[\w./-]+")
LONGEST_FILE_NAME = 64  # tokens are longer than the names people give their files
# Linux's limits.h: NAME_MAX, and half of PATH_MAX: the rest is for the directory that it is looked for in.
_LONGEST_PART, _LONGEST_PATH = 255, 2048


def duration_us(text: str) -> int:
    """``"10s"`` -> 10_000_000 µs. ValueError if it is no duration above zero."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    us = round(Fraction(match[1]) * _UNITS_US[match[2]])
    if us <= 0:
        raise ValueError(text)
    return us


def age_us(text: str) -> int:
    """``"30d"`` -> 2_592_000_000_000 µs. ValueError if it is no number of hours or days."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * {"h": 1, "d": 24}[match[2]] * _UNITS_US["h"]


def size_mib(text: str) -> int:
    """``"4 GiB"`` -> 4096. ValueError if it is no number of MiB or GiB."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * {"MiB": 1, "GiB": 1024}[match[2]]


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


def read_name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise ValueError(text)
    return text


def read_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(text) from error
    return text


def read_watch(text: str) -> int | Literal["auto", "max"]:
    return text if text in ("auto", "max") else duration_us(text)  # type: ignore[return-value]


def read_upstream(text: str) -> str:
    return text and read_name(text)


def read_file_name(text: str) -> str:
    """Tokens end in = and carry + and longer runs than people give their files: what looks like one is not shown."""
    if not FILE_NAME.fullmatch(text) or (len(text) > LONGEST_FILE_NAME and "/" not in text):
        raise ValueError("no file name")
    written = text.encode()
    if len(written) > _LONGEST_PATH or max(map(len, written.split(b"/"))) > _LONGEST_PART:
        raise ValueError("longer than any file's name")
    return text


def each_once(value: tuple[str, str, str]) -> tuple[str, str, str]:
    if len(set(value)) != len(value):
        raise ValueError("a phase stands twice")
    return value


def ascending(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] < value[1]:
        raise ValueError("low is not below high")
    return value


def nut_server(text: str) -> tuple[str, str, int]:
    """``"ups@127.0.0.1:3493"`` -> name of the supply, host and port. ValueError if it is none."""
    ups, at, server = text.partition("@")
    if not at:
        raise ValueError(text)
    return read_name(ups), *endpoint(server, 3493)


_ON_PHASES = ("l1", "l2", "l3", "three_phase")


def read_customers(value: object) -> Customers:
    """``182``, or ``{ l1 = 60, l2 = 61, l3 = 57, three_phase = 4 }``. ValueError if it is neither."""
    counts = value if isinstance(value, dict) else {"unsplit": value}
    if not counts or (isinstance(value, dict) and not set(value).issubset(_ON_PHASES)):
        raise ValueError("not the phases")
    if any(not isinstance(count, int) or isinstance(count, bool) or count < 0 for count in counts.values()):
        raise ValueError("not a count")
    return Customers(**counts)


def unlike(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a name stands twice")
    return names


_LIVES_ON = ("self", "self:all", "self:l1", "self:l2", "self:l3", "dc", "ups")
LIVES_ON_ALLOWED = ", ".join(f'"{word}"' for word in _LIVES_ON) + ' or "node:NAME"'


def read_lives_on(text: str) -> str:
    if text not in _LIVES_ON:
        read_name(text.removeprefix("node:") if text.startswith("node:") else "")
    return text


def read_group(text: str) -> str:
    if not is_group(text):
        raise ValueError(text)
    return text
