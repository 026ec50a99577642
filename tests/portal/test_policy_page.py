"""The page of policy: every value with its source, the versions of one's own city, and not those of
others.
"""

from __future__ import annotations

import json
from datetime import timedelta

from services.cases.policy import values as policy
from services.cli.policies import load_policy
from services.portal.pages.policy import NAMES
from tests.portal.town import text


def test_a_department_reads_what_counts_and_what_will(town, reader, tmp_path):
    today = town.clock.now().date()
    rows = [
        {
            "version": name,
            "effective_from": (today + timedelta(days=days)).isoformat(),
            "document": f"{name}号文件",
            "source": "第三条",
            "scope": scope,
            "values": values,
        }
        for name, days, scope, values in (
            ("SX-now", 0, {"city": "3306"}, {"acceptance_wd": 4}),
            ("SX-soon", 9, {"city": "3306"}, {"talk_days": 3}),
            ("BJ", 0, {"city": "1101"}, {"acceptance_wd": 2}),
            ("retired", 0, {"category": "retirement"}, {"who_rules": "above_origin"}),
        )
    ]
    (file := tmp_path / "p.json").write_text(json.dumps(rows), "utf-8")
    assert load_policy(town.app, file) == 0
    said = text(reader("department").get("/department/policy"))
    assert "接收，工作日 4 SX-now：SX-now号文件 第三条" in said and "BJ" not in said
    assert "SX-soon" in said.partition("现在")[0] and "转出方的上级组织部门" in said
    assert "30 天内" not in said and "组通字〔2015〕33号" in said
    english = reader("department", "en").get("/department/policy?language=en")
    assert english.status_code == 200


def test_the_forms_offer_what_the_policy_lists(town, reader, tmp_path):
    (file := tmp_path / "p.json").write_text(
        json.dumps(
            {
                "version": "v",
                "effective_from": town.clock.now().date().isoformat(),
                "document": "文件",
                "source": "条款",
                "values": {
                    "refusal_reasons": ["duplicate", "no_beds"],
                    "stay_reasons": ["住院治疗"],
                    "archive_check": "required",
                },
            }
        ),
        "utf-8",
    )
    assert load_policy(town.app, file) == 0
    arrived, triaged = town.leaves(0, "record_arrival"), town.leaves(1)
    form = reader("secretary").get(f"/cases/{arrived}/refuse").text
    assert 'value="no_beds"' in form and 'value="duplicate"' in form and 'value="other"' in form
    assert 'value="no_power"' not in form
    assert "住院治疗" in reader("clerk").get(f"/cases/{triaged}/approve_stay").text
    page = reader("street").act(arrived, "accept")
    assert "archive_checked" in page.text and town.state(arrived) == "arrived"
    reader("street").act(arrived, "accept", archive_checked="true")
    assert town.state(arrived) == "accepted"


def test_the_page_is_for_departments_and_linked_from_theirs(town, reader):
    assert reader("secretary").get("/department/policy").status_code == 403
    assert "/department/policy" in reader("department").get("/department").text


def test_every_value_has_its_name_on_the_page():
    assert set(NAMES) == set(policy.shipped()["values"])
