"""Which proxies stand before us, and what of their word about the client is passed on."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from services.kit.errors import CannotStart


class Trusted:
    """Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""

    def __init__(self, text: str) -> None:
        """`text` as in GUIDUI_TRUSTED_PROXIES: `127.0.0.1,10.1.0.0/16`. Raises `CannotStart` for
        anything else.
        """
        try:
            self._networks = [
                ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()
            ]
        except ValueError as error:
            raise CannotStart(
                f"GUIDUI_TRUSTED_PROXIES holds addresses and networks, separated by commas: {error}"
            ) from None

    def __contains__(self, address: str) -> bool:
        try:
            address_of_peer = ip_address(address)
        except ValueError:
            return False
        return any(address_of_peer in network for network in self._networks)

    def forwarded(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The `X-Forwarded-For` to pass on: what a trusted peer said and the peer itself; of any
        other the peer alone.
        """
        return ", ".join([*forwarded_for, peer]) if peer in self else peer
