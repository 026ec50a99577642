"""A small compiled division table for tests of what reads addresses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.addresses import snapshot as address_snapshot
from services.addresses.county import Counties
from services.addresses.passage import Passage
from services.addresses.signs import CountySign
from services.addresses.snapshot import Snapshot
from services.addresses.street_reader import StreetReader
from tests.rules.address_tables import BEFORE, MORE, MORE_BEFORE, NOW, written


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory) -> Snapshot:
    folder = tmp_path_factory.mktemp("small")
    divisions, history = written(folder, NOW + MORE, BEFORE + MORE_BEFORE)
    return Snapshot(address_snapshot.ensure(folder, divisions, [history]))


@pytest.fixture(scope="session")
def counties(snapshot: Snapshot) -> Counties:
    return Counties(snapshot)


@pytest.fixture(scope="session")
def passage_of(snapshot: Snapshot, counties: Counties) -> Callable[[str, str], Passage]:
    """The passage of a text that begins behind the county's name, read from its street on."""
    streets = StreetReader(snapshot, counties)

    def make(text: str, county: str) -> Passage:
        stated = streets.stated(text, county, 0)
        anchors = [0] if stated is None else [stated.end]
        return Passage(text, county, CountySign.PREFIX, 0, stated, anchors)

    return make
