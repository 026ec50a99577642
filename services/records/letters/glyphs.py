"""Whose names no font can draw: told when the service starts and on the page of letters, before
somebody wants to print.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy import Connection, Engine

from services.kit.db.engine import rows
from services.kit.errors import Refused
from services.kit.log import where
from services.records.letters.fonts import Fonts

log = structlog.get_logger()

_CHARACTERS = """
SELECT DISTINCT c FROM member m, regexp_split_to_table(m.name, '') c WHERE m.standing <> 'ended'"""
_WITH_ONE_OF = """
SELECT count(*)
FROM member
WHERE standing <> 'ended' AND translate(name, :characters, '') <> name"""
_COMING = """
SELECT DISTINCT p.name FROM case_person p JOIN transfer_case c ON c.id = p.case_id
WHERE c.state IN ('triaged', 'destination_confirmed', 'out_approval', 'letter_issued',
    'letter_expired', 'letter_void')
  AND (c.origin = :organisation OR c.origin_committee = :organisation
      OR c.wait_organisation = :organisation)
ORDER BY p.name LIMIT 1000"""


def told_at_start(engine: Engine, fonts: Fonts) -> None:
    """Logs how many members have a name that cannot be printed; a warning where there are any, or
    no font at all.

    Reads every name once: about a second for 300,000 members, so on a thread beside the service.
    """
    try:
        fonts.check([])
        with engine.connect() as tx:
            lacking = _lacking(tx, fonts)
            members = _members_with(tx, lacking)
    except Refused as error:
        log.warning("letters_cannot_be_printed", reason=error.code)
    except Exception as error:  # the service goes on: a print checks again
        log.error("glyph_check_failed", **where(error))
    else:
        write = log.warning if lacking else log.info
        write("glyphs_checked", characters_missing=len(lacking), members=members)


def _lacking(tx: Connection, fonts: Fonts) -> list[str]:
    """The characters of members' names that no font draws."""
    characters = tx.exec_driver_sql(_CHARACTERS).scalars()
    return [character for character in characters if not fonts.font_of(character)]


def _members_with(tx: Connection, characters: Sequence[str]) -> int:
    """How many members have any of these characters in their names."""
    if not characters:
        return 0
    return rows(tx, _WITH_ONE_OF, {"characters": "".join(characters)})[0]["count"]


def undrawable(tx: Connection, organisation: str, fonts: Fonts) -> list[tuple[str, str]]:
    """(name, its characters that no font has) of those whose letter this organisation is to issue,
    as ``tx`` sees them.
    """
    lacking: list[tuple[str, str]] = []
    for row in rows(tx, _COMING, {"organisation": organisation}):
        characters = fonts.missing(row["name"] or "")
        if characters:
            lacking.append((row["name"], "".join(characters)))
    return lacking
