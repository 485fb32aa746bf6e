"""Which meters this gateway has ever had: what a broker retains of one that is gone must be taken away."""

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from agent.private_file import write_private

NAME = "meters.json"


def retired_meters(state_dir: Path, meters: Collection[str]) -> tuple[str, ...]:
    """Those of earlier site files that `meters` no longer has. Remembers `meters` for the next time.

    A file that cannot be read counts as empty, and one that cannot be written is left: the worst that follows is a
    stale retained status.
    """
    file = state_dir / NAME
    try:
        known = set(json.loads(file.read_text())) if file.is_file() else set()  # a pipe would be waited for
    except (OSError, ValueError, TypeError):
        known = set()
    if not known.issuperset(meters):
        with suppress(OSError):
            write_private(file, json.dumps(sorted(known.union(meters))).encode())
    return tuple(sorted(known.difference(meters)))
