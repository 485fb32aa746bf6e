"""Finding a meter model in a device, and its values against those of pysunspec2, the alliance's own reader."""

import math
import struct
from collections.abc import Iterable, Mapping
from random import Random

import pytest
from meter_vectors import load_vectors
from sunspec2.device import Model, get_model_def

from drivers.codec import compile_plan, encode
from drivers.library import load_model
from drivers.modbus.pdu import Read
from drivers.model import MeterModel
from drivers.plan import plan_reads
from drivers.sunspec import MAPS, MARKER, Block, Chain, discover, is_sunspec, locate, model_at

TEMPLATES = {name: load_model(name) for name in set(MAPS.values())}
NUMBERS = tuple(MAPS)
INTEGERS, FLOATS = NUMBERS[:4], NUMBERS[4:]
MARKER_WORDS = struct.unpack(">2H", MARKER)

# --- where is it? ---


def device(base: int, *headers: tuple[int, int]) -> dict[int, int]:
    """A device's marker and chain of models, as far as its headers."""
    words = dict(zip((base, base + 1), MARKER_WORDS, strict=True))
    address = base + 2
    for header in headers:
        words |= dict(zip((address, address + 1), header, strict=True))
        address += 2 + header[1]
    return words


def walk(words: Mapping[int, int]) -> tuple[Chain | None, list[Read]]:
    """What discovery makes of a device that answers these words and no others, and what it asked."""
    steps, asked = discover(), []
    try:
        read = next(steps)
        while True:
            asked.append(read)
            found = [words.get(read.address + place) for place in range(read.count)]
            read = steps.send(None if None in found else struct.pack(f">{read.count}H", *found))
    except StopIteration as end:
        return end.value, asked


COMMON, INVERTER, WYE, END = (1, 66), (103, 50), (203, 105), (0xFFFF, 0)


@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_the_chain_is_followed_from_each_of_the_three_places(base: int) -> None:
    chain, asked = walk(device(base, COMMON, INVERTER, WYE, END))
    assert chain == Chain(base, (Block(1, base + 2, 66), Block(103, base + 70, 50), Block(203, base + 122, 105)))
    assert locate(chain) == Block(203, base + 122, 105)
    assert {read.function for read in asked} == {3}
    assert {read.count for read in asked} == {2}


def test_the_usual_place_is_40070_and_with_the_short_common_model_40069() -> None:
    assert locate(walk(device(40000, COMMON, WYE, END))[0]) == Block(203, 40070, 105)
    assert locate(walk(device(40000, (1, 65), (213, 124), END))[0]) == Block(213, 40069, 124)
    assert all(scale.address == 40070 for each in TEMPLATES.values() for scale in each.scales if scale.name == "ID")


def test_several_meters_are_all_found_and_the_first_is_taken() -> None:
    chain, _ = walk(device(40000, COMMON, INVERTER, COMMON, WYE, COMMON, (201, 105), END))
    assert chain is not None
    assert [block.id for block in chain.meters] == [203, 201]
    assert locate(chain) == chain.meters[0]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ({}, None),  # nothing answers
        ({40000: 0x5375, 40001: 0x6E54}, None),  # something else stands there
        (device(40000), ()),  # silent behind the marker
        (device(40000, COMMON), (1,)),  # silent behind the common model
        (device(40000, COMMON, (0, 0)), (1,)),  # zeros: no chain goes on there
        (device(40000, COMMON, (203, 0xFFFE)), (1,)),  # a length beyond all addresses
        (device(40000, *[(7, 0)] * 200), (7,) * 100),  # a chain that does not end
    ],
)
def test_a_chain_that_breaks_off_ends_there(words: dict[int, int], ids: tuple[int, ...] | None) -> None:
    chain, _ = walk(words)
    assert (None if chain is None else tuple(block.id for block in chain.blocks)) == ids
    assert locate(chain) is None


def test_both_maps_say_that_their_place_is_to_be_looked_for() -> None:
    assert all(is_sunspec(template) for template in TEMPLATES.values())
    assert not is_sunspec(load_model("socomec-diris"))


# --- the map, moved there ---


def test_a_moved_map_reads_the_same_offsets_and_is_legal() -> None:
    for number in NUMBERS:
        template, moved = TEMPLATES[MAPS[number]], model_at(50122, number, TEMPLATES)
        assert [row.address - 50122 for row in moved.registers] == [row.address - 40070 for row in template.registers]
        assert {scale.address - 50122 for scale in moved.scales} == {s.address - 40070 for s in template.scales}
        wanted = [row.quantity for row in template.registers]
        at_home, away = (plan_reads(model, wanted).reads for model in (template, moved))
        assert [each.read.count for each in at_home] == [each.read.count for each in away]


def test_the_models_number_says_the_wiring() -> None:
    wirings = [model_at(40070, number, TEMPLATES).wiring for number in (201, 203, 204, 211, 213, 214)]
    assert wirings == ["1p2w", "3p4w", "3p3w"] * 2


@pytest.mark.parametrize(("start", "number"), [(40070, 103), (40070, 205), (65500, 203), (-1, 203)])
def test_what_is_no_meter_model_or_has_no_room_is_refused(start: int, number: int) -> None:
    with pytest.raises(ValueError, match=f"SunSpec model {number}"):
        model_at(start, number, TEMPLATES)


# --- its values, and pysunspec2's ---

POINTS = {
    "AphA": "current_l1", "AphB": "current_l2", "AphC": "current_l3",
    "PhVphA": "voltage_l1", "PhVphB": "voltage_l2", "PhVphC": "voltage_l3",
    "PhVphAB": "voltage_l1_l2", "PhVphBC": "voltage_l2_l3", "PhVphCA": "voltage_l3_l1",
    "PPVphAB": "voltage_l1_l2", "PPVphBC": "voltage_l2_l3", "PPVphCA": "voltage_l3_l1",
    "Hz": "frequency",
    "W": "active_power_total", "WphA": "active_power_l1", "WphB": "active_power_l2", "WphC": "active_power_l3",
    "VA": "apparent_power_total",
    "VAphA": "apparent_power_l1", "VAphB": "apparent_power_l2", "VAphC": "apparent_power_l3",
    "VAR": "reactive_power_total",
    "VARphA": "reactive_power_l1", "VARphB": "reactive_power_l2", "VARphC": "reactive_power_l3",
    "PF": "power_factor_total", "PFphA": "power_factor_l1", "PFphB": "power_factor_l2", "PFphC": "power_factor_l3",
    "TotWhExp": "active_energy_export", "TotWhImp": "active_energy_import",
    "TotVArhImpQ1": "reactive_energy_import_q1", "TotVArhImpQ2": "reactive_energy_import_q2",
    "TotVArhExpQ3": "reactive_energy_export_q3", "TotVArhExpQ4": "reactive_energy_export_q4",
}  # fmt: skip
FLAGS = {
    "Power_Failure": "power_failure_flag",
    "Under_Voltage": "undervoltage_flag",
    "Over_Voltage": "overvoltage_flag",
}
# With the ends of the ranges, which are values.
NOT_IMPLEMENTED = {
    "int16": (0x8000, 0, 0x7FFF, 0xFFFF),
    "acc32": (0, 0xFFFFFFFF),
    "float32": (0x7FC00000, 0xFFC00000, 0),
    "bitfield32": (0xFFFFFFFF, 0),
}


def points_of(number: int) -> list[dict[str, object]]:
    points: list[dict[str, object]] = get_model_def(number)["group"]["points"]
    return points


def length_of(number: int) -> int:
    return sum(int(str(point["size"])) for point in points_of(number)) - 2


def registers_of(number: int, chance: Random) -> bytes:
    """Such a model with any numbers, scale factors that mean something, and here and there a value not implemented."""
    return b"".join(written(number, point, chance) for point in points_of(number))


def written(number: int, point: Mapping[str, object], chance: Random) -> bytes:
    kind, size = str(point["type"]), 2 * int(str(point["size"]))
    if point["name"] in ("ID", "L"):
        return struct.pack(">H", number if point["name"] == "ID" else length_of(number))
    if kind == "sunssf":
        return struct.pack(">h", chance.randint(-10, 10))
    if chance.random() < 0.2:
        return chance.choice(NOT_IMPLEMENTED[kind]).to_bytes(size, "big")
    if kind == "float32":
        return struct.pack(">f", chance.choice((-1, 1)) * 10 ** chance.uniform(-6, 9))
    return chance.randbytes(size)


def ours(model: MeterModel, start: int, data: bytes) -> dict[str, float]:
    plan = plan_reads(model, [row.quantity for row in model.registers])
    at = {index: 2 * (planned.read.address - start) for index, planned in enumerate(plan.reads)}
    replied = {index: data[at[index] : at[index] + each.read.byte_count] for index, each in enumerate(plan.reads)}
    return compile_plan(plan).decode_round(replied)


def theirs(number: int, data: bytes) -> dict[str, float]:
    """As pysunspec2 computes them, those of the catalogue; power factors of 201 to 204 are percent."""
    model = Model(number, model_len=len(data) // 2 - 2, data=data)
    assert model.error_info == ""
    found = {}
    for name, quantity in POINTS.items():
        if name in model.points and model.points[name].is_impl() and math.isfinite(model.points[name].cvalue):
            percent = model.points[name].pdef.get("units") == "Pct"
            found[quantity] = model.points[name].cvalue / 100 if percent else model.points[name].cvalue
    if model.points["Evt"].is_impl():
        symbols = model.points["Evt"].pdef["symbols"]
        places = {symbol["name"].removeprefix("M_EVENT_"): symbol["value"] for symbol in symbols}
        found |= {flag: float(model.points["Evt"].cvalue >> places[name] & 1) for name, flag in FLAGS.items()}
    return found


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("number", NUMBERS)
def test_all_eight_models_decode_as_pysunspec2_does(number: int, seed: int) -> None:
    words = registers_of(number, Random(seed))  # noqa: S311 (no secret: the same words each time)
    found, expected = ours(model_at(50122, number, TEMPLATES), 50122, words), theirs(number, words)
    assert set(found) == set(expected)
    for name, value in expected.items():
        # Here a float that counts is the shortest decimal of its float32, and a percentage is divided once, not twice.
        loose = 2**-24 if "energy" in name and number in FLOATS else 2**-52 if "factor" in name else 0.0
        assert found[name] == pytest.approx(value, rel=loose, abs=0), name


@pytest.mark.parametrize("name", ["sunspec-meter", "sunspec-meter-float"])
def test_the_vectors_are_what_pysunspec2_makes_of_the_same_words(name: str) -> None:
    vectors, number = load_vectors(name), {"sunspec-meter": 203, "sunspec-meter-float": 213}[name]
    addresses = range(40070, 40072 + length_of(number))
    expected = theirs(number, b"".join(vectors.data(Read(3, address, 1)) for address in addresses))
    assert expected == pytest.approx({q: v for q, v in vectors.values.items() if v is not None}, rel=1e-7)


# --- never wrong ---


def registers(values: Iterable[int], start: int = 40070) -> dict[int, int]:
    return dict(enumerate(values, start))


@pytest.mark.parametrize(
    ("header", "present"),
    [
        ((203, 105), True),
        ((201, 105), True),
        ((213, 124), False),
        ((203, 104), False),
        ((0, 0), False),
        ((1, 66), False),
    ],
)
def test_a_device_with_another_model_in_the_usual_place_has_no_values(header: tuple[int, int], present: bool) -> None:
    template = TEMPLATES["sunspec-meter"]
    words = {address: word for (_, address), word in encode(template, {"voltage_l1": 230.2}).items()}
    words |= registers(header)
    plan = plan_reads(template, ["voltage_l1", "voltage_l2"])
    (planned,) = plan.reads
    data = struct.pack(f">{planned.read.count}H", *(words[planned.read.address + n] for n in range(planned.read.count)))
    assert compile_plan(plan).decode(0, data) == ({"voltage_l1": 230.2} if present else {})


def test_a_model_that_was_found_is_held_to_its_very_number() -> None:
    moved = model_at(40070, 204, TEMPLATES)
    assert [(s.low, s.high) for s in moved.scales if s.name == "ID"] == [(204, 204)]
    assert {scale.name for row in moved.registers for scale in row.scaled_by} >= {"ID", "L"}


def test_every_row_hangs_on_the_models_number_and_length() -> None:
    assert all({"ID", "L"} <= {s.name for s in row.scaled_by} for each in TEMPLATES.values() for row in each.registers)


def test_a_simulated_device_is_found_by_its_own_words() -> None:
    for template in TEMPLATES.values():
        said = {
            one.read.address + place: word
            for one in template.identity.reads
            for place, word in enumerate(one.encode())
            if one.read.count == 2
        }
        block = locate(walk(said)[0])
        assert block is not None
        assert (block.start, MAPS[block.id]) == (40070, template.id)
