"""A register of a test's own: engines for the worker and the web role, a clock, and a way to load
text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.kit.clock import ZONE, TurnedClock
from services.kit.db.engine import connect
from services.registry.load import Hooks, LoadResult, load

ORGANISATIONS = """\
code,name,kind,unit,parent,area,serves_area,authority,effective_from
330602010028,中共绍兴市越城区水务管理局委员会,basic_committee,organ,330602010021,330602,no,yes,2015-01-01
330602010035,中共绍兴市越城区水务管理局第一支部委员会,branch,organ,330602010028,330602,no,no,2015-01-01
330602010042,中共绍兴市越城区水务管理局第二支部委员会,branch,organ,330602010028,330602,no,no,2015-01-01
330602010021,中共浙江省绍兴市越城区委组织部,organisation_department,county,330600010019,330602,yes,yes,2015-01-01
330603010022,中共浙江省绍兴市柯桥区委组织部,organisation_department,county,330600010019,330603,yes,yes,2015-01-01
330603010029,中共浙江省绍兴市柯桥区柯桥街道工作委员会,basic_committee,street,330603010022,330603001,yes,yes,2015-01-01
330603010036,中共浙江省绍兴市柯桥区柯桥街道管墅社区总支部委员会,general_branch,community,330603010029,330603001008,yes,no,2015-01-01
330600010019,中共绍兴市委组织部,organisation_department,city,,3306,yes,yes,2015-01-01
"""
MEMBERS = """\
member,name,sex,ethnicity,birth_date,id_number,phone,address,status,standing,joined_on,organisation,last_life_on,dues_paid_to
m1,沈育文,male,汉族,1966-03-20,330602196603201717,13900000001,浙江省绍兴市,full,normal,1990-07-01,330602010035,2026-02-25,2026-01
m2,王芳,female,汉族,1972-05-06,330602197205060028,13900000002,浙江省绍兴市,full,normal,1995-07-01,330602010042,2026-02-25,2026-01
"""

Load = Callable[..., LoadResult]


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(datetime(2026, 3, 2, 9, 0, tzinfo=ZONE))


@pytest.fixture
def worker(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_worker")
    yield engine
    engine.dispose()


@pytest.fixture
def web(database) -> Iterator[Engine]:
    engine = connect(database.app_url, "guidui_web", connections_max=1)
    yield engine
    engine.dispose()


@pytest.fixture
def load_text(worker: Engine, clock: TurnedClock, tmp_path: Path) -> Load:
    """Load text, or bytes, as a file of a kind."""

    def load_it(
        kind: str, content: str | bytes, name: str = "", hooks: Hooks = Hooks()
    ) -> LoadResult:
        file = tmp_path / (name or f"{kind}.csv")
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(worker, kind, file, clock, hooks)

    return load_it


@pytest.fixture
def register(load_text: Load) -> Load:
    """The same, with the organisations and members above in the register."""
    load_text("organisations", ORGANISATIONS)
    load_text("members", MEMBERS)
    return load_text
