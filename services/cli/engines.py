"""Commands of the two engines: addresses to communities, persons to members, and their model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.cli.shell import Data, fail, group, keep_act, read_settings, transaction

models = group("Versions of the identity model: fit, use, list.")


def resolve(
    inp: Annotated[Path, typer.Option("--in")],
    out: Annotated[Path, typer.Option("--out")],
    learn: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Addresses to communities (docs/interface.md §4). No server needed."""
    from services.addresses.file import resolve_file
    from services.kit.garbage import collect_seldom

    collect_seldom()
    raise typer.Exit(resolve_file(inp, out, learn, cache=read_settings().cache))


def identify(
    members: Annotated[Path, typer.Option()],
    inp: Annotated[Path, typer.Option("--in")],
    out: Annotated[Path, typer.Option("--out")],
) -> None:
    """Persons to members (docs/interface.md §5). No server needed."""
    from services.identity.file import identify_files
    from services.kit.garbage import collect_seldom

    collect_seldom()
    raise typer.Exit(identify_files(members, inp, out))


@models.command("fit")
def model_fit(
    version: Annotated[str, typer.Option(help="name of the new version, such as identity-2")],
    out: Annotated[Path, typer.Option(help="where to write it")],
    data: Data = None,
) -> None:
    """Fit a new version of the identity model to what people decided on the review desk."""
    from services.kit.errors import Refused
    from services.matcher.model_fit import refitted
    from services.matcher.model_store import in_force
    from services.matcher.reviewed import groups

    with transaction(data) as (_, tx):
        try:
            model, worth = refitted(in_force(tx).data, groups(tx), version)
        except Refused as error:
            fail(f"{error.words.zh} {error.words.en}", 1)
    out.write_text(json.dumps(model, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(json.dumps({"version": version, **worth}))


@models.command("use")
def model_use(
    version: Annotated[
        str, typer.Argument(help="a version that is kept, or the file of a new one")
    ],
    data: Data = None,
) -> None:
    """Let a version of the identity model judge from now on.

    A file is kept first; old versions stay.
    """
    from services.matcher import model_store

    file = Path(version)
    with transaction(data) as (app, tx):
        if file.is_file():
            try:
                model = json.loads(file.read_text("utf-8"))
                model_store.add(tx, model, app.clock.now())
                version = model["version"]
            except (ValueError, KeyError) as error:
                fail(f"{file} is no model: {error!r}")
        model_store.switch(tx, version)
        keep_act(app, tx, "model-use", "model")
    print(version)


@models.command("list")
def model_list(data: Data = None) -> None:
    """All versions of the identity model.

    Each line: whether it judges, when it was made, from how many decisions.
    """
    from services.matcher.model_store import versions

    with transaction(data) as (_, tx):
        for model in versions(tx):
            mark = "*" if model["in_force"] else " "
            made_at = model["made_at"].isoformat() if model["made_at"] else "shipped"
            print(mark, model["version"], made_at, model["rows"] or "-")
