"""Single values of a point as a database gives them back, looked at one by one: whoever may write there may have
written anything. Pure.

StrangePointError for what this agent would not have written: field, what stands there, and what may.
"""

import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any

from agent.publish.line_protocol import ABSENT

Point = Mapping[str, Any]

# Names of the site file: meters, feeders, nodes. The loader admits no others.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# gateway-epoch-number, and the longest gateway has 64 letters.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TEXT_CHARS = 1024
# A list of a thousand ids. An answer has no more in any case.
_LIST_CHARS = 64 * 1024
_LONGEST_SHOWN = 60
# 2200-01-01T00:00:00Z. An event of a gateway that booted in 1970 is one, an earlier one is not.
_LAST_US = 7_258_118_400_000_000
_GREATEST = 1e15


class StrangePointError(ValueError):
    """A point, or a value of one, that this version would not have written."""


def shown(value: object, most: int = _LONGEST_SHOWN) -> str:
    """For the log: short, and nothing in it that a terminal or a line would act on."""
    text = value if isinstance(value, str) else repr(value)
    return text[:most].encode("unicode_escape").decode()


def text(point: Point, key: str, most: int = _TEXT_CHARS) -> str:
    """Empty where there is none."""
    value = point.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or any(map(_acts, value)):
        raise _strange(key, value, f"is no text of at most {most} characters without control characters")
    return value


def long_text(point: Point, key: str) -> str:
    """Of a list, or of words."""
    return text(point, key, _LIST_CHARS)


def required_text(point: Point, key: str) -> str:
    """A text that has to be there, even if it is empty."""
    if point.get(key) is None:
        raise _strange(key, None, "is no text")
    return long_text(point, key)


def identity(point: Point, key: str) -> str:
    return _named(point, key, _ID, "is no id: letters, digits, - and _")


def name(point: Point, key: str) -> str:
    return _named(point, key, _NAME, "is no name of a site file: 1 to 64 letters, digits, - and _")


def tag(point: Point, key: str) -> str | None:
    """A name, or none."""
    found = name(point, key)
    return None if found == ABSENT else found


def one_of(point: Point, key: str, allowed: Collection[str], *, required: bool = True) -> str:
    value = point.get(key)
    if not required and value in (None, ""):
        return ""
    if not isinstance(value, str) or value not in allowed:
        raise _strange(key, value, "is not known")
    return value


def number(point: Point, key: str) -> float | None:
    value = point.get(key)
    if value is None:
        return None
    if not _is_number(value) or not math.isfinite(value) or abs(value) > _GREATEST:
        raise _strange(key, value, "is no finite number")
    return float(value)


def whole(point: Point, key: str, least: int, most: int) -> int | None:
    value = number(point, key)
    if value is None:
        return None
    if value != int(value) or not least <= value <= most:
        raise _strange(key, point[key], f"is no whole number from {least} to {most}")
    return int(value)


def instant(point: Point, key: str) -> int:
    """UTC microseconds. They were written as an integer, and come back as one."""
    value = point.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LAST_US:
        raise _strange(key, value, "is no instant from 1970 to 2200 in microseconds")
    return value


def truth(point: Point, key: str) -> bool | None:
    value = point.get(key)
    if value is not None and not isinstance(value, bool):
        raise _strange(key, value, "is neither true nor false")
    return value


def _is_number(value: object) -> bool:
    # An int that no float can hold has no isfinite.
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63)


def _named(point: Point, key: str, pattern: re.Pattern[str], fault: str) -> str:
    value = point.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _strange(key, value, fault)
    return value


def _acts(character: str) -> bool:
    """A control character, or half of a pair: no file and no topic can have it."""
    return unicodedata.category(character) in ("Cc", "Cs")


def _strange(key: str, value: object, fault: str) -> StrangePointError:
    found = f"'{shown(value)}'" if isinstance(value, str) else shown(value)
    return StrangePointError(f"{shown(key)} {found} {fault}")
