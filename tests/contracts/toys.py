"""The toy subscriptions by name, for processes that make their own."""

from __future__ import annotations

from tests.kit.toy import refusing, subscription

BOTH = ("toys", "games")


def plain():
    return subscription(topics=BOTH)


def refuses_seven():
    return subscription(refusing(7), BOTH)


def refuses_all():
    return subscription(refusing(*range(10_000)), BOTH)
