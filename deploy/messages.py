"""The catalogues of translations: `python deploy/messages.py` takes the sentences of the templates
and the code into every `messages.po`, `--compile` writes the `messages.mo` that the service reads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SERVICES = Path(__file__).resolve().parent.parent / "services"
ROOMS = ("portal", "notifier")
METHODS = [
    ("**/*.py", "python"),
    ("templates/*.html", "jinja2.ext:babel_extract"),
    ("templates/*.txt", "jinja2.ext:babel_extract"),
]
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""
# as babel writes it: which arguments of a function are the forms of a sentence
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 1)}


def main() -> None:
    for file in catalogues():
        if "--compile" in sys.argv:
            file.with_suffix(".mo").write_bytes(compiled(read(file)))
        else:
            update(file)


def catalogues() -> list[Path]:
    """Every catalogue there is."""
    return sorted(SERVICES.glob("*/locale/*/LC_MESSAGES/messages.po"))


def read(file: Path) -> Catalog:
    """A catalogue with its translations."""
    with file.open("rb") as source:
        catalogue = read_po(source, locale=file.parts[-3])
    # babel writes these into what it compiles: the same catalogue shall give the same bytes
    catalogue.creation_date = catalogue.revision_date = datetime.fromtimestamp(0, UTC)
    return catalogue


def write(file: Path, catalogue: Catalog) -> None:
    """A catalogue in the order of the files that say its sentences, without dates and numbers of
    lines, which would change at every turn.
    """
    header = HEADER.format(language=catalogue.locale, plural_forms=catalogue.plural_forms)
    with file.open("wb") as target:
        target.write(header.encode())
        write_po(
            target, catalogue, width=100, sort_by_file=True, include_lineno=False, omit_header=True
        )


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    target = BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def update(file: Path) -> None:
    """Takes new sentences into a catalogue, without a translation yet, and drops those that nobody
    says any more.
    """
    catalogue = read(file)
    catalogue.update(sentences_of(file.parents[3]), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    write(file, catalogue)
    missing = [message.id for message in catalogue if message.id and not message.string]
    print(f"{file.relative_to(SERVICES)}: {len(catalogue)} sentences, {len(missing)} to translate")


def sentences_of(room: Path) -> Catalog:
    """The Chinese sentences that a room says, and where."""
    catalogue = Catalog()
    for place, sentence in _extracted(room):
        catalogue.add(sentence, locations=[place])
    return catalogue


def _extracted(room: Path) -> Iterator[tuple[tuple[str, int], str | tuple[str, ...]]]:
    for file, line, sentence, _, _ in extract_from_dir(
        room, method_map=METHODS, keywords=KEYWORDS, comment_tags=()
    ):
        yield (file, line), sentence


if __name__ == "__main__":
    main()
