"""Classifiers of scikit-learn in place of a network: described as text, built again, and fitted on a trial's subset.

An estimator is identified by its class and the parameters that differ from their defaults, also those of estimators
within it, such as the steps of a pipeline. No estimator is pickled: a description holds numbers, texts, lists and
classes alone, and only subclasses of scikit-learn's BaseEstimator are built from it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from memscore import strict_json
from memscore.arguments import shown
from memscore.arrays import Bools, Float32, Float64
from memscore.errors import BlockFailed, InvalidInput
from memscore.study import signatures
from memscore.study.randomness import random_words, seed_for
from memscore.study.spec import ESTIMATOR, Recipe

LEAST = 1e-10
"""Least probability, so that margins are finite: a forest gives many classes 0."""

PROBES = 5
"""Samples of each class on which the estimator is fitted for its signature."""

PROBED_CLASSES, PROBED_FEATURES = 4, 8


def recipe_of_estimator(estimator: Any) -> Recipe:
    """The recipe that trains clones of a classifier, whatever it was fitted to before.

    Raises InvalidInput if it has no `fit` and `predict_proba`, or a parameter that cannot be described.
    """
    if isinstance(estimator, type):
        name = cast("type[Any]", estimator).__name__
        raise InvalidInput(f"estimator is the class {name}; give an instance of it, such as {name}().")
    if not hasattr(estimator, "get_params"):
        raise InvalidInput(
            f"estimator must be a classifier of scikit-learn, such as LogisticRegression(), not {shown(estimator)}."
        )
    description = strict_json.dumps(_described(estimator, type(estimator).__name__), sort_keys=True)
    if not hasattr(estimator, "fit") or not hasattr(estimator, "predict_proba"):
        raise InvalidInput(
            f"{type(estimator).__name__} has no predict_proba, from which margins are computed; use a classifier that "
            "has, such as LogisticRegression, or wrap it in CalibratedClassifierCV."
        )
    return Recipe(network=ESTIMATOR, options={ESTIMATOR: description}, epochs=1, batch_size=1, learning_rate=1.0)


def in_words(recipe: Recipe) -> str:
    """The class of a recipe's estimator, with its parameters."""
    described: Any = json.loads(str(recipe.options[ESTIMATOR]))
    return _words(described)


def build(recipe: Recipe) -> Any:
    """A new estimator as the recipe describes it. Raises InvalidInput if it cannot be built here."""
    try:
        return _built(json.loads(str(recipe.options[ESTIMATOR])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"The description of the estimator is not valid ({error}); describe it again.") from error


def log_probabilities(
    recipe: Recipe, x_train: Any, y_train: Any, x_test: Any, membership: Bools, classes: int, name: Sequence[str | int]
) -> tuple[Float32, Float32]:
    """Fit a new estimator on the samples of membership bool [n]; log-probabilities [n, classes] and [q, classes].

    Images uint8 [n, H, W, C] are flattened and divided by 255, features float32 [n, d] are taken as they are. Random
    states that are None are seeded by `name`. A class without a sample in the subset has the least probability.
    Raises BlockFailed if the estimator fails or its probabilities are not finite.
    """
    estimator = build(recipe)
    _seed(estimator, name)
    train, test = _flat(x_train), _flat(x_test)
    try:
        estimator.fit(train[membership], y_train[membership])
        present = np.asarray(estimator.classes_).astype(np.int64)
        return (
            _logs(estimator.predict_proba(train), present, classes),
            _logs(estimator.predict_proba(test), present, classes) if len(test) else np.empty((0, classes), np.float32),
        )
    except BlockFailed:
        raise
    except Exception as error:  # whatever the estimator raises
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise BlockFailed(f"The estimator {in_words(recipe)} cannot be fitted: {reason}") from error


def signature_of_estimator(recipe: Recipe, features: int, classes: int) -> str:
    """The estimator's signature: its description, and its log-probabilities after a fit on made-up samples.

    See `memscore.study.signatures`. Raises InvalidInput if it cannot be built or fitted.
    """
    labels = np.tile(np.arange(min(classes, PROBED_CLASSES)), PROBES)
    words = random_words((len(labels), min(features, PROBED_FEATURES)), "estimator's signature")
    samples = (words / 2.0**64).astype(np.float32)
    samples[np.arange(len(labels)), labels % samples.shape[1]] += 1
    structure = hashlib.sha256(str(recipe.options[ESTIMATOR]).encode()).hexdigest()[:16]
    chosen = np.ones(len(labels), np.bool_)
    try:
        found, _ = log_probabilities(
            recipe, samples, labels, samples[:0], chosen, int(labels.max()) + 1, ("signature",)
        )
    except BlockFailed:  # it may need another number of features or samples than these few
        return signatures.write(structure)
    return signatures.write(structure, found.ravel()[: signatures.MOST_OUTPUTS])


def _described(value: Any, where: str) -> Any:
    """A parameter or estimator as plain data. Raises InvalidInput for anything that cannot be rebuilt elsewhere."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    if isinstance(value, (list, tuple)):
        parts = cast("Sequence[Any]", value)
        return {type(value).__name__: [_described(one, f"{where}[{place}]") for place, one in enumerate(parts)]}
    if isinstance(value, dict):
        named = cast("Mapping[Any, Any]", value)
        return {"dict": [[_described(one, where), _described(named[one], f"{where}[{one!r}]")] for one in named]}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _described_estimator(value, where)
    if isinstance(value, type) and hasattr(value, "get_params"):
        name = cast("type[Any]", value).__name__
        raise InvalidInput(f"The parameter {where} is the class {name}; give an instance of it, such as {name}().")
    raise InvalidInput(
        f"The parameter {where} is a {type(value).__name__}, which cannot be written down; use numbers, texts, lists "
        "and other estimators."
    )


def _described_estimator(estimator: Any, where: str) -> dict[str, Any]:
    kind: type[Any] = type(estimator)
    if not _is_estimator(kind):
        raise InvalidInput(f"{where} is a {kind.__name__}, which is not a subclass of sklearn.base.BaseEstimator.")
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise InvalidInput(
            f"The class {kind.__name__} is defined in a script or notebook, and trials train in other processes: put "
            "it in a module that can be imported."
        )
    defaults = {name: one.default for name, one in inspect.signature(kind).parameters.items()}
    given = {
        name: value for name, value in estimator.get_params(deep=False).items() if not _equal(value, defaults.get(name))
    }
    params = {name: _described(value, f"{where}.{name}") for name, value in given.items()}
    return {"class": f"{_public_module(kind)}:{kind.__qualname__}", "params": params}


def _public_module(kind: type[Any]) -> str:
    """The shortest module that has the class: scikit-learn moves its private ones."""
    names = kind.__module__.split(".")
    for length in range(1, len(names)):
        shorter = sys.modules.get(".".join(names[:length]))
        if getattr(shorter, kind.__qualname__, None) is kind:
            return ".".join(names[:length])
    return kind.__module__


def _equal(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value is default or value == default)


def _built(described: Any) -> Any:
    if not isinstance(described, dict):
        return described
    of = cast("dict[str, Any]", described)
    if "class" in of:
        return _class(str(of["class"]))(**{name: _built(value) for name, value in of["params"].items()})
    if "dict" in of:
        return {_built(name): _built(value) for name, value in of["dict"]}
    if "tuple" in of:
        return tuple(_built(one) for one in of["tuple"])
    return [_built(one) for one in of["list"]]


def _class(path: str) -> type[Any]:
    module, _, name = path.partition(":")
    try:
        kind: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(
            f"The estimator {path} cannot be imported ({error}); install its package, or set PYTHONPATH, where trials "
            "are trained."
        ) from error
    if not isinstance(kind, type) or not _is_estimator(cast("type[Any]", kind)):
        raise InvalidInput(f"{path} is not a class of estimators.")
    return cast("type[Any]", kind)


def _is_estimator(kind: type[Any]) -> bool:
    from sklearn.base import BaseEstimator  # scikit-learn takes a second

    return issubclass(kind, BaseEstimator)


def _words(described: Any) -> str:
    if not isinstance(described, dict):
        return repr(described)
    of = cast("dict[str, Any]", described)
    if "class" in of:
        params: dict[str, Any] = of["params"]
        return f"{of['class'].partition(':')[2]}({', '.join(f'{name}={_words(one)}' for name, one in params.items())})"
    parts: list[Any] = next(iter(of.values()))
    return f"[{', '.join(_words(one) for one in parts)}]"


def _seed(estimator: Any, name: Sequence[str | int]) -> None:
    """Seed every random state that is None, also those of estimators within it."""
    params: dict[str, Any] = estimator.get_params(deep=True)
    states = {
        one: seed_for("estimator", one, *name) % 2**32
        for one, value in params.items()
        if one.rpartition("__")[2] == "random_state" and value is None
    }
    estimator.set_params(**states)


def _flat(samples: Any) -> Any:
    return samples if samples.ndim == 2 else samples.reshape(len(samples), -1).astype(np.float32) / 255


def _logs(probabilities: Any, present: Any, classes: int) -> Float32:
    found: Float64 = np.asarray(probabilities, np.float64)
    if found.shape[1] != len(present) or not np.isfinite(found).all():
        raise BlockFailed("The estimator's probabilities are not finite numbers, one for each class that it has seen.")
    logs = np.full((len(found), classes), np.log(LEAST), np.float32)
    logs[:, present] = np.log(np.maximum(found, LEAST))
    return logs
