"""A TOML table read strictly: each key is taken once with its type and bounds, and what is left over is an error."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

_MISSING = object()


class ScenarioError(ValueError):
    """A scenario is wrong. Fix the scenario: the text says file, where, found, allowed and what to do next."""

    def __init__(self, file: str, where: str, found: str, allowed: str, todo: str) -> None:
        super().__init__(f"{file}: {where}: found {found}; allowed: {allowed}; {todo}")
        self.file = file
        self.where = where
        self.found = found
        self.allowed = allowed
        self.todo = todo


class Table:
    """One table of a scenario file, at the key path ``where``. Every method raises ScenarioError."""

    def __init__(self, file: str, where: str, data: object) -> None:
        self.file = file
        self.where = where
        if not isinstance(data, dict):
            raise self.wrong("", data, f"a table [{where}]", "write its keys below a header in square brackets")
        self._data: dict[str, Any] = data
        self._known: set[str] = set()

    def wrong(self, key: str, found: object, allowed: str, todo: str) -> ScenarioError:
        where = f"{self.where}.{key}" if key and self.where else key or self.where
        return ScenarioError(self.file, where, "nothing" if found is _MISSING else repr(found), allowed, todo)

    def has(self, key: str) -> bool:
        return key in self._data

    def take(self, key: str, default: object = _MISSING, allowed: str = "a value") -> Any:
        self._known.add(key)
        value = self._data.get(key, default)
        if value is _MISSING:
            raise self.wrong(key, value, allowed, f"add {key} = ...")
        return value

    def text(self, key: str, default: Any = _MISSING, choices: Collection[str] = ()) -> Any:
        """A string, one of ``choices`` where there are any; the default may be None."""
        allowed = ", ".join(choices) if choices else "a text in quotes"
        value = self.take(key, default, allowed)
        if value is default:
            return value
        if not isinstance(value, str) or not value or (choices and value not in choices):
            raise self.wrong(key, value, allowed, hint(str(value), choices))
        return value

    def number(self, key: str, low: float, high: float, default: Any = _MISSING) -> Any:
        """A float in [low, high]; the default may be None."""
        allowed = f"a number from {low:g} to {high:g}"
        value = self.take(key, default, allowed)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, value, allowed, "correct the number")
        return float(value)

    def whole(self, key: str, low: int, high: int, default: Any = _MISSING) -> int:
        allowed = f"a whole number from {low} to {high}"
        value = self.take(key, default, allowed)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, value, allowed, "correct the number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, value, "true, false", "write it without quotes")
        return value

    def words(self, key: str, choices: Collection[str], default: Any = _MISSING) -> tuple[str, ...]:
        """A list of different words out of ``choices``, at least one."""
        allowed = f"a list of {', '.join(choices)}, each at most once"
        value = self.take(key, default, allowed)
        words = list(value) if isinstance(value, list | tuple) else []
        if not words or any(word not in choices for word in words) or len(set(words)) != len(words):
            raise self.wrong(key, value, allowed, "correct the list")
        return tuple(words)

    def table(self, key: str) -> "Table":
        path = f"{self.where}.{key}" if self.where else key
        return Table(self.file, path, self.take(key, {}))

    def tables(self) -> Mapping[str, "Table"]:
        """Every value is a table of its own: [lines.NAME]."""
        self._known.update(self._data)
        return {name: self.table(name) for name in self._data}

    def done(self) -> None:
        for key in self._data:
            if key not in self._known:
                allowed = ", ".join(sorted(self._known))
                raise self.wrong(key, self._data[key], f"the keys {allowed}", hint(key, self._known))


def hint(word: str, choices: Collection[str]) -> str:
    close = get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]}?" if close else "correct or remove it"
