"""What the review desk answers instead of doing what it is asked for."""

from __future__ import annotations

from services.cases.commands.arguments import refuse
from services.kit.errors import Refused


def unknown() -> Refused:
    """There is no such review, or it is another's."""
    return refuse(
        404, "no-such-review", "没有这条待核对，或不归本组织核对。", "There is no such review."
    )


def taken_back() -> Refused:
    """The sender withdrew or corrected what the review is about."""
    return refuse(
        409,
        "review-decided",
        "报送单位已撤回或更正这条报送，不用再核对。",
        "The sender has withdrawn or corrected this posting; nobody need say who it is.",
    )


def decided_already() -> Refused:
    """Somebody has decided the review."""
    return refuse(
        409, "review-decided", "这条核对已有结论。", "This review has been decided already."
    )


def not_yours_to_say() -> Refused:
    """The candidates are held by others."""
    return refuse(
        403,
        "not-yours-to-say",
        "相近的党员不归本组织管理，由其所在组织认定；本组织报错了可以撤回这条报送。",
        "The candidates belong to other organisations, which say who it is; if you posted it by "
        "mistake, withdraw it.",
    )


def not_a_candidate() -> Refused:
    """The member named is neither a candidate nor of the reader's own tree."""
    return refuse(
        422,
        "no-such-member",
        "这名党员不是本条核对的相近人，也不在本组织及以下，请核对 member。",
        "This is no candidate of the review, nor a member of your own tree; check member.",
        field="member",
    )


def not_registered() -> Refused:
    """The register has no such member."""
    return refuse(
        422,
        "no-such-member",
        "登记册中没有这名党员，请核对 member。",
        "The register has no such member.",
        field="member",
    )


def without_reason() -> Refused:
    """Somebody is to be no member, and no reason is given."""
    return refuse(
        422,
        "field-missing",
        "请填写认定不是党员的理由 reason。",
        "Give the reason.",
        field="reason",
    )


def second_person_needed() -> Refused:
    """The same person cannot be both of the two who decide."""
    return refuse(
        409,
        "second-person-needed",
        "这条核对要两个人分别认定；请另一人再看一遍。",
        "This review needs two persons: somebody else must look at it too.",
    )


def departments_only() -> Refused:
    """A wrong identification is a department's to undo."""
    return refuse(
        403,
        "departments-only",
        "认错的人由组织部门纠正。",
        "A department undoes a wrong identification.",
    )


def undone_without_reason() -> Refused:
    """A match is to be undone, and no reason is given."""
    return refuse(
        422, "field-missing", "请填写纠正的理由 reason。", "Give the reason.", field="reason"
    )


def no_match_to_undo() -> Refused:
    """Nobody was matched."""
    return refuse(
        409,
        "no-match-to-undo",
        "这条报送没有认定为某名党员，无可纠正。",
        "This posting was not matched to a member; there is nothing to undo.",
    )


def not_yours_to_undo() -> Refused:
    """The member it was taken for belongs to another tree."""
    return refuse(
        403,
        "not-yours-to-undo",
        "认定的党员不归本组织管理，由其所在组织的上级组织部门纠正。",
        "The member it was taken for belongs to another tree; the department above that "
        "member undoes it.",
    )


def not_of_your_tree() -> Refused:
    """The right member, as named, belongs to another tree."""
    return refuse(
        422,
        "no-such-member",
        "本组织及以下没有这名党员；归别的组织的，不写 member，由核对台认定。",
        "No member of your tree has this reference; leave member out and let the review desk "
        "find out.",
        field="member",
    )


def same_member() -> Refused:
    """The right member, as named, is the wrong one."""
    return refuse(
        422,
        "same-member",
        "这正是原来认定的党员，请填写正确的一位。",
        "This is the member it was taken for; name the right one.",
        field="member",
    )
