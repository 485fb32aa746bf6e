"""TOML as people write it; what no one writes is refused before it costs anything."""

from typing import Any

# tomllib takes time with the square of the parts of a dotted key: 0.2 s for 3000 of them.
_MOST_DOTS = 500


def read_toml(text: str) -> dict[str, Any]:
    """tomllib.TOMLDecodeError, which says where; ValueError for what is TOML and cannot be meant."""
    import tomllib  # late: the agent that runs parses nothing, the child that reads its site file did

    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MOST_DOTS:
            raise ValueError(f"line {number} has {line.count('.')} dots; no key has so many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables or lists are nested too deep") from None
