"""What doctor found, and in which order: the first cause, and what only follows from it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agent.field.doctor import words
from agent.field.doctor.words import TEMPLATES

# What a wrong clock makes of certificates, and of a database that waits for a right one.
_BY_CLOCK = (words.TLS_EXPIRED, words.TLS_EARLY)
_CLOCK = (words.CLOCK_WRONG, words.CLOCK_UNSYNCED)
# A certificate that ends some day, or a missing mapping, holds nothing up.
_HARMLESS = (words.CERTIFICATE_ENDS, words.DATABASE_UNMAPPED, words.ROWS_REFUSED)


@dataclass(frozen=True, slots=True)
class Finding:
    """subject: ``line cabinet``, ``meter main``, ``mqtt``; todo: what to do next; because, because_of: code and subject
    of the cause that this only follows from, empty where it is a cause itself."""

    code: str
    subject: str
    text: str
    todo: str
    because: str = ""
    because_of: str = ""


def found(code: str, subject: str, **details: object) -> Finding:
    """In the words of this code."""
    words = TEMPLATES[code]
    return Finding(code, subject, words.text.format(**details), words.todo.format(**details))


def follows(finding: Finding, cause: Finding) -> Finding:
    return replace(finding, because=cause.code, because_of=cause.subject)


def chained(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each cause followed by what only follows from it, across the parts of a gateway."""
    every = tuple(findings)
    linked = [_linked(finding, every) for finding in every]
    causes = [finding for finding in linked if not finding.because]
    ordered: list[Finding] = []
    for cause in causes:
        mine = (cause.code, cause.subject)
        ordered += [cause, *(each for each in linked if (each.because, each.because_of) == mine)]
    return tuple(ordered)


def _linked(finding: Finding, every: Sequence[Finding]) -> Finding:
    cause = next((each for each in every if _explains(each, finding)), None)
    if cause is None or cause.because:
        return finding
    cause = next((each for each in every if _explains(each, cause)), cause)  # of a certificate, the clock
    return follows(finding, cause)


def _explains(cause: Finding, finding: Finding) -> bool:
    if finding.code in _BY_CLOCK:
        return cause.code == words.CLOCK_WRONG
    if finding.code != words.BACKLOG or cause is finding:
        return False
    if cause.code in _CLOCK:
        return finding.subject == "influxdb"
    return cause.subject == finding.subject and cause.code not in _HARMLESS


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """For people: each cause with what to do, what follows from it indented below."""
    told = []
    for finding in findings:
        if finding.because:
            told.append(f"    follows: {finding.subject}: {finding.text} [{finding.code}]")
        else:
            told += [f"{finding.subject}: {finding.text} [{finding.code}]", f"    do: {finding.todo}"]
    return told
