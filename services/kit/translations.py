"""Sentences in the language of their reader.

Chinese is the source: it stands in the code and in the templates. Every other language stands in a
catalogue of gettext, `locale/<language>/LC_MESSAGES/messages.po` of a room. `make messages` keeps
the catalogues, `make install` compiles them.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from services.kit.errors import CannotStart

SOURCE_LANGUAGE = "zh"


class Translator:
    """Says the Chinese sentences of a room in one language. ``{name}`` in a sentence is filled from
    the keywords; where one of them is Markup, the others are escaped.
    """

    def __init__(self, catalogue: NullTranslations) -> None:
        self._catalogue = catalogue

    def gettext(self, sentence: str, **values: Any) -> str:
        """A sentence in the language; the sentence itself where it has no translation."""
        # gettext keeps the header of a catalogue under the empty sentence
        if not sentence:
            return ""
        return _filled(self._catalogue.gettext(sentence), values)

    def ngettext(self, sentence: str, count: int, **values: Any) -> str:
        """A sentence that counts something, in the form that goes with the count. Chinese has one
        form.
        """
        return _filled(self._catalogue.ngettext(sentence, sentence, count), values)


def _filled(text: str, values: dict[str, Any]) -> str:
    if not values:
        return text
    if any(isinstance(value, Markup) for value in values.values()):
        return Markup(escape(text)).format(**values)
    return text.format(**values)


@cache
def translator(package: str, language: str) -> Translator:
    """The translator of a package, such as ``services.portal``, into a language, such as ``en``.

    Raises CannotStart where the catalogue was not compiled.
    """
    if language == SOURCE_LANGUAGE:
        return Translator(NullTranslations())
    path = files(package).joinpath("locale", language, "LC_MESSAGES", "messages.mo")
    if not path.is_file():
        raise CannotStart(
            f"there is no {path}: `make install` compiles it from the messages.po beside it"
        )
    with path.open("rb") as file:
        return Translator(GNUTranslations(file))


def N_(sentence: str) -> str:  # noqa: N802 - the customary name of gettext's mark
    """Marks a sentence in a table of the code that is translated where it is shown."""
    return sentence
