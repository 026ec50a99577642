"""The table of retries and the hours at which people may be written to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.clock import ZONE
from services.notifier.policy import default_policy, next_send_time, retry_delay, weekend

POLICY = default_policy()


def test_ten_attempts_over_75_hours_35_minutes():
    delays = [timedelta(seconds=s) for s in POLICY.retry_delays]
    assert len(delays) == 10 and delays[0] == timedelta(0) and delays[-1] == timedelta(hours=24)
    assert sum(delays, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@given(st.text(), st.integers(1, 9))
def test_delays_keep_within_a_tenth_and_repeat_with_their_seed(seed, attempts):
    delay = retry_delay(seed, attempts, POLICY)
    assert abs(delay.total_seconds() / POLICY.retry_delays[attempts] - 1) <= 0.1
    assert delay == retry_delay(seed, attempts, POLICY)


def test_two_messages_do_not_come_back_at_once_and_the_tenth_is_the_last():
    assert len({retry_delay(str(n), 5, POLICY) for n in range(100)}) == 100
    assert retry_delay("seed", 10, POLICY) is None


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)),
    st.sets(st.dates(date(2026, 1, 1), date(2036, 1, 31)), max_size=9),
)
def test_no_hour_of_ten_years_is_quiet_when_it_opens(at, holidays):
    now = at.replace(tzinfo=ZONE)
    opens = next_send_time(now, lambda day: weekend(day) or day in holidays, POLICY)
    assert opens >= now and 8 <= opens.hour < 21
    assert not weekend(opens.date()) and opens.date() not in holidays
    assert opens == now or (opens.hour, opens.minute) == (8, 0)


@pytest.mark.parametrize(
    "now,opens",
    [
        ("2026-11-23T08:00", "2026-11-23T08:00"),
        ("2026-11-23T20:59", "2026-11-23T20:59"),
        ("2026-11-23T21:00", "2026-11-24T08:00"),
        ("2026-11-23T03:00", "2026-11-23T08:00"),
    ],
)
def test_the_borders_of_the_night(now, opens):
    zoned = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    assert next_send_time(zoned, weekend, POLICY) == datetime.fromisoformat(opens).replace(
        tzinfo=ZONE
    )


def test_a_calendar_without_a_working_day_does_not_hold_messages_for_ever():
    now = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE)
    assert next_send_time(now, lambda day: True, POLICY) == datetime(2027, 1, 22, 8, 0, tzinfo=ZONE)
