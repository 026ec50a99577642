"""The department's page: who is unsettled and since when; every number opens the list that it
counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Connection

from services.cases.deadlines.calendar import Calendar
from services.cases.model import states
from services.cases.routing.decision_table import OPENING
from services.cases.views import pages, queries
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import PageRoute, language, render, signed_in
from services.portal.pages.sentences import OBSTACLES, TASKS, Speaker
from services.portal.sessions import Viewer
from services.records import reconciliation
from services.records.completeness import statement
from services.records.erasure import erasure
from services.registry.directory import Directory, Organisation

ROWS = 50
AGES = {
    "3": N_("3 天内"),
    "8": N_("4–8 天"),
    "30": N_("9–30 天"),
    "91": N_("1–3 个月"),
    "182": N_("3–6 个月"),
    "more": N_("半年以上"),
}
OLD = ("91", "182", "more")
FIGURES = (
    ("all", N_("未落实")),
    ("pocket", N_("口袋党员：信已过期")),
    ("pocket_early", N_("开信后久无音讯")),
    ("at_risk", N_("有失联风险")),
    ("expiring7", N_("7 天内到期")),
)
FORECAST = {
    "expiring7": N_("7 天内到期"),
    "expiring14": N_("14 天内到期"),
    "expiring30": N_("30 天内到期"),
}
CLASSES = {
    1: N_("外出务工经商"),
    2: N_("搬迁"),
    3: N_("退休后再就业"),
    4: N_("下岗、改制"),
    5: N_("毕业、退伍"),
    6: N_("流动人才"),
}
RECONCILED = {"announced": N_("已报离、无人报到"), "arrived": N_("已报到、无人报离")}
_NOT_BELOW = Text(
    "只能查看本组织及其以下的组织。",
    "You can only look at your own organisation and those below it.",
)
_NOT_YOURS = Text(
    "这一页供组织部门使用；您的事项在“列表”里。",
    "This page is for departments; your work is in the list.",
)


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class Figure:
    """A number that opens the list which it counts. ``name``: the filter's; ``label``: what it is
    called in the reader's language.
    """

    name: str
    label: str
    count: int
    link: str


@dataclass(frozen=True)
class FiguresBox:
    """Numbers of one kind under a title."""

    title: str
    figures: Sequence[Figure]


@dataclass(frozen=True, kw_only=True)
class DepartmentPage:
    """What the department's template reads.

    ``above``: the way down to the organisation shown; ``strip``: the numbers on top; ``ages``: how
    long the members have been gone; ``streets``: the organisations below, the most unsettled first;
    ``counted``: the open cases by state, task and reason; ``oldest``: who waits longest; ``work``
    and ``reviews``: how much waits for the department itself; ``intake`` and ``erased``: the day's
    statements on persons received, and on persons who are no members.
    """

    top: Organisation
    above: Sequence[Organisation]
    as_of: str
    members: int
    unsettled: int
    pocket: int
    strip: Sequence[Figure]
    ages: Sequence[Figure]
    streets: Sequence[Mapping[str, Any]]
    reconciled: Sequence[Figure]
    forecast: Sequence[Figure]
    counted: Sequence[FiguresBox]
    oldest: Sequence[Mapping[str, Any]]
    calendar: Calendar
    work: int
    reviews: int
    intake: Mapping[str, Any]
    erased: Mapping[str, Any]


@routes.get("/department", summary="Who is unsettled; role: department, admin")
def overview(
    request: Request, portal: ThisPortal, viewer: SignedIn, organisation: str = ""
) -> Response:
    """Who is unsettled below the viewer, counted, and the oldest of them by name."""
    now, speaker = portal.clock.now(), Speaker(language(request), portal.today)
    with portal.web.begin() as tx:
        top = scope(tx, viewer, organisation)
        counted = pages.overview(tx, now, top.code, portal.rule_source)
        audit = queries.audit(tx, now, top.code, portal.rule_source)
        boxes: dict[str, Any] = dict(
            top=top,
            above=above(tx, viewer, top),
            as_of=audit["as_of"],
            members=audit["members"],
            unsettled=counted.figures["all"],
            pocket=counted.figures["pocket"],
            strip=_strip(counted, top, viewer, speaker),
            ages=_ages(counted, top, viewer, speaker),
            streets=counted.below,
            reconciled=_reconciled(portal, tx, top, speaker),
            forecast=_forecast(audit, top, viewer, speaker),
            counted=_counted(audit, top, viewer, speaker),
            oldest=pages.unaffiliated(tx, now, top.code, limit=ROWS),
            calendar=portal.calendar(tx),
            work=pages.counts(tx, now, viewer.own_organisation, ["waiting"])["waiting"],
            reviews=portal.reviews_waiting(tx, viewer.caller),
        )
    # the desk of failed messages is counted too, and no page may read it
    with portal.worker.begin() as tx:
        page = DepartmentPage(
            **boxes,
            intake=statement(tx, portal.today, sorted(OPENING), top.path),
            erased=erasure(tx, now, top.path),
        )
    listed = ("unsettled", len(page.oldest))
    return render(portal, request, "department.html", viewer, listed=listed, old=OLD, **vars(page))


def _strip(
    counted: pages.Overview, top: Organisation, viewer: Viewer, speaker: Speaker
) -> list[Figure]:
    return [
        Figure(name, speaker.gettext(label), counted.figures[name], _link(top, viewer, only=name))
        for name, label in FIGURES
    ]


def _ages(
    counted: pages.Overview, top: Organisation, viewer: Viewer, speaker: Speaker
) -> list[Figure]:
    return [
        Figure(name, speaker.gettext(AGES[name]), count, _link(top, viewer, age=name))
        for name, count in counted.ages
    ]


def _reconciled(
    portal: Portal, tx: Connection, top: Organisation, speaker: Speaker
) -> list[Figure]:
    """How many stand on each list of what does not agree."""
    now, figures = portal.clock.now(), []
    for name, label in RECONCILED.items():
        pockets = reconciliation.PocketList(name, top.code, now, portal.rule_source)
        count = reconciliation.unreconciled_count(tx, pockets)
        link = "/reconciliation?" + urlencode({"list": name, "organisation": top.code})
        figures.append(Figure(name, speaker.gettext(label), count, link))
    return figures


def _forecast(
    audit: Mapping[str, Any], top: Organisation, viewer: Viewer, speaker: Speaker
) -> list[Figure]:
    """How many letters run out in the next days."""
    figures = []
    for name, label in FORECAST.items():
        count = audit["expiring"][name.removeprefix("expiring")]
        figures.append(Figure(name, speaker.gettext(label), count, _link(top, viewer, only=name)))
    return figures


def _counted(
    audit: Mapping[str, Any], top: Organisation, viewer: Viewer, speaker: Speaker
) -> list[FiguresBox]:
    """The open cases by what they wait for and why."""

    def box(
        title: str, key: str, counts: Mapping[str, int], word: Callable[..., str]
    ) -> FiguresBox:
        figures = []
        for name, count in counts.items():
            link = _link(top, viewer, **{key: name}, **_beside(key))
            figures.append(Figure(name, word(name), count, link))
        return FiguresBox(speaker.gettext(title), figures)

    def class_name(number: str) -> str:
        return speaker.gettext(CLASSES[int(number)])

    return [
        box(N_("按状态"), "state", audit["by_state"], speaker.state),
        box(N_("逾期的事项"), "task", audit["overdue_by_task"], speaker.task),
        box(N_("按离开的原因"), "category", audit["by_category"], speaker.category),
        box(N_("为何还没有转"), "obstacle", audit["by_obstacle"], speaker.reason),
        box(N_("流动党员六类"), "floating", audit["by_floating_class"], class_name),
    ]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which cases the list behind a number shows; a value that there is not chooses nothing."""

    organisation: str = ""
    only: str = "all"
    state: str = ""
    category: str = ""
    age: str = ""
    obstacle: str = ""
    floating: Annotated[int, Query(ge=0, le=6)] = 0
    task: str = ""

    def chosen(self) -> dict[str, Any]:
        """The values of the query that there are, as the list takes them."""
        return {
            "only": self.only if self.only in pages.FILTERS else "all",
            "state": self.state if self.state in states.STATES else None,
            "category": self.category if self.category in states.CATEGORIES else None,
            "age": self.age if self.age in AGES else None,
            "obstacle": self.obstacle if self.obstacle in OBSTACLES else None,
            "floating": self.floating or None,
        }


@routes.get("/department/list", summary="The list behind a number; role: department, admin")
def behind(
    request: Request,
    portal: ThisPortal,
    asked: Annotated[ListQuery, Depends()],
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    printed: Annotated[bool, Query(alias="print")] = False,
) -> Response:
    """A page of the list behind one number of the overview."""
    viewer, now = signed_in(portal, request), portal.clock.now()
    offset = (page - 1) * ROWS
    chosen = asked.chosen() | {"rule_source": portal.rule_source}
    task = asked.task if asked.task in TASKS else None
    with portal.web.begin() as tx:
        top = scope(tx, viewer, asked.organisation)
        if task:
            audit = queries.audit(tx, now, top.code, portal.rule_source)
            count = audit["overdue_by_task"].get(task, 0)
            rows = pages.overdue_tasks(tx, now, top.code, task, limit=ROWS, offset=offset)
        else:
            count = pages.unaffiliated_count(tx, now, top.code, **chosen)
            rows = pages.unaffiliated(tx, now, top.code, limit=ROWS, offset=offset, **chosen)
        calendar = portal.calendar(tx)
    here = {k: v for k, v in request.query_params.items() if k not in ("page", "print")}
    return render(
        portal,
        request,
        "department_list.html",
        viewer,
        listed=("unsettled", len(rows)),
        top=top,
        rows=rows,
        count=count,
        page=page,
        print=printed,
        more=count > page * ROWS,
        calendar=calendar,
        chosen=chosen | {"task": task},
        names=dict(FIGURES) | FORECAST,
        age_names=AGES,
        tasks=TASKS,
        obstacles=OBSTACLES,
        classes=CLASSES,
        turn=lambda number: "/department/list?" + urlencode(here | {"page": number}),
    )


def scope(tx: Connection, viewer: Viewer, organisation: str) -> Organisation:
    """The organisation asked for, if the viewer oversees it."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _NOT_YOURS)
    queries.look_at_cases(tx, viewer.caller)
    directory = Directory.of(tx)
    code = organisation or viewer.organisation
    top = directory.get(code)
    if top is None or not directory.within(code, viewer.organisation):
        raise Refused(403, "not-below", _NOT_BELOW)
    return top


def above(tx: Connection, viewer: Viewer, top: Organisation) -> list[Organisation]:
    """The way down from the viewer's organisation to the one shown."""
    line: list[Any] = [
        superior
        for superior in Directory.of(tx).superiors(top.code)[1:]
        if superior.path.startswith(viewer.path)
    ]
    return line[::-1]


def _beside(key: str) -> dict[str, str]:
    """Reasons and categories are counted over all open cases, not only those before acceptance."""
    return {"only": "open"} if key in ("category", "obstacle", "floating") else {}


def _link(top: Organisation, viewer: Viewer, **chosen: Any) -> str:
    if top.code != viewer.organisation:
        chosen = {"organisation": top.code} | chosen
    return "/department/list?" + urlencode(chosen)
