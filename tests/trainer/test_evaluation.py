"""An evaluation: its identities, its records, its files, and going on after a kill."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from memscore.datasets import load_source
from memscore.errors import Conflict, InvalidInput
from memscore.learning.data import DeviceData, pixels
from memscore.learning.memory import Batches
from memscore.learning.networks import SmallCNN
from memscore.runs.layout import TABLE_JSON
from memscore.scores.sets import Sets, Thresholds
from memscore.statistics.estimates import wilson
from trainer.attacks import Attack, autoattack, pgd
from trainer.config import TrainConfig
from trainer.evaluation import Evaluation, EvaluationConfig, evaluate, read_samples
from trainer.evaluation.journal import Journal
from trainer.evaluation.representation import class_cosines, mean_cosine
from trainer.evaluation.result import SAMPLES, TABLE_CSV
from trainer.evaluation.robustbench import ROBUSTBENCH_JSON
from trainer.evaluation.subset import stratified
from trainer.evaluation.table import Accuracy
from trainer.methods.bat import poisoning_scores, poisoning_weights
from trainer.run import train_network

CPU = torch.device("cpu")
PARTS = ("apgd-ce", "apgd-dlr")
"""Of AutoAttack, which takes seconds for the others."""


def cut(data: DeviceData, train: int, test: int) -> DeviceData:
    return replace(
        data,
        x_train=data.x_train[:train],
        y_train=data.y_train[:train],
        x_test=data.x_test[:test],
        y_test=data.y_test[:test],
    )


@pytest.fixture(scope="module")
def digits() -> DeviceData:
    return cut(DeviceData.of(load_source("digits"), CPU), 150, 100)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A network that adversarial training has made somewhat robust."""
    torch.set_num_threads(1)
    config = TrainConfig(method="pgd", epochs=3, attack_steps=3, network_options={"width": 8}, evaluation_steps=1)
    return train_network(load_source("digits"), config)


@pytest.fixture(scope="module")
def mem() -> np.ndarray:
    return np.random.default_rng(0).random(150).astype(np.float32)


def random_sets(seed: int = 0) -> Sets:
    random = np.random.default_rng(seed)
    train, test = random.random(150), random.random(100)
    return Sets(train > 0.7, train < 0.5, test > 0.7, test < 0.5, Thresholds())


@pytest.fixture
def two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoattack, "parts", lambda _: PARTS)


def config(**changes: Any) -> EvaluationConfig:
    return EvaluationConfig.model_validate(
        {"epsilon": 0.1, "attacks": ("fgsm", "pgd", "cw"), "alarm_samples": 0, "batch_size": 64, **changes}
    )


def share(evaluation: Evaluation, attack: str, split: str = "test", group: str = "all") -> float:
    row = next(row for row in evaluation.rows if (row.split, row.group) == (split, group))
    value = row.accuracy[attack].share
    assert value is not None
    return value


@pytest.fixture(scope="module")
def whole(network: nn.Module, digits: DeviceData, mem: np.ndarray) -> Evaluation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoattack, "parts", lambda _: PARTS)
        attacks = ("fgsm", "pgd", "pgd-20x2", "pgd@eps/10", "cw", "autoattack")
        chosen = config(attacks=attacks, autoattack_samples=60, alarm_samples=60, batch_size=150)
        return evaluate(network, digits, chosen, sets=random_sets(), mem=mem, fingerprint="f" * 64)


def test_stronger_attacks_leave_less(whole: Evaluation):
    for split in ("train", "test"):
        clean, fgsm, pgd20 = (share(whole, name, split) for name in ("clean", "fgsm", "pgd"))
        assert clean > fgsm >= pgd20 >= share(whole, "pgd-20x2", split)
        samples = next(one for one in whole.samples if one.split == split)
        tried = ~samples["correct_autoattack"].mask
        assert tried.sum() == 60
        assert samples["correct_autoattack"].sum() <= samples["correct_pgd"].data[tried].sum()
        assert share(whole, "worst", split) <= min(share(whole, name, split) for name in ("fgsm", "pgd", "cw"))


def test_without_a_radius_nothing_changes(network: nn.Module, digits: DeviceData, two_parts: None):
    chosen = config(epsilon=0.0, attacks=("fgsm", "pgd", "cw", "autoattack"))
    found = evaluate(network, cut(digits, 15, 25), chosen)
    for samples in found.samples:
        for attack in samples.attacks:
            np.testing.assert_array_equal(samples[f"correct_{attack}"], samples["correct_clean"])


def test_accuracy_falls_with_the_radius_to_nothing(whole: Evaluation):
    radii = sorted(whole.probes.sweep)
    shares = [whole.probes.sweep[radius] for radius in radii]
    assert radii[0] == 0.05
    assert radii[-1] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] <= 0.02


def test_a_sample_is_robust_only_if_it_survives_every_attack(whole: Evaluation):
    for samples in whole.samples:
        names = [name for name in samples.attacks if name not in ("worst", "autoattack")]
        every = np.logical_and.reduce([samples[f"correct_{name}"].data for name in names])
        tried = ~samples["correct_autoattack"].mask
        np.testing.assert_array_equal(samples["correct_worst"].mask, ~tried)
        expected = every[tried] & samples["correct_autoattack"].data[tried]
        np.testing.assert_array_equal(samples["correct_worst"].data[tried], expected)


def test_groups_are_counted_by_hand(whole: Evaluation):
    sets = random_sets()
    samples = next(one for one in whole.samples if one.split == "train")
    row = next(row for row in whole.rows if (row.split, row.group) == ("train", "atypical"))
    hits = samples["correct_pgd"].data[sets.train_atypical]
    low, high = wilson(np.array([hits.sum()]), np.array([len(hits)]))
    assert row.count == len(hits) == sets.train_atypical.sum()
    assert row.accuracy["pgd"] == Accuracy(len(hits), hits.mean(), low[0], high[0])
    groups = [(row.split, row.group) for row in whole.rows]
    assert groups == [(split, group) for split in ("train", "test") for group in ("all", "typical", "atypical")]


def test_records_are_what_pgd_and_bat_say_sample_by_sample(
    whole: Evaluation, network: nn.Module, digits: DeviceData, mem: np.ndarray
):
    samples = next(one for one in whole.samples if one.split == "train")
    images, labels = pixels(digits.x_train), digits.y_train
    attack = Attack(epsilon=0.1, step_size=0.025, steps=20, random_start=False)
    with torch.no_grad():
        clean, logits = network(images), network(pgd(network, images, labels, attack))
    weights = poisoning_weights(logits, labels, torch.from_numpy(mem > 0.15), 1.0).numpy()
    wrong = functional.softmax(logits, dim=1).scatter(1, labels[:, None], 0).argmax(dim=1).numpy()
    poisoned = (logits.argmax(dim=1) != labels).numpy() & (mem > 0.15)
    assert poisoned.any()
    np.testing.assert_allclose(samples["poisoning_score"], poisoning_scores(logits, labels).numpy(), rtol=1e-5)
    np.testing.assert_array_equal(samples["poisoning_class"], wrong)
    np.testing.assert_allclose(samples["weight"], weights, rtol=1e-4)
    np.testing.assert_array_equal(samples["poisoned"], poisoned)
    np.testing.assert_allclose(samples["loss"], functional.cross_entropy(clean, labels, reduction="none"), atol=1e-5)
    np.testing.assert_array_equal(samples["margin"] > 0, (clean.argmax(dim=1) != labels).numpy())
    np.testing.assert_array_equal(samples["mem"], mem)
    test = next(one for one in whole.samples if one.split == "test")
    assert test["weight"].mask.all()
    assert test["mem"].mask.all()


def test_files_hold_what_was_found(whole: Evaluation, tmp_path: Path):
    whole.write(tmp_path)
    samples, meta = read_samples(tmp_path / SAMPLES)
    assert meta == whole.meta
    for read, made in zip(samples, whole.samples, strict=True):
        assert read.split == made.split
        assert list(read.columns) == list(made.columns)
        for name, column in made.columns.items():
            np.testing.assert_array_equal(read[name].mask, column.mask)
            np.testing.assert_array_equal(read[name].compressed(), column.compressed())
            assert read[name].dtype == column.dtype
    written = json.loads((tmp_path / TABLE_JSON).read_text())
    assert written["rows"][0]["accuracy"]["pgd"]["share"] == share(whole, "pgd", "train")
    table = list(csv.DictReader(io.StringIO((tmp_path / TABLE_CSV).read_text())))
    assert float(table[3]["cw"]) == share(whole, "cw")
    assert int(table[3]["autoattack_count"]) == 60
    leaderboard = json.loads((tmp_path / ROBUSTBENCH_JSON).read_text())
    assert leaderboard["autoattack_acc"] == f"{100 * share(whole, 'autoattack'):.2f}"
    assert " on 60 of " in leaderboard["footnote"]
    rows = [replace(row, accuracy={"clean": row.accuracy["clean"]}) for row in whole.rows]
    replace(whole, rows=rows).write(tmp_path)
    assert not (tmp_path / ROBUSTBENCH_JSON).exists(), "that of an earlier evaluation is gone"


@pytest.mark.parametrize("payload", [b"", b"PAR1", b"no parquet at all"])
def test_a_file_that_holds_no_samples_is_refused(payload: bytes, tmp_path: Path):
    (tmp_path / SAMPLES).write_bytes(payload)
    with pytest.raises(InvalidInput, match="holds no samples of an evaluation"):
        read_samples(tmp_path / SAMPLES)


class Killed(BaseException):
    pass


def test_an_evaluation_that_is_killed_goes_on_to_the_same_end(
    network: nn.Module, digits: DeviceData, tmp_path: Path, two_parts: None
):
    attacks, splits = ("pgd-5x3", "autoattack"), ("test",)
    chosen = config(attacks=attacks, splits=splits, autoattack_samples=10, batch_size=4, alarm_samples=8)
    digits = cut(digits, 20, 16)
    expected = evaluate(network, digits, chosen)
    for after in (3, 4, 9, 13):
        calls = 0

        def kill(done: int, total: int, what: str, after: int = after) -> None:
            nonlocal calls
            calls += 1
            if calls > after:
                raise Killed

        with pytest.raises(Killed):
            evaluate(network, digits, chosen, folder=tmp_path, on_progress=kill)
        assert {one.name for one in tmp_path.iterdir()} == {"journal.jsonl", "journal.lock"}
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])  # killed in the middle of a write
    found = evaluate(network, digits, chosen, folder=tmp_path)
    assert found.as_json() == expected.as_json()
    for one, other in zip(found.samples, expected.samples, strict=True):
        for name in one.columns:
            np.testing.assert_array_equal(one[name].filled(0), other[name].filled(0))


def test_nothing_is_done_twice_and_the_bar_ends_full(network: nn.Module, digits: DeviceData, tmp_path: Path):
    seen: list[tuple[int, int]] = []
    chosen = config(alarm_samples=20)
    evaluate(network, digits, chosen, folder=tmp_path, on_progress=lambda done, total, _: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    before = (tmp_path / "journal.jsonl").read_bytes()
    evaluate(network, digits, chosen, folder=tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_other_weights_begin_their_journal_anew(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, {"weights": "a"}) as journal:
        journal.add("unit", {"left": np.array([True, False])})
    with Journal(path, {"weights": "a"}) as journal:
        found = journal.get("unit")
        assert found is not None
        assert found["left"].tolist() == [True, False]
        assert journal.differing == []
    for weights in ("b", "a"):
        with Journal(path, {"weights": weights, "other": 1}) as journal:
            assert journal.get("unit") is None
            journal.add("unit", {"left": np.array([True])})
            assert journal.differing == (["other", "weights"] if weights == "b" else ["weights"])


def test_a_journal_has_one_writer(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, {"weights": "a"}):
        other = Journal(path, {"weights": "b"})
        with pytest.raises(
            Conflict, match=r"Another command is evaluating in .*; wait for it, or choose another folder"
        ):
            other.__enter__()
    with Journal(path, {"weights": "b"}):
        pass


def test_lines_of_another_evaluation_count_as_not_written(tmp_path: Path):
    path, units = tmp_path / "journal.jsonl", {"left": np.array([True])}
    with Journal(path, {"weights": "a"}) as journal:
        journal.add("unit", units)
    line = path.read_text().splitlines()[1]
    with Journal(path, {"weights": "b"}) as journal:
        journal.add("other", units)
    with path.open("a") as file:  # as a command that had the file before, and lost its lock with the file system
        file.write(f"{line}\n")
    with Journal(path, {"weights": "b"}) as journal:
        assert journal.get("unit") is None
        assert journal.get("other") is not None


def test_a_network_is_left_as_it_was(digits: DeviceData, two_parts: None):
    torch.manual_seed(0)
    fresh = SmallCNN(1, 10, 4).train()
    fresh.stages[1].eval()
    fresh.head.bias.grad = torch.ones(10)
    modes = [module.training for module in fresh.modules()]
    state = {name: value.clone() for name, value in fresh.state_dict().items()}
    generator = torch.random.get_rng_state()
    evaluate(fresh, cut(digits, 20, 20), config(attacks=("fgsm", "pgd", "cw", "autoattack"), alarm_samples=10))
    assert [module.training for module in fresh.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in fresh.state_dict().items())
    assert torch.equal(fresh.head.bias.grad, torch.ones(10))
    assert all(parameter.requires_grad for parameter in fresh.parameters())
    assert torch.equal(torch.random.get_rng_state(), generator)


class Plain(nn.Module):
    """No Network, and neither an nn.Linear nor a 1x1 convolution at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(1, 10, 8)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(images).flatten(1)


def test_any_module_is_evaluated_and_cosines_are_left_out_with_the_reason(digits: DeviceData):
    found = evaluate(Plain(), cut(digits, 20, 20), config(attacks=("fgsm",)))
    assert found.rows[0].cosine is None
    assert found.rows[0].cosine_distance is None
    assert any("Plain exposes no representation" in note for note in found.notes)
    assert any("no scores" in note for note in found.notes)
    wrapped = evaluate(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), cut(digits, 20, 20), config(attacks=()))
    assert wrapped.rows[0].cosine is not None


def test_a_table_alone_tells_training_samples_apart(network: nn.Module, digits: DeviceData, mem: np.ndarray):
    values = mem.copy()
    values[:5] = np.nan
    found = evaluate(network, digits, config(attacks=("pgd",), atypical=0.6, typical=0.3), mem=values)
    assert [(row.split, row.group) for row in found.rows] == [
        ("train", "all"),
        ("train", "typical"),
        ("train", "atypical"),
        ("test", "all"),
    ]
    assert found.rows[1].count == (values < np.float32(0.3)).sum()
    assert found.rows[2].count == (values > np.float32(0.6)).sum()
    train = found.samples[0]
    assert train["mem"][:5].count() == train["weight"][:5].count() == 0
    assert any("only training samples are separated" in note for note in found.notes)


def test_cosines_are_those_of_all_pairs(network: nn.Module, digits: DeviceData):
    group = random_sets().train_typical
    found = class_cosines(network, digits.x_train, digits.y_train, 10, {"typical": group}, Batches(40))["typical"]
    chosen = torch.from_numpy(group)
    with torch.no_grad():
        features = network.features(pixels(digits.x_train))[chosen].double()  # pyright: ignore[reportCallIssue]
    labels = digits.y_train[chosen]
    cosines = functional.cosine_similarity(features[:, None], features[None], dim=2)
    expected = cosines[labels[:, None] != labels[None]].mean().item()
    assert found == pytest.approx(expected, abs=1e-9)
    assert mean_cosine(torch.ones(3, 2), torch.tensor([0, 4, 0])) is None


@pytest.mark.parametrize("wanted", [1, 7, 50, 149, 150, 1000])
def test_a_subset_has_the_shares_of_the_whole_and_holds_the_smaller_ones(wanted: int):
    strata = np.sort(np.random.default_rng(0).choice(6, 150, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])).astype(np.int64)
    chosen = stratified(strata, wanted, "a", 1)
    assert len(chosen) == min(wanted, 150)
    np.testing.assert_array_equal(chosen, np.unique(chosen))
    whole, part = np.bincount(strata, minlength=6), np.bincount(strata[chosen], minlength=6)
    assert (np.abs(part - whole * len(chosen) / 150) <= 1.5).all()
    assert set(stratified(strata, max(1, wanted // 2), "a", 1)) <= set(chosen)
    np.testing.assert_array_equal(chosen, stratified(strata, wanted, "a", 1))


def test_two_parts_multiply_to_the_share_of_all():
    """MOVER by hand: 0.8 in [0.7, 0.9] times 0.5 in [0.3, 0.6]."""
    found = Accuracy.product(Accuracy(100, 0.8, 0.7, 0.9), Accuracy(10, 0.5, 0.3, 0.6))
    assert found.share == pytest.approx(0.4)
    assert found.low == pytest.approx(0.4 - np.hypot(0.5 * 0.1, 0.8 * 0.2))
    assert found.high == pytest.approx(0.4 + np.hypot(0.5 * 0.1, 0.8 * 0.1))
    assert Accuracy.product(Accuracy(100, 0.8, 0.7, 0.9), Accuracy.of(0, 0)).share is None


def test_a_missing_package_is_told_before_any_work(
    network: nn.Module, digits: DeviceData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(autoattack, "import_module", missing)
    with pytest.raises(ImportError, match="AutoAttack needs pyautoattack"):
        evaluate(network, digits, config(attacks=("pgd", "autoattack")), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_kept_is_kept_for_the_same_images_alone(network: nn.Module, digits: DeviceData, tmp_path: Path):
    chosen = config(attacks=("fgsm",), splits=("test",))
    first = evaluate(network, digits, chosen, folder=tmp_path)
    darker = replace(digits, x_test=digits.x_test // 2)
    found = evaluate(network, darker, chosen, folder=tmp_path)
    assert found.as_json() == evaluate(network, darker, chosen).as_json()
    assert found.meta["fingerprint"] != first.meta["fingerprint"]
    dataset = load_source("digits")
    whole = evaluate(network, DeviceData.of(dataset, CPU), config(attacks=(), splits=("test",)))
    assert whole.meta["fingerprint"] == dataset.fingerprint


def test_scores_of_other_samples_are_refused(network: nn.Module, digits: DeviceData, mem: np.ndarray):
    for sets in (None, random_sets()):
        with pytest.raises(InvalidInput, match="do not match the 150 training and 100 test samples"):
            evaluate(network, digits, config(), sets=sets, mem=mem[:-1])
    with pytest.raises(InvalidInput, match="do not match"):
        evaluate(network, cut(digits, 150, 99), config(), sets=random_sets())
