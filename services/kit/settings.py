"""Everything that can be set from outside, by environment variable."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.errors import CannotStart
from services.kit.limits import Limits


def _named(variable: str, default: Any, description: str) -> Any:
    return Field(default, validation_alias=variable, description=description)


class Settings(BaseSettings):
    """The settings of every role; a role reads only those it needs."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore")

    data: Path = _named("GUIDUI_DATA", Path("data"), "data directory of the embedded database")
    cache: Path = _named(
        "GUIDUI_CACHE", Path.home() / ".cache" / "guidui", "downloaded parts: Java, Kafka"
    )
    database_url: str | None = _named("DATABASE_URL", None, "PostgreSQL, the application's login")
    database_web_url: str | None = _named(
        "DATABASE_WEB_URL", None, "PostgreSQL, the login that pages read with"
    )
    database_owner_url: str | None = _named(
        "DATABASE_OWNER_URL", None, "PostgreSQL, the owner's login, for migrate"
    )
    pool_connections_max: int = _named(
        "GUIDUI_POOL", 10, "database connections per process and role"
    )

    kafka_bootstrap: str | None = _named(
        "KAFKA_BOOTSTRAP", None, "host:port[,host:port] of the brokers"
    )
    kafka_prefix: str = _named("KAFKA_PREFIX", "", "put before every topic and consumer group")
    kafka_username: str | None = _named(
        "KAFKA_USERNAME", None, "SCRAM-SHA-512 user; none means no SASL"
    )
    kafka_password: SecretStr | None = _named("KAFKA_PASSWORD", None, "SCRAM-SHA-512 password")
    kafka_ca: Path | None = _named(
        "KAFKA_CA", None, "PEM file of the brokers' authority; none means no TLS"
    )
    instance: str | None = _named(
        "GUIDUI_INSTANCE", None, "stable name of this replica (Kafka static membership)"
    )
    health_port: int = _named(
        "GUIDUI_HEALTH_PORT", 0, "port of /readyz and /metrics of a worker; 0: none"
    )

    maven_mirror: str | None = _named(
        "GUIDUI_MAVEN", None, "Maven repository of Kafka's jars, instead of the central one"
    )

    operations_port: int = _named(
        "GUIDUI_OPERATIONS_PORT",
        0,
        "own port of /metrics and of the reasons of /readyz of "
        "run, intake and portal; 0: at their address, for everybody",
    )

    smtp_host: str | None = _named("SMTP_HOST", None, "mail server; none means no e-mail is sent")
    smtp_port: int = _named("SMTP_PORT", 25, "port of the mail server")
    smtp_username: str | None = _named("SMTP_USERNAME", None, "user at the mail server")
    smtp_password: SecretStr | None = _named("SMTP_PASSWORD", None, "password at the mail server")
    smtp_starttls: bool = _named(
        "SMTP_STARTTLS", False, "encrypt the connection to the mail server"
    )
    smtp_from: str = _named("SMTP_FROM", "guidui@localhost", "sender address of e-mails")

    trusted_proxies: str = _named(
        "GUIDUI_TRUSTED_PROXIES",
        "127.0.0.1,::1",
        "addresses and networks whose X-Forwarded-For is believed",
    )
    url: str = _named(
        "GUIDUI_URL", "http://127.0.0.1:8000", "where `post` finds intake, and where links point to"
    )
    key: SecretStr | None = _named("GUIDUI_KEY", None, "API key that `post` uses")
    secret: SecretStr | None = _named(
        "GUIDUI_SECRET", None, "key of pseudonyms; else the data directory's `secret`"
    )
    fonts: Path | None = _named(
        "GUIDUI_FONTS", None, "folder of more fonts (TTF) for rare characters on letters"
    )
    log_level: Literal["debug", "info", "warning", "error"] = _named(
        "GUIDUI_LOG", "info", "debug, info, warning or error"
    )

    head_bytes_max: int = _named(
        "GUIDUI_HEAD_BYTES", 32_768, "bytes of a request's line and headers"
    )
    head_seconds_max: float = _named(
        "GUIDUI_HEAD_SECONDS", 15.0, "seconds in which a request's head must have come"
    )
    body_seconds_max: float = _named(
        "GUIDUI_BODY_SECONDS", 30.0, "seconds before a slow body or reader is given up"
    )
    idle_seconds_max: int = _named(
        "GUIDUI_IDLE_SECONDS", 15, "seconds that a connection may rest between requests"
    )
    connections_max: int = _named(
        "GUIDUI_CONNECTIONS", 1_000, "HTTP connections at one time, per process"
    )

    hosts: str = _named(
        "GUIDUI_HOSTS", "", "names under which it answers, comma-separated; empty: any"
    )

    def host_names(self) -> frozenset[str]:
        """The names under which this service answers, in lower case; none: any."""
        return frozenset(name.strip().lower() for name in self.hosts.split(",") if name.strip())

    def http_limits(self) -> Limits:
        """What one HTTP connection may take."""
        return Limits(
            self.head_bytes_max,
            self.head_seconds_max,
            self.body_seconds_max,
            self.idle_seconds_max,
            self.connections_max,
        )

    def made_data(self) -> Path:
        """The data directory, made where it is missing. Raises `CannotStart` where it cannot be."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            writable = os.access(self.data, os.W_OK | os.X_OK)
        except OSError as error:
            raise CannotStart(
                f"the data directory {self.data} cannot be made: {error.strerror}"
            ) from None
        if not writable:
            raise CannotStart(f"the data directory {self.data} cannot be written by this user")
        return self.data

    def secret_bytes(self) -> bytes:
        """The key of pseudonyms: GUIDUI_SECRET, else the data directory's own, made on first use
        (mode 0600).
        """
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        return _own_secret(self.data / "secret")


def read_settings(data: Path | None = None) -> Settings:
    """The settings as the environment has them, `data` in place of GUIDUI_DATA.

    Raises `CannotStart` naming each variable that says something impossible; never what it says,
    which may be secret.
    """
    try:
        return Settings(data=data) if data else Settings()
    except ValidationError as error:
        faults = "; ".join(f"{_variable(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise CannotStart(
            f"a setting is impossible: {faults} (docs/operating.md, settings)"
        ) from None


def _variable(place: tuple[int | str, ...]) -> str:
    """The environment variable of a field that pydantic names by either name."""
    field = Settings.model_fields.get(str(place[0]))
    return str(field.validation_alias) if field else str(place[0])


def _own_secret(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f"secret.{os.getpid()}")
    if not file.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # the first process wins, the others read what it wrote
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip().encode()
