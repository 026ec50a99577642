"""Which move is legal and whose it is: every state with every command, every command with every kind of actor."""
from __future__ import annotations

import pytest

from services.cases import rights, states
from services.cases.decide import decide
from services.kit.errors import Refused
from tests.cases.cast import (
    ACTORS, ASKED, BRANCH, CITY, COMMUNITY, COMMUNITY_BRANCH, COUNTY, GIVEN, HOST, NEIGHBOUR, ORIGIN_COUNTY, OUTSIDE,
    STREET, UNIT, WORLD, case_in,
)

ORIGIN = {BRANCH, UNIT, ORIGIN_COUNTY, CITY}
COMMITTEE = {UNIT, ORIGIN_COUNTY, CITY}
RECEIVING = {STREET, COUNTY, CITY}
PARTY = ORIGIN | RECEIVING | {COMMUNITY, COMMUNITY_BRANCH, HOST, ASKED}
# interface.md §6, column "by" and the paragraph below the table; the receiver is the county, which recorded the arrival
MAY: dict[str, set[str]] = {
    "triage": ORIGIN, "confirm_destination": ORIGIN, "approve_stay": COMMITTEE, "register_floating": ORIGIN,
    "reopen": ORIGIN, "submit": {BRANCH}, "send_back": COMMITTEE, "issue_letter": COMMITTEE, "hand_over": COMMITTEE,
    "record_arrival": {COMMUNITY, COUNTY}, "forward": {COUNTY}, "accept": RECEIVING, "return_for_cure": {COUNTY},
    "refuse": {COUNTY}, "cure": ORIGIN, "redirect": ORIGIN, "rule": {CITY}, "place": RECEIVING | {COMMUNITY},
    "record_talk": {COMMUNITY_BRANCH}, "send_receipt": RECEIVING, "record_receipt": COMMITTEE, "report_lost": ORIGIN,
    "reissue": COMMITTEE, "mark_unreachable": {BRANCH}, "found": {BRANCH}, "mark_lost": {BRANCH},
    "suspend": COMMITTEE, "restore": COMMITTEE, "strike_off": COMMITTEE, "merge": ORIGIN, "cancel": COMMITTEE,
    "close": ORIGIN, "reroute": COMMITTEE, "record_paper_receipt": COMMITTEE, "answer": {ASKED},
    "ask": PARTY, "note": PARTY, "pause": COMMITTEE, "resume": COMMITTEE,
}
# interface.md §6, columns "from" and "to": one legal state for each command and where it leads from there
LEADS = {
    "triage": ("announced", "triaged"), "confirm_destination": ("triaged", "destination_confirmed"),
    "approve_stay": ("triaged", "stay_approved"), "register_floating": ("triaged", "floating_registered"),
    "reopen": ("cancelled", "triaged"), "submit": ("destination_confirmed", "out_approval"),
    "send_back": ("out_approval", "triaged"), "issue_letter": ("out_approval", "letter_issued"),
    "hand_over": ("letter_issued", "in_transit"), "record_arrival": ("in_transit", "arrived"),
    "forward": ("arrived", "arrived"), "accept": ("arrived", "accepted"), "return_for_cure": ("arrived", "returned"),
    "refuse": ("arrived", "returned"), "cure": ("returned", "arrived"),
    "redirect": ("returned", "destination_confirmed"), "rule": ("escalated", "destination_confirmed"),
    "place": ("accepted", "placed"), "record_talk": ("placed", "placed"), "send_receipt": ("placed", "receipt_sent"),
    "record_receipt": ("receipt_sent", "moved"), "report_lost": ("letter_issued", "letter_void"),
    "reissue": ("letter_void", "letter_issued"), "mark_unreachable": ("in_transit", "unreachable"),
    "found": ("unreachable", "triaged"), "mark_lost": ("unreachable", "lost_contact"),
    "suspend": ("lost_contact", "suspended"), "restore": ("suspended", "restored"),
    "strike_off": ("suspended", "struck_off"), "merge": ("triaged", "merged"), "cancel": ("letter_issued", "cancelled"),
    "close": ("triaged", "closed_without_move"), "reroute": ("letter_issued", "destination_confirmed"),
    "record_paper_receipt": ("letter_issued", "moved"), "ask": ("arrived", "arrived"), "answer": ("arrived", "arrived"),
    "note": ("arrived", "arrived"), "pause": ("bulk_open", "bulk_open"), "resume": ("bulk_open", "bulk_open"),
}


def test_the_tables_here_name_every_command():
    assert set(MAY) == set(LEADS) == set(GIVEN) == set(states.COMMANDS) == set(rights.RIGHTS)


@pytest.mark.parametrize("state", states.STATES)
def test_an_illegal_command_is_refused_with_a_sentence_that_says_what_may_be_done(state: str):
    for command in states.COMMANDS:
        if (state, command) in states.TRANSITIONS:
            continue
        for actor in (UNIT, CITY, NEIGHBOUR):
            with pytest.raises(Refused) as refused:
                decide(case_in(state, command), command, actor, GIVEN[command], WORLD)
            assert refused.value.status == 409, (state, command)
            assert states.STATES[state][0] in refused.value.words.zh
            assert states.STATES[state][1] in refused.value.words.en


@pytest.mark.parametrize("state", states.STATES)
def test_a_legal_command_leads_where_the_table_says(state: str):
    for command in states.COMMANDS:
        targets = states.TRANSITIONS.get((state, command))
        if targets is None:
            continue
        case = case_in(state, command)
        actor = next(a for a in ACTORS if rights.may(case, command, a, WORLD))
        move = decide(case, command, actor, GIVEN[command], WORLD)
        assert move.case.state in targets and move.steps[-1].to_state == move.case.state, (state, command)
        assert (move.case.owner is None) == (move.case.state in states.TERMINAL), (state, command)


@pytest.mark.parametrize("command", LEADS)
def test_a_command_is_for_those_named_and_nobody_else(command: str):
    state, target = LEADS[command]
    for actor in ACTORS:
        case = case_in(state, command)
        expected = MAY[command] - ({STREET, COUNTY, COMMUNITY} if case.destination == OUTSIDE else set())
        if actor in expected:
            assert decide(case, command, actor, GIVEN[command], WORLD).case.state == target, actor
        else:
            with pytest.raises(Refused) as refused:
                decide(case, command, actor, GIVEN[command], WORLD)
            assert refused.value.status == 403 and refused.value.words.zh and refused.value.words.en, actor


def test_a_neighbour_may_do_nothing_in_any_state():
    for state in states.STATES:
        assert list(rights.allowed(case_in(state), NEIGHBOUR, WORLD)) == []
