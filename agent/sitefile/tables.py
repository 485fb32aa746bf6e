"""How the tables of a site file are judged: pydantic stands here between TOML and typed values.

Every table is judged by itself, so that one wrong key hides no other finding. A field's description is what
may stand there: it becomes the `allowed` of its finding. The tables themselves are in `schema` and, of what
reports alone ask for, in `schema_reports`.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from agent.errors import Finding
from agent.sitefile.values import NAME, NAME_ALLOWED, as_toml, read_name


def from_text(parse: Callable[[str], Any]) -> BeforeValidator:
    """The value must be a string that `parse` takes; a number or a table there is a wrong type."""

    def validate(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"not a string: {value}")
        return parse(value)

    return BeforeValidator(validate)


Name = Annotated[str, from_text(read_name), Field(description=NAME_ALLOWED)]
Flag = Annotated[bool, Field(description="true or false")]
# No file, host or name has a control character, and what takes one to the system is met by a ValueError there.
PATH, _SHOWN = r"^/[^\x00-\x1f\x7f]*$", r"^[^\x00-\x1f\x7f]+$"
Text = Annotated[str, Field(pattern=_SHOWN, description="a string that is not empty, without control characters")]


def choice(*words: str | int) -> Any:
    """What a field of these literals says that it allows."""
    return Field(description=" or ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in words))


class Table(BaseModel):
    """pillars: keys without which nothing more can be said about the table; a wrong one of the others is left
    out, so that the cross checks still see the rest."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    pillars: ClassVar[frozenset[str]] = frozenset()


_SECRET_KEYS = ("password", "token", "key", "secret", "passphrase", "api_key", "client_key")
_A_TABLE = "a table"
AnyTable = TypeVar("AnyTable", bound=Table)


def fields_of(kind: type[Table]) -> Mapping[str, FieldInfo]:
    """By key in the file: one that is a word of Python's has another name in the class."""
    return {told.alias or name: told for name, told in kind.model_fields.items()}


def declared(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, dict) else frozenset()


def read_tables(kind: type[AnyTable], raw: object, where: str, findings: list[Finding]) -> dict[str, AnyTable]:
    """``[lines.NAME]``, ``[meters.NAME]``, ``[nodes.NAME]``: tables by name."""
    if not isinstance(raw, dict):
        findings.append(Finding(where, as_toml(raw), f"tables, as [{where}.NAME]", "write it as a table"))
        return {}
    found = {}
    for name, value in raw.items():
        path = f"{where}.{name if NAME.fullmatch(name) else as_toml(name)}"
        if NAME.fullmatch(name) is None:
            findings.append(Finding(path, as_toml(name), NAME_ALLOWED, "rename it"))
        table = read_table(kind, value, path, findings)
        if table is not None:
            found[name] = table
    return found


def read_table(kind: type[AnyTable], raw: object, where: str, findings: list[Finding]) -> AnyTable | None:
    if not isinstance(raw, dict):
        findings.append(Finding(where, as_toml(raw), _A_TABLE, f"write it as [{where}]"))
        return None
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        # A tuple or a union tells of each of its parts: one finding per key says it all.
        wrong = {str(one["loc"][0]): one["type"] for one in error.errors(include_url=False, include_input=False)}
        findings.extend(_finding(kind, raw, where, key, why) for key, why in wrong.items())
    if kind.pillars.intersection(wrong):
        return None
    return kind.model_validate({key: value for key, value in raw.items() if key not in wrong})


def _finding(kind: type[Table], raw: Mapping[str, Any], where: str, key: str, why: str) -> Finding:
    path = f"{where}.{key}"
    if why == "extra_forbidden":
        return unknown_key(path, key, raw[key], tuple(fields_of(kind)))
    allowed = _allowed(kind, key)
    if key not in raw:
        return Finding(path, "nothing", allowed, "add this key")
    found = as_toml(raw[key])
    if key.endswith("_file") and isinstance(raw[key], str):
        found = "something that is no file name (not shown: it may be the secret itself)"
    return Finding(path, found, allowed, "correct the value")


def _allowed(kind: type[Table], key: str) -> str:
    """What the field's type says of itself; of an optional one, what the type inside says."""
    field = fields_of(kind)[key]
    inside = (note for part in get_args(field.annotation) for note in getattr(part, "__metadata__", ()))
    told = next((note.description for note in inside if isinstance(note, FieldInfo)), None)
    return field.description or told or "see config/reference.toml"


def unknown_key(path: str, key: str, value: object, known: tuple[str, ...]) -> Finding:
    if key in _SECRET_KEYS and not isinstance(value, dict):
        word = next((name for name in known if name == f"{key}_file"), None) or next(
            (name for name in known if name in ("password_file", "token_file")), f"{key}_file"
        )
        todo = f'put the secret into a file of its own (chmod 600) and write {word} = "FILE"'
        return Finding(path, "a literal secret (not shown)", "no secret in the site file", todo)
    close = difflib.get_close_matches(key, known, n=1)
    todo = f"did you mean {close[0]}?" if close else "remove it"
    return Finding(path, "an unknown key", ", ".join(known), todo)
