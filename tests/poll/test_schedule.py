import itertools
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.poll.schedule import Job, Schedule, Turn

SECOND = 1_000_000


def serve(schedule: Schedule, start_us: int, end_us: int, cost_us: int) -> list[tuple[int, Turn]]:
    """Every turn a line takes between two instants when each read costs cost_us."""
    now_us, turns = start_us, []
    while now_us < end_us:
        idle_us = schedule.idle_until_us(now_us)
        turn = schedule.turn(now_us)
        assert turn is None or idle_us is None
        if turn is None:
            idle_us = schedule.idle_until_us(now_us)
            now_us = schedule.next_due_us()
            assert idle_us == (None if schedule.paused else now_us)
            continue
        turns.append((now_us, turn))
        now_us += cost_us
        schedule.done(turn, now_us)
    return turns


def test_ticks_lie_on_the_grid_and_do_not_drift():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1)], 300_000)
    turns = serve(schedule, 300_000, 100 * SECOND, 30_000)
    assert [at for at, _ in turns[1:]] == [n * SECOND for n in range(1, 100)]


def test_two_lines_tick_together():
    one = Schedule.starting([Job("a", "watch", SECOND, 1)], 123_456)
    two = Schedule.starting([Job("b", "watch", SECOND, 1)], 789_012)
    assert [at for at, _ in serve(one, 123_456, 9 * SECOND, 5_000)][1:] == [
        at for at, _ in serve(two, 789_012, 9 * SECOND, 7_000)
    ][1:]


def test_a_watch_goes_before_the_reads_of_a_long_full_set():
    jobs = [Job("a", "poll", 10 * SECOND, 6), Job("b", "watch", 200_000, 1)]
    schedule = Schedule.starting(jobs, 0)
    turns = serve(schedule, 0, SECOND, 60_000)
    gaps = [at for at, turn in turns if turn.job.meter == "b"]
    assert max(later - earlier for earlier, later in itertools.pairwise(gaps)) <= 260_000
    assert sum(turn.job.meter == "a" for _, turn in turns) == 6


def test_a_full_set_gets_its_turn_beside_a_flat_out_watch():
    jobs = [Job("a", "watch", 0, 1), Job("a", "poll", 10 * SECOND, 4)]
    turns = serve(Schedule.starting(jobs, 0), 0, 35 * SECOND, 20_000)
    finished = [at for at, turn in turns if turn.job.work == "poll" and turn.last]
    assert finished[0] <= SECOND
    assert [round(at / SECOND, 1) for at in finished[1:]] == [17.5, 27.5]


def test_full_sets_of_a_slow_line_never_stop_the_watching():
    """Eight units whose full sets fall due together: sent in one go, their sixteen reads would take 1.3 s."""
    jobs = [Job(f"m{n}", "watch", SECOND, 1) for n in range(8)]
    jobs += [Job(f"m{n}", "poll", 10 * SECOND, 2) for n in range(8)]
    schedule = Schedule.starting(jobs, 0)
    turns = [(at, turn) for at, turn in serve(schedule, 0, 60 * SECOND, 80_000) if at > 5 * SECOND]
    assert max(longest_gap_us(turns, f"m{n}") for n in range(8)) <= 1.5 * SECOND


def test_a_missed_tick_is_counted_and_not_queued():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1)], 0)
    turn = schedule.turn(0)
    schedule.done(turn, 4_500_000)
    assert schedule.missed("a") == 4
    assert schedule.turn(4_600_000) is None
    assert schedule.next_due_us() == 5 * SECOND


def test_a_lead_puts_the_full_set_before_its_tick():
    schedule = Schedule.starting([Job("a", "poll", 10 * SECOND, 1, lead_us=SECOND)], 500_000)
    schedule.done(schedule.turn(500_000), 600_000)
    assert schedule.next_due_us() == 9 * SECOND


def test_a_paused_meter_is_skipped_until_it_is_back():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1), Job("b", "watch", SECOND, 1)], 0)
    schedule.paused["a"] = None
    assert {turn.job.meter for _, turn in serve(schedule, 0, 5 * SECOND, 1000)} == {"b"}
    schedule.resume("a", 5 * SECOND)
    assert schedule.turn(5 * SECOND).job.meter == "a"


@given(
    st.lists(st.tuples(st.integers(5, 50), st.integers(1, 8)), min_size=1, max_size=6),
    st.integers(10_000, 400_000),
)
def test_every_job_of_an_overloaded_line_is_served_again_and_again(shapes, cost_us):
    jobs = [Job(f"m{n}", "watch", tenths * 100_000, reads) for n, (tenths, reads) in enumerate(shapes)]
    turns = serve(Schedule.starting(jobs, 0), 0, 60 * SECOND, cost_us)
    for job in jobs:
        asked = [at for at, turn in turns if turn.job is job]
        longest_us = max(later - earlier for earlier, later in itertools.pairwise(asked))
        assert longest_us <= 2 * job.period_us + 2 * cost_us * sum(each.reads for each in jobs)


def test_a_meter_in_attention_is_watched_at_the_hurried_pace_until_it_ends():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1, hurry_us=200_000)], 0)
    serve(schedule, 0, 3 * SECOND, 1_000)
    schedule.attend("a", 3 * SECOND, 5 * SECOND)
    asked = [at for at, _ in serve(schedule, 3 * SECOND, 8 * SECOND, 1_000)]
    assert all(later - earlier == 201_000 for earlier, later in pairwise(asked[:9]))
    assert asked[-2:] == [6 * SECOND, 7 * SECOND]


def busy_line(attention: bool) -> list[tuple[int, Turn]]:
    """Sixteen units that want more than their line can give, from 9 to 19 s."""
    jobs = [Job(f"m{n}", "watch", SECOND, 1, hurry_us=200_000) for n in range(16)]
    jobs += [Job(f"m{n}", "poll", 10 * SECOND, 6) for n in range(16)]
    schedule = Schedule.starting(jobs, 0)
    serve(schedule, 0, 9 * SECOND, 55_000)
    if attention:
        schedule.attend("m3", 9 * SECOND, 20 * SECOND)
    return serve(schedule, 9 * SECOND, 19 * SECOND, 55_000)


def longest_gap_us(turns: list[tuple[int, Turn]], meter: str) -> int:
    asked = [at for at, turn in turns if (turn.job.meter, turn.job.work) == (meter, "watch")]
    return max(later - earlier for earlier, later in pairwise(asked))


def test_in_attention_full_sets_wait_and_the_others_are_still_seen():
    calm, alert = busy_line(attention=False), busy_line(attention=True)
    assert longest_gap_us(alert, "m3") <= 350_000 < longest_gap_us(calm, "m3")
    assert max(longest_gap_us(alert, meter) for meter in ("m0", "m9", "m15")) <= 2 * SECOND
    reads = [sum(turn.job.work == "poll" for _, turn in turns) for turns in (alert, calm)]
    assert reads[0] < reads[1] / 2


def test_attention_is_prolonged_not_restarted():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1, hurry_us=200_000)], 0)
    schedule.done(schedule.turn(0), 1_000)
    for now_us in (10_000, 20_000, 30_000):
        schedule.attend("a", now_us, now_us + 2 * SECOND)
    assert schedule.next_due_us() == 210_000


def slow_line(watch_us: int, cost_us: int, attention: bool) -> list[tuple[int, Turn]]:
    """Two minutes of six units with counters of their own pace; attention: from 20 s on."""
    jobs = [Job(f"m{n}", "watch", watch_us, 1, hurry_us=200_000) for n in range(6)]
    jobs += [Job(f"m{n}", "poll", 5 * SECOND, 2, lead_us=n * SECOND // 2) for n in range(6)]
    jobs += [Job(f"m{n}", "slow", 10 * SECOND, 2, lead_us=n * SECOND) for n in range(6)]
    schedule = Schedule.starting(jobs, 0)
    before = serve(schedule, 0, 20 * SECOND, cost_us)
    if attention:
        schedule.attend("m1", 20 * SECOND, 120 * SECOND)
    return before + serve(schedule, 20 * SECOND, 120 * SECOND, cost_us)


@pytest.mark.parametrize(
    ("watch_us", "cost_us", "attention"),
    [
        pytest.param(SECOND, 99_000, False, id="a line that is 95 % busy"),
        pytest.param(0, 60_000, False, id="all flat out"),
        pytest.param(SECOND, 99_000, True, id="busy, and something happens all the time"),
        pytest.param(0, 60_000, True, id="flat out, and something happens all the time"),
    ],
)
def test_counters_are_never_left_and_the_watching_never_stops(watch_us: int, cost_us: int, attention: bool):
    turns = slow_line(watch_us, cost_us, attention)
    for n in range(6):
        slow = [at for at, turn in turns if (turn.job.meter, turn.job.work) == (f"m{n}", "slow") and turn.last]
        assert slow[0] <= 3.5 * SECOND
        assert max(later - earlier for earlier, later in pairwise(slow)) <= (31 if attention else 18) * SECOND
        assert longest_gap_us([each for each in turns if each[0] > 5 * SECOND], f"m{n}") <= 2.1 * SECOND
    if not attention:
        assert all(sum(t.job == job and t.last for _, t in turns) >= 11 for job in {t.job for _, t in turns})


def test_a_pace_may_change_while_the_request_of_the_old_one_is_out():
    schedule = Schedule.starting([Job("a", "watch", SECOND, 1)], 0)
    turn = schedule.turn(0)
    schedule.pace("a", SECOND // 4)
    schedule.done(turn, 100_000)
    assert [at for at, _ in serve(schedule, 100_000, SECOND, 1000)] == [250_000, 500_000, 750_000]


def test_what_is_left_out_flat_out_takes_a_breath():
    schedule = Schedule.starting([Job("a", "watch", 0, 1)], 0)
    schedule.left_out(schedule.turn(0), 0)
    assert schedule.turn(0) is None
    assert 0 < schedule.next_due_us() <= 100_000


def test_attention_turns_a_flat_out_line_to_its_meter():
    schedule = Schedule.starting([Job(f"m{n}", "watch", 0, 1, hurry_us=200_000) for n in range(16)], 0)
    serve(schedule, 0, 3 * SECOND, 40_000)
    schedule.attend("m3", 3 * SECOND, 60 * SECOND)
    turns = serve(schedule, 3 * SECOND, 23 * SECOND, 40_000)
    assert longest_gap_us(turns, "m3") <= 200_000
    assert max(longest_gap_us(turns, f"m{n}") for n in range(16)) <= 2 * SECOND


def test_an_overloaded_line_is_shared_alike():
    """Sixteen meters that want more than twice what there is: nobody is served more often for standing first."""
    jobs = [Job(f"m{n}", "watch", SECOND, 1) for n in range(16)]
    turns = serve(Schedule.starting(jobs, 0), 0, 600 * SECOND, 160_000)
    counts = [sum(turn.job.meter == f"m{n}" for _, turn in turns) for n in range(16)]
    assert max(counts) - min(counts) <= 2, counts


def test_probes_go_round():
    schedule = Schedule.starting([Job(f"m{n}", "watch", SECOND, 1) for n in range(5)], 0)
    schedule.paused.update(dict.fromkeys(("m1", "m2", "m3")))
    for meter in ("m1", "m2", "m3", "m1"):
        assert next(iter(schedule.paused)) == meter
        schedule.done(schedule.probe(meter, 700 * SECOND, 50_000, hurried=False), 700 * SECOND)
    assert [schedule.missed(f"m{n}") for n in (1, 2, 3)] == [0, 0, 0]


def asked_in_doubt(schedule: Schedule, start_us: int, cost_us: int, timeout_us: int) -> list[int]:
    """When m0, which stopped to answer, is asked for the first three times from then on."""
    now_us, asked = start_us, list[int]()
    while len(asked) < 3:
        turn = schedule.turn(now_us)
        if turn is None:
            now_us = schedule.next_due_us()
            continue
        dead = turn.job.meter == "m0"
        asked += [now_us] * dead
        now_us += timeout_us if dead else cost_us
        schedule.done(turn, now_us)
        if dead:
            schedule.retry("m0", now_us)
    return asked


def rush(meters: int) -> Schedule:
    jobs = [Job(f"m{n}", "watch", SECOND, 1, hurry_us=200_000) for n in range(meters)]
    jobs += [Job(f"m{n}", "poll", 10 * SECOND, 6, lead_us=n * SECOND) for n in range(meters)]
    return Schedule.starting(jobs, 0)


def test_a_unit_in_doubt_is_asked_again_at_once_in_the_rush_of_the_start_too():
    """The first full sets of eight units take 3 s on this line: a re-try that waited behind them would be no re-try."""
    asked = asked_in_doubt(rush(8), 0, cost_us=60_000, timeout_us=300_000)
    assert [later - earlier for earlier, later in pairwise(asked)] == [360_000, 360_000]


def test_a_unit_in_doubt_is_asked_again_at_once_while_another_has_the_attention():
    schedule = rush(8)
    serve(schedule, 0, 11 * SECOND, 60_000)
    schedule.attend("m3", 11 * SECOND, 60 * SECOND)
    asked = asked_in_doubt(schedule, 11 * SECOND, cost_us=60_000, timeout_us=300_000)
    assert max(later - earlier for earlier, later in pairwise(asked)) <= 300_000 + 2 * 60_000


def test_the_living_are_seen_while_many_units_are_in_doubt():
    """Half of sixteen units are dead from the start: their re-tries take turns with the first looks at the others."""
    schedule, dead = rush(16), {f"m{n}" for n in range(8)}
    misses, seen, now_us = dict.fromkeys(dead, 0), dict[str, int](), 0
    while len(seen) < 8 or schedule.paused.keys() != dead:
        turn = schedule.turn(now_us)
        meter = turn.job.meter
        now_us += 300_000 if meter in dead else 60_000
        schedule.done(turn, now_us)
        if meter not in dead:
            seen.setdefault(meter, now_us)
            continue
        misses[meter] += 1
        if misses[meter] < 3:
            schedule.retry(meter, now_us)
        else:
            schedule.paused[meter] = None
    assert max(seen.values()) <= 8 * 300_000 + 8 * 360_000
    assert now_us <= 8 * 3 * 300_000 + 3 * SECOND
