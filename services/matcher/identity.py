"""Who is it: one roster row or posted person against the members that share a blocking key.

A Fellegi-Sunter model: each field agrees at a named level (identity_compare), each level has m (its share among true
pairs), u (its share among other candidates) and a weight; weights add up to the odds. Two things are added to the
textbook. Fields that hang together are weighed together: beside the same number, birth date and sex say little; a
*different valid* number counts against whatever else agrees. And the candidates compete with each other and with
"none of them", so that of two namesakes neither is sure. Thresholds and guards then turn the odds into a decision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from services.matcher.identity_compare import Side, compare, read_member, read_person
from services.matcher.identity_words import Reason, reasons
from services.registry.names import fold_name, is_latin
from services.registry.persons import MemberRecord, Person

__all__ = ["CandidateMember", "Identification", "Model", "Reason", "frequencies_of"]

LATEST = "identity-1"
SIZE = ""
"""Key of the register's size in a table of frequencies."""
LISTED_MAX = 5
LISTED_FROM = 0.001
ALIKE = frozenset(("same", "lost", "sound", "pinyin", "part", "shape"))
_FOLDER = Path(__file__).parent / "models"
_WRITTEN = frozenset(("same", "lost", "part", "shape"))
_NEARLY = frozenset(("month", "year", "slip", "swapped", "year_off", "lunar"))
_AGAINST = frozenset(("other", "twin", "near", "unfit"))
_FREE = frozenset(("none", "begins"))

Levels = tuple[str, ...]
Frequencies = Mapping[str, int] | Callable[[str], int] | None


@dataclass(frozen=True, slots=True)
class CandidateMember:
    """A member who may be meant: how sure, and why."""

    member: str
    probability: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Identification:
    """The decision, the candidates best first, and the version of the model that said so."""

    decision: Literal["match", "review", "not_a_member", "unknown"]
    candidates: tuple[CandidateMember, ...]
    model: str


def frequencies_of(names: Iterable[str | None]) -> dict[str, int]:
    """How many members bear each folded name, and under "" how many members there are."""
    counts: dict[str, int] = {}
    size = 0
    for name in names:
        folded = fold_name(name)
        counts[folded] = counts.get(folded, 0) + 1
        size += 1
    counts[SIZE] = size
    return counts


def signs(levels: Levels) -> tuple[str, ...]:
    """What the model weighs in one pair: levels, told apart where another field changes what they mean."""
    number, name, birth, sex, phone, address, organisation = levels
    alike = name in ALIKE or name == "none"
    group = _group(number)
    found = [f"number={number}"]
    if group == "same":
        found += [f"same_number+name={name}", f"same_number+birth={birth}", f"same_number+sex={sex}"]
    elif group == "fits":
        found += [f"fitting_number+name={name}", f"fitting_number+birth={birth}", f"sex={sex}"]
    else:
        found += [f"name={name}", f"birth={birth}", f"sex={sex}"]
    side = "" if alike else "other_name+"
    found += [f"{side}phone={phone}", f"{side}address={address}", f"{side}organisation={organisation}"]
    return tuple(found)


def _group(number: str) -> str:
    if number in ("same", "same_damaged"):
        return "same"
    return "fits" if number in ("repaired", "cut") else "free"


def may_match(levels: Levels) -> bool:
    """Whether what agrees can carry a decision without a person, however probable the rest makes it."""
    number, name, birth, sex, phone, address, organisation = levels
    if number in ("same", "same_damaged"):
        return name in ALIKE or (name == "none" and number == "same")
    if number in ("repaired", "cut"):
        if name == "shape" and number == "cut":
            return False  # twins: one character of the name and the end of the number
        return birth != "other" and (name in _WRITTEN or name in ALIKE and "same" in (birth, phone))
    if number not in _FREE or name not in ALIKE or sex == "other" and name != "same":
        return False
    if birth == "same" or (birth == "none" and phone == "same"):
        return True
    return name == "same" and birth in _NEARLY and "same" in (phone, address, organisation)


class Model:
    """A version of the model: weights, prior and thresholds, as its file in models/ states them."""

    def __init__(self, data: Mapping[str, Any], prior: float | None = None) -> None:
        self.version: str = data["version"]
        self.prior: float = data["prior"] if prior is None else prior
        self.match_at: float = data["match_at"]
        self.review_at: float = data["review_at"]
        self._weights: dict[str, float] = {sign: row["weight"] for sign, row in data["signs"].items()}
        self._rarity: dict[str, float] = data["rarity"]
        self._usual_rate: float = data["usual_rate"]
        self._shift = _logit(self.prior) - _logit(data["prior"])
        self._memo: dict[Levels, float] = {}
        exact = ("same", "same", "none", "none", "none", "none", "none")
        sure = 1 / (1 + math.exp(-self._weigh(exact) - self._shift))
        self._exact = (round(sure, 4), reasons(exact))

    @classmethod
    def load(cls, version: str = LATEST, *, prior: float | None = None) -> Model:
        """The model of a version. `prior`: the share of rows that are members, where it is known to differ."""
        return cls(_read(version), prior)

    def judge(self, person: Person, candidates: Sequence[MemberRecord], frequencies: Frequencies = None
              ) -> Identification:
        """Decides on one person. `candidates` are the members found by keys, `frequencies` as frequencies_of counts
        them (or a function of the folded name). Never raises, whatever the fields hold."""
        quick = self._settled(person, candidates)
        if quick is not None:
            return quick
        ours = read_person(person)
        found = []
        for candidate in candidates:
            levels = compare(ours, read_member(candidate))
            found.append((self._score(levels, candidate, frequencies), candidate.member, levels))
        if not found:
            return Identification("not_a_member" if is_enough(ours) else "unknown", (), self.version)
        found.sort(key=lambda one: (-one[0], one[1]))
        ranked = _share(found)
        decision = self._decide(ours, ranked)
        listed = tuple(CandidateMember(member, round(sure, 4), reasons(levels)) for sure, member, levels
                       in ranked[:LISTED_MAX] if sure >= LISTED_FROM or decision == "review")
        return Identification(decision, listed, self.version)

    def _settled(self, person: Person, candidates: Sequence[MemberRecord]) -> Identification | None:
        """The ordinary row: the same number and the same name, letter by letter, and nobody else has the number."""
        number = person.id_number
        if not isinstance(number, str) or len(number) != 18:
            return None
        holders = [one for one in candidates if one.id_number == number]
        if len(holders) != 1 or not person.name or holders[0].name != person.name:
            return None
        ours = read_person(person)
        if not ours.number.valid or not ours.name:
            return None
        levels = compare(ours, read_member(holders[0]))
        if levels[1] != "same" or len(candidates) > 1 and any(
                one is not holders[0] and read_member(one).number.text == number for one in candidates):
            return None
        score = self._weigh(levels) + self._shift
        sure = 1 / (1 + math.exp(-score))
        if sure < self.match_at:
            return None
        listed = (CandidateMember(holders[0].member, round(sure, 4), reasons(levels)),)
        return Identification("match", listed, self.version)

    def _score(self, levels: Levels, candidate: MemberRecord, frequencies: Frequencies) -> float:
        score = self._weigh(levels) + self._shift
        rarity = self._rarity.get(levels[1])
        if rarity is not None and _group(levels[0]) == "free":
            score += rarity * self._rareness(fold_name(candidate.name), frequencies)
        return score

    def _rareness(self, name: str, frequencies: Frequencies) -> float:
        """Common logarithm of how much rarer than usual a name is; bounded, for a count of one proves little."""
        return rareness(name, frequencies, self._usual_rate)

    def _weigh(self, levels: Levels) -> float:
        weight = self._memo.get(levels)
        if weight is None:
            weight = self._memo[levels] = sum(self._weights.get(sign, 0.0) for sign in signs(levels))
        return weight

    def _decide(self, ours: Side, ranked: Sequence[tuple[float, str, Levels]]) -> str:
        sure, _, levels = ranked[0]
        if sure >= self.match_at and may_match(levels) and not _is_twice(ranked):
            return "match"
        if sum(one[0] for one in ranked) >= self.review_at or any(_asks(one[2]) for one in ranked):
            return "review"
        return "not_a_member" if is_enough(ours) else "unknown"


def _asks(levels: Levels) -> bool:
    """The number leads here: a person looks, however little else agrees."""
    return levels[0] in ("same", "same_damaged") or levels[0] in ("repaired", "cut") and levels[1] in ("none", *ALIKE)


def _is_twice(ranked: Sequence[tuple[float, str, Levels]]) -> bool:
    """The register seems to hold the same person twice: a second candidate agrees in the same decisive fields."""
    number, name, birth, _, phone, _, _ = ranked[0][2]
    return any(other[1] in ALIKE and (other[0] == number == "same"
                                      or other[:3] == (number, name, birth) and birth == "same"
                                      or other[4] == phone == "same" and birth == other[2] == "none")
               for _, _, other in ranked[1:])


def is_enough(ours: Side) -> bool:
    """Enough was given to be sure that nobody fits: a number, or a name with a whole birth date."""
    if ours.number.valid:
        return True
    if not ours.has_name:
        return False
    return len(ours.number.known) >= 6 or (ours.born is not None and ours.given == "day")


def rareness(name: str, frequencies: Frequencies, usual: float) -> float:
    """log10(usual rate / rate of this name) within ±1.5; 0 where nobody counted."""
    if not frequencies or is_latin(name):
        return 0.0
    if callable(frequencies):
        count, size = frequencies(name), frequencies(SIZE)
    else:
        count, size = frequencies.get(name, 0), frequencies.get(SIZE, 0)
    if not size:
        return 0.0
    return max(-1.5, min(1.5, math.log10(usual * size / max(count, 1))))


def _share(found: Sequence[tuple[float, str, Levels]]) -> list[tuple[float, str, Levels]]:
    """Odds to probabilities: the candidates exclude each other, and "none of them" has odds of one."""
    top = max(0.0, found[0][0])
    total = math.exp(-top) + sum(math.exp(score - top) for score, _, _ in found)
    return [(math.exp(score - top) / total, member, levels) for score, member, levels in found]


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


@cache
def _read(version: str) -> Mapping[str, Any]:
    return json.loads((_FOLDER / f"{version}.json").read_text(encoding="utf-8"))
