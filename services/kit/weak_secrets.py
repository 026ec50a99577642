"""Passwords and keys that nobody should run with: empty, short, or copied from an example."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from services.kit.errors import CannotStart
from services.kit.settings import Settings

SECRET_MIN, PASSWORD_MIN = 16, 8  # characters
EXAMPLES = frozenset(
    [
        "change_me",
        "changeme",
        "change-me",
        "change_it",
        "example",
        "test",
        "secret",
        "password",
        "passw0rd",
        "guidui",
        "guidui_app",
        "guidui_owner",
        "guidui_pages",
        "postgres",
        "admin",
        "root",
        "default",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyui",
    ]
)


def refuse_weak(settings: Settings) -> None:
    """Raises `CannotStart` with a sentence that names the first setting whose secret is weak; unset
    ones are fine.
    """
    for name, value, least in _secrets(settings):
        fault = weakness(value, least)
        if fault:
            raise CannotStart(f"{name} {fault}; make one with: openssl rand -hex 32")


def weakness(value: str, least: int) -> str:
    """What is wrong with a secret, else ''."""
    folded = value.strip().casefold()
    if not folded:
        return "is empty (没有填写)"
    if folded in EXAMPLES or "change_me" in folded or set(folded) == {"x"}:
        return "still holds an example value (还是示例值)"
    if len(value) < least:
        return f"is too short: at least {least} characters (太短，至少 {least} 位)"
    return ""


def _secrets(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """(setting, secret, least length) of every secret that is set; of an address the password in
    it.
    """
    for name in ("database_url", "database_web_url", "database_owner_url"):
        password = _password(getattr(settings, name))
        if password is not None:
            yield f"the password in {_variable(name)}", password, PASSWORD_MIN
    if settings.secret is not None:
        yield _variable("secret"), settings.secret.get_secret_value(), SECRET_MIN
    if settings.kafka_username:
        yield _variable("kafka_password"), _plain(settings.kafka_password), PASSWORD_MIN
    if settings.smtp_username:
        yield _variable("smtp_password"), _plain(settings.smtp_password), PASSWORD_MIN


def _plain(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _password(url: str | None) -> str | None:
    """The password in an address; None where it has none, as with a socket that asks for none."""
    if url is None:
        return None
    try:
        return make_url(url).password
    except (ArgumentError, ValueError):  # the second of a port that is no number
        raise CannotStart(
            "DATABASE_URL, DATABASE_WEB_URL and DATABASE_OWNER_URL are addresses such as "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None


def _variable(name: str) -> str:
    return str(Settings.model_fields[name].validation_alias)
