"""Free text to community code: the gazetteer that the matcher and `guidui resolve` use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from datetime import date
from itertools import islice
from pathlib import Path

from services.addresses import snapshot as address_snapshot
from services.addresses.answer import LEVELS, NOTHING, Candidate, Evidence, Resolution
from services.addresses.confidence import ROUTE_AT, model, shares
from services.addresses.county import Counties
from services.addresses.guess import Guess, Reason, depth_first, merged
from services.addresses.learned import Learned, keys
from services.addresses.names import MENTION, is_dummy, mention_base, mention_kind
from services.addresses.neighbours import ROAD_SIGNS, SHARE_MAX, neighbours
from services.addresses.normalise import Normal, made, normalise, spelled
from services.addresses.reader import Reader
from services.addresses.scan import COUNTIES_MAX, Hit, Scan, Support
from services.addresses.signs import (
    DISPUTED,
    EXACT_ALONE,
    CommunitySign,
    CountySign,
    Signs,
    StreetSign,
)
from services.addresses.walk import Step, Walk

CANDIDATES_MAX = 5
CANDIDATES_READ = 12
WALKED = 0.9995
"""Confidence of an answer whose every level is written out and exact."""


_LIKE_A_COUNTY = re.compile(
    r"(?![城市郊矿东西南北中新园社小地片景校厂辖院库街牧林山老特治发业]区)[\u4e00-\u9fff][县市区旗州盟省]"
)


_OF_THE_CITY = re.compile(r"[\u4e00-\u9fff]市[东西南北中]$")
"""Ends a text that seems to name 市北区 without its 区: 青岛|市北|京路 is 青岛市|北京路."""


_NAMED_OR_GIVEN = frozenset((CountySign.FULL_NAME, CountySign.HINT, CountySign.CONTRADICTED))
_LOOSELY_NAMED = frozenset((CountySign.IMPLIED, CountySign.SHORT_NAME))
_OF_ANOTHER_COUNTY = frozenset((StreetSign.UNSTATED, StreetSign.UNKNOWN, StreetSign.OTHER))
"""Street signs that say nothing for a county that only a street's name implies."""


def _county_only(county_sign: str) -> Signs:
    return Signs(county_sign, StreetSign.UNSTATED, CommunitySign.COUNTY_ONLY)


def _county_guess(support: Support, reason: Reason | None) -> Guess:
    reasons = [] if reason is None else [reason]
    return Guess(support.county, support.points, _county_only(support.sign), reasons)


def _names_another(head: str, start: int, support: Support, hits: list[Hit]) -> bool:
    """What stands before a place that only a street, or a short name, leads to looks like another
    county, one that no table has, too: 某某县|前郭镇, 大兴县|黄村镇. Whoever bears the name
    elsewhere is a guess.
    """
    if support.sign not in _LOOSELY_NAMED:
        return False
    for hit in hits:
        if hit.end <= len(head) and any(support.county.startswith(code) for _, code in hit.means):
            head = head[: hit.start] + "-" * (hit.end - hit.start) + head[hit.end :]
    return _LIKE_A_COUNTY.search(head, start) is not None


class Gazetteer:
    """One edition of the division table with everything learned on top of it."""

    def __init__(self, snapshot: address_snapshot.Snapshot, route_at: float = ROUTE_AT) -> None:
        self.route_at = route_at
        self.snapshot = snapshot
        self.counties = Counties(snapshot)
        self.learned = Learned()
        self.walk = Walk(snapshot, self.counties)
        self.scan = Scan(snapshot)
        self.reader = Reader(snapshot, self.counties, self.learned)
        normalise(
            "臺灣"
        )  # loads what is loaded once, so that the first address is as quick as the second
        model()

    @classmethod
    def open(
        cls,
        cache: Path,
        divisions: Path | None = None,
        history: Path | None = None,
        *,
        route_at: float = ROUTE_AT,
    ) -> Gazetteer:
        """Opens the compiled snapshot in `cache`, compiling it first if these tables have none
        there yet.

        Default tables: the packaged 2023 edition and the packaged names of 2016-2022. With a table
        of one's own and no history of one's own, the packaged edition becomes part of the past.
        ValueError names the line of a table that holds no division code. `route_at`: the confidence
        from which nobody is asked.
        """
        own = address_snapshot.packaged("divisions.csv.xz")
        past = [history] if history else [address_snapshot.packaged("divisions_history.csv.xz")]
        if divisions is not None and history is None:
            past.append(own)
        folder = address_snapshot.ensure(Path(cache), divisions or own, past)
        return cls(address_snapshot.Snapshot(folder), route_at)

    def unlearned(self) -> Gazetteer:
        """Another on the same table, with nothing learned; costs no reading of the table."""
        other = copy(self)
        other.learned = Learned()
        other.reader = Reader(self.snapshot, self.counties, other.learned)
        return other

    def resolve(self, address: str | None, county: str | None = None) -> Resolution:
        """Candidates for an address, best first; never raises, whatever the text.

        `county`: name or code of the county known from elsewhere (the sender's, the roster's), used
        where the text itself names none.
        """
        if not isinstance(address, str) or not address:
            return NOTHING
        normal = normalise(address)
        step = self.walk.read(normal.text)
        if step.community is not None:
            return self._walked(address, normal, step)
        guesses = self.guesses(normal.text, step, county)
        other = spelled(normal)
        if other is not None:
            step = self.walk.read(other.text)
            if step.community is not None:
                return self._walked(address, other, step)
            again = self.guesses(other.text, step, county)
            if again and self._only_in(other.text, normal.text, again[0].code):
                normal, guesses = other, again
        return self._worded(address, normal, guesses)

    def _only_in(self, spelled: str, written: str, code: str) -> bool:
        """True if a community's name stands in the text only once its numbers are spelled in
        characters.
        """
        index = self.snapshot.index(code) if len(code) == 12 else None
        base = "" if index is None else self.snapshot.base(index)[0]
        return base in spelled and base not in written

    def _walked(self, address: str, normal: Normal, step: Step) -> Resolution:
        start, _, _, street, _, index, _, end = step
        snapshot = self.snapshot
        assert step.county is not None and street is not None and index is not None
        name, code = snapshot.named(index)
        upper = snapshot.upper_names
        if normal.origin is not None:
            start, end = normal.span(start, end)
        words = (upper[step.county] + upper[street] + name,)
        reason = made(Evidence, ("path", address[start:end], (start, end), words))
        return made(
            Resolution, ("route", (made(Candidate, (code, name, "community", WALKED, (reason,))),))
        )

    def guesses(self, text: str, step: Step, county: str | None = None) -> list[Guess]:
        """Every guess for a normalised text that the walk did not settle, best first."""
        hints = self.county_codes(county) if county else frozenset()
        guesses: list[Guess] = []
        prefix: Reason | None = None
        if step.county is not None:
            end = self.reader.streets.county_end(text, step.county, step.county_end)
            prefix = Reason("county", step.start, end, (self._full(step.county),))
            guesses = self._read(text, step.county, end, CountySign.PREFIX, prefix)
            if guesses:
                return merged(guesses)
            if _OF_THE_CITY.search(text[: step.county_end]):
                step = Step(step.start, None, step.start)
        guesses += self._scanned(text, step, hints)
        if not guesses and step.county is not None and prefix is not None:
            guesses = [Guess(step.county, 1.0, _county_only(CountySign.PREFIX), [prefix])]
        return merged(guesses)

    def _read(
        self, text: str, county: str, start: int, sign: str, reason: Reason | None
    ) -> list[Guess]:
        guesses = self.reader.read(text, county, start, sign)
        if reason is not None:
            for guess in guesses:
                guess.reasons.insert(0, reason)
        return guesses

    def _scanned(self, text: str, step: Step, hints: frozenset[str]) -> list[Guess]:
        hits = self.scan.hits(text, step.start)
        supports = self.scan.supports(hits, hints)
        if len(supports) > COUNTIES_MAX:
            supports = self._with_community(text, hits, supports)
        guesses = self._read_supported(text, step, hits, supports)
        if not guesses:
            guesses = self._in_city(text, hits)
        if not guesses and supports and supports[0].sign in _NAMED_OR_GIVEN:
            guesses = [self._county_alone(hits, supports[0])]
        if not guesses:
            guesses = self._short_counties(text, hits, supports)
        if step.county is None and all(
            guess.signs.county == CountySign.CONTRADICTED for guess in guesses
        ):
            guesses += self._head(hits, max((g.score for g in guesses), default=0.0))
        return guesses

    def _county_alone(self, hits: list[Hit], support: Support) -> Guess:
        """A county of whose streets and communities the text names none."""
        reason = self._county_reason(hits, support.county, support.sign)
        return _county_guess(support, reason)

    def _read_supported(
        self, text: str, step: Step, hits: list[Hit], supports: list[Support]
    ) -> list[Guess]:
        """What is read in each of the counties that the text supports about as well as the best."""
        best = supports[0].points if supports else 0.0
        guesses: list[Guess] = []
        for support in supports[: COUNTIES_MAX * 2]:
            if support.points < best - 4:
                break
            if (
                support.sign == CountySign.IMPLIED
                and step.county is not None
                and support.county[:2] != step.county[:2]
            ):
                continue  # the text names a county: its street's name occurs elsewhere too
            reason = self._county_reason(hits, support.county, support.sign)
            start = max(support.start, step.start)
            sign = support.sign
            if _names_another(text[:start], step.start, support, hits):
                sign = CountySign.CONTRADICTED
            for guess in self._read(text, support.county, start, sign, reason):
                if support.sign == CountySign.IMPLIED and guess.signs.street in _OF_ANOTHER_COUNTY:
                    continue
                guess.score += support.points
                guesses.append(guess)
        return guesses

    def _short_counties(self, text: str, hits: list[Hit], supports: list[Support]) -> list[Guess]:
        """The counties of which nothing but a short or an earlier name with its 县 or 旗 is given
        (东乡县).
        """
        whole = {
            code
            for hit in hits
            for _, code in hit.means
            if len(code) == 6 and text[hit.end - 1] in "县旗"
        }
        named = [
            s
            for s in supports[:CANDIDATES_MAX]
            if s.sign == CountySign.SHORT_NAME and s.county in whole
        ]
        out = []
        for support in named:
            reason = self._county_reason(hits, support.county, support.sign)
            out.append(_county_guess(support, reason))
        return out

    def _head(self, hits: list[Hit], beaten: float) -> list[Guess]:
        """The province or city at the head of the text, where nothing below it can be told."""
        place = self.scan.place(hits)
        if place is None:
            return []
        hit, code = place
        reason = Reason("county", hit.start, hit.end, (self._full(code),))
        return [Guess(code, beaten + 2.0, _county_only(CountySign.FULL_NAME), [reason])]

    def _with_community(self, text: str, hits: list[Hit], supports: list[Support]) -> list[Support]:
        """Of many counties that share a street's name, those whose street lists the community named
        after it.
        """
        kept: set[str] = set()
        for hit in hits:
            streets = [code for _, code in hit.means if len(code) == 9]
            for m in islice(MENTION.finditer(text, hit.end, hit.end + 20), 2) if streets else ():
                base, _ = mention_base(text, hit.end, m)
                kind = mention_kind(m.group())
                kept.update(
                    code[:6] for code in streets if self.snapshot.find(code, base, kind) is not None
                )
        return [s for s in supports if s.county in kept] or supports

    def _in_city(self, text: str, hits: list[Hit]) -> list[Guess]:
        """City and community without county or street: every county of the city is read."""
        cities = self.scan.cities(hits)
        if not cities or MENTION.search(text) is None:
            return []
        city, end = cities[-1]
        guesses_found: list[Guess] = []
        for county in sorted(self.snapshot.streets_of):
            if county.startswith(city):
                guesses = self._read(text, county, end, CountySign.CITY, None)
                guesses_found += [
                    guess for guess in guesses if guess.signs.community in EXACT_ALONE
                ]
        return guesses_found

    def _county_reason(self, hits: list[Hit], county: str, sign: str) -> Reason | None:
        if sign == CountySign.HINT:
            return Reason("hint", -1, -1, (self._full(county),))
        for hit in hits:
            for _, code in hit.means:
                if code == county:
                    return Reason("county", hit.start, hit.end, (self._full(county),))
        return None

    def _full(self, code: str) -> str:
        return "".join(self.names(code))

    def _worded(self, address: str, normal: Normal, guesses: list[Guess]) -> Resolution:
        """Guesses -> candidates with confidence and words, and the decision."""
        if not guesses:
            return NOTHING
        guesses = depth_first(guesses)
        best = guesses[0].code
        guesses = [
            g for g in guesses[:CANDIDATES_READ] if g.code == best or not best.startswith(g.code)
        ][:CANDIDATES_MAX]
        out = tuple(
            Candidate(
                guess.code,
                self.name(guess.code) or "",
                LEVELS[len(guess.code)],
                sure,
                tuple(self._evidence(address, normal, reason) for reason in guess.reasons),
            )
            for guess, sure in zip(guesses, shares(guesses), strict=True)
        )
        if out[0].confidence >= self.route_at and len(out[0].code) >= 9:
            return Resolution("route", out)
        if guesses[0].signs.community.rstrip(DISPUTED) in ROAD_SIGNS:
            out += self._beside(out)
        return Resolution("ask", out)

    def _beside(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Neighbours of what a road suggests, up to the number that a person is shown."""
        communities = [c.code for c in candidates if c.level == "community"]
        sure = min(
            SHARE_MAX,
            candidates[-1].confidence,
            max(0.0, 1.0 - sum(c.confidence for c in candidates)),
        )
        return tuple(
            Candidate(
                code,
                self.name(code) or "",
                "community",
                sure * 0.5**place,
                (Evidence("beside", "", None, (self.name(near), cases)),),
            )
            for place, (code, near, cases) in enumerate(
                neighbours(
                    self.snapshot, self.learned, communities, CANDIDATES_MAX - len(candidates)
                )
            )
        )

    @staticmethod
    def _evidence(address: str, normal: Normal, reason: Reason) -> Evidence:
        if reason.start < 0:
            return Evidence(reason.rule, "", None, reason.facts)
        start, end = normal.span(reason.start, reason.end)
        return Evidence(reason.rule, address[start:end], (start, end), reason.facts)

    def learn(self, address: str, code: str, *, source: str, on: date | None = None) -> None:
        """Takes a confirmed (address, code) as evidence; the next `resolve` sees it.

        A street's or a community's code; one of an earlier edition counts for its only heir, any
        other is left out.
        """
        text, codes = normalise(address).text, self.current(code)
        if len(codes) != 1 or len(codes[0]) not in (9, 12):
            return
        code = codes[0]
        rest = self._after_names(text, code)
        self.learned.add(code[:6], rest, code, source, on)

    def kept(self, address: str, code: str) -> str | None:
        """What is worth keeping of a confirmed address: official names, road with number, compound;
        no more.

        Building, unit, floor and room are gone, and so is whatever else was written. None where
        nothing is left to learn from, or where the address names another county than that of
        `code`.
        """
        codes = self.current(code)
        if len(codes) != 1 or len(codes[0]) not in (9, 12):
            return None
        code, text = codes[0], normalise(address).text
        step = self.walk.read(text)
        if step.county is not None and step.county != code[:6]:
            return None
        if step.county is None and not any(
            c.code[:6] == code[:6] for c in self.resolve(address).candidates if len(c.code) >= 6
        ):
            return None
        found_keys = keys(self._after_names(text, code))
        road = f"{found_keys.road}{found_keys.number}号" if found_keys.road else ""
        compound = found_keys.compounds[0] if found_keys.compounds else ""
        return "".join(self.names(code)) + road + compound if road or compound else None

    def _after_names(self, text: str, code: str) -> str:
        """What follows the county, street and community of a confirmed address whose code is
        known.
        """
        step = self.walk.read(text)
        if step.community is not None:
            return text[step.community_end :]
        at = step.start
        if step.county is not None:
            at = step.street_end if step.street is not None else step.county_end
        stated = self.reader.streets.stated(text, code[:6], at) if step.street is None else None
        if stated is not None and stated.signs:
            at = stated.end
        index = self.snapshot.index(code) if len(code) == 12 else None
        if index is not None:
            base = self.snapshot.base(index)[0]
            for m in MENTION.finditer(text, at):
                if text.endswith(base, at, m.start()) or text[at : m.end()].startswith(base):
                    return text[m.end() :]
        return text[at:]

    def withdraw(self, source: str) -> None:
        """Forgets the evidence of one source."""
        self.learned.withdraw(source)

    def county_codes(self, county: str) -> frozenset[str]:
        """Codes a county given as code or text may have: 北京市朝阳区 has one, 朝阳区 two, nonsense
        none.
        """
        text = normalise(county).text
        if text.isdigit():
            return frozenset((text[:6],)) & self.snapshot.streets_of.keys()
        code, end = self.walk.county(text, 0)
        if code is not None and end == len(text):
            return frozenset((code,))
        form = self.snapshot.forms.longest(text)
        if form is None or form[0] != len(text):
            return frozenset()
        return frozenset(entry[1:] for entry in form[1].split(",") if len(entry) == 7)

    def name(self, code: str | int) -> str | None:
        """Official name of a code of any level; of an old one its last name."""
        code = str(code)
        upper = self.snapshot.upper_names.get(code)
        if upper is not None or len(code) != 12 or not code.isdigit():
            return upper or self.snapshot.old_names.get(code)
        index = self.snapshot.index(code)
        return None if index is None else self.snapshot.community_name(index)

    def names(self, code: str | int) -> list[str]:
        """Official names from the province down to `code`; the table's place-holder cities are left
        out.
        """
        code = str(code)
        parts = [self.name(code[:n]) for n in LEVELS if n <= len(code)]
        return [p for p in parts if p and not is_dummy(p)]

    def current(self, code: str | int) -> list[str]:
        """Today's codes for a code: itself if it still stands, its successors if not, none if
        unknown.
        """
        code = str(code)
        if code in self.snapshot.upper_names or (
            len(code) == 12 and self.snapshot.index(code) is not None
        ):
            return [code]
        if len(code) == 12 and code.isdigit():
            return self._heirs(code)
        return [c for c in self.snapshot.moved.get(code, "").split(",") if c]

    def _heirs(self, code: str) -> list[str]:
        """Where a community code of an earlier edition stands today: same name in its street's,
        else county's heirs.
        """
        snapshot, old = self.snapshot, self.snapshot.old_base(code)
        if old is None:
            return []
        streets = [
            s for s in snapshot.moved.get(code[:9], code[:9]).split(",") if s in snapshot.ranges
        ]
        indexes = [i for s in streets if (i := snapshot.find(s, *old)) is not None]
        counties = [] if indexes else snapshot.moved.get(code[:6], code[:6]).split(",")
        indexes += [
            i for c in counties for i in snapshot.find_all(c, old[0]) if snapshot.kinds[i] == old[1]
        ]
        return [snapshot.code(i) for i in indexes] if len(indexes) <= 3 else []
