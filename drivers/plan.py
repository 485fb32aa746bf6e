"""Wanted quantities -> the fewest reads a meter allows, and what they cost on the wire.

A read may not: exceed the map's max_words, split a value, cross more undocumented words than max_gap, touch a
register that wants to be read alone. Legality is hereditary (a part of a legal read is legal), so going through the
rows in order of address and asking "where does the last read begin?" finds the optimum: fewest reads first, then
fewest words.

The registers that wanted rows are scaled by are read with them: they are rows to the planner like any other, so they
land in the same read wherever that is legal, else in another read of the same round.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from drivers.modbus.pdu import Read
from drivers.modbus.rtu import char_s, silence_s
from drivers.model import Entry, MeterModel, Register, Scale, scales_of

# unit, function, address 2, quantity 2, CRC 2; unit, function, byte count, CRC 2
_REQUEST_CHARS = 8
_REPLY_CHARS = 5

_Row = Register | Scale


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request and where its rows begin in the reply.

    fields: rows with their offset in words from the read's address; scales: the same of scale registers
    spare:  another legal shape that covers `read`, for the first request after an RTU timeout: a late reply to `read`
            cannot be taken for its answer. None where the map offers no other shape.
    """

    read: Read
    fields: tuple[tuple[Register, int], ...]
    spare: Read | None
    scales: tuple[tuple[Scale, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """missing: wanted quantities the map does not have, in the order of asking"""

    model: MeterModel
    reads: tuple[PlannedRead, ...]
    missing: tuple[str, ...] = ()

    @property
    def quantities(self) -> tuple[str, ...]:
        """What the plan brings, in the order of the reply words; terminals named as on the meter."""
        return tuple(register.quantity for planned in self.reads for register, _ in planned.fields)


def plan_reads(model: MeterModel, quantities: Collection[str]) -> Plan:
    """The fewest legal reads for `quantities`, each row read once. Grade D rows are read when named here."""
    wanted = [register for register in model.registers if register.quantity in quantities]
    together: list[_Row] = [*(row for row in wanted if not row.alone), *scales_of(wanted)]
    together.sort(key=lambda row: (row.function, row.address))
    reads = _lone(row for row in wanted if row.alone)
    for function in sorted({row.function for row in together}):
        ground = _Ground.of(model, function, wanted)
        rows = [row for row in together if row.function == function]
        reads += [_planned(group, ground) for group in _grouped(rows, ground)]
    reads.sort(key=lambda planned: (planned.read.function, planned.read.address))
    mapped = {register.quantity for register in model.registers}
    missing = tuple(quantity for quantity in dict.fromkeys(quantities) if quantity not in mapped)
    return Plan(model, tuple(reads), missing)


def wire_time_s(read: Read, baud: int, bits_per_char: int, turnaround_s: float) -> float:
    """Seconds a serial line is taken by one read: request, silence, turnaround, reply, silence."""
    chars = _REQUEST_CHARS + _REPLY_CHARS + read.byte_count
    return chars * char_s(baud, bits_per_char) + 2 * silence_s(baud, bits_per_char) + turnaround_s


@dataclass(frozen=True, slots=True)
class _Ground:
    """What reads of one function may touch. Rows of grade D are unproven ground unless they are wanted."""

    function: int
    entries: tuple[Entry, ...]  # documented, in order of address
    documented: frozenset[int]
    forbidden: frozenset[int]
    max_words: int
    max_gap: int

    @classmethod
    def of(cls, model: MeterModel, function: int, wanted: Collection[Register]) -> "_Ground":
        rows = [row for row in model.registers if row.grade != "D" or row in wanted]
        everything: list[Entry] = [*(row for row in rows if not row.alone), *scales_of(rows), *model.bridges]
        entries = [entry for entry in everything if entry.function == function]
        documented = _words(entries)
        alone = _words([row for row in model.registers if row.function == function and row.alone])
        return cls(
            function,
            tuple(sorted(entries, key=lambda entry: entry.address)),
            documented,
            alone - documented,
            model.max_words,
            model.max_gap,
        )

    def allows(self, first: int, end: int) -> bool:
        """Whether the words first..end-1 may be read at once."""
        return self.earliest(end) <= first

    def earliest(self, end: int) -> int:
        """The lowest word from which all up to end-1 may be read at once; from each after it they may, too."""
        first, gap = end, 0
        for address in range(end - 1, max(end - self.max_words, 0) - 1, -1):
            gap = 0 if address in self.documented else gap + 1
            if address in self.forbidden or gap > self.max_gap:
                break
            first = address
        return first


def _words(entries: Sequence[Entry]) -> frozenset[int]:
    return frozenset(address for entry in entries for address in range(entry.address, entry.end))


def _grouped(rows: Sequence[_Row], ground: _Ground) -> list[Sequence[_Row]]:
    """`rows` (one function, in order of address) cut into the cheapest legal groups."""
    # best[n]: reads and words for the first n rows, and where the last of those reads begins
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for stop in range(1, len(rows) + 1):
        end = rows[stop - 1].end
        starts = range(bisect_left(rows, ground.earliest(end), hi=stop, key=lambda row: row.address), stop)
        best.append(min((best[s][0] + 1, best[s][1] + end - rows[s].address, s) for s in starts))
    groups: list[Sequence[_Row]] = []
    stop = len(rows)
    while stop:
        start = best[stop][2]
        groups.append(rows[start:stop])
        stop = start
    return groups[::-1]


def _planned(group: Sequence[_Row], ground: _Ground) -> PlannedRead:
    first, end = group[0].address, group[-1].end
    read = Read(ground.function, first, end - first)
    fields = tuple((row, row.address - first) for row in group if isinstance(row, Register))
    scales = tuple((row, row.address - first) for row in group if isinstance(row, Scale))
    return PlannedRead(read, fields, _spare(read, ground), scales)


def _lone(rows: Iterable[Register]) -> list[PlannedRead]:
    """Each register in a read of its own, whichever of its bits are wanted."""
    reads: dict[tuple[Read, str, str], list[tuple[Register, int]]] = {}
    for row in rows:
        read = Read(row.function, row.address, row.words)
        reads.setdefault((read, row.encoding, row.order), []).append((row, 0))
    return [PlannedRead(read, tuple(fields), None) for (read, _, _), fields in reads.items()]


def _spare(read: Read, ground: _Ground) -> Read | None:
    first, end = read.address, read.address + read.count
    after = next((entry.end for entry in ground.entries if entry.address >= end), None)
    if after is not None and ground.allows(first, after):
        return Read(read.function, first, after - first)
    before = next((entry.address for entry in reversed(ground.entries) if entry.end <= first), None)
    if before is not None and ground.allows(before, end):
        return Read(read.function, before, end - before)
    return None
