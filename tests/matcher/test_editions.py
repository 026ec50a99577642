"""A newer division table goes into force in running processes; what it drops is past, and old codes
still resolve.
"""

from __future__ import annotations

import csv
import lzma
import time

import pytest

from services.addresses import snapshot as address_snapshot
from services.addresses.gazetteer import Gazetteer
from services.app import after_load
from services.matcher import editions
from services.matcher.live_gazetteer import Addresses
from services.registry.load import load, load_rows
from services.registry.load_divisions import past

BEFORE = "浙江省绍兴市柯桥区柯桥街道管墅社区18号"
NEWER = "浙江省绍兴市柯桥区新钱清街道云上社区18号"
STREET, COMMUNITY = "330603099", "330603099001"


def test_what_a_newer_edition_no_longer_lists_is_past():
    known = [
        "33",
        "3306",
        "330602",
        "330602001",
        "330602001001",
        "330603",
        "330603001",
        "330603001001",
        "330603001002",
        "330603002",
        "330603002001",
    ]
    whole = frozenset(["33", "3306", "330602", "330603", "330603001", "330603001001"])
    assert past(known, whole) == ["330603001002", "330603002", "330603002001"]
    assert past(known, whole - {"330602"}) == [
        "330602",
        "330602001",
        "330602001001",
        "330603001002",
        "330603002",
        "330603002001",
    ]
    assert past(known, frozenset(["33", "3306", "330602", "330603", "330603001"])) == [
        "330603002",
        "330603002001",
    ]
    assert past(known, frozenset(["330603001", "330603001009"])) == []  # an addition is no edition
    assert past(known, frozenset()) == []


def test_a_file_with_few_of_many_ends_nothing():
    known = [
        "33",
        "3306",
        "3307",
        "3308",
        "330603",
        *(f"330603{n:03}" for n in range(1, 9)),
        *(f"330603001{n:03}" for n in range(1, 9)),
    ]
    assert past(known, frozenset(["33", "3306", "330603", "330603001", "330603001001"])) == []
    of_half = frozenset(["33", "3306", "330603", *(f"330603{n:03}" for n in range(1, 5))])
    assert past(known, of_half) == [f"330603{n:03}" for n in range(5, 9)]


@pytest.fixture
def newer(tmp_path):
    """The county of the town in an edition of tomorrow: one street dissolved into another with a
    new name.
    """
    with lzma.open(
        address_snapshot.packaged("divisions.csv.xz"), "rt", encoding="utf-8-sig"
    ) as shipped:
        rows = [
            row
            for row in csv.DictReader(shipped)
            if row["code"] in ("33", "3306")
            or row["code"].startswith("330603")
            and not row["code"].startswith("330603001")
        ]
    rows += [
        {"code": STREET, "name": "新钱清街道", "level": "4", "parent": "330603"},
        {"code": COMMUNITY, "name": "云上社区居委会", "level": "5", "parent": STREET},
        {"code": "330603099002", "name": "管墅社区居委会", "level": "5", "parent": STREET},
    ]
    file = tmp_path / "divisions.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["code", "name", "level", "parent"])
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_a_newer_table_reaches_running_processes_and_old_codes_resolve(town, newer):
    packed = address_snapshot.packaged("divisions.csv.xz")
    with lzma.open(packed, "rt", encoding="utf-8-sig") as shipped:
        zhejiang = [row for row in csv.DictReader(shipped) if row["code"].startswith("33")]
    load_rows(town.app.worker, "divisions", zhejiang, town.clock)
    town.app.addresses.current.learn(
        "浙江省绍兴市柯桥区柯桥街道云上花苑3幢", "330603001008", source="s"
    )
    case = town.leaves(0, to={"address": BEFORE})
    elsewhere = Addresses(Gazetteer(town.app.gazetteer.snapshot), town.app.cache, town.app.worker)
    result = load(town.app.worker, "divisions", newer, town.clock)
    assert result.bad == 0 and "转为旧代码" in result.words.zh
    (said,) = after_load(town.app, "divisions")
    version = said.split()[-1]
    assert after_load(town.app, "divisions") == [said]  # again: the same edition
    assert town.app.gazetteer.resolve(NEWER).candidates[0].code != COMMUNITY
    moved = town.leaves(1, to={"address": NEWER})  # the very next event
    assert town.app.gazetteer.snapshot.version == version
    assert town.app.gazetteer.resolve(NEWER).candidates[0].code == COMMUNITY
    assert town.app.gazetteer.current("330603001008") == ["330603099002"]
    assert town.app.gazetteer.name("330603001") == "柯桥街道"
    follow(town, elsewhere, version)
    with town.app.worker.connect() as tx:
        kept = dict(
            tx.exec_driver_sql("SELECT case_id::text, evidence ->> 'table' FROM case_person").all()
        )
    assert kept[case] != kept[moved] == version  # each case says by which table it was read
    assert load(town.app.worker, "divisions", newer, town.clock).good == 0


def follow(town, addresses: Addresses, version: str) -> None:
    limit = time.monotonic() + 60
    while addresses.current.snapshot.version != version:
        assert time.monotonic() < limit
        with town.app.worker.begin() as tx:
            addresses.refresh(tx)
        time.sleep(0.05)


def test_a_machine_without_the_snapshot_compiles_in_the_background(town, newer, tmp_path):
    load(town.app.worker, "divisions", newer, town.clock)
    version = editions.publish(town.app.worker, town.app.cache)
    empty = tmp_path / "another-machine"
    addresses = Addresses(Gazetteer(town.app.gazetteer.snapshot), empty, town.app.worker)
    with town.app.worker.begin() as tx:
        addresses.refresh(tx)
    assert addresses.current.snapshot.version != version  # it answers by the old table meanwhile
    assert addresses.resolve(BEFORE).decision == "route"
    follow(town, addresses, version)
