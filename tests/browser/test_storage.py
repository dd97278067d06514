"""The page of storage in a browser: what takes the disk, renamed and removed by those who may."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from memscore import keys
from memscore.settings import Settings
from memscore.store import api_keys, open_database
from memscore.store.database import now
from memscore.store.pepper import pepper_of
from memscore.store.schema import jobs
from memscore.workflows.datasets import register
from tests.browser.conftest import NewContext, Troubles, require_accessible, require_narrow, settled
from tests.conftest import make_dataset
from tests.processes import Service, ending

DAY = 86_400


@pytest.fixture
def changed(settings_of_digits: Settings) -> Generator[Service]:
    """A service of its own, with a dataset that no study uses."""
    database = open_database(f"sqlite:///{settings_of_digits.home / 'memscore.db'}")
    register(database, settings_of_digits, "spare", make_dataset(seed=5))
    database.close()
    with ending(Service(settings_of_digits, "--no-dispatch")) as started:
        yield started


def visit(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/storage")
    settled(page)


def row(page: Page, table: str, name: str) -> Locator:
    return page.get_by_role("region", name=f"{table} by size").locator(f'[data-name="{name}"]')


def finished_job(service: Service, settings: Settings, trials: int, days: float) -> str:
    """A job that was cancelled some days ago."""
    body = {"dataset": "digits", "recipe": "digits", "target": {"trials": trials}}
    job = httpx.post(f"{service.url}/v1/jobs", json=body).json()["id"]
    httpx.post(f"{service.url}/v1/jobs/{job}/cancel").raise_for_status()
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    with database.writing() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job).values(finished_at=now() - days * DAY))
    database.close()
    return job


def test_what_takes_the_disk_is_shown_the_largest_first(changed: Service, page: Page):
    usage = httpx.get(f"{changed.url}/v1/usage").json()
    page.goto(changed.url)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Storage").click()
    expect(page).to_have_url(f"{changed.url}/storage")
    expect(page.get_by_role("navigation", name="Pages").locator("[aria-current]")).to_have_text("Storage")
    names = page.get_by_role("region", name="Datasets by size").locator("tbody th")
    expect(names).to_have_text(["digits", "spare"])
    expect(row(page, "Datasets", "digits").locator("td").first).to_have_text("2")
    expect(page.get_by_role("region", name="Studies by size").locator("tbody tr")).to_have_count(2)
    expect(row(page, "Studies", "digits")).to_contain_text("40: ")
    expect(page.locator(".facts dt")).to_have_text(["Database", "Files of datasets", "0 files of job logs"])
    shown, unit = page.locator(".facts dd").first.inner_text().split()
    assert float(shown) * {"kB": 1e3, "MB": 1e6}[unit] == pytest.approx(usage["database_bytes"], rel=0.05)
    require_accessible(page)


def test_a_dataset_is_removed_after_its_name_was_typed(changed: Service, page: Page, troubles: Troubles):
    visit(page, changed)
    troubles.expect("409")
    row(page, "Datasets", "digits").get_by_role("button", name="Remove digits …").click()
    section = page.locator("section", has=page.get_by_role("heading", name="Datasets"))
    expect(section.get_by_role("alert")).to_contain_text("Dataset 'digits' is used by studies digits, digits-2")
    remove = row(page, "Datasets", "spare").get_by_role("button", name="Remove spare …")
    remove.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Remove spare for good?")
    expect(dialog).to_contain_text(re.compile(r"This removes 80 samples, with [\d.]+ kB of files\."))
    expect(page.get_by_role("alert")).to_have_count(0)
    yes = page.get_by_role("button", name="Remove the dataset")
    expect(yes).to_be_disabled()
    require_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(remove).to_be_focused()
    assert httpx.get(f"{changed.url}/v1/datasets/spare").status_code == 200
    page.keyboard.press("Enter")
    page.get_by_label("Type spare").fill("spare")
    page.get_by_label("Type spare").press("Enter")
    expect(row(page, "Datasets", "spare")).to_have_count(0)
    expect(page.locator('[data-part="said"]')).to_have_text("Removed the dataset spare.")
    expect(page.locator(".notice")).to_have_text("Removed the dataset spare.")
    assert page.evaluate("document.activeElement.closest('section') !== null")
    assert httpx.get(f"{changed.url}/v1/datasets/spare").status_code == 404


def test_a_dataset_gets_another_name(changed: Service, page: Page, troubles: Troubles):
    visit(page, changed)
    row(page, "Datasets", "spare").get_by_role("button", name="Rename spare …").click()
    dialog, field = page.get_by_role("dialog", name="Rename spare"), page.get_by_label("New name")
    expect(field).to_be_focused()
    expect(field).to_have_value("spare")
    yes = dialog.get_by_role("button", name="Rename the dataset")
    expect(yes).to_be_disabled()  # it has that name
    require_accessible(page)
    troubles.expect("422|409")
    field.fill("../keys")
    yes.click()
    expect(page.get_by_role("alert")).to_contain_text("name must")
    expect(field).to_be_focused()
    expect(field).to_have_value("../keys")  # to be corrected
    require_accessible(page)
    field.fill("digits")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is the name of a published dataset")
    dialog.get_by_role("button", name="Keep the name").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(row(page, "Datasets", "spare").get_by_role("button", name="Rename spare …")).to_be_focused()
    page.keyboard.press("Enter")
    field.fill("  better ")
    field.press("Enter")
    expect(row(page, "Datasets", "better").get_by_role("button", name="Rename better …")).to_be_focused()
    expect(row(page, "Datasets", "spare")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert httpx.get(f"{changed.url}/v1/datasets/better").status_code == 200


def test_a_study_is_renamed_and_removed_there_too(changed: Service, page: Page):
    visit(page, changed)
    row(page, "Studies", "digits-2").get_by_role("button", name="Rename digits-2 …").click()
    page.get_by_label("New name").fill("second")
    page.get_by_role("button", name="Rename the study").click()
    expect(row(page, "Studies", "second").get_by_role("link")).to_have_attribute("href", "/studies/second")
    row(page, "Studies", "second").get_by_role("button", name="Remove second …").click()
    expect(page.get_by_role("dialog")).to_contain_text("This removes 20 trials, ")
    page.get_by_label("Type second").fill("second")
    page.get_by_role("button", name="Remove the study").click()
    expect(row(page, "Studies", "second")).to_have_count(0)
    expect(row(page, "Datasets", "digits").locator("td").first).to_have_text("1")
    assert httpx.get(f"{changed.url}/v1/studies/digits-2").status_code == 404


def test_old_finished_jobs_are_removed_once_it_is_told_how_many(
    changed: Service, page: Page, settings_of_digits: Settings
):
    old, new = (finished_job(changed, settings_of_digits, *of) for of in ((100, 40.0), (200, 3.0)))
    visit(page, changed)
    section = page.locator("section", has=page.get_by_role("heading", name="Finished jobs"))
    days, prune = section.get_by_label("Finished over"), section.get_by_role("button", name="Remove old jobs …")
    prune.click()
    expect(section.locator(".notice")).to_have_text("No job finished over 90 days ago.")
    days.fill("-1")
    prune.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    days.fill("30")
    days.press("Enter")
    dialog = page.get_by_role("dialog", name="Remove 1 finished job for good?")
    expect(dialog).to_contain_text("Studies and their scores stay.")
    require_accessible(page)
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    assert httpx.get(f"{changed.url}/v1/jobs/{old}").status_code == 200
    prune.click()
    dialog.get_by_role("button", name="Remove the job").click()
    expect(section.locator(".notice")).to_have_text("Removed 1 finished job.")
    assert httpx.get(f"{changed.url}/v1/jobs/{old}").status_code == 404
    assert httpx.get(f"{changed.url}/v1/jobs/{new}").status_code == 200


def test_it_fits_screens_from_phones_to_walls(changed: Service, page: Page):
    long = "a-name-that-is-as-long-as-a-name-may-be-" + "x" * 23
    httpx.patch(f"{changed.url}/v1/datasets/spare", json={"name": long}).raise_for_status()
    httpx.patch(f"{changed.url}/v1/studies/digits", json={"name": long}).raise_for_status()
    visit(page, changed)
    for width in (2560, 1280, 768, 375):
        page.set_viewport_size({"width": width, "height": 900})
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(over) <= 0, width
        for action in ("Rename", "Remove"):
            button = row(page, "Datasets", long).get_by_role("button", name=f"{action} {long} …")
            button.scroll_into_view_if_needed()
            box = button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
    require_narrow(page)
    row(page, "Datasets", long).get_by_role("button", name="Remove").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["width"] <= 375
    require_accessible(page)


@pytest.mark.parametrize("scope", keys.SCOPES)
def test_only_an_administrator_sees_it(
    settings_of_digits: Settings, new_context: NewContext, troubles: Troubles, scope: keys.Scope
):
    settings = settings_of_digits.model_copy(update={"require_keys": True})
    key, identifier = keys.generate()
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, pepper_of(settings), "somebody", scope, None)
    database.close()
    page = new_context().new_page()
    with ending(Service(settings, "--no-dispatch")) as service:
        page.goto(f"{service.url}/sign-in?next=%2F")
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{service.url}/")
        link = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Storage")
        if scope == "admin":
            link.click()  # and its session may change what is there
            row(page, "Studies", "digits-2").get_by_role("button", name="Rename").click()
            page.get_by_label("New name").fill("second")
            page.get_by_label("New name").press("Enter")
            expect(row(page, "Studies", "second")).to_have_count(1)
            return
        expect(link).to_have_count(0)
        troubles.expect("403")
        page.goto(f"{service.url}/storage")
        expect(page.get_by_role("alert")).to_contain_text(f"needs a key with the scope admin; this key has {scope}")
        expect(page.locator("[data-action]")).to_have_count(0)
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)
