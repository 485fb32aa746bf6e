import pytest

from agent.poll.schedule import Job, Turn
from agent.poll.tally import Recent, Tally

SECOND = 1_000_000
WATCH, POLL = Job("a", "watch", SECOND, 1), Job("a", "poll", SECOND, 1)


def test_figures_cover_the_last_minute_and_nothing_before():
    recent, tally = Recent(), Tally()
    assert (recent.figures(), recent.utilisation()) == (None, 1.0)
    for second in range(200):
        busy = second >= 100
        for n in range(4):
            due_us = second * SECOND + n * 250_000
            late_us = 30_000 if busy else 400_000
            tally.turn(Turn(WATCH, 0, due_us, True), due_us + late_us, due_us + late_us + (200_000 if busy else 20_000))
        tally.watched["a"] = tally.watched.get("a", 0) + (4 if busy else 1)
        recent.tick((second + 1) * SECOND, tally, overruns=3 * second)
    figures = recent.figures()
    assert figures is not None
    assert figures.over_s == 60
    assert figures.utilisation == recent.utilisation() == pytest.approx(0.8)
    assert (figures.lag_s, figures.worst_lag_s) == (pytest.approx(0.03), 0.03)
    assert (figures.overruns, figures.watch_hz) == (180, {"a": 4.0})


def test_a_line_that_did_nothing_has_figures_too():
    recent, tally = Recent(), Tally()
    for second in range(7):
        recent.tick(second * SECOND, tally, 0)
    figures = recent.figures()
    assert figures is not None
    assert (figures.utilisation, figures.lag_s, figures.worst_lag_s, figures.watch_hz) == (0.0, 0.0, 0.0, {})


def test_only_the_watching_is_late():
    recent, tally = Recent(), Tally()
    for second in range(7):
        tally.turn(Turn(POLL, 0, second * SECOND, True), second * SECOND + 900_000, second * SECOND + 950_000)
        tally.turn(Turn(WATCH, 0, 0, True, wait_us=50_000), second * SECOND, second * SECOND + 50_000)
        recent.tick(second * SECOND, tally, 0)
    figures = recent.figures()
    assert figures is not None
    assert (figures.lag_s, figures.worst_lag_s) == (0.0, 0.0)
    assert figures.utilisation == pytest.approx(0.1)
