"""A small made-up world on real places, and guidui started as its users start it: embedded, or as a
cluster.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

GUIDUI = Path(sys.executable).with_name("guidui")
CITY, ORIGIN_COUNTY, UNIT, BRANCH = "330600010019", "330602010021", "330602010028", "330602010035"
COUNTY, STREET, COMMUNITY, COMMUNITY_BRANCH = (
    "330603010022",
    "330603010029",
    "330603010036",
    "330603010043",
)
NEIGHBOUR = "330603010050"
SCHOOL, SCHOOL_BRANCH = "330602010042", "330602010049"
ADDRESS = "浙江省绍兴市柯桥区柯桥街道管墅社区18号"
ORGANISATIONS = [
    (CITY, "中共绍兴市委组织部", "organisation_department", "city", "", "3306", "yes", "yes"),
    (
        ORIGIN_COUNTY,
        "中共绍兴市越城区委组织部",
        "organisation_department",
        "county",
        CITY,
        "330602",
        "yes",
        "yes",
    ),
    (
        UNIT,
        "中共绍兴越城示例纺织有限公司委员会",
        "basic_committee",
        "enterprise_state",
        ORIGIN_COUNTY,
        "330602",
        "no",
        "yes",
    ),
    (
        BRANCH,
        "中共绍兴越城示例纺织有限公司第一支部委员会",
        "branch",
        "enterprise_state",
        UNIT,
        "330602",
        "no",
        "no",
    ),
    (
        SCHOOL,
        "中共绍兴示例学院委员会",
        "basic_committee",
        "school",
        ORIGIN_COUNTY,
        "330602",
        "no",
        "yes",
    ),
    (
        SCHOOL_BRANCH,
        "中共绍兴示例学院学生支部委员会",
        "branch",
        "school",
        SCHOOL,
        "330602",
        "no",
        "no",
    ),
    (
        COUNTY,
        "中共绍兴市柯桥区委组织部",
        "organisation_department",
        "county",
        CITY,
        "330603",
        "yes",
        "yes",
    ),
    (
        STREET,
        "中共柯桥街道工作委员会",
        "basic_committee",
        "street",
        COUNTY,
        "330603001",
        "yes",
        "yes",
    ),
    (
        COMMUNITY,
        "中共柯桥街道管墅社区总支部委员会",
        "general_branch",
        "community",
        STREET,
        "330603001008",
        "yes",
        "no",
    ),
    (
        COMMUNITY_BRANCH,
        "中共柯桥街道管墅社区第一支部委员会",
        "branch",
        "community",
        COMMUNITY,
        "330603001008",
        "no",
        "no",
    ),
    (
        NEIGHBOUR,
        "中共柯桥街道另一社区总支部委员会",
        "general_branch",
        "community",
        STREET,
        "330603001999",
        "yes",
        "no",
    ),
]
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "建国志强秀英春兰育文晓明海燕文静"


def id_number(number: int) -> str:
    """The made-up number of member ``number``: a valid check digit (GB 11643)."""
    seventeen = (
        f"330602{1950 + number % 45}{number % 12 + 1:02}{number % 28 + 1:02}{number % 1000:03}"
    )
    return (
        seventeen
        + "10X98765432"[sum(int(d) * w for d, w in zip(seventeen, WEIGHTS, strict=True)) % 11]
    )


def name(number: int) -> str:
    """The made-up name of member ``number``."""
    return SURNAMES[number % 16] + GIVEN[number // 16 % 16] + GIVEN[number // 256 % 16]


def write_world(folder: Path, members: int, member_organisation: str = BRANCH) -> None:
    """organisations.csv and members.csv in ``folder``."""
    with (folder / "organisations.csv").open("w", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(
            ["code", "name", "kind", "unit", "parent", "area", "serves_area", "authority"]
        )
        lines.writerows(ORGANISATIONS)
    with (folder / "members.csv").open("w", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(
            [
                "member",
                "name",
                "sex",
                "birth_date",
                "id_number",
                "status",
                "standing",
                "organisation",
            ]
        )
        for n in range(members):
            number = id_number(n)
            lines.writerow(
                (
                    f"m{n:05}",
                    name(n),
                    "male" if int(number[16]) % 2 else "female",
                    f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
                    number,
                    "full",
                    "normal",
                    SCHOOL_BRANCH if n % 4 == 3 else member_organisation,
                )
            )


def event(number: int, ident: str, **data: Any) -> dict[str, Any]:
    """A departure of member ``number``, posted by the unit (or the school) they belong to."""
    kinds = (
        ("guidui.residence.changed.v1", {"unit_has_organisation": False}),
        ("guidui.retirement.scheduled.v1", {"retiree_branch": False, "lives_locally": False}),
        ("guidui.labour_relation.ended.v1", {"labour_relation": "ended", "handover": "dispersed"}),
        ("guidui.departure.effective.v1", {"has_job": True, "unit_has_organisation": False}),
    )
    kind, circumstances = kinds[number % 4]
    said: dict[str, Any] = {
        "person": {"name": name(number), "id_number": id_number(number)},
        "to": {"address": ADDRESS},
        "circumstances": circumstances,
    }
    if number % 4 == 3:
        said["category"] = "graduation"
    return {
        "specversion": "1.0",
        "type": kind,
        "id": ident,
        "data": {**said, **data},
        "source": f"urn:guidui:organisation:{SCHOOL if number % 4 == 3 else UNIT}",
    }


class Running:
    """A service that answers at ``url``, with the keys of its organisations."""

    def __init__(self, data: Path, url: str, environment: dict[str, str]) -> None:
        self.data, self.url, self._environment = data, url, environment
        self._keys: dict[tuple[str, str], str] = {}

    def guidui(self, *words: str, code: int = 0) -> str:
        """Runs a guidui command on this data directory; returns what it printed."""
        done = subprocess.run(
            [str(GUIDUI), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    def key(self, organisation: str, role: str) -> str:
        """An API key, made on first use."""
        if (organisation, role) not in self._keys:
            self._keys[organisation, role] = self.guidui(
                "key", "create", "--organisation", organisation, "--role", role
            ).strip()
        return self._keys[organisation, role]

    def call(
        self, method: str, path: str, organisation: str, role: str = "receiver", **more: Any
    ) -> httpx.Response:
        """One HTTP call as an organisation."""
        return httpx.request(
            method,
            self.url + path,
            timeout=30,
            headers={
                "Authorization": f"Bearer {self.key(organisation, role)}",
                **more.pop("headers", {}),
            },
            **more,
        )

    def post(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        """Posts events of one source as a batch; returns the answer of each."""
        answer = self.call(
            "POST",
            "/v1/events",
            events[0]["source"].rpartition(":")[2],
            "sender",
            content=json.dumps(events).encode(),
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["events"]

    def alerts(self, organisation: str, kind: str | None = None) -> list[dict[str, Any]]:
        """What waits for an organisation."""
        answer = self.call("GET", "/v1/alerts?limit=1000", organisation)
        assert answer.status_code == 200, answer.text
        return [a for a in answer.json()["items"] if kind in (None, a["kind"])]

    def case_of(self, source: str, ident: str) -> str:
        """The case that an event opened or joined, once it is there."""
        code = source.rpartition(":")[2]
        return eventually(
            lambda: (
                self.call("GET", f"/v1/events/{ident}?source={source}", code, "sender")
                .json()
                .get("cases")
            ),
            what="a case",
        )[0]

    def give(self, organisation: str, case: str, command: str, **fields: Any) -> httpx.Response:
        """Gives a command to a case as an organisation."""
        return self.call(
            "POST",
            f"/v1/cases/{case}/commands",
            organisation,
            "receiver",
            json={"command": command, **fields},
        )


def eventually(look, seconds: float = 60, what: str = "it"):
    """What ``look`` returns as soon as it is true; fails after a generous while."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {seconds} s")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _environment(data: Path, url: str) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if k not in ("DATABASE_URL", "DATABASE_OWNER_URL", "KAFKA_BOOTSTRAP")
    }
    return kept | {"GUIDUI_DATA": str(data), "GUIDUI_URL": url}


@contextmanager
def embedded(folder: Path, members: int = 40) -> Iterator[Running]:
    """``guidui run`` with the small world."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = folder / "data"
    environment = _environment(data, url)
    with (folder / "run.log").open("w") as said:
        process = subprocess.Popen(
            [str(GUIDUI), "run", "--port", str(port)], env=environment, stdout=said, stderr=said
        )
    try:
        eventually(
            lambda: (
                process.poll() is not None or "guidui ready" in (folder / "run.log").read_text()
            ),
            180,
            "ready",
        )
        assert process.poll() is None, (folder / "run.log").read_text()
        running = Running(data, url, environment)
        _load(running, folder, members)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, (folder / "run.log").read_text()[-3000:]


@contextmanager
def cluster(folder: Path, members: int = 40, workers: int = 1) -> Iterator[Running]:
    """``guidui cluster up`` with the small world."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    data = folder / "data"
    running = Running(data, url, _environment(data, url))
    try:
        running.guidui("cluster", "up", "--port", str(port), "--workers", str(workers))
        _load(running, folder, members)
        yield running
    finally:
        running.guidui("cluster", "down")


def _load(running: Running, folder: Path, members: int) -> None:
    write_world(folder, members)
    running.guidui("load", "organisations", str(folder / "organisations.csv"))
    running.guidui("load", "members", str(folder / "members.csv"))
