"""Runs: repeatable, honest about groups, kept whole, and never on the wrong dataset's scores."""

import json
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.datasets.dataset import Dataset
from memscore.datasets.label_noise import flip_labels
from memscore.errors import Conflict, Damaged, Diverged, FingerprintMismatch, InvalidInput
from memscore.learning.data import DeviceData, pixels
from memscore.learning.networks import SmallCNN
from memscore.scores.sets import split
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from trainer import checkpoints
from trainer.attacks import Attack
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.evaluation import correct, read_samples
from trainer.folder import RunFolder
from trainer.loop import Loop
from trainer.metrics import read_metrics
from trainer.outcome import read_outcome
from trainer.printing import notes_on
from trainer.run import Run, Watch, train_network
from trainer.run import train as run
from trainer.scores import TrainingScores, read
from trainer.stopping import SAYING, STOPPING, Stop, stopping_on_signals

Data = tuple[torch.Tensor, torch.Tensor]
BAT = TrainConfig(
    method="bat", epochs=3, batch_size=16, attack_steps=2, evaluation_steps=3, network_options={"width": 4}
)


ERM = TrainConfig(method="erm", epochs=2, evaluation_steps=4, epsilon=0.1, network_options={"width": 4})


@pytest.fixture(scope="module")
def scores(dataset: Dataset) -> TrainingScores:
    design = Design()
    table, pairs = build(dataset, make_trials(dataset, design, blocks=4), design, "0123456789abcdef")
    return TrainingScores(table, split(table, pairs))


def both(dataset: Dataset) -> tuple[Data, Data]:
    data = DeviceData.of(dataset, torch.device("cpu"))
    return (pixels(data.x_train), data.y_train), (pixels(data.x_test), data.y_test)


def test_a_run_is_repeatable_and_depends_on_its_seed(dataset: Dataset, scores: TrainingScores):
    mem = scores.table["mem"]

    def weights(config: TrainConfig) -> list[torch.Tensor]:
        torch.rand(3)  # the global generator does not matter
        return list(train_network(dataset, config, mem).state_dict().values())

    first, again = weights(BAT), weights(BAT)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = weights(BAT.model_copy(update={"seed": 1}))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_groups_are_counted_by_hand(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    finished = run(dataset, "made-up", BAT, scores, tmp_path)
    network, _ = checkpoints.load(tmp_path / "checkpoints" / "last", dataset)
    rows = {(row.split, row.group): row for row in finished.last.rows}
    expected = [(split, group) for split in ("train", "test") for group in ("all", "typical", "atypical")]
    assert [one for one in rows if one != ("test", "control")] == expected
    assert scores.sets is not None
    (images, labels), (_, test_labels) = both(dataset)
    attack = Attack(epsilon=BAT.epsilon, step_size=BAT.epsilon / 4, steps=20, random_start=False)
    mask = scores.sets.train_atypical
    row = rows["train", "atypical"]
    assert row.count == mask.sum()
    assert row.accuracy["clean"].share == correct(network, images, labels)[mask].mean()
    assert row.accuracy["pgd"].share == correct(network, images, labels, attack)[mask].mean()
    assert rows["test", "all"].count == len(test_labels)


def test_what_needs_scores_is_refused_without(dataset: Dataset):
    with pytest.raises(InvalidInput, match="'bat' needs memorization scores; pass them with --scores"):
        train_network(dataset, BAT)
    with pytest.raises(InvalidInput, match="Training with keep_atypical needs memorization scores"):
        train_network(dataset, TrainConfig(method="pgd", keep_atypical=0.2))
    with pytest.raises(InvalidInput, match="Training with leave_out needs memorization scores"):
        train_network(dataset, TrainConfig(method="pgd", leave_out=0.2))


def test_scores_of_another_dataset_are_refused_before_any_work(
    dataset: Dataset, scores: TrainingScores, tmp_path: Path
):
    noisy = flip_labels(dataset, 0.1, 0)
    with pytest.raises(FingerprintMismatch, match="different dataset from 'noisy'"):
        run(noisy, "noisy", BAT, scores, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_its_last_and_its_best_networks_and_says_how_they_were_selected(
    dataset: Dataset, scores: TrainingScores, tmp_path: Path
):
    folder = tmp_path / "run"
    config = BAT.model_copy(update={"select_on": "both", "averaging": 0.9})
    finished = run(dataset, "made-up", config, scores, folder)
    names = [
        prefix + name
        for prefix in ("", "averaged-")
        for name in ("last", "best-adversarial", "best-adversarial-on-test", "best-clean", "best-clean-on-test")
    ]
    assert [one.name for one in finished.checkpoints] == names
    assert finished.last.selected == {"by": "last", "on": None, "value": None}
    assert finished.last.epoch == 3
    records = read_metrics(folder)
    assert [record["epoch"] for record in records] == [1, 2, 3]
    on_test = next(one for one in finished.checkpoints if one.name == "best-adversarial-on-test")
    values = [record["accuracy"]["network"]["test"]["adversarial"] for record in records]
    low, high = on_test.selected.pop("low"), on_test.selected.pop("high")
    assert on_test.selected == {"by": "adversarial accuracy", "on": "test", "value": max(values), "samples": 20}
    assert 0 <= low < max(values) < high <= 1
    assert on_test.epoch == 1 + values.index(max(values))
    data = both(dataset)
    for one in finished.checkpoints:
        network, kept = checkpoints.load(folder / "checkpoints" / one.name, dataset)
        assert kept == config
        assert one.rows[0].accuracy["clean"].share == correct(network, *data[0]).mean()
    assert set(json.loads((folder / "environment.json").read_text())) >= {"versions", "device"}
    assert any((folder / "tensorboard").iterdir())
    assert not list(folder.glob("*.safetensors"))


def test_the_test_set_is_looked_at_now_and_then(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    """After every third epoch, at the milestone and at the end; only these networks are candidates for its best."""
    config = BAT.model_copy(
        update={"select_on": "both", "test_every": 3, "epochs": 7, "milestones": (0.3,), "factors": (0.1,)}
    )
    finished = run(dataset, "made-up", config, scores, tmp_path)
    looked = {
        record["epoch"]: record["accuracy"]["network"]["test"]
        for record in read_metrics(tmp_path)
        if "test" in record["accuracy"]["network"]
    }
    assert sorted(looked) == [2, 3, 6, 7]
    assert all("validation" in record["accuracy"]["network"] for record in read_metrics(tmp_path))
    for name, kind in (("best-adversarial-on-test", "adversarial"), ("best-clean-on-test", "clean")):
        kept = next(one for one in finished.checkpoints if one.name == name)
        assert looked[kept.epoch][kind] == kept.selected["value"] == max(one[kind] for one in looked.values())


def test_a_finished_run_is_not_trained_again(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    first = run(dataset, "made-up", BAT, scores, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert run(dataset, "made-up", BAT, scores, tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"checkpoints": 3}'])
def test_damaged_notes_of_a_finished_run_are_named(
    dataset: Dataset, scores: TrainingScores, tmp_path: Path, content: str
):
    run(dataset, "made-up", BAT, scores, tmp_path)
    (tmp_path / "finished.json").write_text(content)
    with pytest.raises(Damaged, match=r"finished\.json .*; remove the run's folder to start over"):
        run(dataset, "made-up", BAT, scores, tmp_path)


def test_a_folder_in_which_another_command_trains_is_refused(dataset: Dataset, tmp_path: Path):
    folder, config = RunFolder(tmp_path), TrainConfig(method="erm", epochs=1)
    tmp_path.mkdir(exist_ok=True)
    with folder.alone(), pytest.raises(Conflict, match=r"Another command is using .* wait for it or use another"):
        run(dataset, "made-up", config, None, tmp_path)
    assert run(dataset, "made-up", config, None, tmp_path).finished


def test_a_folder_of_another_run_is_refused(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    run(dataset, "made-up", BAT, scores, tmp_path)
    with pytest.raises(Conflict, match=r"holds another run, which differs in epochs, options; choose another folder"):
        run(
            dataset,
            "made-up",
            BAT.model_copy(update={"epochs": 4, "options": {"alpha": 2.0}}),
            scores,
            tmp_path,
        )


def test_a_run_from_before_a_field_was_added_is_the_same_run(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    run(dataset, "made-up", BAT, scores, tmp_path)
    request = json.loads((tmp_path / "config.json").read_text())
    del request["config"]["keep_every"]
    (tmp_path / "config.json").write_text(json.dumps(request))
    assert run(dataset, "made-up", BAT, scores, tmp_path).finished
    with pytest.raises(Conflict, match="differs in keep_every"):
        run(dataset, "made-up", BAT.model_copy(update={"keep_every": 1}), scores, tmp_path)


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(dataset: Dataset, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        run(dataset, "made-up", TrainConfig(method="erm"), None, tmp_path / "file" / "run")


def test_a_diverging_run_goes_back_and_then_says_what_to_change(dataset: Dataset, tmp_path: Path):
    wild = TrainConfig(method="pgd", epochs=3, learning_rate=1e30, attack_steps=1, network_options={"width": 4})
    with pytest.raises(Diverged, match=r"not finite in epoch \d, even after 2 rollbacks; lower the learning"):
        run(dataset, "made-up", wild, None, tmp_path)
    events = [record["event"] for record in read_metrics(tmp_path) if "event" in record]
    assert [event.split("with ")[1] for event in events] == ["0.5 of the learning rate", "0.25 of the learning rate"]


def test_a_run_that_went_back_says_so_at_its_end_and_wherever_it_is_shown(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    finite, asked = Loop._finite, list[int]()

    def once(loop: Loop) -> bool:
        asked.append(1)
        return len(asked) != 2 and finite(loop)

    monkeypatch.setattr(Loop, "_finite", once)
    finished = run(dataset, "made-up", ERM, None, tmp_path)
    (event,) = finished.events
    assert event.startswith("The loss is not finite in epoch ")
    assert event.endswith("with 0.5 of the learning rate")
    assert RunFolder(tmp_path).result()["events"] == [event]
    assert checkpoints.describe(tmp_path / "checkpoints" / "last")["events"] == [event]
    table = json.loads((tmp_path / "evaluation" / "last" / "table.json").read_text())
    assert table["meta"]["events"] == [event]
    assert f"in training: {event}" in table["notes"]
    assert read_outcome(tmp_path).events == (event,)
    assert next(notes_on(finished)) == f"{event}."
    assert run(dataset, "made-up", ERM, None, tmp_path).events == (event,), "also when it is asked for again"


def test_an_attack_that_cannot_reach_the_edge_is_told_wherever_the_run_is_shown(dataset: Dataset, tmp_path: Path):
    weak = ERM.model_copy(update={"method": "pgd", "epochs": 1, "attack_steps": 1})
    (event,) = run(dataset, "made-up", weak, None, tmp_path).events
    assert event.startswith("The training attack takes 1 step of 0.025, which cover only 0.25 of epsilon (0.1)")


def test_samples_that_each_epoch_leaves_out_are_told(dataset: Dataset, tmp_path: Path):
    odd = ERM.model_copy(update={"epochs": 1, "batch_size": 53})  # of 54
    assert run(dataset, "made-up", odd, None, tmp_path).events == (
        "each epoch leaves out 1 of its samples, too few for a last batch",
    )


class Hungry(SmallCNN):
    """Runs out of device memory above `most` images at once."""

    most = 7

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not self.training and len(images) > self.most:
            raise torch.OutOfMemoryError(f"{len(images)} images")
        return super().forward(images)


def hungry(shape: tuple[int, int, int], classes: int) -> SmallCNN:
    return Hungry(shape[0], classes, 4)


def notes_of(folder: Path) -> list[str]:
    return json.loads((folder / "evaluation" / "last" / "table.json").read_text())["notes"]


def test_where_memory_does_not_suffice_batches_are_halved_and_nothing_else_changes(dataset: Dataset, tmp_path: Path):
    named = ERM.model_copy(update={"network": f"{__name__}:hungry", "network_options": {}})
    halved = run(dataset, "made-up", named, None, tmp_path / "halved")
    smaller = named.model_copy(update={"evaluation_batch": 7})
    fitting = run(dataset, "made-up", smaller, None, tmp_path / "fitting")
    assert [row.accuracy for row in halved.last.rows] == [row.accuracy for row in fitting.last.rows]
    said = [note for note in notes_of(tmp_path / "halved") if "memory" in note]
    assert said == ["batches of 500 did not fit in memory; used batches of 6"]
    assert not any("memory" in note for note in notes_of(tmp_path / "fitting"))


class Greedy(SmallCNN):
    """Needs more memory than there is, once it is trained on more than the few images that it is tried on."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and len(images) > 3:
            raise torch.OutOfMemoryError("Tried to allocate 3 GiB")
        return super().forward(images)


def greedy(shape: tuple[int, int, int], classes: int) -> SmallCNN:
    return Greedy(shape[0], classes, 4)


def test_a_batch_that_memory_does_not_suffice_to_train_on_is_the_user_s_to_change(dataset: Dataset, tmp_path: Path):
    large = ERM.model_copy(update={"network": f"{__name__}:greedy", "network_options": {}, "batch_size": 16})
    with pytest.raises(
        InvalidInput, match=r"Out of memory with batches of 16; use smaller ones, such as with --set batch_size=8"
    ):
        run(dataset, "made-up", large, None, tmp_path)


def test_a_damaged_checkpoint_is_refused(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    run(dataset, "made-up", BAT, scores, tmp_path)
    folder = tmp_path / "checkpoints" / "last"
    (folder / checkpoints.WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(Damaged, match="not a readable checkpoint"):
        checkpoints.load(folder, dataset)
    (folder / checkpoints.DESCRIPTION).write_text("[]")
    with pytest.raises(Damaged, match="lacks the configuration"):
        checkpoints.load(folder, make_dataset())


def test_scores_are_read_from_a_file(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    (tmp_path / "scores.npz").write_bytes(scores.table.encode())
    read_scores = read(str(tmp_path / "scores.npz"))
    read_scores.require(dataset, "made-up")
    assert read_scores.sets is None


def test_a_run_that_is_stopped_while_it_is_evaluated_goes_on(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    whole = run(dataset, "made-up", BAT, scores, tmp_path / "whole")
    stop = Stop()
    seen: list[str] = []

    def ask(done: int, total: int, text: str) -> None:
        seen.append(text)
        if text.startswith("evaluating") and done < total:
            stop.ask()

    assert not run(dataset, "made-up", BAT, scores, tmp_path / "run", Watch(on_step=ask), stop).finished
    assert seen[-1] == "evaluating last"
    assert not (tmp_path / "run" / "finished.json").exists()
    assert run(dataset, "made-up", BAT, scores, tmp_path / "run").last.rows == whole.last.rows


def test_a_request_to_stop_is_said_and_obeyed_before_the_first_step(
    dataset: Dataset, scores: TrainingScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def begin(stop: Stop) -> Run:
        steps: list[str] = []
        watch = Watch(lambda cost: steps.append(cost.sentence()), lambda *step: steps.append(str(step)))
        run_so_far = run(dataset, "made-up", BAT, scores, tmp_path / "run", watch, stop)
        assert steps == []
        return run_so_far

    stop = Stop()
    with stopping_on_signals(stop):
        signal.raise_signal(signal.SIGTERM)
        assert not begin(stop).finished  # it is asked for while the cost is estimated
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    for thread in threading.enumerate():
        if thread.name == SAYING:
            thread.join()
    assert capsys.readouterr().err == f"note: {STOPPING}\n"


@pytest.mark.parametrize("fields", [{}, {"keep_atypical": 0.5, "atypical": 0.3, "typical": 0.2}, {"leave_out": 0.2}])
def test_the_record_of_samples_says_which_were_trained_on(
    dataset: Dataset, scores: TrainingScores, tmp_path: Path, fields: dict[str, float]
):
    config = BAT.model_copy(update={"epochs": 1, **fields})
    run(dataset, "made-up", config, scores, tmp_path)
    (train, test), _ = read_samples(tmp_path / "evaluation" / "last" / "samples.parquet")
    samples = TrainingData(dataset, scores.table["mem"], config, torch.device("cpu")).samples
    assert train["trained"].nonzero()[0].tolist() == samples.train.tolist()
    assert 0 < len(samples.train) < len(dataset.y_train)
    assert test["trained"].mask.all()
    notes = json.loads((tmp_path / "evaluation" / "last" / "table.json").read_text())["notes"]
    assert f"the network was not trained on {60 - len(samples.train)} of the 60 training samples" in notes


def test_networks_along_the_way_are_kept_and_evaluated(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    config = BAT.model_copy(update={"epochs": 6, "keep_every": 2})
    finished = run(dataset, "digits", config, scores, tmp_path)
    assert {one.name for one in finished.checkpoints} == {"last", "best-adversarial", "best-clean"}
    along = RunFolder(tmp_path).epochs()
    assert [checkpoints.describe(folder)["epoch"] for folder in along] == [2, 4]
    first, second = ([*read_samples(folder / "evaluation" / "samples.parquet")[0]] for folder in along)
    assert not np.array_equal(first[0]["loss"].data, second[0]["loss"].data)
    assert not first[0]["poisoning_score"].count(), "curves need no ends of attacks"


def test_keeping_networks_along_the_way_changes_no_weights(dataset: Dataset, scores: TrainingScores, tmp_path: Path):
    networks = [train_network(dataset, BAT.model_copy(update={"keep_every": n}), scores.table["mem"]) for n in (0, 1)]
    weights = [one.state_dict() for one in networks]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
