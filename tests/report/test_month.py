"""A simulated month against its truth: readings with gaps and events with bounds go in, and every number of the report
holds what really was. Two days of it for every day; the month where there is time."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import pytest
from report_month import (
    DAY_MIN,
    FED,
    LIMITS,
    MEASURED,
    MIN_US,
    RATED_A,
    RATED_KVA,
    VILLAGE,
    Loss,
)
from report_told import Told

from agent.records import DAY_US
from agent.report.document import MeterPart
from agent.report.drawn.page import page
from agent.report.drawn.words import Words
from agent.report.figures import Bounds, Span
from agent.report.reliability.indices import Indices
from agent.report.voltage.quality import BIN, Quality

# -- voltage ----------------------------------------------------------------------------------------------------


def test_every_minute_of_voltage_is_where_it_was(told: Told) -> None:
    for part in told.report.meters:
        seen = _spared(told, part)
        verdicts = Counter[str]()
        for n, share in seen:
            verdicts[_verdict(told.world.volts(part.meter.name, n))] += share  # type: ignore[assignment]
        found = part.quality
        assert found.monitored_min == pytest.approx(sum(share for _, share in seen)), part.meter.name
        assert found.beyond[0].low_min == pytest.approx(verdicts["low"])
        assert found.beyond[0].high_min == pytest.approx(verdicts["high"])
        assert found.outage_min == len(_possibly_dark(told, part.meter.name))
        assert found.monitored_min + found.unknown_min + found.outage_min == pytest.approx(told.world.minutes)
        assert part.low_customer_min == pytest.approx(verdicts["low"] * FED[part.meter.node].total)


def _spared(told: Told, part: MeterPart) -> list[tuple[int, float]]:
    """Minutes that were seen, less those in which the supply may have been gone."""
    dark = _possibly_dark(told, part.meter.name)
    return [(n, share) for n, share in told.seen(part.meter.name) if n not in dark]


def _possibly_dark(told: Told, meter: str) -> set[int]:
    return {
        n
        for event in told.events
        if event.meter == meter and event.kind == "supply_loss" and event.state != "retracted" and event.end_us
        for n in range(
            (event.start_earliest_us - told.world.period.from_us) // MIN_US,
            -(-(event.end_us - told.world.period.from_us) // MIN_US),
        )
    }


def _verdict(volts: Iterable[float]) -> str:
    lowest, highest = min(volts), max(volts)
    return "low" if lowest < LIMITS.low_v else "high" if highest > LIMITS.high_v else "good"


def test_the_rate_of_all_minutes_with_supply_lies_between_the_bounds_seen_or_not(told: Told) -> None:
    for part in told.report.meters:
        meter, dark = part.meter.name, _possibly_dark(told, part.meter.name)
        lit = [n for n in range(told.world.minutes) if n not in dark and not told.world.is_touched(meter, n)]
        good = sum(_verdict(told.world.volts(meter, n)) == "good" for n in lit)
        bounds = part.quality.rate_bounds()
        assert bounds.low - 1e-9 <= 100 * good / len(lit) <= bounds.high + 1e-9, meter


def test_low_voltage_customer_minutes_of_all_the_time_lie_between_the_bounds_seen_or_not(told: Told) -> None:
    for part in told.report.meters:
        meter, dark = part.meter.name, _possibly_dark(told, part.meter.name)
        lit = (n for n in range(told.world.minutes) if n not in dark and not told.world.is_touched(meter, n))
        true = FED[part.meter.node].total * sum(_verdict(told.world.volts(meter, n)) == "low" for n in lit)
        bounds = part.low_customer_bounds
        assert bounds is not None
        assert bounds.low - 1e-6 <= true <= bounds.high + 1e-6, meter


def test_the_village_is_low_in_the_evening_and_nobody_else_but_for_a_lost_phase(told: Told) -> None:
    village = told.part(VILLAGE).quality
    assert set(village.low_by_hour) == {18, 19, 20, 21}
    assert len(village.low_by_day) == told.world.minutes // DAY_MIN
    low = {part.meter.name for part in told.report.meters if part.quality.beyond[0].low_min}
    assert low == {VILLAGE, "m22"}
    # Only on the phase that was lost.
    assert set(told.part("m22").quality.beyond[0].by_channel) == {"voltage_l2"}


def test_the_causes_of_low_voltage_are_those_that_were_built_in(told: Told) -> None:
    found = {part.meter.name: part.hints for part in told.report.meters if part.hints}
    assert set(found) == {VILLAGE}  # m22 lost a phase once: an event, no habit
    assert [(hint.cause, hint.where, hint.share) for hint in found[VILLAGE]] == [("peak_hours", "18", 1.0)]


def test_histogram_and_profile_are_of_the_same_minutes(told: Told) -> None:
    for part in told.report.meters:
        bins = Counter[int]()
        for n, share in _spared(told, part):
            for volts in told.world.volts(part.meter.name, n):
                bins[int(volts / (BIN * 220.0))] += share  # type: ignore[assignment]
        assert part.quality.histogram == pytest.approx(dict(bins))
        assert set(part.profile) == set(range(24))
    lowest, mean, highest = told.part(VILLAGE).profile[20]
    assert 190 < lowest < mean < highest < 203


def test_a_feeder_and_the_site_are_their_meters_together(told: Told) -> None:
    for feeder in told.report.voltage.feeders:
        own = [part.quality for part in told.report.meters if part.meter.feeder == feeder.name]
        assert feeder.quality.monitored_min == pytest.approx(sum(one.monitored_min for one in own))
        area = told.report.reliability.area(feeder.name)
        assert area is not None
        assert area.served == sum(fed.total for node, fed in FED.items() if _feeder_of(node) == feeder.name)
    everything = sum((part.quality for part in told.report.meters), Quality())
    asked = everything.monitored_min + everything.unknown_min
    assert told.report.coverage == pytest.approx(everything.monitored_min / asked)
    assert told.report.voltage.composite.figure.value is None  # there are meters of class D only


def _feeder_of(node: str) -> str:
    return "F3" if node == "hospital" else f"F{node[3]}"


# -- reliability ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    """Truth: so many customers of a place without supply for so long."""

    place: str
    group: str
    customers: int
    minutes: float


def _hits(losses: Iterable[Loss], fed: dict[str, dict[str, int]]) -> list[Hit]:
    return [
        Hit(loss.place, group, count, loss.span.length_us / MIN_US)
        for loss in losses
        for group, count in fed.get(loss.place, {}).items()
        if count and (not loss.phases or group in loss.phases or group in ("three_phase", "unsplit"))
    ]


_EAST_US = 8 * 60 * MIN_US
GROUPS = ("l1", "l2", "l3", "three_phase", "unsplit")
HOMES_BY_PLACE = {place: {group: getattr(fed, group) for group in GROUPS} for place, fed in FED.items()}


def _hold(found: Indices, hits: Sequence[Hit], served: int, period_min: float) -> None:
    lasting = [hit for hit in hits if hit.minutes > 5]
    lost = sum(hit.customers * hit.minutes for hit in lasting)
    by_customers = Counter((hit.place, hit.group, hit.customers) for hit in lasting)
    times = sum(hit.customers for hit in lasting)
    truth: list[tuple[str, Bounds | None, float]] = [
        ("customer_min", found.customer_min, lost),
        ("all_customer_min", found.all_customer_min, sum(hit.customers * hit.minutes for hit in hits)),
        ("saidi", found.saidi_min, lost / served),
        ("saifi", found.saifi, times / served),
        ("asai", found.asai, 1 - lost / served / period_min),
        ("maifi", found.maifi, sum(hit.customers for hit in hits if hit.minutes <= 5) / served),
    ]
    if times:
        ever = sum(customers for _, _, customers in by_customers)
        truth += [("caidi", found.caidi_min, lost / times), ("ctaidi", found.ctaidi_min, lost / ever)]
    for n, bounds in found.cemi.items():
        often = sum(customers for (_, _, customers), count in by_customers.items() if count > n)
        truth.append((f"cemi-{n}", bounds, often / served))
    for name, bounds, true in truth:
        assert bounds is None or bounds.low - 1e-9 <= true <= bounds.high + 1e-9, (name, bounds, true)


def _within(told: Told, feeder: str | None, mode: str = "normal") -> list[Loss]:
    return [loss for loss in told.world.losses
            if loss.mode == mode and feeder in (None, _feeder_of(loss.place))]  # fmt: skip


def test_the_indices_of_the_site_and_of_each_feeder_hold_the_truth(told: Told) -> None:
    period_min = float(told.world.minutes)
    areas = [area for area in told.report.reliability.areas if area.users == "customers"]
    assert [area.name for area in areas] == ["", "F1", "F2", "F3"]
    assert areas[0].served == sum(fed.total for fed in FED.values())
    for area in areas:
        _hold(area.unplanned, _hits(_within(told, area.name or None), HOMES_BY_PLACE), area.served, period_min)


def test_and_those_of_medium_voltage_users_of_whom_each_transformer_is_one(told: Told) -> None:
    users = {place: {"three_phase": 1} for place in FED if place.startswith("tx")}
    found = told.report.reliability.unplanned("medium_voltage")
    assert found is not None
    _hold(found, _hits(_within(told, None), users), len(users), float(told.world.minutes))


def test_the_bounds_are_no_wider_than_what_was_not_seen(told: Told) -> None:
    """Ten seconds on either side of both ends of a loss, the silence of one meter, and what five minutes decide."""
    indices = told.report.reliability.unplanned()
    assert indices is not None
    hits = _hits(_within(told, None), HOMES_BY_PLACE)
    silent = FED["tx-23"].total * (300 + 2)
    undecided = sum(hit.customers * (hit.minutes + 40 / 60) for hit in hits if abs(hit.minutes - 5) < 40 / 60)
    slack = sum(hit.customers * 40 / 60 for hit in hits) + silent + undecided
    found = indices.customer_min
    assert found.high - found.low <= slack


def test_maintenance_is_planned(told: Told) -> None:
    truth = sum(hit.customers * hit.minutes for hit in _hits(_within(told, None, "maintenance"), HOMES_BY_PLACE))
    area = told.report.reliability.area()
    assert area is not None
    assert truth in area.planned.all_customer_min
    assert area.planned.all_customer_min.high < 1.1 * truth


def test_each_day_holds_what_was_lost_on_it_and_all_of_them_the_period(told: Told) -> None:
    reliable, world = told.report.reliability, told.world
    served = sum(fed.total for fed in FED.values())
    for n in range(world.minutes // DAY_MIN):
        begin_us = world.period.from_us + n * DAY_MIN * MIN_US
        span = Span(begin_us, begin_us + DAY_MIN * MIN_US)
        lasting = [replace(loss, span=loss.span.within(span)) for loss in _within(told, None)
                   if loss.span.length_us > 5 * MIN_US]  # fmt: skip
        truth = sum(hit.customers * hit.minutes for hit in _hits(lasting, HOMES_BY_PLACE)) / served
        bounds = reliable.days.get((begin_us + _EAST_US) // DAY_US, Bounds(0.0, 0.0))
        assert bounds.low - 1e-9 <= truth <= bounds.high + 1e-9
    whole, total = reliable.unplanned(), sum(reliable.days.values(), Bounds(0.0, 0.0))
    assert whole is not None
    assert total.low <= whole.saidi_min.low + 1e-9
    assert total.high >= whole.saidi_min.high - 1e-9


def test_events_are_all_there_and_hold_their_truth(told: Told) -> None:
    kinds = Counter(event.kind for event in told.report.events if event.state != "retracted")
    assert kinds["sag"] == len(told.world.sags)
    spans = {f"sag-{n}": span for n, (_, span) in enumerate(told.world.sags)}
    for event in told.report.events:
        if event.id in spans:
            assert event.duration_min_s is not None
            assert event.duration_max_s is not None
            assert event.duration_min_s <= spans[event.id].length_us / 1e6 <= event.duration_max_s


# -- load -------------------------------------------------------------------------------------------------------


def test_every_block_of_demand_holds_the_energy_that_passed(told: Told) -> None:
    for part in told.report.meters:
        assert len(part.blocks) > 0.85 * told.world.minutes / 15
        for block in part.blocks:
            assert _truth_w(told, part, block.start_us) in _widened(block.demand_w), (part.meter.name, block)


def _truth_w(told: Told, part: MeterPart, start_us: int) -> float:
    energy = told.world.energy_wh
    return 4 * (energy(part.meter.name, start_us + 15 * MIN_US) - energy(part.meter.name, start_us))


def _widened(bounds: Bounds) -> Bounds:
    """By what adding up of floats costs."""
    return Bounds(bounds.low * (1 - 1e-6) - 1e-3, bounds.high * (1 + 1e-6) + 1e-3)


def test_mean_peak_base_and_load_factor_follow_from_the_blocks(told: Told) -> None:
    for part in told.report.meters:
        truth = [_truth_w(told, part, block.start_us) for block in part.blocks]
        assert part.load is not None
        assert part.load.mean_w == pytest.approx(sum(truth) / len(truth), rel=0.01)
        assert part.load.max_w == pytest.approx(max(truth), rel=0.1)
        assert part.load.load_factor == pytest.approx(part.load.mean_w / part.load.max_w)
        hours = [told.world.hour((block.start_us - told.world.period.from_us) // MIN_US) for block in part.blocks]
        night = sorted(watts for watts, hour in zip(truth, hours, strict=True) if hour < 5)
        valley = sum(watts for watts, hour in zip(truth, hours, strict=True) if hour >= 23 or hour < 7)
        assert part.load.base_w == pytest.approx(night[-(-len(night) // 20) - 1], rel=0.1)
        assert part.load.valley_share == pytest.approx(valley / sum(truth), abs=0.01)


def test_the_power_factor_is_that_of_the_energies(told: Told) -> None:
    for part in told.report.meters:
        active, reactive = (energy(part.meter.name, told.world.period.to_us)
                            for energy in (told.world.energy_wh, told.world.energy_varh))  # fmt: skip
        truth = 1 / sqrt(1 + (reactive / active) ** 2)
        assert part.power_factor is not None
        assert truth in _widened(part.power_factor.bounds)
        assert abs(part.power_factor.pf - truth) <= 0.01


def test_loading_and_unbalance_are_those_of_the_ten_minutes_that_were_seen(told: Told) -> None:
    for part in (told.part(meter) for meter in MEASURED):
        weights = Counter[int]()
        for n, share in told.seen(part.meter.name):
            weights[n // 10] += share  # type: ignore[assignment]
        shares = {slot: told.world.apparent(part.meter.name, slot) / 1000 / RATED_KVA for slot in weights}
        assert part.loading is not None
        assert part.loading.peak == pytest.approx(max(shares.values()))
        mean = sum(weights[slot] * share for slot, share in shares.items()) / weights.total()
        assert part.loading.mean == pytest.approx(mean, rel=1e-4)
        over = sum(weight for slot, weight in weights.items() if shares[slot] > 0.8)
        assert part.loading.plan_min == pytest.approx(over, rel=1e-3)
        light = sum(weight for slot, weight in weights.items() if shares[slot] < 0.3)
        assert part.loading.light_min == pytest.approx(light, rel=1e-3)
        # All of the time: what was not seen may have been either.
        everywhere = sum(10 for slot in range(told.world.minutes // 10)
                         if told.world.apparent(part.meter.name, slot) > 0.8e3 * RATED_KVA)  # fmt: skip
        assert part.loading.plan_min - 1 <= everywhere
        assert everywhere <= part.loading.plan_min + told.world.minutes - weights.total() + 1
        loaded = [slot for slot in weights if sum(told.world.amperes(part.meter.name, slot)) > 0.3 * RATED_A]
        assert part.unbalance is not None
        for phase, found in enumerate(part.unbalance.currents_a):
            true = sum(told.world.amperes(part.meter.name, slot)[phase] for slot in loaded) / len(loaded)
            assert found == pytest.approx(true, rel=1e-4)
        assert part.unbalance.worst == pytest.approx(0.2, rel=1e-3)
        true = sum(told.world.neutral_a(part.meter.name, slot) for slot in loaded) / len(loaded)
        assert part.unbalance.neutral_a == pytest.approx(true, rel=1e-4)


def test_a_sag_wholly_below_the_curve_is_outside_it_and_one_that_may_be_short_is_undecided(
    told: Told,
) -> None:
    """ITIC allows any depth to 20 ms, 70 % to 0.5 s and 80 % to 10 s: 60 % is outside from 20 ms on."""
    sags = [event for event in told.report.events if event.kind == "sag"]
    assert len(sags) == len(told.world.sags)
    for sag in sags:
        assert sag.duration_min_s is not None
        assert sag.classes["itic"] == ("violates" if sag.duration_min_s > 0.02 else "undecided"), sag.id


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_of_it_says_what_was_found_and_has_no_hole(told: Told, language: str) -> None:
    body = page(told.report, "Asia/Shanghai", Words(language)).split("</style>")[1]
    text = re.sub("<[^>]*>", " ", body)
    assert not re.findall(r"\b(?:nan|inf|None|True|False)\b|[{}]", text)
    row = next(line for line in body.split("</thead>")[1].split("\n") if line)
    low, high = re.findall(r"<td>([0-9.]+) – ([0-9.]+)</td>", row)[0]
    lasting = [hit for hit in _hits(_within(told, None), HOMES_BY_PLACE) if hit.minutes > 5]
    served = sum(fed.total for fed in FED.values())
    assert float(low) <= sum(hit.customers * hit.minutes for hit in lasting) / served <= float(high)
