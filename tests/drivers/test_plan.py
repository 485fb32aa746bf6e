from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.library import load_model
from drivers.modbus.pdu import Read
from drivers.model import Bridge, MeterModel, Register, Scale, scales_of
from drivers.plan import Plan, plan_reads, wire_time_s
from drivers.quantities import CATALOGUE, CURRENTS, VOLTAGES_LL, VOLTAGES_LN

SDM630 = load_model("eastron-sdm630")
EM24 = load_model("carlo-gavazzi-em24")
PM5000 = load_model("schneider-pm5000")
NAMES = tuple(CATALOGUE)


def shapes(plan: Plan) -> list[tuple[int, int, int]]:
    return [(planned.read.function, planned.read.address, planned.read.count) for planned in plan.reads]


def test_the_sdm630_is_read_in_two_requests() -> None:
    assert shapes(plan_reads(SDM630, SDM630.quantities)) == [(4, 0, 80), (4, 234, 6)]


def test_the_pm5000_is_read_in_four_requests() -> None:
    plan = plan_reads(PM5000, PM5000.quantities)
    assert shapes(plan) == [(3, 1828, 1), (3, 2999, 112), (3, 3203, 24), (3, 21329, 6)]


def test_the_em24_is_read_eleven_words_at_most_and_never_across_unmapped_words() -> None:
    plan = plan_reads(EM24, EM24.quantities)
    assert max(planned.read.count for planned in plan.reads) <= 11
    # 0x00..0x23 take four reads of five values; 0x28, 0x37, 0x3E, 0x5C, 0x60 and 0x300 are apart
    assert len(plan.reads) == 10


def test_voltages_and_currents_are_one_request_where_the_meter_allows() -> None:
    watched = (*VOLTAGES_LN, *CURRENTS)
    assert shapes(plan_reads(SDM630, watched)) == [(4, 0, 12)]
    assert shapes(plan_reads(PM5000, watched)) == [(3, 2999, 34)]
    assert shapes(plan_reads(EM24, watched)) == [(4, 0, 6), (4, 12, 6)]


def test_line_to_line_voltages_of_the_sdm630_are_read_only_when_asked_for() -> None:
    assert not set(VOLTAGES_LL) & set(plan_reads(SDM630, SDM630.quantities).quantities)
    assert shapes(plan_reads(SDM630, VOLTAGES_LL)) == [(4, 200, 6)]


def test_what_the_map_does_not_have_is_missing_and_costs_nothing() -> None:
    plan = plan_reads(EM24, ["current_n", "voltage_l1", "no_such_thing", "current_n"])
    assert (shapes(plan), plan.missing) == ([(4, 0, 2)], ("current_n", "no_such_thing"))
    assert plan_reads(EM24, []).reads == ()


def test_a_spare_covers_its_read_with_another_length() -> None:
    (planned,) = plan_reads(SDM630, VOLTAGES_LN).reads
    assert (planned.read, planned.spare) == (Read(4, 0, 6), Read(4, 0, 8))


def test_a_spare_grows_at_the_front_where_the_end_is_taken() -> None:
    (planned,) = plan_reads(SDM630, ["voltage_thd_l3"]).reads
    assert (planned.read, planned.spare) == (Read(4, 238, 2), Read(4, 236, 4))


def test_a_full_read_has_no_spare() -> None:
    assert plan_reads(SDM630, SDM630.quantities).reads[0].spare is None


def test_a_spare_may_end_in_documented_words_that_no_quantity_is_taken_from() -> None:
    (planned,) = plan_reads(EM24, ["reactive_power_l3"]).reads
    assert planned.spare == Read(4, 34, 4)


def test_a_register_read_alone_is_neither_joined_nor_crossed_nor_varied() -> None:
    rows = [row(0, "voltage_l1"), row(2, "voltage_l2", alone=True), row(4, "voltage_l3")]
    plan = plan_reads(model(rows, max_gap=50), VOLTAGES_LN)
    assert shapes(plan) == [(4, 0, 2), (4, 2, 2), (4, 4, 2)]
    assert [planned.spare for planned in plan.reads] == [None, None, None]


def test_a_lone_register_inside_another_value_hinders_nobody() -> None:
    rows = [row(0, "voltage_l1"), row(1, "input_1", words=1, alone=True), row(2, "voltage_l2")]
    assert shapes(plan_reads(model(rows), ["voltage_l1", "voltage_l2", "input_1"])) == [(4, 0, 4), (4, 1, 1)]


def test_bits_of_one_register_are_one_read_whether_it_is_read_alone_or_with_others() -> None:
    bits = [row(0x300, f"input_{n}", words=1, alone=True, bit=n) for n in (1, 2, 3)]
    (planned,) = plan_reads(model(bits), ["input_3", "input_1"]).reads
    assert (planned.read, planned.spare) == (Read(4, 0x300, 1), None)
    assert [(field.quantity, offset) for field, offset in planned.fields] == [("input_1", 0), ("input_3", 0)]
    rows = [row(0, "voltage_l1"), *(row(2, f"input_{n}", words=1, bit=n) for n in (1, 2)), row(3, "voltage_l2")]
    (planned,) = plan_reads(model(rows), ["voltage_l1", "voltage_l2", "input_1", "input_2"]).reads
    assert planned.read == Read(4, 0, 5)
    assert [(field.quantity, offset) for field, offset in planned.fields] == [
        ("voltage_l1", 0), ("input_1", 2), ("input_2", 2), ("voltage_l2", 3),
    ]  # fmt: skip


def test_unproven_rows_are_no_ground_to_walk_on() -> None:
    rows = [row(0, "voltage_l1"), row(2, "voltage_l2", grade="D"), row(4, "voltage_l3")]
    assert shapes(plan_reads(model(rows), ["voltage_l1", "voltage_l3"])) == [(4, 0, 2), (4, 4, 2)]
    assert shapes(plan_reads(model(rows), VOLTAGES_LN)) == [(4, 0, 6)]


def test_what_a_row_is_scaled_by_comes_in_the_same_read_where_that_is_legal() -> None:
    sunspec = load_model("sunspec-meter")
    (planned,) = plan_reads(sunspec, VOLTAGES_LN).reads
    assert (planned.read, planned.spare) == (Read(3, 40070, 16), Read(3, 40070, 17))
    assert [(scale.name, offset) for scale, offset in planned.scales] == [("ID", 0), ("L", 1), ("V_SF", 15)]
    assert [row.quantity for row, _ in planned.fields] == list(VOLTAGES_LN)


def test_else_it_has_a_read_of_its_own_in_the_same_round() -> None:
    acrel = load_model("acrel-dtsd1352")
    plan = plan_reads(acrel, [*VOLTAGES_LN, *CURRENTS])
    assert shapes(plan) == [(3, 97, 6), (3, 141, 2)]
    assert [scale.name for planned in plan.reads for scale, _ in planned.scales] == ["PT", "CT"]
    assert plan.quantities == (*VOLTAGES_LN, *CURRENTS)
    assert shapes(plan_reads(acrel, ["frequency"])) == [(3, 119, 1)]


def test_a_scale_is_read_once_however_many_rows_hang_on_it_and_with_its_own_function() -> None:
    ratio = scale(9, function=3)
    rows = [row(0, "voltage_l1", scaled_by=(ratio,)), row(2, "voltage_l2", scaled_by=(ratio,), alone=True)]
    assert shapes(plan_reads(model(rows), VOLTAGES_LN)) == [(3, 9, 1), (4, 0, 2), (4, 2, 2)]


def test_scales_of_rows_that_are_not_wanted_are_not_read_but_may_be_crossed() -> None:
    rows = [row(0, "voltage_l1"), row(3, "voltage_l2", scaled_by=(scale(2),)), row(5, "voltage_l3")]
    assert shapes(plan_reads(model(rows), ["voltage_l1"])) == [(4, 0, 2)]
    assert shapes(plan_reads(model(rows), ["voltage_l1", "voltage_l3"])) == [(4, 0, 7)]


# Wire time from modbus.md, section 3: a read of 30 registers at 11 bits a character is 73 characters.
@pytest.mark.parametrize(
    ("baud", "characters_s"), [(1200, 0.669), (2400, 0.335), (9600, 0.0836), (19200, 0.0418), (38400, 0.0209)]
)
def test_wire_time_is_characters_two_silences_and_the_turnaround(baud: int, characters_s: float) -> None:
    silence_s = 3.5 * 11 / baud if baud <= 19200 else 0.00175
    assert wire_time_s(Read(4, 0, 30), baud, 11, 0.0) == pytest.approx(characters_s + 2 * silence_s, abs=6e-4)
    assert wire_time_s(Read(4, 0, 30), baud, 11, 0.5) - wire_time_s(Read(4, 0, 30), baud, 11, 0.0) == pytest.approx(0.5)


def row(address: int, quantity: str, *, words: int = 2, function: int = 4, **more) -> Register:
    encoding = {1: "u16", 2: "f32", 4: "i64"}[words]
    return Register(quantity, function, address, words, encoding, "msw", **{"grade": "A", **more})


def scale(address: int, *, words: int = 1, function: int = 4) -> Scale:
    encoding = {1: "u16", 2: "u32", 4: "i64"}[words]
    return Scale(f"S{function}.{address}", function, address, words, encoding, "msw", "factor", 1, 9, 1)


def model(rows, bridges=(), *, max_words: int = 20, max_gap: int = 0) -> MeterModel:
    return replace(SDM630, registers=tuple(rows), bridges=tuple(bridges), max_words=max_words, max_gap=max_gap)


@st.composite
def models(draw: st.DrawFn) -> MeterModel:
    """Maps of up to nine rows, scales and bridges in two functions, with holes of 0 to 4 words between them."""
    rows: list[Register] = []
    scales: list[Scale] = []
    bridges: list[Bridge] = []
    for function in (3, 4):
        address = 0
        for _ in range(draw(st.integers(0, 9))):
            address += draw(st.integers(0, 4))
            words = draw(st.sampled_from((1, 2, 4)))
            kind = draw(st.sampled_from("bsrrrrr"))
            if kind == "b":
                bridges.append(Bridge(function, address, words, "reserved"))
            elif kind == "s":
                scales.append(scale(address, words=words, function=function))
            else:
                grade, alone = draw(st.sampled_from("AAAD")), draw(st.integers(0, 9)) == 0
                rows.append(row(address, NAMES[len(rows)], words=words, grade=grade, alone=alone, function=function))
            address += words
    if scales:
        some = st.lists(st.sampled_from(scales), unique=True, max_size=2)
        rows = [replace(each, scaled_by=tuple(draw(some))) for each in rows]
    return model(rows, bridges, max_words=draw(st.integers(4, 12)), max_gap=draw(st.integers(0, 4)))


@given(models(), st.data())
def test_every_read_and_every_spare_is_legal_and_every_row_is_read_once(model: MeterModel, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(NAMES[:20]), unique=True))
    plan = plan_reads(model, wanted)
    mapped = [register.quantity for register in model.registers]
    assert sorted(plan.quantities) == sorted(set(wanted) & set(mapped))
    assert list(plan.missing) == [name for name in wanted if name not in mapped]
    needed = scales_of(register for register in model.registers if register.quantity in wanted)
    read = [scale.name for planned in plan.reads for scale, _ in planned.scales]
    assert sorted(read) == sorted(scale.name for scale in needed)
    for planned in plan.reads:
        for register, offset in (*planned.fields, *planned.scales):
            assert (register.function, register.address) == (planned.read.function, planned.read.address + offset)
            assert offset + register.words <= planned.read.count
        lone = [register for register, _ in planned.fields if register.alone]
        if lone:
            assert (len(planned.fields), planned.read.count, planned.spare) == (1, lone[0].words, None)
            continue
        assert legal(model, planned.read, wanted)
        if planned.spare is not None:
            assert planned.spare.covers(planned.read)
            assert planned.spare.count > planned.read.count
            assert legal(model, planned.spare, wanted)


@given(models())
def test_no_other_grouping_needs_fewer_reads_or_words(model: MeterModel) -> None:
    wanted = model.quantities[:7]
    plan = plan_reads(model, wanted)
    chosen = [register for register in model.registers if register.quantity in wanted]
    rows = [*(register for register in chosen if not register.alone), *scales_of(chosen)]
    planned = [read.read for read in plan.reads if not any(register.alone for register, _ in read.fields)]
    cost = (len(planned), sum(read.count for read in planned))
    assert cost == sum_of_best(model, rows, wanted)


def sum_of_best(model: MeterModel, rows: list[Register | Scale], wanted) -> tuple[int, int]:
    best = [min(costs(model, [r for r in rows if r.function == function], wanted)) for function in (3, 4)]
    return best[0][0] + best[1][0], best[0][1] + best[1][1]


def costs(model: MeterModel, rows: list[Register | Scale], wanted):
    """(reads, words) of every way to cut the rows of one function into legal reads."""
    rows = sorted(rows, key=lambda register: register.address)
    if not rows:
        yield 0, 0
        return
    for size in range(len(rows)):
        for cuts in combinations(range(1, len(rows)), size):
            edges = [0, *cuts, len(rows)]
            groups = [rows[start:stop] for start, stop in pairwise(edges)]
            reads = [Read(g[0].function, g[0].address, g[-1].end - g[0].address) for g in groups]
            if all(legal(model, read, wanted) for read in reads):
                yield len(reads), sum(read.count for read in reads)


def legal(model: MeterModel, read: Read, wanted) -> bool:
    """The rules of a read in the plainest words, written apart from the planner."""
    known = [row for row in model.registers if row.grade != "D" or row.quantity in wanted]
    everything = (*model.registers, *scales_of(known), *model.bridges)
    entries = [entry for entry in everything if entry.function == read.function]
    end = read.address + read.count
    word_kinds = {}
    for entry in entries:
        alone = isinstance(entry, Register) and entry.alone
        unproven = isinstance(entry, Register) and entry.grade == "D" and entry.quantity not in wanted
        kind = "alone" if alone else "unknown" if unproven else "known"
        word_kinds.update(dict.fromkeys(range(entry.address, entry.end), kind))
        inside = [address for address in range(entry.address, entry.end) if read.address <= address < end]
        if kind == "known" and inside and len(inside) != entry.words:
            return False
    kinds = "".join(
        {"known": "k", "alone": "!", "unknown": "."}[word_kinds.get(a, "unknown")] for a in range(read.address, end)
    )
    return read.count <= model.max_words and "!" not in kinds and "." * (model.max_gap + 1) not in kinds
