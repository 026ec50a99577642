"""Fetches what the pages and the letters need (`deploy/assets/package-lock.json`) and copies it to
`services/portal/static/vendor` and `services/records/letters/fonts`.

The cache keeps the finished files alone, so that another checkout fetches nothing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "deploy")]

from fonts import prepare
from npm import NotFetched, node_modules

from services.kit.cache import fetched_once

SOURCE = ROOT / "deploy" / "assets"
MADE_FROM = (SOURCE / "package.json", SOURCE / "package-lock.json", ROOT / "deploy" / "fonts.py")
VENDOR = ROOT / "services" / "portal" / "static" / "vendor"
FONTS = ROOT / "services" / "records" / "letters" / "fonts"


def ensure_assets() -> None:
    """Puts the assets and fonts into the source tree, fetched and made the first time."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in MADE_FROM)).hexdigest()[:12]
    made = fetched_once(f"assets-{digest}", _make)
    for source, target in ((made / "vendor", VENDOR), (made / "fonts", FONTS)):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def _make(folder: Path) -> None:
    wanted = json.loads((SOURCE / "package.json").read_text())
    with node_modules(SOURCE) as modules:
        (folder / "vendor").mkdir()
        for name, path in wanted["vendor"].items():
            shutil.copy(modules / path, folder / "vendor" / name)
        prepare(modules, wanted["fonts"], folder / "fonts")


def main() -> int:
    print("guidui: making the page assets and the fonts of the letters", flush=True)
    try:
        ensure_assets()
    except NotFetched as failure:
        print(f"guidui: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
