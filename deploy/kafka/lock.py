"""Writes the broker's lock anew: `python deploy/kafka/lock.py > services/cluster/kafka_jars.lock`
after changing its roots.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import Dependency, MavenContext

from services.cluster.kafka_install import ROOTS


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        central = MavenContext(repo_cache=Path(folder), timeout=60)
        roots = [Dependency(_component(central, root).artifact()) for root in ROOTS]
        given, drawn_in = central.resolver.resolve(roots)
        for found in sorted(
            [*given, *drawn_in], key=lambda found: (found.groupId, found.artifactId)
        ):
            coordinate = f"{found.groupId}:{found.artifactId}:{found.version}"
            digest = hashlib.sha256(
                _component(central, coordinate).artifact().resolve().read_bytes()
            ).hexdigest()
            print(coordinate, digest)


def _component(central: MavenContext, coordinate: str):
    group, artifact, version = coordinate.split(":")
    return central.project(group, artifact).at_version(version)


if __name__ == "__main__":
    main()
