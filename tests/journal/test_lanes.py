from hypothesis import given
from hypothesis import strategies as st

from agent.journal.entries import Lane
from agent.journal.lanes import LIVE_LAG, Position, advance, again, before, clamp, rejoin, span, unsent


def test_a_sink_that_was_away_is_live_again_at_the_head_and_what_it_missed_is_backlog() -> None:
    assert rejoin(Position(live=10), head=1000) == Position(live=1000, backlog_lo=10, backlog_hi=1000)


def test_a_short_lag_is_caught_up_by_the_live_lane_itself() -> None:
    position = Position(live=1000 - LIVE_LAG)
    assert rejoin(position, head=1000) == position


def test_a_second_outage_extends_the_backlog_to_the_head_and_keeps_its_progress() -> None:
    first = rejoin(Position(live=10), head=1000)
    drained_some = advance(advance(first, "backlog", 400), "live", 1500)
    assert rejoin(drained_some, head=3000) == Position(live=3000, backlog_lo=400, backlog_hi=3000)


def test_a_drained_backlog_leaves_nothing_behind_for_the_next_outage() -> None:
    drained = advance(advance(rejoin(Position(live=10), 1000), "backlog", 1000), "live", 1500)
    assert unsent(drained, 1500) == ()
    assert rejoin(drained, head=3000) == Position(live=3000, backlog_lo=1500, backlog_hi=3000)


def test_positions_never_go_back() -> None:
    position = Position(live=50, backlog_lo=20, backlog_hi=40)
    assert advance(position, "live", 30) == position
    assert advance(position, "backlog", 10) == position


def test_a_position_is_not_stored_beyond_the_rows_that_are() -> None:
    assert clamp(Position(live=70, backlog_lo=20, backlog_hi=60, trace=70), head=50) == Position(50, 20, 50, 50)


def test_a_position_before_a_seq_leaves_all_from_there_on_and_the_trace_lane_where_it_is() -> None:
    assert before(Position(live=70, backlog_lo=20, backlog_hi=60, trace=70), 50) == Position(50, 20, 50, 70)
    assert before(Position(live=70, backlog_lo=30, backlog_hi=60, trace=70), 10) == Position(10, 10, 10, 70)


def test_what_is_offered_again_is_backlog_up_to_the_live_lane() -> None:
    assert again(Position(live=70, trace=5), 40) == Position(70, 40, 70, 5)
    assert again(Position(live=70, backlog_lo=20, backlog_hi=60), 40) == Position(70, 20, 70)
    assert again(Position(live=70, backlog_lo=50, backlog_hi=60), 40) == Position(70, 40, 70)


def test_the_trace_lane_moves_by_itself_and_never_back() -> None:
    position = advance(Position(live=50), "trace", 30)
    assert position == Position(live=50, trace=30)
    assert advance(position, "trace", 20) == position
    assert span(position, "trace", head=60) == (30, 60)
    assert rejoin(position, head=1000).trace == 30


LANES: dict[str, Lane] = {"live": "live", "backlog": "backlog"}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "live", "backlog", "rejoin", "store", "kill"]),
        st.integers(min_value=1, max_value=400),
    ),
    max_size=60,
)


class Model:
    """A log, one sink that remembers what it acknowledged, and a disk that remembers some of both."""

    def __init__(self) -> None:
        self.head = 1
        self.position = Position()
        self.stored = (self.head, self.position)
        self.acknowledged: dict[int, int] = {}
        self.order: dict[Lane, list[int]] = {"live": [], "backlog": []}
        self.killed = False

    def send(self, lane: Lane, count: int) -> None:
        lo, hi = span(self.position, lane, self.head)
        upto = min(hi, lo + count)
        for seq in range(max(lo, 1), upto):
            self.acknowledged[seq] = self.acknowledged.get(seq, 0) + 1
            self.order[lane].append(seq)
        self.position = advance(self.position, lane, upto)

    def step(self, what: str, count: int) -> None:
        if what == "append":
            self.head += count
        elif what in LANES:
            self.send(LANES[what], count)
        elif what == "rejoin":
            self.position = rejoin(self.position, self.head)
        elif what == "store":
            self.stored = (self.head, clamp(self.position, self.head))
        else:
            self.head, self.position = self.stored
            self.position = rejoin(self.position, self.head)
            self.killed = True

    def drain(self) -> None:
        self.send("live", self.head)
        self.send("backlog", self.head)


@given(STEPS)
def test_whatever_happens_every_entry_is_acknowledged_and_none_needlessly(steps: list[tuple[str, int]]) -> None:
    model = Model()
    for what, count in steps:
        model.step(what, count)
    model.drain()
    assert unsent(model.position, model.head) == ()
    assert set(range(1, model.head)) <= set(model.acknowledged)
    if not model.killed:
        assert max(model.acknowledged.values(), default=0) <= 2
        for lane in model.order.values():
            assert lane == sorted(set(lane)), "order within a lane never goes back"
