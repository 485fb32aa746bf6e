"""Each miswiring is named first; nothing is found on what is wired right; too little evidence is said to be too little.

Values come from phasors (simulators/miswired.py), which know nothing of the rules that judge them.
"""

from dataclasses import dataclass, replace
from itertools import product
from random import Random

import pytest

from agent.field.commission import words
from agent.field.commission.judge import judge, outcome_of
from agent.field.commission.observed import Finding, Fitted, Seen
from simulators.miswired import RIGHT, Cabinet, Wiring, values

LV = Fitted("main", "eastron-sdm630", "3p4w", "ln", 230.0, 50.0)
MV = Fitted("bay", "siemens-pac3200", "3p3w", "ll", 10_000.0, 50.0, vt=100.0, ct=120.0)
CABINET = Cabinet()
TWO_WIRES = Cabinet(wiring="1p2w")
MV_CABINET = Cabinet(nominal_v=5773.5, amps=(210.0, 212.0, 208.0), wiring="3p3w")
WATCHED_S = 30.0


def seen(cabinet: Cabinet, wiring: Wiring, *, of_s: float = WATCHED_S) -> Seen:
    """As a visit of half a minute sees it."""
    changes = 0 if wiring.frozen else 30
    return Seen(values(cabinet, wiring, of_s), values(cabinet, wiring), of_s, 1.0, 100, changes, of_s)


def found(fitted: Fitted, cabinet: Cabinet, wiring: Wiring = RIGHT) -> tuple[Finding, ...]:
    return judge(fitted, seen(cabinet, wiring))


@dataclass(frozen=True)
class Case:
    wiring: Wiring
    code: str
    says: str = ""
    fitted: Fitted = LV
    cabinet: Cabinet = CABINET
    verdict: str = "fail"


NO_FEED_IN = replace(LV, feeds_in=False)
CASES = {
    "ct of l1 reversed": Case(Wiring(amp_signs=(-1, 1, 1)), words.CT_REVERSED, "transformer of l1 faces"),
    "ct of l2 reversed": Case(Wiring(amp_signs=(1, -1, 1)), words.CT_REVERSED, "transformer of l2 faces"),
    "ct of l3 reversed": Case(Wiring(amp_signs=(1, 1, -1)), words.CT_REVERSED, "transformer of l3 faces"),
    "two cts reversed": Case(Wiring(amp_signs=(-1, 1, -1)), words.CT_REVERSED, "of l1 and l3 faces"),
    "all cts reversed, nothing feeds in": Case(
        Wiring(amp_signs=(-1, -1, -1)), words.CT_REVERSED, "l1, l2 and l3", NO_FEED_IN
    ),
    "cts of l1 and l2 swapped": Case(Wiring(amps=(1, 0, 2)), words.CTS_SWAPPED, "of l1 and l2 are"),
    "cts of l2 and l3 swapped": Case(Wiring(amps=(0, 2, 1)), words.CTS_SWAPPED, "of l2 and l3 are"),
    "cts of l1 and l3 swapped": Case(Wiring(amps=(2, 1, 0)), words.CTS_SWAPPED, "of l1 and l3 are"),
    "cts swapped, one reversed too": Case(
        Wiring(amps=(1, 0, 2), amp_signs=(1, 1, -1)), words.CTS_SWAPPED, "on the terminals of l3 they face"
    ),
    "cts shifted backwards": Case(Wiring(amps=(2, 0, 1)), words.CTS_SHIFTED, "", NO_FEED_IN),
    "cts shifted forwards": Case(Wiring(amps=(1, 2, 0)), words.CTS_SHIFTED, "", NO_FEED_IN),
    "voltages of l1 and l2 swapped": Case(Wiring(volts=(1, 0, 2)), words.VOLTAGES_SWAPPED, "of l1 and l2 are"),
    "voltages of l2 and l3 swapped": Case(Wiring(volts=(0, 2, 1)), words.VOLTAGES_SWAPPED, "of l2 and l3 are"),
    "voltages of l1 and l3 swapped": Case(Wiring(volts=(2, 1, 0)), words.VOLTAGES_SWAPPED, "of l1 and l3 are"),
    "voltage of l1 missing": Case(Wiring(volts=(None, 1, 2)), words.VOLTAGE_MISSING, "of l1 is missing"),
    "voltage of l2 missing": Case(Wiring(volts=(0, None, 2)), words.VOLTAGE_MISSING, "of l2 is missing"),
    "voltages of l1 and l3 missing": Case(Wiring(volts=(None, 1, None)), words.VOLTAGE_MISSING, "of l1 and l3"),
    "no voltage at all": Case(Wiring(volt_scale=0.002), words.NO_VOLTAGE, "no proof of isolation"),
    "one phase on two terminals": Case(Wiring(volts=(0, 0, 2)), words.VOLTAGE_DOUBLED, "l1 and l2 carry the same"),
    "neutral and l1 swapped": Case(Wiring(volts=(-1, 1, 2), neutral=0), words.NEUTRAL_SWAPPED, "neutral and l1"),
    "neutral and l3 swapped": Case(Wiring(volts=(0, 1, -1), neutral=2), words.NEUTRAL_SWAPPED, "neutral and l3"),
    "neutral open": Case(Wiring(star_pu=0.16 + 0.09j), words.NEUTRAL_OPEN, "neutral looks open"),
    "vt of l2 reversed": Case(Wiring(volt_signs=(1, -1, 1)), words.VT_REVERSED, "voltage of l2 is turned"),
    "nominal voltage of the other basis": Case(RIGHT, words.BASIS, "write 231", replace(LV, nominal_v=400.0)),
    "basis ll with a nominal voltage to neutral": Case(
        RIGHT, words.BASIS, "basis in use (ll)", replace(LV, basis="ll")
    ),
    "another nominal voltage": Case(RIGHT, words.NOMINAL, "1.92 times", replace(LV, nominal_v=120.0)),
    "voltage ratio twice": Case(Wiring(volt_scale=100.0, power_scale=1.0), words.VT_TWICE, "", MV, MV_CABINET),
    "voltage ratio left out": Case(Wiring(volt_scale=0.01), words.VT_LEFT_OUT, "", replace(MV, vt=1.0), MV_CABINET),
    "current ratio twice": Case(Wiring(amp_scale=120.0), words.CT_TWICE, "", replace(LV, ct=120.0)),
    "powers without the current ratio": Case(Wiring(power_scale=1 / 120.0), words.POWER_DISAGREES, "l1, l2 and l3"),
    "the total counts two phases": Case(Wiring(total_of=(0, 2)), words.SUM_DIFFERS, "not the sum"),
    "one of two wattmeters turned": Case(Wiring(amp_signs=(-1, 1, 1)), words.CT_REVERSED, "l1 or l3", MV, MV_CABINET),
    "two wattmeters' currents swapped": Case(Wiring(amps=(2, 1, 0)), words.CTS_SWAPPED, "l1 and l3", MV, MV_CABINET),
    "a voltage missing without neutral": Case(
        Wiring(volts=(0, 1, None)), words.VOLTAGE_MISSING, "of l3 is missing", MV, MV_CABINET
    ),
    "a two-wire meter's transformer turned": Case(
        Wiring(amp_signs=(-1, 1, 1)), words.CT_REVERSED, "of l1 faces", replace(LV, wiring="1p2w"), TWO_WIRES
    ),
    "a transformer of a phase that nobody can judge": Case(
        Wiring(amps=(1, 2, 0)), words.ANGLES_STRANGE, "may be", NO_FEED_IN, Cabinet(amps=(40.0, 0.1, 0.1))
    ),
    "the counter stands": Case(Wiring(counts=0.0), words.COUNTER_STANDS, "stands still"),
    "the counter is without its ratio": Case(Wiring(counts=1 / 4.0), words.COUNTER_PACE, "0.25 times"),
    "another frequency": Case(RIGHT, words.FREQUENCY, "60.0", LV, Cabinet(frequency_hz=60.0)),
    "values frozen": Case(Wiring(frozen=True), words.FROZEN, "no value changed"),
    "no current of l2": Case(Wiring(amps=(0, None, 2)), words.CURRENT_MISSING, "in l2", verdict="cannot_tell"),
    "all reversed, or fed in": Case(
        Wiring(amp_signs=(-1, -1, -1)), words.POWER_BACKWARDS, "l1, l2 and l3", verdict="cannot_tell"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_miswiring_is_named_first(name: str) -> None:
    case = CASES[name]
    first = found(case.fitted, case.cabinet, case.wiring)[0]
    assert (first.code, first.verdict) == (case.code, case.verdict), first
    assert case.says in f"{first.what}; {first.todo}"


LOADS = [(10.0, 18.0, 25.0), (31.8, 28.0, 36.0), (8.5, 12.0, 9.5), (45.0, 30.0, 20.0)]
ANY_LOAD = [
    name for name in CASES if CASES[name].code in (words.CT_REVERSED, words.CTS_SWAPPED, words.VOLTAGES_SWAPPED,
                                                   words.CTS_SHIFTED) and CASES[name].cabinet == CABINET
]  # fmt: skip


@pytest.mark.parametrize(("name", "degrees"), [*product(ANY_LOAD, LOADS)])
def test_it_is_named_whatever_the_load(name: str, degrees: tuple[float, float, float]) -> None:
    case = CASES[name]
    first = found(case.fitted, replace(case.cabinet, degrees=degrees), case.wiring)[0]
    assert (first.code, case.says in first.what) == (case.code, True), first


def right(number: int) -> tuple[Fitted, Cabinet]:
    """A correct installation: any of the ways meters are built in, with loads that loads have."""
    dice = Random(number)  # noqa: S311 - a seed is wanted
    wiring = dice.choice(["3p4w", "3p4w", "3p4w", "3p3w", "1p2w"])
    middle = dice.uniform(-32.0, 45.0)
    angle = [middle + dice.uniform(-9.0, 9.0) for _ in range(3)]
    ct = dice.choice([1.0, 20.0, 120.0])
    size = ct * dice.uniform(0.6, 4.0)
    amps = [size * dice.uniform(0.55, 1.45) for _ in range(3)]
    level = dice.uniform(0.95, 1.04)
    volts = [level + dice.uniform(-0.012, 0.012) for _ in range(3)]
    if wiring == "3p3w":
        amps, angle = [size + dice.uniform(-0.05, 0.05) * size for _ in range(3)], [middle] * 3
    high = wiring == "3p3w" or dice.random() < 0.2
    nominal_ln = dice.choice([5773.5, 11547.0]) if high else dice.choice([220.0, 230.0, 240.0])
    basis = "ll" if wiring == "3p3w" else "ln"
    order = tuple(dice.sample(["l1", "l2", "l3"], 3)) if wiring == "3p4w" else ("l1", "l2", "l3")
    fitted = Fitted(
        f"m{number}", "any", wiring, basis, nominal_ln * (3**0.5 if basis == "ll" else 1.0), 50.0,
        vt=dice.choice([1.0, 100.0]) if high else 1.0, ct=ct, terminals=(order[0], order[1], order[2]),
    )  # fmt: skip
    cabinet = Cabinet(
        nominal_ln, (amps[0], amps[1], amps[2]), (angle[0], angle[1], angle[2]), (volts[0], volts[1], volts[2]),
        wiring=wiring, seed=number,
    )  # fmt: skip
    return fitted, cabinet


@pytest.mark.parametrize("number", range(100))
def test_nothing_is_found_where_all_is_right(number: int) -> None:
    fitted, cabinet = right(number)
    steps = replace(fitted, energy_step_wh=0.01 * fitted.ct * fitted.vt)
    assert found(steps, cabinet) == ()
    assert outcome_of(()) == "pass"


@pytest.mark.parametrize("number", range(0, 100, 5))
def test_a_load_too_light_is_said_to_be_and_no_more(number: int) -> None:
    fitted, cabinet = right(number)
    little = replace(cabinet, amps=(0.1 * fitted.ct, 0.05 * fitted.ct, 0.2 * fitted.ct))
    for each in product((1.0, -1.0), repeat=3):
        codes = {
            finding.code for finding in found(replace(fitted, energy_step_wh=1e-6), little, Wiring(amp_signs=each))
        }
        assert words.LIGHT_LOAD in codes
        assert codes <= {words.LIGHT_LOAD, words.CURRENT_MISSING}


@pytest.mark.parametrize("phase", range(3))
@pytest.mark.parametrize("degrees", [95.0, 120.0, 150.0, 172.0, 180.0])
def test_one_phase_that_feeds_in_is_no_fault_but_a_question(phase: int, degrees: float) -> None:
    angles = [18.0, 22.0, 16.0]
    angles[phase] = degrees
    (only,) = found(LV, replace(Cabinet(), degrees=(angles[0], angles[1], angles[2])))
    assert (only.code, only.verdict) == (words.POWER_BACKWARDS, "cannot_tell")
    assert outcome_of((only,)) == "open"


@pytest.mark.parametrize("degrees", [(180.0, 179.0, 181.0), (100.0, 104.0, 97.0), (150.0, 140.0, 155.0), (200.0,) * 3])
def test_export_on_all_phases_is_a_question(degrees: tuple[float, float, float]) -> None:
    (only,) = found(LV, replace(Cabinet(), degrees=degrees))
    assert (only.code, only.verdict) == (words.POWER_BACKWARDS, "cannot_tell")


@pytest.mark.parametrize("name", ["ct of l1 reversed", "cts of l1 and l2 swapped"])
def test_a_meter_without_reactive_power_is_judged_by_what_it_has(name: str) -> None:
    """Only cosines: a turned transformer looks like a generator until somebody says there is none."""
    case, cabinet = CASES[name], Cabinet()
    shown = {key: value for key, value in values(cabinet, case.wiring).items() if "reactive" not in key}
    sound = {key: value for key, value in values(cabinet).items() if "reactive" not in key}
    assert judge(LV, Seen(sound)) == ()
    assert judge(LV, Seen(shown))[0].verdict == "cannot_tell"
    assert judge(NO_FEED_IN, Seen(shown))[0].verdict == "fail"


def test_a_counter_of_tariffs_alone_counts_as_their_sum() -> None:
    def tariffs(kwh: float) -> dict[str, float]:
        return {
            "active_energy_import_t1": 1e6 + kwh * 1e3,
            "active_energy_import_t2": 5e5,
        }

    sound = values(Cabinet())
    before = {name: value for name, value in sound.items() if "energy" not in name}
    for kwh, codes in ((0.5, []), (0.0, [words.COUNTER_STANDS]), (2.0, [words.COUNTER_PACE])):
        told = judge(LV, Seen(before | tariffs(kwh), before | tariffs(0.0), 60.0, 1.0))
        assert [finding.code for finding in told] == codes


@pytest.mark.parametrize(("elapsed_s", "kwh", "codes"), [
    (20.0, 0.0, [words.COUNTER_SLOW]), (20.0, 0.1, []), (40.0, 0.0, [words.COUNTER_STANDS]),
    (40.0, 0.29, []), (40.0, 0.58, []), (40.0, 0.06, [words.COUNTER_PACE]), (40.0, 0.8, [words.COUNTER_PACE]),
])  # fmt: skip
def test_a_counter_whose_reads_are_known_within_ten_seconds(elapsed_s: float, kwh: float, codes: list[str]) -> None:
    """26.3 kW: 0.29 kWh in 40 s."""
    before = values(Cabinet())
    after = before | {"active_energy_import": before["active_energy_import"] + kwh * 1e3}
    assert [finding.code for finding in judge(LV, Seen(after, before, elapsed_s, 10.0))] == codes


def test_silence_is_the_first_thing_to_say() -> None:
    (only,) = judge(LV, Seen({}, trouble="timeout"))
    assert (only.code, only.what) == (words.NO_ANSWER, "the meter does not answer: timeout")


def test_every_code_has_a_case() -> None:
    elsewhere = {words.NO_ANSWER, words.LIGHT_LOAD, words.NO_ANGLES, words.VOLTAGES_UNEQUAL, words.COUNTER_SLOW,
                 words.REFRESH_SLOW, words.CLOCK, words.PARTLY}  # fmt: skip
    assert {case.code for case in CASES.values()} | elsewhere == set(words.TEMPLATES)
