"""A cursor is what a page gave, and nothing else."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.clock import ZONE
from services.kit.db import paging
from services.kit.errors import Refused

NOW = datetime(2026, 11, 30, 21, 0, tzinfo=ZONE)
KINDS = (paging.moment, paging.ident)
CASE = "1b0ba0a4-43ac-4b3c-9ba4-2c0ea1c8a4d1"


def _cursor(value) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def test_what_a_page_gave_is_read_back():
    assert paging.decode(paging.encode(NOW, CASE), *KINDS) == (NOW, CASE)
    assert paging.decode(None, *KINDS) is None and paging.decode("", *KINDS) is None
    assert paging.Page(cursor=paging.encode(50)).start == 50


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "\x00",
        "%00",
        "A" * 10_000,
        _cursor([]),
        _cursor({}),
        _cursor(None),
        _cursor([NOW.isoformat()]),
        _cursor([NOW.isoformat(), CASE, 1]),
        _cursor([NOW.isoformat(), CASE.upper()]),
        _cursor([NOW.isoformat(), "{" + CASE + "}"]),
        _cursor([NOW.isoformat(), "urn:uuid:" + CASE]),
        _cursor([NOW.isoformat(), None]),
        _cursor(["2026-11-30", CASE]),
        _cursor(["0001-01-01T00:00:00+00:00", CASE]),
        _cursor(["9999-12-31T23:59:59+00:00", CASE]),
        _cursor(["2026-W49-1", CASE]),
        _cursor([NOW.isoformat() + "\x00", CASE]),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
        base64.urlsafe_b64encode(
            b' ["2026-11-30T00:00:00+08:00", "' + CASE.encode() + b'"]'
        ).decode(),
    ],
)
def test_a_crafted_cursor_is_refused(cursor):
    with pytest.raises(Refused) as refused:
        paging.decode(cursor, *KINDS)
    assert refused.value.status == 422 and refused.value.extra == {"field": "cursor"}


@pytest.mark.parametrize("place", [-1, 2**63, 1.0, True, "1", None, [1]])
def test_a_crafted_count_is_refused(place):
    with pytest.raises(Refused):
        _ = paging.Page(cursor=_cursor([place])).start


@given(st.text(max_size=60))
def test_no_text_does_anything_but_be_refused(cursor):
    try:
        paging.decode(cursor, *KINDS)
    except Refused as refused:
        assert refused.status == 422


@given(st.integers(0, 40), st.integers(1, 12))
def test_leafing_shows_every_row_once(rows, limit):
    items, shown, cursor = [str(n) for n in range(rows)], [], None
    while True:
        part = paging.Page(limit, cursor).keyed(items, str)
        shown += part.items
        cursor = part.next
        if cursor is None:
            break
    assert shown == items


def test_a_row_that_goes_or_comes_between_two_pages_shifts_nothing():
    first = paging.Page(2).keyed(["a", "b", "c", "d"], str)
    assert first.items == ["a", "b"]
    second = paging.Page(2, first.next)
    assert second.keyed(["0", "a", "b", "c", "d"], str).items == ["c", "d"]
    assert second.keyed(["b", "c", "d"], str).items == ["c", "d"]


def test_where_the_last_row_is_gone_the_page_begins_at_its_place():
    first = paging.Page(2).keyed(["a", "b", "c", "d"], str)
    assert paging.Page(2, first.next).keyed(["a", "c", "d"], str).items == ["d"]


@given(st.integers(0, 40), st.integers(1, 12))
def test_counting_off_shows_every_row_once(number, limit):
    rows, shown, cursor = list(range(number)), [], None
    while True:
        page = paging.Page(limit, cursor)
        part = page.counted(rows[page.start :][: page.one_more])
        shown += part.items
        cursor = part.next
        if cursor is None:
            break
    assert shown == rows


@given(st.integers(0, 40), st.integers(1, 12))
def test_going_by_the_values_of_the_last_row_shows_every_row_once(number, limit):
    rows, shown, cursor = list(range(number)), [], None
    while True:
        page = paging.Page(limit, cursor)
        after = page.after(paging.whole)
        behind = [row for row in rows if after is None or row > after[0]]
        part = page.placed(behind[: page.one_more], lambda row: (row,))
        shown += part.items
        cursor = part.next
        if cursor is None:
            break
    assert shown == rows


def test_an_offset_counts_where_there_is_no_cursor():
    assert paging.Page(offset=7).start == 7
    assert paging.Page(cursor=paging.encode(50), offset=7).start == 50


def test_the_rows_of_a_part_are_told_in_another_shape():
    part = paging.Page(2).keyed([1, 2, 3], str)
    reshaped = part.reshaped(lambda row: {"n": row})
    assert reshaped.items == [{"n": 1}, {"n": 2}] and reshaped.next == part.next


def test_the_time_of_a_cursor_keeps_its_zone():
    assert paging.decode(paging.encode(NOW), paging.moment)[0].utcoffset() == timedelta(hours=8)
