"""What confirmed cases and shared names suggest for the text behind the administrative names."""

from __future__ import annotations

import math
import re

from services.addresses.county import Counties
from services.addresses.guess import STREET_SCORE, Guess, Reason, Signs, Stated, street_sign
from services.addresses.learned import Learned, Tally, keys
from services.addresses.snapshot import Snapshot

_ROAD_STEM = re.compile(r"[东南西北中]?(?:一|二|三|四|五|六)?(?:大街|大道|路|街|道|巷|胡同|里|弄)$")


class Recall:
    """Looks a compound, a house number or a road up in what is known of a county."""

    def __init__(self, snapshot: Snapshot, counties: Counties, learned: Learned) -> None:
        self.snapshot = snapshot
        self.counties = counties
        self.learned = learned

    def read(
        self, text: str, county: str, anchors: list[int], stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Communities where confirmed cases of the same compound or the nearest house number
        lie.
        """
        out: list[Guess] = []
        for anchor in dict.fromkeys(anchors):
            rest = text[anchor : anchor + 48]
            rest_keys = keys(rest)
            known = (
                self.learned.compound(county, rest_keys.compounds) if rest_keys.compounds else None
            )
            if known is not None:
                span = (anchor + rest_keys.at, anchor + rest_keys.at + len(known[0]))
                out += self._voted(known[1], span, county, stated, sign, "c")
            else:
                for begin, end, inner in self.learned.inside(county, rest):
                    out += self._voted(
                        inner, (anchor + begin, anchor + end), county, stated, sign, "i"
                    )
            if rest_keys.road:
                at = anchor + rest_keys.road_at
                out += self._numbered(rest_keys.road, rest_keys.number, at, county, stated, sign)
                out += self._namesakes(rest_keys.road, True, at, county, stated, sign)
            if rest_keys.compounds:
                out += self._namesakes(
                    rest_keys.compounds[-1], False, anchor + rest_keys.at, county, stated, sign
                )
        return out

    def _namesakes(
        self, name: str, is_road: bool, at: int, county: str, stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Communities called like the road or compound: weak signs, since roads are long and names
        are borrowed.
        """
        signs_of = {index: "r" for index in self.counties.named(county, name)}
        if is_road and len(name) >= 3:
            stem = _ROAD_STEM.sub("", name)
            for index in (
                self.snapshot.starting(*self.snapshot.county_range(county), stem)
                if len(stem) >= 2
                else ()
            ):
                base, kind = self.snapshot.base(index)
                if kind == "J":
                    signs_of.setdefault(index, "a" if base.startswith(name) else "A")
        out = []
        for index, word in signs_of.items():
            code = self.snapshot.code(index)
            how = street_sign(code, stated)
            if how == "x":
                continue
            score = STREET_SCORE[how] + {"r": 4.0, "a": 2.0, "A": 0.5}[word]
            word = word if is_road else "h"
            reason = Reason("road_name", at, at + len(name), (self.snapshot.community_name(index),))
            out.append(Guess(code, score, Signs(sign, how, word), [reason]))
        return out

    def _voted(
        self,
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
            how = street_sign(code, stated)
            if how == "x":
                continue
            long = min(span[1] - span[0], 6)
            base = 7.0 if word == "c" else 5.0
            score = (
                STREET_SCORE[how]
                + base
                + 2 * math.log2(0.05 + share)
                + 0.5 * min(count, 4)
                + 0.2 * long
            )
            place = self._place(code)
            facts = (self.snapshot.upper_names.get(county, county), count, total, place)
            rule = "compound_on" if tally.last else "compound"
            reason = Reason(rule, *span, (*facts, tally.last) if tally.last else facts)
            guess = Guess(
                code, score, Signs(sign, how, word + ("" if share > 0.99 else "%")), [reason]
            )
            guess.weight = count
            out.append(guess)
        return out

    def _numbered(
        self, road: str, number: int, at: int, county: str, stated: Stated | None, sign: str
    ) -> list[Guess]:
        """Weights every confirmed number of the road by its distance; the other side of the road
        counts less.
        """
        numbers = self.learned.numbers(county, road)
        votes: dict[str, float] = {}
        nearest: dict[str, int] = {}
        cases = 0
        for known, tally in numbers.items():
            gap = abs(known - number)
            weight = 2.0 ** (-gap / 8) * (1.0 if gap % 2 == 0 else 0.6) + (
                3.0 if gap == 0 else 1e-9
            )
            confirmed = sum(tally.counts.values())
            for code, count in tally.counts.items():
                cases += count
                votes[code] = votes.get(code, 0.0) + weight * count / confirmed
                if code not in nearest or gap < abs(nearest[code] - number):
                    nearest[code] = known
        total = sum(votes.values())
        out = []
        for code, vote in votes.items():
            how = street_sign(code, stated)
            if how == "x":
                continue
            same = nearest[code] == number
            word = "n" if same else "v" if abs(nearest[code] - number) <= 12 else "V"
            score = (
                STREET_SCORE[how]
                + (8 if same else 4 if word == "v" else 3)
                + (2 if same else 1) * math.log2(0.05 + vote / total)
            )
            place = self._place(code)
            facts = (self.snapshot.upper_names.get(county, county), nearest[code], place, cases)
            reason = Reason("number", at, at + len(road), facts)
            guess = Guess(
                code, score, Signs(sign, how, word + ("" if vote / total > 0.99 else "%")), [reason]
            )
            guess.weight = vote / total
            out.append(guess)
        return out

    def _place(self, code: str) -> str:
        index = self.snapshot.index(code) if len(code) == 12 else None
        return (
            self.snapshot.upper_names.get(code, code)
            if index is None
            else self.snapshot.community_name(index)
        )
