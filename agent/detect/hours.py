"""How long ago a register was read: by the boot clock, or where the gateway was off meanwhile by what is known of its
wall clocks. Pure."""

from typing import NamedTuple


class Utc(NamedTuple):
    """An instant by the wall clock, and what that may be wrong by; None: nobody knows."""

    at_us: int
    within_s: float | None

    @property
    def is_known(self) -> bool:
        return self.within_s is not None


UNKNOWN = Utc(0, None)


def least_us(before_us: int, now_us: int, before: Utc | None, now: Utc) -> int:
    """At least so long, by two instants of the boot clock. before: by the wall clock of an earlier boot: then these say
    nothing, and without two clocks that are known it may have been no time at all."""
    if before is None:
        return now_us - before_us
    if before.within_s is None or now.within_s is None:
        return 0
    return now.at_us - before.at_us - round(1e6 * (before.within_s + now.within_s))
