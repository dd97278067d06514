"""Estimating scores from Python: one call registers the data, trains the trials and returns the study."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from pydantic import ValidationError

from memscore import strict_json
from memscore.arguments import shown
from memscore.client import Extras
from memscore.errors import InvalidInput
from memscore.notebook import running
from memscore.notebook.application import application
from memscore.notebook.arguments import in_python, noted
from memscore.notebook.data import Columns, Given, registered
from memscore.notebook.studies import Study
from memscore.study.automatic import AUTO
from memscore.study.recipes import read_recipe
from memscore.study.spec import Design, PairScope, Recipe
from memscore.validation import sentence
from memscore.workflows.estimation import MIN_IN_SAMPLE, EstimationRequest, target_of
from memscore.workflows.watching import ignore

Made = TypeVar("Made")

TRIALS = 100
"""Trials of a study if nothing else is asked for."""


@in_python
def estimate(
    data: Any,
    labels: Any = None,
    *,
    test: Any = None,
    test_labels: Any = None,
    test_share: float | None = None,
    trials: int | None = None,
    until_se: float | None = None,
    until_settled: float | None = None,
    until_pairs: float | None = None,
    share: float | None = None,
    max_trials: int | None = None,
    recipe: str | Recipe | None = None,
    changes: Mapping[str, Any] | None = None,
    estimator: Any = None,
    name: str | None = None,
    columns: Columns | None = None,
    roles: Mapping[str, str] | None = None,
    class_names: Sequence[str] | None = None,
    resize: int | None = None,
    subset_ratio: float = 0.7,
    full_trials: int = 5,
    min_in_sample: float | None = None,
    pairs: PairScope = "same_class",
    allow_changed_network: bool = False,
    seed: int = 0,
    home: Path | str | None = None,
    progress: bool = True,
) -> Study:
    """Estimate how much models memorize each training sample, and which test samples that influences.

    data: images [n, H, W] or [n, H, W, C], features [n, d], a DataFrame or another table, tensors, a dataset of torch
    or Hugging Face, or a source such as "digits", "npz:FILE", "csv:FILE" or "folder:DIR". labels: one for each sample,
    numbers or texts, or the name of a table's column. test and test_labels: a test part, or a pair (x, y) as test, or
    `test_share` of each class; without any, there are no influences, and mem is as good.

    trials: models to train, each on `subset_ratio` of the samples, by default 100; a multiple of ten is best. Instead,
    until_se: train until the standard error of mem is at most this; until_settled: until mem clearly lies above or
    below this; both for `share` of the samples, by default 0.95; until_pairs: until this share of the pairs of infl 0.2
    should be found. max_trials: the most trials for that, by default 2,000.

    recipe: a name of `memscore recipes`, a Recipe, or a .json file; by default one that suits the data's size and
    shape. changes: fields of it to set, such as {"epochs": 120}. estimator: instead, a scikit-learn classifier with
    `predict_proba`, fitted once a trial: slow. min_in_sample: stop after the first block if models fit a smaller share
    of the samples they trained on; by default 0.9, and 0, which never stops, for an estimator. allow_changed_network:
    continue even if the code of your network has changed.

    columns: texts, ids and other columns of the samples, shown with them; roles: which columns of a table are these,
    such as {"text": "review", "id": "key"}, where their names do not say. resize: scale image files to this side, in
    pixels. pairs: "all" also looks for influence between
    classes. seed: of the subsets. home: the folder of studies, by default that of the settings. name: of the dataset
    and its study.

    The same call returns the same study at once if its trials are there, and continues after an interruption: each
    finished trial is stored. Ctrl-C, or a notebook's stop button, raises KeyboardInterrupt and loses nothing else.

    Raises InvalidInput, InvalidDataset, NotFound or Conflict with one sentence, and JobFailed.
    """
    if estimator is not None and (recipe is not None or changes):
        other = "changes" if recipe is None else "recipe"
        raise InvalidInput(f"{other} and estimator exclude each other: an estimator brings its own training.")
    design = _validated(lambda: Design(subset_ratio=subset_ratio, seed=seed))
    target = _validated(
        lambda: target_of(trials, until_se, until_settled, until_pairs, share, max_trials, default=TRIALS)
    )
    chosen = read_recipe(recipe) if isinstance(recipe, str) and recipe != AUTO else recipe
    if estimator is not None:
        from memscore.learning.estimators import recipe_of_estimator

        chosen = recipe_of_estimator(estimator)
    least = (MIN_IN_SAMPLE if estimator is None else 0.0) if min_in_sample is None else min_in_sample
    extras: Extras = {"full_trials": full_trials, "pairs": pairs, "min_in_sample": least}
    if allow_changed_network:
        extras["allow_changed_network"] = True
    typed = {name: _as_typed(name, value) for name, value in (changes or {}).items()}
    opened = application(home, create=True)
    given = Given(labels, test, test_labels, test_share, columns, roles, class_names, seed, resize)
    with registered(opened, data, given, name, noted if progress else ignore) as dataset:
        request = EstimationRequest(dataset, chosen or AUTO, target, design, name, extras, typed)
        return Study(running.estimated(opened, request, progress=progress).id, home)


def _as_typed(name: str, value: Any) -> str:
    """The value of a change as it is typed for the command. Raises InvalidInput for a number that is given as text."""
    if isinstance(value, str):
        try:
            number = json.loads(value)
        except ValueError:
            return value
        raise InvalidInput(f"changes: give {name} as {number!r}, not as the text {value!r}.")
    try:
        return strict_json.dumps(value, default=_plain)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"changes: {name} must be a number, a text or a list of these, not {shown(value)}."
        ) from error


def _plain(value: Any) -> Any:
    """A NumPy number or array as Python's. Raises TypeError for anything else."""
    if isinstance(value, np.floating):
        return float(str(cast("Any", value)))  # 0.01, not the nearest number of single precision
    if isinstance(value, np.generic | np.ndarray):
        return cast("Any", value).tolist()
    raise TypeError


def _validated(make: Callable[[], Made]) -> Made:
    """Call `make`, which validates arguments. Raises InvalidInput with one sentence."""
    try:
        return make()
    except ValidationError as error:
        raise InvalidInput(f"{sentence(error)}.") from error
