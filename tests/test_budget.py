"""What a line can carry: sums checked by hand, and rules that hold for any load."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.budget import (
    Load,
    Pace,
    line_budget,
    load,
    read_time_s,
    timeout_s,
)
from agent.wiring import watched
from drivers.library import load_model
from drivers.line import RtuOverTcpEndpoint, SerialPort, TcpEndpoint
from drivers.modbus.pdu import Read

SDM630 = load_model("eastron-sdm630")


def a_load(
    meter: str, *, poll_s: float = 0.1, watch_s: float = 0.05, every_s: float = 1.0, watch_us: int | None = 1
) -> Load:
    return Load(meter, round(every_s * 1e6), watch_us, poll_s, watch_s, poll_reads=2, watch_reads=1)


class TestWireTime:
    def test_a_read_of_30_registers_at_9600_8n1(self) -> None:
        # (8 + 5 + 60) characters of 10 bits, 3.5 characters of silence twice, and the meter's turn-around.
        expected = 73 * 10 / 9600 + 2 * 3.5 * 10 / 9600 + SDM630.turnaround_s
        assert read_time_s(Read(4, 0, 30), SDM630, SerialPort("/dev/ttyS0")) == pytest.approx(expected)

    @pytest.mark.parametrize("line", [TcpEndpoint("10.0.0.1"), RtuOverTcpEndpoint("10.0.0.1", 4001)])
    def test_a_network_line_costs_the_turnaround_and_a_round_trip(self, line: TcpEndpoint | RtuOverTcpEndpoint) -> None:
        assert read_time_s(Read(4, 0, 30), SDM630, line) == pytest.approx(SDM630.turnaround_s + 0.002)

    def test_a_meter_costs_the_sum_of_its_reads(self) -> None:
        line = SerialPort("/dev/ttyS0", baud=19200)
        found = load("m", SDM630, watched(SDM630, "ln", "3p4w"), line, Pace(10_000_000, None))
        assert found.poll_reads >= found.watch_reads >= 1
        assert found.poll_s > found.watch_s > 0
        assert read_time_s(Read(4, 0, 12), SDM630, line) == pytest.approx(found.watch_s, rel=0.2)


class TestTimeout:
    @pytest.mark.parametrize("line", [SerialPort("/dev/ttyS0"), TcpEndpoint("10.0.0.1")])
    def test_the_slowest_documented_answer_is_waited_for(self, line: SerialPort | TcpEndpoint) -> None:
        read = Read(4, 0, 80)
        slowest = read_time_s(read, SDM630, line) - SDM630.turnaround_s + SDM630.turnaround_max_s
        assert slowest < timeout_s(read, SDM630, line) < slowest + 1


class TestLineBudget:
    def test_the_sum_of_one_round(self) -> None:
        budget = line_budget([a_load("a", poll_s=0.7), a_load("b", poll_s=0.73)])
        assert budget.round_s == pytest.approx(1.43)
        assert budget.period_s == 1.0
        assert not budget.possible

    def test_a_meter_polled_less_often_counts_less(self) -> None:
        budget = line_budget([a_load("a", poll_s=0.5), a_load("b", poll_s=0.8, every_s=2.0)])
        assert budget.round_s == pytest.approx(0.9)
        assert budget.utilisation == pytest.approx(0.9)
        assert budget.possible

    def test_exactly_full_is_possible(self) -> None:
        assert line_budget([a_load("a", poll_s=0.5), a_load("b", poll_s=0.5)]).possible

    def test_a_line_without_meters_needs_nothing(self) -> None:
        budget = line_budget([])
        assert (budget.round_s, budget.utilisation, budget.shares, budget.possible) == (0, 0, (), True)


class TestWatchRate:
    def test_what_fits_is_got(self) -> None:
        (share,) = line_budget([a_load("a", watch_us=500_000)]).shares
        assert share.asked_hz == 2.0
        assert share.got_hz == pytest.approx(2.0)

    def test_max_takes_what_is_left(self) -> None:
        (share,) = line_budget([a_load("a", poll_s=0.5, watch_s=0.05, watch_us=None)]).shares
        assert share.asked_hz is None
        assert share.got_hz == pytest.approx(10.0)

    def test_the_modest_get_theirs_and_the_greedy_share_equally(self) -> None:
        loads = [
            a_load("max", poll_s=0, watch_s=0.1, watch_us=None),
            a_load("fast", poll_s=0, watch_s=0.1, watch_us=10_000),
            a_load("slow", poll_s=0, watch_s=0.1, watch_us=1_000_000),
        ]
        got = {share.load.meter: share.got_hz for share in line_budget(loads).shares}
        assert got == {"slow": pytest.approx(1.0), "fast": pytest.approx(4.5), "max": pytest.approx(4.5)}

    def test_a_full_line_leaves_nothing(self) -> None:
        (share,) = line_budget([a_load("a", poll_s=1.5)]).shares
        assert share.got_hz == 0

    def test_a_map_without_voltages_watches_nothing_and_divides_by_nothing(self) -> None:
        (share,) = line_budget([a_load("a", watch_s=0.0, watch_us=1_000_000)]).shares
        assert math.isfinite(share.got_hz)

    @given(
        st.lists(
            st.tuples(st.floats(0.001, 0.3), st.floats(0.001, 0.3), st.none() | st.integers(10_000, 5_000_000)),
            min_size=1,
            max_size=8,
        )
    )
    def test_never_more_than_the_wire_and_never_more_than_asked(
        self, meters: list[tuple[float, float, int | None]]
    ) -> None:
        loads = [a_load(str(n), poll_s=p, watch_s=w, watch_us=u) for n, (p, w, u) in enumerate(meters)]
        budget = line_budget(loads)
        used = sum(share.got_hz * share.load.watch_s for share in budget.shares)
        assert used <= max(0.0, 1 - budget.utilisation) + 1e-9
        assert all(share.asked_hz is None or share.got_hz <= share.asked_hz * 1.000001 for share in budget.shares)
