"""Errors of the agent, each named by who must act."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a site file, in the words its author needs.

    where:   key path (``meters.tx1.unit``), or ``line 3, column 7`` for broken TOML
    found:   what stands there, as written
    allowed: what may stand there
    todo:    what to do next
    """

    where: str
    found: str
    allowed: str
    todo: str

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; allowed: {self.allowed}; {self.todo}"


class SiteError(ValueError):
    """A site file is wrong. Fix the site file: every finding says where, found, allowed and what to do."""

    def __init__(self, file: str, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(f"{file}: {finding}" for finding in findings))
        self.file = file
        self.findings = findings

    def __reduce__(self) -> tuple[type["SiteError"], tuple[str, tuple[Finding, ...]]]:
        return type(self), (self.file, self.findings)  # an exception is pickled by its message otherwise


class SinkError(OSError):
    """A broker or database cannot be used. Go to the network or the server."""


class StateHeldError(OSError):
    """Another agent holds the state directory."""
