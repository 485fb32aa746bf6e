"""What a meter says of itself while it is read: its serial number and its firmware, by the `identity` reads of its map.

A map whose reads have neither has no nameplate. What a read answers with that is no number (blanks, zeros, all ones,
"N/A", the numbers that maps write for "not available") is absent: a serial number is what tells one meter from another,
and those are what many would say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.encodings import pack_words, unpack_words
from drivers.identity import Identity, IdField, IdRead

SERIAL = "serial number"
# SunSpec's common model calls it a version.
FIRMWARE = ("firmware", "version")
_NAMES = (SERIAL, *FIRMWARE)
# What firmware that was never given one says in its place, less what is neither letter nor digit.
_NO_WORDS = frozenset({
    "na", "nan", "no", "none", "nil", "null", "sn", "serial", "serialnumber", "unknown", "undefined", "unset", "notset",
    "default", "empty", "invalid", "error", "notavailable", "notapplicable", "tbd",
})  # fmt: skip
# SunSpec's "not implemented" of signed and unsigned numbers; some firmware fills every word of a field with it.
_NO_WORD = (0x8000, 0x7FFF, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Nameplate:
    """None: the meter does not say it."""

    serial: str | None = None
    firmware: str | None = None


def plate_reads(identity: Identity) -> tuple[IdRead, ...]:
    """The reads that bring it; those of grade D are left alone."""
    return tuple(one for one in identity.reads if one.grade != "D" and any(f.name in _NAMES for f in one.fields))


def nameplate(reads: Sequence[IdRead], replies: Mapping[int, bytes]) -> Nameplate:
    """replies: register bytes by index of the read; those that failed are left out."""
    said: dict[str, str] = {}
    for index, data in sorted(replies.items()):
        words = unpack_words(data)
        said |= {f.name: text for f in reads[index].fields if (text := _text(f, words))}
    return Nameplate(said.get(SERIAL), next((said[name] for name in FIRMWARE if name in said), None))


def is_word(text: str) -> bool:
    """Whether it tells one from another. Beyond ASCII nothing does: it is what 0xFF and the like decode to."""
    core = "".join(letter for letter in text.casefold() if letter.isascii() and letter.isalnum())
    filler = set(core) <= {"0"} or (len(core) > 1 and set(core) in ({"f"}, {"x"}))
    return not filler and core not in _NO_WORDS


def _text(field: IdField, words: Sequence[int]) -> str:
    held = words[field.at : field.at + field.words]
    if not any(held) or _is_sentinel(held):
        return ""
    text = str(field.value(words))
    return text if is_word(text) else ""


def _is_sentinel(held: Sequence[int]) -> bool:
    """Of the field as a number, or of every word of it."""
    if len(held) > 1 and len(set(held)) == 1 and held[0] in _NO_WORD:
        return True
    number, most = int.from_bytes(pack_words(held), "big"), (1 << 16 * len(held)) - 1
    return number in (most, most - 1, most // 2, most // 2 + 1)
