"""Errors of the drivers, each named by who must act."""


class ModelError(ValueError):
    """A meter map is wrong. Fix the map: the text says file, row, key, found and allowed."""


class LineError(OSError):
    """A line cannot be used. Go to the cable, the adapter or the gateway."""
