"""A meter family's map: TOML text -> strictly validated `MeterModel`, or a `ModelError` that names the row.

The file reads like the vendor's table: `[[registers]]` are its blocks, one row a line; what a block says
(function, encoding, order, unit, scale, sentinels, grade, sources) holds for its rows unless a row says
otherwise. Addresses are those on the wire, counted from 0. Keys of a row: ``address quantity encoding unit``,
where needed ``function order multiply divide sentinels grade sources alone``; or ``address skip`` and ``words``.
``unit`` is the vendor's (kWh): its prefix is part of the scale, ``divide`` and ``multiply`` are the rest.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd
from pathlib import PurePath

from drivers.encodings import ENCODINGS, ORDERS, Encoding
from drivers.errors import ModelError
from drivers.quantities import CATALOGUE
from drivers.strict import REQUIRED, Table

GRADES = {
    "A": "vendor document read",
    "B": "two or more independent public sources",
    "C": "one source",
    "D": "derived: off until a bench test",
}
WIRINGS = ("3p4w", "3p3w", "1p2w")
# dc stands for every auxiliary supply that is not the measured voltage, AC panels included.
POWERED_BY = ("self", "self:all", "self:l1", "dc", "ups")

# A vendor's unit -> the catalogue's unit, and the exact factor between them as multiply, divide.
UNITS = {
    "V": ("V", 1, 1), "mV": ("V", 1, 1000), "kV": ("V", 1000, 1),
    "A": ("A", 1, 1), "mA": ("A", 1, 1000), "kA": ("A", 1000, 1),
    "W": ("W", 1, 1), "kW": ("W", 1000, 1), "MW": ("W", 1_000_000, 1),
    "var": ("var", 1, 1), "kvar": ("var", 1000, 1), "Mvar": ("var", 1_000_000, 1),
    "VA": ("VA", 1, 1), "kVA": ("VA", 1000, 1), "MVA": ("VA", 1_000_000, 1),
    "Wh": ("Wh", 1, 1), "kWh": ("Wh", 1000, 1), "MWh": ("Wh", 1_000_000, 1),
    "varh": ("varh", 1, 1), "kvarh": ("varh", 1000, 1), "Mvarh": ("varh", 1_000_000, 1),
    "Hz": ("Hz", 1, 1), "mHz": ("Hz", 1, 1000),
    "h": ("h", 1, 1), "min": ("h", 1, 60), "s": ("h", 1, 3600),
    "%": ("%", 1, 1), "1": ("1", 1, 1),
}  # fmt: skip

# Modbus application protocol, 6.3 and 6.4: at most 125 registers in one read.
_MOST_WORDS = 125
_ADDRESSES = 65536

# What a block of rows may say for all of them.
_BLOCK_KEYS = (
    "function", "encoding", "order", "unit", "multiply", "divide", "sentinels", "grade", "sources", "alone",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """One row: where a quantity stands and how it is written. value in SI units = raw x multiply / divide.

    sentinels: bit patterns of the whole value that mean "not available"
    alone:     the meter wants exactly this row read, nothing before or after it
    """

    quantity: str
    function: int
    address: int
    words: int
    encoding: str
    order: str
    multiply: int = 1
    divide: int = 1
    sentinels: tuple[int, ...] = ()
    grade: str = "C"
    sources: str = ""
    alone: bool = False

    @property
    def end(self) -> int:
        return self.address + self.words


@dataclass(frozen=True, slots=True)
class Bridge:
    """Documented words that no quantity is taken from. A read may cross them."""

    function: int
    address: int
    words: int
    title: str

    @property
    def end(self) -> int:
        return self.address + self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterModel:
    """What is known of a meter family.

    max_words:        the most registers it answers in one read
    max_gap:          how many undocumented words a read may cross in one go
    refresh_s:        how often its registers change; window_s: the time its RMS values average over
    turnaround_s:     usual delay before it answers; turnaround_max_s: the longest
    accuracy_pct:     of voltages, where a document says so
    baud, parity, stop_bits: what it is delivered with; the site file decides
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

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is read unless more is asked for: everything but grade D."""
        return tuple(register.quantity for register in self.registers if register.grade != "D")

    @property
    def unproven(self) -> tuple[str, ...]:
        """Grade D: in the map, read only when asked for by name."""
        return tuple(register.quantity for register in self.registers if register.grade == "D")

    @property
    def readable(self) -> tuple[tuple[int, int], ...]:
        """(function, address) of every word a legal read may touch: rows, bridges, and gaps of at most max_gap."""
        everything: list[Register | Bridge] = [*self.registers, *self.bridges]
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
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{file}: broken TOML: {error}; allowed: a meter map as TOML") from error
    head = Table(file, "", body)
    limits = head.table("limits")
    max_words = limits.integer("max_words", 1, _MOST_WORDS)
    max_gap = limits.integer("max_gap", 0, _MOST_WORDS, default=0)
    limits.done()
    registers, bridges = _parse_blocks(head, max_words)
    serial, timing = head.table("serial"), head.table("timing")
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
        turnaround_s=timing.number("turnaround_s", 0, 10),
        turnaround_max_s=timing.number("turnaround_max_s", 0, 10),
        accuracy_pct=head.number("accuracy_pct", 0.001, 100) if "accuracy_pct" in head else None,
        baud=serial.integer("baud", 300, 1_000_000),
        parity=serial.text("parity", among="NEO"),
        stop_bits=serial.integer("stop_bits", 1, 2),
        registers=registers,
        bridges=bridges,
    )
    for table in (serial, timing, head):
        table.done()
    return model


def _parse_blocks(head: Table, max_words: int) -> tuple[tuple[Register, ...], tuple[Bridge, ...]]:
    registers: dict[str, Register] = {}
    bridges: list[Bridge] = []
    placed: list[tuple[Register | Bridge, Table]] = []
    for block in head.tables("registers", "registers"):
        block.text("title", "")
        for row in block.tables("rows", "row", named_by="quantity"):
            entry = _parse_row(row, block, max_words)
            if isinstance(entry, Bridge):
                bridges.append(entry)
            elif entry.quantity in registers:
                raise row.error("quantity", f"{entry.quantity!r} a second time", "each quantity once")
            else:
                registers[entry.quantity] = entry
            placed.append((entry, row))
        block.done(also=_BLOCK_KEYS)
    _refuse_overlaps(placed)
    return tuple(registers.values()), tuple(bridges)


def _parse_row(row: Table, block: Table, max_words: int) -> Register | Bridge:
    if "skip" in row:
        return _parse_bridge(row.over(block, ("function", "encoding")), max_words)
    return _parse_register(row.over(block, _BLOCK_KEYS), max_words)


def _parse_bridge(row: Table, max_words: int) -> Bridge:
    usual = ENCODINGS[row.text("encoding", "u16", among=ENCODINGS)].words
    words = row.integer("words", 1, max_words, default=usual)
    bridge = Bridge(
        function=row.integer("function", 3, 4),
        address=row.integer("address", 0, _ADDRESSES - words),
        words=words,
        title=row.text("skip"),
    )
    row.done()
    return bridge


def _parse_register(row: Table, max_words: int) -> Register:
    quantity = row.text("quantity", among=CATALOGUE)
    encoding = ENCODINGS[row.text("encoding", among=ENCODINGS)]
    if encoding.words > max_words:
        raise row.error("encoding", f"{encoding.words} words of {encoding.name}", f"at most {max_words} (max_words)")
    multiply, divide = _parse_scale(row, quantity)
    register = Register(
        quantity=quantity,
        function=row.integer("function", 3, 4),
        address=row.integer("address", 0, _ADDRESSES - encoding.words),
        words=encoding.words,
        encoding=encoding.name,
        order=row.text("order", "msw" if encoding.words == 1 else REQUIRED, among=ORDERS),
        multiply=multiply,
        divide=divide,
        sentinels=_parse_sentinels(row, encoding),
        grade=row.text("grade", among=GRADES),
        sources=row.text("sources"),
        alone=row.flag("alone", default=False),
    )
    row.done()
    return register


def _parse_scale(row: Table, quantity: str) -> tuple[int, int]:
    """The unit's prefix and the row's own scale as one exact fraction in lowest terms."""
    wanted = CATALOGUE[quantity].unit
    allowed = [unit for unit, (si, _, _) in UNITS.items() if si == wanted]
    _, multiply, divide = UNITS[row.text("unit", among=allowed)]
    multiply *= row.integer("multiply", 1, 10**9, default=1)
    divide *= row.integer("divide", 1, 10**9, default=1)
    common = gcd(multiply, divide)
    return multiply // common, divide // common


def _parse_sentinels(row: Table, encoding: Encoding) -> tuple[int, ...]:
    sentinels = row.integers("sentinels", ())
    highest = (1 << 16 * encoding.words) - 1
    for bits in sentinels:
        if not 0 <= bits <= highest:
            raise row.error("sentinels", f"{bits:#x}", f"0x0..{highest:#x}, the bits of {encoding.name}")
    return sentinels


def _refuse_overlaps(placed: Iterable[tuple[Register | Bridge, Table]]) -> None:
    """Rows may not share a word, but for those read alone: EM24 answers with its id at 0x0B only when that one
    word is asked for."""
    taken: dict[tuple[int, int], str] = {}
    for entry, row in placed:
        if isinstance(entry, Register) and entry.alone:
            continue
        for address in range(entry.address, entry.end):
            other = taken.setdefault((entry.function, address), row.where)
            if other != row.where:
                raise row.error("address", f"{entry.address}, word {address} of {other}", "rows that do not overlap")
