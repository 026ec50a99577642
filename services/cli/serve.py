"""Commands that run the service: everything in one process, a role of the cluster, the cluster."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from services.cli.shell import Data, Host, Port, fail, group, read_settings

clusters = group("PostgreSQL, real Kafka and every role, supervised, on this machine.")


def run(
    data: Data = None,
    port: Port = 8000,
    demo: Annotated[
        bool, typer.Option(help="load a real county with made-up people on first start")
    ] = False,
) -> None:
    """Everything in one process on the embedded PostgreSQL."""
    from services.cluster import one_process as embedded

    raise typer.Exit(embedded.run(read_settings(data), port, demo))


def intake(port: Port = 8001, host: Host = "127.0.0.1") -> None:
    """Role of the cluster: takes events over HTTP and from topic ingress."""
    from services.cluster import roles

    roles.intake(read_settings(), port, host)


def portal(port: Port = 8002, host: Host = "127.0.0.1") -> None:
    """Role of the cluster: pages and the calls of receivers and departments."""
    from services.cluster import roles

    roles.portal(read_settings(), port, host)


def matcher() -> None:
    """Role of the cluster: who is it, where do they belong; and the clock of the cases."""
    from services.cluster import roles

    roles.consumer(read_settings(), "matcher")


def notifier() -> None:
    """Role of the cluster: notices and their delivery."""
    from services.cluster import roles

    roles.consumer(read_settings(), "notifier")


def relay() -> None:
    """Role of the cluster: carries the event log to Kafka and finds what a consumer missed."""
    from services.cluster import roles

    roles.relay(read_settings())


def migrate() -> None:
    """Bring the database to the newest schema; create Kafka's topics.

    The database is that of DATABASE_OWNER_URL, else the embedded one.
    """
    from services.cluster.postgres import EmbeddedServer
    from services.kit.db.migrations import migrate as bring_up
    from services.kit.weak_secrets import refuse_weak

    settings = read_settings()
    refuse_weak(settings)
    if settings.database_owner_url:
        bring_up(
            settings.database_owner_url,
            _login(settings.database_url) or "guidui_app",
            _login(settings.database_web_url) or "guidui_pages",
        )
        if settings.kafka_bootstrap:
            from services.cluster.supervised import create_topics
            from services.kit.bus.kafka_clients import Kafka

            create_topics(Kafka.of(settings))
        if settings.database_url:
            from services.cluster.one_process import ensure_divisions, own_app

            with own_app(settings, pseudonyms=False) as app:
                ensure_divisions(app.worker)
        return
    if settings.database_url:
        fail("DATABASE_OWNER_URL is not set: migrations need the owner's login")
    with EmbeddedServer.borrow(settings.made_data()) as server:
        print(f"guidui: data directory {settings.data.resolve()}", file=sys.stderr)
        bring_up(server.owner_url())


def _login(url: str | None) -> str | None:
    """The login in a database's address."""
    return make_url(url).username if url else None


@clusters.command("up")
def cluster_up(
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, max=12)] = 1,
    brokers: Annotated[int, typer.Option(help="1 or 3")] = 1,
    port: Port = 8000,
    foreground: Annotated[bool, typer.Option(help="stay, instead of in the background")] = False,
) -> None:
    """Start the cluster; returns once it is ready."""
    from services.cluster import supervised as cluster
    from services.kit.weak_secrets import refuse_weak

    if brokers not in (1, 3):
        fail("--brokers must be 1 or 3")
    settings = read_settings(data)
    refuse_weak(settings)
    raise typer.Exit(cluster.up(settings.made_data(), workers, brokers, foreground, port))


@clusters.command("down")
def cluster_down(data: Data = None) -> None:
    """End the cluster."""
    from services.cluster import supervised as cluster

    settings = read_settings(data)
    if not settings.data.is_dir():
        fail(f"there is no data directory {settings.data.resolve()}")
    raise typer.Exit(cluster.down(settings.data))


@clusters.command("status")
def cluster_status(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """What runs, and whether all of it is ready."""
    from services.cluster import supervised as cluster

    status = cluster.status(read_settings(data).data)
    if as_json:
        print(json.dumps(status))
    else:
        _print_status(status)
    raise typer.Exit(0 if status["ready"] else 1)


def _print_status(status: dict) -> None:
    print(f"{'ready' if status['ready'] else 'not ready'} {status['http'] or ''}")
    for process in status["processes"]:
        pid = process["pid"] or "-"
        print(f"  {process['role']:<14} pid {pid:<8} restarts {process['restarts']}")
