"""A database whose blocking keys were computed by earlier rules finds its members by the rules of
today.
"""

from __future__ import annotations

from services.identity.keys import RULES, member_keys, person_keys
from services.identity.persons import MemberRecord, Person
from services.registry import rekey
from tests.registry.conftest import MEMBERS


def keys(engine) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with engine.connect() as tx:
        for key, member in tx.exec_driver_sql("SELECT key, member FROM member_key"):
            found.setdefault(member, set()).add(key)
    return found


def as_earlier_rules_left_it(engine) -> None:
    """No keys of masked numbers, a radical in a name that was dropped from its sound, and no number
    of the rules.
    """
    with engine.begin() as tx:
        tx.exec_driver_sql("DELETE FROM member_key WHERE starts_with(key, 'nt:')")
        tx.exec_driver_sql(
            "UPDATE member SET name = '⻢云飞', address = '⻄安市' WHERE member = 'm1'"
        )
        tx.exec_driver_sql("DELETE FROM member_key WHERE member = 'm1' AND key ~ '^(n|ys|bs|bg):'")
        tx.exec_driver_sql(
            "INSERT INTO member_key VALUES ('n:yunfei', 'm1'), ('tk:330602010028:ab', 'm1')"
        )
        tx.exec_driver_sql("UPDATE registry_version SET rules = 0 WHERE part = 'member_key'")


def test_keys_of_earlier_rules_are_computed_anew_once(register, worker):
    as_earlier_rules_left_it(worker)
    row = Person(name="马云飞", id_number="330602********1717")
    assert not person_keys(row) & keys(worker)["m1"]
    assert rekey.follow(worker) == 2
    found = keys(worker)
    assert person_keys(row) & found["m1"]
    assert "n:yunfei" not in found["m1"], "what today's rules do not make is gone"
    assert "tk:330602010028:ab" in found["m1"], "a sender's token is no matter of the rules"
    with worker.connect() as tx:
        assert tx.exec_driver_sql("SELECT name, address FROM member WHERE member = 'm1'").one() == (
            "马云飞",
            "西安市",
        )
        assert (
            tx.exec_driver_sql(
                "SELECT rules FROM registry_version WHERE part = 'member_key'"
            ).scalar()
            == RULES
        )
    assert rekey.follow(worker) == 0, "and then never again"
    assert keys(worker) == found


def test_a_load_after_it_changes_no_key(register, worker):
    rekey.follow(worker)
    before = keys(worker)
    assert register("members", MEMBERS).unchanged == 2
    assert keys(worker) == before
    expected = member_keys(
        MemberRecord("m2", "王芳", "female", "1972-05-06", "330602197205060028", "13900000002")
    )
    assert before["m2"] == expected
