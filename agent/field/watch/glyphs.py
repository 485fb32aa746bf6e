"""What stands for what on the screen: in Unicode, and in ASCII where the locale has no more. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """levels: of a voltage from 82 to 114 % of nominal; dead: below 10 %; gap: no reading."""

    levels: str
    dead: str
    gap: str
    branch: str
    last: str
    beside: str


UNICODE = Glyphs(levels="▁▂▃▄▅▆▇█", dead="x", gap=" ", branch="├─ ", last="└─ ", beside="│  ")
ASCII = Glyphs(levels="_.,-~=*#", dead="x", gap=" ", branch="|- ", last="`- ", beside="|  ")

# The range in which a voltage moves while there is supply; nominal lies in the middle of the fifth of eight levels.
_LOW, _STEP = 0.82, 0.04
# Below this nothing is left, as `read` sees it.
_DEAD = 0.1


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """By the locale, in the order of setlocale(3): LC_ALL, LC_CTYPE, LANG. Python itself puts C.UTF-8 into LC_CTYPE
    where the locale is C (PEP 538): that says nothing of the terminal."""
    named = environ.get("LC_ALL") or _ctype(environ) or environ.get("LANG", "")
    return UNICODE if "utf8" in named.lower().replace("-", "") else ASCII


def _ctype(environ: Mapping[str, str]) -> str:
    said = environ.get("LC_CTYPE", "")
    return "" if said == "C.UTF-8" and environ.get("LANG", "") in ("", "C", "POSIX") else said


def sparkline(volts: Sequence[float | None], nominal_v: float, width: int, glyphs: Glyphs) -> str:
    """The youngest readings, one character each, the last at the right."""
    return "".join(_spark(volt, nominal_v, glyphs) for volt in volts[-width:] if width > 0).rjust(max(0, width))


def _spark(volt: float | None, nominal_v: float, glyphs: Glyphs) -> str:
    if volt is None:
        return glyphs.gap
    share = volt / nominal_v
    if share < _DEAD:
        return glyphs.dead
    level = int((share - _LOW) / _STEP)
    return glyphs.levels[min(max(level, 0), len(glyphs.levels) - 1)]
