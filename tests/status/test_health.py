"""How meters, lines, sinks and the gateway stand, as the database gets it."""

from samples import MIDNIGHT_US, status

from agent.journal.entries import JournalStats, SinkStats
from agent.poll.tally import Figures
from agent.publish.forwarder import Progress
from agent.records import MINUTE_US
from agent.status.card import Card, Wear
from agent.status.health import (
    EachMinute,
    Lag,
    Since,
    backlog_numbers,
    card_numbers,
    journal_numbers,
    known,
    line_numbers,
    meter_health,
    network_numbers,
    pace_numbers,
    phase_us,
    sink_numbers,
)
from drivers.modbus.outcome import LineCounters

NOW_US = MIDNIGHT_US + 3_600_000_000
MQTT = SinkStats(100, (1, 1), 25, NOW_US - 90_000_000, 2, 7)
INFLUX = SinkStats(110, (1, 1), 0, None, 0)
STATS = JournalStats(
    "e", 125, 100, 3, 20, 10, 1, 3_000_000, 4_000_000, 40, "", "", {"mqtt": MQTT, "influxdb": INFLUX}, 1_000_000, 3
)


def test_a_meter_is_told_in_words_and_as_shares_of_one() -> None:
    dead = status(supply="dead", supply_by_phase={"l1": "dead"}, comms="lost", open_events=("a", "b"), mode="test")
    found = meter_health(dead, NOW_US, {"watch_hz": None, "mute": 1})
    assert (found.of, found.name, found.meter, found.time_us) == ("meter", "tx1", "tx1", NOW_US)
    assert dict(found.texts) == {
        "supply": "dead", "supply_l1": "dead", "comms": "lost", "mode": "test", "open_events": "a,b"
    }  # fmt: skip
    assert dict(found.numbers) == {
        "live": 0.0, "dead": 1.0, "partial": 0.0, "unknown": 0.0, "comms_ok": 0.0, "comms_suspect": 0.0,
        "comms_lost": 1.0, "mode_normal": 0.0, "events_open": 2.0, "mute": 1.0,
    }  # fmt: skip
    assert dict(found.instants) == {"last_good_us": MIDNIGHT_US}


def test_a_meter_that_never_spoke_has_no_last_good_reply() -> None:
    assert not meter_health(status(last_good_us=None), NOW_US).instants


def test_it_is_due_at_once_then_once_in_each_minute_however_late_one_comes_to_ask() -> None:
    minutes = EachMinute(phase_us(3))
    asked_s = [0, 1, 34, 36, 37, 94, 95.5, 155, 400, 400]
    assert [s for s in asked_s if minutes.due(MIDNIGHT_US + round(s * 1e6))] == [0, 36, 95.5, 155, 400]


def test_a_clock_that_steps_makes_it_due_and_does_not_hold_it_up() -> None:
    minutes = EachMinute(0)
    assert [minutes.due(MIDNIGHT_US + n * MINUTE_US) for n in (10, 2, 2, 3)] == [True, True, False, True]


def test_gateways_tell_at_different_moments_away_from_the_tens_of_seconds() -> None:
    phases = {phase_us(n) for n in range(100)}
    assert len(phases) == 6
    assert all(5_000_000 <= one < MINUTE_US and one % 10_000_000 == 5_000_000 for one in phases)


def test_counts_are_since_they_were_told_last_and_one_that_began_anew_counts_whole() -> None:
    since = Since()
    assert since.of("line:a", {"silent": 3}) == {"silent": 3.0}
    assert since.of("line:b", {"silent": 1}) == {"silent": 1.0}
    assert since.of("line:a", {"silent": 5}) == {"silent": 2.0}
    assert since.of("line:a", {"silent": 5}) == {"silent": 0.0}
    assert since.of("line:a", {"silent": 1}) == {"silent": 1.0}


def test_lag_is_the_mean_and_the_worst_since_it_was_told_and_nothing_where_nothing_was_seen() -> None:
    lag = Lag()
    for late_s in (0.001, 0.003):
        lag.late(late_s)
    assert lag.told() == {"loop_lag_s": 0.002, "loop_lag_max_s": 0.003}
    assert lag.told() == {}


def test_a_line_counts_exchanges_by_what_came_of_them() -> None:
    since = Since()
    line_numbers(LineCounters(answered=10, silent=1), 2, since, "a")
    found = line_numbers(LineCounters(answered=15, silent=1, garbled=2, noise_bytes=9), 5, since, "a")
    assert {name: count for name, count in found.items() if count} == {
        "exchanges_answered": 5.0, "exchanges_garbled": 2.0, "noise_bytes": 9.0, "overruns": 3.0
    }  # fmt: skip


def test_the_pace_of_a_line_is_that_of_its_meters_one_that_never_spoke_among_them() -> None:
    figures = Figures(60.0, 0.25, 0.001, 0.02, 4, {"a": 4.0, "b": 2.0})
    assert pace_numbers(figures, ("a", "b", "c")) == {
        "utilisation": 0.25, "lag_s": 0.001, "lag_max_s": 0.02,
        "watch_hz_min": 0.0, "watch_hz_mean": 2.0, "watch_hz_max": 4.0,
    }  # fmt: skip
    assert pace_numbers(None, ("a",)) == {}
    assert "watch_hz_min" not in pace_numbers(figures, ())


def test_a_sinks_backlog_is_its_share_of_the_file_and_its_age() -> None:
    assert backlog_numbers(MQTT, STATS, NOW_US) == {
        "backlog_rows": 25, "backlog_bytes": 500_000, "backlog_age_s": 90.0, "backlog_traces": 7, "dead_letters": 2
    }  # fmt: skip
    assert backlog_numbers(INFLUX, STATS, NOW_US)["backlog_age_s"] == 0.0


def test_what_nobody_knows_of_a_sink_is_left_out() -> None:
    since = Since()
    unknown = sink_numbers(Progress(5, 1, 2, "no route"), None, since, "mqtt")
    assert unknown == {"sink_ok": 0.0, "failures": 2.0, "accepted": 5.0, "rejected": 1.0}
    assert sink_numbers(Progress(5, 1), "wrong password", since, "mqtt") == {
        "sink_ok": 1.0, "blocked": 1.0, "failures": 0.0, "accepted": 0.0, "rejected": 0.0
    }  # fmt: skip


def test_the_journal_is_as_far_behind_as_its_slowest_sink() -> None:
    found = journal_numbers(STATS, Since(), NOW_US)
    assert (found["journal_oldest_unsent_s"], found["journal_share"], found["journal_ok"]) == (90.0, 0.75, 1.0)
    assert (found["journal_commits"], found["journal_gaps"]) == (40.0, 1)


def test_an_event_of_a_line_that_stands_open_at_each_of_its_meters_counts_once() -> None:
    lost = [status(name, supply="unknown", comms="lost", open_events=("line-1",)) for name in ("a", "b")]
    found = known(network_numbers([*lost, status("c", open_events=("own-1",), mode="test")], 1, 2))
    assert found == {
        "meters": 3, "meters_live": 1, "meters_dead": 0, "meters_partial": 0, "meters_unknown": 2, "meters_lost": 2,
        "meters_not_normal": 1, "events_open": 2, "incidents_open": 1, "alarms_open": 2,
    }  # fmt: skip


def test_a_card_that_says_nothing_of_itself_has_no_life() -> None:
    assert known(card_numbers(Card("mmcblk0"), None)) == {}
    assert known(card_numbers(Card("mmcblk0", life=3, reserve=1), Wear(1e8, 8640.0, 7200.0))) == {
        "card_written_bytes_day": 1e8, "card_flushes_day": 8640.0, "card_life_used_pct": 30, "card_spare": 1
    }  # fmt: skip
