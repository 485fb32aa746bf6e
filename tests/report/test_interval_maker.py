"""From readings to intervals in the journal."""

from samples import MIDNIGHT_US, event, incident, reading, trace

from agent.records import Event, Incident, Interval, Reading, Trace
from agent.report.record.interval_maker import IntervalMaker

LN = ("voltage_l1", "voltage_l2", "voltage_l3")


class Kept:
    """Stands where the door would."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def add_reading(self, reading: Reading) -> object:
        self.told.append(reading)
        return len(self.told)

    def add_event(self, event: Event) -> object:
        self.told.append(event)
        return "promise"

    def add_incident(self, incident: Incident) -> object:
        self.told.append(incident)
        return "promise"

    def add_trace(self, trace: Trace) -> object:
        self.told.append(trace)
        return None

    def keep(self, name: str, text: str) -> object:
        self.told.append((name, text))
        return None


def made(sure: bool = True) -> tuple[IntervalMaker, Kept, list[Interval]]:
    kept, told = Kept(), list[Interval]()
    return IntervalMaker(kept, {"tx1": LN, "tx2": LN}, [told.append], lambda: sure), kept, told


def minute_of(maker: IntervalMaker, meter: str = "tx1") -> None:
    for n in range(1, 7):
        maker.add_reading(reading(n, meter, values={"voltage_l1": 230.00001}, min={}, max={}))


def test_everything_passes_and_a_minute_is_made_of_its_readings() -> None:
    maker, kept, told = made()
    minute_of(maker)
    others = event(), incident(), trace()
    assert (maker.add_event(others[0]), maker.add_incident(others[1])) == ("promise", "promise")
    maker.add_trace(others[2])
    maker.keep("a", "b")
    assert kept.told[6:] == [*others, ("a", "b")]
    assert [type(one) for one in kept.told[:6]] == [Reading] * 6
    (minute,) = told
    assert (minute.kind, minute.meter, minute.start_us, minute.coverage) == ("interval_1min", "tx1", MIDNIGHT_US, 1.0)
    assert minute.values == {"voltage_l1": 230.0}  # the digits that a meter gave


def test_the_part_of_a_reading_that_was_not_seen_is_unknown() -> None:
    maker, _, told = made()
    for n in range(1, 7):
        maker.add_reading(reading(n, seen_s=5.0))
    assert told[0].coverage == 0.5


def test_a_minute_in_which_one_judged_voltage_was_read_half_of_the_time_is_covered_by_half() -> None:
    maker, _, told = made()
    for n in range(1, 7):
        values = dict.fromkeys(LN, 230.0) if n % 2 else {"voltage_l1": 230.0, "voltage_l3": 230.0}
        maker.add_reading(reading(n, values=values, min={}, max={}))
    assert (told[0].coverage, told[0].values) == (0.5, dict.fromkeys(LN, 230.0))


def test_what_is_read_more_seldom_and_held_against_no_limit_costs_no_coverage() -> None:
    maker, _, told = made()
    for n in range(1, 7):
        seldom = {"voltage_l1_l2": 398.0, "active_power_total": 5e3} if n == 3 else {}
        maker.add_reading(reading(n, values=dict.fromkeys(LN, 230.0) | seldom, min={}, max={}))
    assert told[0].coverage == 1.0


def test_a_judged_voltage_that_was_never_read_is_not_there_and_the_others_are() -> None:
    maker, _, told = made()
    minute_of(maker)
    assert (told[0].coverage, list(told[0].values)) == (1.0, ["voltage_l1"])


def test_by_a_clock_that_is_not_set_nothing_is_made() -> None:
    maker, kept, told = made(sure=False)
    minute_of(maker)
    maker.tick(MIDNIGHT_US + 3_600_000_000)
    assert (len(kept.told), told) == (6, [])


def test_meters_that_fell_silent_have_their_last_intervals_told() -> None:
    maker, _, told = made()
    maker.add_reading(reading(1, "tx2"))
    maker.tick(MIDNIGHT_US + 59_999_999)
    assert told == []
    maker.tick(MIDNIGHT_US + 60_000_000)
    assert [(one.meter, one.kind) for one in told] == [("tx2", "interval_1min")]
    maker.tick(MIDNIGHT_US + 600_000_000)
    assert [(one.meter, one.kind) for one in told[1:]] == [("tx2", "interval_10min")]


def test_a_reading_of_a_meter_that_is_none_passes() -> None:
    maker, kept, told = made()
    maker.add_reading(reading(1, "gone"))
    assert (len(kept.told), told) == (1, [])
