"""`make score`: the address and identity engines on their labelled sets, with confidence intervals."""
from __future__ import annotations

import subprocess
import sys

SCORERS = ("tests.score.address", "tests.score.identity")

if __name__ == "__main__":
    sys.exit(max(subprocess.run([sys.executable, "-m", name], check=False).returncode for name in SCORERS))
