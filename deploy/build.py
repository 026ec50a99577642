"""Makes a source tree ready to run: page assets, fonts, translations, and the command `guidui` in
the environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    programs = (
        [FOLDER / "assets.py"],
        [FOLDER / "messages.py", "--compile"],
        [FOLDER / "wheel.py", "--editable"],
    )
    for program in programs:
        failed = subprocess.run([sys.executable, *program], check=False).returncode
        if failed:
            return failed
    return 0


if __name__ == "__main__":
    sys.exit(main())
