import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from samples import event, reading, trace

from agent.errors import SinkError
from agent.journal import lanes
from agent.journal.entries import Batch, Entry, Lane
from agent.journal.journal import Journal
from agent.journal.lanes import LIVE_LAG, Position
from agent.publish.forwarder import ACCEPT, BACKOFF_CAP_S, TRACE_TRIES, Progress, Verdict, backoff_s, forward
from agent.records import Trace

KEEP = Verdict("keep", "quota exceeded")
REJECT = Verdict("reject", "field type conflict")

Answer = list[Verdict] | SinkError | None


class DrainedError(Exception):
    """Nothing is left to send: ends the loop that otherwise never ends."""


class Log:
    """A journal in memory with one sink."""

    def __init__(self, rows: int) -> None:
        self.head = rows + 1
        self.position = Position()
        self.dead: list[tuple[int, str]] = []
        self.evicted: set[int] = set()
        self.traces: set[int] = set()

    async def fetch(self, _sink: str, lane: Lane, limit: int) -> Batch:
        lo, hi = lanes.span(self.position, lane, self.head)
        here = [seq for seq in range(lo, hi) if (seq in self.traces) is (lane == "trace")]
        kept = [seq for seq in here if seq not in self.evicted][:limit]
        make = trace if lane == "trace" else reading
        return Batch(tuple(Entry(seq, make(seq)) for seq in kept), kept[-1] + 1 if kept else hi)

    def advance(self, _sink: str, lane: Lane, next_seq: int) -> None:
        self.position = lanes.advance(self.position, lane, next_seq)

    def reject(self, _sink: str, entry: Entry, reason: str) -> None:
        self.dead.append((entry.seq, reason))

    def rejoin(self, _sink: str) -> None:
        self.position = lanes.rejoin(self.position, self.head)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        assert timeout_s > 0
        assert after_seq == self.head - 1
        raise DrainedError


class Server:
    """Answers each window from a list, then accepts everything. Records what it saw and how long it was left alone."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.windows: list[list[int]] = []
        self.pauses: list[float] = []

    async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
        self.windows.append([entry.seq for entry in entries])
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, SinkError):
            raise answer
        return [ACCEPT] * len(entries) if answer is None else answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def run(log: Log, server: Server, *, window: int = 20, progress: Progress | None = None) -> None:
    with pytest.raises(DrainedError):
        await forward(log, "mqtt", server.send, window=window, progress=progress, sleep=server.sleep, share=lambda: 1.0)


async def test_everything_goes_out_in_order_in_windows() -> None:
    log, server = Log(5), Server()
    await run(log, server, window=2)
    assert server.windows == [[1, 2], [3, 4], [5]]
    assert log.position.live == 6


async def test_the_position_moves_over_the_contiguous_prefix_only() -> None:
    log, server = Log(4), Server([ACCEPT, KEEP, ACCEPT, ACCEPT])
    await run(log, server)
    assert server.windows == [[1, 2, 3, 4], [2, 3, 4]]


async def test_verdicts_that_are_missing_mean_keep() -> None:
    log, server = Log(3), Server([ACCEPT])
    await run(log, server)
    assert server.windows == [[1, 2, 3], [2, 3]]


async def test_a_refused_entry_becomes_a_dead_letter_and_does_not_block() -> None:
    log, server, progress = Log(3), Server([ACCEPT, REJECT, ACCEPT]), Progress()
    await run(log, server, progress=progress)
    assert server.windows == [[1, 2, 3]]
    assert log.dead == [(2, "field type conflict")]
    assert (progress.accepted, progress.rejected, progress.error) == (2, 1, "")


async def test_an_entry_behind_a_kept_one_is_not_buried_twice() -> None:
    log, server = Log(2), Server([KEEP, REJECT], [ACCEPT, REJECT])
    await run(log, server)
    assert log.dead == [(2, "field type conflict")]


async def test_failures_back_off_twice_as_long_each_time_up_to_a_minute() -> None:
    log, server = Log(1), Server(*[SinkError("connection refused")] * 9)
    await run(log, server)
    assert server.pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert server.windows == [[1]] * 10


async def test_a_sink_that_moves_a_little_starts_its_back_off_anew() -> None:
    log, server = Log(3), Server(SinkError("x"), SinkError("x"), [ACCEPT, KEEP], [ACCEPT, KEEP])
    await run(log, server)
    assert server.pauses == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("failures", "share", "seconds"), [(1, 0.5, 0.5), (1, 0.0, 0.0), (4, 1.0, 8.0), (10_000, 0.5, BACKOFF_CAP_S / 2)]
)
def test_the_back_off_has_full_jitter(failures: int, share: float, seconds: float) -> None:
    assert backoff_s(failures, share) == seconds


async def test_failure_and_recovery_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await run(Log(1), Server(*[SinkError("connection refused")] * 5))
    assert [record.getMessage() for record in caplog.records] == [
        "sink.failing sink=mqtt error=connection refused",
        "sink.recovered sink=mqtt",
    ]


async def test_a_window_with_nothing_to_send_is_no_recovery(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log, progress = Log(1), Progress()

    async def evicted(_seconds: float) -> None:
        log.evicted.add(1)

    server = Server(SinkError("connection refused"))
    with pytest.raises(DrainedError):
        await forward(log, "mqtt", server.send, progress=progress, sleep=evicted, share=lambda: 1.0)
    assert [record.getMessage() for record in caplog.records] == ["sink.failing sink=mqtt error=connection refused"]
    assert (progress.error, progress.failures) == ("connection refused", 1)


async def test_after_an_outage_news_goes_first_and_the_backlog_in_windows_between() -> None:
    log, server = Log(LIVE_LAG + 1), Server(SinkError("down"))

    async def back(seconds: float) -> None:
        await server.sleep(seconds)
        log.rejoin("mqtt")
        log.head += 30  # what comes in from now on

    with pytest.raises(DrainedError):
        await forward(log, "mqtt", server.send, window=20, sleep=back, share=lambda: 1.0)
    first = LIVE_LAG + 2
    assert server.windows[1] == list(range(first, first + 20))
    assert server.windows[2] == list(range(1, 21))
    assert server.windows[3] == list(range(first + 20, first + 30))
    assert server.windows[4] == list(range(21, 41))
    assert {seq for window in server.windows for seq in window} == set(range(1, log.head))


async def test_what_was_evicted_is_passed_over() -> None:
    log, server = Log(LIVE_LAG + 1), Server()
    log.evicted = set(range(1, LIVE_LAG + 2))
    log.rejoin("mqtt")
    log.head += 1
    await run(log, server)
    assert server.windows == [[LIVE_LAG + 2]]
    assert lanes.unsent(log.position, log.head) == ()


async def test_a_journal_that_cannot_be_read_is_waited_for() -> None:
    class Broken(Log):
        failures = 2

        async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
            if self.failures:
                self.failures -= 1
                raise OSError("closed after an error")
            return await super().fetch(sink, lane, limit)

    server = Server()
    await run(Broken(1), server)
    assert server.pauses == [1, 2]
    assert server.windows == [[1]]


async def test_a_first_live_entry_may_wait_for_company() -> None:
    class Arriving(Log):
        async def wait(self, after_seq: int, timeout_s: float) -> bool:
            if self.head > 3:
                raise DrainedError
            self.head += 1
            return True

    log, server = Arriving(1), Server()

    async def company(seconds: float) -> None:
        await server.sleep(seconds)
        log.head += 5

    with pytest.raises(DrainedError):
        await forward(log, "influxdb", server.send, linger_s=1.5, sleep=company, share=lambda: 1.0)
    assert server.pauses == [1.5]
    assert server.windows == [[1], [2, 3, 4, 5, 6, 7]]


async def test_a_real_journal_keeps_the_position_over_a_restart(tmp_path: Path) -> None:
    server = Server([ACCEPT, ACCEPT, KEEP])
    async with Journal.open(tmp_path, ["mqtt"], "gw-01") as journal:
        for number in range(3):
            journal.add_reading(reading(number))
        await journal.add_event(event())

        async def stop(_: float) -> None:
            raise DrainedError

        with pytest.raises(DrainedError):
            await forward(journal, "mqtt", server.send, sleep=stop)
    async with Journal.open(tmp_path, ["mqtt"], "gw-01") as journal:
        assert [entry.seq for entry in (await journal.fetch("mqtt", "live", 10)).entries] == [3, 4]


# -- traces ----------------------------------------------------------------------------------------------------


async def test_traces_come_after_what_is_live_part_by_part() -> None:
    log, server = Log(6), Server()
    log.traces = {1, 2, 5}
    await run(log, server)
    assert server.windows == [[3, 4, 6], [1], [2], [5]]
    assert log.position == Position(live=7, trace=7)


async def test_what_arrives_while_a_trace_goes_out_is_next() -> None:
    log = Log(3)
    log.traces = {1, 2, 3}

    class Meanwhile(Server):
        async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
            if entries[0].seq == 1:
                log.head += 1  # an event
            return await super().send(entries)

    server = Meanwhile()
    await run(log, server)
    assert server.windows == [[1], [4], [2], [3]]


async def test_a_sink_that_is_down_is_offered_no_trace() -> None:
    log, server = Log(2), Server(SinkError("connection refused"))
    log.traces = {1}
    await run(log, server)
    assert server.windows == [[2], [2], [1]]


class Patient(Log):
    """A journal in which readings go on coming, with hardly any time between them."""

    def __init__(self, rounds: int) -> None:
        super().__init__(1)
        self.traces = {1}
        self.rounds = rounds

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        if not self.rounds:
            raise DrainedError
        self.rounds -= 1
        self.head += 1
        await asyncio.sleep(0)
        return True


class TooLong(Server):
    """Takes readings, but no trace."""

    async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
        if isinstance(entries[0].record, Trace):
            self.answers = [SinkError("packet too large")]
        return await super().send(entries)


async def test_a_trace_that_a_sink_cannot_take_holds_up_no_reading_and_is_given_up_in_the_end() -> None:
    log, server, progress = Patient(60), TooLong(), Progress()
    with pytest.raises(DrainedError):
        await forward(log, "mqtt", server.send, progress=progress, sleep=server.sleep, share=lambda: 0.0)
    assert server.pauses == []  # nothing that is live had to wait for its back-off
    assert [seqs for seqs in server.windows if seqs != [1]] == [[seq] for seq in range(2, 62)]
    assert server.windows.count([1]) == TRACE_TRIES
    assert log.dead == [(1, f"{TRACE_TRIES} times: packet too large")]
    assert (progress.rejected, progress.error) == (1, "")


async def test_a_trace_that_fails_is_left_alone_for_its_back_off() -> None:
    log, server = Patient(20), TooLong()
    with pytest.raises(DrainedError):
        await forward(log, "mqtt", server.send, sleep=server.sleep, share=lambda: 1.0)
    assert server.windows.count([1]) == 1
    assert log.dead == []
