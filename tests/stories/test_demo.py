"""The demo: whoever signs in with an account of the README finds something to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.app import App
from services.cluster.one_process import application, ensure_divisions
from services.kit.cache import cache_folder
from services.kit.errors import CannotStart
from services.kit.settings import Settings
from services.tools.demo import (
    COMMUNITY,
    COMMUNITY_BRANCH,
    DEPARTMENT,
    NEIGHBOUR,
    PEOPLE,
    STREET,
    UNIT,
    UNIT_BRANCH,
    _password,
    ensure_demo,
    sign_ins,
)
from tests.intake.served import served
from tests.portal.town import Reader
from tests.registry.conftest import ORGANISATIONS

ROOT = Path(__file__).parents[2]
# account -> the kinds of work that wait for it, at least
WORK = {
    UNIT_BRANCH: {"destination"},
    UNIT: {"out_approval", "identify"},
    COMMUNITY: {"expected", "placement", "contact", "double_report", "permit", "identify"},
    COMMUNITY_BRANCH: {"talk"},
    NEIGHBOUR: {"expected", "placement"},
    STREET: {"acceptance", "receipt", "expected"},
    DEPARTMENT: {"ruling"},
}


@pytest.fixture(scope="module")
def demo(postgres, tmp_path_factory):
    postgres.create_database("demo", template="guidui")
    app = App.at(
        postgres.app_url("demo"),
        b"a secret of the tests",
        cache_folder(),
        settings=Settings(data=tmp_path_factory.mktemp("demo")),
        web_url=postgres.web_url("demo"),
    )
    ensure_divisions(app.worker)
    ensure_demo(app, lambda line: None)
    yield app
    app.close()
    postgres.drop_database("demo")


def count(app: App, sql: str) -> int:
    with app.worker.connect() as tx:
        return tx.exec_driver_sql(sql).scalar_one()


def test_the_demo_has_moves_in_every_state_and_persons_in_doubt(demo):
    assert count(demo, "SELECT count(DISTINCT state) FROM transfer_case") >= 10
    assert count(demo, "SELECT count(*) FROM identification WHERE decision = 'review'") == 3
    assert count(demo, "SELECT count(*) FROM identification WHERE decision = 'rejected'") == 0
    assert (
        count(
            demo,
            "SELECT count(*) FROM transfer_case WHERE state = 'triaged' AND destination IS NULL",
        )
        >= 1
    )
    assert count(demo, "SELECT count(*) FROM confirmed_address") >= 3
    assert count(demo, "SELECT count(*) FROM dead_letter") == 0


def test_a_second_start_changes_nothing(demo):
    cases = count(demo, "SELECT count(*) FROM transfer_case")
    ensure_demo(demo, lambda line: None)
    assert count(demo, "SELECT count(*) FROM transfer_case") == cases


@pytest.mark.parametrize("organisation", WORK)
def test_each_account_finds_its_kinds_of_work(demo, organisation):
    with demo.worker.connect() as tx:
        kinds = set(
            tx.exec_driver_sql(
                "SELECT kind FROM task WHERE closed_at IS NULL AND organisation = %s",
                (organisation,),
            ).scalars()
        )
    assert kinds >= WORK[organisation]


def test_each_account_signs_in_and_sees_work_on_its_first_page(demo):
    with served(application(demo)) as url:
        for organisation, _, name, _ in PEOPLE:
            with Reader(url) as reader:
                page = reader.sign_in(organisation, name, _password(organisation))
                assert page.status_code == 200 and "/sign-in" not in str(page.url), name
                works = reader.get("/cases")
                assert re.search(r'href="/cases/[0-9a-f-]{36}', works.text), name


def test_the_accounts_are_said_at_the_start_and_in_both_readmes(demo):
    lines = sign_ins(demo, 8000)
    for readme in ("README.md", "README.zh-CN.md"):
        text = (ROOT / readme).read_text("utf-8")
        for organisation, _, name, _ in PEOPLE:
            assert f"| `{organisation}` | {name} | `{_password(organisation)}` |" in text, (
                readme,
                name,
            )
    assert all(name in lines and organisation in lines for organisation, _, name, _ in PEOPLE)


def test_the_demo_is_not_mixed_with_real_organisations(database, tmp_path, load_rows_of):
    app = App.at(
        database.app_url, b"a secret of the tests", cache_folder(), settings=Settings(data=tmp_path)
    )
    try:
        load_rows_of(app, ORGANISATIONS)
        with pytest.raises(CannotStart, match="--demo"):
            ensure_demo(app, lambda line: None)
        assert count(app, "SELECT count(*) FROM member") == 0
    finally:
        app.close()


@pytest.fixture
def load_rows_of(tmp_path):
    def loaded(app: App, text: str) -> None:
        from services.registry.load import load

        file = tmp_path / "organisations.csv"
        file.write_text(text, "utf-8")
        load(app.worker, "organisations", file, app.clock)

    return loaded
