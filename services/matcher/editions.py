"""Editions of the division table that an operator loaded: from table ``division`` to a compiled
snapshot in the cache.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from services.addresses import snapshot as address_snapshot
from services.addresses.gazetteer import Gazetteer
from services.kit.db.engine import driver_of

_STANDING = (
    "COPY (SELECT code, name, level, parent FROM division WHERE gone_on IS NULL ORDER BY code) TO "
    "STDOUT (FORMAT csv, HEADER)"
)
_GONE = """
COPY (
    SELECT code, name, extract(year FROM gone_on)::int - 1 AS last_edition
    FROM division
    WHERE gone_on IS NOT NULL
    ORDER BY code
) TO STDOUT (FORMAT csv, HEADER)"""


def publish(engine: Engine, cache: Path) -> str:
    """Compiles what table ``division`` holds now and makes it the edition that every process goes
    over to.

    Returns the snapshot's version. 15 to 20 s where the table is another than before.
    """
    edition = str(uuid4())
    gazetteer = opened(cache, edition, engine)
    with engine.begin() as tx:
        before = tx.exec_driver_sql(
            "SELECT mark::text FROM registry_version WHERE part = 'division'"
        ).scalar()
        known = _note(cache, before) if before else None
        if known and known.is_file() and known.read_text("ascii") == gazetteer.snapshot.version:
            _note(cache, edition).unlink()
            return gazetteer.snapshot.version
        tx.exec_driver_sql("SELECT division_table_is(%s::uuid)", (edition,))
    return gazetteer.snapshot.version


def compiled(cache: Path, edition: str) -> Gazetteer | None:
    """The gazetteer of an edition, if this machine's cache has it compiled."""
    note = _note(cache, edition)
    if not note.is_file():
        return None
    folder = cache / note.read_text("ascii")
    return Gazetteer(address_snapshot.Snapshot(folder)) if folder.is_dir() else None


def opened(cache: Path, edition: str, engine: Engine) -> Gazetteer:
    """The gazetteer of an edition; compiled first, in a process of its own, where the cache lacks
    it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    found = compiled(cache, edition)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="division-", dir=cache) as folder:
        standing, gone = Path(folder) / "divisions.csv", Path(folder) / "gone.csv"
        _export(engine, standing, gone)
        # a child gives its gigabyte back when it ends, and leaves this interpreter to its callers
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(cache), str(standing), str(gone)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(
                f"the division table could not be compiled: {done.stderr.strip()[-300:]}"
            )
    note = _note(cache, edition)
    fresh = note.with_suffix(f".{os.getpid()}")
    fresh.write_text(done.stdout.strip(), "ascii")
    fresh.replace(note)
    return Gazetteer(address_snapshot.Snapshot(cache / done.stdout.strip()))


def _note(cache: Path, edition: str) -> Path:
    """The file that says which snapshot an edition is."""
    return cache / f"edition-{edition}.txt"


def _export(engine: Engine, standing: Path, gone: Path) -> None:
    with engine.connect() as tx:
        cursor = driver_of(tx).cursor()
        for sql, file in ((_STANDING, standing), (_GONE, gone)):
            with file.open("wb") as out, cursor.copy(sql) as stream:
                for chunk in stream:
                    out.write(chunk)


def main(cache: str, standing: str, gone: str) -> None:
    """Compiles two exported files; prints the name of the snapshot."""
    packaged = address_snapshot.packaged("divisions.csv.xz")
    past = [address_snapshot.packaged("divisions_history.csv.xz")]
    with lzma.open(packaged) as shipped:
        as_shipped = shipped.read().replace(b"\r\n", b"\n") == Path(standing).read_bytes()
    if not as_shipped:
        past += [packaged, Path(gone)]
    print(
        address_snapshot.ensure(Path(cache), packaged if as_shipped else Path(standing), past).name
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
