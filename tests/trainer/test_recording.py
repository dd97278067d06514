"""Recorded steps: replayed operation by operation they end where launched ones do, for all methods and settings."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from memscore.errors import InvalidInput
from memscore.learning.networks import ResNet9, ResNet18, SmallCNN, Wrapped
from memscore.learning.networks.network import Network
from memscore.learning.networks.wrn28_10 import WRN28x10
from memscore.learning.replay import DIFFERS, WARM_UP
from tests.conftest import make_dataset
from tests.trainer.tape import Launches, Tape, Tapes
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.distributed import World
from trainer.folder import RunFolder
from trainer.learner import Learner, Tensors
from trainer.ledger import estimate
from trainer.loop import Loop
from trainer.methods import METHODS, PGD, Batch, Crafted, Loss, Step
from trainer.metrics import read_metrics
from trainer.model import Model, Passes
from trainer.network import initial_network
from trainer.recording import records_of, why_launched
from trainer.step_draws import Draws
from trainer.stopping import Stop
from trainer.twin import Twin, require_foldable

CPU = torch.device("cpu")
SIZE, CLASSES, STEPS = 12, 4, 12
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "perturbed": {"weight_perturbation": 0.01, "perturbation_warmup": 0.5},
    "averaged": {"averaging": 0.9},
    "bfloat16": {"precision": "bfloat16"},
    "folded": {"fold_attack": True},
    "folded in bfloat16": {"fold_attack": True, "precision": "bfloat16"},
    "train mode": {"attack_mode": "train"},
    "single step": {"inner": "n-fgsm"},
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "trades": [{}, {"forwards": 3}, {"beta": 0}],
    "mart": [{}, {"strength": 0}],
    "gairat": [{}, {"shift": "infinite"}],
    "bat": [
        {"weight_warmup": 0.5},
        {"beta": 0},
        {"hard_drop": True},
        {"score_forward": "eval", "denominator": "with_positive"},
        {"detach": False, "normalize": False},
    ],
    "dpls": [{}, {"strength": 0}],
}
CASES = [
    pytest.param(method, options, fields, id=f"{method} {options} {name}")
    for method in METHODS
    for number, options in enumerate(OPTIONS.get(method, [{}]))
    for name, fields in SETTINGS.items()
    if (number == 0 or name == "plain") and not (fields.get("inner") and METHODS[method].many_steps)
]


def config(method: str = "pgd", **fields: Any) -> TrainConfig:
    return TrainConfig(
        method=method,
        **{"network": "cnn", "batch_size": SIZE, "attack_steps": 2, "evaluation_steps": 1, "epochs": 2, **fields},
    )


def batch(number: int, size: int = SIZE) -> Batch:
    generator = torch.Generator().manual_seed(number)
    images = torch.rand(size, 3, 8, 8, generator=generator).to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (size,), generator=generator)
    return Batch(images, labels, torch.rand(size, generator=generator))


def learner(given: TrainConfig, records: Tapes | None, world: World = World()) -> Learner:
    torch.manual_seed(0)
    return Learner(SmallCNN(3, CLASSES, 4), given, world, records)


def taken(one: Learner, numbers: range = range(STEPS)) -> list[dict[str, float]]:
    """Take steps with ever lower rates, and return their losses and measures."""
    found: list[dict[str, float]] = []
    for number in numbers:
        step = Step(
            one.config.training_attack,
            Draws(0, 0, number),
            number / STEPS,
            single_step=one.config.inner == "n-fgsm",
        )
        loss = one.learn(batch(number), step, 0.1 / (number + 1))
        found.append({"loss": loss.value.item()} | {name: value.item() for name, value in loss.measures.items()})
    return found


def same(first: Tensors, second: Tensors) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("method", "options", "fields"), CASES)
def test_replayed_steps_end_where_launched_ones_do(method: str, options: dict[str, Any], fields: dict[str, Any]):
    """Weights, momenta, averages, losses, measures and counted passes; over the boundaries of burn-in and warm-up."""
    given = config(method, options=options, **fields)
    tapes = Tapes()
    recorded, launched = learner(given, tapes), learner(given, Launches())
    assert taken(recorded) == taken(launched)
    assert recorded.recorded
    assert same(recorded.tensors(), launched.tensors())
    assert recorded.model.passes == launched.model.passes
    phases = len(tapes.made)
    assert phases <= 2
    assert tapes.replayed == STEPS - phases * (WARM_UP + 1)


def test_a_recording_is_no_longer_valid_where_the_method_does_something_else(monkeypatch: pytest.MonkeyPatch):
    """The tape shows what a missing phase would do: without it, GAIRAT's weights are never used."""
    given = config("gairat")
    launched = learner(given, Launches())
    expected = taken(launched)

    def none(*_: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(Learner, "_kind", none)
    assert taken(learner(given, Tapes())) != expected


def test_what_waits_for_the_device_cannot_be_recorded():
    with pytest.raises(AssertionError, match="cannot be recorded"), Tape():
        torch.ones(1).item()


def test_the_last_smaller_batch_of_an_epoch_is_launched():
    given = config("bat")
    recorded, launched = (learner(given, one) for one in (Tapes(), Launches()))
    for one in (recorded, launched):
        for number in range(10):
            size = SIZE // 2 if number in (4, 9) else SIZE
            step = Step(given.training_attack, Draws(0, 0, number))
            one.learn(batch(number, size), step, 0.1)
    assert same(recorded.tensors(), launched.tensors())


def test_a_restored_learner_records_anew():
    given = config("trades", averaging=0.9)
    tapes = Tapes()
    recorded, launched = learner(given, tapes), learner(given, Launches())
    for one in (recorded, launched):
        taken(one, range(6))
        kept = {name: value.clone() for name, value in one.tensors().items()}
        taken(one, range(6, 9))
        one.restore(kept)
        taken(one, range(6, 12))
    assert same(recorded.tensors(), launched.tensors())
    assert tapes.forgotten == 1
    assert len(tapes.made) == 2


def test_a_whole_run_is_the_same_recorded(tmp_path: Path):
    """With augmentation, a small last batch, an average, recorded attacks for selection, and a stop in the middle."""
    dataset = make_dataset(train=60, test=20)
    given = config(
        "bat",
        epochs=6,
        crop=1,
        flip=True,
        precision="bfloat16",
        averaging=0.9,
        network_options={"width": 4},
        select_on="both",
        validation=0.2,
        evaluation_batch=5,
    )
    mem = torch.linspace(0, 1, 60).numpy()
    ends: list[Tensors] = []
    numbers: list[list[dict[str, Any]]] = []
    tapes = Tapes()
    for name, records in (("recorded", tapes), ("launched", Launches()), ("plain", None)):
        folder = RunFolder(tmp_path / name)
        folder.begin(given)
        for stop in (Stop(), Stop()):
            data = TrainingData(dataset, mem, given, CPU)
            one = Learner(initial_network(dataset, given, CPU), given, records=records)

            def count(done: int, total: int, _: str, stop: Stop = stop) -> None:
                if done == total // 2:
                    stop.asked = True

            Loop(one, data, folder).run(stop, count)
        ends.append(one.tensors())
        numbers.append(read_metrics(folder.path))
        for record in numbers[-1]:
            record["cost"] = {key: value for key, value in record["cost"].items() if "wards" in key}
    assert tapes.replayed > 40
    assert same(ends[0], ends[1])
    assert numbers[0] == numbers[1]
    assert same(ends[1], ends[2])
    for record, plain in zip(numbers[0], numbers[2], strict=True):
        # Lost samples leave the batch of an attack that is not recorded, whose first pass is the clean one.
        assert record["cost"].pop("selection_forwards") > plain["cost"].pop("selection_forwards") / 2
        assert record["cost"].pop("selection_backwards") >= plain["cost"].pop("selection_backwards")
        assert record == plain


def test_several_processes_record_their_attack():
    """The sums over processes are not recorded; here the only process of two computes its part alone."""
    given = config("pgd", batch_size=2 * SIZE)

    class Part(World):
        def add_gradients(self, network: nn.Module) -> None:
            pass

    tapes = Tapes()
    recorded, launched = (learner(given, one, Part(0, 2)) for one in (tapes, Launches()))
    assert taken(recorded) == taken(launched)
    assert same(recorded.tensors(), launched.tensors())
    assert tapes.replayed == STEPS - WARM_UP - 1


def test_steps_that_cannot_be_recorded_are_launched_and_it_is_said_once(caplog: pytest.LogCaptureFixture):
    class Broken(Tapes):
        def __call__(self, step: Any) -> Any:
            taped = super().__call__(step)

            def fail() -> None:
                if taped.taken == WARM_UP:
                    raise RuntimeError("operation not permitted when stream is capturing")
                taped()

            return fail

    given = config("pgd")
    broken, launched = learner(given, Broken()), learner(given, Launches())
    with caplog.at_level(logging.WARNING):
        assert taken(broken) == taken(launched)
    assert same(broken.tensors(), launched.tensors())
    assert broken.model.passes == launched.model.passes
    assert [one.getMessage() for one in caplog.records if "recorded" in one.getMessage()] == [
        "Steps cannot be recorded and are launched kernel by kernel, which is slower: "
        "operation not permitted when stream is capturing"
    ]


class Wrong(Tapes):
    """Replays do something else besides the step, from the first one, which a GPU makes as soon as it has recorded."""

    def __init__(self, spoil: Callable[[], object], first: int = 1) -> None:
        super().__init__()
        self.spoil, self.first = spoil, first

    def __call__(self, step: Any) -> Any:
        taped = super().__call__(step)

        def replay() -> None:
            taped()
            if taped.taken >= WARM_UP + self.first:
                self.spoil()

        return replay


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("fields", [{}, {"averaging": 0.9}, {"weight_perturbation": 0.01}])
@pytest.mark.parametrize("what", ["weight", "momentum", "statistic", "loss"])
def test_a_recording_that_does_something_else_is_found_and_not_used(
    what: str, fields: dict[str, Any], first: int, caplog: pytest.LogCaptureFixture
):
    given = config("bat", **fields)

    def spoil() -> None:
        tensors = wrong.tensors()
        if what == "loss":
            recording = next(iter(wrong._steps._kept.values()))  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage] -- spoiled from outside
            place = recording._results[0].value  # pyright: ignore[reportPrivateUsage] -- the same
        else:
            names = {"weight": "network.head.weight", "momentum": "momentum.0", "statistic": "running_mean"}
            place = next(value for name, value in tensors.items() if name.endswith(names[what]))
        with torch.no_grad():
            place.view(-1)[0] += 1e-3

    tapes = Wrong(spoil, first)
    wrong, launched = learner(given, tapes), learner(given, Launches())
    with caplog.at_level(logging.WARNING):
        assert taken(wrong) == taken(launched)
    assert same(wrong.tensors(), launched.tensors())
    assert wrong.model.passes == launched.model.passes
    assert [one.getMessage() for one in caplog.records] == [DIFFERS]
    assert not wrong.recorded
    assert tapes.made[0].replayed == first - 1
    assert tapes.forgotten == 1


class Progressive(PGD):
    """Its loss grows with the run, which no phase says."""

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        return Loss(super().loss(model, batch, crafted, step).value * (1 + step.progress))


def test_a_number_of_the_step_that_is_frozen_is_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(METHODS, "pgd", Progressive)
    recorded, launched = learner(config(), Tapes()), learner(config(), None)
    assert taken(recorded) == taken(launched)
    assert [one.getMessage() for one in caplog.records] == [DIFFERS]


def test_without_memory_to_compare_the_replayed_step_counts(caplog: pytest.LogCaptureFixture):
    """Beside a recording, which keeps its memory, a launched step needs as much again."""

    class Full(Learner):
        def _fit(self, batch: Batch, crafted: Crafted, step: Step) -> Loss:
            found = super()._fit(batch, crafted, step)
            if full:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return found

    class Filling(Tapes):
        def __call__(self, step: Any) -> Any:
            taped = super().__call__(step)

            def replay() -> None:
                full.clear()
                taped()
                if taped.tape is not None:
                    full.append(True)

            return replay

    full: list[bool] = []
    torch.manual_seed(0)
    recorded, launched = Full(SmallCNN(3, CLASSES, 4), config(), records=Filling()), learner(config(), None)
    with caplog.at_level(logging.INFO):
        assert taken(recorded) == taken(launched)
    assert recorded.recorded
    assert same(recorded.tensors(), launched.tensors())
    assert recorded.model.passes == launched.model.passes
    assert len([one for one in caplog.records if "no memory for both" in one.getMessage()]) == 2


def test_a_selection_that_is_replayed_wrongly_is_found(caplog: pytest.LogCaptureFixture):
    """Its result says which images withstand the attack; nothing else changes."""
    given = config()
    found: list[torch.Tensor] = []

    def spoil() -> None:
        recording = next(iter(one._selections[one.network]._kept.values()))  # pyright: ignore[reportPrivateUsage] -- spoiled from outside
        recording._results[0].logical_not_()  # pyright: ignore[reportPrivateUsage] -- the same

    for records in (Wrong(spoil), Launches()):
        one = learner(given, records)
        one.network.eval()
        withstand = one.withstand(one.network, given.training_attack, Passes())
        assert withstand is not None
        found.append(torch.stack([withstand(batch(number).images, batch(number).labels) for number in range(8)]))
    assert torch.equal(*found)
    assert [record.getMessage() for record in caplog.records] == [DIFFERS]


def test_memory_that_runs_out_is_no_reason_to_launch():
    class Full(Tapes):
        def __call__(self, step: Any) -> Any:  # noqa: ARG002 -- the interface
            def fail() -> None:
                raise torch.OutOfMemoryError("CUDA out of memory.")

            return fail

    with pytest.raises(torch.OutOfMemoryError):
        taken(learner(config(), Full()))


def test_nothing_is_recorded_on_a_cpu():
    given = config()
    assert records_of(given, ResNet9(3, CLASSES, 4), World()) is None
    assert not learner(given, None).recorded


@pytest.mark.parametrize(
    ("fields", "processes", "reason"),
    [
        ({}, 1, None),
        ({}, 2, None),
        ({"attack_mode": "train"}, 1, None),
        ({"attack_mode": "train"}, 2, "attacks in train mode exchange statistics between processes"),
        ({"method": "erm"}, 2, "without an attack, a step of several processes waits for their sums"),
        ({"compile": True}, 1, "the network is compiled"),
        ({"network": "some.package:network"}, 1, "some.package:network may decide on the host what it computes"),
    ],
)
def test_why_steps_are_launched(fields: dict[str, Any], processes: int, reason: str | None):
    assert why_launched(config(**fields), World(0, processes)) == reason


def test_the_estimate_of_a_run_leaves_out_what_recording_costs():
    dataset = make_dataset(train=120)
    given = config(network_options={"width": 4})
    data = TrainingData(dataset, None, given, CPU)
    one = Learner(initial_network(dataset, given, CPU), given)
    found = estimate(one, data)
    assert (found.forwards, found.backwards) == (3, 3)


def networks() -> dict[str, Network]:
    torch.manual_seed(0)
    found = {"resnet9": ResNet9(3, CLASSES, 4), "resnet18": ResNet18(3, CLASSES), "cnn": SmallCNN(3, CLASSES, 4)}
    for one in found.values():
        for norm in one.modules():
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
                nn.init.normal_(norm.weight)
                nn.init.normal_(norm.bias)
    return found


@pytest.mark.parametrize("name", ["resnet9", "resnet18", "cnn"])
def test_a_folded_copy_answers_like_the_network_but_for_rounding(name: str):
    network = networks()[name].double()
    twin = Twin(network, half=False, folded=True)
    twin.refresh()
    images = batch(0).images.double()
    left = [one for one in twin.network.modules() if isinstance(one, nn.BatchNorm2d)]
    assert left == []
    network.eval()
    torch.testing.assert_close(twin.network(images), network(images), rtol=1e-9, atol=1e-9)


def test_batchnorm_that_follows_no_convolution_stays():
    network = WRN28x10(3, CLASSES)
    norms = sum(isinstance(one, nn.BatchNorm2d) for one in network.modules())
    twin = Twin(network, half=False, folded=True)
    twin.refresh()
    left = sum(isinstance(one, nn.BatchNorm2d) for one in twin.network.modules())
    assert (norms, left) == (25, 13)
    images = batch(0, 2).images
    torch.testing.assert_close(twin.network(images), network.eval()(images), rtol=1e-4, atol=1e-4)


class Odd(ResNet9):
    """Answers with its first convolution alone, beside what BatchNorm makes of it."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        first = self.get_submodule("stages.0.0.0")
        return super().features(images) + first(images).mean(dim=(1, 2, 3))[:, None]


def own(kind: str) -> Network:
    """A network whose convolutions and BatchNorms are used in unusual ways."""
    torch.manual_seed(0)
    activation, shared = nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
    norm = nn.BatchNorm2d(4)
    first = nn.Conv2d(3, 4, 3, padding=1)
    parts: dict[str, list[nn.Module]] = {
        "one activation": [first, activation, nn.BatchNorm2d(4), shared, activation, nn.BatchNorm2d(4)],
        "one convolution twice": [
            first,
            nn.Sequential(shared, nn.BatchNorm2d(4)),
            nn.Sequential(shared, nn.BatchNorm2d(4)),
        ],
        "one convolution with and without": [first, nn.Sequential(shared, nn.BatchNorm2d(4)), shared],
        "one BatchNorm twice": [first, norm, activation, shared, norm],
        "without scales": [
            first,
            nn.BatchNorm2d(4, affine=False),
            shared,
            nn.BatchNorm2d(4, track_running_stats=False),
        ],
        "a bias": [nn.Conv2d(3, 4, 3, padding=1, bias=True), nn.BatchNorm2d(4)],
    }
    if kind == "tied weights":
        other = nn.Conv2d(4, 4, 3, padding=1)
        other.weight = shared.weight
        chosen: list[nn.Module] = [
            first,
            nn.Sequential(shared, nn.BatchNorm2d(4)),
            nn.Sequential(other, nn.BatchNorm2d(4)),
        ]
    else:
        chosen = parts[kind]
    return Wrapped(nn.Sequential(*chosen, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES)), CLASSES)


@pytest.mark.parametrize(
    ("kind", "folds"),
    [
        ("one activation", 0),
        ("one convolution twice", 0),
        ("one convolution with and without", 0),
        ("tied weights", 0),
        ("one BatchNorm twice", 0),
        ("without scales", 0),
        ("a bias", 1),
    ],
)
def test_only_what_a_network_uses_in_one_place_is_folded(kind: str, folds: int):
    network = own(kind)
    twin = Twin(network, half=False, folded=True)
    assert twin.folds == folds
    require_foldable(network, batch(0, 2).images)


def test_a_layer_in_single_precision_stays_so_under_autocast():
    class Careful(SmallCNN):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", enabled=False):
                return self.head(self.features(images.float()).float())

    torch.manual_seed(0)
    given = config(network="some.package:network", precision="bfloat16", fold_attack=True)
    one = Learner(Careful(3, CLASSES, 4), given)
    assert torch.isfinite(torch.tensor([step["loss"] for step in taken(one, range(2))])).all()


def test_a_network_without_anything_to_fold_is_told_of(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        Learner(own("one activation"), config(network="some.package:network", fold_attack=True))
    assert "fold_attack has no effect" in caplog.text


def test_a_closed_learner_is_freed_at_once_with_its_recordings():
    """Without the garbage collector: what they hold is device memory."""
    tapes = Tapes()
    one = learner(config(), tapes)
    taken(one, range(6))
    gone = weakref.ref(one)
    gc.disable()
    try:
        one.close()
        tapes.made.clear()  # as Recorder.forget does
        taken(one, range(6, 8))
        del one
        assert gone() is None
    finally:
        gc.enable()


def test_a_network_that_cannot_be_folded_is_refused():
    torch.manual_seed(0)
    images = batch(0, 2).images
    require_foldable(ResNet9(3, CLASSES, 4), images)
    with pytest.raises(InvalidInput, match="they cannot be folded; leave out fold_attack"):
        require_foldable(Odd(3, CLASSES, 4), images)


@pytest.mark.parametrize("folded", [False, True])
def test_a_copy_follows_the_network(folded: bool):
    given = config(fold_attack=folded, precision="bfloat16")
    one = learner(given, Launches())
    taken(one, range(3))
    twin = Twin(one.network, half=True, folded=folded)
    taken(one, range(3, 5))
    twin.refresh()
    fresh = Twin(one.network, half=True, folded=folded)
    fresh.refresh()
    assert same(dict(twin.network.state_dict()), dict(fresh.network.state_dict()))


def test_folding_needs_statistics_that_stay():
    with pytest.raises(ValueError, match="fold_attack needs attack_mode=eval"):
        config(fold_attack=True, attack_mode="train")
