"""A province of any size for `guidui bench portal` and `bench audit`: its tree, its members, a year
of its transfers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import Connection

from services.cases.deadlines import tasks as deadlines
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext
from services.cases.routing.rule_source import default_rules
from services.cluster.postgres import EmbeddedServer
from services.kit.db.engine import connect, dumps
from services.tools.bench.register import GIVEN, SURNAMES

TOP = "970000000000"
WIDTH = 10  # below each
MEMBERS_EACH = 25  # of a branch
AT_ONCE = 2_000
# state -> its share of a hundred cases of the last year
STANDING = {
    s.ANNOUNCED: 3,
    s.TRIAGED: 6,
    s.DESTINATION_CONFIRMED: 3,
    s.OUT_APPROVAL: 3,
    s.LETTER_ISSUED: 6,
    s.IN_TRANSIT: 8,
    s.LETTER_EXPIRED: 6,
    s.ARRIVED: 4,
    s.ACCEPTED: 4,
    s.PLACED: 3,
    s.RECEIPT_SENT: 4,
    s.MOVED: 50,
}
WITH_LETTER = (
    s.LETTER_ISSUED,
    s.IN_TRANSIT,
    s.LETTER_EXPIRED,
    s.ARRIVED,
    s.ACCEPTED,
    s.PLACED,
    s.RECEIPT_SENT,
    s.MOVED,
)
RECEIVED = (s.ACCEPTED, s.PLACED, s.RECEIPT_SENT, s.MOVED)

_MEMBERS = """
INSERT INTO member (member, organisation, path, name, status, standing)
SELECT 'v' || lpad((b.place * %(each)s + n)::text, 9, '0'), b.code, b.path,
       substr(%(names)s, 1 + (n * 7 + b.place)::int %% %(count)s, 3), 'full', 'normal'
FROM (SELECT code, path, row_number() OVER (ORDER BY code) AS place FROM organisation
    WHERE kind = 'branch') b,
     generate_series(1, %(each)s) AS n"""
_CASES = """
INSERT INTO transfer_case SELECT r.* FROM json_array_elements(%s::json) AS t (line),
    LATERAL jsonb_populate_record(NULL::transfer_case, t.line::jsonb) AS r"""
_TASKS = """
INSERT INTO task (id, case_id, kind, act, organisation, path, due_on, opened_at)
SELECT md5(case_id::text || kind || organisation || opened_at)::uuid, case_id, kind, act,
    organisation, path, due_on, opened_at
FROM json_to_recordset(%s::json) AS k (case_id uuid, kind text, act text, organisation text,
    path text, due_on date,
    opened_at timestamptz)"""
_PERSONS = """
INSERT INTO case_person (case_id, name, sex) SELECT c.id, m.name, 'male' FROM transfer_case c
    JOIN member m USING (member)"""
_HISTORY = """
INSERT INTO case_event (case_id, seq, at, by_organisation, command, to_state, change)
SELECT id, 1, opened_at, poster, 'open', state, '{}' FROM transfer_case"""


@dataclass(frozen=True, slots=True)
class Province:
    """How large it is, and one line of it from top to bottom: codes of province, city, county,
    street, community, branch.
    """

    organisations: int
    members: int
    cases: int
    line: tuple[str, ...]


def fill(server: EmbeddedServer, branches: int, cases: int, now: datetime) -> Province:
    """Fills an empty database of the newest schema: ``branches`` with 25 members each, ``cases`` of
    the last year.
    """
    owner = connect(server.owner_url(), None, connections_max=1)
    try:
        with owner.begin() as tx:
            for table in (
                "organisation",
                "member",
                "transfer_case",
                "case_event",
                "case_person",
                "task",
            ):
                tx.exec_driver_sql(
                    f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
                )  # COPY knows no policies
            for table in ("member", "transfer_case", "case_event", "task"):
                tx.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            organisations = _copied(tx, _tree(branches))
            names = "".join(c for c in SURNAMES if not c.isdigit()) + GIVEN
            members = tx.exec_driver_sql(
                _MEMBERS, {"each": MEMBERS_EACH, "names": names, "count": len(names) - 3}
            ).rowcount
            context = default_rules().context(tx, now)
            made = _cases(
                context,
                tx.exec_driver_sql(
                    "SELECT member, organisation FROM member ORDER BY md5(member) LIMIT %s",
                    (cases,),
                ).all(),
                now,
            )
            count = sum(
                _written(tx, part, context)
                for part in iter(lambda: list(islice(made, AT_ONCE)), [])
            )
            for sql in (_PERSONS, _HISTORY):
                tx.exec_driver_sql(sql)
            for table in ("member", "transfer_case", "case_event", "task"):
                tx.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            for table in (
                "organisation",
                "member",
                "transfer_case",
                "case_event",
                "case_person",
                "task",
            ):
                tx.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
            tx.exec_driver_sql("VACUUM (ANALYZE)")
            line = (
                tx.exec_driver_sql(
                    """SELECT rtrim(o.path, '.')
                    FROM organisation o
                    JOIN transfer_case c ON c.origin = o.code
                    GROUP BY o.path ORDER BY count(*) DESC, o.path LIMIT 1"""
                )
                .scalar_one()
                .split(".")
            )
    finally:
        owner.dispose()
    return Province(organisations, members, count, tuple(line))


def _tree(branches: int) -> Iterator[tuple]:
    """(code, path, name, kind, unit, parent, area, serves_area, authority): ten of each below the
    one above.
    """
    yield (
        TOP,
        f"{TOP}.",
        "中共某省委组织部",
        "organisation_department",
        "city",
        None,
        "99",
        True,
        True,
    )
    left, city = branches, 0
    while left > 0:
        for code, path, name, kind, unit, parent, area in _city(city):
            if kind == "branch":
                if not left:
                    break
                left -= 1
            yield (
                code,
                path,
                name,
                kind,
                unit,
                parent,
                area,
                kind != "branch",
                kind in ("organisation_department", "basic_committee"),
            )
        city += 1


def _city(number: int) -> Iterator[tuple]:
    area = f"99{number:02}"
    city = f"{area}00000000"
    yield (
        city,
        f"{TOP}.{city}.",
        f"中共某省第{number}市委组织部",
        "organisation_department",
        "city",
        TOP,
        area,
    )
    for place in range(WIDTH**3):
        county, street, community = place // 100, place // 10 % 10, place % 10
        county_area = f"{area}{county + 1:02}"
        street_area = f"{county_area}{street + 1:03}"
        above = f"{TOP}.{city}.{county_area}000000."
        if place % 100 == 0:
            yield (
                f"{county_area}000000",
                above,
                f"中共第{number}市第{county}县委组织部",
                "organisation_department",
                "county",
                city,
                county_area,
            )
        if place % 10 == 0:
            yield (
                f"{street_area}000",
                f"{above}{street_area}000.",
                f"中共第{county}县第{street}街道工作委员会",
                "basic_committee",
                "street",
                f"{county_area}000000",
                street_area,
            )
        code = f"{street_area}{community + 1:03}"
        path = f"{above}{street_area}000.{code}."
        yield (
            code,
            path,
            f"中共第{street}街道第{community}社区总支部委员会",
            "general_branch",
            "community",
            f"{street_area}000",
            code,
        )
        for branch in range(WIDTH):
            own = f"98{number:02}{place:04}{branch:04}"
            yield (
                own,
                f"{path}{own}.",
                f"第{community}社区第{branch}党支部",
                "branch",
                "community",
                code,
                None,
            )


def _copied(tx: Connection, lines: Iterable[tuple]) -> int:
    count = 0
    with tx.connection.cursor().copy(
        "COPY organisation (code, path, name, kind, unit, parent, area, serves_area, authority) "
        "FROM STDIN"
    ) as stream:
        for line in lines:
            stream.write_row(line)
            count += 1
    return count


def _cases(
    context: DecisionContext, leavers: Iterable[tuple[str, str]], now: datetime
) -> Iterator[Case]:
    """Each leaver's case where it stands: to a community of the same city, begun within the last
    year.
    """
    rng = random.Random(1)
    communities = sorted(
        o.code for o in context.directory if o.unit == "community" and o.kind == "general_branch"
    )
    by_city: dict[str, list[str]] = {}
    for code in communities:
        by_city.setdefault(code[:4], []).append(code)
    states, shares = list(STANDING), list(STANDING.values())
    for member, origin in leavers:
        state = rng.choices(states, shares)[0]
        opened = now - timedelta(days=rng.randrange(1, 365), minutes=rng.randrange(600))
        entered = opened + (now - opened) * rng.random()
        issued = opened.date() + timedelta(days=2) if state in WITH_LETTER else None
        destination = rng.choice(by_city[f"99{origin[2:4]}"])
        accepted = entered.date() if state in RECEIVED else None
        yield deadlines.settle(
            Case(
                id=str(UUID(int=rng.getrandbits(128), version=4)),
                state=state,
                seq=1,
                member=member,
                category="relocation",
                rule="B6",
                facts={"category": "relocation"},
                poster=origin,
                origin=origin,
                destination=destination,
                destination_source="address",
                area=destination,
                receiver=destination,
                branch=destination,
                opened_at=opened,
                entered_at=entered,
                touched_at=entered,
                counted_from=entered.date(),
                letter_number=f"{opened.year}-{rng.getrandbits(40)}" if issued else None,
                letter_issued_on=issued,
                letter_expires_on=issued + timedelta(days=30) if issued else None,
                first_issued_on=issued,
                letter_channel="system" if issued else None,
                letters=1 if issued else 0,
                letter_status=(
                    "used" if accepted else "expired" if state == s.LETTER_EXPIRED else "valid"
                )
                if issued
                else None,
                accepted_on=accepted,
                receipt_due_on=accepted + timedelta(days=30) if accepted else None,
                policy=context.policy.version,
            ),
            context,
        )


def _written(tx: Connection, cases: list[Case], context: DecisionContext) -> int:
    tx.exec_driver_sql(_CASES, (dumps([vars(case) for case in cases]),))
    tx.exec_driver_sql(
        _TASKS,
        (
            dumps(
                [
                    {
                        "case_id": case.id,
                        "kind": t.kind,
                        "act": t.act,
                        "organisation": t.organisation,
                        "path": context.directory.path(t.organisation),
                        "due_on": t.due_on,
                        "opened_at": t.opened_at,
                    }
                    for case in cases
                    for t in deadlines.tasks(case, context)
                ]
            ),
        ),
    )
    return len(cases)
