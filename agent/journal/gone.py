"""A journal that an earlier life had and that is gone: not to be taken for a first start."""

from pathlib import Path

from agent.journal.ballast import BALLAST_NAME

# What a life writes once its journal is open, and never before. A full card makes such files without a byte.
LEFT = (BALLAST_NAME, "site.good", "meters.json")


def gone(file: Path) -> str:
    """Words for a journal that is missing or empty beside what an earlier life left; empty for a first start."""
    if file.exists() and file.stat().st_size:
        return ""
    beside = [name for name in LEFT if _has_bytes(file.with_name(name))]
    beside += sorted(one.name for one in file.parent.glob(f"{file.name}.bad-*"))
    if not beside:
        return ""
    how = "is empty" if file.exists() else "is gone"
    return (
        f"{file.name} {how}, beside {', '.join(beside)} of an earlier life: what it held is lost; events that were "
        "open in it stay open wherever they were sent, until they are closed there, by hand or by `influxdb.read_back`"
    )


def _has_bytes(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
