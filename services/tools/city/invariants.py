"""What must hold at every moment, as a table of named checks with the rule each comes from.

A check reads the database and yields what breaks it; nothing found is good. It looks at the cases
and members that a step touched, or at all of them. Checks in SQL and checks that compute again with
the pure functions stand in one table, ``CHECKS``. Times are compared at the moment ``now`` after
every loop has done what is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from services.cases.deadlines import tasks as deadlines
from services.cases.deadlines.calendar import add_months
from services.cases.deadlines.clock import READ_MEMBERS
from services.cases.model import states as s
from services.cases.model.case import Case, DecisionContext, Task
from services.cases.routing.rule_source import RuleSource, facts_of
from services.cases.store import tables
from services.cases.store.tables import task_key
from services.cases.views import queries
from services.kit.db.engine import rows


@dataclass(frozen=True, slots=True)
class Broken:
    """One breach: the name of the check, what it is about (a case, a member, a message), and what
    was seen.
    """

    check: str
    about: str
    seen: str


@dataclass
class Sight:
    """What the checks look at: the cases and members touched, at ``now``.

    ``homes`` is where each member was loaded, ``accepted`` how many events intake took, ``reads``
    which consumer reads which topic.
    """

    tx: Connection
    now: datetime
    rule_source: RuleSource
    cases: Mapping[str, Case]
    members: Sequence[str]
    homes: Mapping[str, str] = field(default_factory=dict)
    accepted: int | None = None
    reads: Sequence[tuple[str, str]] = ()
    whole: bool = False

    @cached_property
    def context(self) -> DecisionContext:
        """The world of the pure functions at this moment."""
        return self.rule_source.context(self.tx, self.now)


Finding = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Check:
    """A named invariant, the rule it comes from, and what finds its breaches: (about, seen).

    ``sql`` names touched rows as ``%(cases)s`` and ``%(members)s``; ``whole`` says it is for full
    looks alone.
    """

    name: str
    source: str
    sql: str = ""
    python: Callable[[Sight], Finding] | None = None
    whole: bool = False


def look(sight: Sight) -> list[Broken]:
    """Every breach among what ``sight`` shows, in the order of ``CHECKS``."""
    broken = _by_sql(sight)
    for check in CHECKS:
        if check.python and (sight.whole or not check.whole):
            broken += [Broken(check.name, about, seen) for about, seen in check.python(sight)]
    return broken


def sight_of(
    tx: Connection,
    now: datetime,
    rule_source: RuleSource,
    cases: Iterable[str],
    members: Iterable[str],
    homes: Mapping[str, str],
    **more,
) -> Sight:
    """What a step touched: those cases, the bulk cases above them, and their members."""
    loaded = tables.load(tx, sorted(set(cases)))
    parents = {c.parent for c in loaded.values() if c.parent} - set(loaded)
    loaded |= tables.load(tx, sorted(parents))
    everyone = sorted({c.member for c in loaded.values() if c.member} | set(members))
    return Sight(tx, now, rule_source, loaded, everyone, homes, **more)


def whole_sight(
    tx: Connection,
    now: datetime,
    rule_source: RuleSource,
    homes: Mapping[str, str],
    accepted: int | None = None,
    reads: Sequence[tuple[str, str]] = (),
) -> Sight:
    """Everything there is."""
    ids = tx.exec_driver_sql("SELECT id::text FROM transfer_case ORDER BY id").scalars().all()
    members = tx.exec_driver_sql("SELECT member FROM member ORDER BY member").scalars().all()
    return sight_of(
        tx, now, rule_source, ids, members, homes, accepted=accepted, reads=reads, whole=True
    )


def _by_sql(sight: Sight) -> list[Broken]:
    asked = [c for c in CHECKS if c.sql and (sight.whole or not c.whole)]
    union = " UNION ALL ".join(
        f"SELECT {n} AS number, about::text, seen::text FROM ({c.sql}) AS q{n} (about, seen)"
        for n, c in enumerate(asked)
    )
    answers = sight.tx.exec_driver_sql(
        f"SELECT * FROM ({union}) AS found ORDER BY number, about LIMIT 1000",
        {
            "cases": list(sight.cases),
            "members": list(sight.members),
            "now": sight.now,
            "today": sight.context.today,
            "consumers": [c for c, _ in sight.reads],
            "topics": [topic for _, topic in sight.reads],
        },
    ).all()
    return [Broken(asked[number].name, about, seen) for number, about, seen in answers]


def _owners(sight: Sight) -> Finding:
    directory = sight.context.directory
    for case in sight.cases.values():
        if (case.owner is None) != (case.state in s.TERMINAL):
            yield case.id, f"{case.state} is owned by {case.owner}"
        elif case.owner and case.owner not in directory:
            yield case.id, f"the owner {case.owner} is in no register"


def _dates(sight: Sight) -> Finding:
    for case, again in _settled(sight):
        was = (case.owner, case.wait_organisation, case.wait_act, case.wait_due, case.wake_at)
        now = (again.owner, again.wait_organisation, again.wait_act, again.wait_due, again.wake_at)
        if was != now:
            yield case.id, f"{case.state}: stands {was}, computed {now}"
        if case.accepted_on and case.receipt_due_on != add_months(case.accepted_on, 1):
            yield case.id, f"accepted on {case.accepted_on}, receipt due {case.receipt_due_on}"


def _settled(sight: Sight) -> Iterator[tuple[Case, Case]]:
    context = sight.context
    for case in sight.cases.values():
        yield case, deadlines.settle(case, context)


def _tasks(sight: Sight) -> Finding:
    standing, context = tables.standing_tasks(sight.tx, list(sight.cases)), sight.context
    for case in sight.cases.values():
        wanted = {task_key(t): (t.act, t.due_on) for t in deadlines.tasks(case, context)}
        there = standing.get(case.id, {}).values()
        stands = {task_key(t): (t.act, t.due_on) for t in there}
        if wanted != stands or len(stands) != len(there):
            yield (
                case.id,
                f"{case.state}: stand {_words(stands, wanted)}, should stand "
                f"{_words(wanted, stands)}",
            )


def _words(these: Mapping, others: Mapping) -> str:
    return (
        "; ".join(f"{key} {value}" for key, value in these.items() if others.get(key) != value)
        or "no others"
    )


def _member_tasks(sight: Sight) -> Finding:
    standing: dict[str, dict[tuple, tuple]] = {}
    for t in rows(
        sight.tx,
        """SELECT member, kind, act, organisation, due_on, opened_at FROM task
                               WHERE member = ANY (:m) AND case_id IS NULL AND closed_at IS NULL""",
        {"m": list(sight.members)},
    ):
        task = Task(t.kind, t.act, t.organisation, t.opened_at, t.due_on)
        standing.setdefault(t.member, {})[task_key(task)] = (task.act, task.due_on)
    for row in rows(
        sight.tx, READ_MEMBERS + "WHERE m.member = ANY (:m)", {"m": list(sight.members)}
    ):
        facts = facts_of(row)
        off = row.lost or facts.standing != "normal"
        wanted = {
            task_key(t): (t.act, t.due_on)
            for t in deadlines.life_tasks(row.organisation, facts.last_seen_on, off, sight.context)
        }
        if wanted != standing.get(row.member, {}):
            yield row.member, f"stand {standing.get(row.member)}, should stand {wanted}"


def _homes(sight: Sight) -> Finding:
    for row in rows(sight.tx, _HOMES, {"m": list(sight.members)}):
        home = row.accepted_by or sight.homes.get(row.member, row.organisation)
        if row.organisation != home:
            yield row.member, f"belongs to {row.organisation}, was last accepted by {home}"


_HOMES = """
SELECT m.member, m.organisation, (
    SELECT c.destination FROM transfer_case c JOIN case_event e ON e.case_id = c.id
    WHERE c.member = m.member AND e.command IN ('accept', 'record_paper_receipt')
    ORDER BY e.at DESC, e.seq DESC LIMIT 1) AS accepted_by
FROM member m WHERE m.member = ANY (:m)"""


def _audit(sight: Sight) -> Finding:
    """The department's figures, counted by one query, beside the flags of every case."""
    today, policy = sight.context.today, sight.rule_source.counting(sight.tx, sight.context.today)
    for top in (
        organisation for organisation in sight.context.directory if organisation.depth == 0
    ):
        below = [
            c
            for c in sight.cases.values()
            if sight.context.directory.within(c.origin, top.code)
            and c.state not in (s.BULK_OPEN, s.BULK_CLOSED)
        ]
        flags = Counter(
            flag
            for c in below
            for flag in deadlines.flags(c, today, policy.pocket_early_days, policy.silent_days)
        )
        counted = queries.audit(sight.tx, sight.now, top.code, sight.rule_source)
        expected: dict[str, Any] = {
            flag: flags[flag] for flag in ("pocket", "pocket_early", "at_risk")
        }
        expected["by_state"] = dict(Counter(c.state for c in below))
        shown = {key: counted[key] for key in expected}
        if shown != expected:
            yield top.code, f"the audit tells {shown}, the cases {expected}"


def _all_accepted(sight: Sight) -> Finding:
    stored = sight.tx.exec_driver_sql("SELECT count(*) FROM posted_event").scalar_one()
    if sight.accepted is not None and stored != sight.accepted:
        yield "posted_event", f"{sight.accepted} events were accepted, {stored} are stored"


_OPENING = (
    "('guidui.departure.planned.v1', 'guidui.departure.effective.v1', 'guidui.host.report.v1', "
    "'guidui.residence.changed.v1', 'guidui.retirement.scheduled.v1', "
    "'guidui.labour_relation.ended.v1', "
    "'guidui.graduation.batch.v1', 'guidui.demobilised.notice.v1')"
)
_OF_CASES = "ANY (%(cases)s::uuid[])"
_TERMINAL = s.in_sql(sorted(s.TERMINAL))
_BEFORE = s.in_sql(sorted(s.BEFORE_ACCEPTED))
_LISTED = s.in_sql(s.REFUSAL_REASONS)

CHECKS: tuple[Check, ...] = (
    Check("one owner", "rules.md §C.4 no. 2", python=_owners),
    Check(
        "one case before accepted",
        "interface.md §7.1; rules.md §C.4 no. 4",
        f"""
        SELECT member, count(*) || ' cases' FROM transfer_case
        WHERE member = ANY (%(members)s) AND state IN {_BEFORE}
        GROUP BY member
        HAVING count(*) > 1""",
    ),
    Check(
        "affiliation moves on acceptance alone",
        "rules.md §C.4 no. 1; interface.md §7.4",
        python=_homes,
    ),
    Check(
        "a member's path is their organisation's",
        "interface.md §2",
        """
        SELECT m.member, m.path FROM member m LEFT JOIN organisation o ON o.code = m.organisation
        WHERE m.member = ANY (%(members)s) AND m.path IS DISTINCT FROM o.path""",
    ),
    Check(
        "a case's paths are its organisations'",
        "interface.md §3",
        f"""
        SELECT c.id, coalesce(c.origin_path, '-') || ' ' || coalesce(c.destination_path, '-')
            FROM transfer_case c
        LEFT JOIN organisation o ON o.code = c.origin LEFT JOIN organisation d
            ON d.code = c.destination
        WHERE c.id = {_OF_CASES}
          AND (c.origin_path IS DISTINCT FROM o.path
              OR c.destination_path IS DISTINCT FROM d.path)""",
    ),
    Check(
        "only legal moves",
        "interface.md §6; rules.md §C.1",
        f"""
        SELECT e.case_id, e.command || ' ' || coalesce(e.from_state, '-') || ' -> ' || e.to_state
            FROM case_event e
        LEFT JOIN transition t ON t.from_state = coalesce(e.from_state, '')
            AND t.command = e.command
            AND t.to_state = e.to_state
        WHERE e.case_id = {_OF_CASES} AND t.command IS NULL""",
    ),
    Check(
        "history has no gap",
        "rules.md §C: append-only, previous state",
        f"""
        SELECT case_id, seq || ' after ' || coalesce(before, 0) FROM (
            SELECT case_id, seq, at, from_state, lag(seq) OVER w AS before,
                lag(to_state) OVER w AS state_before,
                   lag(at) OVER w AS at_before
            FROM case_event WHERE case_id = {_OF_CASES} WINDOW w AS (PARTITION BY case_id
                ORDER BY seq)) h
        WHERE seq <> coalesce(before, 0) + 1 OR from_state IS DISTINCT FROM state_before
            OR at < at_before""",
    ),
    Check(
        "history tells the case",
        "rules.md §C: append-only",
        f"""
        SELECT c.id, c.state || ' ' || (SELECT jsonb_object_agg(n.key, n.value)
            FROM jsonb_each(n.now) n
            WHERE n.value IS DISTINCT FROM h.told -> n.key)
        FROM transfer_case c
        JOIN (SELECT e.case_id, max(e.seq) AS seq,
            (array_agg(e.to_state ORDER BY e.seq DESC))[1] AS state,
                     coalesce(jsonb_object_agg(k.key, k.value
                         ORDER BY e.seq) FILTER (WHERE k.key IS NOT NULL), '{{}}')
                         AS change
              FROM case_event e LEFT JOIN LATERAL jsonb_each(e.change) k ON true
              WHERE e.case_id = {_OF_CASES} GROUP BY e.case_id) f
            ON f.case_id = c.id,
        LATERAL (SELECT to_jsonb(jsonb_populate_record(NULL::transfer_case, f.change
            || jsonb_build_object('id', c.id, 'seq', f.seq, 'state', f.state))) AS told) h,
        LATERAL (SELECT to_jsonb(c) - 'wake_at' - 'origin_path' - 'destination_path' AS now) n
        WHERE n.now <> h.told - 'wake_at' - 'origin_path' - 'destination_path'""",
    ),
    Check(
        "a letter is good for 90 days at most",
        "rules.md T9, §C.2 t4",
        f"""
        SELECT id, letter_issued_on || ' to ' || letter_expires_on FROM transfer_case
        WHERE id = {_OF_CASES} AND (letter_expires_on - letter_issued_on NOT BETWEEN 1 AND 90
            OR (letter_number IS NULL) <> (letter_status IS NULL)
            OR (letter_number IS NULL) <> (letter_issued_on IS NULL))""",
    ),
    Check(
        "a letter runs out the day after its last",
        "rules.md §C.4 no. 5",
        f"""
        SELECT id, state || ', good through ' || letter_expires_on FROM transfer_case
        WHERE id = {_OF_CASES} AND (state IN ('letter_issued', 'in_transit')
            AND letter_expires_on < %(today)s
            OR state = 'letter_expired' AND letter_expires_on >= %(today)s)""",
    ),
    Check(
        "the letter's status follows the state",
        "interface.md §7.4",
        f"""
        SELECT id, state || ' with a letter that is ' || coalesce(letter_status, 'none')
            FROM transfer_case
        WHERE id = {_OF_CASES} AND (state IN ('letter_issued', 'in_transit')
            AND letter_status IS DISTINCT FROM 'valid'
            OR state = 'letter_expired' AND letter_status IS DISTINCT FROM 'expired'
            OR state IN ('letter_void', 'cancelled') AND letter_status = 'valid'
            OR accepted_on IS NOT NULL AND letter_number IS NOT NULL AND letter_status <> 'used'
            OR accepted_on IS NULL AND letter_status = 'used')""",
    ),
    Check(
        "a letter's number is given once",
        "rules.md §C.4 no. 3",
        """
        SELECT min(case_id::text), change ->> 'letter_number' FROM case_event
        WHERE change ->> 'letter_number' IS NOT NULL
        GROUP BY change ->> 'letter_number' HAVING count(*) > 1""",
        whole=True,
    ),
    Check(
        "nobody arrives on a void letter",
        "rules.md §C.4 no. 3",
        f"""
        SELECT e.case_id, e.detail ->> 'letter_number' FROM case_event e
        WHERE e.case_id = {_OF_CASES} AND e.command = 'record_arrival'
            AND e.detail ? 'letter_number'
          AND e.detail ->> 'letter_number' IS DISTINCT FROM (
              SELECT b.change ->> 'letter_number' FROM case_event b WHERE b.case_id = e.case_id
                  AND b.seq < e.seq
                AND b.change ->> 'letter_number' IS NOT NULL ORDER BY b.seq DESC LIMIT 1)""",
    ),
    Check(
        "a late acceptance has its decision",
        "rules.md §C.4 no. 6",
        f"""
        SELECT c.id, 'accepted on ' || c.accepted_on || ', good through ' || c.letter_expires_on
        FROM transfer_case c JOIN case_event e ON e.case_id = c.id AND e.command = 'accept'
        WHERE c.id = {_OF_CASES} AND c.accepted_on > c.letter_expires_on
          AND (NOT c.late OR NOT coalesce(e.detail ? 'late_decision', false))""",
    ),
    Check(
        "a second or unlisted refusal goes up",
        "interface.md §6 refuse; rules.md §B",
        f"""
        SELECT case_id, number || '. refusal for ' || reason || ' -> ' || to_state FROM (
            SELECT case_id, reason, to_state, row_number() OVER (PARTITION BY case_id
                ORDER BY seq) AS number
            FROM case_event WHERE case_id = {_OF_CASES} AND command = 'refuse') r
        WHERE (to_state = 'escalated') <> (number > 1 OR reason NOT IN {_LISTED})""",
    ),
    Check(
        "standing changes by named decisions alone",
        "rules.md §C.4 no. 7, §0.15",
        """
        SELECT m.member, m.standing || ' after ' || coalesce(e.command, 'nothing') FROM member m
        LEFT JOIN LATERAL (
            SELECT e.command, e.by_organisation, e.detail FROM transfer_case c JOIN case_event e
                ON e.case_id = c.id
            WHERE c.member = m.member AND (e.command IN ('suspend', 'restore', 'strike_off')
                OR e.command = 'close' AND e.reason IN ('deceased', 'left_the_party'))
            ORDER BY e.at DESC, e.seq DESC LIMIT 1) e ON true
        WHERE m.member = ANY (%(members)s) AND (
            m.standing IS DISTINCT FROM CASE e.command WHEN 'suspend' THEN 'suspended'
                WHEN 'strike_off' THEN 'ended'
                WHEN 'close' THEN 'ended' ELSE 'normal' END
            OR e.command <> 'close' AND NOT e.detail ?& ARRAY['decided_by', 'meeting_on',
                'approved_by']
            OR e.command IS NOT NULL AND e.by_organisation IS NULL)""",
    ),
    Check(
        "a batch ends when its last child has",
        "rules.md §C.4 no. 8",
        f"""
        SELECT p.id, p.state FROM transfer_case p
        WHERE p.id = {_OF_CASES} AND p.state IN ('bulk_open', 'bulk_closed')
          AND EXISTS (SELECT FROM transfer_case c WHERE c.parent = p.id)
          AND (p.state = 'bulk_closed') = EXISTS (SELECT FROM transfer_case c WHERE c.parent = p.id
              AND c.state NOT IN {s.in_sql(s.ENDED)})""",
    ),
    Check("deadlines are what the rules compute", "interface.md §7.4", python=_dates),
    Check("the tasks that should stand do", "interface.md §7.4; rules.md §C.2", python=_tasks),
    Check("a member's own tasks stand", "interface.md §7.4 t12, t13", python=_member_tasks),
    Check(
        "no task at a case that has ended",
        "interface.md §7.4",
        f"""
        SELECT t.case_id, t.kind FROM task t JOIN transfer_case c ON c.id = t.case_id
        WHERE c.id = {_OF_CASES} AND t.closed_at IS NULL AND c.state IN {_TERMINAL}""",
    ),
    Check(
        "the audit counts what the flags say",
        "rules.md §C.3; interface.md §7.4",
        python=_audit,
        whole=True,
    ),
    Check(
        "a correction joins the case it corrects",
        "interface.md §7.1",
        """
        SELECT b.id, i.case_id FROM posted_event b
        JOIN posted_event a ON a.source = b.source AND a.ext_id = b.corrects
        JOIN identification i ON i.event_id = a.id
        JOIN identification j ON j.event_id = b.id AND j.member = i.member AND j.decided_by IS NULL
        JOIN case_event e ON e.case_id = i.case_id AND e.command = 'withdraw'
        WHERE NOT EXISTS (SELECT FROM posted_event w WHERE w.source = a.source AND w.id <> b.id
            AND w.corrects IN (a.ext_id, b.ext_id))""",
        whole=True,
    ),
    Check(
        "whoever owes an act was told",
        "decisions/people-decide.md: prompts until somebody acts",
        """
        SELECT t.id, t.kind || ' at ' || t.organisation FROM task t JOIN organisation o
            ON o.code = t.organisation
        WHERE t.closed_at IS NULL AND NOT o.outside
            AND NOT EXISTS (SELECT FROM notice n WHERE n.task = t.id)""",
        whole=True,
    ),
    Check(
        "the outbox tells every move",
        "decisions/effect-once.md",
        f"""
        SELECT e.case_id, 'row ' || e.seq || ' has no message' FROM case_event e
        LEFT JOIN event_log l ON l.event_id = md5(e.case_id::text || ':' || e.seq)::uuid
            AND l.topic = 'cases'
            AND l.body ->> 'to' = e.to_state AND l.key = e.case_id::text
        WHERE e.case_id = {_OF_CASES} AND e.change IS NOT NULL AND l.event_id IS NULL""",
    ),
    Check(
        "every message took effect",
        "delivery-guarantees.md: nothing lost",
        """
        SELECT l.event_id, r.consumer || ' lacks ' || l.type FROM event_log l
        JOIN unnest(%(consumers)s::text[], %(topics)s::text[]) r (consumer, topic)
            ON r.topic = l.topic
        LEFT JOIN inbox i ON i.event_id = l.event_id AND i.consumer = r.consumer
        WHERE i.event_id IS NULL""",
        whole=True,
    ),
    Check(
        "nothing on the dead-letter desk",
        "delivery-guarantees.md",
        """
        SELECT event_id, consumer || ': ' || reason_en FROM dead_letter WHERE state = 'open'
        UNION ALL SELECT event_id, consumer || ': parked' FROM parked""",
    ),
    Check(
        "every person posted has one outcome",
        "interface.md §1 statement: difference 0",
        f"""
        SELECT p.event_id, e.type || ' ' || coalesce(i.decision, 'nothing') FROM posted_person p
        JOIN posted_event e ON e.id = p.event_id
        LEFT JOIN identification i ON i.event_id = p.event_id AND i.position = p.position
        WHERE e.type IN {_OPENING} AND (i.decision IS NULL
            OR i.decision NOT IN ('match', 'outside', 'not_a_member', 'review', 'withdrawn',
                'rejected')
            OR i.decision IN ('match', 'outside') AND i.case_id IS NULL
               AND NOT EXISTS (SELECT FROM report r
                   WHERE (r.event_id, r.position) = (i.event_id, i.position))
               AND NOT EXISTS (SELECT FROM posted_event l WHERE l.source = e.source
                   AND l.corrects = e.ext_id))""",
        whole=True,
    ),
    Check(
        "who is in review is asked for",
        "decisions/people-decide.md: prompts until somebody acts",
        """
        SELECT organisation, coalesce(r.persons,
            0) || ' in review, asked for ' || coalesce(t.persons, 0)
        FROM (SELECT organisation, count(*) AS persons FROM (
                  SELECT split_part(path, '.', -2) AS organisation, event_id, position
                      FROM identification
                  WHERE decision = 'review' AND asks_sender
                  UNION SELECT m.organisation, i.event_id, i.position FROM identification i
                  JOIN review_candidate k ON (k.event_id, k.position) = (i.event_id, i.position)
                  JOIN member m ON m.member = k.member
                  WHERE i.decision = 'review' AND NOT i.asks_sender AND k.denied_at IS NULL) AS one
              GROUP BY 1) r
        FULL JOIN (SELECT organisation, persons FROM task WHERE kind = 'identify'
            AND closed_at IS NULL) t
            USING (organisation)
        WHERE r.persons IS DISTINCT FROM t.persons AND NOT EXISTS (
            SELECT FROM review_question q WHERE q.by_organisation = organisation
                AND q.text IS NOT NULL)""",
        whole=True,
    ),
    Check(
        "what was accepted is stored",
        "delivery-guarantees.md: nothing lost",
        python=_all_accepted,
        whole=True,
    ),
    Check(
        "a change of the tree takes effect on its day",
        "rules.md §C.0 org.changed",
        """
        SELECT e.id, coalesce(c.state, 'nothing came of it') FROM posted_event e
        LEFT JOIN organisation_change c ON c.event = e.id
        WHERE e.type = 'guidui.organisation.changed.v1'
            AND (c.event IS NULL OR c.state = 'rejected' OR NOT c.followed
            OR c.state = 'waiting' AND c.effective_on <= %(today)s)""",
        whole=True,
    ),
    Check(
        "nothing stays of a stranger",
        "privacy.md",
        """
        SELECT p.event_id, 'kept' FROM posted_person p JOIN identification i
            USING (event_id, position)
        WHERE i.decision IN ('not_a_member', 'withdrawn', 'rejected') AND p.body IS NOT NULL""",
        whole=True,
    ),
    Check(
        "no stranger is ever a party",
        "interface.md §7.5",
        f"""
        SELECT c.id, r.organisation || ' only reported by ' || r.ext_id FROM report r
        JOIN transfer_case c ON c.id = r.case_id
        WHERE c.id = {_OF_CASES}
          AND NOT EXISTS (SELECT FROM statement x WHERE x.case_id = c.id
              AND x.source LIKE '%%:' || r.organisation)
          AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id AND e.command <> 'report'
              AND (e.by_organisation = r.organisation
                  OR e.change::text LIKE '%%"' || r.organisation || '"%%'
                   OR e.opened::text LIKE '%%"' || r.organisation || '"%%'))
          AND (c.poster = r.organisation OR c.owner = r.organisation
               OR EXISTS (SELECT FROM case_party p WHERE p.case_id = c.id
                   AND p.organisation = r.organisation)
               OR EXISTS (SELECT FROM case_event e WHERE e.case_id = c.id
                   AND e.by_organisation = r.organisation))""",
    ),
    Check(
        "what others report moves nothing",
        "interface.md §7.5",
        """
        SELECT r.event_id, r.kind FROM report r WHERE EXISTS (
            SELECT FROM member_sign g WHERE (g.event_id, g.position) = (r.event_id, r.position))
          OR EXISTS (SELECT FROM statement x WHERE x.event = r.event_id AND x.position = r.position)
          OR EXISTS (SELECT FROM identification i
              WHERE (i.event_id, i.position) = (r.event_id, r.position)
              AND i.case_id IS NOT NULL)""",
        whole=True,
    ),
)
