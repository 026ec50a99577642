"""The department's page for changes of organisations: renamed, put under another, merged,
dissolved, founded, on a day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from schemas.days import NoDay, read_day
from schemas.departures import SOURCE_PREFIX, posted_id
from services.cases.views.queries import as_worker
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import ThisPortal
from services.portal.context import Portal
from services.portal.organisation_search import find
from services.portal.page import Form, PageRoute, check_token, read_form, render, signed_in
from services.portal.sessions import Viewer, new_token
from services.registry import change_log
from services.registry.access import Caller, look_as
from services.registry.directory import Directory

ROWS = 50
KIND = "guidui.organisation.changed.v1"
WHAT: Mapping[
    str, tuple[str, tuple[str, ...]]
] = {  # what is done -> its word, and the columns it states
    "rename": (N_("改名"), ("name",)),
    "move": (N_("划归另一上级"), ("parent",)),
    "merge": (N_("并入另一组织"), ("effective_to", "successor")),
    "end": (N_("撤销"), ("effective_to",)),
    "found": (
        N_("新设"),
        ("code", "name", "kind", "unit", "parent", "area", "serves_area", "authority", "address"),
    ),
    "address": (N_("改地址"), ("address",)),
}
COLUMNS = {
    "name": N_("名称"),
    "parent": N_("上级组织"),
    "successor": N_("接续组织"),
    "effective_to": N_("存续的最后一天"),
    "effective_from": N_("成立日"),
    "code": N_("组织代码"),
    "kind": N_("类别"),
    "unit": N_("所在单位"),
    "area": N_("区划代码"),
    "serves_area": N_("服务这一区划的居民"),
    "authority": N_("有审批权，可直接收发介绍信"),
    "address": N_("地址"),
    "outside": N_("不使用本系统"),
}
KINDS = {
    "basic_committee": N_("基层党委"),
    "general_branch": N_("党总支"),
    "branch": N_("党支部"),
    "organisation_department": N_("组织部门"),
}
UNITS = {
    "community": N_("社区"),
    "village": N_("村"),
    "street": N_("街道"),
    "township": N_("乡镇"),
    "county": N_("县区"),
    "city": N_("市"),
    "enterprise_state": N_("国有企业"),
    "enterprise_private": N_("非公企业"),
    "school": N_("学校"),
    "institution": N_("事业单位"),
    "organ": N_("机关"),
    "talent_service": N_("人才服务机构"),
    "park": N_("园区楼宇"),
    "retiree": N_("离退休"),
    "military": N_("军队"),
    "social_organisation": N_("社会组织"),
}
STATES = {
    "waiting": (N_("等生效日"), "soon"),
    "done": (N_("已生效"), "done"),
    "rejected": (N_("没有受理"), "late"),
    "withdrawn": (N_("已撤回"), "way"),
}
DONE = {"posted": N_("已报送，到生效日自动办理。"), "withdrawn": N_("已撤回。")}
FINDERS = ("organisation", "parent", "successor")
_FLAGS = ("serves_area", "authority")
_DEPARTMENTS = Text("这一页供组织部门使用。", "This page is for departments.")
_WAITS_NO_MORE = Text(
    "这一次变更不是本组织报送的，或已不在等生效日。",
    "This change was not posted by your organisation, or waits no more.",
)
_FILL = {
    "organisation": Text(
        "请查找并选定要变更的组织。", "Find and choose the organisation that changes."
    ),
    "parent": Text("请查找并选定上级组织。", "Find and choose the superior."),
    "successor": Text("请查找并选定接续组织。", "Find and choose the successor."),
}
_CODE = Text("组织代码是 12 位数字。", "The code of an organisation has 12 digits.")
_AREA = Text("区划代码是 2、4、6、9 或 12 位数字。", "A division code has 2, 4, 6, 9 or 12 digits.")
_NOTHING = Text("请把变更的内容填完整。", "Fill in what changes.")
_WHO = "role: department, admin"


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/department/organisations", summary=f"Changes of organisations; {_WHO}")
def shown(
    request: Request,
    portal: ThisPortal,
    what: str = "",
    done: str = "",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """The changes of organisations, with the form for one more."""
    return _page(
        portal, request, _department(portal, request), {"what": what}, done=done, page=page
    )


@routes.post("/department/organisations", summary=f"Posts a change of an organisation; {_WHO}")
def post(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Posts a change of an organisation, or looks for one."""
    viewer = _department(portal, request)
    check_token(portal, request, form)
    if form.get("find"):
        return _page(portal, request, viewer, form)
    try:
        _send(portal, viewer, form)
    except Refused as refused:
        return _page(portal, request, viewer, form, refused)
    return RedirectResponse("/department/organisations?done=posted", 303)


@routes.post(
    "/department/organisations/withdraw", summary=f"Takes back a change that waits; {_WHO}"
)
def withdraw(
    request: Request, form: Annotated[Form, Depends(read_form)], portal: ThisPortal
) -> Response:
    """Takes back a change that waits for its day."""
    viewer, earlier = _department(portal, request), form.get("event", "")
    check_token(portal, request, form)
    with portal.web.begin() as tx:
        look_as(tx, viewer.caller)
        known = change_log.progress(tx, posted_id(SOURCE_PREFIX + viewer.own_organisation, earlier))
    if known is None or known["state"] != change_log.WAITING:
        return _page(portal, request, viewer, {}, Refused(409, "waits-no-more", _WAITS_NO_MORE))
    _post(
        portal,
        viewer,
        "guidui.departure.withdrawn.v1",
        f"back-{earlier}"[:100],
        {"corrects": earlier},
    )
    return RedirectResponse("/department/organisations?done=withdrawn", 303)


def change_of(form: Mapping[str, str]) -> dict[str, Any]:
    """The data of the event that a filled-in form stands for; raises Refused where something is
    missing.
    """
    what = form.get("what", "")
    if what not in WHAT:
        raise Refused(422, "field-missing", _NOTHING)
    columns: dict[str, Any] = {
        name: value for name in WHAT[what][1] if (value := form.get(name, "").strip())
    }
    columns |= {name: True for name in _FLAGS if name in columns}
    for name in ("organisation", *WHAT[what][1]):
        optional = what == "found" and name in ("organisation", "area", "address", *_FLAGS)
        if not optional and not form.get(name, "").strip():
            raise Refused(422, "field-missing", _FILL.get(name, _NOTHING), field=name)
    if "code" in columns and not re.fullmatch("[0-9]{12}", columns["code"]):
        raise Refused(422, "field-wrong", _CODE, field="code")
    if "area" in columns and not re.fullmatch(
        "[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12}", columns["area"]
    ):
        raise Refused(422, "field-wrong", _AREA, field="area")
    on = {"effective_on": form["effective_on"]} if form.get("effective_on") else {}
    return on | (
        {"founded": columns}
        if what == "found"
        else {"organisation": form["organisation"].strip(), **columns}
    )


def _send(portal: Portal, viewer: Viewer, form: Form) -> None:
    """Posts the change; raises Refused with the sentence why it cannot be."""
    data, ident, now = change_of(form), f"tree-{form.get('key', '')[:40]}", portal.clock.now()
    source = SOURCE_PREFIX + viewer.own_organisation
    try:
        for day in (data.get("effective_on"), data.get("effective_to")):
            if day:
                read_day(day)
    except NoDay:
        raise Refused(422, "field-wrong", _NOTHING) from None
    with portal.web.begin() as tx:
        directory = Directory.of(tx)
        with as_worker(tx):
            known = change_log.progress(tx, posted_id(source, ident))
            words = (
                None
                if known
                else change_log.why_not(
                    tx,
                    change_log.Said(
                        UUID(int=0), source, ident, viewer.own_organisation, viewer.path, now, data
                    ),
                    directory,
                    now,
                )
            )
    if words:
        raise Refused(422, "no-such-change", words)
    _post(portal, viewer, KIND, ident, data)


def _post(portal: Portal, viewer: Viewer, kind: str, ident: str, data: dict[str, Any]) -> None:
    event = {
        "specversion": "1.0",
        "type": kind,
        "source": SOURCE_PREFIX + viewer.own_organisation,
        "id": ident,
        "datacontenttype": "application/json",
        "data": data,
    }
    outcome = portal.post(Caller(viewer.organisation, viewer.path, "sender"), [event])[0]
    if outcome not in ("accepted", "duplicate"):
        raise Refused(
            422, "not-accepted", outcome.words() if hasattr(outcome, "words") else _NOTHING
        )


def _department(portal: Portal, request: Request) -> Viewer:
    viewer = signed_in(portal, request)
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    return viewer


def _page(  # noqa: PLR0913
    portal: Portal,
    request: Request,
    viewer: Viewer,
    form: Mapping[str, str],
    refused: Refused | None = None,
    *,
    done: str = "",
    page: int = 1,
) -> Response:
    with portal.web.begin() as tx:
        look_as(tx, viewer.caller)
        directory = Directory.of(tx)
        lines = change_log.posted(tx, ROWS + 1, (page - 1) * ROWS)
    organisations = {}
    for name in FINDERS:
        chosen = directory.get(form.get(name))
        hits = [
            organisation
            for organisation in find(directory, form.get(f"{name}_text", ""), portal.today)
            if organisation != chosen
        ]
        organisations[name] = [chosen, *hits] if chosen else hits
    what = form.get("what", "") if form.get("what") in WHAT else ""
    return render(
        portal,
        request,
        "tree_changes.html",
        viewer,
        status=refused.status if refused else 200,
        refused=refused,
        form={"key": new_token()[:24], **form},
        what=what,
        columns=WHAT[what][1] if what else (),
        whats=WHAT,
        names=COLUMNS,
        kinds=KINDS,
        units=UNITS,
        states=STATES,
        lines=lines[:ROWS],
        more=len(lines) > ROWS,
        page=page,
        found=organisations,
        directory=directory,
        done=DONE.get(done),
    )
