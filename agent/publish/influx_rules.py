"""What an InfluxDB's answer to a write means. Pure: classified by status first and by text second.

1.x and 2.x word their errors differently (``{"error": ...}`` and ``{"code", "message"}``), and what stands in front
of them answers in HTML.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Literal

# refused: a line, or all of them; too_large: the body; later: the same again after a while; blocked: hands are needed
Meaning = Literal["stored", "refused", "too_large", "later", "blocked"]

# Texts by which 1.6.7, 2.x and 3 say that a *line* is at fault. A 400 without any of them comes from something
# else, such as an nginx asked for http on its https port, and condemns no line.
_LINE_FAULTS = ("parse", "conflict", "retention", "partial write", "line protocol", "time outside", "out of range")
# What 1.6.7 says with a 500 where the database's policy was dropped: no later attempt finds it.
_NO_POLICY = "retention policy not found"
_LONGEST_WORDS = 300
_LONGEST_RETRY_S = 900.0

_BLOCKED = {
    401: "the token is refused; check token_file",
    403: "the token may not write to this bucket; check token_file and the token's rights",
    404: "no such bucket, organisation or path; check url, org and bucket",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on one post. status 0: nothing did, and words says why. retry_after_s: 0 if not asked for."""

    status: int
    words: str = ""
    retry_after_s: float = 0.0


def meaning(answer: Answer) -> tuple[Meaning, str]:
    """What to do, and why in the words of the server and ours."""
    status = answer.status
    answer = replace(
        answer, words=" ".join(answer.words.split())[:_LONGEST_WORDS]
    )  # one line of a log, whoever wrote it
    if status == 204:
        return "stored", ""
    if status in (400, 422):
        fault = any(part in answer.words.lower() for part in _LINE_FAULTS)
        return ("refused", answer.words) if fault else ("blocked", f"{status}: {answer.words}")
    if status == 413:
        return "too_large", f"413: {answer.words}"
    if status in _BLOCKED:
        return "blocked", f"{status} ({answer.words}): {_BLOCKED[status]}"
    if status == 500 and _NO_POLICY in answer.words.lower():
        return "blocked", f"500 ({answer.words}): no such retention policy; check bucket and the database behind it"
    if status in (0, 408, 425, 429) or status >= 500:
        return "later", f"{status}: {answer.words}" if status else answer.words
    if 200 <= status < 400:
        return "blocked", f"{status}: a proxy answers there, not InfluxDB; check url and the way to it"
    return "blocked", f"{status}: {answer.words}"


def words_of(body: str) -> str:
    """The message in an error body of either generation; of HTML its beginning, on one line. Only what can be shown:
    it is stored, logged and printed, and half of a surrogate pair would stop the first of these."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, Mapping):
        body = str(told.get("message") or told.get("error") or body)
    words = " ".join(body.split())[:_LONGEST_WORDS]
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in words)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that Retry-After asks for, at most 15 min; 0 without it. A date counts from the answer's own Date:
    this gateway's clock need not be right."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return min(float(asked[:9]), _LONGEST_RETRY_S)  # an absurd number of digits fits no float
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait.total_seconds(), 0.0), _LONGEST_RETRY_S)
