"""Two counties beside each other, each with the same things in it: what a caller of the one must
not reach in the other.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from PIL import Image
from sqlalchemy import Connection

from schemas.departures import posted_id
from schemas.envelope import Message
from services.cases.commands import receiving
from services.cases.routing import overrides
from services.cases.store.backlog import open_letters
from services.intake.app import Intake
from services.kit.bus import dead_letters
from services.kit.errors import Text
from services.portal.accounts import create_account
from services.records import comparisons, double_reports, floating
from services.records.letters import photos, scans
from services.records.letters.papers import Counterfoil
from services.registry.access import create_key
from services.registry.directory import Directory
from services.registry.load import load_rows
from services.registry.rosters import roll_of
from tests.portal.town import Town
from tests.stories import county_service

FLOATING = (7, 8, 9)
NAMESAKES = (13, 14)
PEOPLE = 26


@dataclass
class Tree:
    """One county: its organisations, how its people are called, and what was planted in it.

    ``objects``: kind -> ids, the most telling first. ``marks``: texts that stand nowhere else.
    """

    prefix: str
    surname: str
    mark: str
    department: str
    street_area: str
    community_area: str
    address: str
    first: int
    objects: dict[str, list[str]] = field(default_factory=dict)
    case_in: dict[str, str] = field(default_factory=dict)

    def code(self, ending: str) -> str:
        """The organisation of this county with these last digits."""
        return f"{self.prefix}0100{ending}"

    @property
    def committee(self) -> str:
        return self.code("28")

    @property
    def branch(self) -> str:
        return self.code("35")

    @property
    def street(self) -> str:
        return self.code("29")

    @property
    def community(self) -> str:
        return self.code("36")

    @property
    def community_branch(self) -> str:
        return self.code("43")

    @property
    def neighbour(self) -> str:
        return self.code("50")

    def member(self, number: int) -> str:
        return f"{self.mark}-{number:02}"

    def name(self, number: int) -> str:
        same = NAMESAKES[0] if number in NAMESAKES else number
        return (
            self.surname + county_service.GIVEN[same % 16] + county_service.GIVEN[(same + 5) % 16]
        )

    def id_number(self, number: int) -> str:
        return county_service.id_number(self.first + number)

    def phone(self, number: int) -> str:
        return f"1370{self.prefix[-3:]}{number:04}"

    @property
    def marks(self) -> list[str]:
        """What no answer to the other county may hold: names, numbers, phones, references, and
        words of its own.
        """
        found = [self.mark, self.surname]
        for number in range(PEOPLE):
            found += [self.id_number(number), self.phone(number)]
        return found

    def add(self, kind: str, *ids: Any) -> None:
        self.objects.setdefault(kind, []).extend(str(one) for one in ids)


def two_counties() -> tuple[Tree, Tree]:
    """(the callers' own, the foreign one)."""
    own = Tree(
        "330603",
        "司徒",
        "own",
        county_service.COUNTY,
        "330603001",
        "330603001008",
        county_service.ADDRESS,
        100,
    )
    foreign = Tree(
        "330602",
        "令狐",
        "zzsecret",
        county_service.ORIGIN_COUNTY,
        "330602002",
        "330602002002",
        "浙江省绍兴市越城区府山街道府山社区77号zzsecret",
        300,
    )
    return own, foreign


def plant(town: Town, tree: Tree) -> None:
    """Everything that has an id, in one county, by the ways in which it comes about."""
    Planting(town, tree).all()


class Planting:
    """One county being filled."""

    def __init__(self, town: Town, tree: Tree) -> None:
        self.town, self.tree = town, tree
        self.intake = Intake(town.app.web, town.clock, town.app.secret)
        self.events: dict[int, str] = {}

    def all(self) -> None:
        """In an order in which each finds what it rests on."""
        self.register()
        self.moves()
        self.floating_ones()
        self.batch()
        self.double_report()
        self.review()
        self.noted()
        self.tree_change()
        self.papers()
        self.records()
        self.accounts()
        self.dead_letter()

    def register(self) -> None:
        """Organisations, members, contacts."""
        tree, town = self.tree, self.town
        columns = ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
        name = f"中共{tree.prefix}"
        lines = (
            (
                tree.committee,
                f"{name}示例厂委员会",
                "basic_committee",
                "enterprise_state",
                tree.department,
                tree.prefix,
                "no",
                "yes",
            ),
            (
                tree.branch,
                f"{name}示例厂第一支部",
                "branch",
                "enterprise_state",
                tree.committee,
                tree.prefix,
                "no",
                "no",
            ),
            (
                tree.street,
                f"{name}街道工作委员会",
                "basic_committee",
                "street",
                tree.department,
                tree.street_area,
                "yes",
                "yes",
            ),
            (
                tree.community,
                f"{name}社区总支部",
                "general_branch",
                "community",
                tree.street,
                tree.community_area,
                "yes",
                "no",
            ),
            (
                tree.community_branch,
                f"{name}社区第一支部",
                "branch",
                "community",
                tree.community,
                tree.community_area,
                "no",
                "no",
            ),
            (
                tree.neighbour,
                f"{name}另一社区总支部",
                "general_branch",
                "community",
                tree.street,
                tree.street_area + "999",
                "yes",
                "no",
            ),
        )
        worker, clock = town.app.worker, town.clock
        load_rows(
            worker,
            "organisations",
            [dict(zip(columns, line, strict=True)) for line in lines],
            clock,
        )
        load_rows(
            worker,
            "members",
            [
                {
                    "member": tree.member(n),
                    "name": tree.name(n),
                    "id_number": tree.id_number(n),
                    "status": "full",
                    "standing": "normal",
                    "organisation": tree.branch,
                    "phone": tree.phone(n),
                }
                for n in range(PEOPLE)
            ],
            clock,
        )
        load_rows(
            worker,
            "contacts",
            [
                {
                    "organisation": code,
                    "name": f"{tree.surname}联系",
                    "post": "secretary",
                    "phone": tree.phone(99),
                    "channel": "portal",
                }
                for code in (tree.committee, tree.branch, tree.street, tree.community)
            ],
            clock,
        )
        tree.add("member", tree.member(15))
        tree.add("organisation", tree.committee, tree.community, tree.department)
        tree.add("branch", tree.community_branch)

    def post(self, ident: str, kind: str, data: Mapping[str, Any], by: str | None = None) -> str:
        """An event of an organisation of the county, with all that follows; returns the id it
        was stored under.
        """
        by = by or self.tree.committee
        event = {
            "specversion": "1.0",
            "type": f"guidui.{kind}.v1",
            "source": f"urn:guidui:organisation:{by}",
            "id": ident,
            "time": self.town.clock.now().isoformat(),
            "data": dict(data),
        }
        assert self.intake.post(self.town.caller(by, "sender"), [event]) == ["accepted"], ident
        self.town.settle()
        return str(posted_id(event["source"], ident))

    def person(self, number: int) -> dict[str, Any]:
        return {"name": self.tree.name(number), "id_number": self.tree.id_number(number)}

    def leaves(self, number: int, upto: str | None = None, **data: Any) -> str:
        """A member leaves; returns the case, moved as far as ``upto``."""
        tree = self.tree
        said = {
            "to": {"organisation": tree.community, "address": tree.address},
            "category": "layoff",
            "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
            **data,
        }
        self.events[number] = self.post(
            f"{tree.mark}-left-{number}",
            "departure.effective",
            {"person": self.person(number), **said},
        )
        case = self.one("SELECT id::text FROM transfer_case WHERE member = %s", tree.member(number))
        self.road(case, upto)
        return case

    def road(self, case: str, upto: str | None) -> None:
        tree = self.tree
        for by, command, given in (
            (
                (tree.branch, "confirm_destination", {"member_informed": True}),
                (tree.branch, "submit", {"dues_paid_to": "2026-11"}),
                (tree.committee, "issue_letter", {"channel": "both"}),
                (tree.community, "record_arrival", {}),
                (tree.street, "accept", {}),
                (tree.community, "place", {"branch": tree.community_branch}),
                (
                    tree.street,
                    "send_receipt",
                    {"handler": f"{tree.surname}经办", "phone": tree.phone(98)},
                ),
                (tree.committee, "record_receipt", {}),
            )
            if upto
            else ()
        ):
            self.give(by, case, command, **given)
            if command == upto:
                break

    def give(self, by: str, case: str, command: str, /, **given: Any) -> None:
        self.town.give(by, case, command, **given)

    def one(self, sql: str, *params: Any) -> Any:
        with self.town.app.worker.connect() as tx:
            return tx.exec_driver_sql(sql, params).scalar_one()

    def all_of(self, sql: str, *params: Any) -> list[Any]:
        with self.town.app.worker.connect() as tx:
            return list(tx.exec_driver_sql(sql, params).scalars())

    def moves(self) -> None:
        """A case in each of the states in which its ends act on it."""
        tree = self.tree
        for number, upto in enumerate(
            (
                None,
                "confirm_destination",
                "submit",
                "issue_letter",
                "record_arrival",
                "accept",
                "record_receipt",
            )
        ):
            case = self.leaves(number, upto)
            tree.case_in[self.town.state(case)] = case
        self.give(
            tree.community,
            tree.case_in["arrived"],
            "return_for_cure",
            defects=[f"{tree.mark} 缺项"],
        )
        tree.case_in["returned"] = tree.case_in.pop("arrived")
        tree.case_in["arrived"] = self.leaves(10, "record_arrival")
        self.give(
            tree.committee,
            tree.case_in["letter_issued"],
            "ask",
            organisation=tree.department,
            text=f"{tree.mark} 询问",
        )
        tree.case_in["announced"] = self.leaves(19, to={}, category="other", circumstances={})
        tree.case_in["pool"] = self.leaves(
            11,
            to={"address": f"浙江省绍兴市{'越城' if tree.first > 200 else '柯桥'}区"},
            category="relocation",
            circumstances={"unit_has_organisation": False},
        )
        tree.add(
            "case",
            *(
                tree.case_in[state]
                for state in ("letter_issued", "triaged", "arrived", "moved", "pool")
            ),
        )
        tree.add("pool", tree.case_in["pool"])
        tree.add("event", self.events[0])
        tree.add("event_of_sender", f"{tree.mark}-left-0")
        self.learned()
        self.long_ago()

    def long_ago(self) -> None:
        """A letter of half a year and more ago that nobody answered."""
        tree, town = self.tree, self.town
        letter = {
            "number": f"{tree.mark}-2026-1",
            "member": tree.member(18),
            "from": tree.branch,
            "to": tree.community,
            "header": tree.street,
            "issued_on": date(2026, 1, 5),
            "validity_days": 30,
            "channel": "paper",
        }
        with town.app.worker.begin() as tx:
            answers = open_letters(tx, [letter], town.clock.now(), town.app.rule_source)
        assert answers == ["new"]
        town.settle()
        tree.case_in["letter_expired"] = self.one(
            "SELECT id::text FROM transfer_case WHERE member = %s", tree.member(18)
        )

    def learned(self) -> None:
        """What a person's choice taught of an address."""
        tree, town = self.tree, self.town
        case = tree.case_in["destination_confirmed"]
        with town.app.worker.begin() as tx:
            path = Directory.of(tx).path(tree.branch)
            for seq in (8, 9):
                source = f"case:{case}:{seq}"
                tx.exec_driver_sql(
                    'INSERT INTO confirmed_address (source, address, code, "on", case_id, kind, '
                    "by_organisation, path) VALUES (%s, %s, %s, %s, %s::uuid, 'acceptance', %s, "
                    "%s)",
                    (
                        source,
                        tree.address,
                        tree.community_area,
                        town.clock.now().date(),
                        case,
                        tree.branch,
                        path,
                    ),
                )
                tree.add("address", source)

    def floating_ones(self) -> None:
        """Three floating members at one host, so that a branch is proposed; what the host noted."""
        tree, town = self.tree, self.town
        for number in FLOATING:
            case = self.leaves(
                number,
                to={"organisation": None},
                category="migrant_work",
                circumstances={"place_fixed": False},
            )
            self.give(
                tree.branch,
                case,
                "register_floating",
                permit_no=f"{tree.mark}{number}",
                host=tree.community,
                host_contact=f"{tree.surname}书记",
            )
        tree.case_in["floating_registered"] = case
        tree.add("floating", case)
        with town.app.worker.begin() as tx:
            floating.note(
                tx,
                case,
                tree.community,
                floating.HostNote("service", town.clock.now().date(), f"{tree.mark} 服务"),
                None,
                town.clock.now(),
            )
            tree.add(
                "proposal",
                *(
                    one.grouped
                    for one in floating.proposed(tx, tree.department, town.clock.now().date())
                ),
            )

    def batch(self) -> None:
        """Two of one batch on their way to the community, which has ordered something for both;
        so has the sender.
        """
        tree, town = self.tree, self.town
        self.post(
            f"{tree.mark}-closed",
            "labour_relation.ended",
            {
                "effective_on": "2026-06-30",
                "circumstances": {"labour_relation": "ended", "handover": "collective"},
                "persons": [
                    {"person": self.person(n), "to": {"organisation": tree.community}}
                    for n in (12, 16)
                ],
            },
        )
        parent = self.one(
            "SELECT id::text FROM transfer_case WHERE state = 'bulk_open' AND poster = %s",
            tree.committee,
        )
        for case in self.all_of(
            "SELECT id::text FROM transfer_case WHERE parent = %s::uuid", parent
        ):
            self.road(case, "issue_letter")
            tree.add("case", case)
        tree.case_in["bulk_open"] = parent
        tree.add("batch", parent)
        tree.add("bulk", parent)
        with town.app.web.begin() as tx:
            ident = receiving.give(
                tx,
                town.caller(tree.community),
                parent,
                "note",
                {"text": f"{tree.mark} 备注"},
                "2026-12-30",
                town.clock.now(),
                f"{tree.surname}书记",
            )
        tree.add("order", ident)

    def lives_here(self, number: int) -> str:
        """The case of a member of a unit who lives in the community and is to register there."""
        return self.leaves(
            number,
            to={"address": self.tree.address},
            category="relocation",
            circumstances={"unit_has_organisation": True},
        )

    def double_report(self) -> None:
        """Members of a unit who live in the community: two registered, one with a post, hours and
        the card of a quarter; two who are expected.
        """
        tree, town = self.tree, self.town
        registered = [self.lives_here(17), self.lives_here(22)]
        tree.add("expected", self.lives_here(20), self.lives_here(21))
        now = town.clock.now()
        with town.app.worker.begin() as tx:
            first, second = (
                double_reports.register(tx, tree.community, case, None, now) for case in registered
            )
            posts = [
                double_reports.open_post(tx, tree.community, f"{tree.mark} {title}", 2, now)
                for title in ("楼道长", "河长")
            ]
            held = double_reports.claim(tx, tree.community, first, posts[0], now)
            service = double_reports.Service(now.date(), 60, f"{tree.mark} 打扫")
            double_reports.serve(tx, tree.community, held, service, None, now)
            tx.exec_driver_sql(
                "INSERT INTO service_card (report, quarter, minutes, lines, made_at) "
                "VALUES (%s, '2026Q3', 60, '[]', %s)",
                (first, now),
            )
        tree.add("report", first, second)
        tree.add("post", *posts)
        tree.add("claim", held)

    def review(self) -> None:
        """A posted person who may be either of two namesakes, and one whom a person has matched."""
        tree = self.tree
        for number in (1, 2):
            event = self.post(
                f"{tree.mark}-doubt-{number}",
                "departure.effective",
                {
                    "person": {"name": tree.name(NAMESAKES[0]), "phone": tree.phone(97)},
                    "category": "layoff",
                },
            )
            decision = "SELECT decision FROM identification WHERE event_id = %s::uuid"
            assert self.one(decision, event) == "review"
            tree.add("review", f"{event}:0")
        tree.add("candidate", *(tree.member(number) for number in NAMESAKES))
        tree.add("matched", f"{self.events[0]}:0")

    def tree_change(self) -> None:
        """A change of an organisation that waits for its day."""
        tree = self.tree
        ident = f"{tree.mark}-tree-change"
        change = {
            "organisation": tree.neighbour,
            "name": f"中共{tree.prefix}改名社区总支部",
            "effective_on": "2026-12-20",
        }
        self.post(ident, "organisation.changed", change, by=tree.department)
        tree.add("tree_event", ident)

    def noted(self) -> None:
        """What a branch noted of a member."""
        tree = self.tree
        self.post(
            f"{tree.mark}-contact",
            "contact.attempt",
            {
                "person": {"member": tree.member(15), "name": tree.name(15)},
                "on": self.town.clock.now().date().isoformat(),
                "reached": True,
                "channel": "phone",
            },
            by=tree.branch,
        )
        tree.add("noted_event", f"{tree.mark}-contact")

    def papers(self) -> None:
        """Letters with numbers and codes, and scans of receipts."""
        tree = self.tree
        case = tree.case_in["letter_issued"]
        tree.add(
            "letter", self.one("SELECT letter_number FROM transfer_case WHERE id = %s::uuid", case)
        )
        tree.add("token", self.one("SELECT token FROM counterfoil WHERE case_id = %s::uuid", case))
        for number in (23, 24):
            self.scan(self.leaves(number, "send_receipt"))
        tree.case_in["receipt_sent"] = tree.objects["case_of_scan"][0]

    def scan(self, case: str) -> None:
        """A photo of a paper receipt, filed to the counterfoil of a case."""
        tree, town = self.tree, self.town
        picture = io.BytesIO()
        Image.new("RGB", (40, 40), "white").save(picture, "PNG")
        clean = scans.cleaned(picture.getvalue())
        with town.app.worker.begin() as tx:
            organisation, number = tx.exec_driver_sql(
                "SELECT organisation, number FROM counterfoil WHERE case_id = %s::uuid", (case,)
            ).one()
            by, now = f"{tree.surname}经办", town.clock.now()
            counterfoil = Counterfoil(organisation, number, case)
            scan = photos.file_photo(tx, counterfoil, clean, tree.committee, by, now)
        tree.add("scan", scan)
        tree.add("case_of_scan", case)

    def records(self) -> None:
        """A roll compared, and a rule of the department's own."""
        tree, town = self.tree, self.town
        now = town.clock.now()
        with town.app.worker.begin() as tx:
            directory = Directory.of(tx)
            fields = {
                "destination": tree.street,
                "area": tree.prefix,
                "from": "2026-12-01",
                "source": f"{tree.mark} 文件",
            }
            rules = [overrides.read(fields, tree.department, directory, now) for _ in range(2)]
            overrides.keep(tx, rules, directory, f"{tree.surname}干部")
            committee = directory.get(tree.committee)
        tree.add("rule", *(rule.id for rule in rules))
        roll = roll_of(
            [
                {"name": tree.name(0), "id_number": tree.id_number(0)},
                {
                    "name": f"{tree.surname}路人",
                    "id_number": county_service.id_number(tree.first + 90),
                },
            ]
        )
        tree.add("comparison", compared(town, committee, roll, tree.committee, now))
        with town.app.worker.begin() as tx:
            tree.add(
                "row",
                *(
                    one["position"]
                    for one in comparisons.lines_of(tx, tree.objects["comparison"][0], "not_here")
                ),
            )

    def accounts(self) -> None:
        """Persons who sign in, and keys of their systems."""
        tree, now = self.tree, self.town.clock.now()
        with self.town.app.worker.begin() as tx:
            for number in (1, 2):
                name = f"{tree.mark}账户{number}"
                create_account(tx, tree.committee, "clerk", name, now, "a-long-pass-2026")
                create_key(tx, tree.committee, "sender", now)
        tree.add(
            "account",
            *self.all_of("SELECT id FROM account WHERE organisation = %s", tree.committee),
        )
        tree.add(
            "key", *self.all_of("SELECT id FROM api_key WHERE organisation = %s", tree.committee)
        )

    def dead_letter(self) -> None:
        """A message about an event of the county that could not be handled."""
        tree, town = self.tree, self.town
        message = Message(
            uuid4(),
            "departures",
            "guidui.event.posted.v1",
            f"{tree.mark}-key",
            town.clock.now(),
            {"event": self.events[0]},
        )
        with town.app.worker.begin() as tx:
            dead_letters.put(
                tx,
                "matcher",
                message,
                Text(f"{tree.mark} 读不懂。", f"{tree.mark} cannot be read."),
                town.clock.now(),
            )
        tree.add(
            "dead_letter", self.one("SELECT id FROM dead_letter WHERE event_id = %s", message.id)
        )


def compared(town: Town, organisation: Any, roll: Any, by: str, now: Any) -> str:
    """A comparison, made as the portal makes it."""
    from services.matcher.people import People
    from services.matcher.roster import identify_roll

    people = People()
    return str(
        comparisons.compare(
            town.app.worker,
            lambda tx, lines, seen: identify_roll(tx, people, lines, seen),
            town.app.rule_source,
            comparisons.Upload(organisation=organisation, roll=roll, by=by),
            now,
        )
    )


def turn(town: Town, **by: int) -> None:
    """Turns the clock and lets everything happen."""
    town.clock.advance_to(town.clock.now() + timedelta(**by))
    town.settle()


def tables(tx: Connection) -> Iterable[str]:
    """Every table of the database."""
    return (
        tx.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> "
            "'alembic_version' "
            "ORDER BY 1"
        )
        .scalars()
        .all()
    )


def let_anything_in(tx: Connection, name: str) -> None:
    """Takes checks and triggers off a table: who sees a row is asked, whatever is in it."""
    for kept in (
        tx.exec_driver_sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass "
            "AND contype IN ('c', 'f')",
            (name,),
        )
        .scalars()
        .all()
    ):
        tx.exec_driver_sql(f'ALTER TABLE {name} DROP CONSTRAINT "{kept}"')
    tx.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
