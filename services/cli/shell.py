"""What every command shares: its options, the database, how it ends, what the security log keeps.

A command imports what it needs when it runs, so that `guidui --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from typer.core import TyperGroup

if TYPE_CHECKING:
    from services.app import App
    from services.kit.settings import Settings

Data = Annotated[
    Path | None, typer.Option(help="data directory of the embedded database (GUIDUI_DATA)")
]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Host = Annotated[
    str, typer.Option(help="address to listen on; a reverse proxy with TLS belongs in front")
]
Id = Annotated[str, typer.Argument(metavar="id")]
Code = Annotated[str, typer.Option(help="code of the organisation")]


class Commands(TyperGroup):
    """All commands: what keeps a command from its work is said in a sentence, wherever it comes
    from.
    """

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except Exception as error:
            hindrance = _hindrance(error)
            if hindrance is None:
                raise
            fail(*hindrance)


def _hindrance(error: Exception) -> tuple[str, int] | None:
    """The sentence and the exit code of an error that says what the machine lacks; None of any
    other.
    """
    from services.cluster.kafka_install import KafkaUnavailable
    from services.cluster.postgres_host import PostgresUnavailable
    from services.kit.errors import CannotStart

    if isinstance(error, CannotStart):
        return str(error), 2
    if isinstance(error, (KafkaUnavailable, PostgresUnavailable)):
        return str(error), 1
    if isinstance(error, OperationalError):
        reason = str(error.orig).strip().splitlines()[0]
        return f"the database does not do its part: {reason}", 1
    return None


def group(help_text: str) -> typer.Typer:
    """A group of commands, such as `guidui key …`."""
    return typer.Typer(no_args_is_help=True, help=help_text)


def fail(sentence: str, code: int = 2) -> NoReturn:
    """Ends the program with a sentence on stderr; exit code 2 is bad usage or bad input."""
    print(f"guidui: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def read_settings(data: Path | None = None) -> Settings:
    """The settings of the environment, over them the data directory given on the command line."""
    from services.kit import log
    from services.kit import settings as kit_settings

    settings = kit_settings.read_settings(data)
    log.configure(settings.log_level)
    return settings


@contextmanager
def opened(data: Path | None, *, creates: bool = False) -> Iterator[App]:
    """The app on its database; what it refuses ends the program with its sentence.

    `creates`: a data directory without a database gets one.
    """
    from services.cluster.one_process import own_app
    from services.kit.errors import Refused

    with own_app(read_settings(data), creates=creates) as app:
        try:
            yield app
        except Refused as error:
            fail(f"{error.words.zh} {error.words.en}")


@contextmanager
def transaction(data: Path | None) -> Iterator[tuple[App, Connection]]:
    """The app and a transaction of its worker, committed at the end unless the command fails."""
    with opened(data) as app, app.worker.begin() as tx:
        yield app, tx


def keep_act(
    app: App,
    tx: Connection,
    act: str,
    about: str,
    *,
    reference: object = None,
    organisation: str | None = None,
) -> None:
    """Keeps in the security log what was done on the command line: `load`, `rule-end` and the like.

    With `organisation`, a code of the register, the departments above that one read it too;
    else operators alone.
    """
    from services.registry import security_log
    from services.registry.directory import Directory

    place = Directory.of(tx).get(organisation) if organisation else None
    security_log.record(
        tx,
        app.clock.now(),
        "operator_act",
        security_log.SHELL,
        about=about,
        reference=reference,
        detail=act,
        path=place.path if place else "",
    )


def read_id(text: str, kind: str) -> UUID:
    """The id that somebody typed; ends the program where it is none."""
    try:
        return UUID(text)
    except ValueError:
        thing = "an account" if kind == "account" else "a key"
        fail(f"{text} is not the id of {thing} (guidui {kind} list)")
