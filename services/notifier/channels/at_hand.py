"""The channels of this installation."""

from __future__ import annotations

from services.kit.settings import Settings
from services.notifier.channels import Channels
from services.notifier.channels.email import Email
from services.notifier.channels.portal_inbox import PortalInbox


def channels_at_hand(settings: Settings) -> Channels:
    """Channel by name: the portal's inbox always, e-mail where a mail server is named."""
    email = Email.of(settings)
    return {"portal": PortalInbox()} | ({"email": email} if email else {})
