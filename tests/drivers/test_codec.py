import itertools
import math
import struct
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_vectors import load_vectors

from drivers.codec import Installation, compile_plan, encode, published_name
from drivers.encodings import ENCODINGS, ORDERS, decode_words, integer_range
from drivers.library import load_model, model_names
from drivers.modbus.pdu import Read
from drivers.model import MeterModel, Register, Scale
from drivers.plan import Plan, PlannedRead, plan_reads
from drivers.quantities import CATALOGUE, VOLTAGES_LL, VOLTAGES_LN

SDM630 = load_model("eastron-sdm630")
EM24 = load_model("carlo-gavazzi-em24")
PM5000 = load_model("schneider-pm5000")
ACREL = load_model("acrel-dtsd1352")
AS_BUILT = Installation()


def reply(image: Mapping[tuple[int, int], int], read: Read) -> bytes:
    addresses = range(read.address, read.address + read.count)
    return b"".join(image[read.function, address].to_bytes(2, "big") for address in addresses)


def decode_image(model: MeterModel, image, installation: Installation = AS_BUILT, quantities=None) -> dict[str, float]:
    plan = plan_reads(model, quantities or [row.quantity for row in model.registers])
    replies = {index: reply(image, planned.read) for index, planned in enumerate(plan.reads)}
    return compile_plan(plan, installation).decode_round(replies)


def lone(model: MeterModel, *rows: Register) -> Plan:
    """A plan of one read over rows that follow each other."""
    first, end = rows[0].address, rows[-1].end
    fields = tuple((row, row.address - first) for row in rows)
    return Plan(model, (PlannedRead(Read(rows[0].function, first, end - first), fields, None),))


# --- not available ---


@pytest.mark.parametrize(
    ("model", "quantities", "data", "found"),
    [
        # Carlo Gavazzi: 0x7FFFFFFF, least significant word first; frequency 0xFFFF
        (EM24, VOLTAGES_LN, "08FE0000 FFFF7FFF 090D0000", {"voltage_l1": 230.2, "voltage_l3": 231.7}),
        (EM24, ["frequency"], "FFFF", {}),
        # the same bits in another row are a value: -1 W is FFF6 FFFF
        (EM24, ["active_power_l1"], "FFF6FFFF", {"active_power_l1": -1.0}),
        (EM24, ["active_power_l1"], "FFFFFFFF", {"active_power_l1": -0.1}),
        # Schneider: 0x8000 in each word, or NaN
        (PM5000, VOLTAGES_LN, "43660000 80008000 FFC00000", {"voltage_l1": 230.0}),
        (PM5000, ["active_energy_import"], "8000800080008000", {}),
        (PM5000, ["power_failures"], "8000", {}),
        # Eastron has none: 0 V on a phase that is not wired is 0 V, the wiring is the site's to say
        (SDM630, VOLTAGES_LN, "43660000 00000000 7F800000", {"voltage_l1": 230.0, "voltage_l2": 0.0}),
    ],
)  # fmt: skip
def test_what_is_not_available_is_absent_and_never_zero(model, quantities, data: str, found) -> None:
    decoder = compile_plan(plan_reads(model, quantities))
    assert decoder.decode(0, bytes.fromhex(data)) == found


@pytest.mark.parametrize("bits", ["7FC00000", "FFC00000", "7F800000", "FF800000", "7F800001"])
def test_a_float_that_is_no_number_is_absent(bits: str) -> None:
    decoder = compile_plan(plan_reads(SDM630, ["frequency", "active_energy_import"]))
    assert decoder.decode(0, bytes.fromhex(bits + "45933A66")) == {"active_energy_import": 4711300.0}


def test_a_reply_of_another_length_is_refused() -> None:
    decoder = compile_plan(plan_reads(SDM630, VOLTAGES_LN))
    for size in (0, 10, 13, 14):
        with pytest.raises(ValueError, match=f"{size} bytes"):
            decoder.decode(0, bytes(size))


# --- numbers ---


def test_float_counters_are_decimal_and_gauges_stay_as_they_came() -> None:
    gauge, counter = (
        compile_plan(plan_reads(SDM630, [quantity])) for quantity in ("voltage_l1", "reactive_energy_export")
    )
    assert gauge.decode(0, bytes.fromhex("43663334")) == {"voltage_l1": 230.20001220703125}
    # 99.73 kvarh, whose float32 is 99.72999572753906
    assert counter.decode(0, bytes.fromhex("42C775C3")) == {"reactive_energy_export": 99730.0}


def test_64_bit_energies_stay_exact() -> None:
    decoder = compile_plan(plan_reads(PM5000, ["active_energy_import"]))
    assert decoder.decode(0, (2**53 - 1).to_bytes(8, "big")) == {"active_energy_import": float(2**53 - 1)}


def test_every_value_is_a_float() -> None:
    image = encode(PM5000, dict.fromkeys(PM5000.quantities, 1.0))
    assert {type(value) for value in decode_image(PM5000, image).values()} == {float}


@given(st.sampled_from([e for e in ENCODINGS.values() if not e.folded]), st.sampled_from(ORDERS), st.data())
def test_the_compiled_decoder_agrees_with_the_plain_one(encoding, order: str, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=encoding.words, max_size=encoding.words))
    row = Register("voltage_l1", 4, 7, encoding.words, encoding.name, order, multiply=3, divide=7)
    found = compile_plan(lone(EM24, row)).decode(0, struct.pack(f">{len(words)}H", *words))
    plain = decode_words(encoding, order, words)
    assert found == ({"voltage_l1": pytest.approx(plain * 3 / 7, rel=1e-15)} if math.isfinite(plain) else {})


def test_word_orders_may_differ_within_one_read() -> None:
    rows = (
        Register("voltage_l1", 4, 0, 2, "f32", "msw"),
        Register("frequency", 4, 2, 1, "u16", "msw", divide=10),
        Register("voltage_l2", 4, 4, 2, "i32", "lsw", divide=10),
    )
    decoder = compile_plan(lone(EM24, *rows))
    found = decoder.decode(0, bytes.fromhex("43660000 01F3 DEAD 08FE0000"))
    assert found == {"voltage_l1": 230.0, "frequency": 49.9, "voltage_l2": 230.2}


def test_more_values_than_share_their_keys_decode_all_the_same() -> None:
    names = [name for name, quantity in CATALOGUE.items() if not quantity.counter][:60]
    rows = tuple(Register(name, 4, 2 * place, 2, "f32", "msw") for place, name in enumerate(names))
    found = compile_plan(lone(EM24, *rows)).decode(0, struct.pack(">60f", *range(60)))
    assert found == {name: float(place) for place, name in enumerate(names)}


def test_a_read_without_values_of_its_own_decodes_to_nothing() -> None:
    decoder = compile_plan(plan_reads(EM24, ["max_demand"]), Installation(direction=-1))
    assert decoder.decode(0, bytes(4)) == {}
    with pytest.raises(ValueError, match="2 bytes"):
        decoder.decode(0, bytes(2))


# --- scale registers ---

RATIO = Scale("PT", 4, 10, 1, "u16", "msw", "factor", 1, 9999, 25)
CURRENT_RATIO = Scale("CT", 4, 11, 2, "u32", "lsw", "factor", 1, 9999, 40, divide=10)
POWER = Scale("SF", 4, 13, 1, "i16", "msw", "power of ten", -10, 10, -1)
CHECK = Scale("ID", 4, 14, 1, "u16", "msw", "check", 203, 203, 203)


def scaled(*scales: Scale, encoding: str = "i32", quantity: str = "voltage_l1", **more) -> MeterModel:
    words = ENCODINGS[encoding].words
    row = Register(quantity, 4, 10 - words, words, encoding, "msw", scaled_by=scales, **more)
    other = Register("frequency", 4, 9 - words, 1, "u16", "msw", divide=100)
    return replace(EM24, registers=(other, row), bridges=(), max_words=20)


def seen_through(model: MeterModel, words: dict[int, int], installation: Installation = AS_BUILT) -> dict[str, float]:
    """What a decoder of the whole map says of an image with these words."""
    image = {(4, address): words.get(address, 0) for address in range(20)}
    return decode_image(model, image, installation)


@pytest.mark.parametrize(
    ("scales", "words", "value"),
    [
        ((RATIO,), {9: 2302, 10: 25}, 57550.0),
        ((CURRENT_RATIO,), {9: 2302, 11: 0x0190, 12: 0}, 92080.0),  # 400 / 10
        ((CURRENT_RATIO,), {9: 2302, 11: 0, 12: 1}, None),  # 65536
        ((POWER,), {9: 2302, 13: 0xFFFF}, 230.2),
        ((POWER,), {9: 2302, 13: 2}, 230200.0),
        ((POWER,), {9: 2302, 13: 0xFFF6}, 2302 / 10**10),
        ((POWER,), {9: 2302, 13: 0}, 2302.0),
        ((POWER,), {9: 2302, 13: 0xFFF5}, None),  # -11
        ((POWER,), {9: 2302, 13: 0x8000}, None),
        ((RATIO, POWER, CHECK), {9: 7, 10: 3, 13: 0xFFFF, 14: 203}, 2.1),
        ((RATIO, POWER, CHECK), {9: 7, 10: 3, 13: 0xFFFF, 14: 213}, None),
        ((RATIO,), {9: 2302, 10: 0}, None),
        ((RATIO,), {9: 2302, 10: 10000}, None),
        ((RATIO,), {8: 0x7FFF, 9: 0xFFFF, 10: 25}, None),  # the row's own sentinel
    ],
)  # fmt: skip
def test_scales_multiply_exactly_and_without_a_plausible_one_there_is_no_value(scales, words, value) -> None:
    found = seen_through(scaled(*scales, sentinels=(0x7FFFFFFF,)), {7: 5000, **words})
    assert found == {"frequency": 50.0} | ({} if value is None else {"voltage_l1": value})


def test_a_scale_and_the_rows_own_fraction_are_one_fraction() -> None:
    # 3 / 10 x 7 in floating point is 2.1 only if the division comes last
    found = seen_through(scaled(RATIO, divide=10), {9: 3, 10: 7})
    assert found["voltage_l1"] == 2.1
    ratios = seen_through(scaled(RATIO, divide=10), {9: 3, 10: 7}, Installation(vt=100.0))
    assert ratios["voltage_l1"] == 210.0


def test_float_counters_are_scaled_in_decimal_too() -> None:
    model = scaled(CURRENT_RATIO, encoding="f32", quantity="active_energy_import", multiply=1000)
    high, low = struct.unpack(">2H", struct.pack(">f", 4711.3))
    assert seen_through(model, {8: high, 9: low, 11: 60})["active_energy_import"] == 28267800.0


def test_scales_of_another_read_are_found_in_the_replies_of_the_round() -> None:
    plan = plan_reads(ACREL, ["voltage_l1", "frequency", "current_l1"])
    decoder = compile_plan(plan)
    values, ratios = bytes.fromhex("08FE 0000 0000 04D2" + "0000" * 18 + "1386"), bytes.fromhex("0064 0014")
    assert [planned.read.count for planned in plan.reads] == [23, 2]
    full = {"voltage_l1": 23020.0, "current_l1": 246.8, "frequency": 49.98}
    assert decoder.decode(0, values, {1: ratios}) == full
    assert decoder.decode_round({1: ratios, 0: values}) == decoder.decode_round({0: values, 1: ratios}) == full
    assert decoder.decode(0, values) == decoder.decode_round({0: values}) == {"frequency": 49.98}
    assert decoder.decode_round({1: ratios}) == {}
    assert decoder.decode_round({0: values, 1: bytes.fromhex("0064 0000")}) == {
        "voltage_l1": 23020.0, "frequency": 49.98,
    }  # fmt: skip


def test_scales_may_change_from_one_round_to_the_next() -> None:
    model = scaled(POWER)
    found = [seen_through(model, {9: 2302, 13: 0x10000 - number & 0xFFFF})["voltage_l1"] for number in range(1, 5)]
    assert found == [230.2, 23.02, 2.302, 0.2302]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-10, 10), st.sampled_from((1, 10, 1000)))
def test_a_power_of_ten_comes_out_as_the_nearest_float(number: int, power: int, divide: int) -> None:
    high, low = struct.unpack(">2H", struct.pack(">i", number))
    found = seen_through(scaled(POWER, divide=divide), {8: high, 9: low, 13: power & 0xFFFF})
    assert found["voltage_l1"] == float(Fraction(number) * Fraction(10) ** power / divide)


def test_scale_registers_are_encoded_and_their_rows_with_them() -> None:
    model = scaled(RATIO, POWER, CHECK)
    image = encode(model, {"voltage_l1": 5755.0})
    assert [image[4, address] for address in (9, 10, 13, 14)] == [2302, 25, 0xFFFF, 203]
    assert decode_image(model, image)["voltage_l1"] == 5755.0


# --- installation ---

METER = {
    "voltage_l1": 231.0, "voltage_l2": 232.0, "voltage_l3": 233.0,
    "voltage_l1_l2": 401.0, "voltage_l2_l3": 402.0, "voltage_l3_l1": 403.0,
    "current_l1": 1.5, "current_l2": 2.5, "current_l3": 3.5,
    "active_power_l1": 100.0, "active_power_l2": 200.0, "active_power_l3": -300.0, "active_power_total": 50.0,
    "reactive_power_total": -70.0, "apparent_power_total": 90.0, "frequency": 50.0, "max_demand": 800.0,
    "active_energy_import": 1000.0, "active_energy_export": 2000.0, "operating_hours": 12.0,
    "active_power_demand": 700.0,
}  # fmt: skip


def seen(installation: Installation) -> dict[str, float]:
    """What an EM24 whose registers hold METER tells in that installation."""
    return decode_image(EM24, encode(EM24, METER), installation, METER)


def test_ratios_scale_voltages_currents_powers_and_energies_and_nothing_else() -> None:
    found = seen(Installation(vt=100.0, ct=120.0))
    expected = {
        name: value * {"V": 100, "A": 120, "W": 12000, "var": 12000, "VA": 12000, "Wh": 12000}.get(unit, 1)
        for name, value in METER.items()
        for unit in [CATALOGUE[name].unit]
    }
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_phase_map_renames_terminals_to_network_phases() -> None:
    # terminal 1 carries l2, terminal 2 l3, terminal 3 l1
    found = seen(Installation(phase_map=("l2", "l3", "l1")))
    assert (found["voltage_l2"], found["voltage_l3"], found["voltage_l1"]) == (231.0, 232.0, 233.0)
    assert (found["current_l2"], found["active_power_l1"]) == (1.5, -300.0)
    assert (found["voltage_l2_l3"], found["voltage_l3_l1"], found["voltage_l1_l2"]) == (401.0, 402.0, 403.0)
    assert (found["active_power_total"], found["frequency"]) == (50.0, 50.0)


def test_evidence_follows_its_phase_and_its_ratio() -> None:
    exchanged = Installation(vt=100.0, phase_map=("l3", "l1", "l2"))
    assert published_name("voltage_l1_min", exchanged) == "voltage_l3_min"
    assert published_name("sag_count_l2", exchanged) == "sag_count_l1"
    pac = load_model("siemens-pac3200")
    image = encode(pac, {"voltage_l1_min": 92.0})
    found = decode_image(pac, image, exchanged, ["voltage_l1_min", "limit_bits"])
    assert found == {"voltage_l3_min": 9200.0, "limit_bits": 0.0}


def test_two_exchanged_phases_keep_the_magnitudes_of_line_to_line_voltages() -> None:
    # l2 and l3 exchanged: terminals 1-2 are l1-l3, which the catalogue calls l3_l1
    found = seen(Installation(phase_map=("l1", "l3", "l2")))
    assert (found["voltage_l3_l1"], found["voltage_l2_l3"], found["voltage_l1_l2"]) == (401.0, 402.0, 403.0)


def test_reversed_current_transformers_flip_powers_and_exchange_energies() -> None:
    found = seen(Installation(direction=-1))
    assert [found[f"active_power_{phase}"] for phase in ("l1", "l2", "l3", "total")] == [-100.0, -200.0, 300.0, -50.0]
    assert (found["reactive_power_total"], found["apparent_power_total"]) == (70.0, 90.0)
    assert (found["active_energy_import"], found["active_energy_export"]) == (2000.0, 1000.0)
    assert (found["voltage_l1"], found["current_l1"], found["operating_hours"]) == (231.0, 1.5, 12.0)
    # the meter's demand is that of the other direction: no value rather than a wrong one
    assert not {"max_demand", "active_power_demand"} & set(found)


def test_reversed_power_factors_change_sign_and_zero_stays_plain_zero() -> None:
    reverse = Installation(direction=-1)
    image = encode(SDM630, {"power_factor_l1": 0.5, "active_power_l1": 0.0})
    found = decode_image(SDM630, image, reverse, ["power_factor_l1", "active_power_l1"])
    assert found == {"power_factor_l1": -0.5, "active_power_l1": 0.0}
    assert math.copysign(1, found["active_power_l1"]) == 1
    folded = {**encode(PM5000, {}), (3, 3083): 0x3FA0, (3, 3084): 0}  # 1.25: P > 0, leading
    assert decode_image(PM5000, folded, reverse, ["power_factor_total"]) == {"power_factor_total": -0.75}


@pytest.mark.parametrize(
    ("quantity", "name"),
    [
        ("active_energy_import_t3", "active_energy_export_t3"),
        ("reactive_energy_import_q1", "reactive_energy_export_q3"),
        ("reactive_energy_export_q4", "reactive_energy_import_q2"),
        ("reactive_energy_export", "reactive_energy_import"),
    ],
)
def test_reversal_turns_tariffs_and_quadrants_with_the_energy(quantity: str, name: str) -> None:
    assert published_name(quantity, Installation(direction=-1)) == name
    assert published_name(quantity, AS_BUILT) == quantity


INSTALLATIONS = st.builds(
    Installation,
    vt=st.sampled_from((1.0, 100.0, 10000 / 110)),
    ct=st.sampled_from((1.0, 120.0, 600 / 5)),
    phase_map=st.sampled_from(list(itertools.permutations(("l1", "l2", "l3")))),
    direction=st.sampled_from((1, -1)),
)


@given(INSTALLATIONS)
def test_published_names_are_of_the_catalogue_and_never_collide(installation: Installation) -> None:
    names = [name for quantity in CATALOGUE if (name := published_name(quantity, installation)) is not None]
    assert set(names) <= set(CATALOGUE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "wrong",
    [
        {"vt": 0.0},
        {"ct": -5.0},
        {"ct": math.inf},
        {"phase_map": ("l1", "l1", "l2")},
        {"phase_map": ("l1", "l2")},
        {"direction": 0},
    ],
)
def test_an_impossible_installation_is_refused(wrong) -> None:
    with pytest.raises(ValueError):
        Installation(**wrong)


# --- encode, the other half ---


def test_encode_writes_the_words_of_the_documents() -> None:
    vectors = load_vectors("carlo-gavazzi-em24")
    image = encode(EM24, {name: value for name, value in vectors.values.items() if value is not None})
    assert {place: image[place] for place in vectors.words} == dict(vectors.words)


@pytest.mark.parametrize("name", model_names())
def test_an_empty_image_is_sentinels_or_zeros_and_covers_every_planned_word(name: str) -> None:
    model = load_model(name)
    plan = plan_reads(model, [*model.quantities, *model.unproven])
    image = encode(model, {})
    wanted = {(p.read.function, p.read.address + n) for p in plan.reads for n in range(p.read.count)}
    spares = {(p.spare.function, p.spare.address + n) for p in plan.reads if p.spare for n in range(p.spare.count)}
    assert wanted | spares <= set(image)
    with_zero = {row.quantity for row in model.registers if not row.sentinels or row.bit is not None}
    assert decode_image(model, image) == dict.fromkeys(with_zero, 0.0)


@given(st.sampled_from([EM24, SDM630, PM5000]), INSTALLATIONS, st.data())
def test_what_is_encoded_is_decoded_within_one_step_of_the_register(model, installation, data: st.DataObject) -> None:
    rows = {name: row for row in model.registers if (name := published_name(row.quantity, installation))}
    values = {}
    for name in rows:
        signed = CATALOGUE[name].dimension in {"active_power", "reactive_power"} and "demand" not in name
        limit = 1.0 if "power_factor" in name else 3000.0
        if CATALOGUE[name].dimension == "state":
            values[name] = data.draw(st.sampled_from([0.0, 1.0]))
            continue
        values[name] = data.draw(st.floats(min_value=-limit if signed else 0, max_value=limit))
    found = decode_image(model, encode(model, values, installation), installation)
    for name, row in rows.items():
        quantum = 0.0 if row.encoding[0] == "f" else ratio(name, installation) * row.multiply / row.divide / 2
        assert found[name] == pytest.approx(values[name], rel=1e-6, abs=quantum * 1.000001 + 1e-30)


def ratio(name: str, installation: Installation) -> float:
    unit = CATALOGUE[name].unit
    vt, ct = installation.vt, installation.ct
    return {"V": vt, "A": ct}.get(unit, vt * ct if unit in {"W", "var", "VA", "Wh", "varh"} else 1.0)


def test_a_value_beyond_the_register_is_held_at_its_end() -> None:
    image = encode(EM24, {"frequency": 1e9, "voltage_l1": -1e12})
    low, _ = integer_range(ENCODINGS["i32"])
    assert decode_image(EM24, image, quantities=["voltage_l1"]) == {"voltage_l1": low / 10}


# --- bits ---


@given(st.sampled_from(["u16", "i16", "u32", "i32", "u64", "i64"]), st.sampled_from(ORDERS), st.data())
def test_a_bit_is_counted_from_the_least_significant_of_the_whole_value(encoding: str, order: str, data) -> None:
    words = ENCODINGS[encoding].words
    number = data.draw(st.integers(0, 2 ** (16 * words) - 1))
    bits = data.draw(st.lists(st.integers(0, 16 * words - 1), min_size=1, max_size=16, unique=True))
    rows = [
        Register(f"input_{place}", 4, 7, words, encoding, order, bit=bit, inverted=data.draw(st.booleans()))
        for place, bit in enumerate(bits, start=1)
    ]
    read = PlannedRead(Read(4, 7, words), tuple((row, 0) for row in rows), None)
    big = struct.unpack(f">{words}H", number.to_bytes(2 * words, "big"))
    raw = struct.pack(f">{words}H", *(big if order == "msw" else big[::-1]))
    found = compile_plan(Plan(EM24, (read,))).decode(0, raw)
    assert found == {row.quantity: float(f"{number:064b}"[::-1][row.bit] != "01"[row.inverted]) for row in rows}
    assert {type(value) for value in found.values()} == {float}


def test_inputs_of_the_em24_are_one_where_the_contact_is_closed_which_is_a_clear_bit() -> None:
    decoder = compile_plan(plan_reads(EM24, ["input_1", "input_3"]))
    assert decoder.decode(0, bytes.fromhex("0004")) == {"input_1": 1.0, "input_3": 0.0}


def test_bits_and_numbers_of_one_read_are_decoded_together_and_by_their_order() -> None:
    bits = tuple(Register(f"input_{n}", 4, 2, 1, "u16", "msw", bit=n, sentinels=(0xFFFF,)) for n in (1, 2))
    low_word_first = Register("voltage_l2", 4, 3, 2, "i32", "lsw", divide=10)
    decoder = compile_plan(lone(EM24, Register("voltage_l1", 4, 0, 2, "f32", "msw"), *bits, low_word_first))
    found = decoder.decode(0, bytes.fromhex("43660000 0004 08FE0000"))
    assert found == {"voltage_l1": 230.0, "input_1": 0.0, "input_2": 1.0, "voltage_l2": 230.2}
    assert decoder.decode(0, bytes.fromhex("43660000 FFFF 08FE0000")) == {"voltage_l1": 230.0, "voltage_l2": 230.2}
    assert decoder.decode(0, bytes.fromhex("7FC00000 0002 08FE0000")).keys() == {"input_1", "input_2", "voltage_l2"}


def test_neither_ratios_nor_phases_nor_direction_touch_an_input() -> None:
    turned = Installation(vt=100, ct=20, phase_map=("l3", "l1", "l2"), direction=-1)
    decoder = compile_plan(plan_reads(EM24, ["input_1", "input_2"]), turned)
    assert decoder.decode(0, bytes.fromhex("0001")) == {"input_1": 0.0, "input_2": 1.0}


@pytest.mark.parametrize(("name", "place", "words"), [
    ("carlo-gavazzi-em24", (4, 768), {(): 7, ("input_1",): 6, ("input_2",): 5, ("input_1", "input_3"): 2}),
    ("siemens-pac3200", (3, 210), {(): 0, ("input_1",): 1, ("input_2",): 2, ("input_1", "input_2"): 3}),
    ("carlo-gavazzi-em340", (4, 768), {(): 0, ("input_1",): 1}),
])  # fmt: skip
def test_a_simulated_meter_holds_its_inputs_and_open_ones_where_nothing_is_said(name, place, words) -> None:
    model = load_model(name)
    for active, word in words.items():
        assert encode(model, dict.fromkeys(active, 1.0))[place] == word
        assert (
            encode(model, dict.fromkeys(("input_1", "input_2", "input_3"), 0.0) | dict.fromkeys(active, 1.0))[place]
            == word
        )


def test_rows_read_alone_do_not_disturb_the_words_they_share() -> None:
    shared = Register("input_1", 4, 11, 1, "u16", "msw", alone=True)
    model = replace(EM24, registers=(*EM24.registers, shared))
    image = encode(model, {"voltage_l3_l1": 400.2, "input_1": 1.0})
    assert decode_image(model, image, quantities=VOLTAGES_LL)["voltage_l3_l1"] == 400.2
