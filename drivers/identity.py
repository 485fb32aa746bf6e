"""What a meter family says of itself: the `[identity]` table of a map, and whether an answer agrees with it.

::

    [identity]
    device_id = ["METSEPM5"]              # function 43/14: a part of one of the texts it answers with
    device_id_sources = "..."
    [[identity.reads]]
    title = "Identification code"
    function = 4
    address = 0x0B
    words = 1                             # asked exactly so: alone, or the block whole
    grade = "A"
    sources = "..."
    fields = [ { at = 0, name = "identification code", encoding = "u16", numbers = [71, 72, 73] } ]

A field with `numbers`, or `begins` for texts (capitals and small letters alike), proves the family; one without is
only shown. Numbers are most significant word first: no family is known to do otherwise here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from drivers.encodings import ENCODINGS, pack_words, unpack_words
from drivers.modbus.pdu import Read
from drivers.strict import REQUIRED, Table

TEXT = "text"
_NUMBERS = tuple(name for name, encoding in ENCODINGS.items() if encoding.code in "HIQ")
# What a simulated meter answers where nothing is expected.
_MADE_UP_TEXT, _MADE_UP_NUMBER = "SIM-0001", 1


@dataclass(frozen=True, slots=True)
class IdField:
    """One thing said in an identity read.

    at, words: its place in the read; numbers, begins: what the family answers; both empty: only shown
    wide:      one character in each word, as Socomec writes "SOCO"
    """

    name: str
    at: int
    words: int
    encoding: str
    numbers: tuple[int, ...] = ()
    begins: tuple[str, ...] = ()
    wide: bool = False

    @property
    def proves(self) -> bool:
        return bool(self.numbers or self.begins)

    def value(self, words: Sequence[int]) -> int | str:
        """What the field says in the words of the whole read."""
        data = pack_words(words[self.at : self.at + self.words])
        if self.encoding != TEXT:
            return int.from_bytes(data, "big")
        text = data.decode("latin-1").replace("\0", "").strip()
        return "".join(letter if letter.isprintable() else "?" for letter in text)

    def agrees(self, value: int | str) -> bool:
        if isinstance(value, int):
            return value in self.numbers
        return value.casefold().startswith(tuple(text.casefold() for text in self.begins))

    def encode(self) -> tuple[int, ...]:
        """Words of a meter of the family."""
        if self.encoding != TEXT:
            return unpack_words((self.numbers or (_MADE_UP_NUMBER,))[0].to_bytes(2 * self.words, "big"))
        text = (self.begins or (_MADE_UP_TEXT,))[0].encode("latin-1")
        if self.wide:
            return tuple(text.ljust(self.words, b"\0")[: self.words])
        return unpack_words(text.ljust(2 * self.words, b"\0")[: 2 * self.words])


@dataclass(frozen=True, slots=True)
class IdRead:
    """Registers that say what a meter is. read: asked exactly so, as some families answer to nothing else."""

    title: str
    read: Read
    fields: tuple[IdField, ...]
    grade: str
    sources: str

    @property
    def proves(self) -> bool:
        """Whether it tells the family; otherwise it is only shown."""
        return any(one.proves for one in self.fields)

    def encode(self) -> tuple[int, ...]:
        """Words of a meter of the family; what no field speaks of is 0."""
        words = [0] * self.read.count
        for one in self.fields:
            words[one.at : one.at + one.words] = one.encode()
        return tuple(words)


@dataclass(frozen=True, slots=True)
class Identity:
    """device_id: parts of what the family answers to function 43/14; empty where it is not known to answer."""

    reads: tuple[IdRead, ...] = ()
    device_id: tuple[str, ...] = ()
    device_id_sources: str = ""

    @property
    def proves(self) -> bool:
        """Whether the family can be told by what it says of itself."""
        return bool(self.device_id) or any(one.proves for one in self.reads)

    def called(self, texts: Sequence[str]) -> str | None:
        """Which of the texts of a 43/14 answer names this family; None for none."""
        parts = [part.casefold() for part in self.device_id]
        return next((text for text in texts if any(part in text.casefold() for part in parts)), None)

    def objects(self, vendor: str) -> Mapping[int, bytes]:
        """A meter's answer to function 43/14: vendor, product, revision. Empty where it does not answer."""
        if not self.device_id:
            return MappingProxyType({})
        # Modbus application protocol V1.1b3, 6.21: objects 0, 1, 2 are the basic, mandatory ones.
        return MappingProxyType({0: vendor.encode(), 1: self.device_id[0].encode(), 2: b"V1.0"})


NO_IDENTITY = Identity()


def parse_identity(head: Table, max_words: int) -> Identity:
    """The map's `[identity]`, NO_IDENTITY where it has none. Raises ModelError."""
    if not head.has("identity"):
        return NO_IDENTITY
    table = head.table("identity")
    reads: tuple[IdRead, ...] = ()
    if table.has("reads"):
        reads = tuple(_parse_read(row, max_words) for row in table.tables("reads", "read", named_by="title"))
    device_id = table.texts("device_id") if table.has("device_id") else ()
    identity = Identity(reads, device_id, table.text("device_id_sources", REQUIRED if device_id else ""))
    table.done()
    return identity


def _parse_read(row: Table, max_words: int) -> IdRead:
    words = row.integer("words", 1, max_words)
    fields: list[IdField] = []
    taken: dict[int, str] = {}
    for one in row.tables("fields", "field", named_by="name"):
        fields.append(_parse_field(one, words))
        _claim(taken, one, fields[-1])
    read = IdRead(
        title=row.text("title"),
        read=Read(row.integer("function", 3, 4), row.integer("address", 0, 0x10000 - words), words),
        fields=tuple(fields),
        grade=row.text("grade", among="ABCD"),
        sources=row.text("sources"),
    )
    row.done()
    return read


def _claim(taken: dict[int, str], row: Table, one: IdField) -> None:
    """Fields may not share a word."""
    for word in range(one.at, one.at + one.words):
        other = taken.setdefault(word, one.name)
        if other != one.name:
            raise row.error("at", f"{one.at}, word {word} of {other!r}", "fields that do not overlap")


def _parse_field(row: Table, room: int) -> IdField:
    encoding = row.text("encoding", TEXT, among=(TEXT, *_NUMBERS))
    at = row.integer("at", 0, room - 1)
    usual = REQUIRED if encoding == TEXT else ENCODINGS[encoding].words
    words = row.integer("words", 1, room - at, default=usual)
    parsed = IdField(
        name=row.text("name"),
        at=at,
        words=words,
        encoding=encoding,
        numbers=row.integers("numbers", ()) if encoding != TEXT else (),
        begins=row.texts("begins") if encoding == TEXT and row.has("begins") else (),
        wide=row.flag("wide", default=False) if encoding == TEXT else False,
    )
    row.done()
    if encoding != TEXT and words != ENCODINGS[encoding].words:
        raise row.error("words", words, f"{ENCODINGS[encoding].words}, what {encoding} takes")
    for number in parsed.numbers:
        if not 0 <= number < 1 << 16 * words:
            raise row.error("numbers", number, f"0..{(1 << 16 * words) - 1}, what {encoding} can hold")
    return parsed
