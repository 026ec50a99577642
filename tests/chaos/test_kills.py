"""Nothing is lost and nothing doubled, whoever is killed: the same siege as `make chaos`,
shorter.
"""

from __future__ import annotations

import pytest

from tests.chaos.siege import run


@pytest.mark.timeout(900)
def test_what_was_accepted_takes_effect_once_whatever_is_killed(tmp_path):
    report = run(tmp_path / "data", events=2_000, kills=22)
    assert report.accepted == 2_000
    assert report.balance.wrong() == {}
    brokers = sum(count for role, count in report.kills.items() if role.startswith("kafka"))
    assert brokers >= 3 and report.kills["postgres"] >= 3 and sum(report.kills.values()) >= 20
