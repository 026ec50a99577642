"""The operator's commands on identity, as they are typed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from services.cli import cli
from services.identity.model import Model
from services.matcher import four_eyes
from services.matcher.reviewed import groups
from services.registry.tokens import agreed
from tests.people.posting import STRANGER, post
from tests.people.test_model import decisions
from tests.stories import county_service


@pytest.fixture
def guidui(town, database, monkeypatch, tmp_path):
    """Types a command on the town's database; returns its exit code and what it printed."""
    monkeypatch.setenv("DATABASE_URL", database.app_url)
    monkeypatch.setenv("GUIDUI_DATA", str(tmp_path))
    monkeypatch.setenv("GUIDUI_SECRET", "a secret of the tests, long enough to be one")

    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, list(words))
        return done.exit_code, done.stdout.strip()

    return typed


def test_a_token_key_is_agreed_and_ended(town, guidui):
    code, key = guidui("token-key", "create", "--organisation", county_service.UNIT)
    with town.app.worker.connect() as tx:
        assert code == 0 and agreed(tx)[county_service.UNIT].hex() == key
    assert guidui("token-key", "create", "--organisation", "000000000000")[0] == 2
    assert guidui("token-key", "end", "--organisation", county_service.UNIT)[0] == 0
    assert guidui("token-key", "end", "--organisation", county_service.UNIT)[0] == 2


def test_four_eyes_are_asked_for_and_no_longer(town, guidui):
    path = f"{county_service.CITY}.{county_service.ORIGIN_COUNTY}.{county_service.UNIT}."
    for words, wanted in (
        (("four-eyes", "--organisation", county_service.CITY), {path}),
        (("four-eyes", "--organisation", county_service.CITY, "--off"), set()),
    ):
        assert guidui(*words)[0] == 0
        with town.app.worker.connect() as tx:
            assert four_eyes.asked_for(tx, {path}) == wanted
    assert guidui("four-eyes", "--organisation", "000000000000")[0] == 2


def test_what_is_left_of_strangers_is_erased_and_counted(town, guidui):
    post(town, "stranger", STRANGER)
    code, said = guidui("erase")
    figure = json.loads(said.splitlines()[-1])
    assert code == 0 and (figure["erased"], figure["held"]) == (1, 0)


def test_a_version_is_fitted_used_and_left_again(town, guidui, tmp_path):
    file = tmp_path / "identity-2.json"
    assert (
        guidui("model", "fit", "--version", "identity-2", "--out", str(file))[0] == 1
        and not file.exists()
    )
    with town.app.worker.begin() as tx:
        for number, group in enumerate(decisions(60)):
            for candidate, (levels, rareness, same) in enumerate(group):
                tx.exec_driver_sql(
                    "INSERT INTO reviewed_pair VALUES (md5(%s)::uuid, %s, %s, %s, %s, "
                    "'identity-1', '2026-11-23')",
                    (str(number), candidate, same, list(levels), rareness),
                )
        assert len(groups(tx)) == 60
    assert guidui("model", "fit", "--version", "identity-2", "--out", str(file))[0] == 0
    assert Model(json.loads(file.read_text("utf-8"))).version == "identity-2"
    assert guidui("model", "use", str(file))[1].endswith("identity-2")
    assert "* identity-2" in guidui("model", "list")[1]
    assert (
        guidui("model", "use", "identity-1")[0] == 0
        and "* identity-1" in guidui("model", "list")[1]
    )
    assert guidui("model", "use", "identity-9")[0] == 2
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    assert guidui("model", "use", str(broken))[0] == 2


def test_what_changes_something_stands_in_the_security_log(town, guidui):
    unit = ("--organisation", county_service.UNIT)
    key = guidui("key", "create", "--role", "sender", *unit)
    assert key[0] == 0
    assert guidui("token-key", "create", *unit)[0] == 0
    assert guidui("token-key", "end", *unit)[0] == 0
    assert guidui("token-key", "end", *unit)[0] == 2  # refused: nothing was done, nothing is kept
    assert guidui("four-eyes", *unit)[0] == 0
    assert guidui("numbers", "assign", *unit, "--first", "1", "--last", "9")[0] == 0
    assert guidui("desk", "resume", "matcher")[0] == 0
    with town.app.worker.connect() as tx:
        kept = tx.exec_driver_sql(
            "SELECT event, role, detail, path <> '' FROM security_log ORDER BY at, id"
        ).all()
    assert sorted(kept) == [
        ("key_created", "operator", "sender", True),
        ("operator_act", "operator", "four-eyes-on", True),
        ("operator_act", "operator", "numbers-assign", True),
        ("operator_act", "operator", "resume", False),
        ("operator_act", "operator", "token-key-create", True),
        ("operator_act", "operator", "token-key-end", True),
    ]


def test_a_load_stands_in_the_security_log_with_what_became_of_it(town, guidui, tmp_path):
    good = tmp_path / "calendar.csv"
    good.write_text("day,kind,source\n2027-10-01,holiday,a notice\n", "utf-8")
    bad = tmp_path / "members.csv"
    bad.write_text("nothing,that,is,known\n1,2,3,4\n", "utf-8")
    assert guidui("load", "calendar", str(good))[0] == 0
    assert guidui("load", "members", str(bad))[0] != 0
    with town.app.worker.connect() as tx:
        kept = tx.exec_driver_sql(
            "SELECT detail, object, result FROM security_log ORDER BY at, id"
        ).all()
    assert sorted(kept) == [
        ("load", "calendar", "done"),
        ("load", "members", "refused"),
        ("load-begun", "calendar", "done"),
        ("load-begun", "members", "done"),
    ]
