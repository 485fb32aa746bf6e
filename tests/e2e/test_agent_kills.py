from pathlib import Path

import pytest
from agent_kills_campaign import campaign

pytestmark = pytest.mark.e2e


def test_nothing_is_lost_doubled_or_left_open_through_kills_of_agent_and_servers(tmp_path: Path) -> None:
    wrong, events = campaign(tmp_path, kills=4, seed=1)
    assert wrong == []
    assert events >= 2
