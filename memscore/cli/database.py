"""Commands on the database itself: db upgrade."""

from __future__ import annotations

from memscore import settings as settings_module
from memscore.cli.apps import Json, database_app
from memscore.console import out, print_json
from memscore.store import open_database
from memscore.store.migrate import current_revision, upgrade


@database_app.command("upgrade")
def upgrade_database(as_json: Json = False) -> None:
    """Bring the database to the schema of this version."""
    settings = settings_module.load()
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        before = current_revision(database)
        upgrade(database)
        after = current_revision(database)
    finally:
        database.close()
    if as_json:
        print_json({"before": before, "after": after})
    else:
        out.print(f"Database {database.shown}: revision {before or 'none'} -> {after}")
