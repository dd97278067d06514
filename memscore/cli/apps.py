"""The Typer applications that commands register on, and the options they share."""

from __future__ import annotations

from typing import Annotated

import typer

import memscore

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=memscore.__doc__)
database_app = typer.Typer(no_args_is_help=True, help="The database.")
datasets_app = typer.Typer(no_args_is_help=True, help="Datasets: add, list, show, image.")
jobs_app = typer.Typer(no_args_is_help=True, help="Jobs: list, show, watch, cancel, resume, log, events.")
scores_app = typer.Typer(no_args_is_help=True, help="Scores of a study.")
pairs_app = typer.Typer(no_args_is_help=True, help="High-influence pairs of a study.")
evidence_app = typer.Typer(no_args_is_help=True, help="The evidence of a study: export, import.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
app.add_typer(database_app, name="db")
app.add_typer(datasets_app, name="datasets")
app.add_typer(jobs_app, name="jobs")
app.add_typer(scores_app, name="scores")
app.add_typer(pairs_app, name="pairs")
app.add_typer(evidence_app, name="evidence")
app.add_typer(keys_app, name="keys")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
GpusPerRun = Annotated[
    float, typer.Option(min=0.01, max=1, help="Share of a GPU that a run takes: 0.5 puts two on each.")
]
Slots = Annotated[
    int | None, typer.Option(min=1, help="Runs at the same time, at most.  [default: one per share or core]")
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="MEMSCORE_URL",
        help="A service; without it the embedded database is used. Its key is read from MEMSCORE_KEY alone, since "
        "other users of the machine see a command's arguments.",
    ),
]
