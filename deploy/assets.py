"""Fetches what the pages need (`deploy/assets/package-lock.json`) and copies it to
`services/portal/static/vendor`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "deploy"))

from npm import node_modules  # noqa: E402

VENDOR = ROOT / "services" / "portal" / "static" / "vendor"


def main() -> None:
    print("guidui: fetching the page assets", flush=True)
    source = ROOT / "deploy" / "assets"
    modules = node_modules("assets", source)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, path in json.loads((source / "package.json").read_text())["vendor"].items():
        shutil.copy(modules / path, VENDOR / name)


if __name__ == "__main__":
    main()
