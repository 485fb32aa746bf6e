"""Raw words -> values that come from documents, not from our maps: see the heads of `tests/vectors/*.txt`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.modbus.pdu import Read
from drivers.model import MeterModel, Register
from drivers.plan import Plan, PlannedRead

FOLDER = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True, slots=True)
class Vectors:
    """words: by function and address; values: by quantity, None where the words mean "not available".

    Lines of scale registers, `[PT]`, bring words and no value.
    """

    words: Mapping[tuple[int, int], int]
    values: Mapping[str, float | None]

    def data(self, read: Read) -> bytes:
        """The reply's register bytes; words no vector speaks of are 0, as a meter would answer them."""
        addresses = range(read.address, read.address + read.count)
        return b"".join(self.words.get((read.function, address), 0).to_bytes(2, "big") for address in addresses)


def load_vectors(name: str) -> Vectors:
    words: dict[tuple[int, int], int] = {}
    values: dict[str, float | None] = {}
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        function, address, *raw, quantity, value = line.split()
        for place, word in enumerate(raw):
            words[int(function), int(address) + place] = int(word, 16)
        if not quantity.startswith("["):
            values[quantity] = None if value == "-" else float(value)
    return Vectors(words, values)


def plan_apart(model: MeterModel, row: Register) -> Plan:
    """One row and what it is scaled by, each in a read of its own: words of nothing else are needed."""
    scales = (PlannedRead(Read(s.function, s.address, s.words), (), None, ((s, 0),)) for s in row.scaled_by)
    return Plan(model, (PlannedRead(Read(row.function, row.address, row.words), ((row, 0),), None), *scales))
