from agent.records import MeterStatus, Reading
from agent.status.board import Board


async def test_statuses_are_asked_for_when_they_are_wanted():
    board = Board()
    comms = ["ok"]
    board.add(lambda: MeterStatus("a", "live", {}, comms[0], last_good_us=None, open_events=()))
    assert board.statuses()[0].comms == "ok"
    comms[0] = "lost"
    assert board.statuses()[0].comms == "lost"


async def test_the_latest_reading_is_kept():
    board = Board()
    for volts in (1.0, 2.0):
        board.put_reading(Reading("a", 0, 1.0, "good", (), {"voltage_l1": volts}))
    assert board.readings["a"].values == {"voltage_l1": 2.0}
