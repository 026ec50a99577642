"""What counts here: every value of policy with its source, and the versions that were loaded, also
those to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from services.cases.policy import store as policy_store
from services.cases.policy import values as policy
from services.cases.policy.book import Book, Version
from services.cases.views import queries
from services.kit.errors import Refused, Text
from services.kit.translations import N_
from services.portal.asking import SignedIn, ThisPortal
from services.portal.context import Portal
from services.portal.page import PageRoute, render
from services.registry.directory import Directory

_DEPARTMENTS = Text("这一页供组织部门使用。", "This page is for departments.")
ROUTES = {"in_city": N_("市内"), "in_province": N_("省内跨市"), "cross_province": N_("跨省")}
NAMES: Mapping[str, str] = {
    "validity_days": N_("介绍信有效天数"),
    "validity_days_max": N_("介绍信有效天数上限"),
    "triage_wd": N_("研判，工作日"),
    "destination_wd": N_("确认去向，工作日"),
    "submit_wd": N_("报送转出，工作日"),
    "out_approval_wd": N_("转出审批，工作日"),
    "acceptance_wd": N_("接收，工作日"),
    "placement_wd": N_("编入支部，工作日"),
    "talk_days": N_("接收后谈话，天"),
    "receipt_months": N_("寄回执，月"),
    "ruling_wd": N_("裁定，工作日"),
    "review_wd": N_("到期核查，工作日"),
    "ask_wd": N_("答复询问，工作日"),
    "identify_wd": N_("核对身份，工作日"),
    "open_reviews_most": N_("请别的组织核对身份，同时最多几人"),
    "compared_rows_most": N_("一天最多比对名册几行"),
    "name_guesses_most": N_("一天最多按姓名查找几次"),
    "validity_warning_days": N_("介绍信到期前提醒，天"),
    "arrival_silence_days": N_("开信后无音讯提醒，第几天"),
    "pocket_early_days": N_("开信多少天无音讯算预警"),
    "silent_days": N_("多少天没有动静算沉默"),
    "reissue_months": N_("可自行重开介绍信，月"),
    "permit_check_months": N_("流动党员复核，月"),
    "floating_contact_months": N_("与流动党员联系，月"),
    "stay_contact_months": N_("与暂留党员联系，月"),
    "life_months": N_("未过组织生活提醒，第几月"),
    "lost_months": N_("失联满几个月"),
    "strike_off_years": N_("停止党籍满几年可除名"),
    "unreachable_attempts": N_("登记联系不上前至少联系几次"),
    "refusal_reasons": N_("退回的理由（此外一律上报裁定）"),
    "stay_reasons": N_("暂留的理由"),
    "archive_check": N_("接收前核对档案"),
    "who_rules": N_("由谁裁定"),
    "channel_stall_days": N_("一个渠道多少天没有动静算停滞"),
    "channel_fall_back": N_("停滞以后加走另一渠道"),
}
CHOICES: Mapping[str, str] = {
    "proposed": N_("由人决定"),
    "automatic": N_("自动"),
    "none": N_("不核对"),
    "optional": N_("必要时"),
    "required": N_("必须"),
    "common_superior": N_("两端共同的上级组织部门"),
    "above_destination": N_("接收方的上级组织部门"),
    "above_origin": N_("转出方的上级组织部门"),
    "abroad": N_("出国（境）"),
    "school": N_("在校"),
    "other": N_("其他"),
    **ROUTES,
}


routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get(
    "/department/policy",
    summary="The policy in force, and its versions; role: department, admin",
)
def in_force(request: Request, portal: ThisPortal, viewer: SignedIn) -> Response:
    """The policy in force, what it was and what it will be."""
    if not viewer.oversees:
        raise Refused(403, "departments-only", _DEPARTMENTS)
    with portal.web.begin() as tx:
        queries.look_at_cases(tx, viewer.caller)
        here = Directory.of(tx).get(viewer.organisation)
        city = ((here.area if here else None) or "")[:4]
        versions = policy_store.stored_versions(tx)
    mine = [version for version in versions if version.city in (None, city)]
    now, to_come = policy_store.in_force(mine, portal.today)
    return render(
        portal,
        request,
        "policy.html",
        viewer,
        names=NAMES,
        choices=CHOICES,
        routes=ROUTES,
        lines=_lines(Book.of(portal.rule_source.policy, versions), versions, city, portal),
        current=now,
        to_come=to_come,
    )


def _lines(
    book: Book, versions: tuple[Version, ...], city: str, portal: Portal
) -> list[dict[str, Any]]:
    """Every key with the value that counts in the city for cases of every kind, and where it comes
    from.
    """
    policy_of_city = book.at(portal.today, city or None)
    by_name = {version.version: version for version in versions}
    lines = []
    for key, entry in policy.shipped()["values"].items():
        by = next(
            (
                by_name[name]
                for name in reversed(policy_of_city.version.split("+"))
                if name in by_name and key in by_name[name].values
            ),
            None,
        )
        lines.append(
            {
                "key": key,
                "value": getattr(policy_of_city, key),
                "version": by.version if by else None,
                "source": Text(*(f"{by.document} {by.source}",) * 2)
                if by
                else Text(**entry["source"]),
            }
        )
    return lines
