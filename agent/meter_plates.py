"""What the meters of a site say of themselves: to their events, their logs, the journal and the database."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.detect import plates
from agent.detect.book import Book
from agent.detect.meter_log import MeterLog
from agent.keeps import Keeps, plate_name
from agent.records import MeterInfo
from agent.site import Meter
from agent.tidied import tidied_event
from drivers.nameplate import Nameplate, plate_reads

log = logging.getLogger("lamplighter.detect")

# Another number is read once more after that, one that could not be read after that.
_CONFIRM_US = 2_000_000
_RETRY_US = 20_000_000
# Who has not said who it is for so long is compared with nothing.
_GIVEN_UP_US = 600_000_000


class MeterPlate:
    """One meter's. info: what stands there, None as long as that is not known."""

    def __init__(
        self,
        meter: Meter,
        book: Book,
        log_: MeterLog,
        clock: Clock,
        journal: Keeps,
        kept: str | None = None,
        *,
        again: Callable[[int], None] = lambda at_boot_us: None,
    ) -> None:
        """book, log_: of its pipeline; kept: what the run before kept under `plate_name`; again: to be called with the
        instant by which it is worth reading once more."""
        self._meter, self._book, self._log = meter, book, log_
        self._again = again
        self._doubted_us: int | None = None
        self._clock, self._journal = clock, journal
        self.info: MeterInfo | None = None
        self._known = plates.Known()
        body = _body(kept)
        if body.get("model") == meter.model.id:  # what another map read need not be the same number
            self._known = plates.understood(str(body.get("plate", "{}")), clock.boot_id)
        self._known_serial()
        since_us = body.get("since_us")
        if isinstance(since_us, int):
            self.info = self._info(since_us)
            if body.get("rest") != _rest(self.info):
                self.info = self._info(self._clock.wall_us())
        elif not plate_reads(self._meter.model.identity):
            self.info = self._info(self._clock.wall_us())
        if self.info is not None:
            self._keep()

    def read(self, plate: Nameplate, sent_us: int, received_us: int) -> None:
        """Its nameplate was read, or could not be."""
        known = self._known.placed(self._clock.from_wall_us)
        self._known, swap = known.read(plate, sent_us, received_us)
        if swap is not None:
            self._log.anew(swap.since_us)
            event = self._book.swapped(swap, received_us)
            log.warning("meter.changed meter=%s before=%s now=%s", self._meter.name, swap.before, swap.after)
            self._journal.add_event(tidied_event(event))
        self._known_serial()
        self._settle(plate, received_us)
        info = self._info(self._clock.wall_us(received_us))
        if self.info is None or _rest(info) != _rest(self.info):
            self.info = info
            log.info("meter.plate meter=%s serial=%s firmware=%s", info.meter, info.serial, info.firmware)
        self._keep()

    def _settle(self, plate: Nameplate, now_us: int) -> None:
        """Until it has said the same number twice, or the one before, its log waits; for ten minutes at most."""
        if self._known.other is None and (plate.serial is not None or not self._log.is_unsure):
            self._doubted_us = None
            self._log.sure()
            return
        if self._doubted_us is None:
            self._doubted_us = now_us
        if now_us - self._doubted_us < _GIVEN_UP_US:
            self._log.still_unsure(now_us)
            self._again(now_us + (_RETRY_US if self._known.other is None else _CONFIRM_US))
            return
        log.warning("meter.unidentified meter=%s before=%s", self._meter.name, self._known.plate.serial)
        self._doubted_us, self._known = None, replace(self._known, other=None)
        self._log.anew()

    def _known_serial(self) -> None:
        self._book.serial = self._log.serial = self._known.plate.serial

    def _info(self, since_us: int) -> MeterInfo:
        fitted, plate = self._meter.installation, self._known.plate
        return MeterInfo(
            self._meter.name, since_us, self._meter.model.id, fitted.vt, fitted.ct, plate.serial, plate.firmware
        )

    def _keep(self) -> None:
        if self.info is not None:
            body: dict[str, object] = {
                "plate": plates.told(self._known, self._clock.wall_us, self._clock.boot_id),
                "since_us": self.info.since_us,
            }
            body |= {"model": self.info.model, "rest": _rest(self.info)}
            self._journal.keep(plate_name(self._meter.name), json.dumps(body))


def infos(known: Mapping[str, MeterPlate]) -> Callable[[], tuple[MeterInfo, ...]]:
    """Of those that are known by now."""
    return lambda: tuple(one.info for one in known.values() if one.info is not None)


def _rest(info: MeterInfo) -> list[str | float | None]:
    """All but since when."""
    return [info.meter, info.model, info.voltage_ratio, info.current_ratio, info.serial, info.firmware]


def _body(text: str | None) -> dict[str, object]:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
