"""The strict parser: what it makes of a good map, and one clear line for each way a map can be wrong."""

from dataclasses import FrozenInstanceError

import pytest

from drivers.errors import ModelError
from drivers.model import Bridge, Register, Scale, parse_model

GOOD = """
vendor = "Acme"
name = "M1"
wiring = "3p4w"
powered_by = "self"
sources = ["Acme M1 manual"]
[serial]
baud = 9600
parity = "E"
stop_bits = 1
[limits]
max_words = 20
max_gap = 2
[timing]
refresh_s = 0.5
window_s = 0.2
turnaround_s = 0.04
turnaround_max_s = 1
[[registers]]
title = "Values"
function = 4
encoding = "i32"
order = "lsw"
divide = 10
sentinels = [0x7FFFFFFF]
grade = "A"
sources = "manual p3"
rows = [
  { address = 0x00, quantity = "voltage_l1", unit = "V" },
  { address = 0x02, quantity = "active_energy_import", unit = "kWh" },
  { address = 0x04, skip = "reserved", words = 3 },
  { address = 0x09, quantity = "frequency", unit = "Hz", encoding = "u16", sentinels = [0xFFFF], divide = 100 },
]
[[registers]]
function = 3
grade = "D"
sources = "hearsay"
rows = [ { address = 7, quantity = "voltage_l2", unit = "mV", encoding = "u16", alone = true } ]
"""


def test_a_row_takes_from_its_block_what_it_leaves_out() -> None:
    model = parse_model(GOOD, "/maps/acme-m1.toml")
    assert (model.id, model.file, model.vendor, model.max_gap) == ("acme-m1", "/maps/acme-m1.toml", "Acme", 2)
    assert (model.refresh_s, model.window_s, model.turnaround_s, model.turnaround_max_s) == (0.5, 0.2, 0.04, 1.0)
    assert (model.baud, model.parity, model.stop_bits, model.accuracy_pct) == (9600, "E", 1, None)
    common = {"function": 4, "grade": "A", "sources": "manual p3", "order": "lsw"}
    assert model.registers[0] == Register(
        "voltage_l1", address=0, words=2, encoding="i32", divide=10, sentinels=(0x7FFFFFFF,), **common
    )
    assert model.registers[2] == Register(
        "frequency", address=9, words=1, encoding="u16", divide=100, sentinels=(0xFFFF,), **common
    )
    assert model.bridges == (Bridge(4, 4, 3, "reserved"),)


def test_the_units_prefix_and_the_scale_become_one_exact_fraction() -> None:
    model = parse_model(GOOD, "m.toml")
    energy, millivolt = model.register("active_energy_import"), model.register("voltage_l2")
    assert energy is not None
    assert millivolt is not None
    assert (energy.multiply, energy.divide) == (100, 1)
    assert (millivolt.multiply, millivolt.divide, millivolt.alone) == (1, 1000, True)


def test_grade_d_is_in_the_map_but_not_among_what_is_read() -> None:
    model = parse_model(GOOD, "m.toml")
    assert model.quantities == ("voltage_l1", "active_energy_import", "frequency")
    assert model.unproven == ("voltage_l2",)
    assert model.register("current_l1") is None


def test_evidence_is_in_the_map_but_apart_from_what_is_published() -> None:
    model = parse_model(GOOD.replace('"frequency", unit = "Hz"', '"restart_count", unit = "1"'), "m.toml")
    assert model.quantities == ("voltage_l1", "active_energy_import")
    assert model.evidence == ("restart_count",)
    unproven = parse_model(
        GOOD.replace('quantity = "voltage_l2", unit = "mV"', 'quantity = "voltage_l2_min", unit = "mV"'), "m.toml"
    )
    assert (unproven.evidence, unproven.unproven) == ((), ("voltage_l2_min",))


def test_readable_words_are_rows_bridges_and_small_gaps() -> None:
    words = parse_model(GOOD, "m.toml").readable
    assert words == ((3, 7), *((4, address) for address in range(10)))
    wide = parse_model(GOOD.replace("max_gap = 2", "max_gap = 1"), "m.toml").readable
    assert wide == ((3, 7), *((4, address) for address in (*range(7), 9)))


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        parse_model(GOOD, "m.toml").max_words = 3  # type: ignore[misc]


def broken(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(ModelError) as caught:
        parse_model(GOOD.replace(old, new, 1), "m.toml")
    message = str(caught.value)
    assert "\n" not in message
    return message


FREQUENCY = '{ address = 0x09, quantity = "frequency", unit = "Hz",'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[serial]", "[serial", ["m.toml", "broken TOML", "line"]),
        ('vendor = "Acme"', 'vendr = "Acme"', ["m.toml", "vendor", "found nothing", "text", "is it meant by 'vendr'?"]),
        ('vendor = "Acme"', "vendor = 7", ["vendor", "found 7", "text"]),
        ('name = "M1"', 'name = "M1"\ncolour = "red"', ["colour", "unknown key", "powered_by"]),
        ('wiring = "3p4w"', 'wiring = "3p5w"', ["wiring", "'3p5w'", "3p3w 3p4w"]),
        ('powered_by = "self"', 'powered_by = "solar"', ["powered_by", "'solar'", "self:all"]),
        ('sources = ["Acme M1 manual"]', "sources = []", ["sources", "found []", "at least one"]),
        ("baud = 9600", "baud = true", ["serial.baud", "found True", "300..1000000"]),
        ('parity = "E"', 'parity = "even"', ["serial.parity", "'even'", "E N O"]),
        ("max_words = 20", "max_words = 126", ["limits.max_words", "found 126", "1..125"]),
        ("max_gap = 2", "max_gab = 2", ["limits.max_gab", "unknown key", "max_gap"]),
        ("refresh_s = 0.5", 'refresh_s = "0.5"', ["timing.refresh_s", "'0.5'", "number"]),
        ("refresh_s = 0.5", "refresh_s = nan", ["timing.refresh_s", "found nan", "0.01..3600"]),
        ("refresh_s = 0.5\n", "", ["timing.refresh_s", "found nothing"]),
        ("refresh_s = 0.5", 'refresh_s = 0.5\nassumed = ["baud"]', ["timing.assumed", "baud", "window_s"]),
        ("function = 4", "function = 6", ["registers 1, row 1 (voltage_l1)", "function", "found 6", "3..4"]),
        ('encoding = "i32"', 'encoding = "int32"', ["row 1 (voltage_l1)", "encoding", "'int32'", "i32"]),
        ('order = "lsw"', 'order = "CDAB"', ["order", "'CDAB'", "lsw msw"]),
        ('order = "lsw"\n', "", ["row 1 (voltage_l1)", "order", "found nothing", "lsw msw; add order"]),
        ("divide = 10", "divide = 0.1", ["divide", "found 0.1", "whole number"]),
        ('quantity = "frequency"', 'quantity = "frequenzy"', ["row 4", "'frequenzy'", "did you mean frequency?"]),
        ('unit = "Hz"', 'unit = "V"', ["row 4 (frequency)", "unit", "'V'", "Hz mHz"]),
        ('unit = "kWh"', 'unit = "kvarh"', ["row 2 (active_energy_import)", "unit", "'kvarh'", "MWh Wh kWh"]),
        (FREQUENCY, FREQUENCY.replace("0x09", "70000"), ["row 4 (frequency)", "address", "70000", "0..65535"]),
        ("address = 0x02", "address = 65535", ["row 2 (active_energy_import)", "address", "65535", "0..65534"]),
        ("address = 0x02", "address = 1", ["row 2", "word 1 of registers 1, row 1 (voltage_l1)", "overlap"]),
        ("address = 0x09", "address = 6", ["row 4", "word 6 of registers 1, row 3", "overlap"]),
        ("max_words = 20", "max_words = 1", ["row 1 (voltage_l1)", "encoding", "2 words of i32", "at most 1"]),
        ("sentinels = [0xFFFF]", "sentinels = [0x7FFFFFFF]", ["row 4", "sentinels", "0x7fffffff", "0x0..0xffff"]),
        ("sentinels = [0xFFFF]", 'sentinels = ["NaN"]', ["row 4", "sentinels", "NaN", "whole numbers"]),
        (
            'quantity = "frequency", unit = "Hz"',
            'quantity = "voltage_l1", unit = "V"',
            ["row 4", "'voltage_l1' a second time", "once"],
        ),
        ('grade = "A"', 'grade = "E"', ["grade", "'E'", "A B C D"]),
        ('grade = "A"', 'grade = "A"\nscale = 10', ["registers 1", "scale", "unknown key", "divide"]),
        ("alone = true", "allone = true", ["registers 2, row 1 (voltage_l2)", "allone", "unknown key", "alone"]),
        ('skip = "reserved"', 'skip = "reserved", unit = "V"', ["row 3", "unit", "unknown key", "skip"]),
        ("words = 3", "words = 30", ["row 3", "words", "found 30", "1..20"]),
        ("rows = [ { address = 7", "rows = [ 5, { address = 7", ["registers 2", "rows", "array of at least one"]),
        ("turnaround_max_s = 1", "turnaround_max_s = 0.01", ["turnaround_max_s", "found 0.01", "at least", "0.04"]),
        ("turnaround_s = 0.04\n", "", ["timing.turnaround_s", "found nothing", "add turnaround_s"]),
        ('parity = "E"', 'parity = "NE"', ["serial.parity", "'NE'", "E N O"]),
        ('name = "M1"', 'name = ""', ["m.toml: name", "found ''", "not empty"]),
        ('name = "M1"', 'name = "M1"\nmodel = "red"', ["accuracy_pct", "identity", "transports", "verified"]),
        ('name = "M1"', 'name = "M1"\ntransports = ["RTU"]', ["transports", "['RTU']", "rtu tcp"]),
        ("[timing]", "[timings]", ["timing", "found nothing", "a table"]),
    ],
)  # fmt: skip
def test_a_broken_map_gets_one_line_with_file_place_found_and_allowed(old: str, new: str, words: list[str]) -> None:
    message = broken(old, new)
    assert message.startswith("m.toml: ")
    assert "allowed: " in message
    assert [word for word in words if word not in message] == []


def test_rows_read_alone_may_share_words_with_others() -> None:
    text = GOOD.replace("function = 3", "function = 4").replace("address = 7", "address = 1")
    assert parse_model(text, "m.toml").register("voltage_l2") is not None


def test_the_same_address_in_another_function_is_another_register() -> None:
    text = GOOD.replace("address = 7", "address = 0").replace(", alone = true", "")
    assert parse_model(text, "m.toml").register("voltage_l2") is not None


# --- bits of a register ---

BITS = GOOD.replace(
    "[[registers]]\nfunction = 3",
    """[[registers]]
function = 4
divide = 10
encoding = "u32"
order = "msw"
grade = "B"
sources = "manual p5"
rows = [
  { address = 20, bit = 0, quantity = "input_1" },
  { address = 20, bit = 17, quantity = "input_2", inverted = true, grade = "C" },
  { address = 22, bit = 1, quantity = "input_3", encoding = "u16", alone = true, sentinels = [0xFFFF] },
]
[[registers]]
function = 3""",
)


def test_bits_are_rows_of_one_register_without_unit_and_scale() -> None:
    one, two, three = (parse_model(BITS, "m.toml").register(f"input_{n}") for n in (1, 2, 3))
    assert one == Register("input_1", 4, 20, 2, "u32", "msw", grade="B", sources="manual p5", bit=0)
    assert two == Register("input_2", 4, 20, 2, "u32", "msw", grade="C", sources="manual p5", bit=17, inverted=True)
    assert three is not None
    assert (three.alone, three.sentinels, three.divide) == (True, (0xFFFF,), 1)
    assert [row.bit_place for row in (one, two, three) if row is not None] == [(21, 0), (20, 1), (22, 1)]


FLAGGED = """[[registers]]
function = 3
encoding = "u16"
grade = "A"
sources = "manual p9"
rows = [
  { address = 30, scale = "id", as = "check", range = [203, 203] },
  { address = 31, scale = "PT", as = "factor", range = [1, 9] },
  { address = 32, bit = 3, quantity = "undervoltage_flag", scaled_by = ["id"] },
  { address = 33, quantity = "limit_bits", unit = "1", scaled_by = ["PT"] },
]
[[registers]]
function = 3"""


def test_a_map_may_name_what_it_leaves_alone_and_why() -> None:
    told = parse_model('not_read = ["a log: behind a write", "x"]\n' + GOOD, "m.toml")
    assert (told.not_read, parse_model(GOOD, "m.toml").not_read) == (("a log: behind a write", "x"), ())
    for wrong in ("[]", "[1]", '"x"'):
        with pytest.raises(ModelError, match=r"not_read: found .* allowed: a list of"):
            parse_model(f"not_read = {wrong}\n{GOOD}", "m.toml")


def test_a_flag_is_a_bit_that_hangs_on_checks_alone() -> None:
    text = GOOD.replace("[[registers]]\nfunction = 3", FLAGGED)
    row = parse_model(text, "m.toml").register("undervoltage_flag")
    assert row is not None
    assert (row.bit, [scale.name for scale in row.scaled_by]) == (3, ["id"])
    with pytest.raises(ModelError, match=r"row 3 \(undervoltage_flag\).*'PT'.*allowed: a list of id"):
        parse_model(text.replace('scaled_by = ["id"]', 'scaled_by = ["PT"]'), "m.toml")
    with pytest.raises(ModelError, match="add bit = 0"):
        parse_model(text.replace("bit = 3, ", ""), "m.toml")


def test_a_register_of_bits_that_is_read_alone_may_share_words_but_no_bit() -> None:
    model = parse_model(BITS.replace("address = 22, bit = 1", "address = 21, bit = 1"), "m.toml")
    assert model.register("input_3") is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bit = 17", "bit = 32", ["registers 2, row 2 (input_2)", "bit", "found 32", "0..31"]),
        ("bit = 17", "bit = -1", ["row 2 (input_2)", "bit", "found -1", "0..31"]),
        ("bit = 1,", "bit = 16,", ["row 3 (input_3)", "bit", "found 16", "0..15"]),
        ("bit = 17", "bit = true", ["row 2 (input_2)", "bit", "found True", "whole number"]),
        ("bit = 17", "bit = 0", ["row 2 (input_2)", "bit: found 0, which is", "(input_1)", "each bit once"]),
        ("bit = 17, ", "", ["row 2 (input_2)", "bit", "found nothing", "add bit = 0"]),
        ('bit = 17, quantity = "input_2"', 'bit = 17, quantity = "voltage_l2"', ["row 2", "'voltage_l2'", "input_1"]),
        ('"input_2"', '"input_1"', ["row 2", "'input_1' a second time", "once"]),
        ('"input_2"', '"input_17"', ["row 2", "'input_17'", "input_1 ", "did you mean"]),
        ('encoding = "u32"', 'encoding = "f32"', ["row 1 (input_1)", "encoding", "'f32'", "i16 i32"]),
        ("inverted = true", "inverted = 1", ["row 2 (input_2)", "inverted", "found 1", "true or false"]),
        ("inverted = true", "invert = true", ["row 2 (input_2)", "invert", "unknown key", "inverted"]),
        ("inverted = true", "divide = 10", ["row 2 (input_2)", "divide", "unknown key", "inverted"]),
        ("inverted = true", 'unit = "1"', ["row 2 (input_2)", "unit", "unknown key", "bit"]),
        ("address = 20, bit = 17", "address = 8, bit = 17", ["row 2 (input_2)", "word 9 of", "(frequency)", "overlap"]),
        ("address = 20, bit = 17", "address = 21, bit = 17", ["row 2", "21, word 21 of", "(input_1)", "one register"]),
        ("inverted = true", 'order = "lsw"', ["row 2 (input_2)", "word 20 of", "bits of one register"]),
        ("inverted = true", "sentinels = [0]", ["row 2 (input_2)", "word 20 of", "bits of one register"]),
        ('address = 22, bit = 1, quantity = "input_3"', 'address = 21, bit = 0, quantity = "input_3"',
         ["row 3 (input_3)", "bit", "0, which is", "(input_1)"]),
        ("divide = 10\nencoding", "bit = 10\nencoding", ["registers 2", "bit", "unknown key"]),
    ],
)  # fmt: skip
def test_a_broken_bit_gets_one_line_too(old: str, new: str, words: list[str]) -> None:
    assert old in BITS
    with pytest.raises(ModelError) as caught:
        parse_model(BITS.replace(old, new, 1), "m.toml")
    message = str(caught.value)
    assert message.startswith("m.toml: ")
    assert "\n" not in message
    assert "allowed: " in message
    assert [word for word in words if word not in message] == []


# --- scale registers ---

SCALED = (
    GOOD.replace('unit = "V" },', 'unit = "V", scaled_by = ["PT", "id"] },')
    .replace('unit = "kWh" },', 'unit = "kWh", scaled_by = ["PT", "SF"] },')
    .replace(
        "[[registers]]\nfunction = 3",
        """[[registers]]
function = 4
encoding = "u16"
grade = "C"
sources = "manual p9"
rows = [
  { address = 20, scale = "PT", as = "factor", range = [1, 9999], divide = 10, simulated = 20 },
  { address = 21, scale = "SF", as = "power of ten", range = [-10, 10], encoding = "i16" },
  { address = 22, scale = "id", as = "check", range = [201, 204], function = 3 },
]
[[registers]]
function = 3""",
    )
)


def test_rows_carry_the_registers_they_are_scaled_by() -> None:
    model = parse_model(SCALED, "m.toml")
    common = {"words": 1, "order": "msw", "grade": "C", "sources": "manual p9"}
    ratio = Scale("PT", 4, 20, encoding="u16", meaning="factor", low=1, high=9999, simulated=20, divide=10, **common)
    power = Scale("SF", 4, 21, encoding="i16", meaning="power of ten", low=-10, high=10, simulated=0, **common)
    check = Scale("id", 3, 22, encoding="u16", meaning="check", low=201, high=204, simulated=201, **common)
    assert [row.scaled_by for row in model.registers] == [(ratio, check), (ratio, power), (), ()]
    assert model.scales == (ratio, check, power)
    assert {(4, 20), (4, 21), (3, 22)} <= set(model.readable)


def test_a_row_is_graded_no_better_than_what_it_is_multiplied_by() -> None:
    model = parse_model(SCALED, "m.toml")
    assert [row.grade for row in model.registers] == ["C", "C", "A", "D"]


def test_a_scale_says_by_how_much_or_that_it_cannot_be() -> None:
    ratio, check, power = parse_model(SCALED, "m.toml").scales
    assert [ratio.fraction(number) for number in (0, 1, 9999, 10000)] == [None, (1, 10), (9999, 10), None]
    assert [power.fraction(number) for number in (-11, -2, 0, 3, -32768)] == [None, (1, 100), (1, 1), (1000, 1), None]
    assert [check.fraction(number) for number in (200, 201, 204, 205)] == [None, (1, 1), (1, 1), None]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('scaled_by = ["PT", "SF"]', 'scaled_by = ["PT", "V_SF"]', ["row 2 (active_", "'V_SF'", "PT SF id"]),
        ('scaled_by = ["PT", "SF"]', 'scaled_by = "PT"', ["row 2", "scaled_by", "'PT'", "a list of PT SF id"]),
        ('scaled_by = ["PT", "SF"]', 'scaled_by = ["PT"]', ["row 2", "scale", "'SF', which no row is scaled_by"]),
        ('scale = "SF"', 'scale = "PT"', ["registers 2, row 2", "'PT' a second time", "once"]),
        ('as = "factor"', 'as = "ratio"', ["registers 2, row 1", "as", "'ratio'", "check factor power of ten"]),
        ('as = "factor", ', "", ["row 1", "as", "found nothing"]),
        ("range = [1, 9999]", "range = [0, 9999]", ["row 1", "range", "[0, 9999]", "factor", "1..1000000000"]),
        ("range = [1, 9999]", "range = [9999, 1]", ["row 1", "range", "[9999, 1]", "[lowest, highest]"]),
        ("range = [1, 9999], ", "", ["row 1", "range", "found nothing", "whole numbers"]),
        ("range = [-10, 10]", "range = [-40, 10]", ["row 2", "range", "[-40, 10]", "within -10..10"]),
        ("simulated = 20", "simulated = 10000", ["row 1", "simulated", "10000", "1..9999"]),
        ('range = [201, 204]', 'range = [201, 204], divide = 2', ["row 3", "divide", "unknown key", "simulated"]),
        ('scale = "PT"', 'scale = "PT", unit = "V"', ["row 1", "unit", "unknown key"]),
        ('encoding = "i16"', 'encoding = "f32"', ["row 2", "encoding", "'f32'", "i16 i32"]),
        ("address = 20", "address = 0", ["row 1", "word 0 of", "overlap"]),
        ("address = 20", "address = 65536", ["row 1", "address", "65536", "0..65535"]),
    ],
)  # fmt: skip
def test_a_broken_scale_gets_one_line_too(old: str, new: str, words: list[str]) -> None:
    assert old in SCALED
    with pytest.raises(ModelError) as caught:
        parse_model(SCALED.replace(old, new, 1), "m.toml")
    message = str(caught.value)
    assert message.startswith("m.toml: ")
    assert "\n" not in message
    assert "allowed: " in message
    assert [word for word in words if word not in message] == []


def test_without_any_scale_nothing_can_be_scaled_by_one() -> None:
    with pytest.raises(ModelError, match=r"found \['PT'\]; allowed: none"):
        parse_model(GOOD.replace('unit = "V" },', 'unit = "V", scaled_by = ["PT"] },'), "m.toml")


def test_a_list_where_a_name_is_wanted_is_said() -> None:
    """`scaled_by` is looked up among what is hashed."""
    refused = broken(FREQUENCY, FREQUENCY.replace(", unit", ", scaled_by = [[1]], unit"))
    assert "scaled_by" in refused
    assert "found [[1]]" in refused
