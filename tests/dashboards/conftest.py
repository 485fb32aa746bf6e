"""The day that dashboards are held against, lived once, and put once into a real database."""

from collections.abc import Iterator

import pytest
from dashboard_day import Day, database, lived
from dashboard_truth import Truth, truth_of
from servers import Influx


@pytest.fixture(scope="session")
def day() -> Day:
    return lived()


@pytest.fixture(scope="session")
def truth(day: Day) -> Truth:
    return truth_of(day)


@pytest.fixture(scope="session")
def influx(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with database(tmp_path_factory.mktemp("day"), day) as running:
        yield running
