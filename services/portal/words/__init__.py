"""The words of the pages. Chinese is the source and stands in the code; ``en.json`` is the full
English translation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

Say = Callable[..., Any]
LANGUAGES = {"zh": "zh-CN", "en": "en"}


@lru_cache
def english() -> dict[str, str]:
    """Chinese sentence -> English sentence."""
    return json.loads(files("services.portal.words").joinpath("en.json").read_text("utf-8"))


@lru_cache
def words(language: str) -> Say:
    """A function that says a Chinese sentence in a language; ``{name}`` in it is filled from the
    keywords.
    """
    table = english() if language == "en" else {}

    def say(sentence: str, **filled: Any) -> Any:
        text = table.get(sentence, sentence)
        if not filled:
            return text
        if any(isinstance(value, Markup) for value in filled.values()):
            return Markup(escape(text)).format(**filled)
        return text.format(**filled)

    return say


def zh(sentence: str) -> str:
    """Marks a sentence in a table of the code that a page will say later."""
    return sentence
