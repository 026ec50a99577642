"""A process with a secret that anybody may know does not start, and says which one it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.kit.errors import CannotStart
from services.kit.settings import Settings
from services.kit.weak_secrets import refuse_weak

WEAK = ["CHANGE_ME", "x", "", "short", "password", "XXXXXXXX", "please-CHANGE_ME-now"]
GOOD = "3f9c0a7e5b1d4c8fa2e6"


@pytest.mark.parametrize("weak", WEAK)
@pytest.mark.parametrize(
    "setting",
    [
        "secret",
        "database_url",
        "database_web_url",
        "database_owner_url",
        "kafka_password",
        "smtp_password",
    ],
)
def test_a_weak_secret_is_refused_and_named(setting, weak):
    value = f"postgresql://guidui_app:{weak}@db/guidui" if "url" in setting else weak
    settings = Settings(
        kafka_username="guidui",
        smtp_username="guidui",
        **({"kafka_password": GOOD, "smtp_password": GOOD} | {setting: value}),
    )
    with pytest.raises(CannotStart, match=str(Settings.model_fields[setting].validation_alias)):
        refuse_weak(settings)


def test_good_secrets_and_none_at_all_are_fine():
    refuse_weak(Settings())
    refuse_weak(
        Settings(
            secret=GOOD,
            database_url="postgresql://a@/guidui?host=/run/postgresql",
            kafka_username="guidui",
            kafka_password=GOOD,
            database_web_url=f"postgresql://guidui_pages:{GOOD}@db/guidui",
        )
    )


@pytest.mark.parametrize(
    "role",
    [
        ["run"],
        ["intake"],
        ["portal"],
        ["matcher"],
        ["notifier"],
        ["relay"],
        ["migrate"],
        ["cluster", "up"],
    ],
)
def test_every_role_refuses_to_start(role, tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDUI_SECRET", "CHANGE_ME")
    monkeypatch.setenv("GUIDUI_DATA", str(tmp_path / "data"))
    ran = subprocess.run(
        [sys.executable, "-m", "services.cli", *role], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 2 and "GUIDUI_SECRET" in ran.stderr and "Traceback" not in ran.stderr
    assert not (tmp_path / "data").exists(), "nothing has begun"
