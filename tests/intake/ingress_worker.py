"""What a consumer process of the tests runs: intake's subscription of `ingress`, with the tests'
secret.
"""

from __future__ import annotations

from services.intake.ingress import subscription
from services.kit.bus.consumer import Subscription
from services.kit.clock import SystemClock

SECRET = b"a secret of the tests"


def ingress() -> Subscription:
    return subscription(SystemClock(), SECRET)
