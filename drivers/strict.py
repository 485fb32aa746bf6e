"""A TOML table read strictly: every key by type and range, no key left over. Errors say where, found, allowed.

Written by hand because maps are the only tables here and a gateway that merely polls should not load a schema
library for them.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from drivers.errors import ModelError

REQUIRED: Any = object()


class Table:
    """One table of a map; ``where`` is its place in the words of the map's author."""

    def __init__(self, file: str, where: str, body: Mapping[str, Any]) -> None:
        self.file = file
        self.where = where
        self._body = body
        self._asked: set[str] = set()

    def error(self, key: str, found: object, allowed: str) -> ModelError:
        place = f"{self.where}: " if self.where else ""
        return ModelError(f"{self.file}: {place}{key}: found {found}; allowed: {allowed}")

    def __contains__(self, key: str) -> bool:
        return key in self._body

    def text(self, key: str, default: Any = REQUIRED, among: Collection[str] | None = None) -> str:
        value = self._take(key, default, str, "text in quotes" if among is None else _list(among))
        if among is not None and value not in among:
            close = get_close_matches(str(value), among, n=1)
            raise self.error(key, repr(value), _list(among) + (f" (did you mean {close[0]!r}?)" if close else ""))
        return str(value)

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        allowed = f"a whole number {low}..{high}"
        value = self._take(key, default, int, allowed)
        if not low <= value <= high:
            raise self.error(key, value, allowed)
        return int(value)

    def number(self, key: str, low: float, high: float, default: Any = REQUIRED) -> float:
        allowed = f"a number {low:g}..{high:g}"
        value = self._take(key, default, (int, float), allowed)
        if not low <= value <= high:
            raise self.error(key, value, allowed)
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._take(key, default, bool, "true or false"))

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._take(key, REQUIRED, list, "a list of texts")
        if not values or not all(isinstance(value, str) for value in values):
            raise self.error(key, values, "a list of at least one text")
        return tuple(values)

    def names(self, key: str, among: Collection[str]) -> tuple[str, ...]:
        """Some of `among`; none where the key is absent."""
        values = self._take(key, [], list, "a list of names in quotes")
        for value in values:
            if not (isinstance(value, str) and value in among):
                raise self.error(key, repr(value), _list(among) or "none, for there is none")
        return tuple(values)

    def integers(self, key: str, default: Any = REQUIRED) -> tuple[int, ...]:
        default = default if default is REQUIRED else list(default)
        values = self._take(key, default, list, "a list of whole numbers")
        if any(type(value) is not int for value in values):
            raise self.error(key, values, "a list of whole numbers")
        return tuple(values)

    def table(self, key: str) -> "Table":
        body = self._take(key, REQUIRED, dict, "a table")
        return Table(self.file, f"{self.where}[{key}]", body)

    def tables(self, key: str, called: str, named_by: str = "") -> "Iterator[Table]":
        """The tables of an array, each called by its place in it, counted from 1, and by its key `named_by`."""
        bodies = self._take(key, REQUIRED, list, "an array of tables")
        if not bodies or not all(isinstance(body, dict) for body in bodies):
            raise self.error(key, bodies, "an array of at least one table")
        before = f"{self.where}, " if self.where else ""
        for number, body in enumerate(bodies, start=1):
            name = f" ({body[named_by]})" if named_by in body else ""
            yield Table(self.file, f"{before}{called} {number}{name}", body)

    def over(self, defaults: "Table", keys: Collection[str]) -> "Table":
        """This table, where it says nothing completed with those `keys` of `defaults`."""
        taken = {key: defaults._body[key] for key in keys if key in defaults}
        return Table(self.file, self.where, {**taken, **self._body})

    def done(self, also: Collection[str] = ()) -> None:
        """To be called when every key that may stand here has been asked for, those of `also` excepted."""
        allowed = self._asked.union(also)
        for key in self._body:
            if key not in allowed:
                raise self.error(key, "an unknown key", _list(allowed))

    def _take(self, key: str, default: Any, kind: type | tuple[type, ...], allowed: str) -> Any:
        self._asked.add(key)
        value = self._body.get(key, default)
        if value is REQUIRED:
            close = get_close_matches(key, self._body, n=1)
            raise self.error(key, "nothing" + (f", but {close[0]!r}" if close else ""), allowed)
        # TOML's booleans are Python ints too: true is no number of stop bits.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(key, repr(value), allowed)
        return value


def _list(names: Collection[str]) -> str:
    shown = sorted(names)
    return " ".join(shown) if len(shown) <= 40 else f"{' '.join(shown[:6])} ... ({len(shown)} names)"
