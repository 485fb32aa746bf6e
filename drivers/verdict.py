"""From what a meter said and what the maps make of its words to candidates: certain, likely, possible, each with its
evidence in words. Pure judgement; what to ask is decided in `identify.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from drivers.fingerprint import AS_WRITTEN, Look, Reading, marks, told
from drivers.model import MeterModel
from drivers.quantities import VOLTAGES_LL

CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
# Readings whose powers fit about equally well cannot be told apart.
_ALIKE = 5e-4


@dataclass(frozen=True, slots=True)
class Claim:
    """What a meter's own words say for and against a map, in words for people.

    placed: identity registers agreed, at the addresses where the map has them
    """

    agrees: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    placed: bool = False

    @property
    def proven(self) -> bool:
        return bool(self.agrees) and not self.against


@dataclass(frozen=True, slots=True)
class Finding:
    """One map, tried.

    seen:     what it makes of the words; answered: whether its voltage registers could be read
    beside:   shifts at which the values are sane as well, which they should not be
    mistakes: readings of the map that are sane where the map as written is not, the simplest first
    """

    model: MeterModel
    claim: Claim
    answered: bool
    seen: Look
    beside: tuple[int, ...] = ()
    mistakes: tuple[tuple[Reading, Look], ...] = ()

    @property
    def fits(self) -> bool:
        hertz_known = self.seen.frequency_hz is not None or "frequency" not in marks(self.model)
        return self.answered and self.seen.sane and self.seen.consistent and hertz_known and not self.beside

    @property
    def best(self) -> tuple[Reading, Look]:
        """How it is sane, if it is."""
        return self.mistakes[0] if self.mistakes else (AS_WRITTEN, self.seen)

    @property
    def unproven(self) -> bool:
        """Judged by rows of grade D."""
        return not set(marks(self.model)) <= set(self.model.quantities)

    @property
    def dark(self) -> bool:
        """Nothing to judge by: no voltage, or a map without any."""
        return self.answered and not self.seen.live and not self.seen.wild


@dataclass(frozen=True, slots=True)
class Candidate:
    """A map that may be this meter's.

    grade:    certain (it says so itself, and its values agree), likely (this map alone fits), possible
    evidence: in words, the strongest first
    mistake:  what is wrong with the map if this is the meter; empty: it fits as it is. reading: the same for programs
    wiring:   what the voltages look like; empty where they do not tell
    dead:     voltages that read nothing
    """

    model: MeterModel
    grade: str
    evidence: tuple[str, ...]
    mistake: str = ""
    reading: Reading = AS_WRITTEN
    wiring: str = ""
    dead: tuple[str, ...] = ()


def settled(findings: Iterable[Finding]) -> bool:
    """Whether more asking is not worth it: a map fits."""
    return any(one.fits or (one.claim.proven and one.dark) for one in findings)


def ranked(findings: Sequence[Finding]) -> tuple[Candidate, ...]:
    """Best first, and only the best kind there is: beside what is certain nothing else is a candidate, beside a map
    that fits none that would only fit with a mistake in it."""
    # Powers that disagree are no reason to doubt a meter that says who it is: a current transformer may be at fault.
    certain = [one for one in findings if one.claim.proven and (one.dark or one.seen.sane) and not one.mistakes]
    fitting = _not_outdone([one for one in findings if one.fits])
    named = [one for one in findings if one.claim.proven]
    doubtful = [one for one in findings if one.answered and one.seen.sane]
    mistaken = _not_outdone([one for one in findings if one.mistakes])
    if certain:
        return tuple(_certain(one) for one in certain)
    if fitting:
        likely = [one for one in fitting if not (one.model.identity.proves or one.claim.against or one.unproven)]
        candidates = [_fit(one, fitting, LIKELY if likely == [one] else POSSIBLE) for one in fitting]
        return tuple(sorted(candidates, key=lambda candidate: candidate.grade != LIKELY))
    mistakes = [_mistaken(one) for one in mistaken if one not in named]
    doubts = [_doubtful(one) for one in doubtful if one not in named and not one.mistakes]
    return (*(_named(one) for one in named), *doubts, *mistakes)


def _not_outdone(findings: Sequence[Finding]) -> list[Finding]:
    """Without those that another map, read in the same way, explains: the same voltages and more."""
    return [one for one in findings if not any(_outdoes(other, one) for other in findings)]


def _outdoes(other: Finding, one: Finding) -> bool:
    (theirs, their_look), (mine, my_look) = other.best, one.best
    return theirs == mine and _places(one.model, my_look) < _places(other.model, their_look)


def _places(model: MeterModel, seen: Look) -> frozenset[tuple[int, int]]:
    return frozenset((row.function, row.address) for row in model.registers if row.quantity in seen.live)


def _candidate(one: Finding, grade: str, evidence: tuple[str, ...], seen: Look) -> Candidate:
    return Candidate(one.model, grade, evidence, wiring=_wiring(seen), dead=seen.dead)


def _certain(one: Finding) -> Candidate:
    words = told(one.seen) or ("the map has no voltage to judge by",)
    return _candidate(one, CERTAIN, (*one.claim.agrees, *words), one.seen)


def _fit(one: Finding, fitting: Sequence[Finding], grade: str) -> Candidate:
    words = [*told(one.seen), "all sane at the map's addresses and not one register beside them"]
    if one.unproven:
        words.append("by rows of the map that no bench test has confirmed yet")
    if one.model.identity.proves and not one.claim.agrees and not one.claim.against:
        words.append("but it did not say so itself, as this family does")
    if len(fitting) > 1:
        words.append("as well as " + " ".join(other.model.id for other in fitting if other is not one))
    return _candidate(one, grade, (*_said(one), *words), one.seen)


def _named(one: Finding) -> Candidate:
    """It says that it is this one, but its values do not."""
    if one.mistakes:
        return replace(_mistaken(one), grade=LIKELY)
    words = told(one.seen) if one.answered else ("but the registers of its voltages were not answered",)
    return _candidate(one, LIKELY, (*_said(one), *words), one.seen)


def _doubtful(one: Finding) -> Candidate:
    words = [f"but as sane {_where(shift)}: not to be told apart" for shift in one.beside]
    if one.seen.frequency_hz is None and "frequency" in marks(one.model):
        words.append("but its frequency was not answered")
    return _candidate(one, POSSIBLE, (*_said(one), *told(one.seen), *words), one.seen)


def _mistaken(one: Finding) -> Candidate:
    (reading, seen), *others = one.mistakes
    words = (*_said(one), *("or " + _mistake(one.model, other) for other, _ in others), *told(seen))
    return replace(_candidate(one, POSSIBLE, words, seen), mistake=_mistake(one.model, reading), reading=reading)


def _said(one: Finding) -> tuple[str, ...]:
    return (*one.claim.agrees, *(f"but {words}" for words in one.claim.against))


def _wiring(seen: Look) -> str:
    if any(name in VOLTAGES_LL for name in seen.live):
        return "3p3w"
    return {1: "1p2w", 3: "3p4w"}.get(len(seen.live), "")


def nearest(sane: Sequence[tuple[Reading, Look]]) -> tuple[tuple[Reading, Look], ...]:
    """Of the sane readings those whose powers agree best, in the order given: a float with the low half of its
    neighbour is still about right, but U·I is no longer P."""
    errors = [seen.power_error or 0.0 for _, seen in sane]
    limit = 2 * min(errors, default=0.0) + _ALIKE
    return tuple(each for each, error in zip(sane, errors, strict=True) if error <= limit)


def _where(shift: int) -> str:
    return "one register later" if shift > 0 else "one register earlier"


def _mistake(model: MeterModel, reading: Reading) -> str:
    """The mistake, and what to write instead."""
    names, todo = [], []
    if reading.shift:
        names.append(f"base shift: values are sane {_where(reading.shift)}")
        todo.append(
            "the document counted from 0, not from 1: add 1 to every address"
            if reading.shift > 0
            else "the document counted from 1: take 1 off every address"
        )
    if reading.swapped:
        names.append("word order: values are sane with the words swapped")
        order = next(row.order for row in model.registers if row.words > 1)
        todo.append(f'write order = "{"lsw" if order == "msw" else "msw"}"')
    return f"{', and '.join(names)}; {', and '.join(todo)}"


def moved(candidate: Candidate, usual: MeterModel) -> Candidate:
    """The same, with words for where the device keeps its SunSpec model; the agent finds that place by itself.

    wiring: the usual map's, as that is what a site file is read with.
    """
    distance = candidate.model.registers[0].address - usual.registers[0].address
    if not distance:
        return candidate
    where = f"{abs(distance)} registers {'later' if distance > 0 else 'earlier'} than the map has it"
    words = f"its SunSpec model stands {where}: found there at every start, nothing to write for it"
    here = replace(candidate.model, wiring=usual.wiring)
    return replace(candidate, model=here, evidence=(*candidate.evidence, words))
