"""A meter family's map: TOML text -> strictly validated `MeterModel`, or a `ModelError` that names the row.

The file reads like the vendor's table: `[[registers]]` are its blocks, one row a line; what a block says
(function, encoding, order, unit, scale, sentinels, grade, sources) holds for its rows unless a row says
otherwise. Addresses are those on the wire, counted from 0. The keys of rows: see `drivers/rows.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from drivers.errors import wrong_map
from drivers.identity import NO_IDENTITY, Identity, parse_identity
from drivers.quantities import CATALOGUE
from drivers.rows import (
    BLOCK_KEYS,
    GRADES,
    Bridge,
    Entry,
    Register,
    Scale,
    parse_bit,
    parse_bridge,
    parse_register,
    parse_scale,
)
from drivers.strict import Table
from drivers.toml_text import read_toml

__all__ = ["GRADES", "Bridge", "Entry", "MeterModel", "Register", "Scale", "parse_model", "scales_of"]

WIRINGS = ("3p4w", "3p3w", "1p2w")
# dc stands for every auxiliary supply that is not the measured voltage, AC panels included.
POWERED_BY = ("self", "self:all", "self:l1", "dc", "ups")
TRANSPORTS = ("rtu", "tcp")

# Modbus application protocol, 6.3 and 6.4: at most 125 registers in one read.
_MOST_WORDS = 125


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterModel:
    """What is known of a meter family.

    max_words:        the most registers it answers in one read
    max_gap:          how many undocumented words a read may cross in one go
    refresh_s:        how often its registers change; window_s: the time its RMS values average over
    assumed:          which of these two no document says: taken from meters alike
    turnaround_s:     usual delay before it answers; turnaround_max_s: the longest
    accuracy_pct:     of voltages, where a document says so
    baud, parity, stop_bits: what it is delivered with; the site file decides
    transports:       what the family can be had with: rtu, tcp or both
    verified:         the words from another hand it was checked against; empty: unverified
    identity:         what it says of itself
    not_read:         what else it keeps of events, and why that is left alone
    """

    id: str
    vendor: str
    name: str
    file: str
    sources: tuple[str, ...]
    wiring: str
    powered_by: str
    max_words: int
    max_gap: int
    refresh_s: float
    window_s: float
    turnaround_s: float
    turnaround_max_s: float
    accuracy_pct: float | None
    baud: int
    parity: str
    stop_bits: int
    registers: tuple[Register, ...]
    bridges: tuple[Bridge, ...] = ()
    transports: tuple[str, ...] = ("rtu",)
    verified: str = ""
    assumed: tuple[str, ...] = ()
    identity: Identity = NO_IDENTITY
    not_read: tuple[str, ...] = ()

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is read unless more is asked for: everything but evidence and grade D."""
        return tuple(name for name in self._proven if not CATALOGUE[name].evidence)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the meter latched or counted itself: read when asked for by name, no part of a reading."""
        return tuple(name for name in self._proven if CATALOGUE[name].evidence)

    @property
    def _proven(self) -> tuple[str, ...]:
        return tuple(register.quantity for register in self.registers if register.grade != "D")

    @property
    def unproven(self) -> tuple[str, ...]:
        """Grade D: in the map, read only where the site says `unproven = true`."""
        return tuple(register.quantity for register in self.registers if register.grade == "D")

    def trusting(self) -> "MeterModel":
        """The same map with its grade D rows counted as C: somebody on site has looked that they are right."""
        return replace(self, registers=tuple(_at_least_c(register) for register in self.registers))

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The registers that rows are scaled by."""
        return scales_of(self.registers)

    @property
    def own_ratios(self) -> tuple[str, ...]:
        """The transformer ratios that the meter tells itself: its values come out primary without vt and ct."""
        return tuple(scale.name for scale in self.scales if scale.meaning == "factor")

    @property
    def readable(self) -> tuple[tuple[int, int], ...]:
        """(function, address) of every word a legal read may touch: rows, bridges, and gaps of at most max_gap."""
        everything: list[Entry] = [*self.registers, *self.scales, *self.bridges]
        entries = sorted(everything, key=lambda entry: (entry.function, entry.address))
        words: list[tuple[int, int]] = []
        for entry, after in zip(entries, [*entries[1:], None], strict=True):
            stop = entry.end
            if after is not None and after.function == entry.function and 0 < after.address - stop <= self.max_gap:
                stop = after.address
            words += ((entry.function, address) for address in range(entry.address, stop))
        return tuple(words)

    def register(self, quantity: str) -> Register | None:
        """The row of `quantity`; None where the map has none."""
        return next((register for register in self.registers if register.quantity == quantity), None)


def parse_model(text: str, file: str) -> MeterModel:
    """The map in `text`; its id is the name of `file` without the ending. Raises ModelError: file, row, key,
    found, allowed."""
    try:
        body = read_toml(text)
    except ValueError as error:
        raise wrong_map(file, "broken TOML", str(error), "a meter map as TOML", "correct the text there") from error
    head = Table(file, "", body, wrong_map)
    limits = head.table("limits")
    max_words = limits.integer("max_words", 1, _MOST_WORDS)
    max_gap = limits.integer("max_gap", 0, _MOST_WORDS, default=0)
    limits.done()
    registers, bridges = _parse_blocks(head, max_words)
    serial, timing = head.table("serial"), head.table("timing")
    turnaround_s, turnaround_max_s = _parse_turnaround(timing)
    model = MeterModel(
        id=PurePath(file).stem,
        vendor=head.text("vendor"),
        name=head.text("name"),
        file=file,
        sources=head.texts("sources"),
        wiring=head.text("wiring", among=WIRINGS),
        powered_by=head.text("powered_by", among=POWERED_BY),
        max_words=max_words,
        max_gap=max_gap,
        refresh_s=timing.number("refresh_s", 0.01, 3600),
        window_s=timing.number("window_s", 0.01, 3600),
        turnaround_s=turnaround_s,
        turnaround_max_s=turnaround_max_s,
        accuracy_pct=head.number("accuracy_pct", 0.001, 100, None),
        baud=serial.integer("baud", 300, 1_000_000),
        parity=serial.text("parity", among="NEO"),
        stop_bits=serial.integer("stop_bits", 1, 2),
        registers=registers,
        bridges=bridges,
        transports=head.names("transports", TRANSPORTS, ("rtu",)),
        verified=head.text("verified", ""),
        assumed=timing.names("assumed", ("refresh_s", "window_s"), ()),
        identity=parse_identity(head, max_words),
        not_read=head.texts("not_read", ()),
    )
    for table in (serial, timing, head):
        table.done()
    return model


def _at_least_c(register: Register) -> Register:
    return replace(register, grade="C") if register.grade == "D" else register


def scales_of(rows: Iterable[Register]) -> tuple[Scale, ...]:
    """What these rows are scaled by, each once."""
    return tuple(dict.fromkeys(scale for row in rows for scale in row.scaled_by))


def _parse_turnaround(timing: Table) -> tuple[float, float]:
    """The usual, the longest."""
    longest_s = timing.number("turnaround_max_s", 0, 10)
    usual_s = timing.number("turnaround_s", 0, 10)
    if longest_s < usual_s:
        raise timing.error("turnaround_max_s", f"{longest_s:g}", f"at least turnaround_s, which is {usual_s:g}")
    return usual_s, longest_s


def _parse_blocks(head: Table, max_words: int) -> tuple[tuple[Register, ...], tuple[Bridge, ...]]:
    rows: list[tuple[Table, Table]] = []
    for block in head.tables("registers", "registers"):
        block.text("title", "")
        rows += ((row, block) for row in block.tables("rows", "row", named_by="quantity"))
        block.done(also=BLOCK_KEYS)
    placed: list[tuple[Entry, Table]] = [(scale, row) for scale, row in _parse_scales(rows, max_words)]
    scales = {scale.name: scale for scale, _ in placed if isinstance(scale, Scale)}
    for row, block in rows:
        if row.has("skip"):
            placed.append((parse_bridge(row, block, max_words), row))
        elif row.has("bit"):
            placed.append((parse_bit(row, block, max_words, scales), row))
        elif not row.has("scale"):
            placed.append((parse_register(row, block, max_words, scales), row))
    registers = _each_once(placed)
    _refuse_idle(placed, scales_of(registers))
    _refuse_shared_bits(placed)
    _refuse_overlaps(placed)
    return registers, tuple(entry for entry, _ in placed if isinstance(entry, Bridge))


def _parse_scales(rows: Sequence[tuple[Table, Table]], max_words: int) -> list[tuple[Scale, Table]]:
    """All of them first: the rows they scale may stand before them."""
    scales: dict[str, tuple[Scale, Table]] = {}
    for row, block in rows:
        if row.has("scale"):
            scale = parse_scale(row, block, max_words)
            if scale.name in scales:
                raise row.error("scale", f"{scale.name!r} a second time", "each scale once")
            scales[scale.name] = scale, row
    return list(scales.values())


def _each_once(placed: Iterable[tuple[Entry, Table]]) -> tuple[Register, ...]:
    registers: dict[str, Register] = {}
    for entry, row in placed:
        if isinstance(entry, Register):
            if entry.quantity in registers:
                raise row.error("quantity", f"{entry.quantity!r} a second time", "each quantity once")
            registers[entry.quantity] = entry
    return tuple(registers.values())


def _refuse_idle(placed: Iterable[tuple[Entry, Table]], used: Sequence[Scale]) -> None:
    for entry, row in placed:
        if isinstance(entry, Scale) and entry not in used:
            raise row.error("scale", f"{entry.name!r}, which no row is scaled_by", "a scale that is used; else skip")


def _refuse_shared_bits(placed: Iterable[tuple[Entry, Table]]) -> None:
    taken: dict[tuple[int, tuple[int, int]], str] = {}
    for entry, row in placed:
        if isinstance(entry, Register) and entry.bit is not None:
            other = taken.setdefault((entry.function, entry.bit_place), row.where)
            if other != row.where:
                raise row.error("bit", f"{entry.bit}, which is {other}", "each bit once")


def _refuse_overlaps(placed: Iterable[tuple[Entry, Table]]) -> None:
    """Rows may not share a word, but for the bits of one register and for those read alone: EM24 answers with its id
    at 0x0B only when that one word is asked for."""
    taken: dict[tuple[int, int], tuple[Entry, str]] = {}
    for entry, row in placed:
        if isinstance(entry, Register) and entry.alone:
            continue
        for address in range(entry.address, entry.end):
            other, where = taken.setdefault((entry.function, address), (entry, row.where))
            if where != row.where and not _bits_of_one(entry, other):
                allowed = "rows that do not overlap, or bits of one register"
                raise row.error("address", f"{entry.address}, word {address} of {where}", allowed)


def _bits_of_one(one: Entry, other: Entry) -> bool:
    """Whether both are bits of the same register, written alike."""
    bits = [entry for entry in (one, other) if isinstance(entry, Register) and entry.bit is not None]
    return len(bits) == 2 and len({(bit.address, bit.encoding, bit.order, bit.sentinels) for bit in bits}) == 1
