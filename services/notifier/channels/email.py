"""E-mail over SMTP (RFC 5321)."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import KW_ONLY, dataclass, field
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import Message
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from typing import Any

from services.kit.settings import Settings
from services.notifier.channels import ChannelError, Notice

TIMEOUT_SECONDS = 20
IMPLICIT_TLS_PORT = 465
TAKEN = 250
MAILBOX_FULL = 552  # a 5xx by its number, but it passes (RFC 5321, 4.2.3)


@dataclass(eq=False)
class Email:
    """Hands notices to one mail server over one connection that is opened when needed and kept.

    With `starttls`, or a password, nothing is sent before the connection is encrypted and the
    server's certificate checked (`context`: by default the system's authorities; SSL_CERT_FILE
    names others). The Message-ID is the notice's id, so a mail sent twice can be told by whoever
    receives it.
    """

    disturbs = True

    host: str
    port: int = 25
    _: KW_ONLY
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = False
    timeout: float = TIMEOUT_SECONDS
    context: ssl.SSLContext | None = None
    _server: smtplib.SMTP | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.starttls = self.starttls or self.username is not None

    @classmethod
    def of(cls, settings: Settings) -> Email | None:
        """The channel that the settings describe; None where no mail server is named."""
        if settings.smtp_host is None:
            return None
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            sender=settings.smtp_from,
            username=settings.smtp_username,
            password=password,
            starttls=settings.smtp_starttls,
        )

    def send(self, notice: Notice) -> None:
        """Returns when the server has taken the mail (250 to DATA)."""
        mail = self._mail(notice)
        server = self._open()
        try:
            _accept(server.mail(self.sender), "sender refused", ours=True)
            _accept(server.rcpt(notice.address), "recipient refused")
        except ChannelError:
            self._forget(quietly=False)
            raise
        except OSError as error:
            self._forget()
            raise ChannelError(f"connection lost: {_named(error)}") from error
        self._data(server, mail)

    def close(self) -> None:
        """Ends the connection."""
        self._forget(quietly=False)

    def _mail(self, notice: Notice) -> bytes:
        if not _is_usable(notice.address):
            raise ChannelError("not an e-mail address", permanent=True)
        # not EmailMessage: Python 3.11 loses spaces in a folded subject
        mail: Message[Any, Any] = MIMEText(notice.text, "plain", "utf-8")
        mail["To"] = notice.address
        mail["From"] = self.sender
        mail["Subject"] = Header(notice.subject, "utf-8", header_name="Subject")
        mail["Date"] = format_datetime(notice.at)
        mail["Message-ID"] = f"<{notice.id}@{self.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
        mail["Content-Language"] = notice.language
        return mail.as_bytes(policy=compat32.clone(linesep="\r\n"))

    def _data(self, server: smtplib.SMTP, mail: bytes) -> None:
        try:
            answer = server.data(mail)
        except smtplib.SMTPDataError as error:
            reply = error.smtp_error
            answer = error.smtp_code, reply.encode() if isinstance(reply, str) else reply
        except OSError as error:
            self._forget()
            raise ChannelError(
                f"connection lost in the mail: {_named(error)}", unknown=True
            ) from error
        if answer[0] != TAKEN:
            self._forget(quietly=False)
        _accept(answer, "mail refused")

    def _open(self) -> smtplib.SMTP:
        """The kept connection if it still answers, else a new one."""
        if self._server is not None:
            try:
                if self._server.noop()[0] == TAKEN:
                    return self._server
            except OSError:
                pass
            self._forget()
        try:
            self._server = self._connect()
        except OSError as error:
            raise ChannelError(f"mail server not usable: {_named(error)}") from error
        return self._server

    def _connect(self) -> smtplib.SMTP:
        context = self.context or ssl.create_default_context()
        if self.port == IMPLICIT_TLS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.starttls and self.port != IMPLICIT_TLS_PORT:
                server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            if self.username is not None:
                server.login(self.username, self.password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _forget(self, quietly: bool = True) -> None:
        """Drops the connection; with a QUIT unless it is known to be broken."""
        server, self._server = self._server, None
        if server is None:
            return
        try:
            server.close() if quietly else server.quit()
        except OSError:
            server.close()


def _is_usable(address: str) -> bool:
    """Whether it is an address that every server takes."""
    try:
        return Address(addr_spec=address).addr_spec.isascii()
    except (ValueError, IndexError, MessageError):
        return False


def _accept(answer: tuple[int, bytes], what: str, ours: bool = False) -> None:
    """Raises unless the code is 2xx. 5xx is permanent, unless it is about us (`ours`) or a full
    mailbox.
    """
    code = answer[0]
    if not 200 <= code < 300:
        permanent = code >= 500 and code != MAILBOX_FULL and not ours
        raise ChannelError(f"{what}: {code}", permanent=permanent)


def _named(error: OSError) -> str:
    """The kind of an error without its text, which may quote an address."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__
