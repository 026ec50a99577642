"""Sentences in the language of their reader."""

from __future__ import annotations

import gettext
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from markupsafe import Markup

from services.kit.errors import CannotStart
from services.kit.translations import Translator, translator


@pytest.fixture
def english() -> Translator:
    catalogue = Catalog(locale="en")
    catalogue.add("归队", "guidui")
    catalogue.add("应于 {day} 前办理", "by {day}")
    catalogue.add((" {n} 人", " {n} 人"), ("{n} person", "{n} persons"))
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translator(gettext.GNUTranslations(compiled))


def test_a_sentence_without_a_translation_stays_chinese(english):
    assert english.gettext("归队") == "guidui"
    assert english.gettext("没有译文") == "没有译文"


def test_the_empty_sentence_is_not_the_header_of_the_catalogue(english):
    assert english.gettext("") == ""


def test_places_are_filled_in(english):
    assert english.gettext("应于 {day} 前办理", day="23 November") == "by 23 November"


def test_what_is_counted_has_the_form_of_its_count(english):
    assert [english.ngettext(" {n} 人", n, n=n) for n in (1, 2)] == ["1 person", "2 persons"]
    chinese = translator("services.portal", "zh")
    assert [chinese.ngettext(" {n} 人", n, n=n) for n in (1, 2)] == [" 1 人", " 2 人"]


def test_beside_markup_everything_else_is_escaped(english):
    filled = english.gettext("应于 {day} 前办理", day=Markup("<b>{}</b>").format("<23>"))
    assert filled == Markup("by <b>&lt;23&gt;</b>")


def test_a_catalogue_that_was_not_compiled_is_said_at_once():
    with pytest.raises(CannotStart, match="make install"):
        translator("services.kit", "en")
