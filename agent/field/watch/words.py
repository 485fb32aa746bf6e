"""Every message of `watch`, each under its code: docs/troubleshooting.md has an entry for every one. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

AGENT_GONE = "watch.agent_gone"
NOT_UNDERSTOOD = "watch.not_understood"
OWN_POLLING = "watch.own_polling"
NO_READING = "watch.no_reading"
TOO_SMALL = "watch.too_small"

TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        AGENT_GONE: "no answer since {since}, what is shown is old; look at `systemctl status lamplighter`",
        NOT_UNDERSTOOD: "the agent's answer is not understood ({what}): it is another version; restart the agent",
        OWN_POLLING: "own polling, as no agent runs for this site; nothing is stored or sent",
        NO_READING: "no reading yet of {meters}; if that lasts: `lamplighter check SITE --live`",
        TOO_SMALL: "the terminal is {columns}x{rows}: make it at least 40x10, or use `lamplighter status`",
    }
)


def told(code: str, **details: object) -> str:
    """The message with its code, as it is printed."""
    return f"{TEMPLATES[code].format(**details)} [{code}]"
