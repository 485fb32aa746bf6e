"""Nodal equations of a network of phasors: admittances in, complex voltages out.

The matrix is symmetric and nearly a tree: eliminating the unknown with the fewest neighbours first fills in almost
nothing, and as every element is passive no pivot has to be sought.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

# To earth, from everything: what floats must lie somewhere. 100 MOhm.
LEAK_S = 1e-8

Key = TypeVar("Key", bound=Hashable)


class Equations(Generic[Key]):
    """Y V = J, gathered element by element. Earth is no unknown."""

    def __init__(self) -> None:
        self._rows: dict[Key, dict[Key, complex]] = {}
        self._amps: dict[Key, complex] = {}

    def admit(self, one: Key, other: Key | None, siemens: complex) -> None:
        """An admittance between two points; other: None for earth."""
        self._add(one, one, siemens)
        if other is not None:
            self._add(other, other, siemens)
            self._add(one, other, -siemens)
            self._add(other, one, -siemens)

    def couple(self, one: tuple[Key, Key], other: tuple[Key, Key], turns: float, siemens: complex) -> None:
        """Two windings on one limb: the current ``siemens * (u_one - turns * u_other)`` enters `one` at its first end,
        and ``turns`` times that leaves `other` at its first."""
        weights = ((one[0], 1.0), (one[1], -1.0), (other[0], -turns), (other[1], turns))
        for row, weight in weights:
            for column, factor in weights:
                self._add(row, column, weight * factor * siemens)

    def inject(self, one: Key, amps: complex) -> None:
        self._amps[one] = self._amps.get(one, 0j) + amps
        self._add(one, one, 0j)

    def _add(self, row: Key, column: Key, siemens: complex) -> None:
        cells = self._rows.setdefault(row, {row: complex(LEAK_S)})
        cells[column] = cells.get(column, 0j) + siemens

    def solve(self) -> dict[Key, complex]:
        """Volts to earth of every point."""
        rows = {key: dict(cells) for key, cells in self._rows.items()}
        amps = {key: self._amps.get(key, 0j) for key in rows}
        gone: list[tuple[Key, dict[Key, complex], complex, complex]] = []
        while rows:
            key = min(rows, key=lambda one: len(rows[one]))
            cells = rows.pop(key)
            pivot = cells.pop(key)
            gone.append((key, cells, pivot, amps[key]))
            _eliminate(rows, amps, key, cells, pivot)
        volts: dict[Key, complex] = {}
        for key, cells, pivot, amp in reversed(gone):
            volts[key] = (amp - sum(siemens * volts[other] for other, siemens in cells.items())) / pivot
        return volts


def _eliminate(
    rows: dict[Key, dict[Key, complex]], amps: dict[Key, complex], key: Key, cells: dict[Key, complex], pivot: complex
) -> None:
    for other, siemens in cells.items():
        factor = siemens / pivot
        row = rows[other]
        del row[key]
        amps[other] -= factor * amps[key]
        for column, value in cells.items():
            row[column] = row.get(column, 0j) - factor * value
