"""The cast of the notifier's tests, and what they do."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from schemas.envelope import Message
from services.kit.clock import TurnedClock
from services.kit.db.engine import rows
from services.notifier.channels import ChannelError, Notice
from services.notifier.handlers import notifier

DISTRICT, STREET, COMMUNITY, NEIGHBOUR, UNIT = (
    "110105000001",
    "110105020001",
    "110105020011",
    "110105020012",
    "110105010001",
)
NAMES = {
    DISTRICT: "中共蓉江区委员会",
    STREET: "中共南里街道工作委员会",
    COMMUNITY: "中共十里堡南里社区委员会",
    NEIGHBOUR: "中共十里堡北里社区委员会",
    UNIT: "中共蓉江机械有限公司委员会",
}
PARENTS = {DISTRICT: None, STREET: DISTRICT, COMMUNITY: STREET, NEIGHBOUR: STREET, UNIT: DISTRICT}


class Town:
    """The database of a test, with the few acts the tests need."""

    def __init__(self, engine: Engine, clock: TurnedClock) -> None:
        self.engine, self.clock = engine, clock
        self.handle = notifier(clock)

    def build(self) -> None:
        for code, parent in PARENTS.items():
            self._insert(
                "organisation",
                code=code,
                path=self.path(code),
                name=NAMES[code],
                kind="basic_committee",
                unit="community",
                parent=parent,
            )

    def path(self, code: str) -> str:
        parent = PARENTS[code]
        return (self.path(parent) if parent else "") + code + "."

    def contact(
        self,
        organisation: str,
        email: str | None,
        *,
        channel: str = "email",
        until: date | None = None,
        bounced: int = 0,
    ) -> UUID:
        ident = uuid4()
        self._insert(
            "contact",
            id=ident,
            organisation=organisation,
            path=self.path(organisation),
            name="王敏",
            post="secretary",
            phone="13912340421",
            email=email,
            channel=channel,
            until=until,
            bounced_count=bounced,
        )
        return ident

    def opened(
        self,
        organisation: str,
        kind: str = "acceptance",
        act: str = "accept",
        due_on: date | None = None,
        case: UUID | None = None,
    ) -> Message:
        """A task opens: its row is there, as the case commit leaves it, and the message that tells
        of it.
        """
        task, case = uuid4(), case or uuid4()
        self._insert(
            "task",
            id=task,
            case_id=case,
            kind=kind,
            act=act,
            organisation=organisation,
            path=self.path(organisation),
            due_on=due_on,
            opened_at=self.clock.now(),
        )
        body = {
            "id": str(task),
            "kind": kind,
            "act": act,
            "organisation": organisation,
            "due_on": due_on.isoformat() if due_on else None,
        }
        return self.message(case, [body], [])

    def closed(self, opened: Message) -> Message:
        """The task of that message is done."""
        ids = [task["id"] for task in opened.body["tasks_opened"]]
        with self.engine.begin() as tx:
            tx.execute(
                text("UPDATE task SET closed_at = :now WHERE id = ANY(CAST(:ids AS uuid[]))"),
                {"now": self.clock.now(), "ids": ids},
            )
        return self.message(UUID(opened.key), [], ids)

    def opened_again(self, opened: Message) -> Message:
        """The same task stands once more."""
        ids = [task["id"] for task in opened.body["tasks_opened"]]
        with self.engine.begin() as tx:
            tx.exec_driver_sql(
                "UPDATE task SET closed_at = NULL WHERE id = ANY(%s::uuid[])", (ids,)
            )
        return self.message(UUID(opened.key), opened.body["tasks_opened"], [])

    def message(self, case: UUID, opened: list[dict], closed: list[str]) -> Message:
        now = self.clock.now()
        body = {
            "case": str(case),
            "at": now.isoformat(),
            "tasks_opened": opened,
            "tasks_closed": closed,
        }
        return Message(uuid4(), "cases", "guidui.case.moved.v1", str(case), now, body)

    def hear(self, *messages: Message) -> None:
        """The notifier's handler gets a batch."""
        with self.engine.begin() as tx:
            self.handle(tx, messages)

    def notices(self, organisation: str | None = None, **where) -> list[dict]:
        """Notices told to an organisation, or all, as dictionaries."""
        with self.engine.begin() as tx:
            found = [dict(row) for row in rows(tx, "SELECT * FROM notice ORDER BY due_at, id")]
        found = [n for n in found if organisation in (None, n["recipient"])]
        return [n for n in found if all(n[k] == v for k, v in where.items())]

    def _insert(self, table: str, **row) -> None:
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        with self.engine.begin() as tx:
            tx.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)

    def attempts(self) -> list[dict]:
        with self.engine.begin() as tx:
            return [
                dict(row)
                for row in rows(tx, "SELECT * FROM notice_attempt ORDER BY started_at, id")
            ]


class Postman:
    """A channel that keeps what it is given; `trouble` is raised instead, one after the other,
    until none is left.
    """

    disturbs = True

    def __init__(self, *trouble: ChannelError) -> None:
        self.trouble = list(trouble)
        self.taken: list[Notice] = []

    def send(self, notice: Notice) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.taken.append(notice)
