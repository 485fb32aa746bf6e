from pathlib import Path

import pytest

from agent.known_meters import NAME, retired_meters


def test_a_meter_that_is_gone_is_retired_until_it_is_back(tmp_path: Path):
    assert retired_meters(tmp_path, ["a", "b"]) == ()
    assert retired_meters(tmp_path, ["b", "c"]) == ("a",)
    assert retired_meters(tmp_path, ["c"]) == ("a", "b")
    assert retired_meters(tmp_path, ["a", "b", "c"]) == ()


@pytest.mark.parametrize("broken", ["", "{", "7", "[[1]]"])
def test_a_broken_file_counts_as_empty(tmp_path: Path, broken: str):
    (tmp_path / NAME).write_text(broken)
    assert retired_meters(tmp_path, ["a"]) == ()
    assert retired_meters(tmp_path, []) == ("a",)
