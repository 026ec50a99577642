"""Fetches what the tests need besides the Python packages: `python -m tests.equipment.prepare`, called by `make test`."""

from __future__ import annotations

import sys

from services.kit.cache import cache_folder
from services.kit.kafka_install import KafkaUnavailable, ensure_kafka
from services.kit.postgres_host import PostgresUnavailable, binaries
from tests.equipment.browser import ensure_browser


def main() -> int:
    try:
        binaries()
        print(f"guidui: test equipment in {cache_folder()}: Kafka, Chromium, fonts", flush=True)
        ensure_kafka()
        ensure_browser()
    except (KafkaUnavailable, PostgresUnavailable, OSError) as failure:
        print(f"guidui: the test equipment is not complete: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
