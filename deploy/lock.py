"""Makes the lock files anew: `make lock`, after a change of what pyproject.toml asks for;
`ARGS=--upgrade` takes the newest.

    requirements.lock          what the service needs
    requirements-cluster.lock  what `guidui cluster` needs besides: Java, what finds Kafka's jars
    requirements-test.lock     what the tests and benches need besides both
    requirements-check.lock    what formats, lints and checks types, besides those
    requirements-build.lock    what makes assets, fonts and wheels; whole by itself
    requirements-lock.lock     what makes the locks

Every set is resolved for all supported Pythons at once and pinned by sha256. Versions that a lock
has now stay unless pyproject.toml forbids them. No lock names a registry: where packages come from
is for each machine to say.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = "3.11"
PIN = re.compile(r"^[A-Za-z0-9]")


def main() -> None:
    options = sys.argv[1:]
    service = _resolved("requirements.lock", [], [], options)
    cluster = _resolved("requirements-cluster.lock", ["cluster"], [service], options)
    test = _resolved("requirements-test.lock", ["cluster", "test"], [service, cluster], options)
    check = _resolved(
        "requirements-check.lock", ["cluster", "test", "check"], [service, cluster, test], options
    )
    build = _resolved(
        "requirements-build.lock", ["build"], [service], options, without_project=True
    )
    lock = _resolved("requirements-lock.lock", ["lock"], [], options, without_project=True)

    _write("requirements.lock", service)
    _write("requirements-cluster.lock", _less(cluster, service))
    _write("requirements-test.lock", _less(test, {**service, **cluster}))
    _write("requirements-check.lock", _less(check, {**service, **cluster, **test}))
    _write("requirements-build.lock", build)
    _write("requirements-lock.lock", lock)


def _resolved(
    name: str,
    extras: list[str],
    agreeing: list[dict[str, str]],
    options: list[str],
    without_project: bool = False,
) -> dict[str, str]:
    """Pin -> its lines in a lock, for the project with `extras`; pins of `agreeing` sets hold."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / name
        present = ROOT / name
        if present.exists():
            output.write_text(present.read_text())
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(text for pins in agreeing for text in pins.values()))
        source = Path(folder) / "requirements.in"
        source.write_text("\n".join(_asked_for(extras, without_project)))
        subprocess.run(
            [
                sys.executable, "-m", "uv", "pip", "compile", source,
                "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes",
                "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
                "--constraints", constraints, "--output-file", output, "--quiet", *options,
            ],
            check=True,
        )  # fmt: skip
        return _pins(output.read_text())


def _asked_for(extras: list[str], without_project: bool) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [] if without_project else list(project["dependencies"])
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    return asked


def _pins(text: str) -> dict[str, str]:
    """The lock cut into its pins; a pin is a line that begins with a name, with the hashes below
    it.
    """
    pins: dict[str, str] = {}
    pin = ""
    for line in text.splitlines(keepends=True):
        if PIN.match(line):
            pin = line.strip(" \\\n")
            pins[pin] = ""
        pins[pin] += line
    return pins


def _less(pins: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """What is not installed yet; the marker behind a pin may differ from set to set."""
    installed = {pin.partition(";")[0].strip() for pin in known}
    return {
        pin: text for pin, text in pins.items() if pin.partition(";")[0].strip() not in installed
    }


def _write(name: str, pins: dict[str, str]) -> None:
    (ROOT / name).write_text("".join(pins.values()))
    print(f"{name}: {len(pins)} packages")


if __name__ == "__main__":
    main()
