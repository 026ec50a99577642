"""What calls take in their query: texts, codes, and the page of a list, each within its bounds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Query

from services.kit.db.paging import CURSOR_LETTERS_MAX, LIMIT_MAX, Page

TEXT_MAX = 200

QueryText = Annotated[str | None, Query(max_length=TEXT_MAX)]
Code = Annotated[str, Query(max_length=20)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=CURSOR_LETTERS_MAX)]
# how three older lists were leafed through; `cursor` takes its place
Offset = Annotated[int, Query(ge=0, le=1_000_000, deprecated=True)]


def pages(limit_usual: int) -> Callable[..., Coroutine[Any, Any, Page]]:
    """The dependency that says which page of a list is asked for: ``limit_usual`` rows where the
    query names no limit.

    It is asynchronous only so that FastAPI takes no thread for it.
    """

    async def page_of(limit: Limit = limit_usual, cursor: Cursor = None) -> Page:
        return Page(limit, cursor)

    return page_of


async def offset_page(limit: Limit = 100, cursor: Cursor = None, offset: Offset = 0) -> Page:
    """The page of a list that may still be leafed through by ``offset``."""
    return Page(limit, cursor, offset)


Page100 = Annotated[Page, Depends(pages(100))]
Page200 = Annotated[Page, Depends(pages(200))]
Page500 = Annotated[Page, Depends(pages(500))]
Page1000 = Annotated[Page, Depends(pages(1_000))]
OffsetPage = Annotated[Page, Depends(offset_page)]
