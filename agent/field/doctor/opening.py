"""Why a line cannot be opened, from the words of the attempt: the same whether we tried, or a running agent. Pure."""

from dataclasses import dataclass

from agent.field.doctor import words
from agent.field.doctor.findings import Finding, found
from drivers.endpoints import LineConfig, SerialPort

# Code -> parts of what an attempt says, lower case; the first that fits counts.
_PORT = (
    (words.PORT_ABSENT, ("no such port",)),
    (words.PORT_NO_TERMINAL, ("no terminal",)),
    (words.PORT_BUSY, ("locked by",)),
    (words.PORT_DENIED, ("permission denied",)),
)
_HOST = (
    (words.HOST_UNKNOWN, ("not known", "name resolution", "no address", "name does not resolve")),
    (words.HOST_REFUSES, ("connection refused",)),
    (words.HOST_UNREACHABLE, ("unreachable", "no route")),
    (words.HOST_HANGS_UP, ("closed by the other end", "connection reset", "broken pipe")),
)


@dataclass(frozen=True, slots=True)
class Around:
    """What this machine has. ports: serial ones; group: that the port belongs to; holder: who has the port open."""

    ports: tuple[str, ...] = ()
    group: str = ""
    holder: str = ""


def of_opening(line: str, config: LineConfig, told: str, around: Around) -> Finding:
    """told: what the attempt said."""
    subject, heard = f"line {line}", told.lower()
    if isinstance(config, SerialPort):
        code = _code(_PORT, heard, words.PORT_FAILS)
        detail = told.removeprefix(f"{config.path}: ")
        return found(
            code, subject, line=line, path=config.path, ports=", ".join(around.ports) or "none", detail=detail,
            group=around.group or "another user's", holder=around.holder or "another program",
        )  # fmt: skip
    code = _code(_HOST, heard, words.HOST_SILENT)
    place = f"{config.host}:{config.port}"
    detail = told.removesuffix(place).strip() or "no answer"
    return found(code, subject, line=line, host=config.host, port=config.port, detail=detail)


def _code(known: tuple[tuple[str, tuple[str, ...]], ...], heard: str, otherwise: str) -> str:
    return next((code for code, parts in known if any(part in heard for part in parts)), otherwise)
