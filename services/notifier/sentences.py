"""What notices say, in Chinese; the English stands in the catalogue of this room."""

from __future__ import annotations

from collections.abc import Mapping

from services.kit.translations import N_

# What a notice asks for: KIND, or KIND.ACT where one kind asks for different acts. {members} is
# "3 名党员", "3 members"; {persons} is "3 人", "3 persons", where it is not known yet whether they
# are members. Chinese phrases follow 请, English ones follow "Please".
ACTS: Mapping[str, str] = {
    "triage": N_("研判{members}的去向"),
    "triage.ask": N_("向原党组织核实{members}的身份"),
    "triage.close": N_("核实并办结{members}的记录"),
    "destination": N_("确认{members}的去向，并告知本人"),
    "destination.approve_stay": N_("决定{members}是否暂留"),
    "destination.register_floating": N_("为{members}办理流动登记"),
    "destination.close": N_("核实并办结{members}的记录"),
    "ruling": N_("裁定{members}由哪个党组织接收"),
    "out_approval": N_("审批{members}的转出并开具介绍信"),
    "validity": N_("督促{members}在介绍信到期前报到"),
    "arrival_silence": N_("联系开出介绍信后尚未报到的{members}"),
    "acceptance": N_("决定是否接收{members}"),
    "placement": N_("将{members}编入党支部"),
    "talk": N_("与新编入的{members}谈话"),
    "receipt": N_("寄出{members}的介绍信回执"),
    "reissue_window": N_("决定是否为{members}补开介绍信"),
    "organisation_life": N_("与久未参加组织生活或交纳党费的{members}谈话"),
    "six_months": N_("核实六个月未参加组织生活或交纳党费的{members}的情况"),
    "permit_check": N_("复核{members}的流动情况"),
    "stay_review": N_("复核{members}是否仍需暂留"),
    "suspension": N_("研究停止党籍满两年的{members}的处理意见"),
    "reconciliation": N_("核对党员名册"),
    "contact": N_("联系{members}并记录结果"),
    "contact.answer": N_("答复关于{members}的来函"),
    "identify": N_("核对{persons}的身份"),
    "question": N_("答复关于{persons}身份的询问"),
    "expected": N_("准备接待将来报到的{members}"),
    "double_report": N_("联系住在本地、组织关系在单位的{members}"),
    "seen_elsewhere": N_("核实已在别处出现的{members}是否改转"),
    "permit": N_("确认{members}的流动党员活动证"),
    "other_channel": N_("决定{members}的介绍信是否加走另一渠道"),
    "other_channel.hand_over": N_(
        "打印{members}的纸质介绍信交给本人（只走一个渠道没有音讯，已自动加走另一渠道）"
    ),
    "other": N_("办理{members}的待办事项"),
}
# Why a notice comes to this recipient; {organisation} is whose task it is.
BECAUSE: Mapping[str, str] = {
    "post_ended": N_("「{organisation}」联系人的任期已满，提醒改发上一级。请更新联系人。"),
    "bounced": N_("「{organisation}」联系人的邮箱多次退信，提醒改发上一级。请更新联系人。"),
    "undelivered": N_("发给「{organisation}」联系人的提醒没有送达，改发上一级。请与其联系。"),
    "overdue": N_("「{organisation}」的事情已逾期，请督促办理。"),
}
