"""Commands on trained networks: evaluate, compare-runs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.options import Json, Scores
from memscore.console import err, for_json, note, out, print_json, print_table, warn
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.progress import Show, stage_progress
from memscore.scores.sets import Thresholds
from memscore.scores.tables import ATYPICAL, TYPICAL
from trainer.assignments import number
from trainer.printing import selection

if TYPE_CHECKING:
    from trainer.evaluation import MethodDifference, PairedDifference
    from trainer.evaluation.checkpoint_groups import Evaluated
    from trainer.evaluation.corruptions import CorruptionRow

COMPARED = ("samples", "attack", "count", "first", "second", "difference", "95 % interval")
STYLES = {"green": "green", "amber": "yellow", "red": "bold red"}


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint folder, a run folder, or a file of weights.")],
    attacks: Annotated[
        str,
        typer.Option(
            help="fgsm, pgd, cw, autoattack; also pgd-100, pgd-20x5 (starts), pgd-20@eps/10 (step), pgd-targeted, "
            "apgd-ce+apgd-t (parts of AutoAttack), own:package.module:function (your loss)."
        ),
    ] = "fgsm,pgd,cw,autoattack",
    scores: Scores = None,
    epsilon: Annotated[
        str | None, typer.Option(help="Maximum change of a pixel in [0, 1], such as 8/255. Default: as in training.")
    ] = None,
    norm: Annotated[str, typer.Option(help="The ball: linf (each pixel), or l2 (the whole image).")] = "linf",
    transfer_from: Annotated[
        Path | None, typer.Option(help="A checkpoint folder: also try images crafted on its network.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="With a file of weights: a network's name, or package.module:function.")
    ] = None,
    normalize: Annotated[
        str | None,
        typer.Option(
            help="With weights of another code in a built-in network: none, or MEAN/STD of each channel, such as "
            "0.49,0.48,0.45/0.25,0.24,0.26. Default: what the file says."
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="With a file of weights: a registered dataset.")] = None,
    corruptions: Annotated[
        Path | None,
        typer.Option(help="Also classify the corrupted test images in this folder, in the layout of CIFAR-10-C."),
    ] = None,
    splits: Annotated[str, typer.Option(help="train, test, or both.")] = "train,test",
    autoattack_samples: Annotated[
        int, typer.Option(min=1, help="Maximum number of samples of each split for AutoAttack.")
    ] = 1000,
    alarm_samples: Annotated[int, typer.Option(min=0, help="Samples for the masking alarms; 0 skips them.")] = 200,
    atypical: Annotated[
        float, typer.Option(help="Samples with mem, or infl on a test sample, above this are atypical.")
    ] = ATYPICAL,
    typical: Annotated[
        float, typer.Option(help="Samples with mem, or infl on a test sample, below this are typical.")
    ] = TYPICAL,
    test_accuracy: Annotated[
        float, typer.Option(help="Minimum share of models that classify a typical test sample correctly.")
    ] = 0.8,
    batch_size: Annotated[int, typer.Option(min=1)] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random starts and subsets.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the tables. Default: beside the checkpoint.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Attack a network on all, typical and atypical samples, and report how far the result can be trusted."""
    from memscore.workflows.evaluation import EvaluationRequest
    from memscore.workflows.evaluation import evaluate as evaluate_networks

    request = EvaluationRequest(
        checkpoint=checkpoint,
        attacks=settings_module.listed(attacks),
        scores=scores,
        norm=norm,
        epsilon=None if epsilon is None else number(epsilon),
        transfer_from=transfer_from,
        network=network,
        normalize=normalize,
        dataset=dataset,
        corruptions=corruptions,
        splits=settings_module.listed(splits),
        autoattack_samples=autoattack_samples,
        alarm_samples=alarm_samples,
        thresholds=Thresholds(atypical, typical, test_accuracy),
        batch_size=batch_size,
        seed=seed,
        output=output,
    )
    found: list[dict[str, Any]] = []
    show = partial(_progress, lines=not as_json)
    with for_json(as_json):
        for one in evaluate_networks(request, settings_module.load(), progress=show, on_note=_note):
            found.append(one.evaluation.as_json())
            if not as_json:
                _print(one)
    if as_json:
        print_json(found)


def compare_runs(
    first: Annotated[Path, typer.Argument(help="A run, a checkpoint or an evaluation: a folder, or samples.parquet.")],
    second: Annotated[Path, typer.Argument(help="The same for another network, on the same dataset.")],
    further: Annotated[
        list[Path] | None, typer.Argument(help="Further pairs, first and second, for other seeds of the two methods.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Test whether two evaluated networks differ, sample by sample; with further pairs, whether their methods do."""
    from trainer.evaluation import compare, compare_seeds, read_samples
    from trainer.evaluation.checkpoint_paths import evaluated

    paths = [first, second, *(further or ())]
    if len(paths) % 2:
        raise InvalidInput(f"Runs come in pairs, one of each method; there are {len(paths)}.")
    files = [evaluated(path) for path in paths]
    named = [file.resolve() for file in files]
    twice = next((path for path, file in zip(paths, named, strict=True) if named.count(file) > 1), None)
    if twice is not None and len(paths) > 2:
        raise InvalidInput(f"{twice} is named twice; name each run once.")
    read = [read_samples(file) for file in files]
    _warn_of(paths, [meta for _, meta in read])
    if len(read) > 2:
        _print_seeds(compare_seeds(list(zip(read[::2], read[1::2], strict=True))), as_json)
        return
    found = compare(*read)
    note(
        "one run of each tells two networks apart, not two methods: seeds of one method differ too. For that, add "
        "further pairs: compare-runs FIRST SECOND FIRST SECOND ..."
    )
    if as_json:
        print_json([row.as_row() for row in found])
        return
    print_table(
        (*COMPARED, "only one right", "p"),
        ((*_cells(row), f"{row.only_first} : {row.only_second}", f"{row.p_value:.2g}") for row in found),
    )


def _warn_of(paths: Sequence[Path], described: Sequence[dict[str, Any]]) -> None:
    """Say what makes networks less comparable: how they were selected, and what happened in training."""
    ways = list(dict.fromkeys(_way(meta.get("selected")) for meta in described))
    if len(ways) > 1:
        note(f"the networks were selected differently: {', and '.join(ways)}.")
    for path, meta in zip(paths, described, strict=True):
        events: list[str] = meta.get("events") or []
        for event in events:
            warn(f"{path}, in training: {event}.")


def _print_seeds(found: Sequence[MethodDifference], as_json: bool) -> None:
    if as_json:
        print_json([row.as_row() for row in found])
        return
    shown = ((*_cells(row), "yes" if row.decided else "undecided") for row in found)
    print_table((*COMPARED, "methods differ"), shown)
    out.print(f"{counted(found[0].seeds, 'seed')} of each; intervals are over seeds and samples.")


def _cells(row: PairedDifference | MethodDifference) -> tuple[Any, ...]:
    """What is shown of any comparison, under COMPARED."""
    return (
        f"{row.split} {row.group}",
        row.attack,
        row.count,
        f"{100 * row.first:.1f} %",
        f"{100 * row.second:.1f} %",
        f"{100 * row.difference:+.1f}",
        f"{100 * row.low:+.1f} to {100 * row.high:+.1f}",
    )


def _note(text: str) -> None:
    note(f"{text}.")


def _way(selected: dict[str, Any] | None) -> str:
    """The criterion that selected a network, and the samples it was computed on."""
    if not selected:
        return "unknown"
    return str(selected["by"]) + ("" if selected["on"] is None else f" on {selected['on']}")


def _print(one: Evaluated) -> None:
    from rich.text import Text

    from trainer.evaluation.table import cells, header

    evaluation, meta = one.evaluation, one.evaluation.meta
    if one.twin is not None:
        out.print(f"{meta['checkpoint']}, {selection(meta['selected'])}, is the same network as {one.twin}")
        return
    title = f"{meta['checkpoint']}: epsilon {meta['epsilon']:.6g} "
    title += f"({255 * meta['epsilon']:.3g}/255)" if meta.get("norm", "linf") == "linf" else f"({meta['norm']})"
    if meta["selected"]:
        title += f", epoch {meta['epoch']}, {selection(meta['selected'])}"
    print_table(header(evaluation.rows), map(cells, evaluation.rows), title=title)
    out.print("Per cent, above their 95 % interval. A sample is robust under `worst` if it survives every attack.")
    if evaluation.corruptions:
        _print_corruptions(evaluation.corruptions)
    for finding in evaluation.findings:
        if finding.level != "green":
            style = STYLES[finding.level]
            text = f" {finding.check}: {finding.found}. {finding.meaning}"
            out.print(Text.assemble((finding.level, style), text), soft_wrap=True)
    green = sum(finding.level == "green" for finding in evaluation.findings)
    out.print(Text.assemble(("green", STYLES["green"]), f" {green} of {counted(len(evaluation.findings), 'check')}"))
    for text in evaluation.notes:
        _note(text)
    also = ", corruptions.csv" if evaluation.corruptions else ""
    out.print(f"Written to {one.candidate.folder}: table.csv, table.json, samples.parquet{also}")


def _print_corruptions(rows: Sequence[CorruptionRow]) -> None:
    """The mean over severities for each corruption and group of samples, and over all corruptions first."""
    means = [row for row in rows if row.severity is None]
    groups = list(dict.fromkeys(row.group for row in means))
    found = {(row.corruption, row.group): str(row.accuracy) for row in means}
    names = list(dict.fromkeys(row.corruption for row in means))
    print_table(
        ("corruption", *(f"test {group}" for group in groups)),
        ((name, *(found[name, group] for group in groups)) for name in names),
    )
    out.print("Corrupted images: per cent correct over the five severities, above 95 % intervals over samples.")


@contextmanager
def _progress(name: str, *, lines: bool) -> Generator[Show]:
    """Show a bar; on Ctrl-C, note that no result is lost."""
    try:
        with stage_progress(err, "passes", name, lines=lines) as stage:
            yield lambda done, total, what: stage(done, total, f"{name}: {what}")
    except KeyboardInterrupt:
        note("finished work is kept; run the same command again to resume.")
        raise
