"""What is installed for which purpose: each set is pinned, names no registry, and holds what its
code imports.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
OLDEST = (3, 11)
CODE = sorted(file for folder in ("services", "schemas") for file in (ROOT / folder).rglob("*.py"))
# what only some commands need comes with another set than the service's
OTHER_SETS = {
    "services/tools/bench/address.py": "test",
    "services/tools/bench/identity.py": "test",
    "services/cluster/kafka_install.py": "cluster",
}


def names(requirements: list[str]) -> set[str]:
    return {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in requirements}


def imported(file: Path) -> set[str]:
    """The first names of what a file imports, anywhere in it, and of the packages whose data it
    reads.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "files"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.add(node.args[0].value.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"services", "schemas"}


def test_the_service_imports_only_what_its_own_set_brings():
    service, optional = names(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    locked = {pin.partition("==")[0] for pin in pins(ROOT / "requirements.lock")}
    owners = packages_distributions()
    missing = []
    for file in CODE:
        name = str(file.relative_to(ROOT))
        known = (
            service | locked | (names(optional[OTHER_SETS[name]]) if name in OTHER_SETS else set())
        )
        for module in imported(file):
            owner = {re.sub(r"[-_.]+", "-", dist).lower() for dist in owners.get(module, [module])}
            if not owner & known:
                missing.append(
                    f"{name} imports {module}: add it to dependencies in pyproject.toml, then "
                    f"make lock"
                )
    assert not missing, missing


def pins(lock: Path) -> list[str]:
    return [
        line.partition(" ")[0]
        for line in lock.read_text().splitlines()
        if re.match(r"[A-Za-z0-9]", line)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_by_hash_and_names_no_registry(lock):
    text = lock.read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries and all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "index-url" not in text


def test_the_locks_hold_what_pyproject_asks_for():
    locked = {
        name: {pin.partition("==")[0] for pin in pins(ROOT / f"requirements{name}.lock")}
        for name in ("", "-cluster", "-test", "-check", "-build", "-lock")
    }
    optional = PROJECT["optional-dependencies"]
    here = "make lock brings the locks up to date"
    assert names(PROJECT["dependencies"]) <= locked[""], here
    assert names(optional["cluster"]) <= locked[""] | locked["-cluster"], here
    assert names(optional["test"]) <= locked[""] | locked["-cluster"] | locked["-test"], here
    assert names(optional["check"]) <= locked["-check"] | locked[""], here
    assert (
        names(optional["build"]) <= locked["-build"] and names(optional["lock"]) <= locked["-lock"]
    ), here


def test_no_set_pins_another_version_than_the_service():
    service = dict(pin.split("==") for pin in pins(ROOT / "requirements.lock"))
    for lock in LOCKS:
        other = dict(pin.split("==") for pin in pins(lock))
        assert {
            name for name in service.keys() & other.keys() if service[name] != other[name]
        } == set(), lock.name


@pytest.mark.parametrize("folder", ["services", "schemas", "deploy", "tests"])
def test_every_file_is_python_of_the_oldest_minor_version(folder):
    for file in (ROOT / folder).rglob("*.py"):
        ast.parse(file.read_text("utf-8"), str(file), feature_version=OLDEST)


def test_every_module_can_be_imported_by_this_python():
    """A name that the standard library of an older patch release lacks is found here, not by a
    user.
    """
    for file in CODE:
        module = (
            str(file.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        )
        if not module.endswith(
            ("__main__", "migrations.env")
        ):  # the second is run by alembic alone
            importlib.import_module(module)
