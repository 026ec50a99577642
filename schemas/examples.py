"""Examples of every event and message, each run by a test. People, numbers and units are made
up.
"""

from __future__ import annotations

from typing import Any

from schemas.departures import SOURCE_PREFIX
from schemas.topics import CASE_MOVED, EVENT_POSTED, TASK_OPENED

UNIT, SCHOOL, COMMUNITY, STREET = "110105010001", "110105010002", "110105010028", "110105010010"
COUNTY = "110105010000"  # its organisation department
ORGANISATIONS = (UNIT, SCHOOL, COMMUNITY, STREET)  # a reader of the examples must have loaded these
_PERSON = {
    "name": "示例甲",
    "id_number": "110105197503020017",
    "birth_date": "1975-03-02",
    "sex": "female",
    "phone": "13800000000",
    "member": None,
}
_OTHER = {"name": "示例乙", "birth_date": "2003-09-09", "sex": "male"}


def _event(kind: str, ext_id: str, data: dict[str, Any], code: str = UNIT) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": kind,
        "source": SOURCE_PREFIX + code,
        "id": ext_id,
        "time": "2026-06-30T10:00:00+08:00",
        "datacontenttype": "application/json",
        "data": data,
    }


_EVENTS = (
    _event(
        "guidui.departure.planned.v1",
        "hr-2026-0041",
        {
            "category": "relocation",
            "effective_on": "2026-08-01",
            "person": _PERSON,
            "to": {"address": "北京市朝阳区八里庄街道十里堡南里社区1号楼", "since": None},
            "circumstances": {"unit_has_organisation": False, "place_fixed": True},
        },
    ),
    _event(
        "guidui.departure.effective.v1",
        "hr-2026-0042",
        {
            "category": "layoff",
            "effective_on": "2026-06-30",
            "person": _PERSON,
            "to": {
                "address": "北京市朝阳区八里庄街道十里堡南里社区1号楼",
                "organisation": None,
                "employer": None,
                "since": None,
            },
            "circumstances": {
                "labour_relation": "ended",
                "handover": "dispersed",
                "place_fixed": True,
                "months": None,
                "unit_has_organisation": False,
            },
        },
    ),
    _event(
        "guidui.departure.effective.v1",
        "hr-2026-0043",
        {
            "corrects": "hr-2026-0042",
            "category": "job_change",
            "effective_on": "2026-06-30",
            "person": _PERSON,
            "to": {"organisation": COMMUNITY, "employer": "示例科技有限公司"},
            "circumstances": {"unit_has_organisation": True},
        },
    ),
    _event(
        "guidui.departure.withdrawn.v1",
        "hr-2026-0044",
        {"corrects": "hr-2026-0041", "reason": "登记有误"},
    ),
    _event(
        "guidui.host.report.v1",
        "wk-2026-0007",
        {
            "person": _OTHER,
            "to": {"since": "2026-06-20"},
            "from": {"name": "示例县某支部", "letter_number": "〔2026〕第 12 号"},
        },
        COMMUNITY,
    ),
    _event(
        "guidui.residence.changed.v1",
        "rs-2026-0003",
        {
            "effective_on": "2026-06-20",
            "person": _PERSON,
            "to": {"address": "北京市朝阳区八里庄街道十里堡南里社区1号楼"},
            "circumstances": {"place_fixed": True},
        },
    ),
    _event(
        "guidui.retirement.scheduled.v1",
        "rt-2026-0011",
        {
            "effective_on": "2026-07-31",
            "person": _PERSON,
            "to": {"address": "北京市朝阳区八里庄街道十里堡南里社区1号楼"},
            "circumstances": {"retiree_branch": False, "lives_locally": True, "socialised": True},
        },
    ),
    _event(
        "guidui.labour_relation.ended.v1",
        "lr-2026-0005",
        {
            "effective_on": "2026-06-30",
            "person": _PERSON,
            "circumstances": {"labour_relation": "ended", "handover": "collective"},
        },
    ),
    _event(
        "guidui.graduation.batch.v1",
        "gr-2026-01",
        {
            "effective_on": "2026-06-30",
            "batch": "2026 届",
            "persons": [
                {
                    "person": _OTHER,
                    "to": {"employer": "示例科技有限公司"},
                    "circumstances": {"has_job": True, "unit_has_organisation": True},
                },
                {
                    "person": {"member": "m-000123"},
                    "circumstances": {"has_job": False, "archive_with": "school"},
                },
            ],
        },
        SCHOOL,
    ),
    _event(
        "guidui.demobilised.notice.v1",
        "dm-2026-0002",
        {
            "effective_on": "2026-09-01",
            "person": _OTHER,
            "to": {"address": "北京市朝阳区八里庄街道十里堡南里社区1号楼"},
            "circumstances": {"has_job": False},
        },
    ),
    _event(
        "guidui.life.attended.v1", "life-2026-06-28-01", {"person": _PERSON, "on": "2026-06-28"}
    ),
    _event("guidui.dues.paid.v1", "dues-2026-06-01", {"person": _PERSON, "paid_to": "2026-06"}),
    _event(
        "guidui.contact.attempt.v1",
        "contact-0001",
        {"person": _PERSON, "on": "2026-06-29", "reached": False, "channel": "phone"},
    ),
    _event(
        "guidui.organisation.changed.v1",
        "org-2026-0001",
        {
            "organisation": UNIT,
            "effective_on": "2026-07-01",
            "effective_to": "2026-06-30",
            "successor": SCHOOL,
        },
        COUNTY,
    ),
    _event(
        "guidui.organisation.changed.v1",
        "org-2026-0002",
        {
            "organisation": COMMUNITY,
            "effective_on": "2026-07-01",
            "parent": STREET,
            "name": "中共示例街道示例社区委员会",
        },
        COUNTY,
    ),
    _event(
        "guidui.organisation.changed.v1",
        "org-2026-0003",
        {
            "effective_on": "2026-09-01",
            "founded": {
                "code": "110105010099",
                "name": "中共示例新区工作委员会",
                "kind": "basic_committee",
                "unit": "park",
                "parent": COUNTY,
                "area": "110105",
                "authority": True,
            },
        },
        COUNTY,
    ),
)
_CASE, _TASK = "6f1f1d0e-0000-5000-8000-000000000001", "6f1f1d0e-0000-5000-8000-0000000000a1"
_MESSAGES = {
    EVENT_POSTED: [{"event": "6f1f1d0e-0000-5000-8000-0000000000e1"}],
    CASE_MOVED: [
        {
            "case": _CASE,
            "seq": 3,
            "command": "confirm_destination",
            "from": "triaged",
            "to": "destination_confirmed",
            "at": "2026-07-02T09:30:00+08:00",
            "by": UNIT,
            "origin": UNIT,
            "destination": COMMUNITY,
            "header": STREET,
            "owner": UNIT,
            "tasks_opened": [
                {
                    "id": _TASK,
                    "kind": "expected",
                    "act": "record_arrival",
                    "organisation": COMMUNITY,
                    "due_on": None,
                }
            ],
            "tasks_closed": [],
        }
    ],
    TASK_OPENED: [
        {
            "case": None,
            "member": "m-000123",
            "at": "2026-09-28T00:00:00+08:00",
            "tasks_opened": [
                {
                    "id": _TASK,
                    "kind": "organisation_life",
                    "act": "contact",
                    "organisation": UNIT,
                    "due_on": "2026-10-12",
                }
            ],
            "tasks_closed": [],
        }
    ],
}
EXAMPLES: dict[str, list[dict[str, Any]]] = {}
for _one in _EVENTS:
    EXAMPLES.setdefault(_one["type"], []).append(_one)
EXAMPLES |= _MESSAGES
