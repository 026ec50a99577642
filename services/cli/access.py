"""Commands about who gets in: API keys, accounts, token keys, and how many persons review."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.shell import Code, Data, Id, fail, group, keep_act, read_id, transaction

keys = group("API keys: create, list, revoke.")
accounts = group("Accounts of persons who sign in: create, list, end, reset.")
token_keys = group("Keys for senders that may not send identity numbers: create, end.")


@keys.command("create")
def key_create(
    role: Annotated[str, typer.Option(help="sender, receiver, department, admin, operator")],
    organisation: Annotated[str, typer.Option(help="code; none for an operator")] = "",
    data: Data = None,
) -> None:
    """Print a new API key of an organisation (or of an operator), and nothing else, on stdout."""
    from services.portal.issuing import issue_key
    from services.registry.security_log import SHELL

    with transaction(data) as (app, tx):
        print(issue_key(tx, SHELL, organisation or None, role, app.clock.now()))


@keys.command("list")
def key_list(
    organisation: Annotated[str, typer.Option(help="only of this code")] = "", data: Data = None
) -> None:
    """Keys: id, organisation, role, created, revoked. Never the keys themselves."""
    from services.registry.access import list_keys

    with transaction(data) as (_, tx):
        for key in list_keys(tx, organisation or None):
            revoked = key.revoked_at.isoformat() if key.revoked_at else "-"
            print(key.id, key.organisation or "-", key.role, key.created_at.isoformat(), revoked)


@keys.command("revoke")
def key_revoke(
    key: Annotated[str, typer.Argument(metavar="id", help="id of a key (guidui key list)")] = "",
    organisation: Annotated[str, typer.Option(help="every key of this code instead of one")] = "",
    data: Data = None,
) -> None:
    """End a key, by its id; with --organisation every key of that organisation."""
    from services.portal.issuing import end_key
    from services.registry.access import list_keys
    from services.registry.security_log import SHELL

    if bool(key) == bool(organisation):
        fail("name either the id of a key (guidui key list) or --organisation")
    given = read_id(key, "key") if key else None
    with transaction(data) as (app, tx):
        if given:
            ids = [given]
        else:
            ids = [row.id for row in list_keys(tx, organisation) if row.revoked_at is None]
        for key_id in ids:
            end_key(tx, SHELL, key_id, app.clock.now())


@accounts.command("create")
def account_create(
    role: Annotated[str, typer.Option(help="secretary, clerk, department, admin, operator")],
    name: Annotated[str, typer.Option()],
    organisation: Annotated[str, typer.Option(help="code; none for an operator")] = "",
    data: Data = None,
) -> None:
    """Make an account and print its one-time password."""
    from services.portal.issuing import open_account
    from services.registry.security_log import SHELL

    with transaction(data) as (app, tx):
        print(open_account(tx, SHELL, organisation or None, role, name, app.clock.now()))


@accounts.command("list")
def account_list(
    organisation: Annotated[str, typer.Option(help="only of this code")] = "", data: Data = None
) -> None:
    """Accounts: id, organisation, role, name, created, last sign-in, ended. Never a password."""
    from services.portal.accounts import list_accounts

    with transaction(data) as (_, tx):
        for account in list_accounts(tx, organisation or None):
            moments = (account.created_at, account.signed_in_at, account.ended_at)
            days = [moment.isoformat() if moment else "-" for moment in moments]
            print(account.id, account.organisation or "-", account.role, account.name, *days)


@accounts.command("end")
def account_end(account: Id, data: Data = None) -> None:
    """End an account, by its id: its sessions end at once, and nobody signs in with it."""
    from services.portal.issuing import end_account
    from services.registry.security_log import SHELL

    account_id = read_id(account, "account")
    with transaction(data) as (app, tx):
        end_account(tx, SHELL, account_id, app.clock.now())


@accounts.command("reset")
def account_reset(account: Id, data: Data = None) -> None:
    """Print a fresh one-time password for an account, by its id; its sessions end."""
    from services.portal.issuing import reset_account
    from services.registry.security_log import SHELL

    account_id = read_id(account, "account")
    with transaction(data) as (app, tx):
        print(reset_account(tx, SHELL, account_id, app.clock.now()))


@token_keys.command("create")
def token_key_create(organisation: Code, data: Data = None) -> None:
    """Agree a token key with a sender, and print it (hexadecimal), and nothing else.

    Every member's token is computed with it.
    """
    from services.registry.tokens import agree

    with transaction(data) as (app, tx):
        token_key = agree(tx, organisation, app.clock.now())
        keep_act(app, tx, "token-key-create", "token_key", organisation=organisation)
    print(token_key)


@token_keys.command("end")
def token_key_end(organisation: Code, data: Data = None) -> None:
    """End the token key of a sender and forget the tokens made with it."""
    from services.registry.tokens import end

    with transaction(data) as (app, tx):
        if not end(tx, organisation):
            fail(f"no token key is agreed with {organisation}")
        keep_act(app, tx, "token-key-end", "token_key", organisation=organisation)


def four_eyes(
    organisation: Code,
    off: Annotated[bool, typer.Option("--off")] = False,
    data: Data = None,
) -> None:
    """Ask for two persons (or, --off, one) per review.

    It counts for what the organisation and all below it post.
    """
    from services.matcher.four_eyes import rule
    from services.registry.directory import Directory

    with transaction(data) as (app, tx):
        place = Directory.of(tx).get(organisation)
        if place is None:
            fail(f"no organisation has the code {organisation}")
        rule(tx, place.path, not off, app.clock.now())
        act = "four-eyes-off" if off else "four-eyes-on"
        keep_act(app, tx, act, "organisation", organisation=organisation)
