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

_IN_FORCE = "SELECT mark::text FROM registry_version WHERE part = 'division'"


def publish(engine: Engine, cache: Path) -> str:
    """Compiles what table ``division`` holds now and makes it the edition that every process goes
    over to.

    Returns the snapshot's version. 15 to 20 s where the table is another than before.
    """
    edition = str(uuid4())
    version = opened(cache, edition, engine).snapshot.version
    with engine.begin() as tx:
        before = tx.exec_driver_sql(_IN_FORCE).scalar()
        if before and _version_of(cache, before) == version:
            _note(cache, edition).unlink()
        else:
            tx.exec_driver_sql("SELECT division_table_is(%s::uuid)", (edition,))
    return version


def _version_of(cache: Path, edition: str) -> str | None:
    """The version of an edition's snapshot; None where this machine never compiled it."""
    note = _note(cache, edition)
    return note.read_text("ascii") if note.is_file() else None


def compiled(cache: Path, edition: str) -> Gazetteer | None:
    """The gazetteer of an edition, if this machine's cache has it compiled."""
    name = _version_of(cache, edition)
    if name is None:
        return None
    folder = cache / name
    return Gazetteer(address_snapshot.Snapshot(folder)) if folder.is_dir() else None


def opened(cache: Path, edition: str, engine: Engine) -> Gazetteer:
    """The gazetteer of an edition; compiled first, in a process of its own, where the cache lacks
    it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    ready = compiled(cache, edition)
    if ready is not None:
        return ready
    name = _compile(cache, engine)
    _keep_note(_note(cache, edition), name)
    return Gazetteer(address_snapshot.Snapshot(cache / name))


def _compile(cache: Path, engine: Engine) -> str:
    """Compiles what table ``division`` holds; returns the name of the snapshot in the cache."""
    with tempfile.TemporaryDirectory(prefix="division-", dir=cache) as folder:
        standing = Path(folder) / "divisions.csv"
        gone = Path(folder) / "gone.csv"
        _export(engine, standing, gone)
        # a child gives its gigabyte back when it ends, and leaves this interpreter to its callers
        child = subprocess.run(
            [sys.executable, "-m", __name__, str(cache), str(standing), str(gone)],
            capture_output=True,
            text=True,
        )
    if child.returncode:
        reason = child.stderr.strip()[-300:]
        raise RuntimeError(f"the division table could not be compiled: {reason}")
    return child.stdout.strip()


def _keep_note(note: Path, name: str) -> None:
    """Writes the note whole or not at all: another process may read it at any moment."""
    fresh = note.with_suffix(f".{os.getpid()}")
    fresh.write_text(name, "ascii")
    fresh.replace(note)


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
    shipped = address_snapshot.packaged("divisions.csv.xz")
    earlier = [address_snapshot.packaged("divisions_history.csv.xz")]
    table = shipped
    if not _is_shipped(Path(standing), shipped):
        table = Path(standing)
        earlier += [shipped, Path(gone)]
    print(address_snapshot.ensure(Path(cache), table, earlier).name)


def _is_shipped(table: Path, shipped: Path) -> bool:
    """Whether an exported table is the one that comes with the package."""
    with lzma.open(shipped) as lines:
        return lines.read().replace(b"\r\n", b"\n") == table.read_bytes()


if __name__ == "__main__":
    main(*sys.argv[1:])
