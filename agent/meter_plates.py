"""What the meters of a site say of themselves: to their events, their logs, the journal and the database."""

import json
import logging
from collections.abc import Callable, Mapping

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


class MeterPlate:
    """One meter's. info: what stands there, None as long as that is not known."""

    def __init__(
        self, meter: Meter, book: Book, log_: MeterLog, clock: Clock, journal: Keeps, kept: str | None = None
    ) -> None:
        """book, log_: of its pipeline; kept: what the run before kept under `plate_name`."""
        self._meter, self._book, self._log = meter, book, log_
        self._clock, self._journal = clock, journal
        self.info: MeterInfo | None = None
        self._known = plates.Known()
        body = _body(kept)
        if body.get("model") == meter.model.id:  # what another map read need not be the same number
            self._known = plates.understood(str(body.get("plate", "{}")), clock.from_wall_us)
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
        self._known, swap = self._known.read(plate, sent_us, received_us)
        if swap is not None:
            self._log.anew()
            event = self._book.swapped(swap, received_us)
            log.warning("meter.changed meter=%s before=%s now=%s", self._meter.name, swap.before, swap.after)
            self._journal.add_event(tidied_event(event))
        self._known_serial()
        self._log.sure()
        info = self._info(self._clock.wall_us(received_us))
        if self.info is None or _rest(info) != _rest(self.info):
            self.info = info
            log.info("meter.plate meter=%s serial=%s firmware=%s", info.meter, info.serial, info.firmware)
        self._keep()

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
                "plate": plates.told(self._known, self._clock.wall_us),
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
