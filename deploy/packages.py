"""Installs the packages of one lock file: `python deploy/packages.py [--target FOLDER] LOCK`.

They go into the environment of the Python that runs this, or, unlisted there, into FOLDER. Every
file is checked against the lock's sha256. What fails is said in one sentence; pip's own words stay
in a file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.kit.registries import PYTHON


def main() -> int:
    arguments = sys.argv[1:]
    options = ["--quiet", "--no-deps", "--require-hashes"]
    if arguments[0] == "--target":
        # What is thrown away after use is not worth a place in pip's cache.
        options += ["--no-cache-dir", "--target", arguments[1]]
        arguments = arguments[2:]
    lock = arguments[0]
    command = [sys.executable, "-m", "pip", "install", *options, "-r", str(ROOT / lock)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except KeyboardInterrupt:
        return 130
    if done.returncode == 0:
        return 0
    output = done.stdout + done.stderr
    print(
        f"guidui: {PYTHON.failure(f'the packages of {lock}', output)}; pip's words: "
        f"{_kept(output)}",
        file=sys.stderr,
    )
    return 1


def _kept(output: str) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="guidui-pip-", suffix=".log", delete=False
    ) as file:
        file.write(output)
    return file.name


if __name__ == "__main__":
    sys.exit(main())
