"""A paper receipt comes back: its photo is filed and the receipt recorded with it, in one act of
the origin committee.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.cases.commands.apply import GivenCommand, apply
from services.cases.store import tables
from services.cases.views import queries
from services.portal.context import Portal
from services.portal.pages import fields
from services.records.letters import papers, photos, scans
from services.registry.access import Caller

RECORDING = ("record_receipt", "record_paper_receipt")


def receipt_fields(
    command: str | None, number: str | None, given: Mapping[str, str]
) -> list[fields.AskedField]:
    """The fields that record a receipt, with what was typed, and the number that the letter and its
    receipt share.
    """
    if not command:
        return []
    known = {"number": number or ""}
    asked = []
    for field in fields.FIELDS[command]:
        value = given.get(field.name, known.get(field.name, ""))
        asked.append(fields.AskedField(field, (), field.required, value))
    return asked


def filed(portal: Portal, caller: Caller, person: str | None, case_id: str, content: bytes) -> str:
    """Files a photo or scan to the counterfoil of a case; returns its id. For either committee of
    the case.
    """
    with portal.web.begin() as tx:
        counterfoil = papers.counterfoil_of(tx, caller, case_id)
    cleaned = scans.cleaned(content)
    with portal.acts.begin() as tx:
        queries.must_see(tx, caller, case_id)
        with queries.as_worker(tx):
            return str(
                photos.file_photo(
                    tx,
                    counterfoil,
                    cleaned,
                    caller.own_organisation,
                    person,
                    portal.clock.now(),
                )
            )


@dataclass(frozen=True, slots=True)
class ReceiptGiven:
    """A receipt as it is recorded: by which command, seen in which state, with what on the
    paper.
    """

    command: str
    seen_state: str | None
    arguments: Mapping[str, Any]


def recorded(
    portal: Portal,
    caller: Caller,
    person: str | None,
    case_id: str,
    photo: str,
    receipt: ReceiptGiven,
) -> dict[str, Any]:
    """Records the receipt and binds the photo to its row of history, or neither; returns the case
    view.
    """
    with portal.acts.begin() as tx:
        given = GivenCommand(case_id, receipt.command, receipt.arguments, receipt.seen_state)
        view = apply(tx, portal.acting(caller, person), given)
        with queries.as_worker(tx):
            photos.bind(tx, case_id, photo, tables.load(tx, [case_id])[case_id].seq)
    return view
