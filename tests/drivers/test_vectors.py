"""Maps against words from another hand, and proof that the vectors would notice a wrong map."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from meter_vectors import FOLDER, Vectors, load_vectors, plan_apart

from drivers.codec import compile_plan
from drivers.library import load_model, model_names
from drivers.model import MeterModel, Register, Scale
from drivers.plan import Plan, plan_reads

FILES = [path.stem for path in sorted(FOLDER.glob("*.txt"))]


def decode_all(model: MeterModel, vectors: Vectors) -> dict[str, float]:
    return decode_plan(plan_reads(model, [*vectors.values]), vectors)


def decode_plan(plan: Plan, vectors: Vectors) -> dict[str, float]:
    replies = {index: vectors.data(planned.read) for index, planned in enumerate(plan.reads)}
    return compile_plan(plan).decode_round(replies)


@pytest.mark.parametrize("file", FILES)
def test_words_from_documents_decode_to_their_values(file: str) -> None:
    vectors = load_vectors(file)
    values = decode_all(load_model(file.split(".")[0]), vectors)
    expected = {quantity: value for quantity, value in vectors.values.items() if value is not None}
    # half of the last digit that the vector files give: 8 significant ones
    assert values == pytest.approx(expected, rel=1e-7, abs=0)


@pytest.mark.parametrize("name", model_names())
def test_every_row_of_a_map_has_a_vector(name: str) -> None:
    assert {register.quantity for register in load_model(name).registers} <= set(load_vectors(name).values)


@pytest.mark.parametrize("name", model_names())
def test_counters_and_scaled_integers_decode_exactly(name: str) -> None:
    model, vectors = load_model(name), load_vectors(name)
    exact = [row.quantity for row in model.registers if "energy" in row.quantity or row.encoding[0] in "ui"]
    values = decode_all(model, vectors)
    assert exact or name == "accuenergy-acuvim2"  # floats, and no energies
    assert {quantity: values[quantity] for quantity in exact} == {
        quantity: vectors.values[quantity] for quantity in exact
    }


@pytest.mark.parametrize("name", model_names())
def test_a_vector_catches_every_mutation_of_every_row(name: str) -> None:
    model = load_model(name)
    files = [load_vectors(file) for file in FILES if file.split(".")[0] == name]
    survivors = [
        f"{row.quantity}: {how}"
        for row in model.registers
        for how, mutant in mutations(row, model)
        if all(passes(model, mutant, vectors) for vectors in files)
    ]
    assert survivors == []


def test_the_mutation_check_itself_lets_the_true_row_pass() -> None:
    model, vectors = load_model("carlo-gavazzi-em24"), load_vectors("carlo-gavazzi-em24")
    assert all(passes(model, row, vectors) for row in model.registers)


def passes(model: MeterModel, row: Register, vectors: Vectors) -> bool:
    """Whether a map with this row would satisfy the vectors, as far as they give it a value."""
    wanted = vectors.values.get(row.quantity)
    if wanted is None:
        return True
    found = decode_plan(plan_apart(model, row), vectors).get(row.quantity)
    return found is not None and found == pytest.approx(wanted, rel=1e-6)


def mutations(row: Register, model: MeterModel) -> Iterator[tuple[str, Register]]:
    for shift in (-2, -1, 1, 2):
        if row.address + shift >= 0:
            yield f"address {shift:+d}", replace(row, address=row.address + shift)
    yield "function", replace(row, function=7 - row.function)
    if row.words > 1:
        yield "word order", replace(row, order="lsw" if row.order == "msw" else "msw")
    if row.bit is not None:
        yield from mutations_of_bits(row)
    for factor in () if row.bit is not None else (10, 1000):
        yield f"scale x{factor}", replace(row, multiply=row.multiply * factor)
        yield f"scale /{factor}", replace(row, divide=row.divide * factor)
    for other in model.registers:
        if other.quantity != row.quantity and kin(other.quantity) == kin(row.quantity):
            yield f"taken for {other.quantity}", replace(row, quantity=other.quantity)
    yield from mutations_of_scales(row, model)


def mutations_of_bits(row: Register) -> Iterator[tuple[str, Register]]:
    yield "inverted", replace(row, inverted=not row.inverted)
    for shift in (-1, 1):
        if 0 <= (row.bit or 0) + shift < 16 * row.words:
            yield f"bit {shift:+d}", replace(row, bit=(row.bit or 0) + shift)


def mutations_of_scales(row: Register, model: MeterModel) -> Iterator[tuple[str, Register]]:
    for scale in row.scaled_by:
        for how, mutant in scale_mutations(scale, model):
            if row.bit is not None and mutant.meaning != "check":
                continue  # no map can say so of a bit
            scaled_by = tuple(mutant if each is scale else each for each in row.scaled_by)
            yield f"{scale.name}: {how}", replace(row, scaled_by=scaled_by)


def scale_mutations(scale: Scale, model: MeterModel) -> Iterator[tuple[str, Scale]]:
    for shift in (-2, -1, 1, 2):
        yield f"address {shift:+d}", replace(scale, address=scale.address + shift)
    yield "function", replace(scale, function=7 - scale.function)
    for other in model.scales:
        if other is not scale and (scale.meaning, other.meaning) != ("check", "check"):
            yield f"taken for {other.name}", other
    if scale.meaning == "factor":
        yield "scale x10", replace(scale, multiply=scale.multiply * 10)
        yield "scale /10", replace(scale, divide=scale.divide * 10)
    if scale.meaning != "check":
        other_meaning = "power of ten" if scale.meaning == "factor" else "factor"
        yield f"taken for a {other_meaning}", replace(scale, meaning=other_meaning)
        yield "left out", replace(scale, meaning="check")


def kin(quantity: str) -> str:
    """What a quantity is apart from its phase and direction, and from which input it is."""
    told_apart = {"l1", "l2", "l3", "total", "import", "export"}
    return "_".join(part for part in quantity.split("_") if part not in told_apart and not part.isdecimal())
