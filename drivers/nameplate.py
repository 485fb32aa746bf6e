"""What a meter says of itself while it is read: its serial number and its firmware, by the `identity` reads of its map.

A map whose reads have neither has no nameplate. What a read answers with that is no number (blanks, zeros, all ones) is
absent: a serial number is what tells one meter from another, and those are what many would say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.encodings import unpack_words
from drivers.identity import Identity, IdField, IdRead

SERIAL = "serial number"
# SunSpec's common model calls it a version.
FIRMWARE = ("firmware", "version")
_NAMES = (SERIAL, *FIRMWARE)


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


def _text(field: IdField, words: Sequence[int]) -> str:
    held = words[field.at : field.at + field.words]
    if not any(held) or all(word == 0xFFFF for word in held):
        return ""
    text = str(field.value(words))
    return text if text.strip("?0 ") else ""
