"""`guidui load KIND FILE`: the register, old letters, confirmed addresses and the calendar from
files.

All good rows go in, committed every 5,000 rows; bad ones go to ``FILE.errors.csv`` with what is
wrong and how to mend it. Loading the same file again changes nothing. One load runs at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from services.identity.dates import read_day
from services.identity.id_numbers import parse_id_number
from services.kit.clock import Clock
from services.kit.errors import Text
from services.registry import cells, organisation_history
from services.registry.directory import Directory
from services.registry.error_file import ErrorFile
from services.registry.file_schemas import CHANNELS, CHANNELS_NOT_BUILT, KINDS, Faults, Kind
from services.registry.load_divisions import (
    Division,
    DivisionReader,
    close_past,
    known_divisions,
    write_divisions,
)
from services.registry.load_papers import (
    OpenLetters,
    write_calendar,
    write_confirmed,
    write_letters,
)
from services.registry.load_people import write_contacts, write_grids, write_members
from services.registry.load_result import LoadResult
from services.registry.load_tree import (
    Arrangement,
    Mover,
    follow,
    grids_follow,
    write_organisations,
)
from services.registry.tabular import BadFile, Row, given, open_sheet
from services.registry.upsert import Entry, Outcome, alone, batches, one_fault

log = structlog.get_logger()

Say = Callable[[int], None]
FAULTS_KEPT_MAX = 20
_PART_OF_A_DAY = {
    "birth_date": Text(
        "出生日期没有写到日，未采用；身份证号码里的照常使用",
        "the birth date is not given to the day and was left out; that of the ID number counts",
    ),
    "joined_on": Text(
        "入党日期没有写到日，未采用", "the day of joining is not given to the day and was left out"
    ),
}
_GUESSED = Text(
    "日期的年份只有两位，或月、日的先后不明，按通常的写法读取，请核对",
    "a date with a year of two figures, or with day and month in doubt, was read in the usual "
    "way; check it",
)
_PAST = Text(
    "新的区划表不再列出，转为旧代码", "no longer in the newer edition, kept as codes of the past"
)


def _channel_not_built(channel: str) -> Text:
    """What is said of a contact whose channel is kept for later: where notices go until then."""
    return Text(
        f"渠道“{CHANNELS[channel]}”（{channel}）尚未接通：已保存，接通前有邮箱的发邮件，"
        f"没有的只在门户提醒",
        f"channel {channel} is not connected yet: kept, and until then notices go by e-mail where "
        f"there is an "
        "address, else to the portal alone",
    )


@dataclass(frozen=True)
class Hooks:
    """What other rooms do during a load: open cases for old letters; follow a part of the tree that
    moved.
    """

    open_letters: OpenLetters | None = None
    movers: Sequence[Mover] = ()


def load(
    engine: Engine,
    kind: str,
    file: Path,
    clock: Clock,
    hooks: Hooks = Hooks(),
    say: Say | None = None,
) -> LoadResult:
    """Load a file; `engine` acts as guidui_worker, `say` hears the number of rows done after every
    batch.

    Raises BadFile, with nothing changed, where the file cannot be read at all.
    """
    sort = _kind(kind, hooks)
    file = Path(file)
    columns = list(sort.columns)
    with ErrorFile(file, columns) as errors, ErrorFile(file, columns, "warnings") as doubts:
        loading = _Loading(engine, sort, clock, hooks, errors, say)
        loading.doubts = doubts
        try:
            with open_sheet(file, list(sort.columns), sort.needed) as sheet:
                loading.result.unknown, loading.result.missing = sheet.unknown, sheet.missing
                if kind == "divisions":
                    loading.divisions(lambda reader: reader.batches(sheet))
                else:
                    loading.rows(sheet.rows())
        except BadFile as broken:
            loading.broke_off(broken)
    if errors.count:
        loading.result.errors = errors.path
    if doubts.count:
        loading.result.doubts = doubts.path
    return loading.finish()


def load_rows(
    engine: Engine,
    kind: str,
    rows: Iterable[Mapping[str, Any]],
    clock: Clock,
    hooks: Hooks = Hooks(),
    say: Say | None = None,
) -> LoadResult:
    """The same of rows in memory, with the columns of docs/data-formats.md (one left out is
    empty).
    """
    loading = _Loading(engine, _kind(kind, hooks), clock, hooks, None, say)
    listed = given(rows, list(KINDS[kind].columns))
    if kind == "divisions":
        loading.divisions(lambda reader: reader.rows(listed))
    else:
        loading.rows(listed)
    return loading.finish()


def _kind(kind: str, hooks: Hooks) -> Kind:
    if kind not in KINDS:
        raise BadFile(
            f"没有“{kind}”这种数据；可用：{'、'.join(KINDS)}",
            f"There is no kind {kind!r}; choose one of {', '.join(KINDS)}",
        )
    if kind == "letters":
        _opener(hooks)
    return KINDS[kind]


def _opener(hooks: Hooks) -> OpenLetters:
    if hooks.open_letters is None:
        raise BadFile("此处不能导入旧介绍信", "Old letters cannot be loaded here")
    return hooks.open_letters


class _Loading:
    """One load: reads, refuses, writes batch by batch, counts."""

    def __init__(
        self,
        engine: Engine,
        kind: Kind,
        clock: Clock,
        hooks: Hooks,
        errors: ErrorFile | None,
        say: Say | None,
    ) -> None:
        self._engine, self._kind, self._clock, self._hooks = engine, kind, clock, hooks
        self._errors, self._say = errors, say
        self.doubts: ErrorFile | None = None
        self.result = LoadResult(kind.name)
        now = clock.now()
        self._write: dict[str, Callable[[Connection, Sequence[Entry]], list[Outcome]]] = {
            "members": lambda tx, batch: write_members(tx, batch, now),
            "contacts": write_contacts,
            "grids": write_grids,
            "letters": lambda tx, batch: write_letters(tx, batch, now, _opener(hooks)),
            "confirmed": lambda tx, batch: write_confirmed(tx, batch, now.date()),
            "calendar": write_calendar,
        }

    def rows(self, rows: Iterator[Row]) -> None:
        """All kinds but divisions."""
        with alone(self._engine):
            if self._kind.name == "organisations":
                self._organisations(list(self._entries(rows)))
                return
            for batch in batches(self._entries(rows)):
                self._batch(self._write[self._kind.name], batch)

    def divisions(self, read: Callable[[DivisionReader], Iterator[list[Division]]]) -> None:
        """The division table, by its own road."""
        with alone(self._engine):
            known, empty = known_divisions(self._engine)
            reader = DivisionReader(iter(known), self._reject)
            for batch in filter(None, read(reader)):
                with self._engine.begin() as tx:
                    changed = write_divisions(tx, batch, empty)
                self.result.good += changed
                self.result.unchanged += len(batch) - changed
                self._progress()
            if (
                not empty and not self.result.bad
            ):  # a row that was refused may be the one that seems to be missing
                gone = close_past(self._engine, reader.listed, self._clock.now().date())
                for code in gone:
                    self.result.warn(_PAST, Text(code, code))

    def broke_off(self, broken: BadFile) -> None:
        """The file ended in the middle; raises where nothing of it has gone in."""
        if not self.result.good + self.result.unchanged:
            raise broken
        self._reject(
            Row(0, ()),
            one_fault(
                "",
                f"文件读到一半中断：{broken.words.zh}",
                "换一份完整的文件再导入一次；已导入的行不会重复",
            ),
        )

    def finish(self) -> LoadResult:
        result = self.result
        log.info(
            "loaded",
            kind=result.kind,
            good=result.good,
            unchanged=result.unchanged,
            bad=result.bad,
            warned=sum(result.warnings.values()),
        )
        return result

    def _entries(self, rows: Iterator[Row]) -> Iterator[Entry]:
        seen: dict[Any, int] = {}
        for row in rows:
            try:
                values = self._kind.read(row)
            except Faults as faults:
                self._reject(row, faults)
                continue
            first = seen.setdefault(self._kind.key(values), row.number)
            if first != row.number:
                self._reject(row, one_fault("", f"与第 {first} 行重复", "同一对象只保留一行"))
                continue
            yield Entry(row, values)

    def _organisations(self, entries: list[Entry]) -> None:
        follow(self._engine, self._hooks.movers)  # what a load that was cut off left undone
        with self._engine.begin() as tx:
            directory = Directory.of(tx)
        tree = Arrangement(entries, directory)
        for entry, faults in tree.refused:
            assert entry.row is not None  # what the register itself has is never refused
            self._reject(entry.row, faults)
        for batch in batches([*tree.placed, *tree.followers]):
            self._batch(
                lambda tx, entries_of_batch: self._write_tree(tx, entries_of_batch, directory),
                batch,
            )
        follow(self._engine, self._hooks.movers)
        grids_follow(self._engine)

    def _write_tree(
        self, tx: Connection, entries: Sequence[Entry], directory: Directory
    ) -> list[Outcome]:
        organisation_history.keep(
            tx,
            organisation_history.differences(
                (entry.values for entry in entries), directory, self._clock.now()
            ),
        )
        return write_organisations(tx, entries, directory)

    def _batch(
        self, write: Callable[[Connection, Sequence[Entry]], list[Outcome]], batch: Sequence[Entry]
    ) -> None:
        try:
            with self._engine.begin() as tx:
                outcomes = write(tx, batch)
        except (DataError, IntegrityError):
            if len(batch) > 1:  # the rows that the database takes go in, one by one
                for entry in batch:
                    self._batch(write, [entry])
                return
            outcomes = [one_fault("", "数据库不接受这一行", "核对各格内容；仍不行请联系管理员")]
        for entry, outcome in zip(batch, outcomes, strict=True):
            self._count(entry, outcome)
        self._progress()

    def _count(self, entry: Entry, outcome: Outcome) -> None:
        if entry.row is None:
            return
        if isinstance(outcome, Faults):
            self._reject(entry.row, outcome)
            return
        if outcome == "unchanged":
            self.result.unchanged += 1
        else:
            self.result.good += 1
        if self._kind.name == "members":
            for column, sentence in self._doubts(entry.row, entry.values["id_number"]):
                self._warn(entry.row, entry.values["member"], column, sentence)
        if self._kind.name == "contacts" and entry.values["channel"] in CHANNELS_NOT_BUILT:
            not_built = _channel_not_built(entry.values["channel"])
            self._warn(entry.row, entry.values["name"], "channel", not_built)

    def _warn(self, row: Row, name: str, column: str, sentence: Text) -> None:
        """The row went in; `name` is what its sender calls it."""
        place = Text(f"{name}（第 {row.number} 行）", f"{name} (row {row.number})")
        self.result.warn(sentence, place)
        if self.doubts is not None:
            self.doubts.add(row, column, sentence.zh, "请核对；其余已导入")

    def _doubts(self, row: Row, id_number: str | None) -> Iterator[tuple[str, Text]]:
        """Column and sentence of what is not as it should be in a member's row that was taken all
        the same.
        """
        number = parse_id_number(id_number)
        if not number.valid:
            yield "id_number", number.words
        written = dict(zip(self._kind.columns, row.cells, strict=True))
        for column in ("birth_date", "joined_on"):
            cell = written.get(column) or ""
            if cells.part_of_a_day(cell):
                yield column, _PART_OF_A_DAY[column]
            elif cell and read_day(cell).guessed:
                yield column, _GUESSED

    def _reject(self, row: Row, faults: Faults) -> None:
        self.result.bad += 1
        if len(self.result.faults) < FAULTS_KEPT_MAX:
            self.result.faults.append((row.number, faults.column, faults.reason))
        if self._errors is not None:
            self._errors.add(row, faults.column, faults.reason, faults.fix)

    def _progress(self) -> None:
        if self._say is not None:
            self._say(self.result.good + self.result.unchanged + self.result.bad)
