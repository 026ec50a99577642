"""Free text to community code: the gazetteer that the matcher and `guidui resolve` use."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from services.matcher import address_snapshot
from services.matcher.address_answer import LEVELS, NOTHING, Candidate, Evidence, Resolution
from services.matcher.address_county import Counties
from services.matcher.address_walk import Walk
from services.matcher.normalise import normalise


class Gazetteer:
    """One edition of the division table with everything learned on top of it."""

    def __init__(self, snapshot: address_snapshot.Snapshot) -> None:
        self.snapshot = snapshot
        self.counties = Counties(snapshot)
        self.walk = Walk(snapshot, self.counties)

    @classmethod
    def open(cls, cache: Path, divisions: Path | None = None, history: Path | None = None) -> Gazetteer:
        """Opens the compiled snapshot in `cache`, compiling it first if these tables have none there yet.

        Default tables: the packaged 2023 edition and the packaged names of 2016-2022. With a table of one's
        own the packaged edition becomes part of the past.
        """
        own = address_snapshot.packaged("divisions.csv.xz")
        past = [history or address_snapshot.packaged("divisions_history.csv.xz")]
        if divisions is not None:
            past.append(own)
        folder = address_snapshot.ensure(cache, divisions or own, past)
        return cls(address_snapshot.Snapshot(folder))

    def resolve(self, address: str | None, county: str | None = None) -> Resolution:
        """Candidates for an address; never raises, whatever the text."""
        if not isinstance(address, str):
            return NOTHING
        normal = normalise(address)
        step = self.walk.read(normal.text)
        if step.county is None:
            return NOTHING
        code, end, confidence = step.county, step.county_end, 0.9
        if step.community is not None:
            code, end, confidence = self.snapshot.code(step.community), step.community_end, 0.999
        elif step.street is not None:
            code, end, confidence = step.street, step.street_end, 0.99
        span = normal.span(step.start, end)
        reason = Evidence("path", address[span[0] : span[1]], span, ("".join(self.names(code)),))
        candidate = Candidate(code, self.name(code) or "", LEVELS[len(code)], confidence, (reason,))
        return Resolution("route" if len(code) > 6 else "ask", (candidate,))

    def learn(self, address: str, code: str, *, source: str, on: date | None = None) -> None:
        """Takes a confirmed (address, code) as evidence; the next `resolve` sees it."""

    def withdraw(self, source: str) -> None:
        """Forgets the evidence of one source."""

    def name(self, code: str | int) -> str | None:
        """Official name of a code of any level; of an old one its last name."""
        code = str(code)
        upper = self.snapshot.upper_names.get(code)
        if upper is not None or len(code) != 12 or not code.isdigit():
            return upper or self.snapshot.old_names.get(code)
        index = self.snapshot.index(code)
        return None if index is None else self.snapshot.community_name(index)

    def names(self, code: str | int) -> list[str]:
        """Official names from the province down to `code`; the table's place-holder cities are left out."""
        code = str(code)
        parts = [self.name(code[:n]) for n in LEVELS if n <= len(code)]
        return [p for p in parts if p and p not in ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")]

    def current(self, code: str | int) -> list[str]:
        """Today's codes for a code: itself if it still stands, its successors if not, none if unknown."""
        code = str(code)
        if code in self.snapshot.upper_names or (len(code) == 12 and self.snapshot.index(code) is not None):
            return [code]
        return [c for c in self.snapshot.moved.get(code, "").split(",") if c]
