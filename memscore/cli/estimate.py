"""Commands that run jobs: estimate, recipes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from memscore import settings as settings_module
from memscore.cli.apps import Json, Url, app
from memscore.cli.context import opened_client, opened_database
from memscore.cli.jobs import follow, run_here
from memscore.client import Client, Extras
from memscore.console import complain, decimal, out, print_json, print_table
from memscore.errors import Conflict, InvalidInput
from memscore.messages.jobs import JobMessage, Plan
from memscore.progress import told
from memscore.settings import Settings
from memscore.store import Database, evidence
from memscore.study import signatures
from memscore.study.recipes import RECIPES, read_recipe, recipe_of
from memscore.study.spec import NETWORKS, Design, Recipe, Target, study_id
from memscore.validation import sentence
from memscore.workflows.embedded import ensure_registered

Made = TypeVar("Made")


@app.command()
def estimate(
    dataset: Annotated[str, typer.Option(help="A registered dataset; a built-in one is added by itself.")],
    recipe: Annotated[str, typer.Option(help=f"One of {', '.join(RECIPES)}; or a JSON file.")] = "digits",
    trials: Annotated[int | None, typer.Option(min=1, help="Trials the study is brought to.  [default: 200]")] = None,
    until_se: Annotated[
        float | None, typer.Option(help="Instead: until the standard error of mem is at most this.")
    ] = None,
    until_settled: Annotated[
        float | None, typer.Option(help="Instead: until it is settled whether mem lies above or below this.")
    ] = None,
    share: Annotated[float | None, typer.Option(help="For so large a share of the samples.  [default: 0.95]")] = None,
    max_trials: Annotated[int | None, typer.Option(min=1, help="In at most so many trials.  [default: 2000]")] = None,
    ratio: Annotated[float, typer.Option(help="Share of the samples in each subset.")] = 0.7,
    design_kind: Annotated[str, typer.Option("--design", help="balanced or uniform.")] = "balanced",
    seed: Annotated[int, typer.Option(help="Seed of the design.")] = 0,
    study_name: Annotated[str | None, typer.Option(help="Name of the study; default: the dataset's.")] = None,
    full_trials: Annotated[
        int, typer.Option(min=0, help="Trials on all samples, for the typical test set; 0 leaves them out.")
    ] = 5,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also record the true class's probability.")
    ] = False,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Look for influence between classes too.")] = False,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop after running for so long, such as 90m or 2h30m; resume goes on.")
    ] = None,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Go on though the network's code has changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost and give.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Estimate the scores of a dataset: submit a job, and run it here unless --url names a service."""
    design = _validated(
        lambda: Design.model_validate({"kind": design_kind, "subset_ratio": ratio, "seed": seed}),
    )
    given = {
        "trials": 200 if trials is None and until_se is None and until_settled is None else trials,
        "standard_error": until_se,
        "settled_at": until_settled,
        "share": share,
        "max_trials": max_trials,
    }
    target = _validated(
        lambda: Target.model_validate({name: value for name, value in given.items() if value is not None}),
    )
    chosen = read_recipe(recipe) if recipe.endswith(".json") else recipe
    wanted: Extras = {
        "full_trials": full_trials,
        "probabilities": probabilities,
        "pairs": "all" if all_pairs else "same_class",
        "time_limit_seconds": None if time_limit is None else _seconds(time_limit),
    }
    if allow_changed_network:  # which an older service does not know
        wanted["allow_changed_network"] = True

    def submit(client: Client) -> JobMessage:
        job = client.submit(dataset, chosen, target=target, design=design, study_name=study_name, **wanted)
        for note in job.notes:
            complain("note", note, "bold")
        return job

    if url is not None:
        with opened_client(url) as client:
            if dry_run:
                _print_plan(client.plan(dataset, chosen, target=target, design=design, **wanted), None, as_json)
                return
            job = follow(client, submit(client), lines=not as_json)
            study = client.study(job.study)
    else:
        from api.serving.in_process import in_process

        settings = settings_module.load()
        with opened_database(settings) as database, Client(http=in_process(database)) as client:
            record = ensure_registered(database, settings, dataset)
            if dry_run:
                plan = client.plan(record.name, chosen, target=target, design=design, **wanted)
                with told("measuring a trial", lines=not as_json):
                    plan = _calibrated(plan, settings, record.fingerprint, chosen, design)
                _print_plan(plan, settings.slots, as_json)
                return
            _try_network(database, settings, record.fingerprint, recipe_of(chosen), design, allow_changed_network)
            job = run_here(client, database, settings, submit(client), lines=not as_json)
            study = client.study(job.study)
    if as_json:
        print_json({"job": job.model_dump(mode="json"), "study": study.model_dump(mode="json")})
        return
    assert study.table is not None
    out.print(
        f"Study {study.name} ({study.id}): {study.table.trials} trials, accuracy in-sample "
        f"{decimal(study.table.in_sample_accuracy)}, held-out {decimal(study.table.held_out_accuracy)}",
        highlight=False,
    )
    if target.precise and job.outcome is not None:
        out.print(job.outcome)
    for warning in study.table.warnings:
        complain("warning", warning, "bold yellow")
    out.print(f"Next: memscore scores top {study.name}")


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the named recipes; with --json as recipe files to start one's own from."""
    if as_json:
        print_json({name: recipe.model_dump(mode="json", exclude_defaults=True) for name, recipe in RECIPES.items()})
        return
    print_table(
        ("recipe", "network", "epochs", "batch", "learning rate", "augmentation", "precision"),
        (
            (
                name,
                recipe.network
                + "".join(f" {key} {value}" for key, value in recipe.options.items())
                + "".join(f" {units}" for units in recipe.hidden),
                recipe.epochs,
                recipe.batch_size,
                f"{recipe.learning_rate:g}",
                " ".join(filter(None, (f"crop {recipe.crop}" if recipe.crop else "", "flip" if recipe.flip else "")))
                or "-",
                recipe.precision,
            )
            for name, recipe in RECIPES.items()
        ),
    )


OPTIONS = {
    "standard_error": "--until-se",
    "settled_at": "--until-settled",
    "share": "--share",
    "max_trials": "--max-trials",
    "trials": "--trials",
    "subset_ratio": "--ratio",
    "seed": "--seed",
    "kind": "--design",
}


def _validated(make: Callable[[], Made]) -> Made:
    """What `make` makes from options; what is wrong with them is said in one sentence that names the options."""
    try:
        return make()
    except ValidationError as error:
        named = re.sub(r"\w+", lambda word: OPTIONS.get(word[0], word[0]), sentence(error))
        raise InvalidInput(f"{named}.") from error


def _seconds(duration: str) -> float:
    """Seconds of a duration such as 45s, 90m, 2h30m or 1d12h. Raises InvalidInput."""
    found = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", duration)
    if not found or not any(found.groups()):
        raise InvalidInput(f"--time-limit: {duration!r} is no duration; write it like 45s, 90m, 2h30m or 1d12h.")
    parts = (int(part or 0) for part in found.groups())
    seconds = sum(count * unit for count, unit in zip(parts, (86400, 3600, 60, 1), strict=True))
    if not seconds:
        raise InvalidInput("--time-limit: it must be longer than 0.")
    return float(seconds)


def _try_network(
    database: Database, settings: Settings, fingerprint: str, recipe: Recipe, design: Design, allow_changed: bool
) -> None:
    """Look at a network of the user's before anything is started.

    Raises InvalidInput if it cannot be used, Conflict if it is not what it was for the trials stored.
    """
    if recipe.network in NETWORKS:
        return
    from memscore.datasets.storage import open_dataset
    from memscore.learning.networks.behaviour import signature_of_recipe

    images = open_dataset(settings.home, fingerprint)
    height, width, channels = images.x_train.shape[1:]
    signature = signature_of_recipe(recipe, (channels, height, width), images.classes)
    with database.reading() as connection:
        known = evidence.networks(connection, study_id(fingerprint, recipe, design))
    if not allow_changed and not signatures.is_known(signature, known):
        raise Conflict(signatures.has_changed(recipe.network, "the trials stored", "--allow-changed-network"))


def _calibrated(plan: Plan, settings: Settings, fingerprint: str, recipe: str | Recipe, design: Design) -> Plan:
    """The plan with a trial's duration measured here, on one thread."""
    import torch

    from memscore.datasets.storage import open_dataset
    from memscore.learning.calibration import seconds_a_trial
    from memscore.learning.data import DeviceData
    from memscore.learning.unit import device_name, prepare

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prepare(device)
    data = DeviceData.of(open_dataset(settings.home, fingerprint), device)
    seconds = seconds_a_trial(data, recipe_of(recipe), design)
    measured = {
        "seconds_a_trial": seconds,
        "device_seconds": plan.new_trials * seconds,
        "timed_on": f"a few steps on {device_name(device)} here",
    }
    return plan.model_copy(update=measured)


def _print_plan(plan: Plan, slots: int | None, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    expected = "" if plan.expected_trials is None else f"about {plan.expected_trials}, "
    rows = [
        ("trials of the study", f"{expected}{'at most ' if plan.at_most else ''}{plan.trials}"),
        ("to train", f"{plan.new_trials} trials"),
        ("a trial takes", "unknown" if plan.seconds_a_trial is None else f"{plan.seconds_a_trial:.3g} s on one worker"),
    ]
    if plan.device_seconds is not None:
        rows.append(("all of them", f"{plan.device_seconds / 60:.1f} minutes of one worker"))
        if slots is not None:
            rows.append((f"with {slots} workers", f"{plan.device_seconds / slots / 60:.1f} minutes"))
    rows += [
        ("disk", f"{plan.disk_bytes / 1e6:.2g} MB"),
        (
            "standard error of mem",
            f"{plan.typical_standard_error:.3f} typical, {plan.worst_standard_error:.3f} at worst",
        ),
    ]
    print_table(("what", "how much"), rows)
    if plan.seconds_a_trial is None:
        complain(
            "note",
            "no trial of this study was timed yet; memscore estimate --dry-run measures on this machine.",
            "bold",
        )
