"""Policy versions from the command line: checked and stored, or only tried on what is open."""

from __future__ import annotations

import sys
from pathlib import Path

from services.app import App
from services.cases.deadlines.calendar import day_of
from services.cases.policy import file as policy_file
from services.cases.policy import store as policy_store
from services.cases.policy.book import Version
from services.cases.policy.what_if import what_if
from services.kit.db import locks
from services.kit.db.locks import Lock


def load_policy(app: App, file: Path) -> int:
    """Stores the versions of a file; 0, or 2 with every fault on stderr and nothing changed."""
    now = app.clock.now()
    with app.worker.begin() as tx:
        locks.hold(tx, Lock.POLICY)
        try:
            new = policy_file.read(
                file, app.rule_source.policy, policy_store.stored_versions(tx), day_of(now)
            )
        except policy_file.BadPolicy as bad:
            return _refused(bad)
        policy_store.keep(tx, new, now)
    for version in new:
        print(f"{version.version} 自 {version.effective_from} 起施行（{version.document}）")
    print(f"新存 {len(new)} 个版本")
    print(f"{len(new)} new versions", file=sys.stderr)
    return 0


def try_policy(app: App, file: Path) -> int:
    """Prints the deadlines that would move: case, organisation, act, from -> to. Stores nothing."""
    with app.worker.connect() as tx:
        try:
            policy_file.read(
                file,
                app.rule_source.policy,
                policy_store.stored_versions(tx),
                day_of(app.clock.now()),
            )
        except policy_file.BadPolicy as bad:
            return _refused(bad)
    return _tell(app, policy_file.versions(file))


def _tell(app: App, new: list[Version]) -> int:
    count = 0
    for shift in what_if(app.worker, app.clock, app.rule_source, new):
        print(
            f"{shift.case} {shift.organisation} {shift.act} {shift.before or '-'} -> "
            f"{shift.now or '-'}"
        )
        count += 1
    print(f"若用于现有未办结事项，期限变动 {count} 项；什么都没有改动", file=sys.stderr)
    print(f"{count} deadlines would move; nothing was changed", file=sys.stderr)
    return 0


def _refused(bad: policy_file.BadPolicy) -> int:
    for fault in bad.faults:
        print(
            f"第 {fault.row} 行 {fault.field}：{fault.reason.zh}；{fault.fix.zh}。"
            f" Row {fault.row}, {fault.field}: {fault.reason.en}; {fault.fix.en}.",
            file=sys.stderr,
        )
    return 2
