"""Errors of the drivers, each named by who must act."""


class ModelError(ValueError):
    """A meter map is wrong. Fix the map: the text says file, row, key, found, allowed and what to do next."""


def wrong_map(file: str, where: str, found: str, allowed: str, todo: str) -> ModelError:
    return ModelError(f"{file}: {where}: found {found}; allowed: {allowed}; {todo}")


class LineError(OSError):
    """A line cannot be used. Go to the cable, the adapter or the gateway."""
