"""Commands that run jobs: estimate, recipes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar, cast, get_args

import typer
from pydantic import ValidationError

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.client import Extras
from memscore.console import decimal, note, out, percent, print_json, print_table, warn
from memscore.counted import counted
from memscore.durations import readable, seconds_of
from memscore.errors import InvalidInput
from memscore.messages.jobs import Plan
from memscore.progress import progress_lines
from memscore.study.automatic import AUTO
from memscore.study.recipes import RECIPES, read_recipe
from memscore.study.spec import Design, EvidenceKind
from memscore.validation import sentence
from memscore.workflows import estimation
from memscore.workflows.estimation import MIN_IN_SAMPLE, Estimation, EstimationRequest
from memscore.workflows.job_progress import follow as follow_job
from trainer.assignments import pairs

Made = TypeVar("Made")

BUSY = 1.3
"""How many times as long as alone a trial may take before the plan says that the machine is busy."""


def estimate(
    dataset: Annotated[str, typer.Option(help="A registered dataset; a built-in one is added automatically.")],
    recipe: Annotated[
        str, typer.Option(help=f"auto, by the dataset's size and shape; one of {', '.join(RECIPES)}; or a JSON file.")
    ] = AUTO,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of the recipe, or an option of its network; repeatable."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials that the study should have.", show_default="200")
    ] = None,
    until_se: Annotated[
        float | None, typer.Option(help="Instead: train until the standard error of mem is at most this.")
    ] = None,
    until_settled: Annotated[
        float | None, typer.Option(help="Instead: train until mem clearly lies above or below this.")
    ] = None,
    until_pairs: Annotated[
        float | None,
        typer.Option(help="Instead: train until this share of the pairs of infl 0.2 should be found."),
    ] = None,
    share: Annotated[
        float | None, typer.Option(help="Share of the samples for which that must hold.", show_default="0.95")
    ] = None,
    max_trials: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of trials for that.", show_default="2000")
    ] = None,
    ratio: Annotated[float, typer.Option(help="Share of the samples in each subset.")] = 0.7,
    design_kind: Annotated[str, typer.Option("--design", help="balanced or uniform.")] = "balanced",
    seed: Annotated[int, typer.Option(help="Seed of the design.")] = 0,
    study_name: Annotated[str | None, typer.Option(help="Name of the study; default: the dataset's.")] = None,
    full_trials: Annotated[
        int, typer.Option(min=0, max=1000, help="Trials on all samples, for the typical test set; 0 for none.")
    ] = 5,
    evidence: Annotated[
        str, typer.Option(help="What trials record: margins and predictions, or bits (correctness) only.")
    ] = "margins",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also record the true class's probability.")
    ] = False,
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Also look for influence between classes.")] = False,
    time_limit: Annotated[
        str | None, typer.Option(help="Stop after this running time, such as 90m or 2h30m; `jobs resume` continues.")
    ] = None,
    min_in_sample: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Stop after the first block if models fit a smaller share of what they trained on."
        ),
    ] = MIN_IN_SAMPLE,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Continue even if the network's code has changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the cost and the precision to expect.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Estimate the scores of a dataset: submit a job, and run it here unless --url names a service."""
    design = _validated(lambda: Design.model_validate({"kind": design_kind, "subset_ratio": ratio, "seed": seed}))
    target = _validated(lambda: estimation.target_of(trials, until_se, until_settled, until_pairs, share, max_trials))
    extras: Extras = {
        "full_trials": full_trials,
        "probabilities": probabilities,
        "pairs": "all" if all_pairs else "same_class",
        "time_limit_seconds": None if time_limit is None else _seconds(time_limit),
    }
    # Sent only if set: an older service does not know them.
    if allow_changed_network:
        extras["allow_changed_network"] = True
    if _evidence_kind(evidence) == "bits":
        extras["evidence"] = "bits"
    if min_in_sample:
        extras["min_in_sample"] = min_in_sample
    chosen = read_recipe(recipe) if recipe.endswith(".json") else recipe
    given = pairs(changes or (), "--set")
    request = EstimationRequest(dataset, chosen, target, design, study_name, extras, given)
    if dry_run:
        _print_plan(*_planned(request, url, lines=not as_json), as_json, by_scores=target.pairs_found is None)
        return
    follow = partial(follow_job, lines=not as_json)
    if url is None:
        found = estimation.estimate(request, settings_module.load(), follow=follow, on_note=note)
    else:
        with opened_client(url) as client:
            found = estimation.estimate_with(client, request, follow=follow, on_note=note)
    _print_estimation(found, as_json)


def recipes(as_json: Json = False) -> None:
    """List the named recipes; --json prints them as a starting point for your own recipe files."""
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
    "pairs_found": "--until-pairs",
    "share": "--share",
    "max_trials": "--max-trials",
    "trials": "--trials",
    "subset_ratio": "--ratio",
    "seed": "--seed",
    "study_name": "--study-name",
    "kind": "--design",
    "full_trials": "--full-trials",
}


def _validated(make: Callable[[], Made]) -> Made:
    """Call `make`, which validates options. Raises InvalidInput with one sentence that names the wrong ones."""
    try:
        return make()
    except ValidationError as error:
        named = re.sub(r"\w+", lambda word: OPTIONS.get(word[0], word[0]), sentence(error))
        raise InvalidInput(f"{named}.") from error


def _evidence_kind(given: str) -> EvidenceKind:
    """What `--evidence` asks for. Raises InvalidInput."""
    if given not in get_args(EvidenceKind):
        raise InvalidInput(f"--evidence must be margins or bits, not {given!r}.")
    return cast("EvidenceKind", given)


def _seconds(time_limit: str) -> float:
    """Seconds of a time limit. Raises InvalidInput."""
    seconds = seconds_of(time_limit)
    if seconds is None:
        raise InvalidInput(f"--time-limit: {time_limit!r} is not a duration; write it like 45s, 90m, 2h30m or 1d12h.")
    if not seconds:
        raise InvalidInput("--time-limit must be longer than 0.")
    return float(seconds)


def _planned(request: EstimationRequest, url: str | None, *, lines: bool) -> tuple[Plan, int | None]:
    """The plan of the service; or that of this machine, and how many trials it trains at a time."""
    if url is not None:
        with opened_client(url) as client:
            return estimation.plan_with(client, request, on_note=note), None
    settings = settings_module.load()
    with progress_lines("measuring a trial", lines=lines):
        return estimation.plan(request, settings, on_note=note), settings.slots


def _print_estimation(found: Estimation, as_json: bool) -> None:
    job, study = found.job, found.study
    if as_json:
        print_json({"job": job.model_dump(mode="json"), "study": study.model_dump(mode="json")})
        return
    assert study.table is not None
    out.print(
        f"Study {study.name} ({study.id}): {counted(study.table.trials, 'trial')}, accuracy in-sample "
        f"{decimal(study.table.in_sample_accuracy)}, held-out {decimal(study.table.held_out_accuracy)}",
        highlight=False,
    )
    if job.wanted.target.precise and job.outcome is not None:
        out.print(job.outcome)
    warn(*study.table.warnings)
    out.print(f"Next: memscore scores top {study.name}, scores suspects {study.name}, or report {study.name}")


def _print_plan(plan: Plan, slots: int | None, as_json: bool, *, by_scores: bool) -> None:
    if as_json:
        print_json(plan)
        return
    then = f", with {counted(plan.trials, 'trial')}" if plan.at_most else ""
    expected = "" if plan.expected_trials is None else f"about {plan.expected_trials}, "
    rows = [
        ("trials of the study", f"{expected}{'at most ' if plan.at_most else ''}{plan.trials}"),
        ("to train", f"{counted(plan.new_trials, 'trial')}"),
        ("a trial takes", "unknown" if (one := plan.seconds_a_trial) is None else f"{readable(one)} on one worker"),
    ]
    if plan.device_seconds is not None:
        rows.append(("all of them", f"{readable(plan.device_seconds)} of one worker"))
        if slots is not None:
            altogether = plan.device_seconds / slots + plan.other_seconds
            rows.append(
                (f"with {counted(slots, 'worker')}", f"{readable(altogether)}, with their start and the tables")
            )
    rows += [
        ("disk", f"{plan.disk_bytes / 1e6:.2g} MB"),
        (
            f"standard error of mem{then}",
            f"{plan.typical_standard_error:.3f} mostly, {plan.worst_standard_error:.3f} at most",
        ),
    ]
    rows += [
        (f"pairs of infl {pairs.infl:g} found{then}", f"about {percent(pairs.then, 0)}, now {percent(pairs.now, 0)}")
        for pairs in plan.expected_pairs
    ]
    if plan.at_most and by_scores:
        rows.append(("precision", f"judged by {'margins' if plan.by_margins else 'correctness'}"))
    print_table(("what", "how much"), rows)
    if plan.busy >= BUSY:
        note(f"other work slows this machine: as it is now, training would take about {plan.busy:.1f} times as long.")
    if plan.seconds_a_trial is None:
        note("no trial of this study has been timed yet; without --url, --dry-run times one on this machine.")
