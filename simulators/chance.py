"""Chance without state: the same seed and the same key always give the same number."""

from hashlib import blake2b


def unit(seed: int, *key: object) -> float:
    """A number in [0, 1) that depends on nothing but seed and key. Keys are ints and strings.

    A hash, not random.Random: values may be asked for in any order and at any instant, and still agree.
    """
    digest = blake2b(repr((seed, *key)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def spread(seed: int, width: float, *key: object) -> float:
    """A number in [-width, width), as `unit` does."""
    return width * (2.0 * unit(seed, *key) - 1.0)


def some_bytes(seed: int, count: int, *key: object) -> bytes:
    """``count`` (up to 64) bytes of noise, as `unit` does."""
    return blake2b(repr((seed, *key)).encode(), digest_size=count).digest()
