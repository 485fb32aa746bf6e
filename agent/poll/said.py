"""What the log says of the meters of one line: each edge once, and one line where one cause has silenced all."""

import logging

log = logging.getLogger("lamplighter.poll")


class Said:
    """line: its name; meters: how many are on it"""

    def __init__(self, line: str, meters: int) -> None:
        self._line, self._meters = line, meters
        self._unclear: set[str] = set()  # whose refresh could not be learnt, and was said so

    def silent(self, meter: str, outcome: str, silent: int) -> None:
        """silent: how many meters of the line are, this one included. Why a line is down it has said itself."""
        if outcome != "down" or self._meters == 1:
            log.warning("meter.silent line=%s meter=%s outcome=%s", self._line, meter, outcome)
        elif silent == self._meters:
            log.warning("line.silent line=%s meters=%d outcome=%s", self._line, silent, outcome)

    def back(self, meters: int) -> None:
        log.info("line.back line=%s meters=%d asked at once", self._line, meters)

    def recovered(self, meter: str, misses: int) -> None:
        log.info("meter.recovered line=%s meter=%s misses=%d", self._line, meter, misses)

    def refresh(self, meter: str, refresh_us: int | None, pace_us: int) -> None:
        """refresh_us: None where a trial has told nothing; said once until one tells something."""
        if refresh_us is not None:
            self._unclear.discard(meter)
            log.info("meter.refresh meter=%s refresh_s=%.3f watch_s=%.3f", meter, refresh_us / 1e6, pace_us / 1e6)
        elif meter not in self._unclear:
            self._unclear.add(meter)
            log.info("meter.refresh_unclear meter=%s watch_s=%.3f: as the map says", meter, pace_us / 1e6)

    def mute(self, meter: str, place: str, why: str, names: str) -> None:
        log.warning("meter.mute meter=%s %s: %s; left out: %s", meter, place, why, names)

    def found(self, meter: str, model: int, address: int) -> None:
        log.info("meter.found meter=%s model=%d address=%d", meter, model, address)
