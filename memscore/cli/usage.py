"""The command that shows what takes the disk."""

from __future__ import annotations

from dataclasses import asdict

from rich.filesize import decimal

from memscore import settings as settings_module
from memscore.cli.options import Json
from memscore.console import out, print_json, print_table
from memscore.counted import counted
from memscore.store.usage import usage
from memscore.workflows.embedded import existing_database


def show_usage(as_json: Json = False) -> None:
    """Show what takes the disk: trials, tables and logs of each study, files of each dataset."""
    settings = settings_module.load()
    with existing_database(settings) as database, database.reading() as connection:
        found = usage(connection, settings.home)
    if as_json:
        print_json(
            {
                "studies": [{**asdict(one), "bytes": one.size.bytes} for one in found.studies],
                "datasets": [asdict(one) for one in found.datasets],
                "log_files": {"files": found.log_files, "bytes": found.log_file_bytes},
                "database_bytes": found.database_bytes,
            }
        )
        return
    columns = ("study", "dataset", "trials", "evidence", "tables", "published", "jobs", "logs")
    ranked = sorted(found.studies, key=lambda one: -one.size.bytes)
    if ranked:
        print_table(
            columns,
            (
                (
                    one.name,
                    one.dataset,
                    one.size.trials + one.size.full_trials,
                    decimal(one.size.evidence_bytes),
                    f"{one.size.tables}: {decimal(one.size.table_bytes)}",
                    one.size.published,
                    one.size.jobs,
                    decimal(one.size.log_bytes),
                )
                for one in ranked
            ),
        )
    if found.datasets:
        largest = sorted(found.datasets, key=lambda one: -one.bytes)
        print_table(("dataset", "studies", "files"), ((one.name, one.studies, decimal(one.bytes)) for one in largest))
    out.print(
        f"The database takes {decimal(found.database_bytes)}, datasets {decimal(found.dataset_bytes)}, and "
        f"{counted(found.log_files, 'log file')} {decimal(found.log_file_bytes)}, in {settings.home}.",
        soft_wrap=True,
    )
