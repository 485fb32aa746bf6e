"""What a scan found. Pure."""

from dataclasses import dataclass

from drivers.endpoints import LineConfig
from drivers.identify import Verdict
from drivers.verdict import Candidate


@dataclass(frozen=True, slots=True)
class Met:
    """A unit that answered, and what it is taken for."""

    line: LineConfig
    unit: int
    verdict: Verdict

    @property
    def candidate(self) -> Candidate | None:
        """The one map that may be written down: certain, or the only likely one, and right as it is."""
        first, *others = self.verdict.candidates or (None,)
        if first is None or first.mistake or first.grade == "possible" or (others and others[0].grade == first.grade):
            return None
        return first


@dataclass(frozen=True, slots=True)
class Scanned:
    """meters: identified or not, in the order of lines and units; said: messages, each with its code; failed: the line
    could not be asked to the end for a reason that somebody has to look after."""

    meters: tuple[Met, ...] = ()
    said: tuple[str, ...] = ()
    failed: bool = False
