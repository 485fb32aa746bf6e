"""Which meter is this? The reads to make, one after the other, and the verdict from the answers: a generator, no I/O.

Asked in this order: function 43/14; each family's identity registers, exactly as it wants them read; then, map by map,
the registers a map is judged by (`fingerprint.py`). Where nothing fits, the same through the usual mistakes of a map:
addresses one register off, words exchanged. Never a write, and never more than a fixed number of requests.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from drivers import sunspec
from drivers.encodings import unpack_words
from drivers.fingerprint import AS_WRITTEN, Look, Reading, look, marks, mistakes_of
from drivers.identity import Identity, IdField, IdRead
from drivers.modbus.outcome import Exchange
from drivers.modbus.pdu import Read, ReadDeviceId, Request, decode_device_id, next_device_id
from drivers.model import MeterModel
from drivers.plan import plan_reads
from drivers.quantities import VOLTAGES_LL, VOLTAGES_LN
from drivers.refusals import BUSY, FAILURE, exceptions_todo, exceptions_told
from drivers.verdict import Candidate, Claim, Finding, moved, nearest, ranked, settled

MOST_REQUESTS = 150
# So many requests without any answer, and the unit is silent: some meters say nothing to addresses they do not know.
_PATIENCE = 12
_ILLEGAL_FUNCTION = 0x01
# Modbus application protocol V1.1b3, 7: a gateway answers for a device that does not.
_GATEWAY = (0x0A, 0x0B)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to make; the generator is sent its Exchange. why: in words, for a line of progress."""

    request: Request
    why: str


Steps = Generator[Ask, Exchange, T]


@dataclass(frozen=True, slots=True)
class Verdict:
    """candidates: best first; says: what the meter says of itself, in words; trouble: why there is no answer.

    todo: what to do about the trouble; empty where that is to look after the line
    """

    candidates: tuple[Candidate, ...]
    says: tuple[str, ...]
    requests: int
    trouble: str
    todo: str = ""

    @property
    def certain(self) -> Candidate | None:
        """The one that is certain; None where none is, or two are."""
        found = [candidate for candidate in self.candidates if candidate.grade == "certain"]
        return found[0] if len(found) == 1 else None


def identify(
    models: Sequence[MeterModel], *, nominal_v: float | None = None, most_requests: int = MOST_REQUESTS
) -> Steps[Verdict]:
    """Steps to a verdict among `models`. nominal_v: line to neutral, where it is known."""
    desk = _Desk(most_requests, nominal_v)
    texts = yield from _introduction(desk)
    usual = {model.id: model for model in models}
    models = yield from _placed(desk, models)
    claims: dict[str, Claim] = {}
    for model in models:
        claims[model.id] = yield from _claim(desk, model, texts)
    proven = [model for model in models if claims[model.id].proven]
    unbiased = [model for model in models if not claims[model.id].against]
    findings: dict[str, Finding] = {}
    for group in (proven, unbiased, models):
        if not settled(findings.values()):
            yield from _try(desk, group, claims, findings)
    if not settled(findings.values()) and not desk.refused_by(FAILURE):
        for name, one in findings.items():
            findings[name] = yield from _with_mistakes(desk, one)
    candidates = tuple(moved(one, usual[one.model.id]) for one in ranked(tuple(findings.values())))
    for candidate in candidates[:1]:
        yield from _shown(desk, candidate.model)
    return Verdict(candidates, tuple(desk.says), desk.count, desk.trouble(), desk.todo())


class _Desk:
    """What was asked and answered. words: measured ones, by function and address."""

    def __init__(self, most_requests: int, nominal_v: float | None) -> None:
        self.count = 0
        self.says: list[str] = []
        self.words: dict[tuple[int, int], int] = {}
        self._nominal_v = nominal_v
        self._most = most_requests
        self._answers: dict[Request, Exchange] = {}
        self._refused_functions: set[int] = set()
        self._alive = False
        self._answered = False
        self._codes: set[int] = set()
        self._last = Exchange("silent")

    def ask(self, request: Request, why: str) -> Steps[Exchange]:
        """The answer, asked for once; a second time where the first attempt may only have been unlucky."""
        if request not in self._answers:
            answer = yield from self._put(request, why)
            unlucky = answer.outcome in ("garbled", "foreign") or (answer.outcome == "silent" and self._alive)
            if unlucky or answer.questionable:
                answer = yield from self._put(request, why)
            self._answers[request] = answer
        return self._answers[request]

    def read(self, read: Read, why: str) -> Steps[bool]:
        """Bring measured words; False where they are not to be had."""
        addresses = [(read.function, read.address + place) for place in range(read.count)]
        if not all(address in self.words for address in addresses):
            answer = yield from self.ask(read, why)
            if answer.outcome != "answered":
                return False
            self.words.update(zip(addresses, unpack_words(answer.data), strict=True))
        return True

    def look(self, model: MeterModel, reading: Reading = AS_WRITTEN) -> Look:
        """What the map, read so, makes of the words that are here."""
        return look(model, self.words, reading, self._nominal_v)

    def refused_by(self, codes: Collection[int]) -> bool:
        """Whether no read was answered but with these exceptions, and some were."""
        return not self._answered and bool(self._codes) and self._codes.issubset(codes)

    def trouble(self) -> str:
        if self.count >= self._most:
            return f"stopped after {self.count} requests"
        if self._alive:
            return self._only_exceptions()
        last, detail = self._last, f" ({self._last.detail})" if self._last.detail else ""
        if last.outcome == "refused":
            return f"the gateway answers, the unit behind it does not (exception {last.code:02X})"
        return f"{last.outcome}: none of {self.count} requests was answered{detail}"

    def todo(self) -> str:
        return exceptions_todo(self._codes) if self._only_exceptions() and self.count < self._most else ""

    def _only_exceptions(self) -> str:
        return "" if self._answered or not self._codes else exceptions_told(self._codes, self.count)

    def _put(self, request: Request, why: str) -> Steps[Exchange]:
        if self.count >= self._most or self._hopeless() or request.function in self._refused_functions:
            return Exchange("silent", detail="not asked")
        self.count += 1
        answer = yield Ask(request, why)
        self._last = answer
        if answer.outcome == "answered" or (answer.outcome == "refused" and answer.code not in _GATEWAY):
            self._alive = True
            if isinstance(request, Read):
                self._note(answer)
        if answer.outcome == "refused" and answer.code == _ILLEGAL_FUNCTION:
            self._refused_functions.add(request.function)
        return answer

    def _note(self, answer: Exchange) -> None:
        self._answered |= answer.outcome == "answered"
        if answer.outcome == "refused":
            self._codes.add(answer.code)

    def _hopeless(self) -> bool:
        patient = self._alive and not self.refused_by(BUSY)
        return self._last.outcome == "down" or (not patient and self.count >= _PATIENCE)


def _introduction(desk: _Desk) -> Steps[tuple[str, ...]]:
    """The texts of the answer to function 43/14, none where it is not answered."""
    texts: list[str] = []
    request: ReadDeviceId | None = ReadDeviceId()
    while request is not None:
        answer = yield from desk.ask(request, "who it says it is (function 43/14)")
        if answer.outcome != "answered":
            break
        try:
            part = decode_device_id(answer.data)
        except ValueError:
            break  # a meter that breaks the protocol says nothing
        texts += (text for raw in part.objects.values() if (text := raw.decode("latin-1").strip("\0 ")))
        request = next_device_id(request, part)
    if texts:
        desk.says.append(f"function 43/14: {', '.join(texts)}")
    return tuple(texts)


def _placed(desk: _Desk, models: Sequence[MeterModel]) -> Steps[Sequence[MeterModel]]:
    """The maps, that of a SunSpec meter model moved to where the device has it, if that is elsewhere."""
    templates = {model.id: model for model in models if sunspec.is_sunspec(model)}
    if not templates:
        return models
    steps = sunspec.discover()
    try:
        read = next(steps)
        while True:
            answer = yield from desk.ask(read, "the SunSpec marker and what stands behind it")
            read = steps.send(answer.data if answer.outcome == "answered" else None)
    except StopIteration as end:
        chain: sunspec.Chain | None = end.value
    block = sunspec.locate(chain)
    if chain is None or block is None or sunspec.MAPS[block.id] not in templates:
        return models
    found = _moved_map(chain, block, templates)
    return [found if model.id == found.id else model for model in models]


def _moved_map(chain: sunspec.Chain, block: sunspec.Block, templates: Mapping[str, MeterModel]) -> MeterModel:
    """The map where the device has its meter model, and what is said of itself there."""
    template = templates[sunspec.MAPS[block.id]]
    try:
        here = sunspec.model_at(block.start, block.id, templates)
    except ValueError:  # no room for the whole model: not this one
        return template
    if here.registers[0].address == template.registers[0].address:
        return template
    number = IdField("SunSpec meter model", at=0, words=1, encoding="u16", numbers=(block.id,))
    proof = IdRead("Meter model", Read(3, block.start, 2), (number,), "A", "sunspec/models")
    distance = chain.base - sunspec.BASES[0]
    shown = (
        replace(one, read=replace(one.read, address=one.read.address + distance))
        for one in template.identity.reads
        if not one.proves
    )
    return replace(here, identity=Identity((proof, *shown)))


def _claim(desk: _Desk, model: MeterModel, texts: Sequence[str]) -> Steps[Claim]:
    """What the meter's own words say for and against this map."""
    agrees: list[str] = []
    against: list[str] = []
    identity = model.identity
    name = identity.called(texts)
    if name is not None:
        agrees.append(f"it calls itself {name!r}")
    elif texts and (identity.device_id or not _same_vendor(model, texts)):
        against.append(f"it calls itself {' '.join(texts)!r}")
    said = len(agrees)
    for one in identity.reads:
        if one.proves:
            answer = yield from desk.ask(one.read, f"{one.title}, as {model.id} wants it read")
            if answer.outcome == "answered":
                _weigh(one, answer.data, agrees, against)
    return Claim(tuple(agrees), tuple(against), placed=len(agrees) > said)


def _same_vendor(model: MeterModel, texts: Sequence[str]) -> bool:
    first = model.vendor.split()[0].casefold()
    return any(first in text.casefold() for text in texts)


def _weigh(one: IdRead, data: bytes, agrees: list[str], against: list[str]) -> None:
    """All that proves must agree, else the read speaks against the map."""
    words = unpack_words(data)
    fields = [(field, field.value(words)) for field in one.fields if field.proves]
    told = ", ".join(f"{field.name} {value!r}" for field, value in fields)
    (agrees if all(field.agrees(value) for field, value in fields) else against).append(told)


def _try(
    desk: _Desk, models: Sequence[MeterModel], claims: Mapping[str, Claim], findings: dict[str, Finding]
) -> Steps[None]:
    """Add the findings of those models that have none yet."""
    for model in models:
        if model.id not in findings:
            findings[model.id] = yield from _finding(desk, model, claims[model.id])


def _finding(desk: _Desk, model: MeterModel, claim: Claim) -> Steps[Finding]:
    answered = yield from _bring(desk, model, AS_WRITTEN)
    one = Finding(model, claim, answered, desk.look(model))
    beside: tuple[int, ...] = ()
    for shift in (1, -1) if one.fits and not claim.proven else ():
        yield from _bring(desk, model, Reading(shift))
        if replace(one, seen=desk.look(model, Reading(shift))).fits:
            beside += (shift,)
    return replace(one, beside=beside)


def _bring(desk: _Desk, model: MeterModel, reading: Reading) -> Steps[bool]:
    """Read what the map is judged by: a voltage and what scales it first, the rest only if it is sane. Whether the
    first was answered."""
    first, rest = _reads(model, reading.shift)
    answered = True
    for read in first:
        answered &= yield from desk.read(read, _why(model, reading.shift))
    for read in rest if desk.look(model, reading).live else ():
        yield from desk.read(read, _why(model, reading.shift))
    return answered and bool(first)


def _reads(model: MeterModel, shift: int) -> tuple[list[Read], list[Read]]:
    """Those that the first voltages of the map need, to neutral and between lines, and the others."""
    quantities = marks(model)
    judged = [row for row in model.registers if row.quantity in quantities]
    first = [next((row for row in judged if row.quantity in names), None) for names in (VOLTAGES_LN, VOLTAGES_LL)]
    needed = {entry for row in first if row is not None for entry in (row, *row.scaled_by)}
    parts: tuple[list[Read], list[Read]] = ([], [])
    for planned in plan_reads(model, quantities).reads:
        entries = {row for row, _ in (*planned.fields, *planned.scales)}
        start, end = planned.read.address + shift, planned.read.address + planned.read.count + shift
        start, end = max(start, 0), min(end, 0x10000)
        parts[needed.isdisjoint(entries)].append(replace(planned.read, address=start, count=end - start))
    return parts


def _why(model: MeterModel, shift: int) -> str:
    beside = {0: "", 1: ", one register later", -1: ", one register earlier"}[shift]
    return f"voltages and frequency where {model.id} has them{beside}"


def _with_mistakes(desk: _Desk, one: Finding) -> Steps[Finding]:
    """The finding with what the map would be if it were read wrongly in one of the usual ways.

    A reading whose voltages were all answered goes before one that lacks a word at the edge: integers with nothing in
    their high words look alike in both.
    """
    whole: list[tuple[Reading, Look]] = []
    partly: list[tuple[Reading, Look]] = []
    usual = one.seen.sane and one.seen.consistent
    for reading in () if usual else mistakes_of(one.model):
        answered = yield from _bring(desk, one.model, reading)
        seen = desk.look(one.model, reading)
        better = (seen.power_error or 0.0) < (one.seen.power_error or 1.0)
        if better and replace(one, answered=True, seen=seen, beside=()).fits:
            (whole if answered else partly).append((reading, seen))
    # Identity registers stand at the map's addresses: with words exchanged so do the others, and no shift is needed.
    exact = [each for each in (*whole, *partly) if one.claim.placed and not each[0].shift]
    return replace(one, mistakes=nearest(exact or whole or partly))


def _shown(desk: _Desk, model: MeterModel) -> Steps[None]:
    """What else the meter says of itself where this family does: its serial number."""
    for one in model.identity.reads:
        answer = yield from desk.ask(one.read, one.title)
        if answer.outcome == "answered":
            words = unpack_words(answer.data)
            values = ((field.name, field.value(words)) for field in one.fields if not field.proves)
            desk.says += (f"{name} {value}" for name, value in values if value not in ("", 0))
