"""The duplicates of a study: copies side by side, compared by mirroring and blinking."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import require_accessible, require_narrow, settled
from tests.browser.taken_away import run_python
from tests.processes import Service


def test_copies_are_listed_and_compared_by_eye(page: Page, service: Service, tmp_path):
    found = httpx.get(f"{service.url}/v1/studies/digits/duplicates?alike=0.98&limit=1000").json()
    assert found["matching"] > 3
    page.goto(f"{service.url}/studies/digits")
    tile = page.locator('[data-finding="copies"]')
    few = httpx.get(f"{service.url}/v1/studies/digits/duplicates?limit=1").json()["matching"]
    expect(tile.locator("strong")).to_have_text(str(few))
    tile.get_by_role("link").click()
    expect(page).to_have_url(f"{service.url}/studies/digits/duplicates")
    settled(page)
    page.get_by_role("combobox", name="Correlation").select_option("0.98")
    expect(page).to_have_url(re.compile(r"duplicates\?alike=0\.98$"))
    expect(page.locator('[data-part="matching"]')).to_have_text(re.compile(f"^{found['matching']} cop"))
    first = found["copies"][0]
    card = page.locator(".pair").first
    expect(card).to_have_attribute("data-train", str(first["index"]))
    expect(card).to_have_attribute("data-other", str(first["other"]))
    expect(card).to_contain_text(f"{first['correlation']:.4f}")
    card.get_by_role("button", name="Enlarge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Mirror the first").click()
    picture = dialog.locator("img").first
    assert picture.evaluate("one => getComputedStyle(one).transform").startswith("matrix(-1")
    dialog.get_by_role("button", name="Blink").click()
    second = dialog.locator("figure").last
    expect(second).to_be_hidden()
    expect(second).to_be_visible()
    expect(second).to_be_hidden()
    dialog.get_by_role("button", name="Blink").click()
    expect(second).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    printed = run_python(page, tmp_path, "").splitlines()
    assert len(printed) == found["matching"]
    require_accessible(page)
    require_narrow(page)
