"""The paper's claims: each rests on findings that some item has, and holds only if all of them do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.experiments.finished_runs import Bench, finish
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.claims import CLAIMS, Claim
from trainer.experiments.run import merged
from trainer.experiments.summary import forest_plot
from trainer.experiments.verdict import Verdict, Word

CLAIM = Claim("Two things hold", "fig4", ("one", "two"))


def verdict(finding: str, word: Word) -> Verdict:
    return Verdict(finding, word, "here", "numbers", 0.1, 0.05, 0.15, 0.0, 3)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.item)
def test_every_claim_rests_on_findings_of_its_item(tmp_path: Path, claim: Claim):
    bench = Bench(tmp_path)
    panel = bench.panel()
    with_runs = {"table2": "table4"}.get(claim.item, claim.item)  # whose runs have all checkpoints that are shown
    for run in ITEMS[with_runs].kind.runs(panel.setting, bench.seeds):
        finish(panel.finished(run), lambda *_: 0.5)
    made = {(claim.item, one.finding): one for one in bench.make(claim.item).verdicts}
    assert claim.decided(made) is not None
    assert claim.decided({}) is None


def test_findings_of_one_name_are_of_one_thing(tmp_path: Path):
    """They count once for each setting, so that no two items may call different things by one name."""
    bench = Bench(tmp_path)
    panel = bench.panel()
    names = ("fig1", "fig2", "fig4", "fig9", "fig15", "fig21", "table1", "table2", "table4")
    for number, run in enumerate(
        merged([run for name in names for run in ITEMS[name].kind.runs(panel.setting, bench.seeds)])
    ):
        finish(panel.finished(run), lambda *_, number=number: 0.3 + number / 200, distance=0.5 - number / 200)
    found: dict[tuple[str, str], float | None] = {}
    for name in names:
        for one in bench.make(name).verdicts:
            assert found.setdefault((one.finding, one.setting), one.value) == pytest.approx(one.value), (
                name,
                one.finding,
            )
    assert len(found) > 50


@pytest.mark.parametrize(
    ("words", "decides"),
    [
        (("confirmed", "confirmed"), "confirmed"),
        (("confirmed", "undecided"), "undecided"),
        (("not testable", "contradicted"), "contradicted"),
        (("seen in one seed", "confirmed"), "seen in one seed"),
        (("undecided", "not testable"), "not testable"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_finding(words: tuple[Word, Word], decides: Word):
    found = {("fig4", name): verdict(name, word) for name, word in zip(CLAIM.findings, words, strict=True)}
    decided = CLAIM.decided(found)
    assert decided is not None
    assert decided.verdict == decides


def test_what_was_not_made_is_said_beside_the_effects():
    forest = forest_plot([(CLAIM, verdict("one", "confirmed")), (CLAIM, None)])
    forest.draw_without_rendering()
    assert [text.get_text() for text in forest.axes[0].texts] == ["confirmed", "not made"]
