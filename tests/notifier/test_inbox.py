"""The inbox of an organisation, and who sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.kit.db.engine import connect, view_as
from services.notifier.queries import inbox
from services.registry.tree import just_after
from tests.notifier.town import COMMUNITY, NEIGHBOUR, STREET


@pytest.fixture
def web(database):
    engine = connect(database.app_url, "guidui_web", connections_max=1)
    yield engine
    engine.dispose()


def sees(web, lo: str, hi: str, organisation: str) -> int:
    with web.begin() as tx:
        view_as(tx, lo, hi, "")
        return len(inbox(tx, organisation, open_only=False))


def test_an_organisation_and_those_above_see_its_inbox_and_nobody_else(town, web):
    town.hear(town.opened(COMMUNITY), town.opened(NEIGHBOUR))
    own = town.path(COMMUNITY)
    assert sees(web, own, own + chr(1), COMMUNITY) == 1
    assert sees(web, own, own + chr(1), NEIGHBOUR) == 0
    street = town.path(STREET)
    assert (
        sees(web, street, just_after(street), COMMUNITY),
        sees(web, street, just_after(street), NEIGHBOUR),
    ) == (1, 1)
    with web.begin() as tx:  # the connection of before, without saying who looks
        assert inbox(tx, COMMUNITY) == []


def test_the_inbox_turns_pages_newest_first_and_shows_what_is_open(town):
    messages = []
    for _ in range(5):
        messages.append(town.opened(COMMUNITY))
        town.clock.advance_to(town.clock.now() + timedelta(minutes=1))
    town.hear(*messages)
    town.hear(town.closed(messages[0]))
    with town.engine.begin() as tx:
        first = inbox(tx, COMMUNITY, 3)
        rest = inbox(tx, COMMUNITY, 3, before=(first[-1]["due_at"], first[-1]["id"]))
        everything = inbox(tx, COMMUNITY, open_only=False)
    assert [str(n["task"]) for n in (*first, *rest)] == [
        m.body["tasks_opened"][0]["id"] for m in messages[:0:-1]
    ]
    assert len(everything) == 5
