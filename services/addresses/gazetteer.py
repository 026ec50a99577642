"""Free text to community code: the gazetteer that the matcher and `guidui resolve` use."""

from __future__ import annotations

from copy import copy
from datetime import date
from pathlib import Path

from services.addresses import snapshot as address_snapshot
from services.addresses.answer import NOTHING, Candidate, Evidence, Resolution
from services.addresses.candidates import Candidates
from services.addresses.confidence import ROUTE_AT, model
from services.addresses.county import Counties
from services.addresses.divisions import COMMUNITY_DIGITS, STREET_DIGITS, Divisions
from services.addresses.guess import Guess
from services.addresses.learned import Learned, keys
from services.addresses.names import MENTION
from services.addresses.normalise import Normal, made, normalise, spelled
from services.addresses.reader import Reader
from services.addresses.scan import Scan
from services.addresses.search import Search
from services.addresses.walk import Step, Walk

WALKED = 0.9995
"""Confidence of an answer whose every level is written out and exact."""


class Gazetteer:
    """One edition of the division table with everything learned on top of it."""

    def __init__(self, snapshot: address_snapshot.Snapshot, route_at: float = ROUTE_AT) -> None:
        self.route_at = route_at
        self.snapshot = snapshot
        self.divisions = Divisions(snapshot)
        self.counties = Counties(snapshot)
        self.walk = Walk(snapshot, self.counties)
        self.scan = Scan(snapshot)
        self._learn_in(Learned())
        # loads what is loaded once, so that the first address is as quick as the second
        normalise("臺灣")
        model()

    def _learn_in(self, learned: Learned) -> None:
        """Takes this evidence for every answer from now on."""
        self.learned = learned
        self.reader = Reader(self.snapshot, self.counties, learned)
        self._search = Search(self.divisions, self.scan, self.reader)
        self._candidates = Candidates(self.divisions, learned)

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
        other._learn_in(Learned())
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
        respelled = spelled(normal)
        if respelled is not None:
            return self._respelled(address, normal, step, respelled, county)
        guesses = self.guesses(normal.text, step, county)
        return self._candidates.answer(address, normal, guesses, self.route_at)

    def _respelled(
        self, address: str, normal: Normal, step: Step, respelled: Normal, county: str | None
    ) -> Resolution:
        """The answer to an address whose numbers may be those of names (田林12村): as they are
        spelled in characters, if only this names a community.
        """
        second_step = self.walk.read(respelled.text)
        if second_step.community is not None:
            return self._walked(address, respelled, second_step)
        guesses = self.guesses(respelled.text, second_step, county)
        if not guesses or not self._only_in(respelled.text, normal.text, guesses[0].code):
            guesses = self.guesses(normal.text, step, county)
            respelled = normal
        return self._candidates.answer(address, respelled, guesses, self.route_at)

    def _only_in(self, spelled: str, written: str, code: str) -> bool:
        """True if a community's name stands in the text only once its numbers are spelled in
        characters.
        """
        base = self._base(code)
        return base is not None and base in spelled and base not in written

    def _walked(self, address: str, normal: Normal, step: Step) -> Resolution:
        """The answer to an address whose every level the walk has read."""
        # most addresses end here, kept dense: the step is unpacked, and named tuples are made of
        # their fields at once (`made`)
        start, county, _, street, _, community, _, end = step
        assert county is not None and street is not None and community is not None
        snapshot = self.snapshot
        name, code = snapshot.named(community)
        upper_names = snapshot.upper_names
        official = upper_names[county] + upper_names[street] + name
        if normal.origin is not None:
            start, end = normal.span(start, end)
        evidence = made(Evidence, ("path", address[start:end], (start, end), (official,)))
        candidate = made(Candidate, (code, name, "community", WALKED, (evidence,)))
        return made(Resolution, ("route", (candidate,)))

    def guesses(self, text: str, step: Step, county: str | None = None) -> list[Guess]:
        """Every guess for a normalised text that the walk did not settle, best first."""
        hints = self.county_codes(county) if county else frozenset()
        return self._search.guesses(text, step, hints)

    def learn(self, address: str, code: str, *, source: str, on: date | None = None) -> None:
        """Takes a confirmed (address, code) as evidence; the next `resolve` sees it.

        A street's or a community's code; one of an earlier edition counts for its only heir, any
        other is left out.
        """
        current = self._learnable(code)
        if current is None:
            return
        rest = self._after_names(normalise(address).text, current)
        self.learned.add(current[:6], rest, current, source, on)

    def kept(self, address: str, code: str) -> str | None:
        """What is worth keeping of a confirmed address: official names, road with number, compound;
        no more.

        Building, unit, floor and room are gone, and so is whatever else was written. None where
        nothing is left to learn from, or where the address names another county than that of
        `code`.
        """
        current = self._learnable(code)
        if current is None or not self._may_lie_in(address, current[:6]):
            return None
        behind = keys(self._after_names(normalise(address).text, current))
        kept = ""
        if behind.road:
            kept += f"{behind.road}{behind.number}号"
        if behind.compounds:
            kept += behind.compounds[0]
        if not kept:
            return None
        return self.divisions.full_name(current) + kept

    def _learnable(self, code: str) -> str | None:
        """Today's code of the one street or community that a code stands for."""
        codes = self.current(code)
        if len(codes) != 1 or len(codes[0]) not in (STREET_DIGITS, COMMUNITY_DIGITS):
            return None
        return codes[0]

    def _may_lie_in(self, address: str, county: str) -> bool:
        """True if the address names this county, or may mean it where it names none."""
        step = self.walk.read(normalise(address).text)
        if step.county is not None:
            return step.county == county
        candidates = self.resolve(address).candidates
        return any(candidate.code[:6] == county for candidate in candidates)

    def _after_names(self, text: str, code: str) -> str:
        """What follows the county, street and community of a confirmed address whose code is
        known.
        """
        step = self.walk.read(text)
        if step.community is not None:
            return text[step.community_end :]
        start = self._street_end(text, step, code[:6])
        base = self._base(code)
        if base is not None:
            for mention in MENTION.finditer(text, start):
                end = mention.end()
                ends_with_base = text.endswith(base, start, mention.start())
                if ends_with_base or text.startswith(base, start, end):
                    return text[end:]
        return text[start:]

    def _street_end(self, text: str, step: Step, county: str) -> int:
        """Where the street ends that the text states, or the county if it states none."""
        if step.street is not None:
            return step.street_end
        start = step.start if step.county is None else step.county_end
        stated = self.reader.streets.stated(text, county, start)
        if stated is None or not stated.signs:
            return start
        return stated.end

    def _base(self, code: str) -> str | None:
        """Base of a community's name; None for a code of another level, or one no longer used."""
        if len(code) != COMMUNITY_DIGITS:
            return None
        index = self.snapshot.index(code)
        if index is None:
            return None
        base, _ = self.snapshot.base(index)
        return base

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
        return self.scan.counties_called(text)

    def name(self, code: str | int) -> str | None:
        """Official name of a code of any level; of an old one its last name."""
        return self.divisions.name(str(code))

    def names(self, code: str | int) -> list[str]:
        """Official names from the province down to `code`; the table's place-holder cities are left
        out.
        """
        return self.divisions.names(str(code))

    def current(self, code: str | int) -> list[str]:
        """Today's codes for a code: itself if it still stands, its successors if not, none if
        unknown.
        """
        return self.divisions.current(str(code))
