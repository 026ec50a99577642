"""Organisations from a file: in any order, into one tree, and everything below a moved part follows
it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, Engine

from services.registry.directory import Directory, Organisation
from services.registry.file_schemas import Faults
from services.registry.tree import LEVELS_MAX, paths
from services.registry.upsert import (
    BATCH_ROWS_MAX,
    Entry,
    Outcome,
    as_given,
    batches,
    one_fault,
    upsert,
)

Mover = Callable[[Connection, str, str], object]
_REFERENCES = {"parent": "上级组织", "successor": "接续组织"}
CIRCLE_CODES_NAMED = 6
_TOO_DEEP = one_fault("parent", f"组织层级超过 {LEVELS_MAX} 级", "核对上级组织代码")


class Arrangement:
    """Where each row of a file stands in the tree: `placed`, superiors first, with `path` added;
    `refused` with the reason.

    What the file says counts before what the register has. A row that is refused leaves the
    register's own in force, and takes down with it only rows that need it. `followers` are
    organisations of the register whose path changes although no row names them.
    """

    def __init__(self, entries: Sequence[Entry], directory: Directory) -> None:
        self._directory = directory
        self._rows = {entry.values["code"]: entry for entry in entries}
        self._needing = _needing(self._rows)
        self._faults: dict[str, Faults] = {}
        self._refuse_unknown()
        path = self._refuse_circles_and_depths()
        self.refused = [(self._rows[code], fault) for code, fault in self._faults.items()]
        self.placed = self._placed(path)
        self.followers = self._followers(path)

    def _placed(self, path: Mapping[str, str]) -> list[Entry]:
        placed = []
        for code, entry in self._rows.items():
            if code not in self._faults:
                placed.append(Entry(entry.row, {**entry.values, "path": path[code]}))
        placed.sort(key=_depth)
        return placed

    def _followers(self, path: Mapping[str, str]) -> list[Entry]:
        named = {entry.values["code"] for entry in self.placed}
        followers = []
        for organisation in self._directory:
            new_path = path[organisation.code]
            if organisation.code in named or new_path == organisation.path:
                continue
            followers.append(Entry(None, {**organisation._asdict(), "path": new_path}))
        return followers

    def _refuse_unknown(self) -> None:
        """Refuse rows whose superior or successor is themselves, or stands neither in the file nor
        in the register.
        """
        for code, entry in self._rows.items():
            for column in _REFERENCES:
                named = entry.values[column]
                if named == code:
                    self._refuse([(code, _itself_fault(column))])
                elif named and not self._is_known(named):
                    self._refuse([(code, _unknown_fault(column, named))])

    def _is_known(self, code: str) -> bool:
        return code in self._rows or code in self._directory

    def _refuse_circles_and_depths(self) -> dict[str, str]:
        """Refuse rows until every organisation has a path; the paths."""
        while True:
            parents = self._parents()
            path = paths(parents)
            lost = {code: parent for code, parent in parents.items() if code not in path}
            if not lost:
                return path
            circles = _circles(lost)
            if circles:
                self._refuse_circles(circles)
            else:
                blamed = self._blamed(lost, parents)
                self._refuse([(code, _TOO_DEEP) for code in blamed])

    def _parents(self) -> dict[str, str | None]:
        """Everybody's superior: as the file says where its row is not refused, else as the register
        has it.
        """
        parents = {organisation.code: organisation.parent for organisation in self._directory}
        for code, entry in self._rows.items():
            if code not in self._faults:
                parents[code] = entry.values["parent"]
        return parents

    def _refuse_circles(self, circles: Iterable[Sequence[str]]) -> None:
        refused = []
        for circle in circles:
            fault = _circle_fault(circle)
            refused += [(code, fault) for code in circle if code in self._rows]
        self._refuse(refused)

    def _blamed(self, lost: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
        """Rows of the file because of which codes stand too deep: their own, or one that moved a
        superior.
        """
        for code in lost:
            at: str | None = code
            while at is not None and not self._counts(at):
                at = parents[at]
            if at is not None:
                yield at

    def _counts(self, code: str) -> bool:
        """Whether a row of the file says where the organisation stands."""
        return code in self._rows and code not in self._faults

    def _refuse(self, refused: Sequence[tuple[str, Faults]]) -> None:
        """Refuse rows, and rows that need one of them where the register has no such
        organisation.
        """
        waiting = deque(refused)
        while waiting:
            code, fault = waiting.popleft()
            if code in self._faults:
                continue
            self._faults[code] = fault
            if code in self._directory:
                continue
            for row, column in self._needing.get(code, ()):
                waiting.append((row, _not_loaded_fault(column, code)))


def _needing(rows: Mapping[str, Entry]) -> dict[str, list[tuple[str, str]]]:
    """Which rows refer to a code, and in which column."""
    needing: dict[str, list[tuple[str, str]]] = {}
    for code, entry in rows.items():
        for column in _REFERENCES:
            needing.setdefault(entry.values[column], []).append((code, column))
    return needing


def _depth(entry: Entry) -> int:
    return entry.values["path"].count(".")


def _itself_fault(column: str) -> Faults:
    zh = _REFERENCES[column]
    return one_fault(column, f"{zh}写成了本组织自己", f"填写正确的{zh}代码，没有就留空")


def _unknown_fault(column: str, code: str) -> Faults:
    zh = _REFERENCES[column]
    return one_fault(column, f"{zh} {code} 不在文件里，也不在组织库里", f"先导入{zh}，或改正代码")


def _not_loaded_fault(column: str, code: str) -> Faults:
    return one_fault(column, f"{_REFERENCES[column]} {code} 未能导入", "先改正那一行，再一起导入")


def _circle_fault(circle: Sequence[str]) -> Faults:
    named = list(circle[:CIRCLE_CODES_NAMED])
    if len(circle) > CIRCLE_CODES_NAMED:
        named.append("…")
    words = " → ".join([*named, circle[0]])
    return one_fault(
        "parent", f"上级组织成了一个圈：{words}", "核对这几个组织的上级，至少改正其中一个"
    )


def _circles(parents: Mapping[str, str | None]) -> list[list[str]]:
    """Every circle among codes none of which reaches the top."""
    circle, seen = [], set()
    for code in parents:
        line: dict[str, None] = {}
        at: str | None = code
        while at in parents and at not in seen:
            seen.add(at)
            line[at] = None
            at = parents[at]
        if at in line:
            codes = list(line)
            circle.append(codes[codes.index(at) :])
    return circle


def write_organisations(
    tx: Connection, batch: Sequence[Entry], directory: Directory
) -> list[Outcome]:
    """Write organisations that have their path; a part of the tree that moved is noted in the same
    transaction.
    """
    outcomes: list[Outcome] = []
    changed: list[Organisation] = []
    for entry in batch:
        organisation = Organisation(**entry.values)
        before = directory.get(organisation.code)
        outcomes.append(_outcome(before, organisation))
        if before != organisation:
            changed.append(organisation)
        if before is not None and _has_moved(before, organisation):
            tx.exec_driver_sql(
                "INSERT INTO path_move (old_path, new_path) VALUES (%s, %s)",
                (before.path, organisation.path),
            )
    upsert(
        tx,
        "organisation",
        "code",
        [organisation._asdict() for organisation in changed],
        as_given(*Organisation._fields[1:]),
    )
    return outcomes


def _outcome(before: Organisation | None, after: Organisation) -> Outcome:
    """What a row came to. A path that only followed a superior's is no change of the row."""
    if before is None:
        return "new"
    return "unchanged" if before._replace(path=after.path) == after else "changed"


def _has_moved(before: Organisation, after: Organisation) -> bool:
    """Whether it got another superior, so that all below it must follow."""
    return before.path != after.path and before.parent != after.parent


def follow(engine: Engine, movers: Sequence[Mover]) -> None:
    """Let everything that carries the path of a moved part of the tree follow it, in batches; then
    `movers`, once a move.

    The deepest old path goes first, so that a part that left before its superior moved is not taken
    along. Each move is struck off once all have followed: after a crash the next load goes on here.
    """
    with engine.begin() as tx:
        moves = tx.exec_driver_sql(
            "SELECT old_path, new_path FROM path_move ORDER BY length(old_path) DESC, seq"
        ).all()
    for old, new in moves:
        moved = None
        while moved != 0:
            with engine.begin() as tx:
                moved = tx.exec_driver_sql(
                    "SELECT paths_follow(%s, %s, %s)", (old, new, BATCH_ROWS_MAX)
                ).scalar_one()
        with engine.begin() as tx:
            for mover in movers:
                mover(tx, old, new)
            tx.exec_driver_sql(
                "DELETE FROM path_move WHERE old_path = %s AND new_path = %s", (old, new)
            )


def grids_follow(engine: Engine) -> None:
    """Say anew under whose path each grid is seen: the organisation that serves its community."""
    with engine.begin() as tx:
        directory = Directory.of(tx)
        grids = tx.exec_driver_sql("SELECT grid, community, path FROM grid").all()
    stale: list[tuple[str, str | None]] = []
    for grid, community, before in grids:
        path = grid_path(directory, community)
        if path != before:
            stale.append((grid, path))
    for batch in batches(stale):
        with engine.begin() as tx:
            tx.exec_driver_sql(
                "UPDATE grid SET path = new.path "
                "FROM unnest(%s::text[], %s::text[]) AS new (grid, path) "
                "WHERE grid.grid = new.grid",
                ([grid for grid, _ in batch], [path for _, path in batch]),
            )


def grid_path(directory: Directory, community: str) -> str | None:
    """The path of whoever serves a community, else its street."""
    serving = directory.serving(community) or directory.serving(community[:9])
    return serving.path if serving else None
