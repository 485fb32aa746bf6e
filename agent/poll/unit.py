"""One meter as the poller sees it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.poll.schedule import Job, Work
from drivers.codec import Decoder
from drivers.identity import IdRead
from drivers.modbus.pdu import Read
from drivers.nameplate import Nameplate, nameplate
from drivers.plan import PlannedRead
from drivers.sunspec import Block

# A full set starts a second before its tick, so that the reading of that tick carries fresh values.
_LEAD_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """The reads of a meter, and how they are paced.

    watch, poll, slow, log: voltages and currents, the rest of the full set, what of it is asked more rarely, what the
               meter itself latches: no part of the full set. slow and log may be missing
    watch_us:  0 means as fast as the line goes; hurry_us: the shortest pace worth having, while something happens
    refresh_us: what the map says of it; 0: nothing
    auto:      watch_us is the map's idea of the meter's refresh: to be learnt
    wire_s:    wire time of one read and its reply, without any turn-around
    floor_s, ceiling_s: least and most that its turn-around may take
    plate:     reads of its serial number and firmware, if its map has any
    moved:     the unit with its map moved to where the device turns out to keep it; None where its place is fixed
    """

    meter: str
    unit: int
    watch: Decoder
    poll: Decoder
    watch_us: int
    hurry_us: int
    poll_us: int
    wire_s: Callable[[PlannedRead], float]
    floor_s: float
    ceiling_s: float
    slow: Decoder | None = None
    slow_us: int = 0
    log: Decoder | None = None
    log_us: int = 0
    plate: tuple[IdRead, ...] = ()
    plate_us: int = 0
    auto: bool = False
    refresh_us: int = 0
    moved: "Callable[[Block], Unit] | None" = None

    def jobs(self, share: float = 0.0) -> tuple[Job, ...]:
        """share: how far into the period this unit's full set comes, of 1; units of one line do not coincide."""
        jobs = [
            Job(self.meter, "watch", self.watch_us, len(self.watch.plan.reads), hurry_us=self.hurry_us),
            self._job("poll", self.poll, self.poll_us, share),
        ]
        if self.slow is not None:
            jobs.append(self._job("slow", self.slow, self.slow_us, share))
        if self.log is not None:
            jobs.append(self._job("log", self.log, self.log_us, share))
        if self.plate:
            jobs.append(Job(self.meter, "plate", self.plate_us, len(self.plate), round(share * self.plate_us)))
        return tuple(jobs)

    def plate_of(self, replies: Mapping[int, bytes]) -> Nameplate:
        """By what its reads brought."""
        return nameplate(self.plate, replies)

    def _job(self, work: Work, decoder: Decoder, period_us: int, share: float) -> Job:
        lead_us = (min(_LEAD_US, period_us // 2) + round(share * period_us)) % period_us
        return Job(self.meter, work, period_us, len(decoder.plan.reads), lead_us)

    def asks(self) -> dict[Work, tuple["Ask", ...]]:
        """Every read of it, ready to be asked."""
        decoders: dict[Work, Decoder | None] = {
            "watch": self.watch, "poll": self.poll, "slow": self.slow, "log": self.log
        }  # fmt: skip
        asks = {work: tuple(self._asks(one, one.plan.reads)) for work, one in decoders.items() if one is not None}
        if self.plate:
            reads = [PlannedRead(one.read, (), None) for one in self.plate]
            asks["plate"] = tuple(replace(ask, plain=False) for ask in self._asks(self.watch, reads))
        return asks

    def _asks(self, decoder: Decoder, reads: Sequence[PlannedRead]) -> Iterator["Ask"]:
        floor_us, ceiling_us = round(self.floor_s * 1e6), round(self.ceiling_s * 1e6)
        plain = len(reads) == 1 and self.moved is None
        for planned in reads:
            wire_us = round(self.wire_s(planned) * 1e6)
            yield Ask(self, decoder, planned.read, planned, wire_us, floor_us, ceiling_us, plain)

    @property
    def cheapest(self) -> Work:
        """The work whose first read probes a silent unit."""
        return "watch" if self.watch.plan.reads else "poll"


@dataclass(frozen=True, slots=True)
class Ask:
    """One read of one unit. wire_us: wire time of request and reply, without any turn-around, which may take at least
    floor_us and at most ceiling_us; plain: all of its work, at a fixed place"""

    unit: Unit
    decoder: Decoder
    read: Read
    planned: PlannedRead
    wire_us: int
    floor_us: int
    ceiling_us: int
    plain: bool

    @property
    def names(self) -> list[str]:
        """What it brings."""
        return [row.quantity for row, _ in self.planned.fields] + [scale.name for scale, _ in self.planned.scales]

    @property
    def place(self) -> str:
        """Where it stands, for a log line."""
        return f"function={self.read.function} address={self.read.address} count={self.read.count}"
