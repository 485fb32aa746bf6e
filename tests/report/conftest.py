"""The simulated month, told once for all files that hold a part of its report against the truth."""

import os

import pytest
import pytest_asyncio
from report_month import World
from report_told import Told, simulated


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=[2, pytest.param(31, marks=pytest.mark.slow)],
    ids=["2 days", "a month"],
)
async def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    own = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have directories beside each other: what one of them has simulated is there for the next.
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return await simulated(World(request.param), shared / f"month-of-{request.param}-days")
