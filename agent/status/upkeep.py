"""What somebody has to look after before it fails: certificates that run out, a card that wears out."""

from collections.abc import Callable, Mapping
from pathlib import Path

from agent.clock import Clock
from agent.status import card
from agent.status.certificates import Certificates, Standing, warning

_EVERY_US = 10_000_000
Told = Mapping[str, str | None]


class Upkeep:
    """`expiring` and `worn` are asked once a second and look more seldom: see `alarm.Alarm.look` for what they say.

    place: of the card, see `card.device_beneath`
    """

    def __init__(self, clock: Clock, certificates: Certificates, place: Callable[[], Path | None]) -> None:
        self._clock = clock
        self._certificates = certificates
        self._place = place
        self._diary = card.Diary()
        self._next_us = 0
        self._expiring: Told = {}
        self._worn: Told = {}

    @property
    def certificates(self) -> tuple[Standing, ...]:
        return self._certificates.standings

    def card(self) -> tuple[card.Card, card.Wear | None] | None:
        """As it stands, and what is written to it in a day; None where the journal lies on no disk."""
        place = self._place()
        if place is None:
            return None
        found = card.look(place)
        return found, self._diary.wear(self._clock.boot_us(), found)

    def expiring(self) -> Told:
        now_us = self._clock.boot_us()
        if now_us >= self._next_us:
            self._next_us = now_us + _EVERY_US
            known = not self._clock.guess  # what a clock that is not set says of a day is nothing
            wall_us = self._clock.wall_us()
            standings = self._certificates.look(now_us)
            self._expiring = {each.place: warning(each, wall_us) if known else None for each in standings}
        return self._expiring

    def worn(self) -> Told:
        now_us, due_us = self._clock.boot_us(), self._diary.due_us
        place = self._place() if due_us is None or now_us >= due_us else None
        if place is not None:
            found = card.look(place)
            self._diary.note(now_us, found)
            self._worn = {found.device: found.trouble}
        return self._worn
