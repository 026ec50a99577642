"""Commands of the dead-letter desk: what could not be handled, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.shell import Data, fail, group, keep_act, opened, transaction

if TYPE_CHECKING:
    from services.kit.consumer import Subscription
    from services.wiring import House

desk = group("What could not be handled: list, retry, skip; resume a consumer.")


@desk.command("list")
def desk_list(data: Data = None) -> None:
    """What waits for a decision: id, consumer, type, organisation, attempts, reason."""
    from services.kit import dead_letters

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
    from services.kit import dead_letters

    with opened(data) as house:
        _keep(house, "retry", "dead_letter", letter)
        failure = dead_letters.retry(house.worker, letter, _subscriptions(house), house.clock)
        if failure is not None:
            fail(f"{failure.zh} {failure.en}", 1)


@desk.command("skip")
def desk_skip(letter: int, data: Data = None) -> None:
    """Give a dead letter up, and handle what waited behind it."""
    from services.kit import dead_letters

    with opened(data) as house:
        _keep(house, "skip", "dead_letter", letter)
        dead_letters.skip(house.worker, letter, _subscriptions(house), house.clock)


@desk.command("resume")
def desk_resume(consumer: str, data: Data = None) -> None:
    """Let a consumer go on that has stopped because too much failed."""
    from services.kit.consumer import resume

    with opened(data) as house:
        _keep(house, "resume", "consumer", consumer)
        resume(house.worker, consumer)


def _subscriptions(house: House) -> list[Subscription]:
    from services.wiring import HANDLERS

    return [make(house) for make in HANDLERS.values()]


def _keep(house: House, act: str, about: str, reference: object) -> None:
    """The act is kept before it is done: each step of it commits by itself."""
    with house.worker.begin() as tx:
        keep_act(house, tx, act, about, reference=reference)
