"""Commands on the database itself: db upgrade, downgrade, check, prune, usage."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.filesize import decimal
from sqlalchemy import inspect

from memscore import settings as settings_module
from memscore.cli.options import Json
from memscore.console import err, out, print_json, print_table
from memscore.counted import counted
from memscore.errors import Conflict, InvalidInput
from memscore.progress import progress_bar, progress_lines
from memscore.store import Database, leadership
from memscore.store.checking import check, size
from memscore.store.findings import DatabaseFinding
from memscore.store.migrate import current_revision, downgrade, losses, migrations_folder, upgrade
from memscore.store.usage import Usage, usage
from memscore.workflows.embedded import existing_database, opened_at_any_revision


def upgrade_database(as_json: Json = False) -> None:
    """Upgrade the database to the schema of this version."""
    with opened_at_any_revision(settings_module.load()) as database:
        before = current_revision(database)
        with progress_lines("upgrading the database", lines=not as_json):
            upgrade(database)
        _print_revisions(database, before, as_json)


def downgrade_database(
    revision: Annotated[str, typer.Argument(help="The revision to downgrade to; base undoes all migrations.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Downgrade the database to the schema of an earlier version. Stop the service first."""
    with opened_at_any_revision(settings_module.load()) as database:
        before = current_revision(database)
        lost = losses(database, revision)
        _require_no_dispatcher(database)
        if as_json and not yes:
            raise InvalidInput("--json cannot ask for confirmation; add --yes.")
        if not as_json:
            for loss in lost:
                counted = f"{loss.values} {'values' if '.' in loss.what else 'rows'}"
                out.print(f"{'lost' if yes else 'would be lost'}: {loss.what}, {counted}")
        if not yes:
            typer.confirm(f"Downgrade {database.shown} from revision {before} to {revision}?", abort=True)
        with progress_lines("downgrading the database", lines=not as_json):
            downgrade(database, revision)
        _print_revisions(database, before, as_json, lost={loss.what: loss.values for loss in lost})


def check_database(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Delete damaged data that can be trained or built again, and escape texts that cannot be shown.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify all stored data and list the damage; exit status 1 if any remains after repairs."""
    settings = settings_module.load()
    with existing_database(settings) as database:
        shown, sizes = database.shown, size(database)
        with progress_bar("checked", err, lines=not as_json) as bar:
            task = bar.add_task("database", total=sum(sizes.values()))

            def watch(what: str, more: int) -> None:
                bar.update(task, description=what, advance=more)

            findings = list(check(database, settings.home, repair=repair, watch=watch))
    damaged = sum(finding.damage for finding in findings)
    if as_json:
        found = [{**asdict(finding), "damage": finding.damage} for finding in findings]
        print_json({"database": shown, "checked": sizes, "damaged": damaged, "findings": found})
    else:
        _print_findings(findings)
        looked_at = ", ".join(counted(count, _singular(name)) for name, count in sizes.items())
        out.print(f"Checked {shown}: {looked_at}", soft_wrap=True)
        _print_damage(damaged, findings, repair)
    if damaged:
        raise typer.Exit(1)


def _singular(table: str) -> str:
    """What a row of a table is: a study of studies, a score table of score_tables."""
    noun = table.replace("_", " ")
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def prune_database(
    study: Annotated[str | None, typer.Option(help="Only versions of this study.")] = None,
    keep: Annotated[int, typer.Option(min=1, help="Number of versions of each table to keep, newest first.")] = 1,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Also shrink the SQLite file; writers wait meanwhile.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old versions of score tables and pairs tables. Evidence is always kept."""
    from memscore.store import pruning

    with progress_lines("pruning", lines=not as_json), existing_database(settings_module.load()) as database:
        if vacuum:
            pruning.require_vacuum(database)
        pruned = pruning.prune(database, study, keep, dry_run=dry_run)
        freed = pruning.vacuum(database) if vacuum and not dry_run else None
    total = sum(one.bytes for one in pruned)
    if as_json:
        print_json({"studies": [asdict(one) for one in pruned], "bytes": total, "file_smaller_by": freed})
        return
    if pruned:
        print_table(("study", "versions", "size"), ((one.name, one.versions, decimal(one.bytes)) for one in pruned))
    out.print(
        f"{counted(sum(one.versions for one in pruned), 'version')} {'would be ' if dry_run else ''}removed: "
        f"{decimal(total)}"
    )
    if freed is not None:
        out.print(f"The database file is {decimal(freed)} smaller.")


def show_usage(as_json: Json = False) -> None:
    """Show what takes the disk: trials, tables and logs of each study, files of each dataset."""
    settings = settings_module.load()
    with existing_database(settings) as database, database.reading() as connection:
        found = usage(connection, settings.home)
    if as_json:
        print_json(found.message())
        return
    _print_usage(found)
    out.print(
        f"The database takes {decimal(found.database_bytes)}, datasets {decimal(found.dataset_bytes)}, and "
        f"{counted(found.log_files, 'file')} of job logs {decimal(found.log_file_bytes)}, in {settings.home}.",
        soft_wrap=True,
    )


def _print_usage(found: Usage) -> None:
    """Tables of studies and of datasets, the largest first."""
    columns = ("study", "dataset", "trials", "evidence", "tables", "published", "jobs", "job logs")
    rows = [
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
        for one in sorted(found.studies, key=lambda one: -one.size.bytes)
    ]
    files = [(one.name, one.studies, decimal(one.bytes)) for one in sorted(found.datasets, key=lambda one: -one.bytes)]
    for titles, shown in ((columns, rows), (("dataset", "studies", "files"), files)):
        if shown:
            print_table(titles, shown)


def _print_findings(findings: list[DatabaseFinding]) -> None:
    for finding in findings:
        kind = "note" if finding.harmless else "repaired" if finding.repaired else "damaged"
        then = finding.repaired or finding.remedy
        out.print(f"{kind}: {finding.place}: {finding.problem}" + (f" ({then})" if then else ""), soft_wrap=True)


def _print_damage(damaged: int, findings: list[DatabaseFinding], repair: bool) -> None:
    if damaged:
        out.print(
            f"Damaged: {damaged}" + ("" if repair else "; to repair what can be made again: memscore db check --repair")
        )
    else:
        out.print("Nothing is damaged." if not any(one.repaired for one in findings) else "Everything is repaired.")


def _require_no_dispatcher(database: Database) -> None:
    """Raises Conflict while a dispatcher leads, because a downgrade removes tables that it uses."""
    if not inspect(database.engine).has_table(leadership.TABLE):
        return
    with database.reading() as connection:
        leader = leadership.current(connection, leadership.LEADER)
    if leader is not None and leader.seconds_left >= 0:
        raise Conflict(
            f"The dispatcher {leader.owner} is using this database; stop the service first, "
            "or wait 20 seconds if it has died."
        )


def _print_revisions(database: Database, before: str | None, as_json: bool, **more: object) -> None:
    after = current_revision(database)
    if as_json:
        print_json({"before": before, "after": after, **more})
    else:
        out.print(f"Database {database.shown}: revision {before or 'none'} -> {after or 'none'}")
        out.print(f"Revisions come from {migrations_folder()}")
