"""Runs read from folders that anybody may have written: what is there is shown, what is damaged is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from memscore.errors import Damaged, NotFound
from memscore.runs import contents, finding
from memscore.runs.finding import RunsFolder
from memscore.runs.reproduction import picture_of, reproduction_of
from memscore.runs.run import POINTS, detail_of, summary_of
from tests.made_runs import make_item, make_run, make_runs, record, table, write

DEEP = b"[" * 100_000 + b"]" * 100_000


def test_everything_below_a_folder_is_found(tmp_path: Path):
    folder = RunsFolder(make_runs(tmp_path))
    found = folder.find()
    assert found.runs == {
        "runs/bat": None,
        "runs/half": None,
        **{f"runs/sweep/{method}-beta=0,2-seed={seed}": "runs/sweep" for method in ("bat", "pgd") for seed in (0, 1)},
    }
    assert (found.sweeps, found.reproductions, found.note) == (["runs/sweep"], ["runs/mini"], None)
    assert folder.sweep_of("runs/sweep/pgd-beta=0,2-seed=0") == "runs/sweep"
    assert folder.sweep_of("runs/bat") is None


def test_a_run_is_read_whole(tmp_path: Path):
    run = detail_of(make_run(tmp_path, method="bat", options={"alpha": 1}, along=(2, 4)), "runs/bat")
    assert (run.state, run.method, run.options, run.epoch, run.epochs, run.seconds) == (
        "finished",
        "bat",
        {"alpha": 1},
        4,
        4,
        6.0,
    )
    assert run.selection == {"clean": 0.9, "adversarial": 0.8}
    assert run.curve == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert [one.epoch for one in run.course] == [1, 2, 3, 4]
    assert run.course[1].measures == {"weight": 0.9}
    assert [one.name for one in run.checkpoints] == ["last", "best-adversarial"]
    assert [one.epoch for one in run.groups] == [2, 4]
    assert {(row.split, row.group) for row in run.test} == {("test", one) for one in ("all", "typical", "atypical")}
    assert run.events == ["the rate was halved"]
    assert (run.alarms, run.problem) == (0, None)


def test_an_unfinished_run_shows_how_far_it_is(tmp_path: Path):
    run = detail_of(make_run(tmp_path, epochs=8, done=3), "runs/half")
    assert (run.state, run.epoch, run.epochs, run.test, run.problem) == ("unfinished", 3, 8, [], None)


def test_a_run_that_has_not_ended_an_epoch_is_one(tmp_path: Path):
    run = detail_of(make_run(tmp_path, done=0), "runs/new")
    assert (run.state, run.epoch, run.curve, run.selection) == ("unfinished", 0, [], {})


def test_red_findings_are_alarms(tmp_path: Path):
    assert detail_of(make_run(tmp_path, level="red"), "x").alarms == 2
    assert detail_of(make_run(tmp_path, level="amber"), "x").alarms == 0


def test_an_epoch_that_was_trained_again_counts_as_it_ended(tmp_path: Path):
    make_run(tmp_path, done=3)
    lines = [record(1), record(2), {"event": "the loss was not finite"}, {**record(2), "loss": 7}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    run = detail_of(tmp_path, "x")
    assert [(one.epoch, one.loss) for one in run.course] == [(1, 1.0), (2, 7.0)]
    assert run.events == ["the loss was not finite"]


def test_a_line_that_is_still_being_written_is_no_damage(tmp_path: Path):
    make_run(tmp_path, done=2)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "lo')
    run = detail_of(tmp_path, "x")
    assert (run.state, run.epoch) == ("unfinished", 2)


@pytest.mark.parametrize("epochs", [1, POINTS, POINTS + 1, 1000])
def test_the_curve_of_a_list_is_short_and_ends_where_the_run_is(tmp_path: Path, epochs: int):
    make_run(tmp_path, done=0, epochs=epochs)
    lines = [{**record(1), "epoch": epoch} for epoch in range(1, epochs)] + [{**record(3), "epoch": epochs}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    curve = summary_of(tmp_path, "x").curve
    assert len(curve) <= POINTS + 1
    assert curve[-1] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("config.json", b"{", "config.json cannot be read (it holds no valid JSON)."),
        ("config.json", b"[]", "config.json cannot be read"),
        ("config.json", DEEP, "config.json cannot be read (it holds no valid JSON)."),
        ("config.json", b'{"config": {"method": 3}}', "config.json cannot be read (method"),
        ("config.json", b'{"config": {"method": "pgd", "seed": -1}}', "seed"),
        ("config.json", b'{"config": {"method": "pgd", "epochs": 1e400}}', "epochs"),
        ("metrics.jsonl", b'{"epoch": 1}\nx\n{"epoch": 2}\n', "metrics.jsonl, line 2, cannot be read"),
        ("metrics.jsonl", b'{"epoch": 1, "loss": NaN}\n', "metrics.jsonl, line 1, cannot be read"),
        ("metrics.jsonl", b'{"epoch": "one"}\n', "metrics.jsonl, line 1, cannot be read (epoch"),
        ("metrics.jsonl", b"\xff\xfe\n", "metrics.jsonl, line 1, cannot be read"),
        ("finished.json", b"7", "finished.json holds no JSON object."),
        ("environment.json", b'"\xff"', "environment.json cannot be read"),
        ("evaluation/last/table.json", b'{"rows": [{}]}', "last/table.json cannot be read (rows"),
        ("epochs/epoch-00002/evaluation/table.json", b"{", "evaluation/table.json cannot be read"),
    ],
)
def test_damage_is_named_and_the_rest_is_shown(tmp_path: Path, name: str, content: bytes, problem: str):
    make_run(tmp_path, along=(2, 4))
    (tmp_path / name).write_bytes(content)
    run = detail_of(tmp_path, "x")
    assert run.state == "damaged"
    assert run.problem is not None
    assert problem in run.problem
    assert str(tmp_path) not in run.problem
    if name != "config.json":
        assert run.method == "pgd"
        assert run.checkpoints


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    other = path.with_name("elsewhere.json")
    other.write_text("{}")
    path.symlink_to(other)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(contents.MOST + 1)


@pytest.mark.parametrize("make", [fifo, link, large, Path.mkdir])
def test_only_regular_files_of_bounded_size_are_read(tmp_path: Path, make: Callable[[Path], None]):
    make_run(tmp_path)
    (tmp_path / "environment.json").unlink()
    make(tmp_path / "environment.json")
    run = detail_of(tmp_path, "x")
    assert run.state == "damaged"
    assert "environment.json" in (run.problem or "")


def test_texts_of_files_cannot_harm_a_terminal(tmp_path: Path):
    make_run(tmp_path)
    write(tmp_path / "finished.json", {"checkpoints": [], "events": ["\x1b[31mred"]})
    assert detail_of(tmp_path, "x").events == ["\\x1b[31mred"]


def test_links_are_not_followed(tmp_path: Path):
    outside = make_run(tmp_path / "outside")
    make_item(tmp_path / "elsewhere" / "items" / "fig7")
    root = make_runs(tmp_path)
    (root / "link").symlink_to(outside)
    (root / ".hidden").mkdir()
    (root / "mini" / "items" / "fig8").symlink_to(tmp_path / "elsewhere" / "items" / "fig7")
    (root / "mini" / "items" / "fig7" / "other.png").symlink_to(tmp_path / "outside" / "config.json")
    (root / "bat" / "evaluation" / "stolen").symlink_to(outside / "evaluation" / "last")
    folder = RunsFolder(root)
    assert "runs/link" not in folder.find().runs
    with pytest.raises(NotFound, match="links are not followed"):
        folder.folder_of("runs/link")
    (item,) = reproduction_of(folder.folder_of("runs/mini"), "runs/mini").items
    assert (item.name, item.figures) == ("fig7", ["fig7"])
    assert "stolen" not in [one.name for one in detail_of(root / "bat", "x").checkpoints]


def test_a_link_in_place_of_a_folder_of_a_run_or_reproduction_is_not_followed(tmp_path: Path):
    outside = make_run(tmp_path / "outside", along=(2, 4))
    make_item(tmp_path / "elsewhere" / "items" / "fig7")
    root = tmp_path / "runs"
    run = make_run(root / "run")
    there = detail_of(outside, "x")
    assert there.checkpoints
    assert there.groups
    for name in ("evaluation", "epochs", "attacks"):
        shutil.rmtree(run / name, ignore_errors=True)
        (run / name).symlink_to(outside / ("evaluation" if name == "attacks" else name))
    read = detail_of(run, "x")
    assert (read.checkpoints, read.groups) == ([], [])
    (root / "mini").mkdir()
    (root / "mini" / "items").symlink_to(tmp_path / "elsewhere" / "items")
    assert RunsFolder(root).find().reproductions == []
    assert reproduction_of(root / "mini", "runs/mini").items == []


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "runs/",
        "runs/..",
        "runs/../outside",
        "runs/./bat",
        "other/bat",
        "runs/b\0t",
        "runs/no",
        "..",
        "runs/" + "x" * 300,
    ],
)
def test_no_other_path_leads_anywhere(tmp_path: Path, path: str):
    (tmp_path / "outside").mkdir()
    with pytest.raises(NotFound):
        RunsFolder(make_runs(tmp_path)).folder_of(path)


def test_folders_whose_names_cannot_be_shown_are_counted(tmp_path: Path):
    root = make_runs(tmp_path)
    for name in (b"bad\xff", b"two\nlines", b"esc\x1b[31m"):
        os.mkdir(os.fsencode(root) + b"/" + name)
    found = RunsFolder(root).find()
    assert len(found.runs) == 6
    assert found.note is not None
    assert found.note.startswith("3 folders left out, whose names cannot be shown")


@pytest.mark.parametrize("make", [fifo, Path.mkdir])
def test_a_run_whose_request_is_no_file_is_damaged(tmp_path: Path, make: Callable[[Path], None]):
    make_run(tmp_path / "runs" / "odd")
    (tmp_path / "runs" / "odd" / "config.json").unlink()
    make(tmp_path / "runs" / "odd" / "config.json")
    folder = RunsFolder(tmp_path / "runs")
    (path,) = folder.find().runs
    summary = folder.summary(path, None)
    assert summary.state == "damaged"
    assert "config.json" in (summary.problem or "")


def test_a_finished_run_whose_metrics_end_early_is_damaged(tmp_path: Path):
    make_run(tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text()
    (tmp_path / "metrics.jsonl").write_text(lines[: lines.rindex('{"epoch": 4')])
    run = detail_of(tmp_path, "x")
    assert (run.state, run.epoch) == ("damaged", 3)
    assert run.problem == "metrics.jsonl ends after epoch 3 of 4, although the run is finished."


def test_the_last_network_ends_the_course_by_groups(tmp_path: Path):
    assert [one.epoch for one in detail_of(make_run(tmp_path, epochs=5, along=(2, 4)), "x").groups] == [2, 4, 5]
    assert detail_of(make_run(tmp_path / "none", epochs=5), "x").groups == []


def test_a_folder_that_is_a_run_itself_is_found(tmp_path: Path):
    make_run(tmp_path / "one")
    folder = RunsFolder(tmp_path / "one")
    assert folder.find().runs == {"one": None}
    assert folder.folder_of("one") == tmp_path / "one"


def test_a_folder_that_is_gone_is_called_so(tmp_path: Path):
    with pytest.raises(NotFound, match="MEMSCORE_RUNS_FOLDER"):
        RunsFolder(tmp_path / "gone").find()


def test_too_many_runs_are_listed_in_part_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(finding, "MOST_RUNS", 3)
    found = RunsFolder(make_runs(tmp_path)).find()
    assert len(found.runs) == 3
    assert found.note is not None
    assert "more than 3 runs" in found.note


def test_a_summary_is_read_again_when_its_files_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = make_runs(tmp_path)
    folder = RunsFolder(root)
    before = folder.summary("runs/half", None)
    with monkeypatch.context() as nothing:
        nothing.setattr(finding, "summary_of", None)
        assert folder.summary("runs/half", None) is before
    make_run(root / "half", epochs=8, done=5)
    assert folder.summary("runs/half", None).epoch == 5
    write(root / "bat" / "evaluation" / "best-clean" / "table.json", table(3, "clean accuracy", "red"))
    assert folder.summary("runs/bat", None).alarms == 1


def test_items_stand_by_their_numbers_and_damage_is_named(tmp_path: Path):
    for name in ("fig10", "fig9", "table2"):
        make_item(tmp_path / "items" / name)
    (tmp_path / "items" / "fig9" / "verdicts.json").write_text('[{"finding": 3}]')
    (tmp_path / "items" / "table2" / "made.json").unlink()
    found = reproduction_of(tmp_path, "x")
    assert [one.name for one in found.items] == ["fig9", "fig10", "table2"]
    assert ["cannot be read" in (one.problem or "") for one in found.items] == [True, False, False]
    assert found.items[2].problem == "one of its files is gone"
    assert found.items[1].title == "Figure 7: histogram"
    assert found.claims == []


def test_a_picture_is_a_picture(tmp_path: Path):
    item = make_item(tmp_path / "items" / "fig7")
    assert picture_of(tmp_path, "fig7", "fig7").startswith(b"\x89PNG")
    (item / "page.png").write_text("<script>")
    with pytest.raises(Damaged, match="no picture"):
        picture_of(tmp_path, "fig7", "page")
    for name in ("../fig7", "made", ""):
        with pytest.raises(NotFound):
            picture_of(tmp_path, "fig7", name)
