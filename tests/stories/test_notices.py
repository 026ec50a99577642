"""Promise: whoever must move next is told, once, in words that name nobody, and never at night."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from services.kit.bus.consumer import Subscription
from services.kit.bus.event_log import Message, record
from services.kit.bus.tailer import Tailers
from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import connect
from services.notifier.channels.email import Email
from services.notifier.delivery import deliver_due
from services.notifier.escalation import climb_overdue
from services.notifier.handlers import notifier
from services.notifier.queries import handed_over_within
from tests.notifier.mailserver import Mailbox, mail_server
from tests.notifier.town import COMMUNITY, NEIGHBOUR, STREET, UNIT, Town

URL = "https://portal.example.org"


@dataclass
class Road:
    """The road from the event log to the mailbox, on a clock to turn."""

    town: Town
    tailers: Tailers
    mailbox: Mailbox
    email: Email

    def happens(self, *messages: Message) -> None:
        """Messages are committed, and every loop runs until nothing is due."""
        with self.town.engine.begin() as tx:
            record(tx, messages)
        self.run()

    def run(self) -> None:
        self.tailers.drain()
        self.each(climb_overdue)
        self.each(deliver_due, url=URL)

    def each(self, loop: Callable[..., int], **options) -> None:
        while loop(self.town.engine, self.town.clock, {"email": self.email}, **options):
            pass

    def turn_to(self, time: datetime) -> None:
        self.town.clock.advance_to(time.replace(tzinfo=ZONE))
        self.run()

    def mails_to(self, address: str) -> list:
        return [mail for mail in self.mailbox.mails if mail["To"] == address]


@pytest.fixture
def engine(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_worker")
    yield engine
    engine.dispose()


@pytest.fixture
def road(engine) -> Iterator[Road]:
    clock = TurnedClock(datetime(2026, 11, 23, 10, 0, tzinfo=ZONE))
    town, mailbox = Town(engine, clock), Mailbox()
    town.build()
    for organisation, name in (
        (COMMUNITY, "community"),
        (NEIGHBOUR, "neighbour"),
        (STREET, "street"),
        (UNIT, "unit"),
    ):
        town.contact(organisation, f"{name}@example.org")
    tailers = Tailers(
        engine, [Subscription("notifier", ("cases", "tasks"), notifier(clock))], clock
    )
    with mail_server(mailbox) as port:
        email = Email("127.0.0.1", port, sender="guidui@example.org", timeout=5)
        yield Road(town, tailers, mailbox, email)
        email.close()


def test_the_community_expects_the_person_the_unit_has_its_task_and_the_neighbour_hears_nothing(
    road,
):
    expected = road.town.opened(COMMUNITY, "expected", "record_arrival")
    submit = road.town.opened(UNIT, "destination", "confirm_destination", date(2026, 12, 7))
    road.happens(expected, submit)
    [to_community], [to_unit] = (
        road.mails_to("community@example.org"),
        road.mails_to("unit@example.org"),
    )
    assert to_community["Subject"] == "请准备接待将来报到的 1 名党员"
    assert f"{URL}/cases/{expected.key}" in to_community.get_content()
    assert to_unit["Subject"] == "请确认 1 名党员的去向，并告知本人（应于 12月7日 前办理）"
    assert road.mails_to("neighbour@example.org") == []
    assert road.town.notices(NEIGHBOUR) == []
    with road.town.engine.begin() as tx:
        assert {row["percent"] for row in handed_over_within(tx, road.town.clock.now())} == {100.0}


def test_a_message_that_comes_again_and_a_restart_write_nobody_twice(road):
    opened = road.town.opened(COMMUNITY)
    road.happens(opened)
    with road.town.engine.begin() as tx:
        tx.exec_driver_sql("DELETE FROM inbox")
        tx.exec_driver_sql("DELETE FROM cursors")
    road.run()
    assert len(road.mailbox.mails) == 1 and len(road.town.notices()) == 2


def test_what_is_done_before_it_was_sent_is_not_sent_and_says_so(road):
    road.town.clock.advance_to(datetime(2026, 11, 23, 22, 0, tzinfo=ZONE))
    opened = road.town.opened(COMMUNITY)
    road.happens(opened)
    road.turn_to(datetime(2026, 11, 24, 7, 0))
    road.happens(road.town.closed(opened))
    road.turn_to(datetime(2026, 11, 24, 8, 0))
    assert road.mailbox.mails == []
    assert [(n["state"], n["why"]) for n in road.town.notices(channel="email")] == [
        ("not_sent", "done")
    ]


def test_a_week_of_night_and_day_rings_nobody_at_night_and_gathers_what_waited(road):
    for hour in range(0, 24 * 7, 3):
        road.turn_to(datetime(2026, 11, 23, 10, 0) + timedelta(hours=hour))
        road.happens(road.town.opened(COMMUNITY))
    road.turn_to(datetime(2026, 11, 30, 12, 0))
    times = [
        mail["Date"].datetime.astimezone(ZONE) for mail in road.mails_to("community@example.org")
    ]
    assert all(8 <= time.hour < 21 and time.weekday() < 5 for time in times)
    assert {n["state"] for n in road.town.notices(channel="email")} == {"sent"}
    after_the_weekend = [
        mail for mail, time in zip(road.mailbox.mails, times, strict=True) if time.day == 30
    ]
    assert [mail["Subject"] for mail in after_the_weekend] == ["请决定是否接收 21 名党员"]


def test_silence_is_told_one_level_up_once_and_acting_ends_it(road):
    opened = road.town.opened(COMMUNITY, due_on=date(2026, 11, 24))
    road.happens(opened)
    road.turn_to(datetime(2026, 11, 25, 0, 0))
    road.turn_to(datetime(2026, 11, 25, 9, 0))
    [to_street] = road.mails_to("street@example.org")
    assert to_street["Subject"] == "已逾期 1 天：「中共十里堡南里社区委员会」决定是否接收 1 名党员"
    road.happens(road.town.closed(opened))
    road.turn_to(datetime(2026, 11, 27, 9, 0))
    assert len(road.mails_to("street@example.org")) == 1
    assert all(n["acted_at"] for n in road.town.notices())


def test_a_mail_server_that_is_away_for_an_hour_delays_and_loses_nothing(road):
    port = road.email.port
    road.email.port = 1
    opened = road.town.opened(COMMUNITY)
    road.happens(opened)
    assert road.mailbox.mails == []
    road.email.port = port
    road.turn_to(datetime(2026, 11, 23, 11, 0))
    [mail] = road.mails_to("community@example.org")
    assert [a["outcome"] for a in road.town.attempts()] == ["failed", "sent"]
    assert mail["Message-ID"] == f"<{road.town.attempts()[0]['mail']}@example.org>"


def test_nothing_personal_is_in_any_mail(road):
    road.happens(
        *[
            road.town.opened(COMMUNITY, kind, act)
            for kind, act in (
                ("acceptance", "accept"),
                ("six_months", "contact"),
                ("expected", "record_arrival"),
            )
        ]
    )
    for mail in road.mailbox.mails:
        said = mail["Subject"] + mail.get_content()
        assert "王敏" not in said and "13912340421" not in said
        assert not re.search(r"\d{11,}", re.sub(r"https://\S+", "", said))
