"""Typical and atypical sets: thresholds by slider, key and field, what they choose, and what there is to take away."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Troubles, require_accessible, require_narrow, settled
from tests.browser.taken_away import download, run_python, run_shell
from tests.processes import Service

SETS = ("train_atypical", "train_typical", "test_atypical", "test_typical")


def visit(page: Page, service: Service, query: str = "") -> None:
    page.goto(f"{service.url}/studies/digits/sets{query}")
    settled(page)


def ask(service: Service, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{service.url}/v1/studies/digits/{path}", params=query)
    assert answer.is_success, answer.text
    return answer.json()


def expect_counts(page: Page, service: Service, **thresholds: float | str) -> None:
    """The page shows the counts that the service answers for these thresholds."""
    counts = ask(service, "sets", format="json", limit=0, **thresholds)["counts"]
    for name in SETS:
        expect(page.locator(f'[data-count="{name}"]')).to_have_text(re.compile(f"^{counts[name]:,} "))


def threshold(page: Page, label: str, kind: str = "spinbutton") -> Locator:
    return page.get_by_role(kind, name=label, exact=True)  # pyright: ignore[reportArgumentType]


def test_keys_on_sliders_change_counts_and_address_and_reset_undoes_it(page: Page, service: Service):
    visit(page, service)
    expect_counts(page, service)
    atypical = threshold(page, "Atypical above", "slider")
    atypical.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(threshold(page, "Atypical above")).to_have_value("0.25")
    expect(page).to_have_url(re.compile(r"sets\?atypical=0\.25$"))
    expect_counts(page, service, atypical=0.25)
    threshold(page, "Typical below", "slider").press("ArrowRight")
    threshold(page, "Typical test accuracy from", "slider").press("End")
    expect(page).to_have_url(re.compile(r"atypical=0\.25&typical=0\.03&test_accuracy=1$"))
    expect_counts(page, service, atypical=0.25, typical=0.03, test_accuracy=1)
    page.get_by_role("button", name="The paper's thresholds").click()
    expect(page).to_have_url(re.compile("/sets$"))
    expect(threshold(page, "Atypical above")).to_have_value("0.15")
    expect(atypical).to_have_value("0.15")
    expect_counts(page, service)


def test_a_rule_is_chosen_told_and_kept_in_the_address(page: Page, service: Service):
    visit(page, service)
    worth, rule = page.locator('[data-part="worth"]'), page.get_by_label("Choose atypical test samples")
    usual, raw = (ask(service, "sets", format="json", limit=0, rule=name) for name in ("posterior", "raw"))
    assert usual["counts"]["test_atypical"] < raw["counts"]["test_atypical"]
    expect(worth).to_contain_text(f"Expected not to be: {usual['expected_false']:.1f} of")
    rule.select_option("raw")
    expect(page).to_have_url(re.compile(r"sets\?rule=raw$"))
    expect(worth).to_contain_text("(rule raw)")
    expect(worth).to_contain_text(f"would name {raw['by_chance']:.1f}")
    expect_counts(page, service, rule="raw")
    expect(page.get_by_role("list", name="Notes on the sets").get_by_role("listitem")).to_have_text(raw["warnings"])
    assert 'rule="raw"' in page.locator("pre").first.inner_text()
    page.reload()
    settled(page)
    expect(rule).to_have_value("raw")
    expect_counts(page, service, rule="raw")
    rule.select_option("posterior")
    expect(page).to_have_url(re.compile("/sets$"))


def test_sets_of_tables_without_posteriors_say_which_rule_they_follow(page: Page, service: Service):
    page.goto(f"{service.url}/studies/digits-2/sets")
    settled(page)
    expect(page.locator('[data-part="worth"]')).to_contain_text("(rule raw)")
    expect(page.get_by_role("list", name="Notes on the sets")).to_contain_text("have no posterior")


def test_numbers_are_typed_too_and_an_address_restores_them(page: Page, service: Service):
    visit(page, service)
    threshold(page, "Atypical above").fill("0.333")
    expect(page).to_have_url(re.compile(r"\?atypical=0\.333$"))
    expect_counts(page, service, atypical=0.333)
    page.reload()
    settled(page)
    expect(threshold(page, "Atypical above")).to_have_value("0.333")
    expect_counts(page, service, atypical=0.333)
    for wrong in ("", "1.5"):
        threshold(page, "Atypical above").fill(wrong)
        expect(page.get_by_role("alert").filter(has_text=re.compile("."))).to_be_visible()  # the browser's own sentence
    expect_counts(page, service, atypical=0.333)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("?typical=0.5", "must not exceed the atypical one"), ("?typical=0.001", "the typical threshold cannot be lower")],
)
def test_thresholds_that_are_refused_show_the_service_s_sentence_and_no_counts_of_others(
    page: Page, service: Service, troubles: Troubles, query: str, sentence: str
):
    troubles.expect("422")
    visit(page, service, query)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(page.locator("[data-count]")).to_have_count(0)
    require_accessible(page)
    page.get_by_role("button", name="The paper's thresholds").click()
    expect_counts(page, service)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_have_count(0)


def test_examples_lie_within_their_sets_beside_the_thresholds(page: Page, service: Service):
    scores = (
        ask(service, "scores", sort="mem", limit=1000)["scores"]
        + ask(service, "scores", sort="mem", offset=1000, limit=1000)["scores"]
    )
    bound = next(one["mem"] for one in reversed(scores) if 0.1 < one["mem"] < 0.3)  # samples lie at it
    visit(page, service, f"?atypical={bound}&typical={bound}")
    mem = {one["index"]: one["mem"] for one in scores}

    def examples(title: str) -> list[float]:
        cards = page.get_by_role("heading", name=title, exact=True).locator("xpath=..").locator("[data-index]")
        expect(cards).to_have_count(8)
        return [mem[int(index)] for index in cards.evaluate_all("all => all.map((one) => one.dataset.index)")]

    above = sorted(value for value in mem.values() if value > bound)
    below = sorted((value for value in mem.values() if value < bound), reverse=True)
    assert bound in mem.values()
    assert examples("Atypical: just above the threshold") == above[:8]
    assert examples("Atypical: the most memorized") == above[::-1][:8]
    assert examples("Typical: just below the threshold") == below[:8]
    assert examples("Typical: the least memorized") == below[::-1][:8]


def test_cards_of_test_samples_tell_their_class_and_lead_to_their_pages(page: Page, service: Service):
    visit(page, service)
    index = ask(service, "sets", format="json", limit=1)["indices"]["test_atypical"][0]
    score = ask(service, f"test-scores/{index}")
    title = page.get_by_role("heading", name=re.compile("^Atypical test samples"))
    card = title.locator("xpath=..").locator(f'[data-index="{index}"]')
    expect(card.locator(".line").first).to_have_text(f"{score['label']}{score['infl_max']:.2f}")
    card.click()
    expect(page).to_have_url(re.compile(f"/studies/digits/test/{index}$"))


def test_the_highest_threshold_leaves_nobody_atypical(page: Page, service: Service):
    visit(page, service, "?atypical=1")
    expect_counts(page, service, atypical=1)
    title = page.get_by_role("heading", name="Atypical: the most memorized")
    expect(title.locator("xpath=..")).to_contain_text("No sample.")


def test_files_are_downloaded_under_their_names(page: Page, service: Service):
    visit(page, service, "?atypical=0.25")
    counts = ask(service, "sets", format="json", atypical=0.25)["counts"]
    name, content = download(page, "Masks, .npz")
    assert name == "digits.sets.npz"
    masks = np.load(io.BytesIO(content))
    assert {one: int(masks[one].sum()) for one in SETS} == counts
    for ending, wanted in (("npz", "digits.scores.npz"), ("csv", "digits.train.csv")):
        name, content = download(page, f"Score table, .{ending}")
        assert name == wanted
        assert content == httpx.get(f"{service.url}/v1/studies/digits/table", params={"format": ending}).content


def test_the_lines_of_python_and_shell_run_as_shown(page: Page, service: Service, tmp_path: Path):
    visit(page, service, "?atypical=0.25&test_accuracy=0.9")
    counts = ask(service, "sets", format="json", atypical=0.25, test_accuracy=0.9)["counts"]
    printed = run_python(page, tmp_path, "print(int(atypical.sum()), len(table))").splitlines()
    assert printed[-1] == f"{counts['train_atypical']} 1437"
    assert str(counts) in printed[0]
    lines = page.get_by_label("shell commands", exact=True).inner_text().strip().splitlines()
    assert [line.split()[0] for line in lines] == ["memscore", "curl"]
    run_shell(page, tmp_path)
    with np.load(tmp_path / "masks.npz") as masks:
        assert {one: int(masks[one].sum()) for one in SETS} == counts


def test_the_page_is_accessible_and_fits_a_phone(page: Page, service: Service):
    visit(page, service)
    require_accessible(page)
    require_narrow(page)
