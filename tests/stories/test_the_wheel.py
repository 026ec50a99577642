"""The wheel alone is enough: installed where only its dependencies are, without a registry, npm or
this source tree.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from services.kit.cache import cache_folder
from tests.stories.county_service import eventually, free_port

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"  # nobody listens on the port "discard"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_two_packages_and_their_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "services",
        "schemas",
    }
    assert {
        "services/cases/policy/calendar.json",
        "services/kit/db/migrations/versions/0001_baseline.py",
        "services/kit/db/migrations/baseline/cases.sql",
        "services/kit/db/migrations/functions/cases/case_event_moves.sql",
        "schemas/asyncapi.yaml",
        "services/addresses/data/divisions.csv.xz",
        "services/portal/static/vendor/htmx.min.js",
        "services/portal/locale/en/LC_MESSAGES/messages.mo",
        "services/notifier/locale/en/LC_MESSAGES/messages.mo",
        "services/records/letters/fonts/NotoSerifSC.ttf",
        "services/records/letters/fonts/index.json",
    } <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "deploy/"))]


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A virtual environment with the wheel and what its metadata asks for, linked from ours, and
    nothing else.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    metadata = zipfile.ZipFile(wheel).read(
        next(n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("/METADATA"))
    )
    wanted = re.findall(r"^Requires-Dist: (.*)$", metadata.decode(), re.MULTILINE)
    _link(wanted, packages, set())
    installed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(folder / "bin" / "python"),
            "install",
            "--quiet",
            "--no-index",
            str(wheel),
        ],
        env=os.environ | {"PIP_FIND_LINKS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    return folder


def _link(
    wanted: list[str], packages: Path, done: set[str], extras: tuple[str, ...] = ("",)
) -> None:
    """Links every distribution that `wanted` leads to into `packages`."""
    for line in wanted:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
            continue
        key = f"{requirement.name.lower()}{sorted(requirement.extras)}"
        if key in done:
            continue
        done.add(key)
        present = _distribution(requirement.name)
        for place in _places(present):
            target = packages / place.name
            if not target.exists():
                target.symlink_to(place)
        _link(present.requires or [], packages, done, ("", *requirement.extras))


def _places(present: Distribution) -> set[Path]:
    """What a distribution has in its site-packages: its packages, modules and metadata."""
    site = Path(str(present.locate_file("")))
    listed = {
        site / file.parts[0]
        for file in present.files or ()
        if file.parts[0] not in ("..", "__pycache__")
    }
    # pip of Debian 12 installs what has no wheel by its setup.py: the list of files then names
    # those of the source archive, and the metadata lie in a folder with the version in its name.
    metadata = set(site.glob(f"{present.name}-{present.version}*.egg-info"))
    return {place for place in listed if place.exists()} | metadata


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        pytest.fail(
            f"{name}, which the wheel asks for, is not among what requirements.lock installs"
        )


def test_it_serves_without_registry_npm_or_source_tree(environment, tmp_path):
    port = free_port()
    bare = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GUIDUI_CACHE": str(cache_folder()),
        "PIP_NO_INDEX": "1",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
    }
    command = [
        environment / "bin" / "guidui",
        "run",
        "--data",
        tmp_path / "data",
        "--port",
        str(port),
    ]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(command, cwd=tmp_path, env=bare, stdout=out, stderr=err)
    try:
        ready = eventually(
            lambda: "guidui ready" in (tmp_path / "out").read_text() or process.poll() is not None,
            180,
        )
        assert ready and process.poll() is None, (tmp_path / "err").read_text()
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert str(ROOT / "services") not in loaded
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30
        ) as client:
            assert client.get("/readyz").json()["ready"]
            page = client.get("/sign-in")
            assert page.status_code == 200
            assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
            assert assets and all(client.get(asset).status_code == 200 for asset in assets)
            assert client.post("/v1/events", json={}).status_code == 401
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_its_code_is_the_installed_one(environment, tmp_path):
    asked = "import services, schemas; print(services.__file__, schemas.__file__)"
    shown = subprocess.run(
        [environment / "bin" / "python", "-c", asked],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.count(str(environment)) == 2
