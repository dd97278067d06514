"""Review in a browser: suspects judged by keyboard, by several people, up to the corrected dataset."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from memscore.datasets import load_source
from memscore.datasets.label_noise import flip_labels
from memscore.keys import generate
from memscore.store import api_keys, open_database
from memscore.store.pepper import pepper_of
from tests.browser.conftest import NewContext, Troubles, copied, require_accessible, require_narrow, settled
from tests.browser.digits import estimate
from tests.processes import Service, ending

JUDGED = 20


def visit(page: Page, service: Service, study: str = "digits") -> None:
    page.goto(f"{service.url}/studies/{study}/review")
    settled(page)
    expect(page.locator("#suspect")).to_be_visible()


def reviews(service: Service) -> dict:
    return httpx.get(f"{service.url}/v1/studies/digits/reviews", params={"limit": 1000}).json()


def test_twenty_suspects_are_judged_by_keyboard_alone(service_of_errors: Service, page: Page):
    """Each as somebody does who knows the right labels."""
    service = service_of_errors
    clean, flipped = load_source("digits").y_train, flip_labels(load_source("digits"), 0.03, seed=0).flipped
    suspects = httpx.get(f"{service.url}/v1/studies/digits/suspects", params={"limit": 200}).json()
    listed = [one for one in suspects["scores"] if one["suspected"]]
    assert len(listed) >= JUDGED
    visit(page, service)
    for number, one in enumerate(listed[:JUDGED]):
        expect(page.locator("#suspect")).to_contain_text(
            f"{number + 1} of {len(listed)}: training sample {one['index']}, labelled {one['label']}"
        )
        right = int(clean[one["index"]])
        if right == one["label"]:
            page.keyboard.press("f")
        elif right == one["suggested"]:
            page.keyboard.press("e")
        else:
            page.keyboard.press("l")
            page.keyboard.type(str(right))
            page.keyboard.press("Enter")
    expect(page.locator("#suspect")).to_contain_text(f"{JUDGED + 1} of ")
    found = reviews(service)
    assert found["counts"]["reviewed"] == JUDGED
    wrong = {one["index"]: one["label"] for one in found["reviews"] if one["verdict"] == "error"}
    assert wrong == {one["index"]: int(clean[one["index"]]) for one in listed[:JUDGED] if flipped[one["index"]]}
    assert all(one["digest"] == suspects["digest"] for one in found["reviews"])
    page.reload()
    settled(page)
    expect(page.locator("#suspect")).to_contain_text(f"{JUDGED + 1} of ")
    require_accessible(page)


def test_a_verdict_is_taken_back_and_others_are_seen(service_of_errors: Service, page: Page, new_context: NewContext):
    service = service_of_errors
    visit(page, service)
    page.get_by_label("Reviewer", exact=True).fill("ada")
    page.get_by_label("Reviewer", exact=True).press("Tab")
    page.locator("body").press("f")
    expect(page.locator("#suspect")).to_contain_text("2 of ")
    other = new_context().new_page()
    visit(other, service)
    other.get_by_label("Reviewer", exact=True).fill("ben")
    other.get_by_label("Reviewer", exact=True).press("Tab")
    expect(other.locator("#suspect")).to_contain_text("1 of ")
    expect(other.get_by_text("Others: ada, the label is right.")).to_be_visible()
    other.get_by_role("button", name="Wrong: no class").click()
    expect(other.locator("#suspect")).to_contain_text("2 of ")
    expect(other.locator("[data-part=counts]")).to_contain_text("1 disputed")
    other.keyboard.press("z")
    expect(other.locator("#suspect")).to_contain_text("1 of ")
    expect(other.locator("[data-part=mine]")).to_have_text("You have not said anything yet.")
    assert [one["reviewer"] for one in reviews(service)["reviews"]] == ["ada"]
    other.keyboard.press("j")
    expect(other.locator("#suspect")).to_contain_text("2 of ")
    other.keyboard.press("k")
    expect(other.locator("#suspect")).to_contain_text("1 of ")


def test_it_fits_a_phone_and_says_what_the_service_refuses(service_of_errors: Service, page: Page, troubles: Troubles):
    page.set_viewport_size({"width": 375, "height": 800})
    visit(page, service_of_errors)
    require_narrow(page)
    troubles.expect("422")
    page.get_by_label("Reviewer", exact=True).fill("a b")
    page.get_by_role("button", name="Unsure").click()
    expect(page.get_by_role("alert")).to_contain_text("reviewer")
    assert reviews(service_of_errors)["reviews"] == []
    page.get_by_label("Reviewer", exact=True).fill("cyd")
    page.get_by_role("button", name="Unsure").click()
    expect(page.locator("[data-part=counts]")).to_contain_text("1 unsure")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_key_for_reading_may_look_but_not_judge(home_of_errors: Path, tmp_path: Path, new_context: NewContext):
    settings = copied(home_of_errors, tmp_path / "keys").model_copy(update={"require_keys": True})
    database = open_database(f"sqlite:///{settings.home / 'memscore.db'}")
    keys = {}
    with database.writing() as connection:
        for scope in ("read", "write"):
            key, identifier = generate()
            api_keys.add(connection, identifier, key, pepper_of(settings), f"the-{scope}r", scope, None)
            keys[scope] = key
    database.close()
    with ending(Service(settings, "--no-dispatch")) as service:
        for scope, key in keys.items():
            page = new_context().new_page()
            page.goto(f"{service.url}/sign-in?next=%2Fstudies%2Fdigits%2Freview")
            page.get_by_label("Key", exact=True).fill(key)
            page.get_by_role("button", name="Sign in").click()
            expect(page).to_have_url(f"{service.url}/studies/digits/review")
            settled(page)
            expect(page.locator("#suspect")).to_be_visible()
            unsure = page.get_by_role("button", name="Unsure")
            if scope == "read":
                expect(unsure).to_be_disabled()
                expect(page.get_by_text("Verdicts need a key with the scope write.")).to_be_visible()
            else:
                expect(page.get_by_label("Reviewer", exact=True)).to_have_value("the-writer")
                unsure.click()
                expect(page.locator("[data-part=counts]")).to_contain_text("1 unsure")
            page.wait_for_load_state("networkidle")
            page.goto("about:blank")  # or it would ask a service that has ended


def test_a_corrected_dataset_is_estimated_and_compared(home_of_errors: Path, page: Page, tmp_path: Path):
    """Of the labels that held-out trials suspect, each corrected as somebody does who knows the right ones."""
    settings = copied(home_of_errors, tmp_path / "corrected")
    clean = load_source("digits").y_train
    with ending(Service(settings, "--no-dispatch")) as service:
        here = f"{service.url}/v1/studies/digits"
        listed = httpx.get(f"{here}/suspects", params={"limit": 200}).json()["scores"]
        wrong = [one for one in listed if one["suspected"] and clean[one["index"]] != one["label"]]
        for one in wrong[:JUDGED]:
            said = {"verdict": "error", "label": int(clean[one["index"]])}
            httpx.put(f"{here}/reviews/{one['index']}", json=said).raise_for_status()
        add = [sys.executable, "-m", "memscore.cli", "datasets", "add", "digits-2", "--from-review", "digits"]
        environment = {**os.environ, "MEMSCORE_HOME": str(settings.home)}
        subprocess.run(add, env=environment, check=True, capture_output=True)
        estimate(settings, "digits-2", "corrected", 0, 20)
        left = httpx.get(f"{service.url}/v1/studies/corrected/suspects").json()
        before = httpx.get(f"{here}/suspects").json()
        assert left["suspected"] <= before["suspected"] - JUDGED + 3
        page.goto(f"{service.url}/compare?a=digits")
        settled(page)
        page.get_by_label("Study b", exact=True).select_option("corrected")
        expect(page).to_have_url(re.compile(r"a=digits&b=corrected$"))
        settled(page)
        expect(page.get_by_text(f"{JUDGED} of which have another label in b")).to_be_visible()
        most = page.locator(".influence").first
        expect(most).to_contain_text(re.compile(r"train \d+.*1\.00.*0\.", re.DOTALL))
        expect(most).to_contain_text(", in b ")
        require_accessible(page)


def test_what_was_reviewed_is_taken_home(service_of_errors: Service, page: Page, memscore, tmp_path: Path):
    visit(page, service_of_errors)
    page.keyboard.press("e")
    expect(page.locator("#suspect")).to_contain_text("2 of ")
    (only,) = reviews(service_of_errors)["reviews"]
    changes = tmp_path / "changes.csv"
    done = memscore("review", "export", "digits", "--output", str(changes), "--url", service_of_errors.url)
    assert done.status == 0, done
    assert changes.read_text() == f"index,label\n{only['index']},{only['label']}\n"
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the changes (.csv)").click()
    assert downloading.value.suggested_filename == "digits.changes.csv"
    assert downloading.value.path().read_text() == changes.read_text()
