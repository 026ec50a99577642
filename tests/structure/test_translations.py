"""Every sentence of the pages and the notices has its English, and no English has lost its
sentence.
"""

from __future__ import annotations

import re

import pytest

from deploy import messages

CATALOGUES = messages.catalogues()
PLACE = re.compile(r"\{(\w+)\}")


def forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """The forms of a sentence: more than one where it counts something."""
    return (text,) if isinstance(text, str) else tuple(text)


def test_there_is_a_catalogue_for_each_room():
    assert {file.parents[3].name for file in CATALOGUES} == {"notifier", "portal"}


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parents[3].name)
def test_no_sentence_lacks_its_translation_and_no_translation_its_sentence(file):
    spoken = {message.id for message in messages.sentences_of(file.parents[3]) if message.id}
    catalogue = [message for message in messages.read(file) if message.id]
    assert spoken == {message.id for message in catalogue}, "`make messages` takes them over"
    assert [message.id for message in catalogue if not all(forms(message.string))] == []


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parents[3].name)
def test_both_languages_fill_in_the_same_things(file):
    for message in messages.read(file):
        wanted = set(PLACE.findall(forms(message.id)[0])) if message.id else set()
        for translation in forms(message.string) if message.id else ():
            assert set(PLACE.findall(translation)) == wanted, message.id


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parents[3].name)
def test_what_the_service_reads_is_compiled_from_the_catalogue(file):
    compiled = file.with_suffix(".mo").read_bytes()
    assert compiled == messages.compiled(messages.read(file)), "`make install` compiles it"
