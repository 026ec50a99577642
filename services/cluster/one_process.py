"""``guidui run``: everything in one process on the embedded PostgreSQL."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from secrets import token_bytes

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp

from services.app import (
    HANDLERS,
    LOOPS,
    App,
    check_glyphs,
    loops_of,
    loops_unready,
    portal_of,
    portal_routers,
    set_aside,
)
from services.cases.views.queries import progress_of_cases
from services.cluster.postgres import EmbeddedServer, has_database
from services.intake import app as intake_app
from services.intake.app import database_away
from services.intake.progress import outcomes_of
from services.kit import health, metrics
from services.kit.bus.tailer import Tailers
from services.kit.clock import SystemClock
from services.kit.db.migrations import is_behind, migrate
from services.kit.errors import CannotStart, Text
from services.kit.garbage import collect_seldom
from services.kit.ports import refuse_taken
from services.kit.settings import Settings
from services.kit.weak_secrets import refuse_weak
from services.kit.web.http_limits import protocol
from services.kit.web.proxies import refuse_unreadable
from services.matcher.queries import decisions
from services.registry import change_log
from services.registry.load import load
from services.registry.security_log import Keeper

log = structlog.get_logger()
STOP_SECONDS_MAX = 10
OWN_ADDRESS = "http://127.0.0.1:8000"


def say(words: str) -> None:
    """A line of progress for whoever started the program; stdout is for what programs read."""
    print(words, file=sys.stderr, flush=True)


def application(
    app: App,
    unready: Callable[[], dict[str, Text]] | None = None,
    *,
    portal: bool = True,
    address: str = OWN_ADDRESS,
) -> FastAPI:
    """The HTTP application of a role: intake's calls alone, or the portal's too; `address`: where
    it is served.
    """
    outcomes = outcomes_of(decisions, progress_of_cases, change_log.progress)
    serving = intake_app.Serving(
        routers=portal_routers() if portal else (),
        unready=unready,
        set_aside=lambda: set_aside(app),
        operations_apart=bool(getattr(app.settings, "operations_port", 0)),
        hosts=app.settings.host_names() if app.settings else (),
    )
    web = intake_app.build(app.web, app.clock, app.secret, outcomes, serving)
    web.state.keeper = Keeper(app.worker, app.clock)
    if portal:
        web.state.portal = portal_of(app, address)
    return web


@contextmanager
def own_app(
    settings: Settings, *, creates: bool = False, patient: bool = False, pseudonyms: bool = True
) -> Generator[App]:
    """An app on DATABASE_URL, else on the embedded server of the data directory: the one that
    runs, or one for as long as this lasts. Says on stderr which it is.

    `creates`: a data directory without a database gets one; else it is taken for mistyped.
    `patient`: a given database that does not answer yet is waited for by whoever uses the app.
    `pseudonyms`: False for a role that makes none and is not given their key. Raises `CannotStart`.
    """
    refuse_weak(settings)
    if settings.database_url:
        refuse_unusable(settings.database_url, patient)
        if not patient:
            say(f"guidui: database {_shown(settings.database_url)} (DATABASE_URL)")
        if settings.database_web_url is None:
            log.warning(
                "pages_share_the_workers_login",
                mend="set DATABASE_WEB_URL to the login guidui_pages",
            )
        yield from _app_on(settings, settings.database_url, settings.database_web_url, pseudonyms)
        return
    if not creates and not has_database(settings.data):
        raise CannotStart(
            f"there is no database in {settings.data.resolve()}: name the data directory with "
            f"--data or "
            "GUIDUI_DATA, or make one with guidui run or guidui load"
        )
    say(f"guidui: data directory {settings.made_data().resolve()}")
    with EmbeddedServer.borrow(settings.data) as borrowed:
        migrate(borrowed.owner_url())
        yield from _app_on(settings, borrowed.app_url(), borrowed.web_url())


def refuse_unusable(url: str, patient: bool = False) -> None:
    """Raises `CannotStart` where the given database is not ready for this program; `patient` lets
    pass one that does not answer.
    """
    try:
        behind = is_behind(url)
    except OperationalError as error:
        if patient:
            return
        reason = str(error.orig).strip().splitlines()[0]
        raise CannotStart(
            f"the database {_shown(url)} of DATABASE_URL does not answer: {reason}"
        ) from None
    if behind:
        raise CannotStart(
            f"the database {_shown(url)} of DATABASE_URL lacks the newest schema: run guidui "
            f"migrate with "
            "DATABASE_OWNER_URL set, then start again"
        )


def _shown(url: str) -> str:
    """A database's address without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _app_on(
    settings: Settings, url: str, web_url: str | None, pseudonyms: bool = True
) -> Iterator[App]:
    secret = settings.secret_bytes() if pseudonyms else token_bytes(32)
    app = App.at(
        url,
        secret,
        settings.cache,
        SystemClock(),
        settings=settings,
        connections_max=settings.pool_connections_max,
        web_url=web_url,
    )
    try:
        yield app
    finally:
        app.close()


def ensure_divisions(engine: Engine) -> None:
    """Loads the division table that ships with guidui, unless the database has one."""
    with engine.connect() as tx:
        if tx.exec_driver_sql("SELECT EXISTS (SELECT FROM division)").scalar_one():
            return
    say("guidui: loading the national division table (edition 2023)")
    load(
        engine,
        "divisions",
        Path(str(files("services.addresses").joinpath("data/divisions.csv.xz"))),
        SystemClock(),
    )


def run(settings: Settings, port: int, demo: bool) -> int:
    """Serves until SIGINT or SIGTERM; returns 0. Raises `CannotStart`, with nothing begun."""
    begun = time.monotonic()
    refuse_taken(port)
    if settings.operations_port:
        refuse_taken(settings.operations_port)
    with _serving_app(settings) as app:
        ensure_divisions(app.worker)
        say("guidui: opening the address table (compiled once, about 20 seconds the first time)")
        app.gazetteer.resolve("")
        if demo:
            from services.tools.demo import ensure_demo

            ensure_demo(app, say)
        tailers = Tailers(app.worker, [make(app) for make in HANDLERS.values()], app.clock)
        loops = loops_of(app, ("matcher", "notifier"))
        metrics.expose(
            metrics.Seam(app.worker, [make(app) for make in HANDLERS.values()], app.clock)
        )
        metrics.expose(metrics.LoopGauges(app.worker, LOOPS))
        tailers.start()
        loops.start()
        check_glyphs(app)
        try:
            web = application(
                app, lambda: _unready(app, tailers), address=f"http://127.0.0.1:{port}"
            )
            serve(web, port, settings, lambda: ready(port, begun, demo, app))
        finally:
            loops.stop()
            tailers.stop()
    return 0


def _unready(app: App, tailers: Tailers) -> dict[str, Text]:
    away = database_away(app.web)
    return away | tailers.unready() if away else tailers.unready() | loops_unready(app)


@contextmanager
def _serving_app(settings: Settings) -> Generator[App]:
    """The app of `guidui run`: on the given database as it is, else on an embedded server that is
    this process's own.
    """
    refuse_weak(settings)
    settings.made_data()  # keeps the key of pseudonyms, also where the database is elsewhere
    if settings.database_url:
        with own_app(settings) as app:
            yield app
        return
    say(f"guidui: data directory {settings.data.resolve()}")
    say("guidui: starting PostgreSQL")
    with EmbeddedServer(settings.data) as server:
        server.watch()
        migrate(server.owner_url())
        yield from _app_on(settings, server.app_url(), server.web_url())


def ready(port: int, begun: float, demo: bool, app: App) -> None:
    """Says on stdout that a request would succeed."""
    print(f"guidui ready http://127.0.0.1:{port}", flush=True)
    say(f"guidui: started in {time.monotonic() - begun:.1f} s; Ctrl-C ends everything")
    if demo:
        from services.tools.demo import sign_ins

        say(sign_ins(app, port))


def serve(
    web: FastAPI,
    port: int,
    settings: Settings,
    on_ready: Callable[[], None],
    host: str = "127.0.0.1",
) -> None:
    """Serves an application until a signal; ``on_ready`` is called once it listens.

    What operators ask stands on a port of its own where GUIDUI_OPERATIONS_PORT is set, beside it at
    the same host.
    """
    config = server_config(web, port, settings, host)
    health.serve(settings.operations_port, web.state.readiness, host)
    server = _Server(config, on_ready)
    collect_seldom()
    for sign in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # uvicorn raises again what it caught, after a clean end
        signal.signal(sign, lambda *_: server.leave())
    server.run()
    if server.failed:
        raise SystemExit(1)


def server_config(
    web: ASGIApp, port: int, settings: Settings, host: str = "127.0.0.1"
) -> uvicorn.Config:
    """How an application is served: within the bounds of a connection, and the client told by none
    but the proxies that are trusted. Raises `CannotStart` where these cannot be read.
    """
    refuse_unreadable(settings.trusted_proxies)
    limits = settings.http_limits()
    return uvicorn.Config(
        web,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="uvloop",
        http=protocol(limits),
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
        timeout_keep_alive=limits.idle_seconds,
        backlog=limits.connections,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self.failed = False

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            self.failed = True
        else:
            self._on_ready()

    def leave(self) -> None:
        """Ends after the requests that are under way."""
        self.should_exit = True
