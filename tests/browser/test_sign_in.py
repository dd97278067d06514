"""Signing in with a key in a browser: what each key shows, what is refused, and what ends a session."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from memscore import keys
from memscore.settings import Settings
from memscore.store import Database, api_keys, open_database
from memscore.store.pepper import pepper_of
from tests.browser.conftest import NewContext, Troubles, copied, require_accessible, require_narrow, settled
from tests.processes import Service, ending


@dataclass(frozen=True)
class Guarded:
    """A service that needs keys, with the digits and a queued job."""

    settings: Settings
    database: Database
    url: str
    job: str

    def key(self, scope: keys.Scope) -> str:
        """A new key of this scope, of somebody of that name."""
        return new_key(self.settings, self.database, scope)

    def revoke(self, key: str) -> None:
        """Refuse a key from now on."""
        identifier = keys.id_of(key)
        assert identifier is not None
        with self.database.writing() as connection:
            api_keys.revoke(connection, identifier)


def new_key(settings: Settings, database: Database, scope: keys.Scope) -> str:
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, pepper_of(settings), f"{scope}-somebody", scope, None)
    return key


@pytest.fixture(scope="module")
def guarded(home_of_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Guarded]:
    """The same for the tests of the module; each makes keys of its own."""
    home = copied(home_of_digits, tmp_path_factory.mktemp("guarded")).home
    settings = Settings(home=home, slots=1, require_keys=True)
    database = open_database(f"sqlite:///{home / 'memscore.db'}")
    header = {"Authorization": f"Bearer {new_key(settings, database, 'admin')}"}
    with ending(Service(settings, "--no-dispatch")) as service:
        body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 100}}
        job = httpx.post(f"{service.url}/v1/jobs", json=body, headers=header).json()["id"]
        yield Guarded(settings, database, service.url, job)
    database.close()


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_key_signs_in_and_leads_to_the_page_that_was_asked_for(guarded: Guarded, page: Page):
    page.goto(f"{guarded.url}/studies/digits/test/56?from=here")
    settled(page)
    expect(page).to_have_url(re.compile("/sign-in.next=%2Fstudies%2Fdigits%2Ftest%2F56%3Ffrom%3Dhere$"))
    require_accessible(page)
    sign_in(page, guarded.key("write"))
    expect(page).to_have_url(f"{guarded.url}/studies/digits/test/56?from=here")
    expect(page.locator('[data-part="account"]')).to_contain_text("write-somebody (write)")
    (cookie,) = page.context.cookies()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    assert page.evaluate("document.cookie") == ""
    page.reload()
    settled(page)
    expect(page).to_have_title(re.compile("^Test sample 56"))


def test_a_read_key_sees_no_button_that_would_be_refused(guarded: Guarded, page: Page):
    page.goto(f"{guarded.url}/jobs/{guarded.job}")
    sign_in(page, guarded.key("read"))
    expect(page.locator("[data-state=queued]")).to_be_visible()
    expect(page.get_by_role("link", name="Scores of the study")).to_be_visible()
    expect(page.locator("#main button")).to_have_count(0)
    for address in ("/", "/jobs"):
        page.goto(guarded.url + address)
        expect(page.locator(".job-card")).to_be_visible()
        expect(page.get_by_role("link", name="New job")).to_have_count(0)
    page.goto(f"{guarded.url}/jobs/new")
    expect(page.locator("#main")).to_contain_text("needs a key with the scope write")
    expect(page.locator("#main button")).to_have_count(0)
    require_accessible(page)


def test_a_write_key_changes_what_it_sees(guarded: Guarded, page: Page):
    page.goto(f"{guarded.url}/jobs/new?study=digits-2&trials=50")
    sign_in(page, guarded.key("write"))
    page.get_by_role("button", name="Start the job").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("[data-state=cancelled]")).to_be_visible()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [("memscore_nothing", "This is not a complete key"), (keys.generate()[0], "This service does not know the key")],
    ids=["cut off", "unknown"],
)
def test_a_wrong_key_is_refused_in_the_service_s_words(
    guarded: Guarded, page: Page, troubles: Troubles, wrong: str, sentence: str
):
    troubles.expect("401")
    page.goto(f"{guarded.url}/sign-in")
    sign_in(page, wrong)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    require_accessible(page)
    require_narrow(page)
    assert page.context.cookies() == []
    sign_in(page, guarded.key("read"))
    expect(page).to_have_title("Overview · memscore")


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)", "/v1/studies", "x"]
)
def test_no_address_leads_away_after_signing_in(guarded: Guarded, page: Page, elsewhere: str):
    page.goto(f"{guarded.url}/sign-in")
    page.evaluate("(to) => history.replaceState(null, '', '/sign-in?' + new URLSearchParams({next: to}))", elsewhere)
    page.reload()
    settled(page)
    sign_in(page, guarded.key("read"))
    expect(page).to_have_url(f"{guarded.url}/")


def test_a_key_revoked_while_a_page_is_open_ends_its_session(guarded: Guarded, page: Page, troubles: Troubles):
    troubles.expect("401")
    key = guarded.key("write")
    page.goto(f"{guarded.url}/jobs/{guarded.job}")
    sign_in(page, key)
    expect(page.locator("[data-state=queued]")).to_be_visible()
    guarded.revoke(key)
    page.wait_for_timeout(1500)  # what is known of a key is remembered for a second
    page.get_by_text("Log", exact=True).click()
    expect(page).to_have_url(re.compile(f"/sign-in.next=%2Fjobs%2F{guarded.job}"))
    sign_in(page, guarded.key("read"))
    expect(page.locator("[data-state=queued]")).to_be_visible()


def test_signing_out_forgets_the_session_and_asks_for_a_key(guarded: Guarded, new_context: NewContext):
    context = new_context()
    page = context.new_page()
    page.goto(guarded.url)
    sign_in(page, guarded.key("read"))
    expect(page).to_have_title("Overview · memscore")
    page.goto(f"{guarded.url}/sign-in")
    expect(page.locator("#main")).to_contain_text("You are signed in as read-somebody")
    page.go_back()
    page.wait_for_load_state("networkidle")  # images that are on their way would be refused
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert context.cookies() == []


def test_where_no_keys_are_needed_the_page_says_so(service: Service, page: Page):
    page.goto(f"{service.url}/sign-in")
    expect(page.locator("#main")).to_contain_text("This service needs no keys")
    require_accessible(page)
    page.get_by_role("link", name="To the overview").click()
    expect(page).to_have_title("Overview · memscore")
