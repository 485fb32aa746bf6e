"""A card as Linux shows it in sysfs, for tests to say how worn it is and what was written to it."""

from pathlib import Path

# reads, merged, sectors, ms, writes, merged, sectors, ms, in flight, ms, ms, discards, ., ., ., flushes, ms
STAT = "100 0 800 5 200 0 4000 9 0 7 14 0 0 0 0 {flushes} 3\n"


class Sysfs:
    """mmcblk0 with a second partition, as Linux shows them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = root / "devices/soc/mmc0:0001/block/mmcblk0"
        part = self.disk / "mmcblk0p2"
        part.mkdir(parents=True)
        (part / "partition").write_text("2\n")
        (part / "stat").write_text(STAT.format(flushes=0))
        self.card = root / "devices/soc/mmc0:0001"
        (self.disk / "device").symlink_to(self.card)
        (root / "dev/block").mkdir(parents=True)
        (root / "dev/block/179:0").symlink_to(self.disk)
        (root / "dev/block/179:2").symlink_to(part)
        self.counts()

    def counts(self, sectors: int = 4000, flushes: int = 60) -> None:
        (self.disk / "stat").write_text(STAT.format(flushes=flushes).replace(" 4000 ", f" {sectors} "))

    def says(self, life: str, reserve: str) -> None:
        (self.card / "life_time").write_text(life + "\n")
        (self.card / "pre_eol_info").write_text(reserve + "\n")
