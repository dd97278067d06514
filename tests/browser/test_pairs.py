"""The pairs of a study: filters that the address keeps, more of them, and what there is to take away."""

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


def wanted(service: Service, **query: Any) -> list[tuple[int, int]]:
    answer = httpx.get(f"{service.url}/v1/studies/digits/pairs", params={"limit": 1000, "order": "holds", **query})
    assert answer.is_success, answer.text
    return [(one["train_index"], one["test_index"]) for one in answer.json()["pairs"]]


def visit(page: Page, service: Service, query: str = "") -> None:
    """Open the page with all pairs, also those that cannot be told from chance."""
    page.goto(f"{service.url}/studies/digits/pairs?chance=shown{query.replace('?', '&')}")
    settled(page)


def shown(page: Page) -> list[tuple[int, int]]:
    found = page.locator(".pair").evaluate_all("all => all.map((one) => [one.dataset.train, one.dataset.test])")
    return [(int(train), int(test)) for train, test in found]


def field(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True)


def test_filters_change_the_list_and_the_address_which_restores_them(page: Page, service: Service):
    visit(page, service)
    assert shown(page) == wanted(service)[:48]
    strong, memorized = wanted(service, infl_min=0.3), wanted(service, infl_min=0.3, mem_min=0.5)
    assert 48 > len(strong) > len(memorized) > 0
    assert wanted(service, q_max=0.05) == []  # so few trials prove nothing
    field(page, "infl from").fill("0.3")
    expect(page).to_have_url(re.compile(r"pairs\?chance=shown&infl_min=0\.3$"))
    expect(page.locator(".pair")).to_have_count(len(strong))
    field(page, "q-value up to").fill("0.05")
    expect(page.get_by_role("heading", name="No pair passes these filters")).to_be_visible()
    field(page, "q-value up to").fill("0.9")
    field(page, "mem of the training sample from").fill("0.5")
    expect(page).to_have_url(re.compile(r"infl_min=0\.3&q_max=0\.9&mem_min=0\.5$"))
    expect(page.locator(".pair")).to_have_count(len(memorized))
    assert shown(page) == memorized
    page.reload()
    settled(page)
    assert shown(page) == memorized
    for label, value in (("infl from", "0.3"), ("mem of the training sample from", "0.5"), ("q-value up to", "0.9")):
        expect(field(page, label)).to_have_value(value)
    field(page, "infl from").fill("")
    expect(page).to_have_url(re.compile(r"pairs\?chance=shown&q_max=0\.9&mem_min=0\.5$"))


def test_what_cannot_be_told_from_chance_is_shown_only_on_request(page: Page, service: Service):
    page.goto(f"{service.url}/studies/digits/pairs")
    settled(page)
    held = wanted(service, holding=True)
    assert shown(page) == held
    found = httpx.get(f"{service.url}/v1/studies/digits/pairs?holding=true&limit=1").json()
    assert found["holding"] == len(held) < found["matching"]
    assert "holding=True" in page.locator("pre").first.inner_text()
    page.get_by_role("checkbox", name=f"Show {found['matching'] - len(held):,} pairs").check()
    expect(page).to_have_url(re.compile(r"pairs\?chance=shown$"))
    expect(page.locator(".pair")).to_have_count(min(48, found["matching"]))
    page.goto(f"{service.url}/studies/digits-2/pairs")  # of which none holds
    expect(page.get_by_role("heading", name="No pair is beyond chance")).to_be_visible()
    require_accessible(page)


def test_weighted_q_values_tell_what_is_beyond_chance_where_there_are_any(page: Page, service: Service):
    visit(page, service)
    held = wanted(service, q_weighted_max=0.05)
    assert held
    first = page.locator(f'.pair[data-train="{held[0][0]}"][data-test="{held[0][1]}"]')
    expect(first).to_contain_text(re.compile(r"weighted q .*, beyond chance.*P\(infl > 0\.15\)", re.DOTALL))
    expect(page.locator(".pair").filter(has_text="within chance").first).to_be_visible()
    expect(page.locator('[data-part="holding"]')).to_contain_text("are beyond chance")
    field(page, "weighted q-value up to").fill("0.05")
    expect(page).to_have_url(re.compile(r"pairs\?chance=shown&q_weighted_max=0\.05$"))
    expect(page.locator(".pair")).to_have_count(len(held))
    assert "--q-weighted-max 0.05" in page.locator("pre").last.inner_text()


def test_pairs_without_weighted_q_values_look_as_ever(page: Page, service: Service):
    page.goto(f"{service.url}/studies/digits-2/pairs?chance=shown")
    settled(page)
    expect(page.locator(".pair").first).to_contain_text("q 0.")
    expect(page.locator(".pair").filter(has_text=re.compile("weighted|within chance"))).to_have_count(0)
    expect(field(page, "weighted q-value up to")).to_be_hidden()


def test_more_pairs_follow_those_that_are_shown(page: Page, service: Service):
    visit(page, service)
    everything = wanted(service)
    assert len(everything) > 96
    assert shown(page) == everything[:48]
    more = page.get_by_role("button", name="More pairs")
    more.click()
    expect(page.locator(".pair")).to_have_count(96)
    assert shown(page) == everything[:96]
    expect(page.locator(".pair").nth(48).get_by_role("link").first).to_be_focused()
    least = next(infl / 100 for infl in range(1, 100) if len(wanted(service, infl_min=infl / 100)) < 96)
    count = len(wanted(service, infl_min=least))
    field(page, "infl from").fill(str(least))
    expect(page.locator(".pair")).to_have_count(min(48, count))
    if count > 48:
        more.click()
        expect(page.locator(".pair")).to_have_count(count)
    expect(more).to_have_count(0)


def test_filters_that_nothing_passes_say_so_and_wrong_ones_what_is_wrong(
    page: Page, service: Service, troubles: Troubles
):
    visit(page, service, "?infl_min=1")
    expect(page.get_by_text("No pair passes these filters").first).to_be_visible()
    field(page, "infl from").fill("2")
    expect(page.get_by_role("alert").filter(has_text="1")).to_be_visible()  # the browser's own sentence
    expect(field(page, "infl from")).to_have_attribute("aria-invalid", "true")
    field(page, "infl from").fill("0.3")
    expect(page.locator(".pair")).to_have_count(len(wanted(service, infl_min=0.3)))
    expect(field(page, "infl from")).not_to_have_attribute("aria-invalid", "true")
    troubles.expect("422")
    visit(page, service, "?q_max=7")
    expect(page.get_by_role("alert")).to_contain_text("q_max")
    expect(field(page, "q-value up to")).to_have_value("7")


def test_a_pair_leads_to_both_of_its_samples(page: Page, service: Service):
    (train, test), *_ = wanted(service)
    for name, address in ((f"train {train}", f"train/{train}"), (f"test {test}", f"test/{test}")):
        visit(page, service)
        page.locator(".pair").first.get_by_role("link", name=re.compile(f"{name}\\b")).click()
        expect(page).to_have_url(re.compile(f"/studies/digits/{address}$"))
    visit(page, service)
    page.get_by_role("button", name=f"Enlarge train {train} and test {test}").click()
    expect(page.get_by_role("dialog")).to_contain_text("infl")


@pytest.mark.parametrize("ending", ["npz", "csv", "parquet"])
def test_the_pairs_table_is_downloaded_under_its_name(page: Page, service: Service, ending: str):
    visit(page, service)
    name, content = download(page, f"Pairs table, .{ending}")
    assert name == f"digits.pairs.{ending}"
    assert content == httpx.get(f"{service.url}/v1/studies/digits/pairs/table", params={"format": ending}).content


def test_the_lines_of_python_and_shell_run_as_shown(page: Page, service: Service, tmp_path: Path):
    visit(page, service, "?infl_min=0.3&mem_min=0.5")
    sure = wanted(service, infl_min=0.3, mem_min=0.5)
    printed = run_python(page, tmp_path, "print(len(table))").splitlines()
    assert [tuple(int(value) for value in line.split()[:2]) for line in printed[:-1]] == sure
    listed, _ = run_shell(page, tmp_path)
    assert all(re.search(rf"\b{train}\b.*\b{test}\b", listed) for train, test in sure)
    content = (tmp_path / "digits.pairs.npz").read_bytes()
    assert len(np.load(io.BytesIO(content))["train_index"]) == int(printed[-1])


def test_the_page_is_accessible_and_fits_a_phone(page: Page, service: Service):
    visit(page, service)
    require_accessible(page)
    require_narrow(page)
