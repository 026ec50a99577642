"""The town of the portal's tests, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.portal.conftest import clock, gazetteer, town, url
from tests.portal.town import CAST, PASSWORD


@pytest.fixture
def open_as(browser, url) -> Iterator[Callable]:
    """Signs one of the cast in, in a browser of their own, and returns its page."""
    contexts = []

    def open_as(who: str, width: int = 360, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, locale="zh-CN", base_url=url, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.goto("/sign-in")
        for field, value in zip(
            ("organisation", "name", "password"),
            (CAST[who][0], CAST[who][2], PASSWORD),
            strict=True,
        ):
            page.fill(f"#{field}", value)
        page.click("main button")
        return page

    yield open_as
    for context in contexts:
        context.close()
