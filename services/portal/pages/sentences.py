"""How pages say things: dates, what is due, what to do next, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from schemas.days import stored_day, stored_moment
from services.cases.deadlines.calendar import Calendar, day_of
from services.cases.model import states
from services.cases.views.card import Card
from services.kit.clock import ZONE
from services.kit.translations import N_
from services.portal.translations import gettext_in

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAYS_ZH = "一二三四五六日"
_DAYS_EN = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SOON_WORKDAYS = 2


class Chip(NamedTuple):
    """How a due day stands: a word and the colour's class beside it (late, soon, way, done)."""

    words: str
    tone: str


# act -> (headline, what it is about) for whoever is waited for
NEXT: Mapping[str, tuple[str, str]] = {
    "triage": (N_("请研判这名党员的情形"), N_("选定离开的原因和情况，系统据此提出去向。")),
    "confirm_destination": (N_("请确认去向"), N_("先告知本人，再确认由哪个党组织接收。")),
    "approve_stay": (
        N_("请决定是否批准暂留"),
        N_("按规则不提出转往别处，暂留须写明理由和复查日期。"),
    ),
    "register_floating": (N_("请作流动党员登记"), N_("去处不固定，发给活动证并指定联系人。")),
    "acknowledge": (
        N_("请确认流动党员活动证"),
        N_("核对活动证，指定本组织的联系人；不得以任何借口拒绝。"),
    ),
    "add_channel": (
        N_("请决定是否加走另一渠道"),
        N_("只走一个渠道，多日没有音讯；可以加走另一渠道，号码和期限不变。"),
    ),
    "reopen": (N_("请复查是否仍应留在原处"), N_("情况变了就重新研判，没有变可以继续暂留。")),
    "submit": (N_("请报送转出"), N_("核对党费交至哪个月，报送党委审批。")),
    "send_back": (N_("请退回支部"), ""),
    "issue_letter": (N_("请开具介绍信"), N_("材料无误即可开信，有效期按路程自动计算。")),
    "hand_over": (N_("请把介绍信交给本人"), ""),
    "record_arrival": (N_("本人到了，请登记报到"), N_("请先电话联系本人，约定带介绍信来报到。")),
    "accept": (
        N_("请决定是否接收"),
        N_("材料齐全即可当场接收；缺什么请一次告知；不属本组织的请选理由退回。"),
    ),
    "cure": (N_("请补齐对方告知的缺项"), N_("补齐后回到对方手中，不必重新开信。")),
    "redirect": (N_("对方已退回，请改投"), N_("原介绍信作废，选定新的接收党组织。")),
    "rule": (N_("请裁定去向"), N_("两端意见不一，由本部裁定由谁接收或者暂留。")),
    "place": (N_("请编入支部"), N_("接收之后应及时编入一个支部。")),
    "record_talk": (N_("请与本人谈话并登记日期"), N_("接收后七天内由支部谈话。")),
    "send_receipt": (N_("请寄出回执"), N_("原党组织凭回执销号，在此之前仍负管理责任。")),
    "record_receipt": (N_("请登记回执"), N_("收到回执即可销号，这件转移就办完了。")),
    "reissue": (N_("介绍信已失效，请重开"), N_("先查明原因；首次转出六个月内可以自行重开。")),
    "found": (N_("请继续寻找本人"), N_("每次联系都请登记；联系上了，登记「已联系上」。")),
    "suspend": (
        N_("失联已登记，请由组织讨论决定"),
        N_("是否停止党籍须经会议讨论和上级批准，系统不会自动改变党籍。"),
    ),
    "strike_off": (N_("停止党籍已满期限，请由组织讨论决定"), N_("系统不会自动除名。")),
    "close": (N_("请结案"), ""),
    "ask": (N_("请询问原党组织"), N_("本人自行报到，登记册里没有，请发函询问。")),
    "answer": (N_("请答复对方的询问"), ""),
    "reroute": (N_("本人在别处出现，请核实去向"), N_("如已到别处，原介绍信作废，一次改到新去向。")),
    "note": (N_("请核实并备注"), ""),
    "contact": (N_("请联系本人"), N_("到了约定的联系日期。")),
    "record_life": (N_("请登记组织生活"), ""),
}
# how a row of the list says the same
ROW_ASKS: Mapping[str, str] = {
    "triage": N_("研判情形，定出去向。"),
    "confirm_destination": N_("告知本人，确认去向。"),
    "approve_stay": N_("决定是否批准暂留。"),
    "register_floating": N_("作流动党员登记。"),
    "reopen": N_("复查是否仍应留在原处。"),
    "submit": N_("核对党费，报送转出。"),
    "issue_letter": N_("开具介绍信。"),
    "acknowledge": N_("确认流动党员活动证。"),
    "add_channel": N_("决定是否加走另一渠道。"),
    "hand_over": N_("把介绍信交给本人。"),
    "record_arrival": N_("等本人报到；请先电话联系。"),
    "accept": N_("决定是否接收。"),
    "cure": N_("补齐对方告知的缺项。"),
    "redirect": N_("对方已退回，改投别处。"),
    "rule": N_("裁定去向。"),
    "place": N_("编入支部。"),
    "record_talk": N_("七天内谈话，登记谈话日期。"),
    "send_receipt": N_("回执尚未寄出，对方党委在等。"),
    "record_receipt": N_("登记回执，销号。"),
    "reissue": N_("介绍信已失效，查明原因后重开。"),
    "found": N_("继续寻找本人。"),
    "suspend": N_("失联，由组织讨论决定。"),
    "strike_off": N_("停止党籍期满，由组织讨论决定。"),
    "close": N_("结案。"),
    "ask": N_("询问原党组织。"),
    "answer": N_("答复对方的询问。"),
    "reroute": N_("本人在别处出现，核实去向。"),
    "note": N_("核实双报到。"),
    "contact": N_("联系本人，登记结果。"),
    "record_life": N_("登记组织生活。"),
}
TASKS: Mapping[str, str] = {
    "triage": N_("研判"),
    "destination": N_("定去向"),
    "out_approval": N_("转出审批"),
    "validity": N_("介绍信将到期"),
    "arrival_silence": N_("开信后无音讯"),
    "acceptance": N_("接收"),
    "placement": N_("编入支部"),
    "talk": N_("谈话"),
    "receipt": N_("回执"),
    "ruling": N_("裁定"),
    "reissue_window": N_("重开期限"),
    "organisation_life": N_("组织生活"),
    "six_months": N_("满六个月"),
    "permit_check": N_("活动证检查"),
    "stay_review": N_("暂留复查"),
    "suspension": N_("停止党籍期满"),
    "reconciliation": N_("对账"),
    "contact": N_("联系"),
    "identify": N_("核对身份"),
    "question": N_("答复身份询问"),
}
OBSTACLES: Mapping[str, str] = {
    "no_time": N_("没有时间办"),
    "no_contact": N_("联系不上"),
    "hides_membership": N_("不愿公开党员身份"),
    "unwilling": N_("本人不愿转"),
    "troublesome": N_("嫌手续麻烦"),
    "claims_old_unit": N_("自称仍属原单位"),
    "still_in_old_unit": N_("仍在原单位参加活动"),
    "job_hunting": N_("还在找工作"),
    "weak_awareness": N_("党员意识淡薄"),
    "receiver_declines": N_("接收方不收"),
    "letter_lost": N_("介绍信丢失"),
    "address_unknown": N_("住址不明"),
    "other": N_("其他"),
}
FLAGS: Mapping[str, tuple[str, str]] = {
    "pocket": (N_("口袋党员：介绍信已过期"), "late"),
    "pocket_early": (N_("开信后久无音讯"), "soon"),
    "at_risk": (N_("有失联风险"), "late"),
    "silent": (N_("久没有动静"), "soon"),
    "bounced": (N_("曾被退回"), "soon"),
    "late": (N_("曾逾期"), "soon"),
    "double_custody": (N_("双重管理期"), "way"),
}
SOURCES: Mapping[str, str] = {
    "stated": N_("由原党组织指定"),
    "unit": N_("按新单位"),
    "rule": N_("按档案所在"),
    "address": N_("按住址匹配"),
    "ruling": N_("由组织部门裁定"),
    "claim": N_("由接收方认领"),
}
REASONS: Mapping[str, str] = {
    "no_power": N_("无接收权限"),
    "wrong_organisation": N_("不属于本组织"),
    "not_a_member": N_("不是党员"),
    "status_defect": N_("党籍身份有问题"),
    "archive_defect": N_("档案有问题"),
    "not_living_here": N_("不在本辖区居住"),
    "duplicate": N_("重复转移"),
    "stay": N_("按规定留在原处"),
    "deceased": N_("本人去世"),
    "left_the_party": N_("已脱党或出党"),
    "event_withdrawn": N_("报送已撤回"),
    "on_paper": N_("据纸质件"),
    "accept": N_("由接收方接收"),
    "redirect": N_("改投别处"),
    "withdrawn": N_("报送已撤回"),
    **OBSTACLES,
}


class Speaker:
    """Says dates, states and dues in one language, seen from one day."""

    def __init__(self, language: str, today: date) -> None:
        self.gettext, self._english, self.today = gettext_in(language), language == "en", today

    def _of(self, pair: tuple[str, str] | None, otherwise: Any) -> str:
        return pair[self._english] if pair else str(otherwise or "")

    @staticmethod
    def short(name: str | None) -> str:
        """The name as people say it: 中共…工作委员会 is …工委, …第一支部委员会 is …第一支部."""
        if not name or not name.startswith("中共"):
            return name or ""
        for ending, spoken in (
            ("总支部委员会", "总支部"),
            ("支部委员会", "支部"),
            ("工作委员会", "工委"),
            ("委员会", "党委"),
        ):
            if name.endswith(ending):
                return name[2:].removesuffix(ending) + spoken
        return name[2:]

    def organisation(self, organisation: Any, otherwise: str = "") -> str:
        """The short name of an organisation that the directory knows, else what else is said."""
        return self.short(organisation.name) if organisation else otherwise

    def case_name(self, card: Card) -> str:
        """Whom a case is about: the member, or how many of a batch."""
        if card.batch:
            return self.gettext("一批 {n} 人", n=sum(card.batch.by_state.values()))
        return card.person.name or self.gettext("姓名待核")

    def choice(self, words: str | tuple[str, str]) -> str:
        """What a choice of a form is called: a sentence of ours, or a pair of the domain's."""
        return self.gettext(words) if isinstance(words, str) else words[self._english]

    def state(self, state: str | None) -> str:
        """The one word for a state."""
        return self._of(states.STATES.get(state or ""), state)

    def command(self, command: str | None) -> str:
        """The verb of a command, or of what the matcher and the clock do."""
        text = self._of(states.ACTS.get(command or ""), command)
        return text[:1].upper() + text[1:] if self._english else text

    def category(self, category: str | None) -> str:
        """Why the member leaves."""
        return self._of(states.CATEGORIES.get(category or ""), None) or self.gettext("原因待定")

    def task(self, kind: str) -> str:
        """A kind of task."""
        return self.gettext(TASKS.get(kind, kind))

    def reason(self, reason: str | None) -> str:
        """A reason from a closed list, or as it was written."""
        return self.gettext(REASONS[reason]) if reason in REASONS else reason or ""

    def day(self, day: date | datetime | str | None) -> str:
        """11月23日; the year only when it is another."""
        if isinstance(day, str):
            day = stored_moment(day) if "T" in day else stored_day(day)
        if isinstance(day, datetime):
            day = day_of(day)
        if day is None:
            return ""
        if self._english:
            return f"{day.day} {_MONTHS[day.month - 1]}" + (
                f" {day.year}" if day.year != self.today.year else ""
            )
        return (
            f"{day.year}年" if day.year != self.today.year else ""
        ) + f"{day.month}月{day.day}日"

    def moment(self, at: datetime | str) -> str:
        """11月23日 09:20."""
        time = (stored_moment(at) if isinstance(at, str) else at).astimezone(ZONE)
        return f"{self.day(time)} {time:%H:%M}"

    def weekday(self, day: date) -> str:
        """星期一."""
        return _DAYS_EN[day.weekday()] if self._english else f"星期{_DAYS_ZH[day.weekday()]}"

    def chip(self, due: date | str | None, calendar: Calendar) -> Chip | None:
        """How a due day stands today."""
        if not due:
            return None
        day = stored_day(due) if isinstance(due, str) else due
        if self.today > day:
            return Chip(self.gettext("逾期 {n} 天", n=(self.today - day).days), "late")
        if self.today == day:
            return Chip(self.gettext("今天到期"), "soon")
        left = calendar.workdays_until(self.today, day) if (day - self.today).days <= 60 else None
        if left is None or left > 15:
            return Chip(self.gettext("{day}前", day=self.day(day)), "way")
        return Chip(
            self.gettext("还有 {n} 个工作日", n=left), "soon" if left <= SOON_WORKDAYS else "way"
        )

    def past(self, day: str) -> bool:
        """Whether a day, ISO 8601, is over."""
        return day < self.today.isoformat()

    def todo(self, act: str | None) -> str:
        """What a row of the list asks for."""
        return self.gettext(ROW_ASKS.get(act or "", ""))
