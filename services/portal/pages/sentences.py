"""How pages say things: dates, what is due, what to do next, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from schemas.days import stored_day, stored_moment
from services.cases.deadlines.calendar import Calendar, day_of
from services.cases.model import states
from services.kit.clock import ZONE
from services.portal.words import words, zh

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
    "triage": (zh("请研判这名党员的情形"), zh("选定离开的原因和情况，系统据此提出去向。")),
    "confirm_destination": (zh("请确认去向"), zh("先告知本人，再确认由哪个党组织接收。")),
    "approve_stay": (
        zh("请决定是否批准暂留"),
        zh("按规则不提出转往别处，暂留须写明理由和复查日期。"),
    ),
    "register_floating": (zh("请作流动党员登记"), zh("去处不固定，发给活动证并指定联系人。")),
    "acknowledge": (
        zh("请确认流动党员活动证"),
        zh("核对活动证，指定本组织的联系人；不得以任何借口拒绝。"),
    ),
    "add_channel": (
        zh("请决定是否加走另一渠道"),
        zh("只走一个渠道，多日没有音讯；可以加走另一渠道，号码和期限不变。"),
    ),
    "reopen": (zh("请复查是否仍应留在原处"), zh("情况变了就重新研判，没有变可以继续暂留。")),
    "submit": (zh("请报送转出"), zh("核对党费交至哪个月，报送党委审批。")),
    "send_back": (zh("请退回支部"), ""),
    "issue_letter": (zh("请开具介绍信"), zh("材料无误即可开信，有效期按路程自动计算。")),
    "hand_over": (zh("请把介绍信交给本人"), ""),
    "record_arrival": (zh("本人到了，请登记报到"), zh("请先电话联系本人，约定带介绍信来报到。")),
    "accept": (
        zh("请决定是否接收"),
        zh("材料齐全即可当场接收；缺什么请一次告知；不属本组织的请选理由退回。"),
    ),
    "cure": (zh("请补齐对方告知的缺项"), zh("补齐后回到对方手中，不必重新开信。")),
    "redirect": (zh("对方已退回，请改投"), zh("原介绍信作废，选定新的接收党组织。")),
    "rule": (zh("请裁定去向"), zh("两端意见不一，由本部裁定由谁接收或者暂留。")),
    "place": (zh("请编入支部"), zh("接收之后应及时编入一个支部。")),
    "record_talk": (zh("请与本人谈话并登记日期"), zh("接收后七天内由支部谈话。")),
    "send_receipt": (zh("请寄出回执"), zh("原党组织凭回执销号，在此之前仍负管理责任。")),
    "record_receipt": (zh("请登记回执"), zh("收到回执即可销号，这件转移就办完了。")),
    "reissue": (zh("介绍信已失效，请重开"), zh("先查明原因；首次转出六个月内可以自行重开。")),
    "found": (zh("请继续寻找本人"), zh("每次联系都请登记；联系上了，登记「已联系上」。")),
    "suspend": (
        zh("失联已登记，请由组织讨论决定"),
        zh("是否停止党籍须经会议讨论和上级批准，系统不会自动改变党籍。"),
    ),
    "strike_off": (zh("停止党籍已满期限，请由组织讨论决定"), zh("系统不会自动除名。")),
    "close": (zh("请结案"), ""),
    "ask": (zh("请询问原党组织"), zh("本人自行报到，登记册里没有，请发函询问。")),
    "answer": (zh("请答复对方的询问"), ""),
    "reroute": (zh("本人在别处出现，请核实去向"), zh("如已到别处，原介绍信作废，一次改到新去向。")),
    "note": (zh("请核实并备注"), ""),
    "contact": (zh("请联系本人"), zh("到了约定的联系日期。")),
    "record_life": (zh("请登记组织生活"), ""),
}
# how a row of the list says the same
TODO: Mapping[str, str] = {
    "triage": zh("研判情形，定出去向。"),
    "confirm_destination": zh("告知本人，确认去向。"),
    "approve_stay": zh("决定是否批准暂留。"),
    "register_floating": zh("作流动党员登记。"),
    "reopen": zh("复查是否仍应留在原处。"),
    "submit": zh("核对党费，报送转出。"),
    "issue_letter": zh("开具介绍信。"),
    "acknowledge": zh("确认流动党员活动证。"),
    "add_channel": zh("决定是否加走另一渠道。"),
    "hand_over": zh("把介绍信交给本人。"),
    "record_arrival": zh("等本人报到；请先电话联系。"),
    "accept": zh("决定是否接收。"),
    "cure": zh("补齐对方告知的缺项。"),
    "redirect": zh("对方已退回，改投别处。"),
    "rule": zh("裁定去向。"),
    "place": zh("编入支部。"),
    "record_talk": zh("七天内谈话，登记谈话日期。"),
    "send_receipt": zh("回执尚未寄出，对方党委在等。"),
    "record_receipt": zh("登记回执，销号。"),
    "reissue": zh("介绍信已失效，查明原因后重开。"),
    "found": zh("继续寻找本人。"),
    "suspend": zh("失联，由组织讨论决定。"),
    "strike_off": zh("停止党籍期满，由组织讨论决定。"),
    "close": zh("结案。"),
    "ask": zh("询问原党组织。"),
    "answer": zh("答复对方的询问。"),
    "reroute": zh("本人在别处出现，核实去向。"),
    "note": zh("核实双报到。"),
    "contact": zh("联系本人，登记结果。"),
    "record_life": zh("登记组织生活。"),
}
TASKS: Mapping[str, str] = {
    "triage": zh("研判"),
    "destination": zh("定去向"),
    "out_approval": zh("转出审批"),
    "validity": zh("介绍信将到期"),
    "arrival_silence": zh("开信后无音讯"),
    "acceptance": zh("接收"),
    "placement": zh("编入支部"),
    "talk": zh("谈话"),
    "receipt": zh("回执"),
    "ruling": zh("裁定"),
    "reissue_window": zh("重开期限"),
    "organisation_life": zh("组织生活"),
    "six_months": zh("满六个月"),
    "permit_check": zh("活动证检查"),
    "stay_review": zh("暂留复查"),
    "suspension": zh("停止党籍期满"),
    "reconciliation": zh("对账"),
    "contact": zh("联系"),
    "identify": zh("核对身份"),
    "question": zh("答复身份询问"),
}
OBSTACLES: Mapping[str, str] = {
    "no_time": zh("没有时间办"),
    "no_contact": zh("联系不上"),
    "hides_membership": zh("不愿公开党员身份"),
    "unwilling": zh("本人不愿转"),
    "troublesome": zh("嫌手续麻烦"),
    "claims_old_unit": zh("自称仍属原单位"),
    "still_in_old_unit": zh("仍在原单位参加活动"),
    "job_hunting": zh("还在找工作"),
    "weak_awareness": zh("党员意识淡薄"),
    "receiver_declines": zh("接收方不收"),
    "letter_lost": zh("介绍信丢失"),
    "address_unknown": zh("住址不明"),
    "other": zh("其他"),
}
FLAGS: Mapping[str, tuple[str, str]] = {
    "pocket": (zh("口袋党员：介绍信已过期"), "late"),
    "pocket_early": (zh("开信后久无音讯"), "soon"),
    "at_risk": (zh("有失联风险"), "late"),
    "silent": (zh("久没有动静"), "soon"),
    "bounced": (zh("曾被退回"), "soon"),
    "late": (zh("曾逾期"), "soon"),
    "double_custody": (zh("双重管理期"), "way"),
}
SOURCES: Mapping[str, str] = {
    "stated": zh("由原党组织指定"),
    "unit": zh("按新单位"),
    "rule": zh("按档案所在"),
    "address": zh("按住址匹配"),
    "ruling": zh("由组织部门裁定"),
    "claim": zh("由接收方认领"),
}
REASONS: Mapping[str, str] = {
    "no_power": zh("无接收权限"),
    "wrong_organisation": zh("不属于本组织"),
    "not_a_member": zh("不是党员"),
    "status_defect": zh("党籍身份有问题"),
    "archive_defect": zh("档案有问题"),
    "not_living_here": zh("不在本辖区居住"),
    "duplicate": zh("重复转移"),
    "stay": zh("按规定留在原处"),
    "deceased": zh("本人去世"),
    "left_the_party": zh("已脱党或出党"),
    "event_withdrawn": zh("报送已撤回"),
    "on_paper": zh("据纸质件"),
    "accept": zh("由接收方接收"),
    "redirect": zh("改投别处"),
    "withdrawn": zh("报送已撤回"),
    **OBSTACLES,
}


class Speaker:
    """Says dates, states and dues in one language, seen from one day."""

    def __init__(self, language: str, today: date) -> None:
        self.say, self._english, self.today = words(language), language == "en", today

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

    def state(self, state: str | None) -> str:
        """The one word for a state."""
        return self._of(states.STATES.get(state or ""), state)

    def command(self, command: str | None) -> str:
        """The verb of a command, or of what the matcher and the clock do."""
        text = self._of(states.ACTS.get(command or ""), command)
        return text[:1].upper() + text[1:] if self._english else text

    def category(self, category: str | None) -> str:
        """Why the member leaves."""
        return self._of(states.CATEGORIES.get(category or ""), None) or self.say("原因待定")

    def task(self, kind: str) -> str:
        """A kind of task."""
        return self.say(TASKS.get(kind, kind))

    def reason(self, reason: str | None) -> str:
        """A reason from a closed list, or as it was written."""
        return self.say(REASONS[reason]) if reason in REASONS else reason or ""

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
            return Chip(self.say("逾期 {n} 天", n=(self.today - day).days), "late")
        if self.today == day:
            return Chip(self.say("今天到期"), "soon")
        left = calendar.workdays_until(self.today, day) if (day - self.today).days <= 60 else None
        if left is None or left > 15:
            return Chip(self.say("{day}前", day=self.day(day)), "way")
        return Chip(
            self.say("还有 {n} 个工作日", n=left), "soon" if left <= SOON_WORKDAYS else "way"
        )

    def past(self, day: str) -> bool:
        """Whether a day, ISO 8601, is over."""
        return day < self.today.isoformat()

    def todo(self, act: str | None) -> str:
        """What a row of the list asks for."""
        return self.say(TODO.get(act or "", ""))
