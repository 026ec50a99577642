"""E-mail over a real SMTP server."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from services.kit.clock import ZONE
from services.kit.settings import Settings
from services.notifier.channels import ChannelError, Notice
from services.notifier.channels.at_hand import channels_at_hand
from services.notifier.channels.email import Email
from tests.notifier.mailserver import Mailbox, certificate, mail_server

AT = datetime(2026, 11, 23, 10, 0, tzinfo=ZONE)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox):
    with mail_server(mailbox) as port:
        yield port


@pytest.fixture
def email(port):
    email = Email("127.0.0.1", port, sender="guidui@example.org", timeout=5)
    yield email
    email.close()


def notice(address: str = "secretary@example.org") -> Notice:
    return Notice(
        uuid4(),
        address,
        "请决定是否接收 3 名党员（应于 11月27日 前办理）",
        "第一行\n.\n𠮷、䶮\n",
        "zh-CN",
        AT,
    )


def refusal(channel: Email, *args) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        channel.send(notice(*args))
    return caught.value


def test_what_arrives_is_what_was_written(email, mailbox):
    sent = notice()
    email.send(sent)
    [mail] = mailbox.mails
    assert mail["Message-ID"] == f"<{sent.id}@example.org>"
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        sent.address,
        "guidui@example.org",
        sent.subject,
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == AT
    assert mail.get_content().splitlines() == sent.text.splitlines()


def test_one_connection_serves_many_mails_and_refusals_do_not_spoil_it(email, mailbox):
    for _ in range(3):
        email.send(notice())
    assert len(mailbox.sessions) == 1
    assert refusal(email, "550@example.org").permanent
    email.send(notice())
    assert len(mailbox.mails) == 4


@pytest.mark.parametrize(
    "address,permanent",
    [
        ("550@example.org", True),
        ("553@example.org", True),
        ("552@example.org", False),
        ("451@example.org", False),
        ("a@b@c", True),
        ("", True),
        ("x\r\nBcc: y@example.org", True),
        ("王敏@example.org", True),
    ],
)
def test_refusals_are_told_apart_and_quote_no_address(email, mailbox, address, permanent):
    error = refusal(email, address)
    assert (error.permanent, error.unknown) == (permanent, False)
    assert address.partition("@")[2] not in str(error) or not address
    assert mailbox.mails == []


def test_a_line_cut_in_the_mail_leaves_the_outcome_unknown(email, mailbox):
    mailbox.hang_up = True
    error = refusal(email)
    assert error.unknown and not error.permanent
    mailbox.hang_up = False
    email.send(notice())
    assert len(mailbox.mails) == 1


def test_a_server_that_is_down_or_restarted(mailbox):
    with mail_server(mailbox) as port:
        email = Email("127.0.0.1", port, sender="guidui@example.org", timeout=5)
        email.send(notice())
    error = refusal(email)
    assert not error.permanent and not error.unknown
    email.close()


def test_a_password_goes_over_an_encrypted_line_to_a_known_server_only(tmp_path, mailbox):
    server, client = certificate(tmp_path)
    with mail_server(
        mailbox, tls_context=server, authenticator=mailbox.authenticate, auth_required=True
    ) as port:
        account = {"sender": "guidui@example.org", "username": "guidui", "timeout": 5}
        email = Email("127.0.0.1", port, password="secret", context=client, **account)
        email.send(notice())
        email.close()
        assert mailbox.users == ["guidui"] and len(mailbox.mails) == 1
        wrong = refusal(Email("127.0.0.1", port, password="wrong", context=client, **account))
        assert not wrong.permanent
        stranger = refusal(Email("127.0.0.1", port, password="secret", **account))
        assert not stranger.permanent
        assert mailbox.users == ["guidui", "guidui"]
    with mail_server(mailbox) as plain:
        assert not refusal(Email("127.0.0.1", plain, password="secret", **account)).permanent
        assert len(mailbox.users) == 2


def test_settings_describe_the_channel_or_none():
    assert set(channels_at_hand(Settings(smtp_host=None))) == {"portal"}
    email = Email.of(
        Settings(
            smtp_host="mail.example.org",
            smtp_port=587,
            smtp_username="u",
            smtp_password="p",
            smtp_from="guidui@example.org",
        )
    )
    assert (
        email.host,
        email.port,
        email.username,
        email.password,
        email.starttls,
        email.sender,
    ) == (
        "mail.example.org",
        587,
        "u",
        "p",
        True,
        "guidui@example.org",
    )
