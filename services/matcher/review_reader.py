"""Who looks at the review desk, and of whom they may say who it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.cases.model.case import DecisionContext
from services.matcher.candidates import Candidate
from services.registry.access import Caller
from services.registry.announcement_rights import in_line
from services.registry.tree import just_after


def bounds(caller: Caller) -> dict[str, str]:
    """The paths of the caller's own tree: from ``lo`` on, below ``hi``."""
    return {"lo": caller.path, "hi": just_after(caller.path)}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the desk: a caller, the person who signed in, and by what lines are drawn."""

    caller: Caller
    person: str | None
    context: DecisionContext

    def owns(self, path: str) -> bool:
        """Whether a path lies in the caller's own tree."""
        return path.startswith(self.caller.path)

    def held(self, candidates: Sequence[Candidate], *, posted_here: bool) -> list[Candidate]:
        """Those of the candidates of whom the caller may say that it is they: the members of its
        own tree, and where its tree posted the person (``posted_here``) those in whose line it
        stands.
        """
        own = [candidate for candidate in candidates if self.owns(candidate.path)]
        if not posted_here:
            return own
        by_line = [candidate for candidate in candidates if self._in_line_of(candidate)]
        return list(dict.fromkeys([*own, *by_line]))

    def _in_line_of(self, candidate: Candidate) -> bool:
        home = candidate.organisation
        return in_line(self.caller.organisation, home, self.context.directory, self.context.today)
