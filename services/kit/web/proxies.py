"""Which proxies stand before us: theirs is the word about the client that is believed."""

from __future__ import annotations

from ipaddress import ip_network

from services.kit.errors import CannotStart


def refuse_unreadable(trusted: str) -> None:
    """Raises `CannotStart` unless `trusted` is as in GUIDUI_TRUSTED_PROXIES: addresses and networks
    whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, `127.0.0.1,10.1.0.0/16`.
    """
    for part in trusted.split(","):
        try:
            if part.strip():
                ip_network(part.strip(), strict=False)
        except ValueError as error:
            raise CannotStart(
                f"GUIDUI_TRUSTED_PROXIES holds addresses and networks, separated by commas: {error}"
            ) from None
