"""Fetches what the pages and the letters need (`deploy/assets/package-lock.json`) and copies it to
`services/portal/static/vendor` and `services/records/letters/fonts`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "deploy"))

from fonts import prepare  # noqa: E402
from npm import node_modules  # noqa: E402

VENDOR = ROOT / "services" / "portal" / "static" / "vendor"
FONTS = ROOT / "services" / "records" / "letters" / "fonts"


def main() -> None:
    print("guidui: fetching the page assets and the fonts of the letters", flush=True)
    source = ROOT / "deploy" / "assets"
    modules = node_modules("assets", source)
    wanted = json.loads((source / "package.json").read_text())
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, path in wanted["vendor"].items():
        shutil.copy(modules / path, VENDOR / name)
    prepare(modules, wanted["fonts"], FONTS)


if __name__ == "__main__":
    main()
