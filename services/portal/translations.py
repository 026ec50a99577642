"""The languages of the pages."""

from __future__ import annotations

from collections.abc import Callable

from services.kit.translations import translator

# language -> its tag of BCP 47, as HTML and HTTP name it
LANGUAGES = {"zh": "zh-CN", "en": "en"}


def gettext_in(language: str) -> Callable[..., str]:
    """The function that says a Chinese sentence of the pages in a language."""
    return translator("services.portal", language).gettext
