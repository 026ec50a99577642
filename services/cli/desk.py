"""Commands of the dead-letter desk: what could not be handled, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.shell import Data, fail, group, keep_act, opened, transaction

if TYPE_CHECKING:
    from services.app import App
    from services.kit.bus.consumer import Subscription

desk = group("What could not be handled: list, retry, skip; resume a consumer.")


@desk.command("list")
def desk_list(data: Data = None) -> None:
    """What waits for a decision: id, consumer, type, organisation, attempts, reason."""
    from services.kit.bus import dead_letters

    with transaction(data) as (_, tx):
        for letter in dead_letters.listed(tx):
            print(
                letter.id,
                letter.consumer,
                letter.type,
                letter.organisation or "-",
                letter.attempts,
                letter.reason_zh,
                letter.reason_en,
                sep="\t",
            )


@desk.command("retry")
def desk_retry(letter: int, data: Data = None) -> None:
    """Try a dead letter again, then what waited behind it."""
    from services.kit.bus import dead_letters

    with opened(data) as app:
        _keep(app, "retry", "dead_letter", letter)
        failure = dead_letters.retry(app.worker, letter, _subscriptions(app), app.clock)
        if failure is not None:
            fail(f"{failure.zh} {failure.en}", 1)


@desk.command("skip")
def desk_skip(letter: int, data: Data = None) -> None:
    """Give a dead letter up, and handle what waited behind it."""
    from services.kit.bus import dead_letters

    with opened(data) as app:
        _keep(app, "skip", "dead_letter", letter)
        dead_letters.skip(app.worker, letter, _subscriptions(app), app.clock)


@desk.command("resume")
def desk_resume(consumer: str, data: Data = None) -> None:
    """Let a consumer go on that has stopped because too much failed."""
    from services.kit.bus.consumer import resume

    with opened(data) as app:
        _keep(app, "resume", "consumer", consumer)
        resume(app.worker, consumer)


def _subscriptions(app: App) -> list[Subscription]:
    from services.app import HANDLERS

    return [make(app) for make in HANDLERS.values()]


def _keep(app: App, act: str, about: str, reference: object) -> None:
    """The act is kept before it is done: each step of it commits by itself."""
    with app.worker.begin() as tx:
        keep_act(app, tx, act, about, reference=reference)
