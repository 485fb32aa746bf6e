"""The rows of a map: values, the scale registers they hang on, and documented words nobody needs. TOML -> dataclasses.

Keys of a row, given by the row itself or by its block: ``address quantity encoding unit``, where needed ``function
order multiply divide scaled_by sentinels grade sources alone``. ``unit`` is the vendor's (kWh): its prefix is part of
the scale, ``divide`` and ``multiply`` are the rest.

A digital input, ``input_1`` .., or a flag, ``restart_flag`` .., is one ``bit`` of a register, counted from 0, the least
significant of the whole value. 1 means active: the contact is closed, the flag is set. Where the vendor's set bit means
the opposite, the row says ``inverted = true``. Bits of one register are rows with the same address. There is no unit
and no scale; in ``scaled_by`` only a ``check``.

A scale row has ``scale`` (its name) in place of ``quantity`` and ``unit``, and says with ``as`` what it means to the
rows that name it in ``scaled_by``; outside its ``range`` they have no value:

- ``factor``: they are multiplied by it (times multiply / divide), as by the ratio of a transformer;
- ``power of ten``: they are multiplied by ten to its power, as by a SunSpec scale factor;
- ``check``: nothing is multiplied; they are what the map says only while it reads so, as the id of a SunSpec model.

``address skip words`` is a row that no quantity is taken from.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from math import gcd

from drivers.encodings import ENCODINGS, ORDERS, Encoding
from drivers.quantities import CATALOGUE
from drivers.strict import REQUIRED, Table

GRADES = {
    "A": "vendor document read",
    "B": "two or more independent public sources",
    "C": "one source",
    "D": "derived: off until a bench test",
}

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

# What a block of rows may say for all of them, and what of that concerns scale registers and bits.
BLOCK_KEYS = (
    "function", "encoding", "order", "unit", "multiply", "divide", "scaled_by", "sentinels", "grade", "sources",
    "alone",
)  # fmt: skip
_SCALE_BLOCK_KEYS = ("function", "encoding", "order", "grade", "sources")
_BIT_BLOCK_KEYS = (*_SCALE_BLOCK_KEYS, "scaled_by", "sentinels", "alone")

_ADDRESSES = 65536
_STATES = tuple(name for name, known in CATALOGUE.items() if known.dimension == "state")
# Only they have bits, and a factor or a power of anything else would not be exact.
INTEGERS = tuple(name for name, encoding in ENCODINGS.items() if encoding.integer)

# What a scale register means -> the least and the most that one may read.
MEANINGS = {
    "factor": (1, 10**9),
    # SunSpec, sunssf: -10..10; nobody else is known to use powers.
    "power of ten": (-10, 10),
    "check": (-(1 << 63), (1 << 64) - 1),
}
# What a simulated meter holds in it unless the map says otherwise, or what is nearest to it.
_NEUTRAL = {"factor": 1, "power of ten": 0, "check": 0}


@dataclass(frozen=True, slots=True)
class Scale:
    """A register that other rows hang on. low, high: what it may read, as it stands; beyond that it means nothing.

    multiply, divide: of a factor, exactly
    simulated: what a simulated meter holds
    """

    name: str
    function: int
    address: int
    words: int
    encoding: str
    order: str
    meaning: str
    low: int
    high: int
    simulated: int
    multiply: int = 1
    divide: int = 1
    grade: str = "C"
    sources: str = ""

    @property
    def end(self) -> int:
        return self.address + self.words

    def fraction(self, number: int) -> tuple[int, int] | None:
        """By how much its rows are multiplied and divided where it reads `number`; None where that cannot be."""
        if not self.low <= number <= self.high:
            return None
        if self.meaning == "factor":
            return number * self.multiply, self.divide
        if self.meaning == "power of ten":
            return (10**number, 1) if number >= 0 else (1, 10**-number)
        return 1, 1


@dataclass(frozen=True, slots=True)
class Register:
    """One row: where a quantity stands and how it is written. value in SI units = raw x multiply / divide x scales.

    sentinels: bit patterns of the whole value that mean "not available"
    alone:     the meter wants exactly this row read, nothing before or after it
    scaled_by: registers it is multiplied by; no value without them
    bit:       the value is this bit, 0 the least significant; inverted: 1 where the bit is clear
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
    scaled_by: tuple[Scale, ...] = ()
    bit: int | None = None
    inverted: bool = False

    @property
    def end(self) -> int:
        return self.address + self.words

    @property
    def bit_place(self) -> tuple[int, int]:
        """Of a bit: the address of its word, and which of the word's bits it is."""
        word, bit = divmod(self.bit or 0, 16)
        return (self.address + word if self.order == "lsw" else self.end - 1 - word), bit


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


Entry = Register | Scale | Bridge


def moved_register(row: Register, distance: int) -> Register:
    """The row `distance` words further on, its scale registers with it."""
    scales = tuple(replace(scale, address=scale.address + distance) for scale in row.scaled_by)
    return replace(row, address=row.address + distance, scaled_by=scales)


def parse_scale(row: Table, block: Table, max_words: int) -> Scale:
    """Raises ModelError."""
    row = row.over(block, _SCALE_BLOCK_KEYS)
    encoding = _parse_encoding(row, max_words, INTEGERS)
    meaning = row.text("as", among=MEANINGS)
    low, high = _parse_range(row, meaning)
    multiply, divide = _parse_fraction(row) if meaning == "factor" else (1, 1)
    scale = Scale(
        name=row.text("scale"),
        function=row.integer("function", 3, 4),
        address=row.integer("address", 0, _ADDRESSES - encoding.words),
        words=encoding.words,
        encoding=encoding.name,
        order=_parse_order(row, encoding),
        meaning=meaning,
        low=low,
        high=high,
        simulated=row.integer("simulated", low, high, default=min(max(low, _NEUTRAL[meaning]), high)),
        multiply=multiply,
        divide=divide,
        grade=row.text("grade", among=GRADES),
        sources=row.text("sources"),
    )
    row.done()
    return scale


def _parse_range(row: Table, meaning: str) -> tuple[int, int]:
    least, most = MEANINGS[meaning]
    ends = row.integers("range")
    if len(ends) != 2 or not least <= ends[0] <= ends[1] <= most:
        raise row.error("range", list(ends), f"[lowest, highest] that a {meaning} may read, within {least}..{most}")
    return ends[0], ends[1]


def parse_bridge(row: Table, block: Table, max_words: int) -> Bridge:
    """Raises ModelError."""
    row = row.over(block, ("function", "encoding"))
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


def parse_bit(row: Table, block: Table, max_words: int, scales: Mapping[str, Scale]) -> Register:
    """scales: those of the map, by name. Raises ModelError."""
    row = row.over(block, _BIT_BLOCK_KEYS)
    encoding = _parse_encoding(row, max_words, INTEGERS)
    checks = {name: scale for name, scale in scales.items() if scale.meaning == "check"}
    register = Register(
        quantity=row.text("quantity", among=_STATES),
        function=row.integer("function", 3, 4),
        address=row.integer("address", 0, _ADDRESSES - encoding.words),
        words=encoding.words,
        encoding=encoding.name,
        order=_parse_order(row, encoding),
        sentinels=_parse_sentinels(row, encoding),
        grade=row.text("grade", among=GRADES),
        sources=row.text("sources"),
        alone=row.flag("alone", default=False),
        scaled_by=tuple(checks[name] for name in row.names("scaled_by", checks, (), least=0)),
        bit=row.integer("bit", 0, 16 * encoding.words - 1),
        inverted=row.flag("inverted", default=False),
    )
    row.done()
    return register


def parse_register(row: Table, block: Table, max_words: int, scales: Mapping[str, Scale]) -> Register:
    """scales: those of the map, by name. Raises ModelError."""
    row = row.over(block, BLOCK_KEYS)
    quantity = row.text("quantity", among=CATALOGUE)
    if quantity in _STATES:
        raise row.error("bit", "nothing", f"the bit that {quantity} is, counted from 0", "add bit = 0, or which it is")
    encoding = _parse_encoding(row, max_words)
    multiply, divide = _parse_units(row, quantity)
    scaled_by = tuple(scales[name] for name in row.names("scaled_by", scales, (), least=0))
    # What is multiplied by a register of one source is itself known from one source.
    grade = max([row.text("grade", among=GRADES), *(scale.grade for scale in scaled_by)])
    register = Register(
        quantity=quantity,
        function=row.integer("function", 3, 4),
        address=row.integer("address", 0, _ADDRESSES - encoding.words),
        words=encoding.words,
        encoding=encoding.name,
        order=_parse_order(row, encoding),
        multiply=multiply,
        divide=divide,
        sentinels=_parse_sentinels(row, encoding),
        grade=grade,
        sources=row.text("sources"),
        alone=row.flag("alone", default=False),
        scaled_by=scaled_by,
    )
    row.done()
    return register


def _parse_encoding(row: Table, max_words: int, among: Collection[str] = tuple(ENCODINGS)) -> Encoding:
    encoding = ENCODINGS[row.text("encoding", among=among)]
    if encoding.words > max_words:
        raise row.error("encoding", f"{encoding.words} words of {encoding.name}", f"at most {max_words} (max_words)")
    return encoding


def _parse_order(row: Table, encoding: Encoding) -> str:
    return row.text("order", "msw" if encoding.words == 1 else REQUIRED, among=ORDERS)


def _parse_units(row: Table, quantity: str) -> tuple[int, int]:
    """The unit's prefix and the row's own scale as one exact fraction in lowest terms."""
    wanted = CATALOGUE[quantity].unit
    allowed = [unit for unit, (si, _, _) in UNITS.items() if si == wanted]
    _, unit_multiply, unit_divide = UNITS[row.text("unit", among=allowed)]
    multiply, divide = _parse_fraction(row)
    common = gcd(unit_multiply * multiply, unit_divide * divide)
    return unit_multiply * multiply // common, unit_divide * divide // common


def _parse_fraction(row: Table) -> tuple[int, int]:
    return row.integer("multiply", 1, 10**9, default=1), row.integer("divide", 1, 10**9, default=1)


def _parse_sentinels(row: Table, encoding: Encoding) -> tuple[int, ...]:
    sentinels = row.integers("sentinels", ())
    highest = (1 << 16 * encoding.words) - 1
    for bits in sentinels:
        if not 0 <= bits <= highest:
            raise row.error("sentinels", f"{bits:#x}", f"0x0..{highest:#x}, the bits of {encoding.name}")
    return sentinels
