"""Decisions make new versions of the model; old versions stay and say what they said; names count
by the register.
"""

from __future__ import annotations

import json
import random

import pytest

from services.identity.model import COUNTED_FROM, Model, frequencies_of
from services.identity.persons import MemberRecord, Person
from services.kit.errors import Refused
from services.matcher import model_store
from services.matcher.model_fit import LEAST, refitted
from services.matcher.people import frequencies
from services.matcher.reviewed import groups
from services.registry.load import load_rows
from tests.people.posting import decided, post
from tests.stories import county_service

SAME_BIRTH_SLIP = ("none", "same", "slip", "same", "none", "none", "other")
NAMESAKE = ("none", "same", "other", "same", "other", "none", "other")


def decisions(count: int, seed: int = 7):
    """Made-up decisions: slips of the birth date were always the same person, namesakes never."""
    rng = random.Random(seed)
    return [
        [(SAME_BIRTH_SLIP, 0.0, True), (NAMESAKE, 0.0, False)]
        if rng.random() < 0.7
        else [(NAMESAKE, 0.0, False)]
        for _ in range(count)
    ]


def test_a_new_version_believes_what_people_decided_and_the_old_one_stays():
    base = Model.load()
    made, worth = refitted(base.data, decisions(200), "identity-2")
    fresh = Model(made)
    assert worth["after"] > worth["before"] and worth["decisions"] == 200
    assert fresh.again([(SAME_BIRTH_SLIP, 0.0)])[0] > base.again([(SAME_BIRTH_SLIP, 0.0)])[0]
    assert fresh.again([(NAMESAKE, 0.0)])[0] < 0.01
    assert made["signs"]["birth=slip"]["m"] > base.data["signs"]["birth=slip"]["m"]
    number = (
        "same",
        "same",
        "same",
        "same",
        "none",
        "none",
        "none",
    )  # what nobody decided about stays as it was
    assert fresh.again([(number, 0.0)]) == pytest.approx(base.again([(number, 0.0)]), abs=0.02)
    assert json.loads(json.dumps(made))["from"] == "identity-1"


def test_too_few_decisions_or_useless_ones_make_no_version():
    with pytest.raises(Refused):
        refitted(Model.load().data, decisions(LEAST - 1), "identity-2")
    rng = random.Random(1)
    contradictory = [
        [(SAME_BIRTH_SLIP, 0.0, rng.random() < Model.load().again([(SAME_BIRTH_SLIP, 0.0)])[0])]
        for _ in range(60)
    ]
    with pytest.raises(Refused):
        refitted(Model.load().data, contradictory, "identity-2")


def test_a_version_in_force_judges_and_what_an_older_one_said_is_computed_again(town):
    before = post(
        town, "first", {"name": county_service.name(3), "sex": "male", "phone": "13877776666"}
    )
    old = decided(town, before)
    made, _ = refitted(Model.load().data, decisions(200), "identity-2")
    with town.app.worker.begin() as tx:
        model_store.add(tx, made, town.clock.now())
        model_store.switch(tx, "identity-2")
    new = decided(
        town,
        post(
            town, "second", {"name": county_service.name(3), "sex": "male", "phone": "13877776666"}
        ),
    )
    assert (old.model, new.model) == ("identity-1", "identity-2")
    with town.app.worker.begin() as tx:
        for row in (old, new):
            assert model_store.again(tx, row.model, row.evidence) == [
                p["probability"] for p in row.evidence["pairs"]
            ]
        with pytest.raises(Refused):
            model_store.add(tx, made | {"prior": 0.1}, town.clock.now())  # a version never changes
        model_store.switch(tx, "identity-1")
        assert model_store.in_force(tx).version == "identity-1"
        assert [v["version"] for v in model_store.versions(tx) if v["in_force"]] == ["identity-1"]


def test_any_answer_can_be_computed_again_from_its_levels():
    model = Model.load()
    members = [
        MemberRecord(f"m{n}", "张伟", "male", f"19{60 + n}-03-02", None, None, None, "330602010035")
        for n in range(9)
    ]
    counts = frequencies_of(["张伟"] * 40 + [f"名{n}" for n in range(COUNTED_FROM)])
    for person in (
        Person("张伟"),
        Person("张伟", birth_date="1961-03-02"),
        Person("张玮", birth_date="1962-03"),
    ):
        answer = model.judge(person, members, counts)
        assert model.again(
            [(c.levels, c.rareness) for c in answer.candidates], answer.rest
        ) == pytest.approx([c.probability for c in answer.candidates], abs=2e-4)


def test_names_are_counted_with_every_load(town):
    def load(member, name):
        assert (
            load_rows(
                town.app.worker,
                "members",
                [{"member": member, "name": name, "organisation": county_service.BRANCH}],
                town.clock,
            ).bad
            == 0
        )

    with town.app.worker.connect() as tx:
        assert frequencies(tx, [county_service.name(3), None])[county_service.name(3)] == 1
    load("n1", county_service.name(3))
    load("n2", county_service.name(3))
    load("n2", "改名的人")
    with town.app.worker.connect() as tx:
        assert frequencies(tx, [county_service.name(3), "改名的人", "没有的人"]) == {
            county_service.name(3): 2,
            "改名的人": 1,
            "": 14,
        }


def test_undecided_pairs_are_not_learned_from(town):
    post(town, "first", {"name": county_service.name(3), "sex": "male", "phone": "13877776666"})
    with town.app.worker.connect() as tx:
        assert groups(tx) == []
