"""Tier 2: one county's text read for a street and a community, exact first, then learned, then slips."""

from __future__ import annotations

import math
import re
from itertools import islice

from services.matcher.address_compile import clean
from services.matcher.address_county import Counties
from services.matcher.address_guess import Guess, Reason, Stated
from services.matcher.address_learned import Learned, Tally, keys
from services.matcher.address_names import MENTION, mention_base, mention_kind, street_stem
from services.matcher.address_slips import WORDS, slip
from services.matcher.address_snapshot import Snapshot
from services.matcher.address_walk import BASE_CHARS_MAX, harmless

STREETISH = re.compile(
    r"[\u4e00-\u9fff]{1,9}?(?:街道办事处|街道办|街道|街办|办事处|地区|片区|镇|乡|苏木|农场|林场)(?![\u4e00-\u9fff]?[路巷])"
)
_BOUND = re.compile(r"[0-9]|$|[一二三四五六七八九十]+[组社队]|自然村")
_ROAD_END = re.compile(r"(?:[路街巷弄]|大道|胡同)$")
_BORROWED = re.compile(r"[东南西北中新老]?(?:家园|花园|苑|园|城|大厦|广场|公寓|小区|[东南西北中新老]区)")
_ROAD_NUMBER = re.compile(r"街[0-9]")
_ROAD_NEXT = re.compile(r"[东南西北中新老]?[一二三四五六七八九十]?(?:[路街道巷弄里桥]|大道|大街|胡同|横街|支路)")
MENTIONS_MAX = 4

_ROAD_STEM = re.compile(r"[东南西北中]?(?:一|二|三|四|五|六)?(?:大街|大道|路|街|道|巷|胡同|里|弄)$")
_SCORE = {"=": 6.0, "w": 5.0, "o": 4.5, "L": 4.0, "m": 4.5, "M": 4.0, "d": 0.0, "-": 2.0, "u": 1.0, "x": -5.0}
_SLIP_SCORE = {"sound": 6.5, "numeral": 6.5, "order": 6.0, "missing": 5.5, "extra": 3.5, "near": 2.5, "char": 1.0}


def settled(guesses: list[Guess]) -> bool:
    """True if an exact reading needs no other sign: one community alone, not against the stated street."""
    exact = {g.code for g in guesses if g.signs[2] == "e" and g.signs[1] in "=-woL"}
    return len(exact) == 1


class Reader:
    """Reads the part of an address below the county."""

    def __init__(self, snapshot: Snapshot, counties: Counties, learned: Learned) -> None:
        self.snapshot = snapshot
        self.counties = counties
        self.learned = learned

    def read(self, text: str, county: str, start: int, sign: str) -> list[Guess]:
        """Guesses in one county for the text from `start`; `sign` says how the county was found."""
        stated = self.stated(text, county, start)
        anchors = [start] if stated is None else [stated.end]
        if stated is not None and set(stated.codes.values()) != {"="}:
            anchors.insert(0, start)
        if stated is not None and text.startswith(text[start : stated.end], stated.end):
            anchors.append(2 * stated.end - start)
        guesses = self._mentioned(text, county, anchors, stated, sign)
        if not settled(guesses):
            guesses += self._learned(text, county, anchors, stated, sign)
            if stated is not None and stated.codes:
                if not any(g.signs[2] in "efk" and g.signs[1] not in "xd" for g in guesses):
                    guesses += self._bare(text, stated, sign)
                gone = any(g.signs[2] == "z" for g in guesses)
                if not gone and not any(g.signs[2] in "ek" and g.reasons[-1].start == stated.end for g in guesses):
                    guesses += self._slipped(text, stated.end, stated, sign)
        if stated is not None:
            for code, how in stated.codes.items():
                same_end = self.snapshot.upper_names[code][-1] == text[stated.end - 1]
                score = _SCORE[how] + (1.0 if same_end else 0.0)
                guesses.append(Guess(code, score, (sign, how, "s"), [self._street_reason(code, stated)]))
        return guesses

    def stated(self, text: str, county: str, start: int) -> Stated | None:
        """The street named at `start`: exactly, by an old or crossed name, or with a slip; no codes if unknown."""
        streets = self.counties.streets(county)
        for length in streets.lengths:
            code = streets.strong.get(text[start : start + length])
            if code is not None and len(text) >= start + length:
                return Stated({code: "="}, start, start + length)
        old, old_end = (), 0
        for length in streets.old_lengths:
            old = streets.old.get(text[start : start + length], ())
            if old:
                old_end = min(start + length, len(text))
                break
        for length in streets.weak_lengths:
            end = start + length
            codes = streets.weak.get(text[start:end])
            if codes is not None and end <= len(text) and not _ROAD_NUMBER.match(text, end - 1):
                found = {c: "w" for c in codes}
                if old and old_end == start + length:
                    found |= {c: "o" for c in old if c not in found}
                if not old or old_end <= start + length:
                    return Stated(found, start, start + length)
        if old:
            return Stated({c: "o" for c in old}, start, old_end)
        return self._street_slip(text, county, start)

    def _street_slip(self, text: str, county: str, start: int) -> Stated | None:
        m = STREETISH.match(text, start)
        if m is None:
            return None
        for end in (m.end(), self._longer(text, start, m)):
            written = text[start:end]
            stem, tail = street_stem(written)
            if not tail or not stem:
                continue
            found: dict[str, tuple[float, str]] = {}
            for code in self.snapshot.streets_of.get(county, ()):
                right, right_tail = street_stem(clean(self.snapshot.upper_names[code]))
                how = slip(stem, right, self.snapshot.sounds) if right_tail else None
                if how is None or how == "char":
                    continue
                same_tail = tail[-1] == right_tail[-1] or {tail[:2], right_tail[:2]} <= {"街道", "街办", "办事"}
                found[code] = (_SLIP_SCORE.get(how, 5.0) - (0 if same_tail else 1.5), how)
            if found:
                top = max(score for score, _ in found.values())
                keep = {c: how for c, (score, how) in found.items() if score >= top - 1}
                return Stated({c: "L" for c in keep}, start, end, keep)
        return Stated({}, start, m.end())

    @staticmethod
    def _longer(text: str, start: int, m: re.Match[str]) -> int:
        """End of a longer street-like reading (八里镇街道 after 八里镇)."""
        further = STREETISH.match(text, m.end()) if m.end() - start <= 4 else None
        return further.end() if further else m.end()

    def _mentioned(self, text: str, county: str, anchors: list[int], stated: Stated | None, sign: str) -> list[Guess]:
        """Guesses from names closed by 社区, 村 … in the text."""
        guesses: list[Guess] = []
        first = anchors[0]
        mentions = list(islice(MENTION.finditer(text, first), MENTIONS_MAX))
        for number, m in enumerate(mentions):
            kind = mention_kind(m.group())
            calm = harmless(text, m.end(), kind)
            for anchor in anchors:
                base, _ = mention_base(text, anchor, m)
                found = self.counties.named(county, base) if len(base) <= BASE_CHARS_MAX else ()
                for index in found:
                    span = (anchor, m.end())
                    guesses.append(self._exact(index, span, kind, True, calm, number, stated, sign, len(found)))
                if kind == "C" and text[m.start()] == "村":
                    guesses += self._village_left(text[anchor : m.start() + 1], (anchor, m.end()), number, stated, sign, county)
            if base and stated is not None and stated.codes and len(base) <= BASE_CHARS_MAX:
                guesses += self._gone(county, base, kind, (anchors[-1], m.end()), stated, sign)
            if settled(guesses):
                return guesses
        get, longest = (self.counties.communities(county).get, BASE_CHARS_MAX) if mentions else (None, 0)
        if any(g.signs[2] == "z" for g in guesses):
            return guesses
        for number, m in enumerate(mentions):
            close = mention_base(text, first, m)[1]
            for begin in range(max(first, close - longest), close - 1):
                found = get(text[begin:close])
                if found and begin not in anchors:
                    kind, span = mention_kind(m.group()), (begin, m.end())
                    calm = harmless(text, m.end(), kind)
                    for index in found:
                        guesses.append(self._exact(index, span, kind, False, calm, number, stated, sign, len(found)))
                    break
        return guesses

    def _village_left(
        self, base: str, span: tuple[int, int], number: int, stated: Stated | None, sign: str, county: str
    ) -> list[Guess]:
        """杨渡村 for 杨渡村社区: the residents' committee that kept the village's name."""
        out = []
        for index in self.counties.named(county, base):
            guess = self._exact(index, span, "J", True, True, number, stated, sign, 1)
            out.append(Guess(guess.code, guess.score - 5, (sign, guess.signs[1], "K"), guess.reasons))
        return out

    def _exact(
        self,
        index: int,
        span: tuple[int, int],
        kind: str,
        anchored: bool,
        calm: bool,
        number: int,
        stated: Stated | None,
        sign: str,
        many: int,
    ) -> Guess:
        code = self.snapshot.code(index)
        base, own_kind = self.snapshot.base(index)
        how = self._street_sign(code, base, own_kind, stated)
        same_kind = own_kind == kind or own_kind == "O"
        score = _SCORE[how] + 10 + 0.2 * len(base) - 1.5 * number
        score -= (0 if anchored else 3) + (0 if same_kind else 2) + (0 if calm else 6)
        word = "e" if anchored else "f"
        word = word if same_kind else "k"
        word = word if calm else "t"
        name = self.snapshot.community_name(index)
        county_name = self.snapshot.upper_names[code[:6]]
        rule, facts = "community", (name,)
        if not same_kind:
            rule = "community_kind"
        elif how in "-u":
            rule, facts = ("community_alone", (name, county_name)) if many == 1 else (
                "community_many", (self.snapshot.upper_names[code[:9]] + name, county_name, many))  # fmt: skip
        reasons = [Reason(rule, *span, facts)]
        if stated is not None and (how in "=woL"):
            reasons.insert(0, self._street_reason(code[:9], stated))
        elif stated is not None and how in "mMd":
            street, year = self._left(code, base, own_kind, stated) or ("", 0)
            was = self.snapshot.upper_names.get(street) or self.snapshot.old_names.get(street, "")
            reasons.insert(0, Reason("community_moved", stated.start, stated.end, (name, was, year)))
        elif stated is not None:
            reasons.insert(0, Reason("street_other", stated.start, stated.end, (self.snapshot.upper_names[code[:9]],)))
        return Guess(code, score, (sign, how, word), reasons)

    def _street_sign(self, code: str, base: str, kind: str, stated: Stated | None) -> str:
        if stated is None:
            return "-"
        if not stated.codes:
            return "u"
        how = stated.codes.get(code[:9])
        if how:
            return how
        left = self._left(code, base, kind, stated)
        if left is None:
            return "x"
        shed = code[:9] in self.snapshot.shed.get(left[0], "")
        rare = f"{base}{kind}" not in self.snapshot.common
        return "m" if shed and rare else "M" if shed or rare else "d"

    @staticmethod
    def _lies(code: str, stated: Stated | None) -> str:
        """Street sign of a code that the text does not name; learned and borrowed names never outvote a stated street."""
        return "-" if stated is None else "u" if not stated.codes else stated.codes.get(code[:9], "x")

    def _left(self, code: str, base: str, kind: str, stated: Stated) -> tuple[str, int] | None:
        """(old street code, last year) if the stated street held a community of this base in an earlier edition."""
        for old_kind, old_code, year in self.snapshot.old(code[:6], base):
            if old_kind != kind:
                continue
            street = old_code[:9]
            if street in stated.codes or not set(self.snapshot.moved.get(street, "").split(",")).isdisjoint(stated.codes):
                return street, year
        return None

    def _gone(
        self, county: str, base: str, kind: str, span: tuple[int, int], stated: Stated, sign: str
    ) -> list[Guess]:
        """A community its street listed in an earlier edition only: the street is the answer, said with the year."""
        out = []
        for old_kind, old_code, year in self.snapshot.old(county, base):
            moved = self.snapshot.moved.get(old_code[:9], old_code[:9]).split(",")
            for street, how in stated.codes.items():
                if old_kind == kind and street in (old_code[:9], *moved):
                    name = self.snapshot.upper_names[street]
                    reasons = [self._street_reason(street, stated), Reason("community_gone", *span, (name, year))]
                    out.append(Guess(street, 11.0, (sign, how, "z"), reasons))
                    index = self.snapshot.index(old_code)
                    if index is not None:
                        heir = Reason("community_code", *span, (self.snapshot.community_name(index),))
                        out.append(Guess(old_code, 7.0, (sign, how, "g"), [*reasons, heir]))
        return out

    def _bare(self, text: str, stated: Stated, sign: str) -> list[Guess]:
        """A base of the stated street right after it, without 社区 or 村."""
        end = stated.end
        for street in stated.codes:
            low, high = self.snapshot.ranges[street]
            alike = self.snapshot.starting(low, high, text[end : end + 2]) if len(text) > end + 1 else ()
            bases = ((index, self.snapshot.base(index)[0]) for index in alike)
            fits = [(len(base), index) for index, base in bases if text.startswith(base, end)]
            if fits:
                longest = max(fits)[0]
                return [self._bare_guess(text, i, end + n, stated, sign) for n, i in fits if n == longest]
        return []

    def _bare_guess(self, text: str, index: int, end: int, stated: Stated, sign: str) -> Guess:
        code, base = self.snapshot.code(index), text[stated.end : end]
        road = _ROAD_NEXT.match(text, end) is not None or _ROAD_END.search(base) is not None
        borrowed = _BORROWED.match(text, end) is not None or (len(base) == 2 and _BOUND.match(text, end) is None)
        own = text.startswith(base, stated.start)
        word = "q" if road else "D" if own else "B" if borrowed else "b"
        score = 11 + 0.2 * len(base) - (6 if road else 3 if own or borrowed else 0)
        reason = Reason("community_bare", stated.end, end, (self.snapshot.community_name(index),))
        return Guess(code, score, (sign, stated.codes[code[:9]], word), [reason])

    def _slipped(self, text: str, start: int, stated: Stated, sign: str) -> list[Guess]:
        """Communities of the stated street that the first mention differs from by one slip."""
        mentions = [m for m in MENTION.finditer(text, start, start + BASE_CHARS_MAX + 6) if m.start() > start][:2]
        out = []
        for m in mentions:
            kind = mention_kind(m.group())
            base, _ = mention_base(text, start, m)
            if len(base) < 2 or not harmless(text, m.end(), kind):
                continue
            for street, how in stated.codes.items():
                low, high = self.snapshot.ranges[street]
                for index in range(low, high):
                    right, right_kind = self.snapshot.base(index)
                    if abs(len(right) - len(base)) > 1:
                        continue
                    found = slip(base, right, self.snapshot.sounds)
                    if found is None or found == "same":
                        continue
                    score = _SCORE[how] + 1 + _SLIP_SCORE[found] - (0 if right_kind == kind else 2)
                    word = found[:3] + ("" if right_kind == kind else "k") + ("2" if len(base) <= 2 else "")
                    name = self.snapshot.community_name(index)
                    reasons = [
                        self._street_reason(street, stated),
                        Reason("community_like", start, m.end(), (name, *WORDS[found])),
                    ]
                    out.append(Guess(self.snapshot.code(index), score, (sign, how, word), reasons))
        return out

    def _learned(self, text: str, county: str, anchors: list[int], stated: Stated | None, sign: str) -> list[Guess]:
        """Communities where confirmed cases of the same compound or the nearest house number lie."""
        out: list[Guess] = []
        for anchor in dict.fromkeys(anchors):
            rest = text[anchor : anchor + 48]
            found = keys(rest)
            known = self.learned.compound(county, found.compounds) if found.compounds else None
            if known is not None:
                span = (anchor + found.at, anchor + found.at + len(known[0]))
                out += self._voted(text, known[1], span, county, stated, sign, "c")
            else:
                for begin, end, inner in self.learned.inside(county, rest):
                    out += self._voted(text, inner, (anchor + begin, anchor + end), county, stated, sign, "i")
            if found.road:
                at = anchor + found.road_at
                out += self._numbered(found.road, found.number, at, county, stated, sign)
                out += self._namesakes(found.road, True, at, county, stated, sign)
            elif found.compounds:
                out += self._namesakes(found.compounds[-1], False, anchor + found.at, county, stated, sign)
        return out

    def _namesakes(
        self, name: str, is_road: bool, at: int, county: str, stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Communities called like the road or compound: weak signs, since roads are long and names are borrowed."""
        found = {index: "r" for index in self.counties.named(county, name)}
        if is_road and len(name) >= 3:
            stem = _ROAD_STEM.sub("", name)
            for index in self.snapshot.starting(*self.snapshot.county_range(county), stem) if len(stem) >= 2 else ():
                base, kind = self.snapshot.base(index)
                if kind == "J":
                    found.setdefault(index, "a" if base.startswith(name) else "A")
        out = []
        for index, word in found.items():
            code = self.snapshot.code(index)
            how = self._lies(code, stated)
            if how == "x":
                continue
            score = _SCORE[how] + {"r": 4.0, "a": 2.0, "A": 0.5}[word]
            word = word if is_road else "h"
            reason = Reason("road_name", at, at + len(name), (self.snapshot.community_name(index),))
            out.append(Guess(code, score, (sign, how, word), [reason]))
        return out

    def _voted(
        self,
        text: str,
        tally: Tally,
        span: tuple[int, int],
        county: str,
        stated: Stated | None,
        sign: str,
        word: str,
    ) -> list[Guess]:
        total = sum(tally.counts.values())
        out = []
        for code, count in tally.counts.items():
            share = count / total
            how = self._lies(code, stated)
            if how == "x":
                continue
            long = min(span[1] - span[0], 6)
            base = 7.0 if word == "c" else 5.0
            score = _SCORE[how] + base + 2 * math.log2(0.05 + share) + 0.5 * min(count, 4) + 0.2 * long
            place = self._place(code)
            reason = Reason("compound", *span, (self.snapshot.upper_names.get(county, county), count, total, place))
            guess = Guess(code, score, (sign, how, word + ("" if share > 0.99 else "%")), [reason])
            guess.weight = count
            out.append(guess)
        return out

    def _numbered(
        self, road: str, number: int, at: int, county: str, stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Weights every confirmed number of the road by its distance; the other side of the road counts less."""
        numbers = self.learned.numbers(county, road)
        votes: dict[str, float] = {}
        nearest: dict[str, int] = {}
        cases = 0
        for known, tally in numbers.items():
            gap = abs(known - number)
            weight = 2.0 ** (-gap / 8) * (1.0 if gap % 2 == 0 else 0.6) + (3.0 if gap == 0 else 1e-9)
            said = sum(tally.counts.values())
            for code, count in tally.counts.items():
                cases += count
                votes[code] = votes.get(code, 0.0) + weight * count / said
                if code not in nearest or gap < abs(nearest[code] - number):
                    nearest[code] = known
        total = sum(votes.values())
        out = []
        for code, vote in votes.items():
            how = self._lies(code, stated)
            if how == "x":
                continue
            same = nearest[code] == number
            word = "n" if same else "v" if abs(nearest[code] - number) <= 12 else "V"
            score = _SCORE[how] + (8 if same else 4) + (2 if same else 1) * math.log2(0.05 + vote / total)
            place = self._place(code)
            facts = (self.snapshot.upper_names.get(county, county), nearest[code], place, cases)
            reason = Reason("number", at, at + len(road), facts)
            guess = Guess(code, score, (sign, how, word + ("" if vote / total > 0.99 else "%")), [reason])
            guess.weight = vote / total
            out.append(guess)
        return out

    def _place(self, code: str) -> str:
        index = self.snapshot.index(code) if len(code) == 12 else None
        return self.snapshot.upper_names.get(code, code) if index is None else self.snapshot.community_name(index)

    def _street_reason(self, code: str, stated: Stated) -> Reason:
        how, name = stated.codes.get(code, "="), self.snapshot.upper_names[code]
        if how == "L":
            return Reason("street_like", stated.start, stated.end, (name, *WORDS[stated.detail[code]]))
        return Reason({"=": "street", "w": "street_form", "o": "street_old"}[how], stated.start, stated.end, (name,))
