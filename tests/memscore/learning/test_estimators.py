"""scikit-learn's classifiers as a study's models: described as text, identified by it, and fitted once a trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from memscore.errors import BlockFailed, InvalidInput
from memscore.learning.calibration import seconds_a_trial
from memscore.learning.data import DeviceData
from memscore.learning.estimators import (
    LEAST,
    build,
    in_words,
    log_probabilities,
    recipe_of_estimator,
    signature_of_estimator,
)
from memscore.learning.networks.behaviour import signature_of_recipe
from memscore.learning.unit import train_unit
from memscore.study import signatures
from memscore.study.bits import unpack
from memscore.study.margins import encode
from memscore.study.spec import ESTIMATOR, Design, Recipe, study_id
from memscore.study.subsets import block_membership, units
from tests.conftest import make_dataset

ESTIMATORS = [
    LogisticRegression(C=0.5),
    RandomForestClassifier(n_estimators=5, criterion="entropy", class_weight={0: 1.0, 1: 2.5}),
    make_pipeline(StandardScaler(with_mean=False), KNeighborsClassifier(3)),
    VotingClassifier([("one", GaussianNB()), ("two", DecisionTreeClassifier(max_depth=3))], voting="soft"),
]


class Unimportable(BaseEstimator, ClassifierMixin):
    """Of a module that trials cannot import, once its module says so."""

    def fit(self, *_: Any) -> Unimportable:
        return self

    def predict_proba(self, x: Any) -> Any:
        return x


class NotFinite(GaussianNB):
    def predict_proba(self, X: Any) -> Any:  # noqa: N803 -- scikit-learn's name
        return super().predict_proba(X) * np.nan


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_an_estimator_is_built_again_as_it_was(estimator: Any):
    recipe = recipe_of_estimator(estimator)
    again = build(recipe)
    assert repr(again) == repr(estimator)
    assert recipe_of_estimator(again) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_only_class_and_parameters_are_its_identity():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 3)), np.arange(20) % 2

    def identifier(estimator: Any) -> str:
        return study_id("f" * 64, recipe_of_estimator(estimator), Design())

    assert identifier(LogisticRegression().fit(x, y)) == identifier(LogisticRegression(C=1.0))
    assert identifier(LogisticRegression(C=2.0)) != identifier(LogisticRegression())
    assert identifier(GaussianNB()) != identifier(LogisticRegression())
    assert in_words(recipe_of_estimator(ESTIMATORS[0])) == "LogisticRegression(C=0.5)"


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (LinearSVC(), "LinearSVC has no predict_proba"),
        (make_pipeline(FunctionTransformer(np.log1p), GaussianNB()), "steps.*func is a ufunc, which cannot be written"),
        (LogisticRegression(C=float("nan")), "C is a float"),
        (object(), "estimator must be a classifier of scikit-learn, such as LogisticRegression\\(\\), not <object"),
        ("svm", "estimator must be a classifier of scikit-learn, .*, not 'svm'"),
        (GaussianNB, "estimator is the class GaussianNB; give an instance of it, such as GaussianNB\\(\\)"),
        (Pipeline([("model", GaussianNB)]), "steps.* is the class GaussianNB; give an instance of it"),
    ],
    ids=["no probabilities", "a function", "not finite", "no estimator", "a text", "a class", "a class in a pipeline"],
)
def test_what_is_no_estimator_is_refused_in_one_sentence(estimator: Any, said: str):
    with pytest.raises(InvalidInput, match=said):
        recipe_of_estimator(estimator)


def test_a_class_of_a_notebook_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Unimportable, "__module__", "__main__")
    with pytest.raises(InvalidInput, match="Unimportable is defined in a script or notebook"):
        recipe_of_estimator(Unimportable())


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ('{"class": "subprocess:Popen", "params": {"args": "true"}}', "is not a class of estimators"),
        ('{"class": "builtins:eval", "params": {}}', "is not a class of estimators"),
        ('{"class": "nowhere.at:All", "params": {}}', "cannot be imported"),
        ('{"class": "sklearn.naive_bayes:GaussianNB", "params": {"nothing": 1}}', "is not valid"),
        ("{", "is not valid"),
    ],
)
def test_nothing_but_estimators_is_built(description: str, said: str):
    recipe = Recipe(network=ESTIMATOR, options={ESTIMATOR: description}, epochs=1, batch_size=1, learning_rate=1.0)
    with pytest.raises(InvalidInput, match=said):
        build(recipe)


@pytest.mark.parametrize(
    "fields", [{"options": {}}, {"epochs": 2}, {"flip": True}, {"options": {ESTIMATOR: 3}}, {"hidden": (8,)}]
)
def test_a_recipe_with_an_estimator_says_nothing_else(fields: dict[str, Any]):
    valid = recipe_of_estimator(GaussianNB()).model_dump()
    with pytest.raises(ValidationError, match="the network estimator needs the option estimator"):
        Recipe.model_validate({**valid, **fields})


def test_margins_are_differences_of_log_probabilities():
    dataset = make_dataset()
    data = DeviceData.of(dataset, torch.device("cpu"))
    recipe, design = recipe_of_estimator(GaussianNB()), Design(seed=4)
    (unit, *_) = units(recipe, 10)
    (trial,) = train_unit(data, recipe, design, unit)
    chosen = block_membership(design, len(dataset.y_train), 0)[0]
    x = dataset.x_train.reshape(60, -1).astype(np.float32) / 255
    model = GaussianNB().fit(x[chosen], dataset.y_train[chosen])
    logs = np.log(np.maximum(model.predict_proba(x), LEAST)).astype(np.float32)
    own = logs[np.arange(60), dataset.y_train]
    others = np.where(np.arange(3) == dataset.y_train[:, None], -np.inf, logs).max(axis=1)
    correct = logs.argmax(axis=1) == dataset.y_train
    assert (unpack(trial.train_bits, 60) == correct).all()
    assert trial.train_margin == encode(own - others, correct).tobytes()


def test_a_trial_depends_on_its_name_alone():
    dataset = make_dataset()
    data = DeviceData.of(dataset, torch.device("cpu"))
    recipe = recipe_of_estimator(RandomForestClassifier(n_estimators=4))
    first, second = (one for one in units(recipe, 2))
    digests = [train_unit(data, recipe, Design(), unit)[0].digest for unit in (first, second, first)]
    assert digests[0] == digests[2] != digests[1]
    seeded = recipe_of_estimator(RandomForestClassifier(n_estimators=4, random_state=7))
    assert build(seeded).random_state == 7
    assert train_unit(data, seeded, Design(), first)[0].digest != digests[0]


def test_classes_that_a_subset_lacks_are_improbable():
    x, y = np.eye(6, 4, dtype=np.float32), np.array([0, 0, 1, 1, 2, 2])
    recipe = recipe_of_estimator(GaussianNB(var_smoothing=1.0))
    chosen = y != 1
    train, test = log_probabilities(recipe, x, y, x[:0], chosen, 3, ("a", 1))
    assert (train.shape, test.shape) == ((6, 3), (0, 3))
    assert (train[:, 1] == np.float32(np.log(LEAST))).all()


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (KNeighborsClassifier(n_neighbors=50), r"KNeighborsClassifier\(n_neighbors=50\) cannot be fitted"),
        (NotFinite(), "probabilities are not finite"),
    ],
)
def test_an_estimator_that_fails_says_which(estimator: Any, said: str):
    x, y = np.eye(6, 4, dtype=np.float32), np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(BlockFailed, match=said):
        log_probabilities(recipe_of_estimator(estimator), x, y, x, np.ones(6, np.bool_), 3, ("a",))


def test_signatures_differ_where_estimators_do():
    one, other = (recipe_of_estimator(LogisticRegression(C=c)) for c in (1.0, 0.01))
    assert signatures.same(signature_of_estimator(one, 16, 3), signature_of_recipe(one, (1, 4, 4), 3))
    assert not signatures.same(signature_of_estimator(one, 16, 3), signature_of_estimator(other, 16, 3))
    assert len(signature_of_estimator(one, 4000, 1000)) <= signatures.LONGEST


def test_a_dry_run_times_one_fit():
    data = DeviceData.of(make_dataset(), torch.device("cpu"))
    assert 0 < seconds_a_trial(data, recipe_of_estimator(GaussianNB()), Design()) < 60
