"""Facts for those who are measured: per organisation and month, each with its definition, counted
from history alone.

One statement; nothing is stored, so nothing can be nudged. Once a month is over, its facts no
longer change. ``n`` is what is counted, ``of`` how many there were to count; for some there is no
``of``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from schemas.days import stored_day
from services.cases.deadlines.calendar import day_of, midnight, month_end
from services.cases.model import states
from services.cases.routing.rule_source import RuleSource
from services.kit.db.engine import rows
from services.kit.errors import Text
from services.registry.organisation_history import paths_at


class Definition(NamedTuple):
    """What a fact counts, in words, and whether it has something it is counted of."""

    name: Text
    words: Text
    of: bool


DEFINITIONS: Mapping[str, Definition] = {
    "announced": Definition(
        Text("报离", "announced"),
        Text(
            "当月由本组织报来离开而立案的人数；由居住地报到而立案的不算。",
            "Cases opened in the month by this organisation's own posting; those opened by a "
            "host's report do not count.",
        ),
        False,
    ),
    "on_time": Definition(
        Text("按期办结", "on time"),
        Text(
            "当月寄出回执（或登记纸质回执）的转出，其中在介绍信有效期内被接收、"
            "且接收后一个月内寄出回执的；记在原党委。",
            "Of the transfers out whose receipt was sent (or recorded from paper) in the month: "
            "those accepted while the letter "
            "was good, with the receipt within a month of it. Counted at the origin committee.",
        ),
        True,
    ),
    "bounced": Definition(
        Text("被退回", "bounced"),
        Text(
            "当月本党委转出的人被对方退回或拒收的次数。",
            "How often in the month a receiver returned or refused a member whom this committee "
            "sent.",
        ),
        False,
    ),
    "refused": Definition(
        Text("退回他人", "returned or refused"),
        Text(
            "当月本组织退回或拒收的次数。",
            "How often in the month this organisation returned or refused somebody.",
        ),
        False,
    ),
    "silent": Definition(
        Text("搁置", "silent"),
        Text(
            "月末由本组织负责、满规定天数（通常 30 天）没有任何动静的未办结转移。",
            "Open transfers that this organisation owned at the end of the month and to which "
            "nothing had happened for as many "
            "days as policy says (30 as a rule).",
        ),
        True,
    ),
    "receipts_late": Definition(
        Text("回执迟寄", "receipts late"),
        Text(
            "应在当月寄出的回执，到期没有寄出的；记在接收党委。",
            "Of the receipts due in the month: those not sent by their day. Counted at the "
            "receiving committee.",
        ),
        True,
    ),
    "contacts_kept": Definition(
        Text("按期联系", "contacts kept"),
        Text(
            "应在当月联系的流动、暂留党员，到期前已联系上的。",
            "Of the members who stay or float and were to be contacted by a day of the month: "
            "those contacted by then.",
        ),
        True,
    ),
    "unanswered": Definition(
        Text("问而不答", "asked and not answered"),
        Text(
            "请本组织在当月答复的询问，到期没有答复的。",
            "Of the questions this organisation was to answer by a day of the month: those not "
            "answered by then.",
        ),
        True,
    ),
}

_FACTS = f"""
WITH opened AS (
    SELECT e.by_organisation AS organisation, 'announced' AS fact, count(*) AS n,
        NULL::bigint AS base
    FROM case_event e
    WHERE e.command = 'open' AND e.at >= :start AND e.at < :until AND NOT EXISTS (
        SELECT FROM statement s WHERE s.case_id = e.case_id AND s.kind = 'guidui.host.report.v1'
          AND s.source = 'urn:guidui:organisation:' || e.by_organisation)
    GROUP BY 1),
acts AS (  -- with the committee of the origin as it was then, whatever the tree became
    SELECT e.case_id, e.command, (
        SELECT h.change ->> 'origin_committee' FROM case_event h
        WHERE h.case_id = e.case_id AND h.seq <= e.seq AND h.change ? 'origin_committee'
            ORDER BY h.seq DESC LIMIT 1) AS committee
    FROM case_event e
    WHERE e.command IN ('send_receipt', 'record_paper_receipt', 'return_for_cure', 'refuse')
        AND e.at >= :start AND e.at < :until),
settled AS (
    SELECT a.committee, 'on_time', count(*) FILTER (WHERE NOT c.late), count(*)
    FROM acts a JOIN transfer_case c ON c.id = a.case_id
        WHERE a.command IN ('send_receipt', 'record_paper_receipt') GROUP BY 1),
bounces AS (
    SELECT a.committee, 'bounced', count(*), NULL::bigint FROM acts a
    WHERE a.command IN ('return_for_cure', 'refuse') GROUP BY 1),
refusals AS (
    SELECT e.by_organisation, 'refused', count(*), NULL::bigint FROM case_event e
    WHERE e.command IN ('return_for_cure', 'refuse') AND e.at >= :start AND e.at < :until
        GROUP BY 1),
past AS (
    SELECT DISTINCT ON (e.case_id) e.case_id, e.to_state, e.at AS last_at FROM case_event e
    WHERE e.at < :until ORDER BY e.case_id, e.seq DESC),
owned AS (
    SELECT DISTINCT ON (e.case_id) e.case_id, e.change ->> 'owner' AS owner FROM case_event e
    WHERE e.at < :until AND e.change ? 'owner' ORDER BY e.case_id, e.seq DESC),
quiet AS (
    SELECT o.owner, 'silent', count(*) FILTER (WHERE p.last_at < :quiet), count(*)
    FROM past p JOIN owned o USING (case_id)
    WHERE o.owner IS NOT NULL
      AND p.to_state NOT IN {states.in_sql((*states.ENDED, states.BULK_OPEN, states.BULK_CLOSED))}
    GROUP BY 1),
receipts AS (
    SELECT h.committee, 'receipts_late', count(*) FILTER (WHERE coalesce(c.receipt_sent_on,
        :today) > c.receipt_due_on), count(*)
    FROM transfer_case c, LATERAL (
        SELECT e.change ->> 'receiving_committee' AS committee FROM case_event e
        WHERE e.case_id = c.id AND e.at < :until AND e.change ? 'receiving_committee'
            ORDER BY e.seq DESC LIMIT 1) h
    JOIN organisation o ON o.code = h.committee AND NOT o.outside
    WHERE c.receipt_due_on BETWEEN :first AND :last AND c.state <> 'merged' GROUP BY 1),
kept AS (
    SELECT t.organisation, 'contacts_kept', count(*) FILTER
        (WHERE (t.closed_at AT TIME ZONE 'Asia/Shanghai')::date <= t.due_on),
           count(*)
    FROM task t WHERE t.kind = 'contact' AND t.act = 'contact' AND t.due_on BETWEEN :first AND :last
        GROUP BY 1),
questions AS (
    SELECT a."to" AS organisation, 'unanswered',
        count(*) FILTER (WHERE coalesce(a.answered_on, :today) > a.due_on), count(*)
    FROM transfer_case c, jsonb_to_recordset(c.asks) a("to" text, due_on date, answered_on date)
    WHERE c.asks <> '[]' AND a.due_on BETWEEN :first AND :last GROUP BY 1)
SELECT f.organisation, f.fact, f.n, f.base FROM (
    SELECT * FROM opened UNION ALL SELECT * FROM settled UNION ALL SELECT * FROM bounces
        UNION ALL SELECT * FROM refusals
    UNION ALL SELECT * FROM quiet UNION ALL SELECT * FROM receipts UNION ALL SELECT * FROM kept
    UNION ALL SELECT * FROM questions) f
WHERE f.organisation = ANY (:below) AND (f.n > 0 OR f.base > 0)"""

Facts = dict[str, dict[str, int | None]]


def facts(
    tx: Connection, month: str, organisation: str, now: datetime, rule_source: RuleSource
) -> dict[str, Facts]:
    """Organisation -> fact -> {"n", "of"}, of a month (``YYYY-MM``), for an organisation and all
    below that have any.

    Of a month that is over, who stood below is told by the tree of its last day. ``tx`` acts as the
    worker; the caller's right to the organisation is settled.
    """
    month_of = _Month.of(month, now)
    silent_days = rule_source.counting(tx, min(day_of(now), month_of.last)).silent_days
    paths = paths_at(tx, month_of.until)
    top = paths[organisation]
    below = [code for code, path in paths.items() if path.startswith(top)]
    counted = rows(
        tx,
        _FACTS,
        {
            "start": midnight(month_of.first),
            "until": month_of.until,
            "first": month_of.first,
            "last": month_of.last,
            "today": month_of.today,
            "quiet": month_of.until - timedelta(days=silent_days),
            "below": below,
        },
    )
    facts_of: dict[str, Facts] = defaultdict(dict)
    for row in counted:
        facts_of[row.organisation][row.fact] = {"n": row.n, "of": row.base}
    return {code: _complete(facts) for code, facts in sorted(facts_of.items())}


class _Month(NamedTuple):
    """A month as it is counted: its days, the moment up to which history counts, and the day from
    which it is looked at.
    """

    first: date
    last: date
    until: datetime
    today: date

    @classmethod
    def of(cls, month: str, now: datetime) -> _Month:
        """A month (``YYYY-MM``) seen at ``now``; one that is over is seen from the day after it."""
        first = stored_day(f"{month}-01")
        last = month_end(month)
        after = last + timedelta(days=1)
        until = min(midnight(after), now + timedelta(microseconds=1))
        return cls(first, last, until, today=min(day_of(now), after))


def total(of_each: Sequence[Facts]) -> Facts:
    """The sum over organisations."""
    summed: dict[str, dict[str, int]] = {name: {"n": 0, "of": 0} for name in DEFINITIONS}
    for facts in of_each:
        for name, fact in facts.items():
            summed[name]["n"] += fact["n"] or 0
            summed[name]["of"] += fact["of"] or 0
    return _complete(summed)


def _complete(given: Mapping[str, Mapping[str, int | None]]) -> Facts:
    """Every fact, in the order of `DEFINITIONS`; 0 where nothing was counted."""
    facts: Facts = {}
    for name, definition in DEFINITIONS.items():
        fact = given.get(name, {})
        facts[name] = {"n": fact.get("n") or 0, "of": None}
        if definition.of:
            facts[name]["of"] = fact.get("of") or 0
    return facts
