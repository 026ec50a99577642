"""Tier 2, from the county down: the counties that a text may mean, and what is read in each of
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from services.addresses.divisions import STREET_DIGITS, Divisions
from services.addresses.guess import Guess, Reason, merged
from services.addresses.names import MENTION, mention_base, mention_kind
from services.addresses.reader import Reader
from services.addresses.scan import COUNTIES_MAX, Hit, Scan, Support
from services.addresses.signs import EXACT_ALONE, CommunitySign, CountySign, Signs, StreetSign
from services.addresses.walk import Step

SHORT_COUNTIES_MAX = 5
POINTS_BEHIND_MAX = 4
"""A county that the text supports so much less than the best is not read."""
SHARED_MENTION_CHARS = 20
SHARED_MENTIONS_MAX = 2

_LIKE_A_COUNTY = re.compile(
    r"(?![城市郊矿东西南北中新园社小地片景校厂辖院库街牧林山老特治发业]区)[\u4e00-\u9fff][县市区旗州盟省]"
)
_OF_THE_CITY = re.compile(r"[\u4e00-\u9fff]市[东西南北中]$")
"""Ends a text that seems to name 市北区 without its 区: 青岛|市北|京路 is 青岛市|北京路."""
_NAMED_OR_GIVEN = frozenset((CountySign.FULL_NAME, CountySign.HINT, CountySign.CONTRADICTED))
_LOOSELY_NAMED = frozenset((CountySign.IMPLIED, CountySign.SHORT_NAME))
_OF_ANOTHER_COUNTY = frozenset((StreetSign.UNSTATED, StreetSign.UNKNOWN, StreetSign.OTHER))
"""Street signs that say nothing for a county that only a street's name implies."""
_PREFIX_SCORE = 1.0
_HEAD_SCORE = 2.0
"""What the province or city at the head of a text is ahead of a county that contradicts it."""


@dataclass(slots=True)
class _Scanned:
    """A text, how far the walk came in it, the names that stand in it, and the counties that they
    support, best first.
    """

    text: str
    step: Step
    hits: list[Hit]
    supports: list[Support]


class Search:
    """Makes guesses for a text that the walk did not settle."""

    def __init__(self, divisions: Divisions, scan: Scan, reader: Reader) -> None:
        self.divisions = divisions
        self.snapshot = divisions.snapshot
        self.scan = scan
        self.reader = reader

    def guesses(self, text: str, step: Step, hints: frozenset[str]) -> list[Guess]:
        """Every guess for a normalised text, best first; `hints`: codes of the county given beside
        it.
        """
        if step.county is None:
            return merged(self._scanned(text, step, hints))
        end = self.reader.streets.county_end(text, step.county, step.county_end)
        prefix = Reason("county", step.start, end, (self.divisions.full_name(step.county),))
        guesses = self._read(text, step.county, end, CountySign.PREFIX, prefix)
        if guesses:
            return merged(guesses)
        if _OF_THE_CITY.search(text[: step.county_end]):
            step = Step(step.start, None, step.start)
        guesses = self._scanned(text, step, hints)
        if not guesses and step.county is not None:
            signs = _county_only(CountySign.PREFIX)
            guesses = [Guess(step.county, _PREFIX_SCORE, signs, [prefix])]
        return merged(guesses)

    def _read(
        self, text: str, county: str, start: int, sign: str, reason: Reason | None
    ) -> list[Guess]:
        """What is read in a county from `start` on, each with the reason for the county first."""
        guesses = self.reader.read(text, county, start, sign)
        if reason is not None:
            for guess in guesses:
                guess.reasons.insert(0, reason)
        return guesses

    def _scanned(self, text: str, step: Step, hints: frozenset[str]) -> list[Guess]:
        """Guesses by the names that stand anywhere in the text."""
        hits = self.scan.hits(text, step.start)
        supports = self.scan.supports(hits, hints)
        if len(supports) > COUNTIES_MAX:
            supports = self._with_community(text, hits, supports)
        scanned = _Scanned(text, step, hits, supports)
        guesses = (
            self._in_supported(scanned)
            or self._in_city(scanned)
            or self._county_alone(scanned)
            or self._short_counties(scanned)
        )
        if step.county is None and _all_contradicted(guesses):
            guesses += self._head(hits, guesses)
        return guesses

    def _in_supported(self, scanned: _Scanned) -> list[Guess]:
        """What is read in each of the counties that the text supports about as well as the best."""
        guesses: list[Guess] = []
        for support in scanned.supports[: COUNTIES_MAX * 2]:
            if support.points < scanned.supports[0].points - POINTS_BEHIND_MAX:
                break
            if _is_namesake_elsewhere(support, scanned.step):
                continue
            guesses += self._in_county(scanned, support)
        return guesses

    def _in_county(self, scanned: _Scanned, support: Support) -> list[Guess]:
        """What is read in one county that the text supports."""
        step = scanned.step
        start = max(support.start, step.start)
        sign = support.sign
        if _names_another(scanned.text[:start], step.start, support, scanned.hits):
            sign = CountySign.CONTRADICTED
        reason = self._county_reason(scanned.hits, support)
        guesses = []
        for guess in self._read(scanned.text, support.county, start, sign, reason):
            if support.sign == CountySign.IMPLIED and guess.signs.street in _OF_ANOTHER_COUNTY:
                continue
            guess.score += support.points
            guesses.append(guess)
        return guesses

    def _in_city(self, scanned: _Scanned) -> list[Guess]:
        """City and community without county or street: every county of the city is read."""
        cities = self.scan.cities(scanned.hits)
        if not cities or MENTION.search(scanned.text) is None:
            return []
        city, end = cities[-1]
        guesses: list[Guess] = []
        for county in sorted(self.snapshot.streets_of):
            if not county.startswith(city):
                continue
            for guess in self._read(scanned.text, county, end, CountySign.CITY, None):
                if guess.signs.community in EXACT_ALONE:
                    guesses.append(guess)
        return guesses

    def _county_alone(self, scanned: _Scanned) -> list[Guess]:
        """The best county, of whose streets and communities the text names none."""
        if not scanned.supports:
            return []
        best = scanned.supports[0]
        if best.sign not in _NAMED_OR_GIVEN:
            return []
        return [self._county_guess(scanned.hits, best)]

    def _short_counties(self, scanned: _Scanned) -> list[Guess]:
        """The counties of which nothing but a short or an earlier name with its 县 or 旗 is given
        (东乡县).
        """
        named = _named_with_tail(scanned.text, scanned.hits)
        guesses = []
        for support in scanned.supports[:SHORT_COUNTIES_MAX]:
            if support.sign == CountySign.SHORT_NAME and support.county in named:
                guesses.append(self._county_guess(scanned.hits, support))
        return guesses

    def _county_guess(self, hits: list[Hit], support: Support) -> Guess:
        reason = self._county_reason(hits, support)
        reasons = [] if reason is None else [reason]
        return Guess(support.county, support.points, _county_only(support.sign), reasons)

    def _head(self, hits: list[Hit], beaten: list[Guess]) -> list[Guess]:
        """The province or city at the head of the text, where nothing below it can be told."""
        place = self.scan.place(hits)
        if place is None:
            return []
        hit, code = place
        score = max((guess.score for guess in beaten), default=0.0) + _HEAD_SCORE
        reason = Reason("county", hit.start, hit.end, (self.divisions.full_name(code),))
        return [Guess(code, score, _county_only(CountySign.FULL_NAME), [reason])]

    def _with_community(self, text: str, hits: list[Hit], supports: list[Support]) -> list[Support]:
        """Of many counties that share a street's name, those whose street lists the community named
        after it; all of them if none does.
        """
        counties: set[str] = set()
        for hit in hits:
            streets = [code for _, code in hit.means if len(code) == STREET_DIGITS]
            if streets:
                counties |= self._listing_community(text, hit.end, streets)
        kept = [support for support in supports if support.county in counties]
        return kept or supports

    def _listing_community(self, text: str, start: int, streets: list[str]) -> set[str]:
        """Counties of those streets that list a community named right behind `start`."""
        counties = set()
        matches = MENTION.finditer(text, start, start + SHARED_MENTION_CHARS)
        for mention in islice(matches, SHARED_MENTIONS_MAX):
            base, _ = mention_base(text, start, mention)
            kind = mention_kind(mention.group())
            for street in streets:
                if self.snapshot.find(street, base, kind) is not None:
                    counties.add(street[:6])
        return counties

    def _county_reason(self, hits: list[Hit], support: Support) -> Reason | None:
        """Why the county may be meant; None if only a street of it is named."""
        facts = (self.divisions.full_name(support.county),)
        if support.sign == CountySign.HINT:
            return Reason("hint", -1, -1, facts)
        for hit in hits:
            if any(code == support.county for _, code in hit.means):
                return Reason("county", hit.start, hit.end, facts)
        return None


def _county_only(county_sign: str) -> Signs:
    return Signs(county_sign, StreetSign.UNSTATED, CommunitySign.COUNTY_ONLY)


def _all_contradicted(guesses: Iterable[Guess]) -> bool:
    """True if the text names every guess beside a province or city in which it does not lie."""
    return all(guess.signs.county == CountySign.CONTRADICTED for guess in guesses)


def _is_namesake_elsewhere(support: Support, step: Step) -> bool:
    """The text names a county of another province: the name of its street occurs here too."""
    if support.sign != CountySign.IMPLIED or step.county is None:
        return False
    return support.county[:2] != step.county[:2]


def _names_another(head: str, start: int, support: Support, hits: list[Hit]) -> bool:
    """What stands before a place that only a street, or a short name, leads to looks like another
    county, one that no table has, too: 某某县|前郭镇, 大兴县|黄村镇. Whoever bears the name
    elsewhere is a guess.
    """
    if support.sign not in _LOOSELY_NAMED:
        return False
    for hit in hits:
        if hit.end > len(head):
            continue
        if any(support.county.startswith(code) for _, code in hit.means):
            own_name = "-" * (hit.end - hit.start)
            head = head[: hit.start] + own_name + head[hit.end :]
    return _LIKE_A_COUNTY.search(head, start) is not None


def _named_with_tail(text: str, hits: list[Hit]) -> set[str]:
    """Codes of the counties named with their 县 or 旗."""
    counties = set()
    for hit in hits:
        if text[hit.end - 1] in "县旗":
            counties.update(code for _, code in hit.means if len(code) == 6)
    return counties
