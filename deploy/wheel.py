"""Builds guidui's wheel: `python deploy/wheel.py FOLDER` the one to hand on, `--editable` the one
of this source tree, installed into the environment of the Python that runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hatchling.build import build_editable, build_wheel

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    target = sys.argv[1]
    os.chdir(ROOT)
    if target == "--editable":
        return _install_editable()
    Path(target).mkdir(parents=True, exist_ok=True)
    print(Path(target) / build_wheel(target))
    return 0


def _install_editable() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / build_editable(folder)
        options = ["--quiet", "--no-deps", "--no-index", "--force-reinstall"]
        return subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, str(wheel)], check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
