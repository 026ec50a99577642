"""The ways to deploy name the roles and settings that there are, in files their tools accept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from services.cluster.supervised import Supervisor
from services.kit.errors import CannotStart
from services.kit.settings import Settings
from services.kit.weak_secrets import refuse_weak
from tests.equipment.browser import ensure_equipment

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
ROLES = {"relay", "intake", "portal", "matcher", "notifier"}


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def manifests() -> list[dict]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "guidui.yaml").read_text()))


def shape(command: list[str]) -> list[str]:
    """A command without its program's folder, hosts and ports."""
    return [
        word.rsplit("/", 1)[-1]
        for word in command
        if word not in ("--host", "0.0.0.0") and not word.isdigit()
    ]


def test_compose_keeps_to_the_schema():
    schema = json.loads((ensure_equipment() / "compose-schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(compose())


def test_compose_and_kubernetes_run_what_cluster_up_runs(tmp_path):
    supervisor = Supervisor(tmp_path, 1, 1, 8000)
    ran = {role: shape(supervisor._command(role, 9000)) for role in ROLES}
    services = compose()["services"]
    assert {role: shape(services[role]["command"]) for role in ROLES} == ran
    containers = [
        pod["spec"]["template"]["spec"]["containers"][0]
        for pod in manifests()
        if pod["kind"] == "Deployment"
    ]
    assert {one["name"]: shape(one["command"]) for one in containers} == ran
    assert services["migrate"]["command"] == ["guidui", "migrate"]


def test_the_example_settings_exist():
    known = {field.validation_alias for field in Settings.model_fields.values()}
    for file in DEPLOY.rglob("*.env"):
        assert set(re.findall(r"^([A-Z_]+)=", file.read_text(), re.MULTILINE)) <= known, file.name


def test_the_public_address_reaches_intake_and_portal_the_same_way_everywhere():
    assert compose()["services"]["proxy"]["volumes"] == ["./Caddyfile:/etc/caddy/Caddyfile:ro"]
    caddyfile = (DEPLOY / "Caddyfile").read_text()
    events = re.search(r"@events path (\S+) (\S+)", caddyfile)
    handled = re.findall(r"handle (@events )?\{\s+reverse_proxy (\w+):8000", caddyfile)
    ingress = next(one for one in manifests() if one["kind"] == "Ingress")
    paths = {
        path["path"]: path["backend"]["service"]["name"]
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    assert paths == {"/v1/events": "guidui-intake", "/": "guidui-portal"}
    assert events.groups() == ("/v1/events", "/v1/events/*")
    assert handled == [("@events ", "intake"), ("", "portal")]


SECRETS = {
    "DATABASE_OWNER_URL",
    "DATABASE_URL",
    "DATABASE_WEB_URL",
    "GUIDUI_SECRET",
    "KAFKA_PASSWORD",
    "SMTP_PASSWORD",
}
"""Settings that hold a secret, or an address with one."""


def named_in(role: str) -> set[str]:
    """The settings in the file of a role."""
    return set(
        re.findall(r"^([A-Z_]+)=", (DEPLOY / "env" / f"{role}.env").read_text(), re.MULTILINE)
    )


def test_each_role_has_a_set_of_secrets_and_the_owners_login_is_migrates_alone():
    assert {file.stem for file in (DEPLOY / "env").glob("*.env")} == ROLES | {"common", "migrate"}
    assert [
        role for role in ROLES | {"common", "migrate"} if "DATABASE_OWNER_URL" in named_in(role)
    ] == ["migrate"]
    assert not named_in("common") & SECRETS
    assert {role for role in ROLES if "GUIDUI_SECRET" in named_in(role)} == {"intake", "portal"}
    assert {role for role in ROLES if "DATABASE_WEB_URL" in named_in(role)} == {"intake", "portal"}
    assert {role for role in ROLES if "SMTP_PASSWORD" in named_in(role)} == {"notifier"}


def test_every_way_to_deploy_gives_a_role_its_own_secrets_and_no_others():
    services = compose()["services"]
    for role in ROLES | {"migrate"}:
        assert services[role]["env_file"] == ["env/common.env", f"env/{role}.env"]
    assert "env_file" not in services["proxy"]
    for pod in manifests():
        if pod["kind"] in ("Deployment", "Job"):
            container = pod["spec"]["template"]["spec"]["containers"][0]
            assert container["envFrom"] == [
                {"configMapRef": {"name": "guidui"}},
                {"secretRef": {"name": f"guidui-{container['name']}"}},
            ]
    unit = (DEPLOY / "systemd" / "guidui@.service").read_text()
    assert "EnvironmentFile=/etc/guidui/%i.env" in unit and "DynamicUser=yes" in unit
    assert "/etc/guidui/migrate.env" in (DEPLOY / "systemd" / "guidui-migrate.service").read_text()


def test_the_examples_do_not_start_anything():
    for file in (DEPLOY / "env").glob("*.env"):
        lines = re.findall(r"^([A-Z_]+)=(.*)$", file.read_text(), re.MULTILINE)
        set_ones = {name: value for name, value in lines if value}
        if not SECRETS & set(set_ones):
            continue
        with pytest.raises(CannotStart):
            refuse_weak(Settings(**set_ones))
