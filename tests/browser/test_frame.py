"""What surrounds every view: navigation, theme, the calls behind it, and addresses that lead nowhere."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SHIFTS, NewContext, Troubles, require_accessible, require_narrow, settled
from tests.processes import Service


def test_the_overview_leads_to_the_study_and_back(page: Page, service: Service):
    page.goto(service.url)
    settled(page)
    page.get_by_role("link", name="digits", exact=True).click()
    expect(page).to_have_url(re.compile("/studies/digits$"))
    settled(page)
    expect(page).to_have_title("digits · memscore")
    expect(page.locator("h1")).to_be_focused()
    page.go_back()
    settled(page)
    expect(page).to_have_title("Overview · memscore")


def test_the_calls_behind_a_page_are_told_as_lines_of_shell(page: Page, service: Service):
    page.goto(f"{service.url}/studies/digits/test/56")
    settled(page)
    page.get_by_text("REST calls behind this page").click()
    calls = page.locator('[data-part="calls"] code')
    own = f"curl '{service.url}/v1/studies/digits/test-scores/56'"
    expect(calls.filter(has_text=re.compile(f"^{re.escape(own)}$"))).to_be_visible()  # the list is filled once it opens
    assert all(call.startswith("curl ") for call in calls.all_inner_texts())


def test_a_theme_is_chosen_and_kept(page: Page, service: Service):
    page.goto(service.url)
    settled(page)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    settled(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


@pytest.mark.parametrize("address", ["/nothing", "/studies/digits/nothing", "/jobs/new/er"])
def test_an_address_that_leads_nowhere_says_so(page: Page, service: Service, troubles: Troubles, address: str):
    troubles.expect("404")
    page.goto(service.url + address)
    settled(page)
    expect(page.locator("h1")).to_have_text("There is no page at this address")
    require_accessible(page)


def test_an_unknown_study_is_told_in_the_service_s_words(page: Page, service: Service, troubles: Troubles):
    troubles.expect("404")
    page.goto(f"{service.url}/studies/nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no study 'nothing'")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    require_accessible(page)


def test_the_overview_is_accessible_and_fits_a_phone(page: Page, service: Service):
    page.goto(service.url)
    settled(page)
    require_accessible(page)
    require_narrow(page)


@pytest.mark.parametrize("width", [1440, 375])
def test_what_is_read_does_not_jump(service: Service, new_context: NewContext, width: int):
    """The cumulative layout shift, as browsers measure it: good is below 0.1."""
    for path, last in (
        ("/", ".study-findings a"),
        ("/studies/digits", '[data-part="quality"] .check'),
        ("/studies/digits/pairs", ".pair"),
        ("/studies/digits/sets", ".picture"),
        ("/studies/digits/review", "#suspect, main h2"),
        ("/studies/digits/duplicates", "main h1"),
        ("/studies/digits/train/5", ".sample .picture"),
        ("/studies/digits/test/5", ".sample .picture"),
        ("/compare?a=digits&b=digits-2", "main svg"),
        ("/datasets", "main h1"),
        ("/datasets/digits", "main img"),
        ("/jobs", "main h1"),
        ("/jobs/new", "main form"),
        ("/storage", "main h1"),
    ):
        page = new_context(viewport={"width": width, "height": 900}).new_page()
        page.goto(service.url + path)
        expect(page.locator(last).first).to_be_visible()
        assert page.evaluate(SHIFTS) < 0.1, path
