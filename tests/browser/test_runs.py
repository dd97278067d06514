"""Runs, sweeps and reproduced items in a browser, from a folder that the service reads."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from memscore.settings import Settings
from tests.browser.conftest import SHIFTS, NewContext, Troubles, require_accessible, require_narrow, settled
from tests.made_runs import make_run, make_runs
from tests.processes import Service, ending


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_runs(tmp_path_factory.mktemp("of-runs"))


@pytest.fixture(scope="module")
def training(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """A service with a folder of runs and nothing else."""
    settings = Settings(home=tmp_path_factory.mktemp("training") / "home", slots=1, runs_folder=folder)
    with ending(Service(settings, "--no-dispatch")) as started:
        yield started


def test_marked_runs_are_compared(training: Service, page: Page):
    page.goto(f"{training.url}/runs")
    settled(page)
    expect(page.locator("tr[data-run]")).to_have_count(6)
    half = page.locator('tr[data-run="runs/half"]')
    expect(half).to_contain_text("3 of 8")
    expect(page.locator('tr[data-run="runs/bat"]')).to_contain_text("90.085.0 to 95.0")
    compare = page.locator("p.actions .button")
    page.get_by_role("checkbox", name="Compare runs/half").check()
    expect(compare).not_to_have_attribute("href", re.compile("."))
    page.get_by_role("checkbox", name="Compare runs/bat").check()
    page.get_by_role("checkbox", name="Compare runs/sweep/pgd-beta=0,2-seed=1").check()
    require_accessible(page)
    compare.click()
    expect(page).to_have_url(re.compile(r"/compare-runs\?run=runs%2Fhalf&run="))
    settled(page)
    expect(page.locator("main")).to_contain_text("The runs also differ in epochs.")
    accuracies = page.get_by_role("region", name="Accuracies of the last networks")
    expect(accuracies.locator("tbody tr")).to_have_count(3)
    differences = page.locator('section[aria-labelledby="differences"]')
    expect(differences.locator("tbody tr")).to_have_count(1)  # one of three was not evaluated, one is the reference
    page.get_by_role("combobox", name="Of", exact=True).select_option("atypical training samples (40)")
    expect(differences.locator("strong").first).to_be_visible()
    expect(page.locator("output")).to_have_text("After epoch 4: bat 80.0; pgd-beta=0,2-seed=1 79.0")
    expect(page.locator(".legend li", has_text="bat").locator("i")).to_have_class("c5")  # as everywhere
    page.get_by_role("combobox", name="Accuracy").select_option("PGD, atypical test samples")
    expect(page.locator("output")).to_have_text("After epoch 4: bat 60.0 (55.0 to 65.0)")
    expect(page).to_have_url(re.compile("curve=test\\+atypical\\+pgd"))
    require_accessible(page)


@pytest.mark.parametrize("width", [1440, 375])
def test_pages_of_runs_do_not_jump(training: Service, new_context: NewContext, width: int):
    compared = "/compare-runs?run=runs%2Fbat&run=runs%2Fsweep%2Fpgd-beta%3D0%2C2-seed%3D0"
    addresses = ("/runs", "/runs/runs/bat", compared, "/sweeps/runs/sweep", "/reproductions/runs/mini")
    for address in addresses:
        page = new_context(viewport={"width": width, "height": 900}).new_page()
        page.goto(training.url + address)
        settled(page)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(SHIFTS) < 0.1, address


def test_runs_are_found_by_words_and_sorted(training: Service, page: Page):
    page.goto(f"{training.url}/runs")
    settled(page)
    page.get_by_label("Words in name").fill("sweep BAT")
    expect(page.locator("tr[data-run]")).to_have_count(2)
    expect(page.get_by_role("form", name="Filter runs")).to_contain_text("2 of 6 runs")
    page.get_by_label("Words in name").fill("")
    page.get_by_role("combobox", name="Sort by").select_option("name")
    expect(page.locator("tr[data-run]").first).to_have_attribute("data-run", "runs/bat")
    page.reload()
    settled(page)
    expect(page.get_by_role("combobox", name="Sort by")).to_have_value("path")


def test_one_run_that_is_gone_does_not_spoil_a_comparison(training: Service, page: Page, troubles: Troubles):
    troubles.expect("404")
    page.goto(f"{training.url}/compare-runs?run=runs%2Fbat&run=runs%2Fhalf&run=runs%2Fnothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no folder 'runs/nothing' among the runs.")
    expect(page.locator("table.accuracies tbody tr")).to_have_count(2)
    expect(page.get_by_role("heading", name="Differences, sample by sample")).to_have_count(0)  # one was not evaluated


def test_a_run_says_how_it_went(training: Service, page: Page):
    page.goto(f"{training.url}/runs")
    page.get_by_role("link", name="runs/bat", exact=True).click()
    expect(page).to_have_url(f"{training.url}/runs/runs/bat")
    settled(page)
    expect(page.locator("main")).to_contain_text(
        "bat, alpha 1 on digits, network cnn, seed 0. Finished after 4 epochs."
    )
    expect(page.locator("main")).to_contain_text("the rate was halved")
    course = page.locator('section[aria-labelledby="course"]')
    expect(course.locator("output")).to_have_text("After epoch 4: validation, clean 90.0; validation, adversarial 80.0")
    course.get_by_role("slider").press("ArrowLeft")
    expect(course.locator("output")).to_have_text("After epoch 3: validation, clean 80.0; validation, adversarial 70.0")
    box = course.locator("rect.cover").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    expect(course.locator("output")).to_contain_text("After epoch 1:")
    groups = page.locator('section[aria-labelledby="course-test"]')
    expect(groups.locator("output")).to_contain_text("atypical, pgd 60.0 (55.0 to 65.0)")
    last = page.locator('[data-checkpoint="last"]')
    expect(last).to_contain_text("1 of 1 checks found nothing.")
    expect(page.locator('[data-checkpoint="best-adversarial"]')).to_contain_text(
        "selected by adversarial accuracy on 1,000 validation samples (80.0 %, 77.4 to 82.4, and flattered as the best "
        "of its epochs)"
    )
    page.get_by_text("All settings").click()
    expect(page.get_by_role("row", name="epsilon 0.1")).to_be_visible()
    require_accessible(page)


def test_an_address_cut_short_leads_to_the_list(training: Service, page: Page):
    for place, entry in (("sweeps", "runs/sweep"), ("reproductions", "runs/mini")):
        page.goto(f"{training.url}/{place}")
        expect(page.get_by_role("link", name=entry).first).to_be_visible()


def test_a_sweep_shows_what_its_seeds_decide(training: Service, page: Page):
    page.goto(f"{training.url}/sweeps/runs/sweep")
    for method, colour in (("pgd", "c1"), ("bat", "c5")):
        expect(page.locator(".legend li", has_text=method).locator("i")).to_have_class(colour)
    settled(page)
    decided = page.locator("td[data-decided]")
    expect(decided).to_have_text("+4.0+2.0 to +6.0")
    expect(page.get_by_role("cell", name="+1.0 -2.0 to +4.0")).to_be_visible()
    expect(page.locator("main")).to_contain_text("The rows do not cover the same seeds.")
    expect(page.locator("output")).to_have_text("After epoch 4: bat 80.0 / 79.0; pgd 80.0 / 79.0")
    expect(page.locator("path.curve.thin")).to_have_count(4)
    page.get_by_role("combobox", name="Of").select_option("atypical test samples")
    expect(decided).to_have_count(0)
    expect(page).to_have_url(re.compile("group=atypical$"))
    require_accessible(page)
    page.get_by_role("link", name="pgd-beta=0,2-seed=1").click()
    expect(page).to_have_url(re.compile("/runs/runs/sweep/pgd-beta"))
    settled(page)
    page.get_by_role("link", name="runs/sweep").click()
    expect(page.locator("h1")).to_have_text("sweep")


def test_reproduced_items_have_their_verdicts_and_pictures(training: Service, page: Page):
    page.goto(f"{training.url}/reproductions/runs/mini")
    settled(page)
    claims = page.locator('[data-part="claims"] tr')
    expect(claims.first).to_contain_text("confirmed")
    expect(claims.first).to_contain_text("5.0 [1.0, 9.0]")
    expect(claims.last).to_contain_text("not made")
    expect(page.locator('[data-part="matrix"] tbody tr')).to_have_text(["fig711"])
    page.get_by_role("combobox", name="Verdict").select_option("undecided")
    page.get_by_text("Each with its numbers").click()
    expect(page.locator("li[data-verdict]")).to_have_count(1)
    page.locator("img.figure").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img.figure').naturalWidth === 60")
    require_accessible(page)


def test_a_run_that_goes_on_and_one_that_is_damaged_are_shown_as_they_are(
    training: Service, page: Page, folder: Path, troubles: Troubles
):
    (make_run(folder / "broken") / "metrics.jsonl").write_text("x\n")
    page.goto(f"{training.url}/runs")
    settled(page)
    expect(page.locator('tr[data-run="runs/broken"]')).to_contain_text("metrics.jsonl, line 1, cannot be read")
    page.get_by_role("checkbox", name="Compare runs/bat").check()
    make_run(folder / "half", epochs=8, done=6)
    expect(page.locator('tr[data-run="runs/half"]')).to_contain_text("6 of 8")
    expect(page.get_by_role("checkbox", name="Compare runs/bat")).to_be_checked()
    page.goto(f"{training.url}/runs/runs/half")
    expect(page.locator("main")).to_contain_text("Not finished: 6 of 8 epochs")
    make_run(folder / "half", epochs=8, done=7)
    expect(page.locator("main")).to_contain_text("Not finished: 7 of 8 epochs")
    expect(page.locator("svg.chart")).to_have_count(1)
    (folder / "half").rename(folder / ".half")
    expect(page.get_by_role("alert")).to_contain_text("There is no folder 'runs/half' among the runs.")
    (folder / ".half").rename(folder / "half")
    troubles.expect("404")
    page.goto(f"{training.url}/runs/runs/broken")
    expect(page.get_by_role("alert")).to_contain_text("metrics.jsonl, line 1")


def test_a_run_that_is_not_there_is_called_so(training: Service, page: Page, troubles: Troubles):
    troubles.expect("404")
    page.goto(f"{training.url}/runs/runs/nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no folder 'runs/nothing' among the runs.")
    page.goto(f"{training.url}/compare-runs?run=runs%2Fbat")
    expect(page.locator("main")).to_contain_text("Mark 2 to 10 runs")


def test_a_service_without_a_folder_says_how_to_get_one(service: Service, page: Page):
    page.goto(service.url)
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("main")).to_contain_text("MEMSCORE_RUNS_FOLDER=runs memscore serve")
    require_accessible(page)
    require_narrow(page)


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/runs/runs/bat",
        "/sweeps/runs/sweep",
        "/reproductions/runs/mini",
        "/compare-runs?run=runs%2Fbat&run=runs%2Fsweep%2Fpgd-beta%3D0%2C2-seed%3D0",
    ],
)
def test_pages_fit_a_phone_and_a_wide_screen_in_the_dark(training: Service, new_context: NewContext, path: str):
    page = new_context(color_scheme="dark", viewport={"width": 2560, "height": 1200}).new_page()
    page.goto(training.url + path)
    settled(page)
    require_accessible(page)
    require_narrow(page)
