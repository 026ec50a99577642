"""Fitting the identity model to what people decided, without a database."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from services.identity.model import LATEST, Model
from services.kit.errors import Refused
from services.matcher.model_fit import LEAST, refitted

BASE = json.loads((files("services.identity") / "models" / f"{LATEST}.json").read_text("utf-8"))
ALIKE = ("none", "same", "year", "same", "none", "none", "none")
UNLIKE = ("none", "other", "other", "same", "none", "none", "none")


def decisions(number: int, *, found: bool) -> list:
    """Decisions between two candidates: the first is the person, or nobody is."""
    return [[(ALIKE, 0.0, found), (UNLIKE, 0.0, False)] for _ in range(number)]


def test_from_too_few_decisions_nothing_is_estimated():
    with pytest.raises(Refused) as refused:
        refitted(BASE, decisions(LEAST - 1, found=True), "identity-2")
    assert refused.value.code == "too-few-decisions"


def test_a_new_version_foretells_better_and_leaves_the_old_one_as_it_is():
    before = json.dumps(BASE)
    made, worth = refitted(BASE, decisions(LEAST, found=True), "identity-2")
    assert worth["decisions"] == LEAST and worth["after"] > worth["before"]
    assert (made["version"], made["from"]) == ("identity-2", LATEST)
    assert json.dumps(BASE) == before


def test_what_people_confirm_weighs_more_and_what_they_deny_less():
    year = "birth=year"
    confirmed, _ = refitted(BASE, decisions(LEAST, found=True), "identity-2")
    denied, _ = refitted(BASE, decisions(LEAST, found=False), "identity-2")
    at_first = BASE["signs"][year]["weight"]
    assert denied["signs"][year]["weight"] < at_first < confirmed["signs"][year]["weight"]


def test_shares_are_counted_on_from_as_many_pairs_as_they_were_counted_from():
    made, _ = refitted(BASE, decisions(LEAST, found=True), "identity-2")
    pairs_before = BASE.get("true_pairs", BASE["rows"] * BASE["prior"])
    assert made["true_pairs"] == pairs_before + LEAST
    assert made["rows"] == BASE["rows"] + LEAST
    # a version fitted from this one counts on from where it ended
    again, _ = refitted(made, decisions(LEAST, found=True), "identity-3")
    assert again["true_pairs"] == made["true_pairs"] + LEAST


def test_a_version_that_was_fitted_judges():
    made, _ = refitted(BASE, decisions(LEAST, found=True), "identity-2")
    odds_before = Model(BASE).again([(ALIKE, 0.0)])[0]
    odds_after = Model(made).again([(ALIKE, 0.0)])[0]
    assert odds_after > odds_before
