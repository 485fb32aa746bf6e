"""A file whose first page is destroyed does not say any more where its tables begin. A new one of the same schema does.

Every journal has its tables at the same pages: SQLite moves whatever lies there when a later version adds one
(auto_vacuum; sqlite.org/fileformat2.html, section 1.8). What is then read is believed by its checksums only.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from agent.journal.file import FIRST_PAGE, PAGE_BYTES, create
from agent.private_file import write_private

log = logging.getLogger(__name__)


def lend(path: Path) -> bool:
    """Whether the file has got the first page of a new one; what it had there lies beside it."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for setting in (f"page_size={PAGE_BYTES}", "auto_vacuum=INCREMENTAL"):
            db.execute(f"PRAGMA {setting}").fetchall()
        create(db)
        new = db.serialize()
    size = path.stat().st_size
    if size < len(new):
        return False
    page = bytearray(new[:PAGE_BYTES])
    page[18:20] = b"\2\2"  # a log beside it counts
    page[28:32] = (size // PAGE_BYTES).to_bytes(4, "big")
    with path.open("r+b") as file:
        write_private(path.with_name(path.name + FIRST_PAGE), file.read(PAGE_BYTES))
        file.seek(0)
        file.write(page)
    log.warning("journal.first_page_lent file=%s", path)
    return True
