"""Commands on backups of the database: db backup, db restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from memscore import settings as settings_module
from memscore.cli.options import Json
from memscore.console import note, out, print_json, warn
from memscore.counted import counted
from memscore.datasets.forgotten import described
from memscore.progress import progress_lines
from memscore.settings import Settings
from memscore.store.backup import Backup, back_up, restore, unknown_to
from memscore.store.checking import arrays_fault
from memscore.store.database import sqlite_file
from memscore.store.migrate import head_revision
from memscore.workflows.embedded import existing_at_any_revision

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def backup_database(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to write.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Back up the SQLite database and the pepper of its keys to one file, also while a service runs."""
    settings = settings_module.load()
    with progress_lines(f"writing {file}", lines=not as_json), existing_at_any_revision(settings) as database:
        made = back_up(database, settings, file, overwrite=overwrite)
        shown = database.shown
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, "database": shown, **made.model_dump()})
        return
    out.print(
        f"Database {shown} at revision {made.revision}{', with its pepper,' if made.pepper else ''} written to {file}: "
        f"{decimal(size)}",
        soft_wrap=True,
    )
    if made.datasets:
        names = ", ".join(one.name for one in made.datasets)
        note(
            f"The arrays of {counted(len(made.datasets), 'dataset')} ({names}) are not in it; keep a copy of "
            f"{settings.home / 'datasets'} too."
        )
    if settings.key_pepper is not None:
        note("Its keys need the present MEMSCORE_KEY_PEPPER, which is not in it; keep that too.")


def restore_database(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup made by db backup.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Restore the SQLite database and the pepper from a backup. Stop the service first."""
    settings = settings_module.load()
    with progress_lines(f"restoring {file}", lines=not as_json):
        restored = restore(file, settings, overwrite=overwrite)
        faults = _faults(restored, settings)
    target = sqlite_file(settings.database)
    if as_json:
        found = [
            {**one.model_dump(), "problem": fault and fault[0], "remedy": fault and fault[1]}
            for one, fault in zip(restored.datasets, faults, strict=True)
        ]
        print_json({"database": str(target), **restored.model_dump(), "datasets": found})
        return
    out.print(
        f"Database {target} restored{' with its pepper' if restored.pepper else ''}, as it was on {restored.made_at}",
        soft_wrap=True,
    )
    for one, fault in zip(restored.datasets, faults, strict=True):
        if fault is not None:
            warn(f"Dataset {one.name}: {fault[0]} ({fault[1]}).")
    if restored.revision != head_revision():
        note("It is of an earlier version; next: memscore db upgrade.")
    for one, gone in unknown_to(settings, restored):
        warn(
            f"Dataset {one.name}: {described(gone)} were removed on request after the backup; so that nothing is "
            "trained on it, next: memscore db check --repair"
        )


def _faults(restored: Backup, settings: Settings) -> list[tuple[str, str] | None]:
    """What is wrong with the arrays of each dataset in the home folder, and what to do."""
    return [arrays_fault(settings.home, one.name, one.fingerprint, one.source) for one in restored.datasets]
