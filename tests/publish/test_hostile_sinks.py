"""A short cut of `tests/soak/sinks_campaign.py`."""

from pathlib import Path

import pytest
from half_open import why_no_cable
from hostile_sinks import answers, campaign

pytestmark = pytest.mark.e2e


async def test_nothing_is_lost_doubled_or_out_of_order_whatever_broker_and_database_do(tmp_path: Path) -> None:
    done = await campaign(tmp_path, rounds=1, seed=7, share=0.3)
    assert done.wrong == ()
    assert done.dead == ()
    assert done.made > 500
    assert {fault.name for fault in answers()} <= set(done.met)
    assert {"PUBACKs swallowed", "no PUBACK", "broker frozen", "database frozen"} <= set(done.met)
    assert ("half-open TCP" in done.met) == (not why_no_cable())
