"""What the running agent answers of its journal: figures, what was refused for good, what is stored."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.journal import export, first_reports
from agent.status.socket import Answer

if TYPE_CHECKING:
    from agent.app import App


def journal_answers(app: "App") -> dict[str, Answer]:
    async def journal(_: Mapping[str, Any]) -> object:
        before = {name: progress.accepted for name, progress in app.sinks.items()}
        await asyncio.sleep(1.0)
        sending = {
            name: {"rows_s": progress.accepted - before[name], "error": progress.error, "blocked": app.blocked[name]()}
            for name, progress in app.sinks.items()
        }
        return asdict(await app.journal.stats()) | {"sending": sending}

    async def refused(_: Mapping[str, Any]) -> object:
        return {"refused": [asdict(letter) for letter in await app.journal.look(export.refused)]}

    async def exported(question: Mapping[str, Any]) -> object:
        return asdict(await app.journal.look(export.ExportQuery.asked(question).page))

    async def firsts(question: Mapping[str, Any]) -> object:
        return asdict(await app.journal.look(first_reports.Asked.of(question).slice))

    return {"journal": journal, "refused": refused, "export": exported, "first_reports": firsts}
