"""Who is it: one posted person against the members that share a blocking key."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.kit.errors import Words
from services.registry.persons import MemberRecord, Person, fold_name, parse_date, parse_id_number


@dataclass(frozen=True, slots=True)
class Reason:
    field: str
    level: str
    words: Words


@dataclass(frozen=True, slots=True)
class CandidateMember:
    member: str
    probability: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Identification:
    decision: Literal["match", "review", "not_a_member", "unknown"]
    candidates: tuple[CandidateMember, ...]
    model: str


class Model:
    version = "exact-1"

    @classmethod
    def load(cls, version: str = "exact-1") -> Model:
        return cls()

    def judge(self, person: Person, candidates: Sequence[MemberRecord], frequencies: Mapping[str, int]):
        number, name = parse_id_number(person.id_number), fold_name(person.name)
        born, given = parse_date(person.birth_date)
        by_id = [c for c in candidates if number.valid and parse_id_number(c.id_number).text == number.text]
        named = [c for c in by_id if not name or fold_name(c.name) == name]
        if len(named) == 1:
            return self._answer("match", named, "id_number")
        if by_id:
            return self._answer("review", by_id, "id_number")
        both = [c for c in candidates if name and fold_name(c.name) == name and born
                and parse_date(c.birth_date)[0] == born]
        if len(both) == 1 and not (number.valid and both[0].id_number):
            return self._answer("match", both, "name_birth")
        if both or candidates:
            return self._answer("review", both or list(candidates), "name")
        enough = number.valid or (name and born and given == "day")
        return Identification("not_a_member" if enough else "unknown", (), self.version)

    def _answer(self, decision, candidates, level):
        words = Words("证件号码或姓名、出生日期一致", "identity number, or name and birth date, are the same")
        return Identification(decision, tuple(
            CandidateMember(c.member, 0.999 if decision == "match" else 0.5, (Reason("identity", level, words),))
            for c in candidates), self.version)
