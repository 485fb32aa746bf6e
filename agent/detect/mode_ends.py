"""When a test or a maintenance ended, as the desk saw it. Pure.

What began during one counts nowhere; what outlasts it is an outage from its end on, whatever was planned.
"""

from collections.abc import Iterable, Iterator, Mapping

from agent.detect.tracking import Bounds
from agent.records import Event, Kind, Mode

_OUTLASTS: frozenset[Kind] = frozenset({"supply_loss", "phase_loss"})


class ModeEnds:
    """By meter. Bounds on the boot clock: seen in test last, seen out of it first."""

    def __init__(self) -> None:
        self._tested_us: dict[str, int] = {}
        self._ended: dict[str, Bounds] = {}
        self._first_us: int | None = None

    def look(self, modes: Mapping[str, Mode], now_us: int) -> None:
        self._first_us = now_us if self._first_us is None else self._first_us
        for meter, mode in modes.items():
            if mode != "normal":
                self._tested_us[meter] = now_us
            elif meter in self._tested_us:
                self._ended[meter] = Bounds(self._tested_us.pop(meter), now_us)

    def outlasting(self, events: Iterable[Event], modes: Mapping[str, Mode]) -> Iterator[tuple[Event, Bounds | None]]:
        """Open events that began in a test which is over, and when that ended; None: before the agent was started."""
        for event in events:
            meter = event.meter or ""
            if event.mode != "normal" and event.kind in _OUTLASTS and modes.get(meter) == "normal":
                yield event, self._ended.get(meter)
