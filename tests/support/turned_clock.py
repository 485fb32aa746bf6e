"""A clock that a test turns: boot time and wall time by hand, synchronised or not."""

from dataclasses import dataclass, field

from agent.clock import Clock
from agent.clock_discipline import Discipline
from agent.records import ClockState

SECOND = 1_000_000


@dataclass
class _Source:
    state_: ClockState = field(default_factory=lambda: ClockState(True, 0.0))

    def state(self) -> ClockState:
        return self.state_


class TurnedClock(Clock):
    """boot_s: seconds since the boot; wall_us: UTC at that moment."""

    def __init__(self, wall_us: int, boot_s: float = 100.0, state: ClockState | None = None) -> None:
        self.now_us = round(boot_s * SECOND)
        self.wrong_us = wall_us - self.now_us
        self.synced = _Source(state or ClockState(True, 0.0))
        super().__init__(lambda: self.now_us, lambda: self.now_us + self.wrong_us, self.synced)  # type: ignore[arg-type]

    def advance(self, by_s: float) -> None:
        self.now_us += round(by_s * SECOND)

    def set_wall(self, wall_us: int, state: ClockState) -> None:
        """What a time service did some seconds ago; or, where it is not synchronised, what a boot finds."""
        self.wrong_us = wall_us - self.now_us
        self.synced.state_ = state
        if state.synced is False:
            self._discipline = Discipline()
        now_us = self.now_us
        for ago_us in (9 * SECOND, 0):
            self.now_us = now_us - ago_us
            self.tick()
