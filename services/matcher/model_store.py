"""Versions of the identity model: those that ship as files, and those fitted here, kept in the
database for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from services.identity.model import LATEST, Model
from services.kit.db.engine import dumps, rows
from services.kit.errors import Refused, Text

_known: dict[str, Mapping[str, Any]] = {}  # a version never changes
_TAKEN = Text(
    "这个模型版本号已经有了；旧版本要留着，以便日后复算。",
    "This version is there already; old versions stay, so that what they said can be computed "
    "again.",
)
_VERSIONS = """
SELECT version, made_at, data ->> 'rows' AS rows, in_force FROM identity_model ORDER BY made_at"""
_NO_SUCH = Text("没有这个模型版本。", "There is no such version of the model.")


@lru_cache(maxsize=8)
def _shipped(version: str, prior: float | None) -> Model:
    return Model.load(version, prior=prior)


def in_force(tx: Connection) -> Model:
    """The version that judges now: the one switched on here, else the newest that ships."""
    version = tx.exec_driver_sql("SELECT version FROM identity_model WHERE in_force").scalar()
    return model(tx, version) if version else _shipped(LATEST, None)


def model(tx: Connection, version: str, prior: float | None = None) -> Model:
    """The model of a version, however old; FileNotFoundError where there never was one."""
    if version not in _known:
        stored = tx.exec_driver_sql(
            "SELECT data FROM identity_model WHERE version = %s", (version,)
        ).scalar()
        if stored is None:
            return _shipped(version, prior)
        _known[version] = stored
    return _stored(version, prior)


@lru_cache(maxsize=8)
def _stored(version: str, prior: float | None) -> Model:
    return Model(_known[version], prior)


def add(tx: Connection, data: Mapping[str, Any], at: datetime) -> None:
    """Keeps a new version, not in force yet; refuses a version that is there."""
    Model(data)  # whatever cannot judge is not kept
    taken = tx.exec_driver_sql(
        "SELECT 1 FROM identity_model WHERE version = %s", (data["version"],)
    ).first()
    if taken or data["version"] == LATEST:
        raise Refused(409, "version-taken", _TAKEN)
    tx.exec_driver_sql(
        "INSERT INTO identity_model (version, data, made_at) VALUES (%s, %s::jsonb, %s)",
        (data["version"], dumps(data), at),
    )


def switch(tx: Connection, version: str) -> None:
    """Lets a version judge from the next batch on; the shipped one by its name."""
    tx.exec_driver_sql("UPDATE identity_model SET in_force = false WHERE in_force")
    switched = tx.exec_driver_sql(
        "UPDATE identity_model SET in_force = true WHERE version = %s RETURNING 1", (version,)
    )
    if switched.first() is None and version != LATEST:
        raise Refused(404, "no-such-version", _NO_SUCH)


def versions(tx: Connection) -> list[dict[str, Any]]:
    """All versions, the shipped one first: version, made_at, rows, in_force."""
    stored = [dict(row) for row in rows(tx, _VERSIONS)]
    shipped = {
        "version": LATEST,
        "made_at": None,
        "rows": None,
        "in_force": not any(version["in_force"] for version in stored),
    }
    return [shipped, *stored]


def again(tx: Connection, version: str, evidence: Mapping[str, Any]) -> list[float]:
    """The probabilities that a version gives to kept evidence: years later still those that it gave
    then.
    """
    judge = model(tx, version, evidence.get("prior"))
    pairs = [(tuple(pair["levels"]), pair["rareness"]) for pair in evidence.get("pairs", ())]
    return judge.again(pairs, evidence.get("rest", 0.0))
