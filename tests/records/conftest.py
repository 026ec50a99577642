"""The portal's town, for what is kept of it."""

from __future__ import annotations

import pytest

from tests.portal.conftest import clock, gazetteer, reader, town, url
from tests.stories import county_service
from tests.stories.county_service import COMMUNITY


@pytest.fixture
def lives_here(town) -> str:
    """A member whose new unit has an organisation and who lives in the community: row B5."""
    case = town.leaves(
        6,
        to={"address": county_service.ADDRESS},
        category="relocation",
        circumstances={"unit_has_organisation": True},
    )
    with town.app.worker.connect() as tx:
        assert tx.exec_driver_sql(
            "SELECT organisation FROM task WHERE kind = 'double_report' AND closed_at IS NULL"
        ).scalars().all() == [COMMUNITY]
    return case
