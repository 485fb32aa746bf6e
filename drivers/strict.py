"""TOML tables read strictly: every key by type and range, no key left over. Errors say where, found, allowed, and what
to do next.

Written by hand because a gateway that merely polls should not load a schema library for its maps.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, overload

REQUIRED: Any = object()

# file, where, found, allowed, what to do next -> the error of those who must act
Blame = Callable[[str, str, str, str, str], ValueError]


_CORRECT = "correct it"


def hint(word: str, known: Collection[str], otherwise: str = _CORRECT) -> str:
    """What to do about a word that is not known."""
    close = _nearest(word, known, cutoff=0.7)
    return f"did you mean {close}?" if close else otherwise


def _nearest(word: str, known: Collection[str], *, cutoff: float) -> str | None:
    # Imported late: who makes no mistake, or only runs, does without.
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1, cutoff=cutoff)), None)


class Table:
    """One table of a file. Every method raises what `blame` makes.

    place: what stands before a key to say where it is: ``meters.m.``, ``registers 1, row 2 (voltage_l1): ``
    """

    def __init__(self, file: str, place: str, body: Mapping[str, Any], blame: Blame) -> None:
        self.file = file
        self._place = place
        self._body = body
        self._blame = blame
        self._asked: set[str] = set()

    @property
    def where(self) -> str:
        return self._place.rstrip(".: ")

    def error(self, key: str, found: object, allowed: str, todo: str = _CORRECT) -> ValueError:
        """key: empty for the table itself; found: as it is to be printed."""
        where = f"{self._place}{key}" if key else self.where
        return self._blame(self.file, where, str(found), allowed, todo)

    def has(self, key: str) -> bool:
        """Whether the key is there, which it may be."""
        self._asked.add(key)
        return key in self._body

    @overload
    def text(self, key: str, default: str = REQUIRED, among: Collection[str] = ()) -> str: ...
    @overload
    def text(self, key: str, default: None, among: Collection[str] = ()) -> str | None: ...
    def text(self, key: str, default: str | None = REQUIRED, among: Collection[str] = ()) -> str | None:
        """One of `among` where there are any; else not empty, unless that is the default."""
        allowed = _list(among) if among else "text in quotes"
        value = self._take(key, default, str, allowed)
        if value is not default and among and value not in tuple(among):
            raise self.error(key, repr(value), allowed, hint(value, among))
        if value == "" != default:
            raise self.error(key, "''", f"{allowed}, not empty")
        return None if value is None else str(value)

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        allowed = f"a whole number {low}..{high}"
        value = self._take(key, default, int, allowed)
        if not low <= value <= high:
            raise self.error(key, value, allowed)
        return int(value)

    @overload
    def number(self, key: str, low: float, high: float, default: float = REQUIRED) -> float: ...
    @overload
    def number(self, key: str, low: float, high: float, default: None) -> float | None: ...
    def number(self, key: str, low: float, high: float, default: float | None = REQUIRED) -> float | None:
        allowed = f"a number {low:g}..{high:g}"
        value = self._take(key, default, (int, float), allowed)
        if value is not default and not low <= value <= high:
            raise self.error(key, value, allowed)
        return None if value is None else float(value)

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._take(key, default, bool, "true or false"))

    def texts(self, key: str, default: Any = REQUIRED) -> tuple[str, ...]:
        values = self._take(key, default, list, "a list of texts")
        if values is default:
            return tuple(values)
        if not values or not all(isinstance(value, str) for value in values):
            raise self.error(key, values, "a list of at least one text")
        return tuple(values)

    def names(self, key: str, among: Collection[str], default: Any = REQUIRED, *, least: int = 1) -> tuple[str, ...]:
        """Some of `among`, at least so many, each at most once."""
        allowed = f"a list of {_list(among)}, each at most once" if among else "none, for there is none"
        values = self._take(key, default, list, allowed)
        few = len(values) < least and values is not default
        if few or any(value not in tuple(among) or values.count(value) > 1 for value in values):
            raise self.error(key, values, allowed)
        return tuple(values)

    def integers(self, key: str, default: Any = REQUIRED) -> tuple[int, ...]:
        values = self._take(key, default, list, "a list of whole numbers")
        if any(type(value) is not int for value in values):
            raise self.error(key, values, "a list of whole numbers")
        return tuple(values)

    def table(self, key: str, default: Any = REQUIRED) -> "Table":
        todo = f"write its keys below [{self._place}{key}]"
        body = self._take(key, default, dict, "a table", todo)
        return Table(self.file, f"{self._place}{key}.", body, self._blame)

    def named_tables(self, key: str) -> Mapping[str, "Table"]:
        """The tables of a table, by their names: [lines.NAME]. None where the key is absent."""
        above = self.table(key, {})
        return {name: above.table(name) for name in above._body}

    def tables(self, key: str, called: str, default: Any = REQUIRED, named_by: str = "") -> "Iterator[Table]":
        """The tables of an array, each called by its place in it, counted from 1, and by its key `named_by`."""
        bodies = self._take(key, default, list, "an array of tables")
        if bodies == [] != default or not all(isinstance(body, dict) for body in bodies):
            raise self.error(key, bodies, "an array of at least one table")
        before = f"{self.where}, " if self._place else ""
        for number, body in enumerate(bodies, start=1):
            name = f" ({body[named_by]})" if named_by in body else ""
            yield Table(self.file, f"{before}{called} {number}{name}: ", body, self._blame)

    def over(self, defaults: "Table", keys: Collection[str]) -> "Table":
        """This table, where it says nothing completed with those `keys` of `defaults`."""
        taken = {key: defaults._body[key] for key in keys if key in defaults._body}
        return Table(self.file, self._place, {**taken, **self._body}, self._blame)

    def done(self, also: Collection[str] = ()) -> None:
        """To be called when every key that may stand here has been asked for, those of `also` excepted."""
        allowed = self._asked.union(also)
        for key in self._body:
            if key not in allowed:
                raise self.error(key, "an unknown key", _list(allowed), hint(key, allowed, "correct or remove it"))

    def _take(self, key: str, default: Any, kind: type | tuple[type, ...], allowed: str, todo: str = _CORRECT) -> Any:
        self._asked.add(key)
        value = self._body.get(key, default)
        if value is REQUIRED:
            # Not 'grade' for a missing 'order': a misspelt key is nearer than that.
            close = _nearest(key, self._body.keys() - self._asked, cutoff=0.75)
            add = f"add {key} = ..." if todo == _CORRECT else todo
            raise self.error(key, "nothing", allowed, f"is it meant by {close!r}?" if close else add)
        # TOML's booleans are Python ints too: true is no number of stop bits.
        if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise self.error(key, repr(value), allowed, todo)
        return value


def _list(names: Collection[str]) -> str:
    shown = sorted(names)
    return " ".join(shown) if len(shown) <= 40 else f"{' '.join(shown[:6])} ... ({len(shown)} names)"
