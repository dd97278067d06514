"""Two studies side by side: what can be chosen, what the numbers are, and what stands where nothing can be compared."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from memscore.settings import Settings
from memscore.store import datasets, evidence, open_database, studies, tables
from memscore.study.spec import Design
from tests.browser.conftest import Troubles, copied, require_accessible, require_narrow, settled
from tests.browser.taken_away import run_shell
from tests.conftest import QUICK, build, make_dataset, make_trials
from tests.processes import Service, ending


def fill(settings: Settings) -> None:
    """Add a study of another dataset with scores, and one of the digits without."""
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=2)
    with database.writing() as connection:
        other = datasets.register(connection, "made-up", dataset)
        study = studies.ensure(connection, other, QUICK, design, "made-up")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(dataset, trials, design, study.id))
        studies.ensure(connection, datasets.by_name(connection, "digits"), QUICK, Design(seed=7), "unscored")
    database.close()


@pytest.fixture(scope="module")
def service(home_of_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """A service with two studies of the digits, one of them without scores, and one of another dataset."""
    settings = copied(home_of_digits, tmp_path_factory.mktemp("compare"))
    fill(settings)
    with ending(Service(settings, "--no-dispatch")) as started:
        yield started


def visit(page: Page, service: Service, query: str = "") -> None:
    page.goto(f"{service.url}/compare{query}")
    settled(page)


def ask(service: Service, **query: Any) -> Any:
    answer = httpx.get(f"{service.url}/v1/studies/digits/compare", params={"with": "digits-2", **query})
    assert answer.is_success, answer.text
    return answer.json()


def offered(page: Page, label: str) -> list[str]:
    options = page.get_by_label(label, exact=True).locator("option:enabled").all_inner_texts()
    return [option.split(" ")[0] for option in options]


def chosen(page: Page, label: str) -> str:
    return page.get_by_label(label, exact=True).input_value()


def test_only_studies_of_the_same_dataset_are_offered(page: Page, service: Service):
    visit(page, service, "?a=digits")
    assert sorted(offered(page, "Study a")) == ["digits", "digits-2", "made-up"]
    assert offered(page, "Study b") == ["digits-2"]
    page.get_by_label("Study a", exact=True).select_option("digits-2")
    expect(page).to_have_url(re.compile(r"compare\?a=digits-2$"))
    settled(page)
    assert offered(page, "Study b") == ["digits"]
    expect(page.get_by_role("heading", name="Where they disagree most")).to_be_visible()


def test_without_an_address_the_newest_two_of_a_dataset_are_compared(page: Page, service: Service):
    visit(page, service)
    assert {chosen(page, "Study a"), chosen(page, "Study b")} == {"digits", "digits-2"}
    visit(page, service, "?b=digits")
    assert (chosen(page, "Study a"), chosen(page, "Study b")) == ("digits-2", "digits")


def test_numbers_and_disagreements_are_those_of_the_service(page: Page, service: Service):
    visit(page, service, "?a=digits&b=digits-2")
    found = ask(service, limit=24)
    expect(page.get_by_role("row", name=re.compile("Atypical in both"))).to_contain_text(
        str(found["agreement"]["both"])
    )
    expect(page.locator("dl.facts")).to_contain_text(f"{found['agreement']['spearman']:.2f}")
    rows = page.locator(".influence")
    assert rows.evaluate_all("all => all.map((one) => Number(one.dataset.index))") == [
        one["index"] for one in found["disagreements"]
    ]
    first = found["disagreements"][0]
    expect(rows.first).to_contain_text(f"{first['a']['mem']:.2f}")
    rows.first.get_by_role("link", name="digits-2", exact=True).click()
    expect(page).to_have_url(re.compile(f"/studies/digits-2/train/{first['index']}$"))


def test_the_threshold_is_chosen_and_kept_in_the_address(page: Page, service: Service):
    visit(page, service, "?a=digits&b=digits-2")
    page.get_by_label("Atypical above", exact=True).fill("0.5")
    expect(page).to_have_url(re.compile(r"a=digits&b=digits-2&threshold=0\.5$"))
    both = page.get_by_role("row", name=re.compile("Atypical in both"))
    expect(both).to_contain_text("mem above 0.5")
    expect(both.get_by_role("cell")).to_have_text(str(ask(service, threshold=0.5)["agreement"]["both"]))
    page.reload()
    settled(page)
    expect(both).to_contain_text("mem above 0.5")
    assert page.get_by_label("shell commands", exact=True).inner_text().count("0.5") == 2


def test_a_study_is_compared_with_itself_if_the_address_says_so(page: Page, service: Service):
    visit(page, service, "?a=digits&b=digits")
    assert (chosen(page, "Study a"), chosen(page, "Study b")) == ("digits", "digits")
    expect(page.get_by_text("Both tables are from the same study")).to_be_visible()
    expect(page.get_by_text("They agree on every sample")).to_be_visible()


def test_a_study_alone_in_its_dataset_says_what_to_do(page: Page, service: Service):
    visit(page, service, "?a=made-up")
    expect(page.get_by_role("heading", name="No other study of made-up has scores")).to_be_visible()
    expect(page.get_by_role("link", name="New job")).to_have_attribute("href", "/jobs/new?dataset=made-up")
    assert offered(page, "Study b") == []
    require_accessible(page)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?a=digits&b=made-up", "dataset"),
        ("?a=digits&b=unscored", "unscored"),
        ("?a=unscored", "unscored"),
        ("?a=nothing&b=digits", "There is no study 'nothing'"),
        ("?a=digits&b=digits-2&threshold=3", "threshold"),
    ],
)
def test_what_cannot_be_compared_is_told_in_the_service_s_words_beside_the_pickers(
    page: Page, service: Service, troubles: Troubles, query: str, sentence: str
):
    troubles.expect("404|409|422")
    visit(page, service, query)
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_have_count(1)
    assert offered(page, "Study a")
    require_accessible(page)


def test_the_lines_of_shell_run_as_shown(page: Page, service: Service, tmp_path: Path):
    visit(page, service, "?a=digits&b=digits-2&threshold=0.25")
    printed, _ = run_shell(page, tmp_path)
    assert "0.25" in printed
    assert f'"both":{ask(service, threshold=0.25)["agreement"]["both"]},' in (tmp_path / "comparison.json").read_text()


def test_the_page_is_accessible_and_fits_a_phone(page: Page, service: Service):
    visit(page, service)
    require_accessible(page)
    require_narrow(page)
