"""The demo: a real county's places, made-up people, two months of moves in every state, and
sign-ins to look at them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.departures import SOURCE_PREFIX
from services.app import HANDLERS, App
from services.cases.commands.apply import Acting, GivenCommand, apply
from services.cases.deadlines import clock as case_clock
from services.intake.parse import parse
from services.intake.store import accept
from services.kit.bus.tailer import Tailers
from services.kit.clock import TurnedClock
from services.kit.db.engine import rows
from services.kit.errors import CannotStart, Refused
from services.portal.accounts import create_account
from services.registry.access import Caller, create_key
from services.registry.directory import Directory
from services.tools.demo_county import demo_county, load_demo
from services.tools.demo_scenes import departure, played

UNIT, DEPARTMENT = "620104030100", "620104010001"
STREET, COMMUNITY, NEIGHBOUR = "620104020100", "620104020101", "620104020102"
UNIT_BRANCH, COMMUNITY_BRANCH = "620104030107", "620104110101"
# organisation, role, name, what waits for them; README.md and README.zh-CN.md tell the same
PEOPLE = (
    (UNIT_BRANCH, "secretary", "支部书记", "示例石化机械集团离退休第二支部：确认去向、报送转出"),
    (UNIT, "clerk", "单位经办人", "示例石化机械集团：报送离开的党员，开介绍信，核对存疑的人"),
    (
        COMMUNITY,
        "secretary",
        "社区书记",
        "西固中路社区：登记报到、编入支部、答复询问、双报到、流动党员、核对存疑的人",
    ),
    (COMMUNITY_BRANCH, "secretary", "社区支部书记", "西固中路社区第一支部：与新来的党员谈话"),
    (NEIGHBOUR, "secretary", "邻社区书记", "西固东路社区：只看得到自己的，有人要编入支部"),
    (STREET, "secretary", "街道书记", "陈坪街道党工委：接收、寄回执"),
    (DEPARTMENT, "department", "组织部干部", "西固区委组织部：裁定，以及谁还没有落实、多久了"),
)
DAYS = 62
ESTATES = ("金城花苑", "河滨新苑", "玉门小区", "福利花园", "康乐佳苑", "先锋家园")
"""Made-up estates, so that acceptances teach where they lie."""
# how far each made-up move has come: the commands it has seen, each so many days after the one
# before
ROAD = (
    ("confirm_destination", 2),
    ("submit", 1),
    ("issue_letter", 2),
    ("record_arrival", 9),
    ("accept", 3),
    ("place", 2),
    ("record_talk", 2),
    ("send_receipt", 2),
    ("record_receipt", 3),
)


def ensure_demo(app: App, say: Callable[[str], None]) -> None:
    """Loads the demo on the first start of a data directory; later it changes nothing."""
    kept = _kept(app)
    if kept.exists():
        return
    _refuse_what_is_no_demo(app)
    say("guidui: loading the demo county (西固区: real places, made-up people)")
    load_demo(app.worker, app.clock)
    say("guidui: playing two months of moves")
    _play(app)
    with app.worker.begin() as tx:
        at = app.clock.now()
        sign_in = [
            {
                "organisation": code,
                "name": name,
                "about": about,
                "password": create_account(tx, code, role, name, at, _password(code)),
            }
            for code, role, name, about in PEOPLE
        ]
        key = create_key(tx, UNIT, "sender", at)
        member = rows(
            tx,
            """SELECT m.name, m.id_number, m.birth_date::text AS born FROM member m
                             WHERE m.path LIKE :unit AND NOT EXISTS (SELECT FROM transfer_case c
                               WHERE c.member = m.member) ORDER BY m.member DESC LIMIT 1""",
            {"unit": f"%{UNIT}.%"},
        )[0]
    draft = kept.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"sign_in": sign_in, "key": key, "member": dict(member)}, out, ensure_ascii=False)
    draft.replace(kept)


def _refuse_what_is_no_demo(app: App) -> None:
    """Made-up people are never mixed with real ones."""
    with app.worker.connect() as tx:
        present = rows(
            tx,
            "SELECT name FROM organisation WHERE code <> ALL (:demo) LIMIT 1",
            {"demo": [organisation["code"] for organisation in demo_county().organisations]},
        )
    if present:
        raise CannotStart(
            f"this database holds organisations that are no demo ({present[0].name}): start "
            f"without --demo, "
            "or name an empty data directory with --data"
        )


def sign_ins(app: App, port: int) -> str:
    """Who can sign in to the demo, and one line that posts a departure."""
    kept = json.loads(_kept(app).read_text("utf-8"))
    lines = [
        "",
        f"打开 http://127.0.0.1:{port} ，用下面任何一个账号登录（演示数据，人名、单位均为虚构）：",
    ]
    for account in kept["sign_in"]:
        whose = f"{account['organisation']}  {account['name']}"
        lines.append(f"  {whose}  密码 {account['password']}    {account['about']}")
    lines += ["", "报送一次离开（a departure, as one line):", curl(kept, port), ""]
    return "\n".join(lines)


def curl(kept: dict[str, Any], port: int) -> str:
    """A command line that posts the departure of a demo member."""
    person = kept["member"]
    event = {
        "specversion": "1.0",
        "type": "guidui.labour_relation.ended.v1",
        "source": SOURCE_PREFIX + UNIT,
        "id": "demo-1",
        "data": {
            "person": {"name": person["name"], "id_number": person["id_number"]},
            "to": {"address": "甘肃省兰州市西固区陈坪街道西固中路社区8号楼"},
            "circumstances": {"labour_relation": "ended", "handover": "dispersed"},
        },
    }
    body = json.dumps(event, ensure_ascii=False)
    return (
        f"curl -sS http://127.0.0.1:{port}/v1/events -H 'Authorization: Bearer {kept['key']}' "
        f"-H 'Content-Type: application/cloudevents+json' -d '{body}'"
    )


def _kept(app: App) -> Path:
    assert app.settings is not None  # the demo is shown by a process that has settings
    return app.settings.data / "demo.json"


def _password(code: str) -> str:
    return f"guidui-{code[-6:]}"


def _play(app: App) -> None:
    """Plays the moves on a clock that ends now."""
    now = app.clock.now()
    clock = TurnedClock(now - timedelta(days=DAYS))
    past = App(
        app.web,
        app.acts,
        app.worker,
        app.secret,
        app.cache,
        clock,
        app.rule_source,
        app.settings,
        app._gazetteer,
    )
    tailers = Tailers(app.worker, [make(past) for make in HANDLERS.values()], clock)
    plans = sorted(_plans(past, clock.now()), key=lambda plan: plan[0])
    for at, act in plans:
        if at >= now:
            break
        _turn(past, clock, tailers, at)
        act()
        tailers.drain()
    _turn(past, clock, tailers, now)


def _turn(app: App, clock: TurnedClock, tailers: Tailers, to: datetime) -> None:
    while True:
        with app.worker.connect() as tx:
            due = case_clock.next_at(tx, clock.now())
        if due is None or due > to:
            break
        clock.advance_to(due)
        case_clock.tick(app.worker, clock, app.rule_source)
        tailers.drain()
    clock.advance_to(max(to, clock.now()))
    case_clock.tick(app.worker, clock, app.rule_source)
    tailers.drain()


def _plans(app: App, start: datetime) -> Iterator[tuple[datetime, Callable[[], None]]]:
    """(when, what) of every made-up event and command: members of the units leave for communities
    of the county.
    """
    with app.worker.connect() as tx:
        leaving = rows(
            tx,
            """SELECT member, name, id_number, organisation FROM (
            SELECT m.*, row_number() OVER (PARTITION BY organisation ORDER BY member) AS n
                FROM member m
            JOIN organisation o ON o.code = m.organisation
            WHERE o.unit IN ('enterprise_state', 'enterprise_private', 'school', 'institution')
              AND m.standing = 'normal' AND m.id_number IS NOT NULL) x
            WHERE n <= 3 ORDER BY n, member LIMIT 48""",
        )
        homes = rows(
            tx,
            """SELECT o.code, o.area, o.name FROM organisation o WHERE o.unit = 'community'
                            AND o.kind = 'general_branch' ORDER BY o.code""",
        )
    yield from _in_doubt(app, start + timedelta(days=DAYS - 2, hours=9))
    yield from played(app, start + timedelta(days=DAYS), _post, _command)
    for number, person in enumerate(leaving):
        home = homes[0] if number % 4 == 0 else homes[number % len(homes)]
        yield from _journey(
            app,
            start + timedelta(days=number % 40, hours=9, minutes=number),
            number,
            person,
            home,
        )


def _journey(app: App, begin: datetime, number: int, person: Any, home: Any):
    ident = f"demo-{number:03d}"
    source = SOURCE_PREFIX + person.organisation
    kinds = (
        ("guidui.retirement.scheduled.v1", {"retiree_branch": False, "lives_locally": False}),
        ("guidui.labour_relation.ended.v1", {"labour_relation": "ended", "handover": "dispersed"}),
        ("guidui.residence.changed.v1", {"unit_has_organisation": False}),
    )
    kind, circumstances = kinds[number % 3]
    with app.worker.connect() as tx:
        parts = home.area[:6], home.area[:9], home.area
        names = [
            rows(tx, "SELECT name FROM division WHERE code = :c", {"c": c})[0].name for c in parts
        ]
    address = f"甘肃省兰州市{''.join(names)}{_estate(home)}{number % 30 + 1}号楼"
    event = departure(kind, source, ident, begin, person, address)
    event["data"]["circumstances"] = circumstances
    yield begin, lambda: _post(app, source.removeprefix(SOURCE_PREFIX), event)
    at = begin
    for command, days in ROAD[: (number * 7) % (len(ROAD) + 1)]:
        at += timedelta(days=days)
        yield at, lambda command=command: _command(app, source, ident, command)


def _estate(home: Any) -> str:
    return ESTATES[int(home.code) % len(ESTATES)]


def _in_doubt(app: App, begin: datetime) -> Iterator[tuple[datetime, Callable[[], None]]]:
    """Four members of the unit of whom something is missing: where they went, or who they are."""
    with app.worker.connect() as tx:
        first, second, third, fourth, other = rows(
            tx,
            """
            SELECT name, id_number, phone FROM member WHERE path LIKE :unit AND standing = 'normal'
                AND phone IS NOT NULL
              AND id_number IS NOT NULL ORDER BY member LIMIT 5 OFFSET 40""",
            {"unit": f"%{UNIT}.%"},
        )
        estate = _estate(
            rows(tx, "SELECT code FROM organisation WHERE code = :c", {"c": COMMUNITY})[0]
        )
    statements = (
        ({"name": first.name, "id_number": first.id_number}, "随女儿生活，住址待定"),
        ({"name": second.name, "id_number": second.id_number}, f"甘肃省兰州市西固区{estate}6号楼"),
        ({"name": third.name, "phone": other.phone}, "甘肃省兰州市西固区四季青街道"),
        ({"name": fourth.name, "phone": first.phone}, "甘肃省兰州市西固区福利路街道"),
    )
    for number, (person, address) in enumerate(statements):
        event = {
            "specversion": "1.0",
            "type": "guidui.residence.changed.v1",
            "source": SOURCE_PREFIX + UNIT,
            "id": f"demo-doubt-{number}",
            "time": begin.isoformat(),
            "data": {
                "person": person,
                "to": {"address": address},
                "circumstances": {"unit_has_organisation": False},
            },
        }
        yield begin + timedelta(minutes=number), lambda event=event: _post(app, UNIT, event)


def _post(app: App, code: str, event: dict[str, Any]) -> None:
    with app.worker.begin() as tx:
        path = Directory.of(tx).path(code)
        accept(
            tx,
            Caller(code, path, "sender"),
            [parse(event, app.secret, app.clock.now())],
            app.clock.now(),
        )


def _command(
    app: App,
    source: str,
    ident: str,
    command: str,
    by: str | None = None,
    given: dict[str, Any] | None = None,
) -> None:
    """Gives the command as whoever is waited for, or as `by`, with the fields it needs."""
    with app.worker.begin() as tx:
        cases = rows(
            tx,
            """SELECT c.id::text AS id, c.state, c.origin, c.origin_committee, c.destination,
                c.header, c.receiving_committee, c.branch, c.wait_organisation FROM transfer_case c
                JOIN statement x ON x.case_id = c.id
            WHERE x.source = :source AND x.ext_id = :id""",
            {"source": source, "id": ident},
        )
        if not cases:
            return
        case, day = cases[0], app.clock.now().date()
        directory = Directory.of(tx)
        branch = next((o.code for o in directory if o.parent == case.destination), case.destination)
        by = by or {
            "record_talk": case.branch,
            "send_receipt": case.receiving_committee,
            "accept": case.receiving_committee,
        }.get(command, case.wait_organisation)
        args: dict[str, Any] = given or {
            "confirm_destination": {"member_informed": True},
            "submit": {"dues_paid_to": day.strftime("%Y-%m")},
            "issue_letter": {"channel": "both"},
            "record_arrival": {},
            "accept": {},
            "place": {"branch": branch},
            "record_talk": {"on": day.isoformat()},
            "send_receipt": {"handler": "经办人", "phone": "0931-7550000"},
            "record_receipt": {},
        }.get(command, {})
        try:
            caller = Caller(by, directory.path(by), "department")
            acting = Acting(caller, app.clock.now(), app.rule_source)
            apply(tx, acting, GivenCommand(case.id, command, args))
        except Refused:
            return
