"""The overview in a browser: studies with their images, asked for only where they are seen, and what runs."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from memscore.scores.tables import PairsTable, ScoreTable
from memscore.settings import Settings
from memscore.store import Database, datasets, jobs, open_database, studies, tables
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design
from tests.browser.conftest import Troubles, require_accessible, require_narrow
from tests.processes import Service, ending

MANY = 100


@pytest.fixture
def database(settings_of_digits: Settings) -> Generator[Database]:
    """The database of the service below."""
    opened = open_database(f"sqlite:///{settings_of_digits.home / 'memscore.db'}")
    yield opened
    opened.close()


@pytest.fixture
def waiting(settings_of_digits: Settings) -> Generator[Service]:
    """A service whose jobs wait for the test."""
    with ending(Service(settings_of_digits, "--no-dispatch")) as started:
        yield started


def add_study(database: Database, number: int) -> None:
    """A study with the scores of the first."""
    with database.writing() as connection:
        record = datasets.by_name(connection, "digits")
        stored = tables.current(connection, studies.find(connection, "digits").id)
        study = studies.ensure(connection, record, RECIPES["digits"], Design(seed=100 + number), f"more-{number}")
        scores, pairs = ScoreTable.decode(stored[0].payload), PairsTable.decode(stored[1].payload)
        own = {"study": study.id}
        tables.add(
            connection,
            study.id,
            ScoreTable.of(scores.columns, scores.meta | own),
            PairsTable.of(pairs.columns, pairs.meta | own),
        )


COUNTS = ("suspected", "pairs", "undecided")


def test_a_study_is_shown_with_its_most_memorized_images_and_figures(service: Service, page: Page):
    page.goto(service.url)
    card = page.locator("[data-study=digits]")
    expect(card.locator(".study-strip a")).to_have_count(12)
    (top,) = httpx.get(f"{service.url}/v1/studies/digits/scores?limit=1").json()["scores"]
    first = card.locator(".study-strip a").first
    expect(first).to_have_attribute("aria-label", f"Training image {top['index']}, mem {top['mem']:.2f}")
    assert first.evaluate("(cell) => getComputedStyle(cell).backgroundImage").startswith('url("http')
    expect(card.get_by_role("img", name="Histogram of mem")).to_be_visible()
    expect(card).to_contain_text("40 trials on digits")
    found = httpx.get(f"{service.url}/v1/studies/digits/findings").json()
    numbers = [f"{100 * found['atypical'] / found['samples']:.1f} %", *(str(found[name]) for name in COUNTS)]
    expect(card.locator(".study-findings strong")).to_have_text(numbers)
    first.click()
    expect(page).to_have_url(f"{service.url}/studies/digits/train/{top['index']}")


def test_images_of_a_hundred_studies_are_asked_for_as_they_come_into_sight(
    waiting: Service, page: Page, database: Database
):
    for number in range(MANY):
        add_study(database, number)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.extend(re.findall(r"/v1/.*", request.url))

    page.on("request", note)
    page.goto(waiting.url)
    expect(page.locator(".study-card")).to_have_count(MANY + 2)
    expect(page.locator("[data-study=more-99] .study-strip")).to_be_visible()
    page.wait_for_load_state("networkidle")
    lists = [call for call in asked if re.match(r"/v1/(session|studies\?|jobs)", call)]
    assert len(lists) <= 4
    assert 3 * 3 <= len(asked) - len(lists) <= 3 * 18  # of the cards on the screen and just below
    assert not any("/studies/digits/" in call for call in asked)
    page.locator("[data-study=digits]").scroll_into_view_if_needed()
    expect(page.locator("[data-study=digits] .study-strip")).to_be_visible()
    page.get_by_label("Find").fill("more-42")
    expect(page.locator(".study-card:visible")).to_have_count(1)
    expect(page.locator("[data-study=more-42] .study-strip")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?find=more-42$"))


def test_a_job_s_progress_and_the_study_it_makes_appear_by_themselves(waiting: Service, page: Page, database: Database):
    body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 100}}
    job = httpx.post(f"{waiting.url}/v1/jobs", json=body).json()["id"]
    page.goto(waiting.url)
    card = page.locator(f"[data-job='{job}']")
    expect(card).to_contain_text("40 of 100 trials")
    card.get_by_role("link").focus()
    with database.writing() as connection:
        claimed = jobs.claim(connection, "test", 600)
        assert claimed is not None
        jobs.report(connection, job, claimed.attempt, "training", 60, 100, 2.0)
    expect(card).to_contain_text("60 of 100 trials, training, 120 a minute, about 20 s left")
    expect(card.get_by_role("link")).to_be_focused()  # what is brought up to date keeps the focus
    add_study(database, 0)
    httpx.post(f"{waiting.url}/v1/jobs", json=body | {"design": {"seed": 100}})
    expect(page.locator("[data-study=more-0] .study-strip")).to_be_visible()


def test_an_outage_is_said_and_waited_for(
    waiting: Service, page: Page, settings_of_digits: Settings, troubles: Troubles
):
    troubles.expect("ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET")
    body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 100}}
    httpx.post(f"{waiting.url}/v1/jobs", json=body).raise_for_status()  # while one waits, the page asks every 2 s
    page.goto(waiting.url)
    expect(page.locator(".study-strip")).to_have_count(2)
    page.wait_for_load_state("networkidle")  # an image that fails leaves an alert of its own, which stays
    waiting.cut()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(page.locator(".study-card")).to_have_count(2)
    with ending(Service(settings_of_digits, "--no-dispatch", port=int(waiting.url.rsplit(":", 1)[1]))):
        expect(page.get_by_role("alert")).to_have_count(0)


def test_the_overview_with_images_is_accessible_and_fits_a_phone(service: Service, page: Page):
    page.goto(service.url)
    expect(page.locator(".study-strip")).to_have_count(2)
    require_accessible(page)
    require_narrow(page)
