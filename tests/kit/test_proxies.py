"""Whose word about the client is believed."""

from __future__ import annotations

import pytest

from services.kit.errors import CannotStart
from services.kit.web.proxies import Trusted


@pytest.mark.parametrize(
    ("trusted", "peer", "said", "passed_on"),
    [
        ("", "127.0.0.1", ["10.0.0.1"], "127.0.0.1"),
        ("127.0.0.1,::1", "127.0.0.1", ["203.0.113.9"], "203.0.113.9, 127.0.0.1"),
        ("127.0.0.1", "203.0.113.7", ["10.0.0.1"], "203.0.113.7"),
        (
            "172.16.0.0/12",
            "172.18.0.1",
            ["203.0.113.9, 10.0.0.2"],
            "203.0.113.9, 10.0.0.2, 172.18.0.1",
        ),
        ("127.0.0.1", "not an address", ["203.0.113.9"], "not an address"),
        ("127.0.0.1", "127.0.0.1", [], "127.0.0.1"),
    ],
)
def test_only_a_proxy_that_was_named_says_who_the_client_is(trusted, peer, said, passed_on):
    assert Trusted(trusted).forwarded(peer, said) == passed_on


@pytest.mark.parametrize("text", ["everybody", "10.0.0.0/99", "127.0.0.1;::1", "*"])
def test_a_setting_that_cannot_be_read_is_refused(text):
    with pytest.raises(CannotStart, match="GUIDUI_TRUSTED_PROXIES"):
        Trusted(text)
