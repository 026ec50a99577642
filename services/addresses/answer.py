"""What the address engine answers: candidates, each with its confidence and its reasons in
words.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Decision = Literal["route", "ask", "none"]
LEVELS = {2: "province", 4: "city", 6: "county", 9: "street", 12: "community"}
"""Digits of a code -> its level."""

_WORDS: dict[str, tuple[str, str]] = {
    "path": ("「{text}」写明{0}", "“{text}” names {0}"),
    "county": ("「{text}」是{0}", "“{text}” is {0}"),
    "hint": ("另行给出的县区：{0}", "county given apart: {0}"),
    "street": ("「{text}」是{0}", "“{text}” is {0}"),
    "street_form": ("「{text}」是{0}的另一种写法", "“{text}” is another way to write {0}"),
    "street_stem": (
        "「{text}」与{0}同名，未写街道、镇、乡字样",
        "“{text}” has the name of {0}, without its suffix",
    ),
    "street_old": ("「{text}」是旧名，今为{0}", "“{text}” is an earlier name of {0}"),
    "street_like": ("「{text}」与{0}{1}", "“{text}” resembles {0}: {2}"),
    "street_other": (
        "「{text}」与该社区今属的{0}不符",
        "“{text}” is not {0}, where the community lies today",
    ),
    "community": ("「{text}」是{0}", "“{text}” is {0}"),
    "community_alone": ("「{text}」在{1}只有{0}", "“{text}” is only {0} in {1}"),
    "community_many": (
        "「{text}」在{1}有{2}处，这是其一：{0}",
        "“{text}” occurs {2} times in {1}; one is {0}",
    ),
    "community_kind": (
        "「{text}」与{0}同名，村居之别不同",
        "“{text}” has the name of {0}, but village and community differ",
    ),
    "community_bare": (
        "「{text}」与{0}同名，未写村、社区字样",
        "“{text}” has the name of {0}, without its suffix",
    ),
    "community_like": ("「{text}」与{0}{1}", "“{text}” resembles {0}: {2}"),
    "community_moved": (
        "「{text}」原属{1}，{2} 年后改属，今为{0}",
        "“{text}” belonged to {1} until {2}; today it is {0}",
    ),
    "community_gone": (
        "「{text}」{1} 年后不再列于{0}",
        "“{text}” is no longer listed in {0} after {1}",
    ),
    "community_code": ("「{text}」原代码今用于{0}", "the code “{text}” had is used by {0} today"),
    "compound": (
        "「{text}」：{0}已确认的 {2} 例中 {1} 例在{3}",
        "“{text}”: {1} of {2} confirmed cases in {0} lie in {3}",
    ),
    "compound_on": (
        "「{text}」：{0}已确认的 {2} 例中 {1} 例在{3}（最近一例 {4}）",
        "“{text}”: {1} of {2} confirmed cases in {0} lie in {3} (the last on {4})",
    ),
    "number": (
        "「{text}」：{0}已确认的最近门牌 {1} 号在{2}（共 {3} 例）",
        "“{text}”: the nearest confirmed number in {0}, {1}, lies in {2} ({3} cases on the road)",
    ),
    "beside": (
        "与{0}同街道、代码相邻，已确认 {1} 例",
        "listed beside {0} in the same street; {1} confirmed cases",
    ),
    "road_name": ("「{text}」与{0}名称相近", "“{text}” has a name like {0}"),
    "community_unknown": (
        "{0}的名录中没有「{text}」，止于{0}",
        "{0} lists no “{text}”; only the street can be told",
    ),
}


class Evidence(NamedTuple):
    """One reason. `span` is the half-open span of `text` in the original address, None where it is
    not from there.
    """

    rule: str
    text: str
    span: tuple[int, int] | None
    facts: tuple[Any, ...] = ()

    @property
    def zh(self) -> str:
        """The reason in Chinese."""
        return _WORDS[self.rule][0].format(*self.facts, text=self.text)

    @property
    def en(self) -> str:
        """The reason in English; names stay Chinese."""
        return _WORDS[self.rule][1].format(*self.facts, text=self.text)

    def to_json(self) -> dict[str, Any]:
        """{"zh", "en", "span": [start, end] or null}."""
        return {"zh": self.zh, "en": self.en, "span": list(self.span) if self.span else None}


class Candidate(NamedTuple):
    """One division the address may lie in; `code` has the digits of the level that can be
    defended.
    """

    code: str
    name: str
    level: str
    confidence: float
    evidence: tuple[Evidence, ...]

    def to_json(self) -> dict[str, Any]:
        """As interface §4 writes a candidate."""
        return {
            "code": self.code,
            "name": self.name,
            "level": self.level,
            "confidence": round(self.confidence, 4),
            "evidence": [e.to_json() for e in self.evidence],
        }


class Resolution(NamedTuple):
    """`route`: automatic; `ask`: a person chooses from the candidates (at most five, best first);
    `none`.
    """

    decision: Decision
    candidates: tuple[Candidate, ...]

    def to_json(self) -> dict[str, Any]:
        """As interface §4 writes an answer, without its id."""
        return {"decision": self.decision, "candidates": [c.to_json() for c in self.candidates]}


NOTHING = Resolution("none", ())
