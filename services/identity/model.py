"""Who is it: one roster row or posted person against the members that share a blocking key.

A Fellegi-Sunter model: each field agrees at a named level (identity_compare), each level has m (its
share among true pairs), u (its share among other candidates) and a weight; weights add up to the
odds. Two things are added to the textbook. Fields that hang together are weighed together: beside
the same number, birth date and sex say little; a *different valid* number counts against whatever
else agrees. And the candidates compete with each other and with "none of them", so that of two
namesakes neither is sure. Thresholds and guards then turn the odds into a decision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from services.identity.compare import FIELDS, Side, compare, read_member, read_person
from services.identity.names import fold_name, is_latin
from services.identity.persons import MemberRecord, Person
from services.identity.reasons import Reason, reasons

__all__ = ["CandidateMember", "Identification", "Model", "Reason", "frequencies_of"]

LATEST = "identity-1"
SIZE = ""
"""Key of the register's size in a table of frequencies."""
RARITY = "rarity="
"""Begins the name of a weight that counts how rare the name is."""
COUNTED_FROM = 10_000
"""Members of a register whose names tell how common a name is."""
LISTED_MAX = 5
LISTED_FROM = 0.001
ODDS_MAX = 700.0
"""Natural logarithm; beyond it a float is infinite."""
ALIKE = frozenset(("same", "lost", "sound", "pinyin", "part", "shape"))
_FOLDER = Path(__file__).parent / "models"
_WRITTEN = frozenset(("same", "lost", "part", "shape"))
_NOTHING = ("none", "none", "none")
_NEARLY = frozenset(("month", "year", "slip", "swapped", "year_off", "lunar"))
_AGAINST = frozenset(("other", "twin", "near", "unfit"))
_FREE = frozenset(("none", "begins", "shown"))

Levels = tuple[str, ...]


class _Scored(NamedTuple):
    """A candidate; `score` is in natural logarithms of odds, in `_share`'s answer a probability."""

    score: float
    member: str
    levels: Levels
    side: Side
    rareness: float = 0.0


Frequencies = Mapping[str, int] | Callable[[str], int] | None


@dataclass(frozen=True, slots=True)
class CandidateMember:
    """A member who may be meant: how sure, and why. `levels` (of identity_compare.FIELDS) and
    `rareness` of the name are all that the probability was computed from.
    """

    member: str
    probability: float
    reasons: tuple[Reason, ...] = ()
    levels: Levels = ()
    rareness: float = 0.0


Decision = Literal["match", "review", "not_a_member", "unknown"]


@dataclass(frozen=True, slots=True)
class Identification:
    """The decision, the candidates best first, and the version of the model that said so. `rest`:
    the odds, against "none of them", of the candidates that are not listed.
    """

    decision: Decision
    candidates: tuple[CandidateMember, ...]
    model: str
    rest: float = 0.0


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
    """What the model weighs in one pair: levels, told apart where another field changes what they
    mean.
    """
    number, name, birth, sex, phone, address, organisation = levels
    alike = name in ALIKE or name == "none"
    group = group_of(number)
    number = _NUMBER_WEIGHS_AS.get(number, number)
    phone = "same" if phone == "masked" else phone
    signs = [f"number={number}"]
    if group == "same":
        signs += [
            f"same_number+name={name}",
            f"same_number+birth={birth}",
            f"same_number+sex={sex}",
        ]
    elif group == "fits":
        signs += [f"fitting_number+name={name}", f"fitting_number+birth={birth}", f"sex={sex}"]
    else:
        signs += [f"name={name}", f"birth={birth}", f"sex={sex}"]
    side = "" if alike else "other_name+"
    signs += [
        f"{side}phone={phone}",
        f"{side}address={address}",
        f"{side}organisation={organisation}",
    ]
    return tuple(signs)


_NUMBER_WEIGHS_AS = {"card": "same", "masked": "repaired", "shown": "begins"}
"""Levels that have no weight of their own: a military card weighs what a number weighs, a masked
number what one weighs that is a slip away, or, without its end, one that was cut early; what is
left of a masked phone is weighed as the phone, and `may_match` asks for more beside it.
"""


def group_of(number: str) -> str:
    """same, fits (one slip away, or cut) or free: whether birth date and sex still tell anything
    new.
    """
    if number in ("same", "same_damaged", "card"):
        return "same"
    return "fits" if number in ("repaired", "cut", "masked") else "free"


def may_match(levels: Levels) -> bool:
    """Whether what agrees can carry a decision without a person, however probable the rest makes
    it.
    """
    number, name, birth, sex, *_ = levels
    if number in ("same", "same_damaged"):
        return _same_number_may_match(levels)
    if number == "card":
        return name in ALIKE and birth != "other" and sex != "other"
    if number in ("repaired", "cut"):
        return _repaired_may_match(levels)
    if number == "masked":
        return _masked_may_match(levels)
    return number in _FREE and _without_number_may_match(levels)


def _same_number_may_match(levels: Levels) -> bool:
    """The number agrees: then a name alike, or, where the number is sound, none."""
    number, name, birth, sex, *_ = levels
    if name == "shape" and "other" in (birth, sex):
        return False  # one character of the name, and the sex: the number of a brother or sister
    return name in ALIKE or (name == "none" and number == "same")


def _repaired_may_match(levels: Levels) -> bool:
    """The number is one slip away or cut: then a name alike, with the birth date or the phone
    unless it is written alike.
    """
    number, name, birth, _, phone, *_ = levels
    if name == "shape" and number == "cut":
        return False  # twins: one character of the name and the end of the number
    return birth != "other" and (name in _WRITTEN or name in ALIKE and "same" in (birth, phone))


def _without_number_may_match(levels: Levels) -> bool:
    """The number says nothing: then a name alike, with the phone, the birth date, or several
    lesser signs.
    """
    _, name, birth, _, phone, *_ = levels
    if name not in ALIKE or birth == "other":
        return False
    if phone == "same" or _masked_phone_may_match(levels):
        return True
    return _birth_date_may_match(levels) or _lesser_signs_may_match(levels)


def _birth_date_may_match(levels: Levels) -> bool:
    """The whole birth date and a name alike, unless it may be a twin's."""
    _, name, birth, sex, phone, *_ = levels
    if birth != "same":
        return False
    if name == "shape" and phone == "other":
        return False
    return sex != "other" or name == "same"


def _lesser_signs_may_match(levels: Levels) -> bool:
    """The very name, with what a masked number shows or a birth date nearly right, and the place
    beside it.
    """
    number, name, birth, sex, _, address, organisation = levels
    if name != "same":
        return False
    if number == "shown" and organisation == "same" and sex != "other":
        return True
    if birth not in _NEARLY:
        return False
    if "same" in (address, organisation):
        return True
    return birth == "month" and organisation == "unread"


def _masked_phone_may_match(levels: Levels) -> bool:
    """What is left of a phone and the same name; or a name alike, with anything else."""
    _, name, _, sex, phone, *_ = levels
    if phone != "masked" or sex == "other":
        return False
    return name == "same" or name != "shape" and _stands_beside(levels)


def _masked_may_match(levels: Levels) -> bool:
    """What is left of a number and the same name; or a name alike, with birth date, phone or
    branch.
    """
    _, name, birth, sex, phone, _, organisation = levels
    if "other" in (birth, sex):
        return False
    beside = "same" in (birth, phone, organisation) or phone == "masked"
    return name == "same" or name in ALIKE and name != "shape" and beside


def _stands_beside(levels: Levels) -> bool:
    """Anything else agrees, so that what is left of a phone need not carry a match alone."""
    number, _, birth, _, _, address, organisation = levels
    return (
        number in ("begins", "shown")
        or birth == "same"
        or birth in _NEARLY
        or address == "same"
        or organisation in ("same", "committee")
    )


class Model:
    """A version of the model: weights, prior and thresholds, as its file in models/ states them."""

    def __init__(self, data: Mapping[str, Any], prior: float | None = None) -> None:
        self.data = data
        self.version: str = data["version"]
        self.prior: float = data["prior"] if prior is None else prior
        self.match_at: float = data["match_at"]
        self.review_at: float = data["review_at"]
        self._weights: dict[str, float] = {
            sign: row["weight"] for sign, row in data["signs"].items()
        }
        self._rarity: dict[str, float] = data["rarity"]
        self._usual_rate: float = data["usual_rate"]
        self._shift = _logit(self.prior) - _logit(data["prior"])
        self._memo: dict[Levels, float] = {}

    @classmethod
    def load(cls, version: str = LATEST, *, prior: float | None = None) -> Model:
        """The model of a version. `prior`: the share of rows that are members, where it is known to
        differ.
        """
        return cls(_read(version), prior)

    def judge(
        self, person: Person, candidates: Sequence[MemberRecord], frequencies: Frequencies = None
    ) -> Identification:
        """Decides on one person. `candidates` are the members found by keys, `frequencies` as
        frequencies_of counts them (or a function of the folded name). Never raises, whatever the
        fields hold.
        """
        quick = self._settled(person, candidates)
        if quick is not None:
            return quick
        ours = read_person(person)
        scored = self._scored(ours, candidates, frequencies)
        if not scored:
            return Identification(_nobody(ours), (), self.version)
        ranked = _share(scored)
        decision = self._decide(ours, ranked)
        listed = _listed(ranked, decision)
        rest = sum(math.exp(min(candidate.score, ODDS_MAX)) for candidate in scored[len(listed) :])
        return Identification(decision, listed, self.version, rest)

    def _scored(
        self, ours: Side, candidates: Sequence[MemberRecord], frequencies: Frequencies
    ) -> list[_Scored]:
        """The candidates of whom anything agrees, with their odds, best first."""
        scored = []
        weighed: dict[tuple[Levels, str], tuple[float, float]] = {}
        for candidate in candidates:
            side = read_member(candidate)
            levels = compare(ours, side)
            if levels[:3] == _NOTHING and levels[4] not in ("same", "masked"):
                continue
            known = weighed.get((levels, side.name))
            if known is None:  # hundreds of namesakes agree in the same few ways
                rare = self._rareness(levels, side.name, frequencies)
                known = weighed[levels, side.name] = self._score(levels, rare), rare
            scored.append(_Scored(known[0], candidate.member, levels, side, known[1]))
        scored.sort(key=lambda candidate: (-candidate.score, candidate.member))
        return scored

    def again(self, pairs: Sequence[tuple[Levels, float]], rest: float = 0.0) -> list[float]:
        """The probabilities of candidates of whom only levels and rareness were kept: what this
        version said of them, or would say.
        """
        odds = [math.exp(min(self._score(tuple(levels), rare), ODDS_MAX)) for levels, rare in pairs]
        total = 1 + sum(odds) + rest
        return [round(odd / total, 4) for odd in odds]

    def bits(self, levels: Levels, rareness: float = 0.0) -> dict[str, float]:
        """What each of FIELDS adds to the odds, in bits (log2): +1 doubles them, -1 halves them."""
        weights = dict.fromkeys(FIELDS, 0.0)
        for sign in signs(tuple(levels)):
            field = sign.partition("=")[0].rpartition("+")[2]
            weights[field] += self._weights.get(sign, 0.0) / math.log(2)
        if group_of(levels[0]) == "free":
            weights["name"] += self._rarity.get(levels[1], 0.0) * rareness / math.log(2)
        return {field: round(bits, 1) for field, bits in weights.items()}

    def _settled(self, person: Person, candidates: Sequence[MemberRecord]) -> Identification | None:
        """The ordinary row: the same number and the same name, letter by letter, and nobody else
        has the number.
        """
        holder = _only_holder(person, candidates)
        if holder is None or not person.name or holder.name != person.name:
            return None
        ours = read_person(person)
        if not ours.number.valid or not ours.name:
            return None
        levels = compare(ours, read_member(holder))
        if levels[1] != "same" or _has_another_reading(person.id_number, holder, candidates):
            return None
        sure = 1 / (1 + math.exp(-self._weigh(levels) - self._shift))
        if sure < self.match_at:
            return None
        listed = (CandidateMember(holder.member, round(sure, 4), reasons(levels), levels),)
        return Identification("match", listed, self.version)

    def _rareness(self, levels: Levels, name: str, frequencies: Frequencies) -> float:
        if levels[1] not in self._rarity or group_of(levels[0]) != "free":
            return 0.0
        return rareness(name, frequencies, self._usual_rate)

    def _score(self, levels: Levels, rareness: float) -> float:
        score = self._weigh(levels) + self._shift
        if rareness and group_of(levels[0]) == "free":
            score += self._rarity.get(levels[1], 0.0) * rareness
        return score

    def _weigh(self, levels: Levels) -> float:
        weight = self._memo.get(levels)
        if weight is None:
            weight = self._memo[levels] = sum(
                self._weights.get(sign, 0.0) for sign in signs(levels)
            )
        return weight

    def _decide(self, ours: Side, ranked: Sequence[_Scored]) -> Decision:
        """What the probabilities and the guards come to; `ranked` best first."""
        best = ranked[0]
        in_doubt = _is_twice(ranked) or _is_named_otherwise(ranked)
        if best.score >= self.match_at and may_match(best.levels) and not in_doubt:
            return "match"
        somebody = sum(candidate.score for candidate in ranked)
        if somebody >= self.review_at or any(_asks(candidate.levels) for candidate in ranked):
            return "review"
        return _nobody(ours)


def _nobody(ours: Side) -> Decision:
    """What is said where no candidate is left."""
    return "not_a_member" if is_enough(ours) else "unknown"


def _listed(ranked: Sequence[_Scored], decision: Decision) -> tuple[CandidateMember, ...]:
    """The candidates that the answer names: in review also those of whom hardly anything speaks."""
    listed = []
    for candidate in ranked[:LISTED_MAX]:
        if candidate.score < LISTED_FROM and decision != "review":
            continue
        listed.append(
            CandidateMember(
                candidate.member,
                round(candidate.score, 4),
                reasons(candidate.levels),
                candidate.levels,
                candidate.rareness,
            )
        )
    return tuple(listed)


def _only_holder(person: Person, candidates: Sequence[MemberRecord]) -> MemberRecord | None:
    """The candidate whose number is written as the person's, if exactly one's is."""
    number = person.id_number
    if not isinstance(number, str) or len(number) != 18:
        return None
    holders = [candidate for candidate in candidates if candidate.id_number == number]
    return holders[0] if len(holders) == 1 else None


def _has_another_reading(
    number: str | None, holder: MemberRecord, candidates: Sequence[MemberRecord]
) -> bool:
    """Whether another candidate has the same number, written in another way."""
    for candidate in candidates:
        if candidate is not holder and read_member(candidate).number.text == number:
            return True
    return False


def _asks(levels: Levels) -> bool:
    """The number leads here: a person looks, however little else agrees."""
    if levels[0] in ("same", "same_damaged", "card"):
        return True
    return levels[0] in ("repaired", "cut", "masked") and levels[1] in ("none", "surname", *ALIKE)


def _is_twice(ranked: Sequence[_Scored]) -> bool:
    """The register seems to hold the first candidate twice: another one has the name, and the
    number or, where one of them has no number, the birth date.
    """
    first = ranked[0].side
    return any(_is_one_person(first, other.side) for other in ranked[1:])


def _is_named_otherwise(ranked: Sequence[_Scored]) -> bool:
    """Somebody else of the same birth date bears the very name given: the number may be the other
    twin's.
    """
    first = ranked[0]
    number, name, *_ = first.levels
    if group_of(number) != "same" or name not in ("sound", "shape", "part"):
        return False
    for candidate in ranked[1:]:
        if candidate.levels[1] == "same" and _same_day(first.side, candidate.side):
            return True
    return False


def _same_day(first: Side, second: Side) -> bool:
    return not _days_of(first).isdisjoint(_days_of(second))


def _days_of(side: Side) -> set[date]:
    """The whole birth dates that a side states: its own and its number's."""
    own = side.born if side.given == "day" else None
    return {day for day in (own, side.number.birth_date) if day is not None}


def _is_one_person(first: Side, second: Side) -> bool:
    if not first.name or first.name != second.name:
        return False
    if first.number.text and second.number.text:
        return first.number.text == second.number.text
    return first.born is not None and first.born == second.born


def is_enough(ours: Side) -> bool:
    """Enough was given to be sure that nobody fits: a number, or a name with a whole birth date."""
    if ours.number.valid:
        return True
    if not ours.has_name:
        return False
    return len(ours.number.known) >= 6 or (ours.born is not None and ours.given == "day")


def rareness(name: str, frequencies: Frequencies, usual: float) -> float:
    """log10(usual rate / rate of this name) within ±1.5; 0 where nobody counted, or so few members
    that their names say nothing of how common a name is.
    """
    if not frequencies or is_latin(name):
        return 0.0
    if callable(frequencies):
        count, size = frequencies(name), frequencies(SIZE)
    else:
        count, size = frequencies.get(name, 0), frequencies.get(SIZE, 0)
    if size < COUNTED_FROM:
        return 0.0
    return max(-1.5, min(1.5, math.log10(usual * size / max(count, 1))))


def _share(scored: Sequence[_Scored]) -> list[_Scored]:
    """Odds to probabilities: the candidates exclude each other, and "none of them" has odds of
    one.
    """
    top = max(0.0, scored[0].score)
    odds = [math.exp(candidate.score - top) for candidate in scored]
    total = math.exp(-top) + sum(odds)
    return [
        candidate._replace(score=odd / total) for candidate, odd in zip(scored, odds, strict=True)
    ]


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


@cache
def _read(version: str) -> Mapping[str, Any]:
    return json.loads((_FOLDER / f"{version}.json").read_text(encoding="utf-8"))
