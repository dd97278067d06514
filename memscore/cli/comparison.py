"""The command that compares two studies: scores compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.client.sources import is_url, load_table, source_kind
from memscore.console import decimal, note, out, percent, print_json, print_table
from memscore.errors import InvalidInput
from memscore.exchange.published import read_published
from memscore.files import write_file
from memscore.scores.comparison import TableComparison, compare
from memscore.scores.published import PublishedComparison, compare_published
from memscore.scores.sets import Thresholds
from memscore.scores.tables import ScoreTable


def compare_scores(
    a: Annotated[str, typer.Argument(help="A study, URL#STUDY or a table file.")],
    b: Annotated[str | None, typer.Argument(help="The one to compare it with.")] = None,
    published: Annotated[
        tuple[str, Path] | None,
        typer.Option("--with", metavar="KIND FILE", help="Or published scores: feldman-zhang or cscores, and a file."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=-1, max=1, help="Samples with mem above this are atypical.")
    ] = Thresholds.atypical,
    plot: Annotated[Path | None, typer.Option(help="Write a scatter plot: .svg, .png or .pdf.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Compare the scores of two studies, or of a study with published ones.

    Studies of different datasets, such as one and its corrected version, are compared on the samples that both have.
    """
    if (b is None) == (published is None):
        raise InvalidInput("Name what to compare with: a second study, or --with KIND FILE.")
    if published is not None:
        _compare_published(a, published, plot, url, as_json)
        return
    assert b is not None
    if plot is not None and plot.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise InvalidInput(f"The suffix of {plot.name!r} must be .svg, .png or .pdf.")
    first, second = _table(a, url), _table(b, url)
    here = all(source_kind(one) == "study" for one in (a, b))
    if first.meta["fingerprint"] != second.meta["fingerprint"] and here:
        if plot is not None:
            raise InvalidInput("--plot is for studies of the same dataset.")
        with opened_client(url) as client:
            found = client.compare(a, b, threshold=threshold)
        comparison = TableComparison(**found.agreement.model_dump())
    else:
        comparison = compare(first, second, threshold)
    if plot is not None:
        from memscore.report.scatter import scatter

        names = _short(a), _short(b)
        write_file(plot, scatter(first, second, comparison, names, plot.suffix.lower().removeprefix(".")))
    if as_json:
        print_json(asdict(comparison))
        return
    print_table(("figure", "value"), _figures(comparison))
    for text in comparison.notes:
        note(text)
    if plot is not None:
        out.print(f"Plot written to {plot}")


def _compare_published(
    study: str, published: tuple[str, Path], plot: Path | None, url: str | None, as_json: bool
) -> None:
    if plot is not None:
        raise InvalidInput("--plot is for two studies.")
    if source_kind(study) == "study":
        with opened_client(url) as client:
            scores, pairs = client.table(study), client.pairs_table(study)
    else:
        scores, pairs = _table(study, url), None
    found = compare_published(scores, pairs, read_published(*published, scores["label"], scores["test_label"]))
    if as_json:
        print_json(asdict(found))
        return
    print_table(("figure", "ours", found.source), _published_figures(found))
    for text in found.notes:
        note(text)


def _published_figures(found: PublishedComparison) -> list[tuple[str, str, str]]:
    rows = [("samples compared", f"{found.samples:,}", "")]
    for name, one in (("Pearson", found.pearson), ("Spearman", found.spearman)):
        rows.append((f"{name} correlation of mem", "-" if one is None else _within(one.value, one.interval), ""))
        if one is not None and one.corrected is not None and one.corrected_interval is not None:
            rows.append((f"{name}, without our estimation errors", _within(one.corrected, one.corrected_interval), ""))
            rows.append((f"{name}: reliability of ours", decimal(one.reliability), ""))
    rows += [
        ("mean mem", decimal(found.mean_mem[0]), decimal(found.mean_mem[1])),
        ("Kolmogorov distance of the two histograms", decimal(found.kolmogorov), ""),
    ]
    if found.histogram_kolmogorov is not None:
        rows.append(("Kolmogorov distance to their histogram of all", decimal(found.histogram_kolmogorov), ""))
    rows += [
        ("held-out accuracy", decimal(found.held_out_accuracy[0]), decimal(found.held_out_accuracy[1])),
    ]
    if (pairs := found.pairs) is not None:
        rows += [
            (
                "pairs: ours at a false-discovery rate of 5 %; published",
                f"{pairs.significant:,}",
                f"{pairs.published:,}",
            ),
            ("published pairs among ours at that rate", f"{pairs.found:,} ({percent(pairs.share_found)})", ""),
            (
                f"published pairs among our first {pairs.published:,}; expected by chance",
                f"{pairs.strongest:,} ({percent(pairs.strongest / pairs.published)}); {pairs.by_chance:,.1f}",
                "",
            ),
        ]
    return rows


def _within(value: float | None, interval: tuple[float, float] | None) -> str:
    """A value with its 95 % interval over samples, as far as they are defined."""
    return decimal(value) if interval is None else f"{decimal(value)} [{decimal(interval[0])}, {decimal(interval[1])}]"


def _difference(comparison: TableComparison) -> str:
    ends = comparison.mean_difference_interval
    within = "" if ends is None else f" [{ends[0]:+.4f}, {ends[1]:+.4f}]"
    return f"{comparison.mean_difference:+.4f}{within}"


def _table(source: str, url: str | None) -> ScoreTable:
    """A score table of a study, of URL#STUDY, or from a file."""
    if source_kind(source) != "study":
        settings = settings_module.load()
        return load_table(source, key=settings.client_key, cache=settings.home / "cache")
    with opened_client(url) as client:
        return client.table(source)


def _short(source: str) -> str:
    return source.rpartition("#")[2] if is_url(source) else Path(source).name


def _figures(comparison: TableComparison) -> list[tuple[str, str]]:
    return [
        ("samples compared", str(comparison.samples)),
        ("Pearson correlation", _within(comparison.pearson, comparison.pearson_interval)),
        ("Spearman correlation", _within(comparison.spearman, comparison.spearman_interval)),
        (
            "reliability of the first, the second",
            f"{decimal(comparison.reliability_a)}, {decimal(comparison.reliability_b)}",
        ),
        ("Pearson, corrected for estimation error", _within(comparison.corrected, comparison.corrected_interval)),
        ("mean difference, first minus second", _difference(comparison)),
        ("first outside the second's 95 % interval", percent(comparison.a_outside_b)),
        ("second outside the first's 95 % interval", percent(comparison.b_outside_a)),
        (f"atypical (mem > {comparison.threshold:g}) in both", str(comparison.both)),
        ("atypical in the first only, the second only", f"{comparison.only_a}, {comparison.only_b}"),
        ("Jaccard index of the atypical sets", _within(comparison.jaccard, comparison.jaccard_interval)),
        ("Cohen's kappa", _within(comparison.kappa, comparison.kappa_interval)),
    ]
