"""Why something is so, in words that can be said in another language. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """words: in English; text: the same with places, which is what `Words` knows; said: what stands in them"""

    words: str
    text: str
    said: tuple[tuple[str, str], ...] = ()


def reason(text: str, **said: str) -> Reason:
    return Reason(text.format(**said), text, tuple(said.items()))
