"""Tier 2: one county's text read for a street and a community, exact first, then learned, then
slips.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from services.addresses.county import Counties
from services.addresses.guess import (
    EXACT_ALONE,
    EXACT_ANYWHERE,
    STREET_LEFT,
    STREET_NOT_TOLD,
    STREET_SCORE,
    STREET_STATED,
    CommunitySign,
    Guess,
    Reason,
    Signs,
    Stated,
    StreetSign,
    street_reason,
)
from services.addresses.learned import Learned
from services.addresses.names import MENTION, clean, mention_base, mention_kind, street_stem
from services.addresses.near import Near
from services.addresses.recall import Recall
from services.addresses.slips import SLIP_SCORE, Slip, slip
from services.addresses.snapshot import Snapshot
from services.addresses.walk import BASE_CHARS_MAX, harmless

STREETISH = re.compile(
    r"[\u4e00-\u9fff]{1,9}?(?:街道办事处|街道办|街道|街办|办事处|地区|片区|镇|乡|苏木|农场|林场)(?![\u4e00-\u9fff]?[路巷])"
)
_CLOSES = frozenset("0123456789号路街道巷弄镇乡区村里组队院栋幢楼室层单元座办会社厂场园苑城辖-")
"""Characters behind which a new name may begin: 七宝航|华一村 is no 华一村."""
_COUNTY_TAILS = ("县", "市", "区")
_ROAD_NUMBER = re.compile(r"街[0-9]")
MENTIONS_MAX = 4
_DOUBTED = frozenset((StreetSign.OTHER, StreetSign.PERHAPS_LEFT))


def settled(guesses: list[Guess]) -> bool:
    """True if an exact reading needs no other sign: one community alone, not against the stated
    street.
    """
    exact = {g.code for g in guesses if g.signs[2] == "e" and g.signs[1] in "=-woL"}
    return len(exact) == 1


class _Within(NamedTuple):
    """Where communities are looked for: the county and how it was found, and the street that the
    text states.
    """

    county: str
    stated: Stated | None
    sign: str


class _Mention(NamedTuple):
    """The name of a community in a text: its match, its number among them, the kind that its last
    word says, and whether what follows leaves it a community.
    """

    match: re.Match[str]
    number: int
    kind: str
    calm: bool

    @property
    def end(self) -> int:
        """Where the name ends in the text."""
        return self.match.end()


def _mention(text: str, number: int, match: re.Match[str]) -> _Mention:
    kind = mention_kind(match.group())
    return _Mention(match, number, kind, harmless(text, match.end(), kind))


class Reader:
    """Reads the part of an address below the county."""

    def __init__(self, snapshot: Snapshot, counties: Counties, learned: Learned) -> None:
        self.snapshot = snapshot
        self.counties = counties
        self.recall = Recall(snapshot, counties, learned)
        self.near = Near(snapshot)

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
            guesses += self.recall.read(text, county, anchors, stated, sign)
            if stated is not None and stated.codes:
                if not any(
                    g.signs.community in EXACT_ANYWHERE and g.signs.street not in _DOUBTED
                    for g in guesses
                ):
                    guesses += self.near.bare(text, stated, sign)
                gone = any(g.signs.community == CommunitySign.GONE for g in guesses)
                if not gone and not any(
                    g.signs.community in EXACT_ALONE and g.reasons[-1].start == stated.end
                    for g in guesses
                ):
                    guesses += self.near.slipped(text, stated.end, stated, sign)
        if stated is None and not any(g.signs[2] in "efkcn" for g in guesses):
            return self._by_stem(text, county, start, sign, guesses)
        return guesses + self._streets(text, stated, sign, guesses)

    def _by_stem(
        self, text: str, county: str, start: int, sign: str, guesses: list[Guess]
    ) -> list[Guess]:
        """Adds what lies in a street named without its 街道 or 镇 (闵行七宝…), for a person to
        choose from.
        """
        stated = self.near.stem(text, county, start)
        if stated is None:
            return guesses
        for guess in guesses:
            guess.score -= (
                8.0 if guess.signs[2] == "F" and guess.code[:9] not in stated.codes else 0.0
            )
        inside = self._mentioned(text, county, [stated.end], stated, sign)
        inside += self.near.bare(text, stated, sign) + self.near.slipped(
            text, stated.end, stated, sign
        )
        inside = [guess for guess in inside if guess.code[:9] in stated.codes]
        return guesses + inside + self._streets(text, stated, sign, inside)

    def _streets(
        self, text: str, stated: Stated | None, sign: str, deeper: list[Guess]
    ) -> list[Guess]:
        """The stated streets themselves, saying so where a community is named behind them that no
        list has.
        """
        if stated is None or not stated.codes:
            return []
        is_told = any(len(g.code) == 12 or g.signs[2] == "z" for g in deeper)
        unknown = [] if is_told else self._unknown(text, stated)
        last_sign = CommunitySign.STREET_ONLY
        if stated.two:
            last_sign = CommunitySign.ONE_OF_TWO_STREETS
        out = []
        for code, how in stated.codes.items():
            same_end = self.snapshot.upper_names[code][-1] == text[stated.end - 1]
            score = STREET_SCORE[how] + (1.0 if same_end else 0.0)
            reasons = [street_reason(self.snapshot, code, stated), *unknown]
            out.append(Guess(code, score, Signs(sign, how, last_sign), reasons))
        return out

    def _unknown(self, text: str, stated: Stated) -> list[Reason]:
        m = MENTION.search(text, stated.end + 1, stated.end + BASE_CHARS_MAX)
        if m is None or not harmless(text, m.end(), mention_kind(m.group())):
            return []
        name = self.snapshot.upper_names[next(iter(stated.codes))]
        return [Reason("community_unknown", stated.end, m.end(), (name,))]

    def county_end(self, text: str, county: str, end: int) -> int:
        """Where a county's name ends that was another kind of county before: 大丰|市, 双流|县."""
        if text[end : end + 1] not in _COUNTY_TAILS or text[end - 1] in _COUNTY_TAILS:
            return end
        if self._named(text, county, end) is not None:
            return end
        behind = self.stated(text, county, end + 1)
        return end + 1 if end + 1 == len(text) or (behind is not None and behind.codes) else end

    def stated(self, text: str, county: str, start: int) -> Stated | None:
        """The street named at `start`: exactly, by an old or crossed name, or with a slip; no codes
        if unknown.
        """
        streets = self._named(text, county, start) or self._street_slip(text, county, start)
        if streets is None:
            return None
        if not streets.codes:
            return self._behind_a_road(text, county, streets) or streets
        return (
            self._and_another(text, county, streets)
            if STREETISH.match(text, streets.end)
            else streets
        )

    def _and_another(self, text: str, county: str, first: Stated) -> Stated:
        """良乡地区西潞街道: two streets, one behind the other; the community says which, else a
        person.
        """
        if text[first.end] in "原现旧曾":
            return first
        second = self._named(text, county, first.end) or self._street_slip(text, county, first.end)
        if second is None or not second.codes or second.codes.keys() <= first.codes.keys():
            return first
        return Stated(
            second.codes | first.codes, first.start, second.end, second.detail | first.detail, True
        )

    def _behind_a_road(self, text: str, county: str, unknown: Stated) -> Stated | None:
        """The street at the end of what looked like one longer name: 德外大街|德胜街道."""
        for at in range(unknown.start + 2, unknown.end - 2):
            if text[at - 1] in _CLOSES and MENTION.search(text, unknown.start, at) is None:
                streets = self._named(text, county, at)
                if streets is not None and streets.end == unknown.end:
                    return streets
        return None

    def _named(self, text: str, county: str, start: int) -> Stated | None:
        """The street at `start` by its name, another way to write it, or its name in an earlier
        edition.
        """
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
                signs_of = {c: "w" for c in codes}
                if old and old_end == start + length:
                    signs_of |= {c: "o" for c in old if c not in signs_of}
                if not old or old_end <= start + length:
                    return Stated(signs_of, start, start + length)
        if old:
            return Stated({c: "o" for c in old}, start, old_end)
        return None

    def _street_slip(self, text: str, county: str, start: int) -> Stated | None:
        m = STREETISH.match(text, start)
        if m is None:
            return None
        for end in (m.end(), self._longer(text, start, m)):
            written = text[start:end]
            stem, tail = street_stem(written)
            if not tail or not stem:
                continue
            slips: dict[str, tuple[float, Slip]] = {}
            for code in self.snapshot.streets_of.get(county, ()):
                right, right_tail = street_stem(clean(self.snapshot.upper_names[code]))
                how = slip(stem, right, self.snapshot.sounds) if right_tail else None
                if how is None or how == "char":
                    continue
                same_tail = tail[-1] == right_tail[-1] or {tail[:2], right_tail[:2]} <= {
                    "街道",
                    "街办",
                    "办事",
                }
                slips[code] = (SLIP_SCORE.get(how, 5.0) - (0 if same_tail else 1.5), how)
            if slips:
                top = max(score for score, _ in slips.values())
                keep = {c: how for c, (score, how) in slips.items() if score >= top - 1}
                return Stated({c: "L" for c in keep}, start, end, keep)
        return Stated({}, start, m.end())

    @staticmethod
    def _longer(text: str, start: int, m: re.Match[str]) -> int:
        """End of a longer street-like reading (八里镇街道 after 八里镇)."""
        further = STREETISH.match(text, m.end()) if m.end() - start <= 4 else None
        return further.end() if further else m.end()

    def _mentioned(
        self, text: str, county: str, anchors: list[int], stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Guesses from names closed by 社区, 村 … in the text."""
        within = _Within(county, stated, sign)
        matches = list(islice(MENTION.finditer(text, anchors[0]), MENTIONS_MAX))
        guesses: list[Guess] = []
        for number, match in enumerate(matches):
            guesses += self._at_anchors(text, anchors, _mention(text, number, match), within)
            if settled(guesses):
                return guesses
        if any(g.signs.community == CommunitySign.GONE for g in guesses):
            return guesses
        for number, match in enumerate(matches):
            guesses += self._between_anchors(text, anchors, number, match, within)
        return guesses

    def _at_anchors(
        self, text: str, anchors: list[int], mention: _Mention, within: _Within
    ) -> list[Guess]:
        """The communities whose name begins at an anchor and ends where the mention does."""
        guesses: list[Guess] = []
        base = ""
        for anchor in anchors:
            base, _ = mention_base(text, anchor, mention.match)
            span = (anchor, mention.end)
            indexes = (
                self.counties.named(within.county, base) if len(base) <= BASE_CHARS_MAX else ()
            )
            guesses += [
                self._exact(index, span, mention, None, within, len(indexes)) for index in indexes
            ]
            closes_at = mention.match.start()
            if mention.kind == "C" and text[closes_at] == "村":
                village = text[anchor : closes_at + 1]
                guesses += self._village_left(village, span, mention, within)
        stated = within.stated
        if base and stated is not None and stated.codes and len(base) <= BASE_CHARS_MAX:
            span = (anchors[-1], mention.end)
            guesses += self._gone(within.county, base, mention.kind, span, stated, within.sign)
        return guesses

    def _between_anchors(
        self, text: str, anchors: list[int], number: int, match: re.Match[str], within: _Within
    ) -> list[Guess]:
        """The communities of the longest name that ends where the match does and begins at no
        anchor.
        """
        communities = self.counties.communities(within.county)
        close = mention_base(text, anchors[0], match)[1]
        for begin in range(max(anchors[0], close - BASE_CHARS_MAX), close - 1):
            indexes = communities.get(text[begin:close])
            if indexes and begin not in anchors:
                mention = _mention(text, number, match)
                span, before = (begin, mention.end), text[begin - 1]
                return [
                    self._exact(index, span, mention, before, within, len(indexes))
                    for index in indexes
                ]
        return []

    def _village_left(
        self, base: str, span: tuple[int, int], mention: _Mention, within: _Within
    ) -> list[Guess]:
        """杨渡村 for 杨渡村社区: the residents' committee that kept the village's name."""
        committee = mention._replace(kind="J", calm=True)
        out = []
        for index in self.counties.named(within.county, base):
            guess = self._exact(index, span, committee, None, within, 1)
            signs = guess.signs._replace(community=CommunitySign.VILLAGE_NAME_KEPT)
            out.append(Guess(guess.code, guess.score - 5, signs, guess.reasons))
        return out

    def _exact(
        self,
        index: int,
        span: tuple[int, int],
        mention: _Mention,
        before: str | None,
        within: _Within,
        many: int,
    ) -> Guess:
        """One exact name; `before` is the character in front where the name does not begin at an
        anchor.
        """
        stated, calm = within.stated, mention.calm
        code = self.snapshot.code(index)
        base, own_kind = self.snapshot.base(index)
        how = self._street_sign(code, base, own_kind, stated)
        same_kind = own_kind == mention.kind or own_kind == "O"
        score = STREET_SCORE[how] + 10 + 0.2 * len(base) - 1.5 * mention.number
        score -= (0 if before is None else 3) + (0 if same_kind else 2) + (0 if calm else 6)
        word = "e" if before is None else "f" if how not in "-u" or before in _CLOSES else "F"
        word = word if same_kind else "k"
        word = word if calm else "t"
        name = self.snapshot.community_name(index)
        county_name = self.snapshot.upper_names[code[:6]]
        rule, facts = "community", (name,)
        if not same_kind:
            rule = "community_kind"
        elif how in STREET_NOT_TOLD and many == 1:
            rule, facts = "community_alone", (name, county_name)
        elif how in STREET_NOT_TOLD:
            rule, facts = (
                "community_many",
                (self.snapshot.upper_names[code[:9]] + name, county_name, many),
            )
        reasons = [Reason(rule, *span, facts)]
        if stated is not None and how in STREET_STATED:
            reasons.insert(0, street_reason(self.snapshot, code[:9], stated))
        elif stated is not None and how in STREET_LEFT:
            street, year = self._left(code, base, own_kind, stated) or ("", 0)
            was = self.snapshot.upper_names.get(street) or self.snapshot.old_names.get(street, "")
            reasons.insert(0, Reason("community_moved", *span, (name, was, year)))
        elif stated is not None:
            reasons.insert(
                0,
                Reason(
                    "street_other", stated.start, stated.end, (self.snapshot.upper_names[code[:9]],)
                ),
            )
        return Guess(code, score, Signs(within.sign, how, word), reasons)

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

    def _left(self, code: str, base: str, kind: str, stated: Stated) -> tuple[str, int] | None:
        """(old street code, last year) if the stated street held a community of this base in an
        earlier edition.
        """
        for old_kind, old_code, year in self.snapshot.old(code[:6], base):
            if old_kind != kind:
                continue
            street = old_code[:9]
            if street in stated.codes or not set(
                self.snapshot.moved.get(street, "").split(",")
            ).isdisjoint(stated.codes):
                return street, year
        return None

    def _gone(
        self, county: str, base: str, kind: str, span: tuple[int, int], stated: Stated, sign: str
    ) -> list[Guess]:
        """A community its street listed in an earlier edition only: the street is the answer, said
        with the year.
        """
        out = []
        for old_kind, old_code, year in self.snapshot.old(county, base):
            moved = self.snapshot.moved.get(old_code[:9], old_code[:9]).split(",")
            for street, how in stated.codes.items():
                if old_kind == kind and street in (old_code[:9], *moved):
                    name = self.snapshot.upper_names[street]
                    reasons = [
                        street_reason(self.snapshot, street, stated),
                        Reason("community_gone", *span, (name, year)),
                    ]
                    out.append(Guess(street, 11.0, Signs(sign, how, CommunitySign.GONE), reasons))
                    index = self.snapshot.index(old_code)
                    if index is not None:
                        heir = Reason(
                            "community_code", *span, (self.snapshot.community_name(index),)
                        )
                        out.append(
                            Guess(
                                old_code,
                                7.0,
                                Signs(sign, how, CommunitySign.CODE_HEIR),
                                [*reasons, heir],
                            )
                        )
        return out
