"""guidui: the command line (docs/interface.md §1). Exit 0 done, 1 done with failures, 2 bad usage
or bad input.

One module a group of commands; `shell` is what they share.
"""

from __future__ import annotations

import typer

from services.cli import access, desk, engines, records, serve, tools
from services.cli.records import KINDS
from services.cli.shell import Commands

__all__ = ["KINDS", "cli", "main"]

cli = typer.Typer(
    name="guidui",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="归队: keeps a party member's organisational relation moving with the member.",
)
for command in (
    serve.run,
    serve.intake,
    serve.portal,
    serve.matcher,
    serve.notifier,
    serve.relay,
    serve.migrate,
    records.load,
    tools.post,
    engines.resolve,
    engines.identify,
    records.erase,
    tools.simulate,
    tools.bench,
    records.statement,
):
    cli.command()(command)
cli.command("four-eyes")(access.four_eyes)
cli.add_typer(access.keys, name="key")
cli.add_typer(access.accounts, name="account")
cli.add_typer(serve.clusters, name="cluster")
cli.add_typer(engines.models, name="model")
cli.add_typer(access.token_keys, name="token-key")
cli.add_typer(records.rules, name="rule")
cli.add_typer(records.what_ifs, name="what-if")
cli.add_typer(records.number_ranges, name="numbers")
cli.add_typer(desk.desk, name="desk")


def main() -> None:
    """Entry point."""
    cli()
