"""Which meter is this? Simulated meters of every map, meters whose map is wrong, and meters that do not play along."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from desk_meters import LOSS, DeskMeter, run, shifted, simulated, sparse, swapped
from meter_vectors import load_vectors

from drivers.codec import encode
from drivers.fingerprint import VOLTAGES, Reading, marks
from drivers.identify import MOST_REQUESTS, Verdict, identify
from drivers.identity import Identity, IdField, IdRead
from drivers.library import load_model, model_names
from drivers.modbus.outcome import Exchange
from drivers.modbus.pdu import Read, ReadDeviceId, Request
from drivers.model import MeterModel, Register
from drivers.plan import plan_reads
from drivers.rows import moved_register

MODELS = tuple(load_model(name) for name in model_names())
PATIENCE = 12


def verdict(meter: DeskMeter, models: tuple[MeterModel, ...] = MODELS) -> Verdict:
    found = run(identify(models), meter)
    assert found.requests == len(meter.asked) <= MOST_REQUESTS
    assert all(isinstance(request, Read | ReadDeviceId) for request in meter.asked)
    return found


def words_of(found: Verdict, place: int = 0) -> str:
    return "\n".join(found.candidates[place].evidence)


@pytest.mark.parametrize("name", model_names())
def test_a_meter_is_identified_as_itself_and_as_no_other(name: str) -> None:
    model = load_model(name)
    found = verdict(DeskMeter(simulated(name)))
    (candidate,) = found.candidates
    assert (candidate.model.id, candidate.mistake, found.trouble) == (name, "", "")
    proven = not set(marks(model)).isdisjoint(model.quantities)
    expected = "certain" if model.identity.proves else "likely" if proven else "possible"
    assert candidate.grade == expected
    assert (found.certain is candidate) == (expected == "certain")
    assert "powers agree with U x I" in candidate.evidence


def voltages_from_0(model: MeterModel) -> int:
    """How many voltages the request that begins at address 0 brings."""
    reads = [planned for planned in plan_reads(model, marks(model)).reads if planned.read.address == 0]
    return sum(row.quantity in VOLTAGES for planned in reads for row, _ in planned.fields)


# An image moved down by one loses its first word where that stands at address 0: nothing would be left to find.
SHIFTS = [
    (name, shift) for name in model_names() for shift in (1, -1) if shift > 0 or voltages_from_0(load_model(name)) != 1
]


@pytest.mark.parametrize(
    ("name", "shift"), [one if one[1] > 0 else pytest.param(*one, marks=pytest.mark.slow) for one in SHIFTS]
)
def test_an_image_one_register_off_is_named(name: str, shift: int) -> None:
    found = verdict(shifted(simulated(name), shift))
    named = {candidate.model.id: candidate for candidate in found.candidates}
    assert found.candidates[0].reading == named[name].reading == replace(named[name].reading, shift=shift)
    where = "one register later" if shift > 0 else "one register earlier"
    assert where in named[name].mistake
    assert "the document counted from" in named[name].mistake
    assert not named[name].reading.swapped
    assert found.certain is None


def test_a_map_of_the_sdm120_that_counts_from_one_is_named_though_its_only_voltage_stands_at_0() -> None:
    """The other way round there is nothing to name: a meter that has it one register before 0 cannot be read at all."""
    sdm120 = load_model("eastron-sdm120")
    own = replace(sdm120, registers=tuple(moved_register(row, 1) for row in sdm120.registers), bridges=())
    (candidate,) = verdict(DeskMeter(simulated("eastron-sdm120")), (own,)).candidates
    assert candidate.reading == Reading(-1)
    assert "the document counted from 1: take 1 off every address" in candidate.mistake


@pytest.mark.parametrize("name", [name for name in model_names() if not sparse(load_model(name))])
def test_an_image_with_words_exchanged_is_named(name: str) -> None:
    found = verdict(swapped(simulated(name)))
    named = {candidate.model.id: candidate for candidate in found.candidates}
    assert "words swapped" in named[name].mistake
    assert (named[name].reading.shift, named[name].reading.swapped) == (0, True)


def test_identity_registers_are_asked_as_the_family_wants_them() -> None:
    meter = DeskMeter(simulated("carlo-gavazzi-em24"))
    verdict(meter)
    assert meter.asked[0] == ReadDeviceId()
    assert Read(4, 0x0B, 1) in meter.asked  # one word alone
    assert Read(3, 64001, 27) in meter.asked  # the block whole
    assert len(meter.asked) == len(set(meter.asked))


def test_what_else_the_meter_says_of_itself_is_told() -> None:
    found = verdict(DeskMeter(simulated("schneider-pm5000")))
    assert found.says == ("function 43/14: Schneider Electric, METSEPM5, V1.0", "serial number 1")


class Scripted(DeskMeter):
    """Answers some requests otherwise: those named, ones to unknown addresses, or every one."""

    def __init__(
        self,
        name: str = "eastron-sdm630",
        answers: Mapping[Request, Exchange] | None = None,
        unknown: Exchange | None = None,
        every: Exchange | None = None,
    ) -> None:
        super().__init__(simulated(name))
        self.answers = answers or {}
        self.unknown = unknown
        self.every = every

    def answer(self, request: Request) -> Exchange:
        usual = super().answer(request)
        if self.unknown is not None and usual.outcome == "refused":
            return self.unknown
        return self.every or self.answers.get(request, usual)


def introduction(*texts: str) -> Exchange:
    objects = b"".join(bytes([number, len(text)]) + text.encode() for number, text in enumerate(texts))
    return Exchange("answered", data=bytes([0x0E, 1, 1, 0, 0, len(texts)]) + objects)


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        (Exchange("silent"), "silent: none of 12 requests was answered"),
        (Exchange("garbled", detail="7 bytes, no valid frame"), "7 bytes, no valid frame"),
        (Exchange("refused", code=0x0B), "the gateway answers, the unit behind it does not (exception 0B)"),
    ],
)
def test_a_unit_that_never_answers_is_given_up_soon(exchange: Exchange, words: str) -> None:
    meter = Scripted(every=exchange)
    found = verdict(meter)
    assert (found.candidates, len(meter.asked)) == ((), PATIENCE)
    assert words in found.trouble


@pytest.mark.parametrize(
    ("code", "most", "words", "todo"),
    [
        (0x06, PATIENCE, "exception 06 (it is busy); after 12 requests", "wait until no other master asks it"),
        (0x05, PATIENCE, "exception 05 (acknowledge, it is busy)", "wait until"),
        (0x04, 45, "exception 04 (device failure)", "behind a gateway"),
        (0x02, 80, "exception 02 (illegal data address)", "docs/add-a-meter.md"),
    ],
)
def test_a_unit_that_answers_with_exceptions_only_is_told_so(code: int, most: int, words: str, todo: str) -> None:
    found = verdict(Scripted(every=Exchange("refused", code=code)))
    assert (found.candidates, found.requests <= most) == ((), True)
    assert f"it answers every read with {words}" in found.trouble
    assert todo in found.todo


def test_a_meter_that_calls_unknown_addresses_a_failure_is_found() -> None:
    for name in model_names():
        found = verdict(Scripted(name, unknown=Exchange("refused", code=0x04)))
        assert [candidate.model.id for candidate in found.candidates] == [name]
        assert (found.trouble, found.todo) == ("", "")


def test_a_line_that_is_down_is_asked_once() -> None:
    down = Exchange("down", detail="connection refused 127.0.0.1:502")
    found = verdict(Scripted(every=down))
    assert found.requests == 1
    assert "connection refused" in found.trouble


def test_a_meter_that_is_silent_about_unknown_addresses_is_found() -> None:
    found = verdict(Scripted(unknown=Exchange("silent")))
    assert [candidate.model.id for candidate in found.candidates] == ["eastron-sdm630"]


def test_an_unlucky_exchange_is_tried_again() -> None:
    class Noisy(DeskMeter):
        def answer(self, request: Request) -> Exchange:
            first = request not in self.asked
            usual = super().answer(request)
            return Exchange("garbled") if first else usual

    meter = Noisy(simulated("carlo-gavazzi-em24"))
    assert [candidate.grade for candidate in verdict(meter).candidates] == ["certain"]


def test_a_meter_that_never_ends_its_introduction_is_interrupted() -> None:
    endless = Exchange("answered", data=bytes([0x0E, 1, 1, 0xFF, 0, 1, 0, 1, 65]))
    found = verdict(Scripted(answers={ReadDeviceId(): endless}))
    assert found.candidates[0].model.id == "eastron-sdm630"


def test_there_is_an_upper_bound_on_requests() -> None:
    meter = DeskMeter(simulated("eastron-sdm630"))
    found = run(identify(MODELS, most_requests=5), meter)
    assert (len(meter.asked), found.trouble) == (5, "stopped after 5 requests")


def test_what_the_meter_says_speaks_against_a_map_whose_values_fit() -> None:
    found = verdict(Scripted(answers={ReadDeviceId(): introduction("Acme Meters", "X1")}))
    (candidate,) = found.candidates
    assert (candidate.model.id, candidate.grade) == ("eastron-sdm630", "possible")
    assert "but it calls itself 'Acme Meters X1'" in candidate.evidence


def test_an_unknown_identification_code_leaves_the_map_possible() -> None:
    code = Exchange("answered", data=bytes([0, 99]))
    found = verdict(Scripted("carlo-gavazzi-em24", {Read(4, 0x0B, 1): code}))
    assert [(candidate.model.id, candidate.grade) for candidate in found.candidates] == [
        ("carlo-gavazzi-em24", "possible")
    ]
    assert "but identification code 99" in found.candidates[0].evidence


def test_a_family_that_ought_to_say_who_it_is_but_does_not_stays_possible() -> None:
    meter = simulated("abb-b23")
    found = verdict(DeskMeter(meter, meter.image(5.0)))
    assert [(candidate.model.id, candidate.grade) for candidate in found.candidates] == [("abb-b23", "possible")]
    assert "but it did not say so itself, as this family does" in words_of(found)


def test_maps_that_fit_alike_are_all_possible_and_name_each_other() -> None:
    """Without its model string an iEM3000 is a PM5000 as far as registers go."""
    meter = simulated("schneider-pm5000")
    found = verdict(DeskMeter(meter, meter.image(5.0)))
    assert {candidate.model.id: candidate.grade for candidate in found.candidates} == {
        "schneider-iem3000": "possible",
        "schneider-pm5000": "possible",
    }
    assert "as well as schneider-pm5000" in words_of(found)


def test_a_total_is_not_compared_with_phases_of_which_one_is_missing() -> None:
    meter = simulated("abb-b23")
    model = load_model("abb-b23")
    values = {"frequency": 50.0, "active_power_total": 6900.0}
    for phase in ("l1", "l2"):
        values |= {f"voltage_{phase}": 230.0, f"current_{phase}": 10.0, f"active_power_{phase}": 2300.0}
    found = verdict(DeskMeter(meter, dict(meter.image(5.0)) | encode(model, values)), (model,))
    assert "powers agree with U x I" in words_of(found)


def test_one_wired_phase_is_told_and_leaves_two_maps() -> None:
    found = verdict(DeskMeter(simulated("eastron-sdm630", 'wiring = "1p2w"')))
    assert {candidate.model.id for candidate in found.candidates} == {"eastron-sdm120", "eastron-sdm630"}
    assert {candidate.wiring for candidate in found.candidates} == {"1p2w"}
    assert "voltage_l2 voltage_l3 read nothing" in "\n".join(words_of(found, place) for place in (0, 1))


def test_values_that_are_sane_beside_the_map_too_prove_little() -> None:
    """One voltage and nothing else, in a meter that says 230.0 V wherever it is asked."""
    row = Register("voltage_l1", function=3, address=100, words=1, encoding="u16", order="msw", divide=10)
    own = replace(load_model("eastron-sdm120"), id="own", registers=(row,), bridges=())
    image = {(3, address): 2300 for address in range(90, 110)}
    found = verdict(DeskMeter(simulated("eastron-sdm120"), image), (own,))
    assert [candidate.grade for candidate in found.candidates] == ["possible"]
    assert "but as sane one register later: not to be told apart" in words_of(found)
    assert "but as sane one register earlier: not to be told apart" in words_of(found)
    image = {(3, address): 2300 * (address == 100) for address in range(90, 110)}
    assert verdict(DeskMeter(simulated("eastron-sdm120"), image), (own,)).candidates[0].grade == "likely"


def test_a_dark_feeder_leaves_what_the_meter_says() -> None:
    found = verdict(DeskMeter(simulated("schneider-pm5000", steps=LOSS)))
    assert [candidate.grade for candidate in found.candidates] == ["certain"]
    assert "voltage_l1 voltage_l2 voltage_l3 read nothing" in words_of(found)


def test_medium_voltage_in_the_registers_needs_the_nominal_voltage() -> None:
    keys = "nominal = 5774"
    assert verdict(DeskMeter(simulated("eastron-sdm630", keys))).candidates == ()
    found = run(identify(MODELS, nominal_v=5774.0), DeskMeter(simulated("eastron-sdm630", keys)))
    assert [candidate.grade for candidate in found.candidates] == ["likely"]


def test_a_real_meters_words_fit_their_map_and_those_that_share_its_registers() -> None:
    words = load_vectors("schneider-pm5000.pm5330-capture").words
    gaps = {(3, address): 0x8000 for address in range(2900, 3300)}
    found = verdict(DeskMeter(simulated("schneider-pm5000"), gaps | dict(words)))
    assert {candidate.model.id for candidate in found.candidates} == {"schneider-iem3000", "schneider-pm5000"}


def test_a_proven_meter_whose_map_is_wrong_is_likely_and_the_mistake_named() -> None:
    """A map of one's own: the identity is right, the addresses were taken from a document that counts from 1."""
    true = load_model("carlo-gavazzi-em340")
    rows = tuple(replace(row, address=row.address + 1) for row in true.registers if row.address + row.words < 0x100)
    own = replace(true, id="own", registers=rows, bridges=())
    found = verdict(DeskMeter(simulated("carlo-gavazzi-em340")), (own,))
    (candidate,) = found.candidates
    assert (candidate.grade, candidate.reading.shift) == ("likely", -1)
    assert candidate.mistake.endswith("the document counted from 1: take 1 off every address")


def diris(watts: float, *, identity: bool) -> dict[tuple[int, int], int]:
    """Words of a Diris with 10 A in each phase, no neutral current; with or without what it says of itself."""
    model = load_model("socomec-diris")
    values = {"frequency": 50.0, "active_power_total": 3 * watts, "reactive_power_total": 900.0}
    for phase in ("l1", "l2", "l3"):
        values |= {f"voltage_{phase}": 230.0, f"current_{phase}": 10.0, f"active_power_{phase}": watts}
        values[f"reactive_power_{phase}"] = 300.0
    values |= dict.fromkeys(("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"), 398.4)
    words = dict.fromkeys(simulated(model.id).image(5.0), 0) | encode(model, values)
    for one in model.identity.reads if identity else ():
        words |= {(one.read.function, one.read.address + at): word for at, word in enumerate(one.encode())}
    return words


def exchanged(words: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """The measured values of a Diris with their words exchanged; each has two."""
    rows = [row for row in load_model("socomec-diris").registers if row.words == 2]
    low_first = {(row.function, row.address): words[row.function, row.end - 1] for row in rows}
    return {**words, **low_first, **{(row.function, row.end - 1): words[row.function, row.address] for row in rows}}


@pytest.mark.parametrize("identity", [True, False])
def test_an_identity_at_its_own_address_rules_a_shift_out(identity: bool) -> None:
    words = exchanged(diris(2300.0, identity=identity))
    # A neutral current of 0, and a word before the first: nothing but the identity tells the two mistakes apart.
    words |= {(3, 50534): 0, (3, 50535): 0, (3, 50513): 0}
    found = verdict(DeskMeter(simulated("socomec-diris"), words), (load_model("socomec-diris"),))
    (candidate,) = found.candidates
    assert (candidate.reading.shift, "or word order" in words_of(found)) == ((0, False) if identity else (-1, True))
    assert ("base shift" in candidate.mistake + words_of(found)) == (not identity)


def test_a_shift_with_negative_power_is_no_word_order() -> None:
    """Exchanged, the "not available" of the neutral current would make a phase current of millions of amperes."""
    words = {(fn, at - 1): word for (fn, at), word in diris(-232.0, identity=False).items()}
    found = verdict(DeskMeter(simulated("socomec-diris"), words), (load_model("socomec-diris"),))
    (candidate,) = found.candidates
    assert (candidate.reading.shift, candidate.reading.swapped) == (-1, False)


def test_all_that_proves_must_agree() -> None:
    maker = IdField("maker", at=0, words=1, encoding="u16", numbers=(42,))
    kind = IdField("kind", at=1, words=1, encoding="u16", numbers=(7,))
    identity = Identity((IdRead("Who", Read(4, 2000, 2), (maker, kind), "A", "manual"),))
    own = replace(load_model("eastron-sdm630"), identity=identity)
    meter = simulated("eastron-sdm630")
    for words, grade in (((42, 7), "certain"), ((42, 8), "possible")):
        image = {**meter.image(5.0), (4, 2000): words[0], (4, 2001): words[1]}
        assert [each.grade for each in verdict(DeskMeter(meter, image), (own,)).candidates] == [grade]


@pytest.mark.parametrize(("base", "length"), [(50000, 66), (40000, 65), (0, 66)])
@pytest.mark.parametrize("name", ["sunspec-meter", "sunspec-meter-float"])
def test_a_sunspec_meter_is_found_where_its_chain_ends(name: str, base: int, length: int) -> None:
    """Marker, common model, meter model; the map stands at 40070, behind a common model of 66 registers at 40000."""
    meter = simulated(name)
    distance = base + 2 + 2 + length - 40070
    words = {(3, address + distance): word for (_, address), word in meter.image(5.0).items()}
    words |= {(3, base): 0x5375, (3, base + 1): 0x6E53, (3, base + 2): 1, (3, base + 3): length}
    words |= {(3, base + 4 + place): 0x4142 * (place < 2) for place in range(64)}
    found = verdict(DeskMeter(meter, words))
    (candidate,) = found.candidates
    assert (candidate.model.id, candidate.grade, candidate.mistake) == (name, "certain", "")
    where = f"{abs(distance)} registers {'later' if distance > 0 else 'earlier'}"
    assert f"its SunSpec model stands {where} than the map has it: found there at every start" in words_of(found)
    assert candidate.model.wiring == load_model(name).wiring
    assert "powers agree with U x I" in candidate.evidence
    assert "manufacturer ABAB" in found.says
