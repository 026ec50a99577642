"""Policy as data: every number a clock or a command uses, with its source (rules.md §C.2,
interface.md §6).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, get_args

Route = Literal["in_city", "in_province", "cross_province"]
ArchiveCheck = Literal["none", "optional", "required"]
WhoRules = Literal["common_superior", "above_destination", "above_origin"]
FallBack = Literal["proposed", "automatic"]
IN_CITY, IN_PROVINCE, CROSS_PROVINCE = ROUTES = get_args(Route)
WHO_RULES = get_args(WhoRules)
_, AUTOMATIC = get_args(FallBack)
FOR_ALL = ("pocket_early_days", "silent_days")
"""What is counted by them must be the same everywhere: a version with a scope cannot change
them.
"""


class PolicyError(ValueError):
    """Policy data that cannot be used; the sentence says which key and why."""


@dataclass(frozen=True)
class Policy:
    """The numbers in force. ``_wd`` are working days, ``_days`` calendar days, ``_months`` months,
    ``_most`` the most that one organisation may have open, or ask for in a day.

    ``refusal_reasons`` is the closed list; ``stay_reasons`` empty means any words will do.
    """

    version: str
    validity_days: Mapping[str, int]
    validity_days_max: int
    triage_wd: int
    destination_wd: int
    submit_wd: int
    out_approval_wd: int
    acceptance_wd: int
    placement_wd: int
    talk_days: int
    receipt_months: int
    ruling_wd: int
    review_wd: int
    ask_wd: int
    identify_wd: int
    validity_warning_days: int
    arrival_silence_days: tuple[int, ...]
    channel_stall_days: int
    channel_fall_back: str
    pocket_early_days: int
    silent_days: int
    reissue_months: int
    permit_check_months: int
    floating_contact_months: int
    stay_contact_months: Mapping[str, int]
    life_months: tuple[int, ...]
    lost_months: int
    strike_off_years: int
    unreachable_attempts: int
    refusal_reasons: tuple[str, ...]
    stay_reasons: tuple[str, ...]
    archive_check: str
    who_rules: str
    open_reviews_most: int
    compared_rows_most: int
    name_guesses_most: int

    def validity(self, origin_area: str, destination_area: str) -> int:
        """Days a letter is good, by the areas of the two organisations."""
        return self.validity_days[route(origin_area, destination_area)]

    def override(self, changes: Mapping[str, Any] | None) -> Policy:
        """This policy with some values replaced; unknown keys and impossible values raise
        PolicyError.
        """
        if not changes:
            return self
        known = {f.name for f in fields(self)}
        merged: dict[str, Any] = {}
        for key, value in changes.items():
            if key not in known:
                raise PolicyError(f"policy has no key {key!r}")
            current = getattr(self, key)
            if isinstance(current, Mapping):
                value = {**current, **value}
            merged[key] = tuple(value) if isinstance(current, tuple) else value
        return replace(self, **merged).checked()

    def checked(self) -> Policy:
        """Itself, if every value can be used; else PolicyError."""
        for scope, days in self.validity_days.items():
            if not 1 <= days <= self.validity_days_max:
                raise PolicyError(
                    f"validity_days.{scope} = {days}: must be 1 to {self.validity_days_max}"
                )
        if self.validity_days_max > 90:
            raise PolicyError(
                "validity_days_max above 90: a letter is never good for more than three months"
            )
        return self


def route(origin_area: str, destination_area: str) -> str:
    """Within one city (first four digits of the areas), within one province (first two), or across
    provinces.
    """
    if origin_area[:4] == destination_area[:4] and len(origin_area) >= 4:
        return IN_CITY
    return IN_PROVINCE if origin_area[:2] == destination_area[:2] else CROSS_PROVINCE


@lru_cache
def default() -> Policy:
    """The policy that ships with guidui (``policy/default.json``, each value with its source)."""
    values: dict[str, Any] = {}
    for key, entry in shipped()["values"].items():
        value = entry["value"]
        values[key] = tuple(value) if isinstance(value, list) else value
    return Policy(version=shipped()["version"], **values).checked()


@lru_cache
def shipped() -> Mapping[str, Any]:
    """The file of the default policy: version, and value and source of every key."""
    return json.loads(files("services.cases").joinpath("policy/default.json").read_text("utf-8"))
