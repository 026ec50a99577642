"""The division table: by the thousand where lines are plainly right, and no less careful where they
are not.
"""

from __future__ import annotations

import csv
import json

import pytest

from services.registry.load import load_rows

GOOD = """\
code,name,level,parent
62,甘肃省,1,
6201,兰州市,2,62
620104,西固区,3,6201
620104001,陈坪街道,4,620104
620104001001,西固中路社区居民委员会,5,620104001
620104001201,范坪村民委员会,5,620104001
"""


def table(worker) -> dict[str, tuple]:
    with worker.begin() as tx:
        return {
            row.code: (row.name, row.level, row.parent)
            for row in tx.exec_driver_sql("SELECT * FROM division")
        }


def test_the_same_twice_and_then_a_newer_edition(load_text, worker):
    assert load_text("divisions", GOOD).good == 6
    again = load_text("divisions", GOOD)
    assert (again.good, again.unchanged) == (0, 6)
    newer = load_text(
        "divisions",
        GOOD.replace("范坪村民委员会", "范坪社区居民委员会") + "620104002,先锋路街道,4,620104\n",
    )
    assert (newer.good, newer.unchanged, newer.bad) == (2, 5, 0)
    assert table(worker)["620104001201"] == ("范坪社区居民委员会", 5, "620104001")


def test_bad_lines_among_thousands_of_good_ones(load_text, worker):
    many = GOOD + "".join(
        f"620104002{number:03},第{number}社区居民委员会,5,620104002\n" for number in range(1, 900)
    )
    many += (
        "".join(
            f"620104003{number:03},第{number}社区居民委员会,5,620104003\n"
            for number in range(1, 900)
        )
        * 3
    )
    many += (
        '620104004001,"有,逗号 的\\社区",5,620104004\n620104001001,又一次,5,620104001\n'
        "6201,兰州市,3,62\n62010,五位,2,62\n"
        "620199001,无上级街道,4,620199\n620105001001,不在其中,5,620104001\n,无代码,5,620104001\n"
        "620104002,先锋路街道,4,620104\n620104003,福利路街道,4,620104\n620104004,西固城街道,4,620104\n"
    )
    result = load_text("divisions", many)
    assert result.bad == 2 * 899 + 6
    assert result.good == len(table(worker)) == 6 + 899 * 2 + 1 + 3
    assert table(worker)["620104004001"] == ("有,逗号 的\\社区", 5, "620104004")


@pytest.mark.parametrize(
    "content",
    [
        "".join(json.dumps(row) + "\n" for row in csv.DictReader(GOOD.splitlines())),
        "\n".join([GOOD.splitlines()[0], *reversed(GOOD.splitlines()[1:])]),
        "\n".join(",".join(reversed(line.split(","))) for line in GOOD.splitlines()),
    ],
    ids=["json-lines", "upside-down", "other-columns"],
)
def test_other_shapes_of_the_same_table(load_text, worker, content):
    load_text("divisions", content)
    assert len(table(worker)) == 6
    assert table(worker)["62"] == ("甘肃省", 1, None)


def test_rows_in_memory(worker, clock):
    assert load_rows(worker, "divisions", csv.DictReader(GOOD.splitlines()), clock).good == 6
