"""Why a meter is silent: from what was heard on its line to the first cause, and what follows from it. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.field.doctor import words
from agent.field.doctor.capture import DULL, Heard
from agent.field.doctor.findings import Finding, follows, found
from drivers.refusals import BUSY, FAILURE, exception_told

# As many bytes without a frame, heard before anybody was asked, are no accident of opening the port.
ENOUGH_BYTES = 16
_NO_PATH, _NO_ANSWER = 0x0A, 0x0B
_NOTHING = ("silent", "echo")
_SPOILT = ("damaged", "cut", "noise", "dull")


@dataclass(frozen=True, slots=True)
class MeterSeen:
    """One meter, asked several times. wait_us: how long the agent waits; wild: what its values cannot be, in words."""

    name: str
    unit: int
    model: str
    wait_us: int
    heard: tuple[Heard, ...]
    wild: str = ""

    @property
    def kinds(self) -> Counter[str]:
        return Counter(each.kind for each in self.heard)

    @property
    def alive(self) -> bool:
        """Whether anything came that only this meter, or a gateway in front of it, can have said."""
        return not {"answered", "refused", "late", "twice", "other_unit"}.isdisjoint(self.kinds)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Settings at which a meter does answer. toml: as the site file has it."""

    meter: str
    found: str
    toml: str


@dataclass(frozen=True, slots=True)
class LineSeen:
    """idle: what was heard before anybody was asked; master: who else asks; framing: how a network device wants it;
    place: of a network device, empty for a port."""

    name: str
    settings: str
    meters: tuple[MeterSeen, ...]
    idle: bytes = b""
    master: str = ""
    framing: str = ""
    elsewhere: Elsewhere | None = None
    place: str = ""

    @property
    def subject(self) -> str:
        return f"line {self.name}"

    @property
    def heard(self) -> tuple[Heard, ...]:
        return tuple(each for meter in self.meters for each in meter.heard)


def diagnosed(line: LineSeen) -> tuple[Finding, ...]:
    """The line's own cause first, with the meters that it silences; then what only one meter has."""
    cause = _of_line(line)
    findings = [] if cause is None else [cause]
    for meter in line.meters:
        if cause is not None and not {"answered", "late"} & set(meter.kinds):
            findings.append(unheard(meter.name, meter.unit, cause))
        else:
            findings += _of_meter(line, meter)
    return tuple(findings)


def unheard(meter: str, unit: int, cause: Finding) -> Finding:
    return follows(found(words.METER_UNHEARD, f"meter {meter}", unit=unit), cause)


def _of_line(line: LineSeen) -> Finding | None:
    if line.master:
        return found(words.OTHER_MASTER, line.subject, detail=line.master)
    if line.framing:
        return found(words.OTHER_FRAMING, line.subject, detail=line.framing)
    alive = any(meter.alive for meter in line.meters)
    if not alive and (dull := _dull(line)):
        return dull
    if len(line.idle) >= ENOUGH_BYTES and not DULL.issuperset(line.idle):
        return found(words.LINE_NOISE, line.subject, count=len(line.idle))
    return _all_refused(line) if alive else _nobody(line)


def _dull(line: LineSeen) -> Finding | None:
    """Only 00 and FF: a UART on exchanged or floating wires sees breaks, and idle characters."""
    told = line.idle if DULL.issuperset(line.idle) else b""
    spoilt = [each for each in line.heard if each.kind == "dull"]
    count = len(told) + sum(each.noise_bytes for each in spoilt)
    if len(told) < ENOUGH_BYTES and (not spoilt or len(spoilt) < len(line.heard) / 2):
        return None
    return found(words.POLARITY, line.subject, bytes="00 and FF", count=count)


def _nobody(line: LineSeen) -> Finding | None:
    kinds = Counter(each.kind for each in line.heard)
    if not kinds:
        return None
    if set(kinds).issubset(_NOTHING):
        if line.elsewhere is not None:
            place = line.elsewhere
            return found(
                words.OTHER_SETTINGS, line.subject, line=line.name, settings=line.settings, meter=place.meter,
                found=place.found, toml=place.toml,
            )  # fmt: skip
        if line.place:
            return found(words.UNITS_SILENT, line.subject, place=line.place, meters=_named(line.meters))
        if "echo" in kinds:
            return found(words.ECHO_ONLY, line.subject)
        return found(words.LINE_SILENT, line.subject, meters=_named(line.meters))
    if all(set(meter.kinds) & set(_SPOILT) for meter in line.meters):
        return found(words.LINE_DAMAGED, line.subject, counts=_counts(line.heard))
    return None


def _all_refused(line: LineSeen) -> Finding | None:
    """A gateway that has no way to any unit."""
    codes = {each.code for each in line.heard if each.kind == "refused"}
    if any(each.kind != "refused" for each in line.heard) or len(codes) != 1:
        return None
    if codes == {_NO_PATH}:
        return found(words.GATEWAY_PATH, line.subject)
    return found(words.GATEWAY_UNANSWERED, line.subject) if codes == {_NO_ANSWER} and len(line.meters) > 1 else None


def _of_meter(line: LineSeen, meter: MeterSeen) -> Iterator[Finding]:
    """One finding at most: the first that fits."""
    kinds, subject = meter.kinds, f"meter {meter.name}"
    if kinds["twice"]:
        yield found(words.UNIT_TWICE, subject, unit=meter.unit)
    elif kinds["answered"] == len(meter.heard):
        if meter.wild:
            yield found(words.WRONG_VALUES, subject, unit=meter.unit, model=meter.model, wild=meter.wild)
    elif kinds["refused"]:
        yield _refused(meter, subject)
    elif kinds["late"] * 2 >= len(meter.heard):
        took_us = max(each.took_us for each in meter.heard)
        yield found(words.METER_LATE, subject, unit=meter.unit, took_ms=took_us / 1e3, wait_ms=meter.wait_us / 1e3)
    elif kinds["answered"]:
        yield found(
            words.METER_UNSTEADY, subject, unit=meter.unit, good=kinds["answered"], asked=len(meter.heard),
            counts=_counts(meter.heard), line=line.name,
        )  # fmt: skip
    else:
        yield _never(line, meter, subject)


def _never(line: LineSeen, meter: MeterSeen, subject: str) -> Finding:
    others = _named([each for each in line.meters if each is not meter and each.alive]) or "no other meter"
    kind = meter.kinds.most_common(1)[0][0]
    if kind == "other_unit":
        other = next(each.unit for each in meter.heard if each.kind == "other_unit")
        return found(words.METER_OTHER_UNIT, subject, unit=meter.unit, found=other, meter=meter.name)
    if kind == "cut":
        return found(words.METER_CUT, subject, unit=meter.unit, counts=_counts(meter.heard))
    if kind in _SPOILT:
        return found(words.METER_DAMAGED, subject, unit=meter.unit, counts=_counts(meter.heard), others=others)
    return found(words.METER_SILENT, subject, unit=meter.unit, others=others)


def _refused(meter: MeterSeen, subject: str) -> Finding:
    code = next(each.code for each in meter.heard if each.kind == "refused")
    if code in BUSY:
        return found(words.METER_BUSY, subject, unit=meter.unit, number=f"{code:02X}")
    told = exception_told(code)
    if code in FAILURE or code in (_NO_PATH, _NO_ANSWER):
        return found(words.METER_FAILS, subject, unit=meter.unit, exception=told)
    return found(words.WRONG_MODEL, subject, unit=meter.unit, model=meter.model, exception=told)


def _named(meters: Sequence[MeterSeen]) -> str:
    return ", ".join(meter.name for meter in meters)


_TOLD = {
    "answered": "answered", "refused": "refused", "silent": "without an answer", "late": "too late",
    "twice": "answered twice", "other_unit": "by another unit", "damaged": "damaged", "cut": "cut off",
    "echo": "only our own echo", "dull": "only 00 and FF", "noise": "noise", "down": "not connected",
}  # fmt: skip


def _counts(heard: Sequence[Heard]) -> str:
    kinds = Counter(each.kind for each in heard)
    return ", ".join(f"{count} {_TOLD[kind]}" for kind, count in kinds.most_common())
