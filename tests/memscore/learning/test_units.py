"""Training of single models, full trials and probabilities: each unit depends on its name alone."""

import gc
import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from memscore.errors import Diverged, InvalidInput
from memscore.learning import calibration
from memscore.learning import stack as stack_module
from memscore.learning import unit as unit_module
from memscore.learning.calibration import seconds_a_trial
from memscore.learning.data import Augmentation, DeviceData, flat_inputs, pixels
from memscore.learning.optimization import learning_rate, optimizer_of
from memscore.learning.replay import DIFFERS, Compared, trained_tensors
from memscore.learning.single import single_logits, train_single
from memscore.learning.stack import Members, flattened, stack_logits, train_stack, train_stacks
from memscore.learning.unit import train_unit
from memscore.study.bits import digest
from memscore.study.evidence import Trial, unpack_trials
from memscore.study.sketches import SKETCHED
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import Unit, block_membership, unit_membership, units
from tests.conftest import QUICK, make_dataset
from tests.trainer.tape import Taped, Tapes

CPU = torch.device("cpu")
CNN = Recipe(
    network="cnn",
    options={"width": 4},
    epochs=2,
    batch_size=8,
    learning_rate=0.05,
    warmup=0.2,
    crop=1,
    flip=True,
    plain_epochs=1,
)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> DeviceData:
    return DeviceData.of(make_dataset(), CPU)


def test_units_are_what_is_missing_stack_by_stack_or_trial_by_trial():
    assert [unit.numbers for unit in units(QUICK, 20, present=range(19))] == [tuple(range(10, 20))]
    assert [unit.numbers for unit in units(CNN, 4, present=[1, 2])] == [(0,), (3,)]
    assert [unit.numbers for unit in units(QUICK, 6, full=True)] == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]
    assert units(CNN, 3, full=True, present=[0, 1, 2]) == []


def test_the_subsets_of_a_unit_are_its_trials_rows_of_the_block():
    block = block_membership(Design(), 61, 3)
    assert (unit_membership(Design(), 61, Unit((34, 36))) == block[[4, 6]]).all()
    assert unit_membership(Design(), 61, Unit((0,), full=True)).all()


def test_a_single_trial_is_the_same_in_any_order_and_whatever_was_drawn_before(data: DeviceData):
    later_first = [train_unit(data, CNN, Design(), Unit((k,)))[0] for k in (3, 0)]
    torch.rand(17)
    again = [train_unit(data, CNN, Design(), Unit((k,)))[0] for k in (0, 3)]
    assert later_first[0].digest == again[1].digest
    assert later_first[1].digest == again[0].digest
    assert again[0].digest != again[1].digest


def test_a_single_trial_does_not_see_its_held_out_samples(data: DeviceData):
    """Other pixels in the held-out samples change nothing in what it says of the rest."""
    unit = Unit((0,))
    held_out = torch.from_numpy(~unit_membership(Design(), 60, unit)[0])
    other = data.x_train.clone()
    other[held_out] = 255 - other[held_out]
    one = train_single(data, CNN, ~held_out.numpy(), (0,))
    two = train_single(replace(data, x_train=other), CNN, ~held_out.numpy(), (0,))
    assert torch.equal(single_logits(one, data.x_test), single_logits(two, data.x_test))


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_full_trials_train_on_everything_and_are_numbered_apart(data: DeviceData, recipe: Recipe):
    trials = [trial for unit in units(recipe, 5, full=True) for trial in train_unit(data, recipe, Design(), unit)]
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert all(trial.full and trial.out_accuracy is None for trial in trials)
    assert len({trial.train_bits + trial.test_bits for trial in trials}) > 1
    assert not any(trial.full for trial in train_unit(data, recipe, Design(), units(recipe, 1)[0]))


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_probabilities_are_those_of_the_true_class(data: DeviceData, recipe: Recipe):
    unit = units(recipe, 1)[0]
    plain = train_unit(data, recipe, Design(), unit)
    recorded = train_unit(data, recipe, Design(), unit, probabilities=True)
    for without, with_them in zip(plain, recorded, strict=True):
        assert without.train_probability is None
        assert (without.train_bits, without.test_bits) == (with_them.train_bits, with_them.test_bits)
        assert with_them.train_probability is not None
        assert with_them.test_probability is not None
        probability = np.frombuffer(with_them.train_probability, np.uint8) / 255
        correct = np.unpackbits(np.frombuffer(with_them.train_bits, np.uint8), count=60).astype(bool)
        assert len(with_them.test_probability) == 20
        assert (probability[correct] >= 1 / 3 - 1 / 255).all()  # the largest of three
        assert (probability[~correct] <= 1 / 2 + 1 / 255).all()
        assert with_them.digest != without.digest


def logits_of(data: DeviceData, recipe: Recipe, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
    """Logits [k, n, classes] and [k, q, classes] of the unit's models, trained here."""
    membership = unit_membership(Design(), len(data.y_train), unit)
    if recipe.stacked:
        model = train_stack(data, recipe, membership, (0, 0))
        return tuple(stack_logits(model, flattened(x)).numpy() for x in (data.x_train, data.x_test))  # pyright: ignore
    network = train_single(data, recipe, membership[0], (0, "trial", 0))
    return tuple(single_logits(network, x)[None].numpy() for x in (data.x_train, data.x_test))  # pyright: ignore


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_margins_and_mistakes_are_those_of_the_logits(data: DeviceData, recipe: Recipe):
    unit = units(recipe, 1)[0]
    trials = train_unit(data, recipe, Design(), unit)
    found = unpack_trials(trials, Design(), 60, 20)
    assert found.margins is not None
    for logits, labels, correct, codes, mistakes in zip(
        logits_of(data, recipe, unit),
        (data.y_train.numpy(), data.y_test.numpy()),
        (found.train_correct, found.test_correct),
        (found.margins.train, found.margins.test),
        (found.margins.train_mistakes, found.margins.test_mistakes),
        strict=True,
    ):
        wrong: list[tuple[int, int, int]] = []
        for k, of_trial in enumerate(logits.tolist()):
            for i, (row, label) in enumerate(zip(of_trial, labels.tolist(), strict=True)):
                margin = row[label] - max(z for j, z in enumerate(row) if j != label)
                exact = 127 * math.asinh(margin / 2) / math.asinh(20)
                assert abs(int(codes[k, i]) - min(max(exact, -127), 127)) < 0.501
                assert correct[k, i] == (margin > 0 or (margin == 0 and row.index(max(row)) == label))
                if not correct[k, i]:
                    wrong.append((k, i, row.index(max(row))))
        assert wrong
        assert list(zip(*map(np.ndarray.tolist, vars(mistakes).values()), strict=True)) == wrong


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_bits_alone_are_recorded_as_before_and_trained_equally(data: DeviceData, recipe: Recipe):
    unit = units(recipe, 1)[0]
    outputs = ("train_margin", "test_margin", "train_mistakes", "test_mistakes")
    for bits, whole in zip(
        train_unit(data, recipe, Design(), unit, kind="bits"), train_unit(data, recipe, Design(), unit), strict=True
    ):
        assert all(getattr(bits, name) is None and getattr(whole, name) is not None for name in outputs)
        assert (bits.train_bits, bits.test_bits) == (whole.train_bits, whole.test_bits)
        parts = [str(bits.number).encode(), bits.subset_digest.encode(), bits.train_bits, bits.test_bits]
        assert bits.digest == digest(*parts) != whole.digest


def agreement(trial: Trial) -> np.ndarray:
    """The share of the bits of a full trial's sketches that agree, for each pair of a training and a test sample."""
    assert trial.sketch is not None
    train, test = (np.unpackbits(part, axis=1) for part in (trial.sketch.train, trial.sketch.test))
    return (train[:, None] == test[None]).mean(axis=2)


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_the_first_full_trials_have_sketches_of_the_penultimate_layer(data: DeviceData, recipe: Recipe):
    everything = torch.ones(60, dtype=torch.bool).numpy()
    unit = units(recipe, 5, full=True)[0]
    found = train_unit(data, recipe, Design(), unit)[0]
    if recipe.stacked:
        model = train_stack(data, recipe, np.tile(everything, (5, 1)), (0, "full", 0))
        seen = [model.features(flat_inputs(flattened(x)).expand(5, -1, -1))[0] for x in (data.x_train, data.x_test)]
    else:
        network = train_single(data, recipe, everything, (0, "full", 0)).eval()
        seen = [network.features(pixels(x)) for x in (data.x_train, data.x_test)]
    train, test = (one.detach().numpy().astype(np.float64) for one in seen)
    labels, test_labels = data.y_train.numpy(), data.y_test.numpy()
    alike = agreement(found)
    for label in range(3):
        rows, columns = np.flatnonzero(labels == label), np.flatnonzero(test_labels == label)
        centre = train[rows].mean(axis=0)
        one, other = train[rows] - centre, test[columns] - centre
        cosine = one @ other.T / np.outer(np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1))
        error = alike[np.ix_(rows, columns)] - (1 - np.arccos(cosine.clip(-1, 1)) / np.pi)
        assert np.abs(error).mean() < 0.04  # of independent bits up to .025


def test_sketches_are_those_of_full_trials_up_to_a_number_and_of_none_with_bits_alone(data: DeviceData):
    later = units(CNN, SKETCHED + 1, full=True)[-1]
    assert later.numbers == (SKETCHED,)
    plain = train_unit(data, CNN, Design(), Unit((0,), full=True), kind="bits")
    for trial in (*train_unit(data, CNN, Design(), later), *plain, *train_unit(data, CNN, Design(), Unit((0,)))):
        assert (trial.train_sketch, trial.test_sketch) == (None, None)
    (whole,) = train_unit(data, CNN, Design(), Unit((0,), full=True))
    assert whole.sketch is not None
    assert whole.train_bits == plain[0].train_bits


def test_augmentation_shifts_and_mirrors_and_nothing_else():
    images = torch.arange(1, 2 * 5 * 4 * 3 + 1, dtype=torch.uint8).reshape(2, 5, 4, 3)
    augmentation = Augmentation(images, 2, True, "name")
    chosen = torch.arange(200) % 2
    augmentation.draw(200, 0)
    seen = set()
    for start in (0, 100):
        for position, image in enumerate(augmentation.batch(chosen[start : start + 100], slice(start, start + 100))):
            down, right = (augmentation.shifts[:, start + position] - 2).tolist()
            mirrored = bool(augmentation.mirrored[start + position])
            seen.add((down, right, mirrored))
            original = images[chosen[start + position]].numpy()
            expected = np.zeros_like(original)
            for row in range(5):
                for column in range(4):
                    across = 3 - column if mirrored else column
                    if 0 <= row + down < 5 and 0 <= across + right < 4:
                        expected[row, column] = original[row + down, across + right]
            assert (image.numpy() == expected).all()
    assert len(seen) > 40  # of 50
    before, where = augmentation.shifts.clone(), augmentation.shifts.data_ptr()
    augmentation.draw(200, 1)
    assert not torch.equal(before, augmentation.shifts)
    assert augmentation.shifts.data_ptr() == where  # a recorded step reads there


def test_images_keep_their_pixels_on_the_device():
    dataset = make_dataset()
    data = DeviceData.of(dataset, CPU)
    assert data.x_train.dtype == torch.uint8
    assert data.shape == (1, 4, 4)
    np.testing.assert_allclose(pixels(data.x_train)[:, 0].numpy(), dataset.x_train[..., 0] / 255, rtol=1e-6)


def test_learning_rates_rise_and_fall():
    def rates(**fields: object) -> list[float]:
        recipe = CNN.model_copy(update={"learning_rate": 2.0, "warmup": 0.0, **fields})
        return [learning_rate(recipe, step, 10) for step in range(10)]

    assert rates() == [2 * (1 - step / 10) for step in range(10)]
    assert rates(warmup=0.2)[:3] == [1, 2, 2]
    assert rates(warmup=0.2)[-1] == pytest.approx(2 / 8)
    assert rates(schedule="cosine")[5] == pytest.approx(1 + math.cos(math.pi / 2))
    assert set(rates(schedule="constant")) == {2.0}


def test_each_optimizer_takes_the_recipe_s_values():
    parameters = [torch.zeros(3, requires_grad=True)]
    (group,) = optimizer_of(CNN.model_copy(update={"weight_decay": 0.25}), parameters, CPU).param_groups
    assert (group["lr"], group["momentum"], group["nesterov"], group["weight_decay"]) == (0.05, 0.9, True, 0.25)
    adamw = CNN.model_copy(update={"optimizer": "adamw", "momentum": 0.8})
    (group,) = optimizer_of(adamw, parameters, CPU).param_groups
    assert group["betas"] == (0.8, 0.999)


@pytest.mark.parametrize(
    "fields",
    [
        {"precision": "bfloat16"},
        {"optimizer": "adamw", "learning_rate": 0.01, "schedule": "cosine"},
        {"network": "resnet9", "options": {"width": 4, "stem": 2}},
        {"batch_size": 41},  # 42 of 60 samples: the last batch would hold one
    ],
)
def test_other_recipes_learn_too(data: DeviceData, fields: dict[str, object]):
    recipe = Recipe.model_validate({**CNN.model_dump(), "epochs": 12, "crop": 0, "flip": False, **fields})
    (trial,) = train_unit(data, recipe, Design(), Unit((0,)))
    assert trial.in_accuracy > 0.8


def test_a_stack_in_bfloat16_learns_the_same(data: DeviceData):
    recipe = QUICK.model_copy(update={"epochs": 30})
    exact, rounded = (
        np.mean([trial.in_accuracy for trial in train_unit(data, some, Design(), units(some, 10)[0])])
        for some in (recipe, recipe.model_copy(update={"precision": "bfloat16"}))
    )
    assert abs(exact - rounded) < 0.05


def test_a_diverging_network_names_its_epoch(data: DeviceData):
    wild = CNN.model_copy(update={"learning_rate": 1000.0, "epochs": 30, "weight_decay": 1.0})
    with pytest.raises(Diverged, match=r"epoch \d+ of 30; lower learning_rate \(now 1000\)"):
        train_unit(data, wild, Design(), Unit((0,)))


def own_network(shape: tuple[int, int, int], classes: int, wrong: int = 0) -> torch.nn.Module:
    hidden = torch.nn.Linear(math.prod(shape), 32)
    return torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.ReLU(), torch.nn.Linear(32, classes + wrong))


def test_a_network_of_one_s_own_is_trained_and_checked(data: DeviceData):
    own = CNN.model_copy(
        update={"network": f"{__name__}:own_network", "options": {}, "epochs": 40, "crop": 0, "flip": False}
    )
    assert train_unit(data, own, Design(), Unit((0,)))[0].in_accuracy > 0.5
    with pytest.raises(InvalidInput, match=r"returns shape \[1, 5\]; give its last layer 3"):
        train_unit(data, own.model_copy(update={"options": {"wrong": 2}}), Design(), Unit((0,)))
    assert train_unit(data, own, Design(), Unit((0,), full=True))[0].sketch is not None


def headless(shape: tuple[int, int, int], classes: int) -> torch.nn.Module:
    """Logits that no linear layer computes."""
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(math.prod(shape), 32),
        torch.nn.Unflatten(1, (32, 1)),
        torch.nn.Conv1d(32, classes, 1),
        torch.nn.Flatten(),
    )


class Positions(torch.nn.Module):
    """A linear layer that is called on every row of an image."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.last = torch.nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(images[:, 0]).mean(dim=1)


def by_rows(shape: tuple[int, int, int], classes: int) -> torch.nn.Module:
    return Positions(shape[2], classes)


@pytest.mark.parametrize("network", ["headless", "by_rows"])
def test_a_network_without_a_representation_has_no_sketch_and_trains(data: DeviceData, network: str):
    own = CNN.model_copy(update={"network": f"{__name__}:{network}", "options": {}, "crop": 0, "flip": False})
    (trial,) = train_unit(data, own, Design(), Unit((0,), full=True))
    assert trial.sketch is None
    assert trial.train_margin is not None


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(data: DeviceData):
    pytest.importorskip("torch._inductor")
    recipe = CNN.model_copy(update={"epochs": 10})
    plain, compiled = (
        train_unit(data, some, Design(), Unit((0,)))[0]
        for some in (recipe, recipe.model_copy(update={"compile": True}))
    )
    assert abs(plain.in_accuracy - compiled.in_accuracy) < 0.1


@pytest.mark.parametrize("recipe", [QUICK, CNN], ids=["stack", "single"])
def test_the_calibration_is_near_the_time_a_trial_takes(data: DeviceData, recipe: Recipe):
    recipe = recipe.model_copy(update={"epochs": 40})
    expected = seconds_a_trial(data, recipe, Design())
    took = np.mean([trial.seconds for trial in train_unit(data, recipe, Design(), units(recipe, 1)[0])])
    assert took / 10 < expected < 10 * took


def test_a_disturbed_clock_does_not_prolong_the_calibration(data: DeviceData, monkeypatch: pytest.MonkeyPatch):
    """An epoch takes 10 ms, but whenever the clock ticks in steps of half a second, it seems to take none."""
    now, trained = [0.0], list[int]()

    def train(data: DeviceData, recipe: Recipe, *_: object) -> None:
        trained.append(recipe.epochs)
        now[0] += 0.01 * recipe.epochs

    monkeypatch.setattr(calibration, "train_stacks", train)
    monkeypatch.setattr(calibration, "_evaluation_seconds", lambda *_: 0.0)
    monkeypatch.setattr(calibration.time, "process_time", lambda: np.floor(now[0] * 2) / 2)
    seconds = calibration.seconds_a_trial(data, QUICK.model_copy(update={"epochs": 1000}), Design())
    assert max(trained) <= 1000
    assert sum(trained) < 4000
    steps = -(-round(0.7 * len(data.y_train)) // QUICK.batch_size)
    assert seconds == pytest.approx(1000 * 0.01 * steps / min(steps, calibration.STEPS) / 10, rel=0.6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_block_has_the_same_bits_whatever_is_trained_beside_it(
    data: DeviceData, monkeypatch: pytest.MonkeyPatch, precision: str
):
    """As on a GPU, with stacks of four blocks: in any slot, with any neighbours, or with copies of itself."""
    recipe = QUICK.model_copy(update={"precision": precision})
    monkeypatch.setattr(unit_module, "blocks_at_once", lambda _: 4)

    def digests(*blocks: int) -> dict[int, str]:
        unit = Unit(tuple(10 * block + place for block in blocks for place in range(10)))
        found = train_unit(data, recipe, Design(), unit)
        assert {trial.device for trial in found} == {"cpu, stacks of 40"}
        return {trial.number: trial.digest for trial in found}

    together = digests(0, 1, 2, 5)
    assert len(together) == 40
    for others in ((5, 2, 1, 0), (1, 3), (2,), (0, 7, 8)):
        for number, found in digests(*others).items():
            assert together.get(number, found) == found, (others, number)


def test_a_long_device_name_keeps_how_trials_were_trained(monkeypatch: pytest.MonkeyPatch):
    """In the 63 characters that evidence has for it."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA " + "X" * 80)
    name = unit_module.device_name(torch.device("cuda"), ", stacks of 40")
    assert len(name) == 63
    assert name.endswith("X, stacks of 40")
    assert len(unit_module.device_name(torch.device("cuda"))) == 63
    assert unit_module.device_name(torch.device("cpu")) == "cpu"


def test_blocks_of_a_unit_are_trained_one_by_one_on_a_cpu(data: DeviceData):
    unit = Unit(tuple(range(20)))
    together = train_unit(data, QUICK, Design(), unit)
    alone = [trial for block in unit.blocks for trial in train_unit(data, QUICK, Design(), block)]
    assert [(one.number, one.digest, one.device) for one in together] == [
        (one.number, one.digest, "cpu") for one in alone
    ]


@pytest.mark.parametrize("fields", [{}, {"precision": "bfloat16"}, {"batch_size": 100}, {"schedule": "cosine"}])
def test_recorded_steps_of_a_stack_end_where_launched_ones_do(data: DeviceData, fields: dict[str, Any]):
    recipe = QUICK.model_copy(update={"epochs": 4, "batch_size": 8, "warmup": 0.2, **fields})
    members = [Members(unit_membership(Design(), 60, units(recipe, 20)[block]), (0, block)) for block in (0, 1)]
    tapes = Tapes()
    recorded = train_stacks(data, recipe, members, 3, record=tapes)
    launched = train_stacks(data, recipe, members, 3)
    assert len(recorded) == len(launched) == 2
    for one, other in zip(recorded, launched, strict=True):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one.parameters(), other.parameters(), strict=True))
    assert bool(tapes.replayed) == (recipe.batch_size == 8)


def test_a_recording_of_a_stack_that_does_something_else_is_found_and_not_used(
    data: DeviceData, caplog: pytest.LogCaptureFixture
):
    recipe = QUICK.model_copy(update={"epochs": 4, "batch_size": 4})
    members = [Members(unit_membership(Design(), 60, units(recipe, 10)[0]), (0, 0))]
    tapes = Tapes()

    def one_sided(step: Callable[[], None]) -> Callable[[], None]:
        """Replays take the recorded step, and then once more."""
        taped = tapes(step)

        def replay() -> None:
            taped()
            if taped.replayed:
                taped()

        return replay

    found = train_stacks(data, recipe, members, record=one_sided)[0]
    expected = train_stacks(data, recipe, members)[0]
    assert all(torch.equal(one, two) for one, two in zip(found.parameters(), expected.parameters(), strict=True))
    assert [one.getMessage() for one in caplog.records] == [DIFFERS]
    assert tapes.replayed == 2


@pytest.mark.parametrize(("spoiled", "replays"), [(False, 5), (True, 1)])
def test_a_step_of_one_network_is_compared_with_its_first_replays(spoiled: bool, replays: int):
    """As `train_single` does on a GPU: here the recording is a tape, of a step with momentum and BatchNorm."""
    ends: list[list[torch.Tensor]] = []
    for compared in (False, True):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
        optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9)
        step = partial(_step_of, network, optimizer, batch := torch.empty(8, 4))
        taped = Taped(step)

        def replay(taped: Taped = taped, network: torch.nn.Module = network) -> None:
            taped()
            if spoiled and taped.replayed:
                with torch.no_grad():
                    next(network.parameters()).add_(1e-3)

        take = Compared(step, replay, partial(trained_tensors, network, optimizer)) if compared else step
        for number in range(9):
            batch.copy_(torch.rand(8, 4, generator=torch.Generator().manual_seed(number)))
            take()
        ends.append(trained_tensors(network, optimizer))
        assert taped.replayed == (replays if compared else 0)
    assert len(ends[0]) == 4 + 3 + 4
    assert all(torch.equal(one, two) for one, two in zip(*ends, strict=True))


def _step_of(network: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    network(batch).square().sum().backward()
    optimizer.step()


def test_the_recording_of_a_stack_is_freed_at_once(data: DeviceData, monkeypatch: pytest.MonkeyPatch):
    """Without the garbage collector: what it holds is device memory."""
    found: list[weakref.ref[Any]] = []
    made = stack_module._Replayed.__init__

    def noted(self: Any, *arguments: Any) -> None:
        made(self, *arguments)
        found.append(weakref.ref(self))

    monkeypatch.setattr(stack_module._Replayed, "__init__", noted)
    members = [Members(unit_membership(Design(), 60, units(QUICK, 10)[0]), (0, 0))]
    gc.disable()
    try:
        train_stacks(data, QUICK, members, record=lambda step: Taped(step))
        assert [one() for one in found] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("samples", [*range(60, 71), 1437])
def test_epochs_of_all_blocks_are_equally_long(samples: int):
    """A neighbour with one more batch would otherwise give a block one more step."""
    longest = {int(block_membership(Design(seed=block), samples, block).sum(axis=1).max()) for block in range(8)}
    assert longest == {samples - samples * 3 // 10}
