"""Topic `tasks`: a clock opened or closed tasks, with or without a case. Nothing personal."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime

from schemas.cases import Body, TaskOpened


class TasksOpened(Body):
    """`member` is our reference of a member, where the task is not a case's."""

    case: UUID | None
    member: str | None
    at: AwareDatetime
    tasks_opened: list[TaskOpened]
    tasks_closed: list[UUID]
