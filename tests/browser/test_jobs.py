"""Jobs in a browser: one launched and watched to its end, one that outlives its service, what is refused and where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from memscore.settings import Settings
from memscore.store import Database, job_logs, jobs, open_database
from tests.browser.conftest import Troubles, require_accessible, require_narrow, settled
from tests.processes import Service, ending

QUICK = {"network": "mlp", "hidden": [8], "epochs": 1, "batch_size": 64, "learning_rate": 0.1}
JOB = re.compile(r"/jobs/[0-9a-f]{16}$")
OUTAGE = "ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_SOCKET"


@pytest.fixture
def running(settings_of_digits: Settings) -> Generator[Service]:
    """A service with a dispatcher. Services come before pages in tests, so that pages are closed first."""
    with ending(Service(settings_of_digits)) as started:
        yield started


@pytest.fixture
def waiting(settings_of_digits: Settings) -> Generator[Service]:
    """A service without a dispatcher: tests say themselves what becomes of jobs."""
    with ending(Service(settings_of_digits, "--no-dispatch")) as started:
        yield started


@pytest.fixture
def database(settings_of_digits: Settings) -> Generator[Database]:
    """The database of that service."""
    opened = open_database(f"sqlite:///{settings_of_digits.home / 'memscore.db'}")
    yield opened
    opened.close()


def post(url: str, **changes: Any) -> str:
    """The id of a new job."""
    body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 100}}
    answer = httpx.post(f"{url}/v1/jobs", json=body | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


Report = Callable[[int], None]


def driven(database: Database, job: str) -> Report:
    """Claims a job as a dispatcher does; what it gives reports trials as a driver does."""
    with database.writing() as connection:
        claimed = jobs.claim(connection, "test", 600)
    assert claimed is not None
    assert claimed.id == job

    def report(done: int) -> None:
        with database.writing() as connection:
            jobs.report(connection, job, claimed.attempt, "training", done, 100, 2.0)

    return report


def fact(page: Page, name: str):
    return page.locator(".facts div", has=page.locator("dt", has_text=name)).locator("dd")


def test_a_job_is_launched_from_the_form_and_watched_to_its_end(running: Service, page: Page):
    page.goto(f"{running.url}/jobs/new?dataset=digits&trials=15")
    expect(page.locator(".plan")).to_contain_text("from the study's stored trials")
    page.get_by_role("button", name="Edit as JSON").click()
    page.get_by_label("Recipe as JSON").fill(json.dumps(QUICK))
    page.get_by_label("Name of the study").fill("watched")
    expect(page.locator(".plan")).to_contain_text("the study then has 20")
    expect(page.locator(".plan")).to_contain_text("no trial of this study has been timed yet")
    page.get_by_role("button", name="Start the job").click()
    expect(page).to_have_url(JOB)
    expect(page.locator(".remarks")).to_contain_text("trials rounded up from 15 to 20")
    page.get_by_text("Log", exact=True).click()
    expect(page.locator("[data-state=succeeded]")).to_be_visible(timeout=120_000)
    expect(fact(page, "Trials")).to_contain_text("20 of 20")
    expect(page.locator(".history strong")).to_have_text(["succeeded", "running", "queued"])
    expect(page.get_by_label("Log of this job")).to_contain_text("succeeded: 20 trials stored")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_role("region", name="Precision over trials")).to_contain_text(
        "After 20 trials: a standard error"
    )
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    expect(page.locator(".job-card").first).to_contain_text("watched: 20 trials")


def test_progress_is_shown_as_it_happens(waiting: Service, page: Page, database: Database):
    job = post(waiting.url)
    page.goto(f"{waiting.url}/jobs/{job}")
    expect(page.locator(".remarks")).to_contain_text("no dispatcher is running; start one: memscore dispatch")
    report = driven(database, job)
    report(40)
    expect(fact(page, "Trials")).to_contain_text("40 of 100")
    expect(fact(page, "Pace")).to_contain_text("120")
    expect(fact(page, "Time left")).to_contain_text("30 s forecast")
    expect(page).to_have_title(re.compile("^40 % of digits"))
    report(70)
    expect(fact(page, "Trials")).to_contain_text("70 of 100")
    expect(page.locator("progress")).to_have_js_property("value", 70)


def test_a_job_is_cancelled_only_once_that_is_confirmed_and_goes_on_when_resumed(waiting: Service, page: Page):
    job = post(waiting.url)
    page.goto(f"{waiting.url}/jobs/{job}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("Its evidence is kept: the study keeps its 40 trials")
    require_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert httpx.get(f"{waiting.url}/v1/jobs/{job}").json()["state"] == "queued"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("[data-state=cancelled]")).to_be_visible()
    expect(page.locator(".remarks")).to_contain_text("cancelled before it ran")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-state=queued]")).to_be_visible()
    expect(page.locator(".history strong")).to_have_text(["queued", "cancelled", "queued"])
    assert httpx.get(f"{waiting.url}/v1/jobs/{job}").json()["state"] == "queued"


def test_a_job_s_page_goes_on_by_itself_after_its_service_was_killed(
    waiting: Service, page: Page, database: Database, settings_of_digits: Settings, troubles: Troubles
):
    troubles.expect(OUTAGE)
    job = post(waiting.url)
    page.goto(f"{waiting.url}/jobs/{job}")
    report = driven(database, job)
    report(40)
    expect(fact(page, "Trials")).to_contain_text("40 of 100")
    lost = page.locator(".lost")
    expect(lost).to_be_hidden()
    waiting.cut()
    expect(lost).to_be_visible()
    expect(fact(page, "Trials")).to_contain_text("40 of 100")
    report(90)
    with ending(Service(settings_of_digits, "--no-dispatch", port=int(waiting.url.rsplit(":", 1)[1]))):
        expect(lost).to_be_hidden(timeout=30_000)
        expect(fact(page, "Trials")).to_contain_text("90 of 100")
        with database.writing() as connection:
            jobs.finish(connection, job, 1, "failed", "the disk is full")
        expect(page.locator("[data-state=failed]")).to_be_visible()
        expect(page.locator(".remarks")).to_contain_text("Failed: the disk is full")
        expect(page.locator(".history strong")).to_have_text(["failed", "running", "queued"])
        expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_a_stream_that_is_refused_is_opened_again(waiting: Service, page: Page, database: Database, troubles: Troubles):
    troubles.expect("503")
    refused: list[str] = []

    def refuse_twice(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, content_type="application/problem+json", body="{}")
        else:
            route.continue_()

    page.route("**/events*", refuse_twice)
    job = post(waiting.url)
    page.goto(f"{waiting.url}/jobs/{job}")
    expect(page.locator(".lost")).to_be_visible()
    expect(page.locator(".lost")).to_be_hidden()
    driven(database, job)(50)
    expect(fact(page, "Trials")).to_contain_text("50 of 100")
    assert len(refused) == 2
    expect(page.locator(".history strong")).to_have_text(["running", "queued"])  # each once


def test_the_log_stays_at_its_end_unless_the_reader_has_scrolled_up(waiting: Service, page: Page, database: Database):
    job = post(waiting.url)

    def write(text: str) -> None:
        with database.writing() as connection:
            job_logs.append(connection, job, 1, text)

    write("".join(f"line {number}\n" for number in range(100)))
    page.goto(f"{waiting.url}/jobs/{job}?log=open")
    shown = page.get_by_label("Log of this job")
    expect(shown).to_contain_text("line 99")
    at_end = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2"
    assert shown.evaluate(at_end)
    write("line 100\n")
    expect(shown).to_contain_text("line 100")
    assert shown.evaluate(at_end)
    shown.evaluate("(log) => { log.scrollTop = 50; }")
    write("line 101\n")
    expect(shown).to_contain_text("line 101")
    assert shown.evaluate("(log) => log.scrollTop") == 50


def test_what_is_wrong_is_said_at_its_field(waiting: Service, page: Page, troubles: Troubles):
    troubles.expect("422")
    page.goto(f"{waiting.url}/jobs/new?dataset=digits&recipe=digits")
    expect(page.locator(".plan")).to_be_visible()
    page.get_by_label("Subset ratio").fill("0.75")
    expect(page.get_by_role("group", name="Design")).to_contain_text("subset_ratio 0.75 does not balance")
    require_accessible(page)
    page.get_by_label("Subset ratio").fill("0.7")
    page.get_by_label("Trials of the study").fill("0")
    expect(page.get_by_label("Trials of the study")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("A precision").check()
    expect(page.locator(".plan")).to_contain_text("forecast from the study's scores")
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    page.get_by_label("Until").select_option("settled_at")
    page.get_by_label("Value").fill("7")
    expect(page.get_by_label("Value")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Value").fill("0.15")
    page.get_by_role("button", name="Edit as JSON").click()
    page.get_by_label("Recipe as JSON").fill("{")
    expect(page.locator("#body-recipe-wrong")).to_contain_text("this is not JSON")
    page.get_by_label("Recipe as JSON").fill(json.dumps(QUICK | {"epochs": 0}))
    expect(page.locator("#body-recipe-wrong")).to_contain_text("epochs must be at least 1, not 0")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("[aria-invalid=true]")).to_be_focused()
    assert httpx.get(f"{waiting.url}/v1/jobs").json()["jobs"] == []


def test_a_study_goes_on_with_its_own_recipe_and_design(waiting: Service, page: Page):
    page.goto(f"{waiting.url}/jobs/new?study=digits-2&trials=50")
    expect(page.locator(".plan")).to_contain_text("the study then has 50")
    expect(page.get_by_label("Seed")).to_have_value("1")
    with page.expect_request(lambda request: request.url.endswith("/v1/jobs") and request.method == "POST") as sent:
        page.get_by_role("button", name="Start the job").click()
    assert re.fullmatch('"[0-9a-f]{32}"', sent.value.headers["idempotency-key"])
    expect(page).to_have_url(JOB)
    (job,) = httpx.get(f"{waiting.url}/v1/jobs").json()["jobs"]
    assert (job["study_name"], job["target_trials"]) == ("digits-2", 50)


def test_jobs_are_listed_by_state_and_study_page_by_page(waiting: Service, page: Page):
    posted = [post(waiting.url, target={"trials": 100 + 10 * number}) for number in range(60)]
    httpx.post(f"{waiting.url}/v1/jobs/{posted[-1]}/cancel")
    other = post(waiting.url, design={"seed": 1}, target={"trials": 70})
    page.goto(f"{waiting.url}/jobs")
    cards = page.locator(".job-card")
    expect(cards).to_have_count(50)
    page.get_by_role("button", name="Older jobs").click()
    expect(cards).to_have_count(61)
    expect(page.get_by_role("button", name="Older jobs")).to_be_hidden()
    page.get_by_label("State").select_option("cancelled")
    expect(cards).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?state=cancelled$"))
    page.get_by_label("State").select_option("")
    page.get_by_label("Study").fill("digits-2")
    page.get_by_label("Study").press("Enter")
    expect(cards).to_have_count(1)
    httpx.post(f"{waiting.url}/v1/jobs/{other}/cancel")
    expect(cards.locator("[data-state=cancelled]")).to_be_visible()  # looked at again by itself
    require_accessible(page)


def test_a_name_that_no_study_has_is_told_where_jobs_would_be(waiting: Service, page: Page, troubles: Troubles):
    troubles.expect("404")
    page.goto(f"{waiting.url}/jobs?study=nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no study 'nothing'")


@pytest.mark.parametrize("path", ["/jobs", "/jobs/new?trials=100", "/jobs/JOB?log=open"])
def test_pages_of_jobs_are_accessible_and_fit_a_phone(waiting: Service, page: Page, database: Database, path: str):
    job = post(waiting.url)
    driven(database, job)(30)
    page.goto(waiting.url + path.replace("JOB", job))
    settled(page)
    if "new" in path:
        expect(page.locator(".plan")).to_be_visible()
        page.get_by_text("More options").click()
    require_accessible(page)
    require_narrow(page)


def test_without_anything_each_page_says_how_to_begin(page: Page, settings_of_sqlite: Settings):
    with ending(Service(settings_of_sqlite, "--no-dispatch")) as service:
        page.goto(service.url)
        expect(page.locator("#main")).to_contain_text("No study yet")
        expect(page.get_by_role("button", name="Try it: digits")).to_be_visible()
        expect(page.locator("#main")).to_contain_text("memscore estimate --dataset digits")
        expect(page.get_by_text("No job yet")).to_be_hidden()
        require_accessible(page)
        page.goto(f"{service.url}/jobs")
        expect(page.locator("#main")).to_contain_text("No job yet")
        require_accessible(page)
        page.goto(f"{service.url}/jobs/new")
        expect(page.locator("#main")).to_contain_text("No dataset yet")
        expect(page.locator("#main")).to_contain_text("memscore datasets add digits")
        require_accessible(page)


def test_a_job_that_does_not_exist_is_told_in_the_service_s_words(waiting: Service, page: Page, troubles: Troubles):
    troubles.expect("404")
    page.goto(f"{waiting.url}/jobs/0123456789abcdef")
    expect(page.get_by_role("alert")).to_contain_text("There is no job '0123456789abcdef'")
