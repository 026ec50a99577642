"""A unit, a street with two communities, their department; a member who leaves; people who sign
in.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

from services.app import HANDLERS, App
from services.cases.commands.apply import Acting, GivenCommand, apply
from services.cases.deadlines import clock as case_clock
from services.cases.routing.rule_source import default_rules
from services.intake.app import Intake
from services.kit.bus.tailer import Tailers
from services.kit.clock import TurnedClock
from services.portal.accounts import create_account
from services.registry.access import Caller, caller_within, create_key
from services.registry.load import load_rows
from tests.stories import county_service
from tests.stories.county_service import (
    BRANCH,
    COMMUNITY,
    COMMUNITY_BRANCH,
    NEIGHBOUR,
    STREET,
    UNIT,
)

PASSWORD = "a-good-long-pass-2026"
DEPARTMENT = county_service.ORIGIN_COUNTY
CAST = {  # who -> organisation, role, name
    "clerk": (UNIT, "clerk", "单位经办人"),
    "origin": (BRANCH, "secretary", "原支部书记"),
    "street": (STREET, "secretary", "街道书记"),
    "secretary": (COMMUNITY, "secretary", "社区书记"),
    "neighbour": (NEIGHBOUR, "secretary", "邻社区书记"),
    "department": (DEPARTMENT, "department", "组织部干部"),
    "other_department": (county_service.COUNTY, "department", "邻区干部"),
    "admin": (county_service.CITY, "admin", "管理员"),
}
ROAD = (  # how a case comes to each state
    (BRANCH, "confirm_destination", {"member_informed": True}),
    (BRANCH, "submit", {"dues_paid_to": "2026-11"}),
    (UNIT, "issue_letter", {"channel": "both"}),
    (COMMUNITY, "record_arrival", {}),
    (STREET, "accept", {}),
    (COMMUNITY, "place", {"branch": COMMUNITY_BRANCH}),
    (STREET, "send_receipt", {"handler": "经办人", "phone": "0575-1234567"}),
    (UNIT, "record_receipt", {}),
)


class Town:
    """The register, the handlers and one clock."""

    def __init__(self, app: App, clock: TurnedClock) -> None:
        self.app, self.clock = app, clock
        self._callers: dict[tuple[str, str], Caller] = {}
        self.tailers = Tailers(app.worker, [make(app) for make in HANDLERS.values()], clock)
        columns = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
        load_rows(
            app.worker,
            "organisations",
            [dict(zip(columns, row, strict=True)) for row in county_service.ORGANISATIONS],
            clock,
        )
        load_rows(
            app.worker,
            "members",
            [
                {
                    "member": f"m{n:05}",
                    "name": county_service.name(n),
                    "id_number": county_service.id_number(n),
                    "status": "full",
                    "standing": "normal",
                    "organisation": BRANCH,
                    "phone": f"139000000{n:02}",
                }
                for n in range(12)
            ],
            clock,
        )
        load_rows(
            app.worker,
            "contacts",
            [
                {
                    "organisation": code,
                    "name": f"联系人{code[-2:]}",
                    "post": "secretary",
                    "phone": "0575-8000000",
                    "channel": "portal",
                }
                for code in (UNIT, BRANCH, STREET, COMMUNITY)
            ],
            clock,
        )
        with app.worker.begin() as tx:
            for code, role, name in CAST.values():
                create_account(tx, code, role, name, clock.now(), PASSWORD)

    def settle(self) -> None:
        """Lets everything happen that would happen now."""
        while self.tailers.drain() or case_clock.tick(
            self.app.worker, self.clock, self.app.rule_source
        ):
            pass

    def caller(self, code: str, role: str = "receiver") -> Caller:
        """An organisation as its system calls, with a key of its own."""
        if (code, role) not in self._callers:
            with self.app.worker.begin() as tx:
                self._callers[code, role] = caller_within(
                    tx, create_key(tx, code, role, self.clock.now())
                )
        return self._callers[code, role]

    def post(self, event: dict[str, Any]) -> None:
        """The unit posts an event, and whatever follows from it happens."""
        intake = Intake(self.app.web, self.clock, self.app.secret)
        assert intake.post(self.caller(UNIT, "sender"), [event]) == ["accepted"]
        self.settle()

    def leaves(self, number: int, upto: str | None = None, **data: Any) -> str:
        """Member ``number`` leaves for the community; returns the case once it has seen the
        commands up to ``upto``.
        """
        said = {
            "to": {"organisation": COMMUNITY},
            "category": "layoff",
            "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
            **data,
        }
        event = {
            **county_service.event(0, f"left-{number}"),
            "type": "guidui.departure.effective.v1",
            "data": {
                "person": {
                    "name": county_service.name(number),
                    "id_number": county_service.id_number(number),
                },
                **said,
            },
        }
        self.post(event)
        with self.app.worker.connect() as tx:
            case = str(
                tx.exec_driver_sql(
                    "SELECT id FROM transfer_case WHERE member = %s", (f"m{number:05}",)
                ).scalar_one()
            )
        for organisation, command, fields in ROAD if upto else ():
            self.give(organisation, case, command, **fields)
            if command == upto:
                break
        return case

    def give(self, organisation: str, case: str, command: str, /, **fields: Any) -> dict[str, Any]:
        """A command of an organisation's system."""
        acting = Acting(self.caller(organisation), self.clock.now(), default_rules())
        with self.app.acts.begin() as tx:
            view = apply(tx, acting, GivenCommand(case, command, fields))
        self.settle()
        return view

    def state(self, case: str) -> str:
        """Where a case stands."""
        with self.app.worker.connect() as tx:
            return tx.exec_driver_sql(
                "SELECT state FROM transfer_case WHERE id = %s::uuid", (case,)
            ).scalar_one()

    def key(self, code: str, role: str) -> str:
        """An API key."""
        with self.app.worker.begin() as tx:
            return create_key(tx, code, role, self.clock.now())


class Reader(httpx.Client):
    """Somebody with a browser that runs no scripts."""

    def __init__(self, url: str, who: str | None = None, language: str = "zh") -> None:
        super().__init__(
            base_url=url, follow_redirects=True, timeout=30, headers={"Accept-Language": language}
        )
        if who:
            code, _, name = CAST[who]
            self.sign_in(code, name, PASSWORD)

    def sign_in(self, code: str, name: str, password: str, target: str = "/") -> httpx.Response:
        """Fills in the form of the sign-in page."""
        page = self.get("/sign-in")
        return self.post(
            "/sign-in",
            data=self.hidden(page)
            | {"organisation": code, "name": name, "password": password, "next": target},
        )

    def act(self, case: str, command: str, **fields: str) -> httpx.Response:
        """Opens the form of a command and sends it filled in."""
        page = self.get(f"/cases/{case}/{command}")
        assert page.status_code == 200, text(page)
        return self.post(f"/cases/{case}/{command}", data=self.hidden(page, f"/{command}") | fields)

    @staticmethod
    def hidden(page: httpx.Response, action: str = "") -> dict[str, str]:
        """The hidden fields of the page's form."""
        for opening, body in re.findall(r"<form([^>]*)>(.*?)</form>", page.text, re.S):
            if f'{action}"' in opening and 'name="token"' in body and "sign-out" not in opening:
                return {
                    name: unescape(value)
                    for name, value in re.findall(
                        r'<input type="hidden" name="([^"]+)" value="([^"]*)"', body
                    )
                }
        raise AssertionError("no such form: " + page.text)


def text(page: httpx.Response) -> str:
    """What stands on a page, without its head and marks."""
    body = page.text.partition("<main")[2] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
