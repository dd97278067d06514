"""Estimating scores from Python: one call registers the data, trains the trials and returns the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memscore.console import note
from memscore.errors import InvalidInput
from memscore.notebook import running
from memscore.notebook.application import application
from memscore.notebook.data import Columns, Given, registered
from memscore.notebook.studies import Study
from memscore.study.automatic import AUTO
from memscore.study.recipes import read_recipe
from memscore.study.spec import Design, PairScope, Recipe, Target
from memscore.workflows.estimation import MIN_IN_SAMPLE, EstimationRequest
from memscore.workflows.watching import ignore


def estimate(
    data: Any,
    labels: Any = None,
    *,
    test: Any = None,
    test_labels: Any = None,
    test_share: float | None = None,
    trials: int = 100,
    recipe: str | Recipe | None = None,
    estimator: Any = None,
    name: str | None = None,
    columns: Columns | None = None,
    roles: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
    subset_ratio: float = 0.7,
    full_trials: int = 5,
    min_in_sample: float | None = None,
    pairs: PairScope = "same_class",
    seed: int = 0,
    home: Path | str | None = None,
    progress: bool = True,
) -> Study:
    """Estimate how much models memorize each training sample, and which test samples that influences.

    data: images [n, H, W] or [n, H, W, C], features [n, d], a DataFrame or another table, tensors, a dataset of torch
    or Hugging Face, or a source such as "digits", "npz:FILE", "csv:FILE" or "folder:DIR". labels: one for each sample,
    numbers or texts, or the name of a table's column. test and test_labels: a test part, or a pair (x, y) as test, or
    `test_share` of each class; without any, there are no influences, and mem is as good.

    trials: models to train, each on `subset_ratio` of the samples; a multiple of ten is best. recipe: a name of
    `memscore recipes`, a Recipe, or a .json file; by default one that suits the data's size and shape. estimator:
    instead, a scikit-learn classifier with `predict_proba`, fitted once a trial: slow. min_in_sample: stop after the
    first block if models fit a smaller share of the samples they trained on; by default 0.9, and 0, which never stops,
    for an estimator.

    columns: texts, ids and other columns of the samples, shown with them; roles: which columns of a table are these,
    such as {"text": "review", "id": "key"}, where their names do not say. pairs: "all" also looks for influence between
    classes. seed: of the subsets. home: the folder of studies, by default that of the settings. name: of the dataset
    and its study.

    The same call returns the same study at once if its trials are there, and continues after an interruption: each
    finished trial is stored. Ctrl-C, or a notebook's stop button, raises KeyboardInterrupt and loses nothing else.

    Raises InvalidInput, InvalidDataset, NotFound or Conflict with one sentence, and JobFailed.
    """
    if trials < 1:
        raise InvalidInput(f"trials must be at least 1, not {trials}.")
    if recipe is not None and estimator is not None:
        raise InvalidInput("recipe and estimator exclude each other: an estimator brings its own training.")
    design = _design(subset_ratio, seed)
    chosen = read_recipe(recipe) if isinstance(recipe, str) and recipe != AUTO else recipe
    if estimator is not None:
        from memscore.learning.estimators import recipe_of_estimator

        chosen = recipe_of_estimator(estimator)
    least = (MIN_IN_SAMPLE if estimator is None else 0.0) if min_in_sample is None else min_in_sample
    opened = application(home)
    given = Given(labels, test, test_labels, test_share, columns, roles, class_names, seed)
    dataset = registered(opened, data, given, name, note if progress else ignore)
    request = EstimationRequest(
        dataset,
        chosen or AUTO,
        Target(trials=trials),
        design,
        name,
        {"full_trials": full_trials, "pairs": pairs, "min_in_sample": least},
    )
    return Study(running.estimated(opened, request, progress=progress).id, home)


def _design(subset_ratio: float, seed: int) -> Design:
    """The design of the subsets. Raises InvalidInput with one sentence."""
    from pydantic import ValidationError

    from memscore.validation import sentence

    try:
        return Design(subset_ratio=subset_ratio, seed=seed)
    except ValidationError as error:
        raise InvalidInput(f"{sentence(error)}.") from error
