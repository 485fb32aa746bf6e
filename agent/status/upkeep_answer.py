"""What the running agent answers of what somebody has to look after: certificates, and the card beneath the journal."""

from typing import TYPE_CHECKING

from agent.clock import rfc3339
from agent.status.certificates import Standing, days_left

if TYPE_CHECKING:
    from agent.app import App


def upkeep_answer(app: "App") -> dict[str, object]:
    now_us = app.clock.wall_us()
    return {"certificates": [_certificate(each, now_us) for each in app.upkeep.certificates], "card": _card(app)}


def _certificate(standing: Standing, now_us: int) -> dict[str, object]:
    """until, days_left: None where it was not seen yet, or its file is none."""
    until_us = None if standing.validity is None else standing.validity.until_us
    return {
        "sink": standing.sink,
        "role": standing.role,
        "file": None if standing.file is None else str(standing.file),
        "until": None if until_us is None else rfc3339(until_us),
        "days_left": days_left(standing, now_us),
    }


def _card(app: "App") -> dict[str, object] | None:
    """None where the journal lies on no disk. What is written is that of the whole card, by whomever."""
    told = app.upkeep.card()
    if told is None:
        return None
    card, wear = told
    return {
        "device": card.device,
        "written_bytes": card.written_bytes,
        "flushes": card.flushes,
        "written_bytes_day": wear and wear.written_bytes_day,
        "flushes_day": wear and wear.flushes_day,
        "over_s": wear and wear.over_s,
        "life_used": card.life_words,
        "spare_blocks": card.reserve_words,
        "trouble": card.trouble or "",
    }
