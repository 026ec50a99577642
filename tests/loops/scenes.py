"""For every part of every loop: three rows that are due, the middle one of which raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from services.cases.deadlines import tasks as deadlines
from services.cases.model import states
from services.cases.model.case import Case, Step
from services.cases.store import case_ids, tables
from services.cases.store.tables import Change
from services.kit.db.engine import dumps
from services.matcher.announcements import batch_of
from services.registry.directory import Directory
from services.registry.load import load_rows
from tests.records.test_walk_ins import post
from tests.stories import county_service
from tests.stories.county_service import BRANCH, COMMUNITY, NEIGHBOUR, SCHOOL, STREET, UNIT


@dataclass
class Scene:
    """Keys of three rows; the query that finds which are done (one column); how the bad one is
    healed.
    """

    keys: list[str]
    done: str
    heal: Callable[[], None]
    params: tuple = ()

    @property
    def bad(self) -> str:
        return self.keys[1]

    def is_done(self, town) -> set[str]:
        with town.app.worker.connect() as tx:
            return {str(key) for key in tx.exec_driver_sql(self.done, self.params).scalars()} & set(
                self.keys
            )


SCENES: dict[tuple[str, str], Callable[..., Scene]] = {}


def scene(loop: str, part: str) -> Callable:
    def keep(build: Callable[..., Scene]) -> Callable[..., Scene]:
        SCENES[loop, part] = build
        return build

    return keep


def days_pass(town, days: int) -> None:
    town.clock.advance_to(town.clock.now() + timedelta(days=days))


def path(town, code: str) -> str:
    with town.app.worker.connect() as tx:
        return Directory.of(tx).path(code)


@scene("clock", "cases")
def letters_run_out(town, poison, owner) -> Scene:
    cases = [town.leaves(n, "issue_letter") for n in range(3)]
    heal = poison("case_event", f"NEW.command = 'expire' AND NEW.case_id = '{cases[1]}'")
    days_pass(town, 120)
    return Scene(cases, "SELECT id FROM transfer_case WHERE state = 'letter_expired'", heal)


@scene("clock", "members")
def last_signs_are_old(town, poison, owner) -> Scene:
    """As it stood in databases: a day of life in the year 9999, after which no month can be
    counted.
    """
    members = [f"m{n:05}" for n in range(3)]
    for member, day in zip(members, ("2026-03-01", "9999-12-31", "2026-03-01"), strict=True):
        owner(
            "UPDATE member SET last_life_on = %s, wake_at = '-infinity' WHERE member = %s",
            day,
            member,
        )
    return Scene(
        members,
        "SELECT member FROM task WHERE kind = 'six_months' AND closed_at IS NULL",
        lambda: owner(
            "UPDATE member SET last_life_on = '2026-03-01' WHERE member = %s", members[1]
        ),
    )


def batch(town, ident: str) -> Case:
    with town.app.worker.begin() as tx:
        now = town.clock.now()
        rule_source = town.app.rule_source.context(tx, now)
        case = Case(
            id=ident,
            state=states.BULK_OPEN,
            seq=0,
            poster=UNIT,
            origin=BRANCH,
            category="layoff",
            opened_at=now,
            entered_at=now,
            touched_at=now,
            counted_from=now.date(),
        )
        [written] = tables.write(
            tx,
            [
                Change(
                    None,
                    deadlines.settle(deadlines.parts(case, rule_source), rule_source),
                    [Step("open_bulk", None, states.BULK_OPEN, UNIT)],
                )
            ],
            rule_source,
        )
    return written


def give_to_all(town, parent, detail: dict[str, Any]) -> None:
    """Writes an order to a batch as it stands in the history of its case."""
    step = Step("give_to_all", states.BULK_OPEN, states.BULK_OPEN, UNIT, detail["order"], detail)
    with town.app.worker.begin() as tx:
        now = town.clock.now()
        change = Change(parent, parent.replace(touched_at=now), [step])
        tables.write(tx, [change], town.app.rule_source.context(tx, now))


@scene("clock", "orders")
def orders_to_batches(town, poison, owner) -> Scene:
    """As it stood in databases: the first day of an order as an ISO week."""
    keys = []
    for start in (None, "2026-W48-8", "2026-11-23"):
        parent = batch(town, str(uuid4()))
        detail = {"order": "submit", "with": {"dues_paid_to": "2026-11"}, "start_on": start}
        give_to_all(town, parent, detail)
        keys.append(f"{parent.id}:2")
    return Scene(
        keys,
        "SELECT parent || ':' || seq FROM batch_done",
        lambda: owner(
            """UPDATE case_event
            SET detail = jsonb_set(detail, '{start_on}', '"2026-11-23"')
            WHERE case_id::text = %s
            AND command = 'give_to_all'""",
            keys[1].split(":")[0],
        ),
    )


@scene("clock", "orders_received")
def orders_of_receivers(town, poison, owner) -> Scene:
    keys = [str(uuid4()) for _ in range(3)]
    for key, command in zip(keys, ("accept", "nonsense", "accept"), strict=True):
        owner(
            "INSERT INTO batch_order (id, parent, organisation, path, command, args, at) VALUES "
            "(%s, %s, %s, %s, %s, '{}', %s)",
            key,
            uuid4(),
            STREET,
            path(town, STREET),
            command,
            town.clock.now(),
        )
    return Scene(
        keys,
        "SELECT id FROM batch_order WHERE done_at IS NOT NULL",
        lambda: owner("UPDATE batch_order SET command = 'accept' WHERE id::text = %s", keys[1]),
    )


@scene("erase", "persons")
def persons_who_are_no_members(town, poison, owner) -> Scene:
    events = [str(uuid4()) for _ in range(3)]
    for event in events:
        owner(
            "INSERT INTO identification (event_id, position, path, decision, model, decided_at, "
            "candidates) "
            "VALUES (%s, 0, %s, 'not_a_member', 'm', %s, '[]')",
            event,
            path(town, UNIT),
            town.clock.now(),
        )
    heal = poison("identification", f"NEW.event_id = '{events[1]}'")
    return Scene(
        [f"{event}:0" for event in events],
        "SELECT event_id || ':' || position FROM identification WHERE erased_at IS NOT NULL",
        heal,
    )


@scene("erase", "empty_batches")
def batches_that_brought_nobody(town, poison, owner) -> Scene:
    keys, source = [], f"urn:guidui:organisation:{UNIT}"
    for name in "abc":
        owner(
            """INSERT INTO posted_event (id, source, ext_id, organisation, path, type, time,
                received_at, data, body_hmac, persons, batch)
            VALUES (%s, %s, %s, %s, %s, 't', %s, %s, '{}', 'h', 0, %s)""",
            uuid4(),
            source,
            f"e-{name}",
            UNIT,
            path(town, UNIT),
            town.clock.now(),
            town.clock.now(),
            name,
        )
        plain = batch_of(source, name)
        with town.app.worker.begin() as tx:
            ident = case_ids.read(tx, [plain]).of(plain)
        keys.append(batch(town, ident).id)
    heal = poison("case_event", f"NEW.command = 'close_bulk' AND NEW.case_id = '{keys[1]}'")
    days_pass(town, 40)
    return Scene(keys, "SELECT id FROM transfer_case WHERE state = 'bulk_closed'", heal)


def notices(town, owner, closed: bool) -> tuple[list[str], list[str]]:
    """Three notices to contacts of their own, of tasks that stand or are closed; (notices,
    contacts).
    """
    found = []
    for _ in range(3):
        task, contact, notice = str(uuid4()), str(uuid4()), str(uuid4())
        now = town.clock.now()
        owner(
            "INSERT INTO contact (id, organisation, path, name, post, channel) VALUES (%s, %s, "
            "%s, '某', 'clerk', 'portal')",
            contact,
            COMMUNITY,
            path(town, COMMUNITY),
        )
        owner(
            "INSERT INTO task (id, kind, act, organisation, path, opened_at, closed_at) VALUES "
            "(%s, 'triage', 'triage', %s, %s, %s, %s)",
            task,
            COMMUNITY,
            path(town, COMMUNITY),
            now,
            now if closed else None,
        )
        owner(
            """INSERT INTO notice (id, task, stage, kind, act, organisation, recipient, path,
                contact, channel, urgent, state, due_at)
            VALUES (%s, %s, 'opened', 'triage', 'triage', %s, %s, %s, %s, 'portal', false,
                'waiting', %s)""",
            notice,
            task,
            COMMUNITY,
            COMMUNITY,
            path(town, COMMUNITY),
            contact,
            now,
        )
        found.append((notice, contact))
    return [notice for notice, _ in found], [contact for _, contact in found]


@scene("delivery", "mails")
def notices_are_due(town, poison, owner) -> Scene:
    keys, contacts = notices(town, owner, closed=False)
    heal = poison("notice_attempt", f"NEW.contact = '{contacts[1]}'")
    return Scene(keys, "SELECT id FROM notice WHERE state = 'sent'", heal)


@scene("settle", "notices")
def notices_of_closed_tasks(town, poison, owner) -> Scene:
    keys, _ = notices(town, owner, closed=True)
    heal = poison("notice", f"NEW.id = '{keys[1]}'")
    return Scene(keys, "SELECT id FROM notice WHERE acted_at IS NOT NULL", heal)


@scene("climb", "overdue")
def acts_are_overdue(town, poison, owner) -> Scene:
    """The superior of the middle one is not in the register."""
    orphan, keys = "330699010099", []
    owner(
        "INSERT INTO organisation (code, path, name, kind, unit) VALUES (%s, %s, '孤', 'branch', "
        "'organ')",
        orphan,
        f"999999010099.{orphan}.",
    )
    for code in (COMMUNITY, orphan, NEIGHBOUR):
        keys.append(str(uuid4()))
        owner(
            "INSERT INTO task (id, kind, act, organisation, path, due_on, opened_at) VALUES (%s, "
            "'triage', 'triage', %s, %s, %s, %s)",
            keys[-1],
            code,
            f"{code}.",
            date(2026, 11, 2),
            town.clock.now(),
        )
    return Scene(
        keys,
        "SELECT task FROM notice WHERE stage = 'overdue'",
        lambda: owner("UPDATE organisation SET path = %s WHERE code = %s", f"{orphan}.", orphan),
    )


@scene("records", "comparisons")
def rolls_are_a_day_old(town, poison, owner) -> Scene:
    keys = [str(uuid4()) for _ in range(3)]
    for key in keys:
        owner(
            "INSERT INTO comparison VALUES (%s, %s, %s, %s, %s, NULL, NULL, 0, 0, 0, 0, 0, 0, %s)",
            key,
            STREET,
            path(town, STREET),
            town.clock.now(),
            STREET,
            town.clock.now(),
        )
    heal = poison("comparison", f"NEW.id = '{keys[1]}'")
    return Scene(keys, "SELECT id FROM comparison WHERE erase_at IS NULL", heal)


@scene("records", "checks")
def september(town, poison, owner) -> Scene:
    days_pass(town, 290)
    with town.app.worker.connect() as tx:
        codes = [one.code for one in Directory.of(tx) if one.kind == "basic_committee"][:3]
    heal = poison("task", f"NEW.kind = 'reconciliation' AND NEW.organisation = '{codes[1]}'")
    return Scene(codes, "SELECT organisation FROM task WHERE kind = 'reconciliation'", heal)


@scene("records", "snapshots")
def months_are_over(town, poison, owner) -> Scene:
    town.leaves(0)
    days_pass(town, 75)
    heal = poison("snapshot", "NEW.day = '2026-12-31'")
    return Scene(
        ["2026-11-30", "2026-12-31", "2027-01-31"], "SELECT DISTINCT day FROM snapshot", heal
    )


@scene("records", "cards")
def a_quarter_is_over(town, poison, owner) -> Scene:
    reports = [str(uuid4()) for _ in range(3)]
    for report in reports:
        owner(
            "INSERT INTO double_report (id, member, name, organisation, path, unit, registered_at) "
            "VALUES (%s, %s, '某', %s, %s, %s, %s)",
            report,
            report,
            COMMUNITY,
            path(town, COMMUNITY),
            UNIT,
            town.clock.now(),
        )
    heal = poison("service_card", f"NEW.report = '{reports[1]}'")
    days_pass(town, 60)
    return Scene(
        [f"{report}:2026Q4" for report in reports],
        "SELECT report || ':' || quarter FROM service_card",
        heal,
    )


@scene("tree", "changes")
def changes_of_organisations(town, poison, owner) -> Scene:
    keys = []
    for code in (UNIT, STREET, SCHOOL):
        keys.append(str(uuid4()))
        owner(
            """INSERT INTO organisation_change (event, source, ext_id, by_organisation, path,
                organisation, founded, columns, time, effective_on, state, decided_at)
            VALUES (%s, 's', %s, %s, %s, %s, false, %s, %s, %s, 'waiting', %s)""",
            keys[-1],
            code,
            code,
            path(town, code),
            code,
            dumps({"address": "新址一号"}),
            town.clock.now(),
            town.clock.now().date(),
            town.clock.now(),
        )
    heal = poison("organisation", f"NEW.code = '{STREET}' AND NEW.address = '新址一号'")
    return Scene(keys, "SELECT event FROM organisation_change WHERE state = 'done'", heal)


@scene("tree", "ended")
def an_organisation_has_ended(town, poison, owner) -> Scene:
    cases = [town.leaves(n) for n in range(3)]
    owner(
        "UPDATE organisation SET effective_to = %s, successor = %s WHERE code = %s",
        town.clock.now().date(),
        SCHOOL,
        BRANCH,
    )
    days_pass(town, 1)
    heal = poison("case_event", f"NEW.command = 'tree_changed' AND NEW.case_id = '{cases[1]}'")
    return Scene(
        cases, "SELECT DISTINCT case_id FROM case_event WHERE command = 'tree_changed'", heal
    )


@scene("tree", "access")
def organisations_with_keys_have_ended(town, poison, owner) -> Scene:
    codes = [BRANCH, NEIGHBOUR, SCHOOL]
    for code in codes:
        town.key(code, "receiver")
    owner(
        "UPDATE organisation SET effective_to = %s WHERE code = ANY (%s)",
        town.clock.now().date(),
        codes,
    )
    days_pass(town, 1)
    heal = poison("api_key", f"NEW.organisation = '{NEIGHBOUR}'")
    return Scene(codes, "SELECT organisation FROM api_key WHERE revoked_at IS NOT NULL", heal)


@scene("walk_ins", "waiting")
def the_register_learns_of_walk_ins(town, poison, owner) -> Scene:
    people: list[dict[str, Any]] = [
        {"name": f"欧阳来客{n}", "id_number": county_service.id_number(700 + n)} for n in range(3)
    ]
    names = ("甲", "乙", "丙")
    for n, person in enumerate(people):
        person["name"] = f"欧阳来{names[n]}"
        post(
            town,
            COMMUNITY,
            "host.report",
            f"walk-in-{n}",
            person=person,
            **{"from": {"name": "某地某厂支部"}},
        )
    assert (
        load_rows(
            town.app.worker,
            "members",
            [
                {
                    "member": f"m9000{n}",
                    "status": "full",
                    "standing": "normal",
                    "organisation": BRANCH,
                    **person,
                }
                for n, person in enumerate(people)
            ],
            town.clock,
        ).bad
        == 0
    )
    with town.app.worker.connect() as tx:
        cases = [
            str(i)
            for i in tx.exec_driver_sql(
                "SELECT id FROM transfer_case WHERE inflow ORDER BY opened_at, id"
            ).scalars()
        ]
    heal = poison("case_event", f"NEW.command = 'identify' AND NEW.case_id = '{cases[1]}'")
    return Scene(cases, "SELECT id FROM transfer_case WHERE member IS NOT NULL", heal)


@scene("keys", "members")
def other_rules_for_keys(town, poison, owner) -> Scene:
    members = [f"m{n:05}" for n in range(3)]
    owner("DELETE FROM member_key WHERE member = ANY (%s)", members)
    owner("UPDATE registry_version SET rules = 0 WHERE part = 'member_key'")
    heal = poison("member_key", f"NEW.member = '{members[1]}'")
    return Scene(members, "SELECT DISTINCT member FROM member_key", heal)
