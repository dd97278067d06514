"""Commands on the database itself: db upgrade, downgrade."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.apps import Json, database_app
from memscore.console import out, print_json
from memscore.errors import InvalidInput
from memscore.store import Database, open_database
from memscore.store.migrate import current_revision, downgrade, losses, migrations_folder, upgrade


@database_app.command("upgrade")
def upgrade_database(as_json: Json = False) -> None:
    """Bring the database to the schema of this version."""
    with _database_at_any_revision() as database:
        before = current_revision(database)
        upgrade(database)
        _print_revisions(database, before, as_json)


@database_app.command("downgrade")
def downgrade_database(
    revision: Annotated[str, typer.Argument(help="The revision to go down to; base undoes everything.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database to the schema of an earlier version. Stop the service first."""
    with _database_at_any_revision() as database:
        before = current_revision(database)
        lost = losses(database, revision)
        if not yes:
            if as_json:
                raise InvalidInput("With --json nothing is asked: give --yes as well.")
            for loss in lost:
                out.print(f"lost would be: {loss.what}, {loss.values} {'values' if '.' in loss.what else 'rows'}")
            typer.confirm(f"Take {database.shown} from revision {before} down to {revision}?", abort=True)
        downgrade(database, revision)
        _print_revisions(database, before, as_json, lost={loss.what: loss.values for loss in lost})


@contextmanager
def _database_at_any_revision() -> Generator[Database]:
    settings = settings_module.load()
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        yield database
    finally:
        database.close()


def _print_revisions(database: Database, before: str | None, as_json: bool, **more: object) -> None:
    after = current_revision(database)
    if as_json:
        print_json({"before": before, "after": after, **more})
    else:
        out.print(f"Database {database.shown}: revision {before or 'none'} -> {after or 'none'}")
        out.print(f"Revisions come from {migrations_folder()}")
