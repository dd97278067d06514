"""Runs of the paper's items: one name for one run, at either scale."""

import json
from pathlib import Path

import numpy as np
import pytest

from memscore.datasets.dataset import build_dataset
from memscore.errors import Conflict, InvalidInput
from trainer.experiments.catalogue import ITEMS, chosen
from trainer.experiments.cost import passes
from trainer.experiments.miniature import MINIATURES, Miniature, halved
from trainer.experiments.run import CONTENDERS, attacks_tried, compared, merged, preliminary
from trainer.experiments.scales import CIFAR10, CIFAR100, RESNET18, RESNET32, SCALES, TINY, WRN, setting, settings_of

PAPERS = [*(f"fig{number}" for number in range(1, 24)), *(f"table{number}" for number in range(1, 8))]


def test_every_figure_and_table_of_the_paper_is_an_item():
    assert sorted(ITEMS) == sorted(PAPERS)
    assert [item.name for item in chosen(["table2", "fig1"])] == ["fig1", "table2"]
    assert len(chosen(["all"])) == len(PAPERS)


def test_an_unknown_item_lists_the_items():
    with pytest.raises(InvalidInput, match=r"no item 'fig99'; the items are: .*fig1, .*table7"):
        chosen(["fig1", "fig99"])


@pytest.mark.parametrize("scale", SCALES)
def test_runs_of_one_name_are_one_run(scale: str):
    runs = [
        run
        for item in ITEMS.values()
        for one in settings_of(item.subjects, item.mini, scale)  # pyright: ignore[reportArgumentType]
        for run in item.kind.runs(one, range(2))
    ]
    by_name = {}
    for run in runs:
        before = by_name.setdefault((run.setting.dataset, run.setting.model, run.name), run)
        assert before.config() == run.config()
    assert len(merged(runs)) == len(by_name) < len(runs)


def test_merging_keeps_every_attack_that_is_wanted():
    mini = setting("mini", CIFAR100, RESNET18)
    plain, attacked = compared(mini, CONTENDERS[0], 0), compared(mini, CONTENDERS[0], 0, attacked=("last",))
    assert merged([plain, attacked, plain]) == [attacked]


def test_the_papers_settings_are_the_papers():
    paper = setting("paper", TINY, RESNET32)
    assert (paper.dataset, paper.fields["epsilon"]) == ("tiny_imagenet-50-classes", 4 / 255)
    run = preliminary(setting("paper", CIFAR100, WRN), "pgd", 0, keep_atypical=0.2)
    config = run.config()
    assert (config.network, config.epochs, config.epsilon, config.attack_steps) == ("wrn28_10", 200, 8 / 255, 10)
    assert run.name == "preliminary-pgd-keep_atypical=0.2-seed=0"
    trades = compared(setting("paper", CIFAR100, RESNET18), CONTENDERS[1], 0).config()
    assert (trades.epochs, trades.options["beta"], trades.milestones) == (160, 5.0, (0.5, 0.75))


def test_what_the_user_sets_holds_for_every_run_and_has_a_folder_of_its_own():
    own = setting("mini", CIFAR100, RESNET18, own_dataset="mine", own_model="resnet9", extra={"epochs": 3})
    assert (own.dataset, own.model) == ("mine", "resnet9-epochs=3")
    assert preliminary(own, "pgd", 0).config().epochs == 3
    assert len(settings_of(((CIFAR100, RESNET18), (CIFAR100, WRN)), 2, "mini", own_model="cnn")) == 1
    with pytest.raises(InvalidInput, match="no model 'resnet1000'; use one of mlp-512"):
        setting("mini", CIFAR100, RESNET18, own_model="resnet1000")


def test_digits_stand_for_everything_where_there_is_no_fashion_mnist():
    found = {setting("mini", one, RESNET18, fashion=False).dataset for one in (CIFAR10, CIFAR100, TINY)}
    assert found == {"digits"}


def test_commands_do_what_is_missing(tmp_path: Path):
    mini = setting("mini", CIFAR100, RESNET18)
    run = compared(mini, CONTENDERS[4], 1, attacked=("last",))
    train, attack = run.steps(tmp_path, "fashion-5", "abc", 5)
    assert train[4] == "train"
    assert "alpha=1" in " ".join(train)
    assert attack[4] == "evaluate"
    folder = tmp_path / run.name
    folder.mkdir()
    (folder / "finished.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"config": run.config().model_dump(mode="json")}))
    assert run.steps(tmp_path, "fashion-5", "abc", 5) == [attack]
    (folder / "attacks/last").mkdir(parents=True)
    for earlier in ("{}", '{"meta": {"attacks": ["fgsm", "pgd", "cw", "autoattack"]}}'):
        (folder / "attacks/last/table.json").write_text(earlier)
        assert run.steps(tmp_path, "fashion-5", "abc", 5) == [attack]
    (folder / "attacks/last/table.json").write_text(json.dumps({"meta": {"attacks": attacks_tried(5)}}))
    assert run.steps(tmp_path, "fashion-5", "abc", 5) == []
    assert attack[attack.index("--attacks") + 1] == "fgsm,pgd,cw,apgd-ce+apgd-t,autoattack"
    assert json.loads(dict(run.fields)["network_options"]) == {"hidden": [512, 512]}


@pytest.mark.parametrize(("classes", "parts"), [(2, ""), (3, "+apgd-dlr"), (4, "+apgd-t"), (100, "+apgd-t")])
def test_autoattacks_first_parts_are_those_that_the_number_of_classes_allows(classes: int, parts: str):
    assert attacks_tried(classes) == ("fgsm", "pgd", "cw", f"apgd-ce{parts}", "autoattack")


def test_a_finished_run_of_settings_that_are_no_longer_the_item_s_is_not_taken_for_it(tmp_path: Path):
    run = compared(setting("mini", CIFAR100, RESNET18), CONTENDERS[4], 1)
    folder = tmp_path / run.name
    folder.mkdir()
    (folder / "finished.json").write_text("{}")
    before = run.config().model_copy(update={"epochs": 7}).model_dump(mode="json")
    (folder / "config.json").write_text(json.dumps({"config": before}))
    with pytest.raises(Conflict, match=r"holds another run, which differs in epochs; .* or remove this one"):
        run.steps(tmp_path, "fashion-5", "abc", 5)


def test_passes_are_counted():
    mini = setting("mini", CIFAR100, RESNET18)
    erm, pgd = (preliminary(mini, method, 0).config() for method in ("erm", "pgd"))
    assert passes(erm) == pytest.approx(1)
    assert passes(pgd) == pytest.approx(11)


def test_a_miniature_is_a_part_at_a_quarter_of_the_pixels():
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
    assert halved(images)[0, :, :, 0].tolist() == [[3, 5], [11, 13]]  # 2.5 and 4.5 are rounded upwards
    labels = np.repeat(np.arange(10), 30)
    every = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), np.uint8)
    dataset = build_dataset(every, labels, every, labels, source="noise", class_names=tuple("abcdefghij"))
    part = Miniature("part", (2, 4, 6), train=20, test=10).of(dataset)
    assert part.x_train.shape == (60, 14, 14, 1)
    assert part.class_names == ("c", "e", "g")
    assert np.bincount(part.y_train).tolist() == [20, 20, 20]
    assert np.array_equal(part.x_train[20:21], halved(every[120:121]))
    assert set(MINIATURES) == {"fashion-5", "fashion-10", "fashion-3"}
