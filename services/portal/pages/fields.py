"""The fields that each command asks for (interface.md §6), and how a form becomes the command's
arguments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.cases.model import states
from services.kit.translations import N_
from services.portal.pages.sentences import OBSTACLES, REASONS
from services.registry.directory import Organisation


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``kind``: text, long, lines, day, month, number, choice, yes, organisation,
    branch, fixed, facts.

    ``value`` is what a new form holds: a text, or ``today``, ``month`` (this one), ``me``,
    ``my_phone``. ``only_with`` (field, value): asked for only beside that choice.
    """

    name: str
    kind: str
    label: str
    required: bool = True
    help: str = ""
    choices: Sequence[tuple[str, Any]] = ()
    value: str = ""
    only_with: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field as a page asks for it: with the choices that there are, and what a new form holds."""

    field: Field
    choices: Sequence[Any]
    required: bool
    value: str


@dataclass(frozen=True)
class FormBox:
    """What the fields of a form show: what was typed, the organisations found for each field, the
    circumstances asked for, the organisation chosen before, and the field that is looked up.
    """

    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hits: Mapping[str, Sequence[Organisation]] = dataclasses.field(default_factory=dict)
    asked: Sequence[str] = ()
    chosen: Organisation | None = None
    looking: str = ""

    @property
    def facts(self) -> Mapping[str, tuple[str, Any]]:
        """Every circumstance: its question and its answers."""
        return FACTS


def _reason(label: str = N_("理由")) -> Field:
    return Field("reason", "long", label)


_CHANNEL = Field(
    "channel",
    "choice",
    N_("介绍信形式"),
    choices=(("system", N_("系统内")), ("paper", N_("纸质")), ("both", N_("系统内和纸质"))),
    value="both",
)
_DAYS = Field(
    "validity_days",
    "number",
    N_("有效天数"),
    required=False,
    help=N_("不填则按路程：市内 30、省内 60、跨省 90 天；最长 90 天。"),
)
_DECISION = (
    Field("decided_by", "text", N_("作出决定的组织或会议")),
    Field("meeting_on", "day", N_("会议日期")),
    Field("approved_by", "text", N_("批准的上级组织")),
)
_CATEGORIES = tuple(states.CATEGORIES.items())
_REFUSALS = (
    *((code, REASONS[code]) for code in states.REFUSAL_REASONS),
    ("other", N_("其他理由（将报上级裁定）")),
)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "triage": (
        Field("category", "choice", N_("离开的原因"), choices=_CATEGORIES),
        Field("circumstances", "facts", N_("情况"), required=False, help=N_("不清楚的不选。")),
    ),
    "confirm_destination": (
        Field(
            "organisation",
            "organisation",
            N_("接收的党组织"),
            required=False,
            help=N_("不选则按系统提出的去向。"),
        ),
        Field("member_informed", "yes", N_("已告知本人去向")),
    ),
    "approve_stay": (
        _reason(N_("暂留的理由")),
        Field("review_on", "day", N_("复查日期")),
        Field(
            "contact_interval",
            "number",
            N_("每几个月联系一次"),
            required=False,
            help=N_("不填则按规定：出国、在校 6 个月，其他 12 个月。"),
        ),
    ),
    "register_floating": (
        Field("permit_no", "text", N_("流动党员活动证编号")),
        Field("host", "text", N_("流入地党组织"), help=N_("12 位代码，没有代码就写名称。")),
        Field("host_contact", "text", N_("流入地联系人和电话")),
    ),
    "acknowledge": (Field("contact", "text", N_("本组织联系人和电话"), value="me"),),
    "reopen": (_reason(N_("重新研判的理由")),),
    "submit": (Field("dues_paid_to", "month", N_("党费交至"), value="month"),),
    "send_back": (_reason(N_("退回支部的理由")),),
    "issue_letter": (_CHANNEL, _DAYS),
    "hand_over": (Field("handed_to", "fixed", N_("交给"), value="member"),),
    "add_channel": (Field("reason", "long", N_("加走另一渠道的理由"), required=False),),
    "record_arrival": (
        Field(
            "letter_number",
            "text",
            N_("介绍信编号"),
            required=False,
            help=N_("照介绍信填写；没有带信可以不填。"),
        ),
    ),
    "forward": (Field("organisation", "organisation", N_("转交给")),),
    "accept": (
        Field(
            "late_decision",
            "long",
            N_("逾期接收的决定"),
            required=False,
            help=N_("介绍信已过有效期的，须写明本组织的决定。"),
        ),
        Field("archive_checked", "yes", N_("已核对党员档案"), required=False),
    ),
    "return_for_cure": (
        Field("defects", "lines", N_("缺项"), help=N_("一次告知全部缺项，一行一条。")),
    ),
    "refuse": (
        Field("reason", "choice", N_("退回的理由"), choices=_REFUSALS),
        Field(
            "proposed",
            "organisation",
            N_("应由哪个党组织接收"),
            only_with=("reason", "wrong_organisation"),
        ),
        Field(
            "evidence",
            "long",
            N_("不在本辖区居住的依据"),
            only_with=("reason", "not_living_here"),
            help=N_("如：某日上门、某日电话核实。"),
        ),
        Field("other_reason", "long", N_("其他理由"), only_with=("reason", "other")),
    ),
    "cure": (Field("evidence", "long", N_("补齐了什么")),),
    "redirect": (Field("organisation", "organisation", N_("新的接收党组织")),),
    "rule": (
        Field(
            "decision",
            "choice",
            N_("裁定"),
            choices=(
                ("accept", N_("由现接收方接收")),
                ("redirect", N_("改由另一党组织接收")),
                ("stay", N_("留在原党组织")),
            ),
        ),
        Field(
            "organisation", "organisation", N_("接收的党组织"), only_with=("decision", "redirect")
        ),
        Field("meeting_on", "day", N_("会议日期"), value="today"),
        Field("review_on", "day", N_("暂留的复查日期"), only_with=("decision", "stay")),
    ),
    "place": (Field("branch", "branch", N_("编入的支部")),),
    "record_talk": (Field("on", "day", N_("谈话日期"), value="today"),),
    "send_receipt": (
        Field("handler", "text", N_("经办人"), value="me"),
        Field("phone", "text", N_("联系电话"), value="my_phone"),
    ),
    "record_receipt": (
        Field("number", "text", N_("回执编号"), required=False),
        Field("on", "day", N_("回执日期"), required=False),
        Field("handler", "text", N_("对方经办人"), required=False),
    ),
    "report_lost": (_reason(N_("丢失经过")),),
    "reissue": (
        _reason(N_("失效的原因和重开的理由")),
        _CHANNEL,
        _DAYS,
        Field(
            "approval",
            "text",
            N_("县级组织部门代码"),
            required=False,
            help=N_("首次转出满六个月的，须经其批准并填其代码。"),
        ),
    ),
    "mark_unreachable": (
        Field(
            "attempts", "lines", N_("联系经过"), help=N_("至少三次，一行一次：日期、方式、结果。")
        ),
    ),
    "found": (Field("how", "long", N_("怎样联系上的")),),
    "mark_lost": (),
    "suspend": _DECISION,
    "restore": _DECISION,
    "strike_off": _DECISION,
    "merge": (Field("into", "text", N_("并入哪一件"), help=N_("填那一件页面地址末尾的编号。")),),
    "cancel": (_reason(N_("撤销的理由")),),
    "close": (
        Field(
            "reason",
            "choice",
            N_("结案的原因"),
            choices=tuple((c, REASONS[c]) for c in states.CLOSE_REASONS),
        ),
    ),
    "reroute": (
        Field(
            "organisation",
            "organisation",
            N_("新的接收党组织"),
            required=False,
            help=N_("不选则改到报告本人的那个组织。"),
        ),
        _reason(N_("改变去向的理由")),
    ),
    "record_paper_receipt": (
        Field("number", "text", N_("回执编号")),
        Field("accepted_on", "day", N_("对方接收日期")),
        Field("handler", "text", N_("对方经办人"), required=False),
    ),
    "ask": (
        Field("organisation", "organisation", N_("问哪个党组织")),
        Field("text", "long", N_("要问的事")),
        Field(
            "due_on", "day", N_("请于何日前答复"), required=False, help=N_("不填则 10 个工作日。")
        ),
    ),
    "answer": (Field("text", "long", N_("答复")),),
    "note": (
        Field("text", "long", N_("备注"), required=False),
        Field(
            "obstacle",
            "choice",
            N_("为何还没有转"),
            required=False,
            choices=(("", N_("（不选）")), *OBSTACLES.items()),
        ),
    ),
    "pause": (),
    "resume": (),
}


def fields_for_all(orders: Sequence[str]) -> tuple[Field, ...]:
    """An act for a whole batch: which one, from when on, and that act's own fields under its
    name.
    """
    return (
        Field(
            "order",
            "choice",
            N_("办理什么"),
            choices=tuple((c, states.COMMANDS[c]) for c in orders),
        ),
        Field("start_on", "day", N_("自何日开始"), required=False, help=N_("不填则马上开始。")),
        *(
            replace(field, name=f"{order}.{field.name}", only_with=("order", order))
            for order in orders
            for field in FIELDS[order]
            if field.kind != "facts" and not field.only_with
        ),
    )


FIELDS = {**FIELDS, "give_to_all": fields_for_all(states.TO_ALL)}
# What cannot be taken back lightly is asked once more, on a page of its own.
GRAVE = frozenset(
    {
        "suspend",
        "restore",
        "strike_off",
        "cancel",
        "report_lost",
        "merge",
        "close",
        "mark_lost",
        "reroute",
    }
)
# beside the act that is waited for, these stand as buttons; the rest is folded away
BESIDE: Mapping[str, tuple[str, ...]] = {
    "accept": ("return_for_cure", "refuse", "forward"),
    "record_arrival": (),
    "place": ("send_receipt",),
    "confirm_destination": ("approve_stay", "register_floating"),
    "issue_letter": ("send_back",),
    "approve_stay": ("confirm_destination", "register_floating"),
    "redirect": ("cure",),
    "cure": ("redirect",),
    "register_floating": ("approve_stay", "confirm_destination"),
    "reissue": ("reroute", "mark_unreachable", "cancel"),
    "send_receipt": ("record_talk",),
    "found": ("mark_lost",),
    "reopen": ("close", "suspend"),
    "strike_off": ("restore",),
    "submit": ("approve_stay",),
    "close": ("reopen",),
    "suspend": ("found",),
}

_YES_NO = (("true", N_("是")), ("false", N_("否")))
# circumstance -> (question, answers; none: a number)
FACTS: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "months": (N_("预计离开几个月"), ()),
    "place_fixed": (N_("去处是否固定"), _YES_NO),
    "proof_needed": (N_("是否需要证明党员身份"), _YES_NO),
    "unit_has_organisation": (N_("新单位是否有党组织"), _YES_NO),
    "labour_relation": (N_("劳动关系"), (("kept", N_("保留")), ("ended", N_("终止")))),
    "handover": (N_("安置方式"), (("collective", N_("集中安置")), ("dispersed", N_("分散就业")))),
    "retiree_branch": (N_("原单位是否设离退休党支部"), _YES_NO),
    "lives_locally": (N_("本人是否就近居住"), _YES_NO),
    "socialised": (N_("是否实行社会化管理"), _YES_NO),
    "independent_mining_area": (N_("是否独立工矿区"), _YES_NO),
    "rehired_by": (
        N_("退休后是否再工作"),
        (("same", N_("原单位返聘")), ("other", N_("到其他单位"))),
    ),
    "acquirer_has_organisation": (N_("接手企业是否有党组织"), _YES_NO),
    "lease_phase": (N_("是否仍在租赁、托管阶段"), _YES_NO),
    "has_job": (N_("是否已就业"), _YES_NO),
    "further_study": (N_("是否升学"), _YES_NO),
    "archive_with": (
        N_("档案在哪里"),
        (
            ("school", N_("学校")),
            ("talent_service", N_("人才服务机构")),
            ("unit", N_("单位")),
            ("street", N_("街道乡镇")),
        ),
    ),
    "settled_abroad": (N_("是否已在国（境）外定居"), _YES_NO),
    "years_abroad": (N_("出国（境）几年"), ()),
    "very_mobile": (N_("是否经常变换地点"), _YES_NO),
    "registered_elsewhere": (N_("单位注册地与工作地是否不同"), _YES_NO),
    "group_size": (N_("一同外出的党员人数"), ()),
    "whole_unit": (N_("是否整建制搬迁"), _YES_NO),
    "job_changed_in_transit": (N_("转移途中是否又换了单位"), _YES_NO),
}
_COMMON = ("months", "place_fixed", "proof_needed")
QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "relocation": ("unit_has_organisation", "whole_unit"),
    "retirement": (
        "retiree_branch",
        "lives_locally",
        "rehired_by",
        "socialised",
        "independent_mining_area",
    ),
    "layoff": ("labour_relation", "handover"),
    "restructuring": ("acquirer_has_organisation", "lease_phase"),
    "graduation": (
        "has_job",
        "unit_has_organisation",
        "further_study",
        "archive_with",
        "job_changed_in_transit",
    ),
    "study_abroad": ("settled_abroad", "years_abroad"),
    "return_from_abroad": (),
    "platform_work": (),
    "demobilisation": ("has_job", "very_mobile"),
    "job_change": ("unit_has_organisation", "registered_elsewhere", "archive_with"),
    "migrant_work": ("group_size",),
    "dispatch": (),
    "death": (),
    "other": (),
}


def questions(category: str | None) -> tuple[str, ...]:
    """The circumstances that decide the row of a category; all of them where it is not known."""
    if category == "death":
        return ()
    return (*QUESTIONS[category], *_COMMON) if category in QUESTIONS else tuple(FACTS)


def facts(form: Mapping[str, str]) -> dict[str, Any]:
    """The circumstances filled in: truths, numbers, words; what was left open states nothing."""
    arguments_given: dict[str, Any] = {}
    for name, (_, answers) in FACTS.items():
        text = form.get(f"circumstances.{name}", "").strip()
        if not text:
            continue
        arguments_given[name] = (
            text == "true" if answers is _YES_NO else text if answers else _number(text)
        )
    return arguments_given


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def arguments(command: str, form: Mapping[str, str]) -> dict[str, Any]:
    """What the command is given: the fields filled in, each in its type; whatever is wrong the
    command says.
    """
    if command == "give_to_all":
        return for_all(form, states.TO_ALL)
    given: dict[str, Any] = {}
    for field in FIELDS[command]:
        if field.only_with and form.get(field.only_with[0], "") != field.only_with[1]:
            continue
        value = _value(field, form)
        if value is not None:
            given[field.name] = value
    if command == "triage" and form.get("from_report"):
        given["from_report"] = form["from_report"]
    if command == "refuse" and given.get("reason") == "other":
        given["reason"] = given.pop("other_reason", "")
    return given


def _value(field: Field, form: Mapping[str, str]) -> Any:
    """What was filled in for one field, in its type; None where nothing was."""
    text = form.get(field.name, "").strip()
    if field.kind == "facts":
        return facts(form)
    if field.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if field.kind == "yes":
        return text == "true"
    if field.kind == "fixed":
        return field.value
    if not text:
        return None
    return _number(text) if field.kind == "number" else text


def for_all(form: Mapping[str, str], orders: Sequence[str]) -> dict[str, Any]:
    """What an act for a whole batch says: order, with, start_on."""
    order = form.get("order", "")
    own = {
        name.removeprefix(f"{order}."): text
        for name, text in form.items()
        if name.startswith(f"{order}.")
    }
    start = {"start_on": form["start_on"]} if form.get("start_on") else {}
    return {"order": order, "with": arguments(order, own) if order in orders else {}, **start}
