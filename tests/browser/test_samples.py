"""The pages of a training and of a test sample: what they tell, and where their links and keys lead."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from memscore.settings import Settings
from tests.browser.conftest import Troubles, require_accessible, require_narrow, settled
from tests.processes import Service, ending, eventually

STUDY = "/studies/digits"


@pytest.fixture
def without_images(settings_of_digits: Settings) -> Generator[Service]:
    """A service whose dataset is registered, but no longer on the machine."""
    shutil.rmtree(settings_of_digits.home / "datasets")
    with ending(Service(settings_of_digits, "--no-dispatch")) as started:
        yield started


def ask(service: Service, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{service.url}/v1{STUDY}/{path}", params=query)
    assert answer.is_success, answer.text
    return answer.json()


def visit(page: Page, service: Service, path: str) -> None:
    page.goto(f"{service.url}{STUDY}/{path}")
    settled(page)


def at(page: Page, path: str) -> None:
    """Wait until the page of this sample is shown."""
    expect(page).to_have_url(re.compile(f"{STUDY}/{path}$"))
    settled(page)


def test_links_lead_from_a_sample_to_those_it_influences_and_back(page: Page, service: Service):
    pair = ask(service, "pairs", limit=1, order="holds")["pairs"][0]
    train, test = pair["train_index"], pair["test_index"]
    visit(page, service, f"train/{train}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Training sample {train}")
    expect(page.get_by_text(ask(service, f"explain/{train}")["sentence"])).to_be_visible()
    page.get_by_role("link", name=f"test {test}", exact=True).click()
    at(page, f"test/{test}")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.locator(".influence")).to_have_count(min(24, len(ask(service, "pairs", test_index=test)["pairs"])))
    page.get_by_role("link", name=f"train {train}", exact=True).click()
    at(page, f"train/{train}")


def test_what_cannot_be_told_from_chance_is_folded(page: Page, service: Service):
    found = ask(service, "pairs", limit=1000, order="holds")["pairs"]
    doubtful = next(one for one in found if not one["q_weighted"] <= 0.05)["train_index"]
    told = next(
        told
        for index in dict.fromkeys([doubtful, *(one["train_index"] for one in found)])
        if (told := ask(service, f"explain/{index}", limit=100, holding=True))["holding"] == 0
    )
    visit(page, service, f"train/{told['score']['index']}")
    expect(page.locator('[data-part="none-holds"]')).to_be_visible()
    count = told["influenced"]
    folded = page.locator('[data-part="chance"]')
    expect(folded.locator("summary")).to_contain_text(
        f"{count} influence{'s' if count > 1 else ''} that cannot be told"
    )
    expect(folded.locator(".influence").first).to_be_hidden()
    folded.locator("summary").click()
    expect(folded.locator(".influence").first).to_be_visible()
    assert told["rivals"] == []
    expect(page.locator("#rivals")).to_have_count(0)


def test_a_training_sample_shows_what_models_say_without_it(page: Page, service: Service):
    suspect = ask(service, "suspects", limit=1)["scores"][0]
    told = ask(service, f"explain/{suspect['index']}")
    assert (told["suggested"], told["share"]) == (suspect["suggested"], suspect["share"])
    visit(page, service, f"train/{suspect['index']}")
    votes = page.locator(".votes .vote")
    expect(votes.first).to_contain_text(f"{suspect['suggested']}{100 * suspect['share']:.0f} %")
    expect(votes.nth(1)).to_contain_text(f"{suspect['label']}{100 * suspect['p_out']:.0f} %")


def test_margins_tell_mem_and_risk_of_a_training_sample(page: Page, service: Service):
    pair = ask(service, "pairs", limit=1, q_weighted_max=0.05)["pairs"][0]
    score = ask(service, f"scores/{pair['train_index']}")
    visit(page, service, f"train/{pair['train_index']}")
    measures = page.locator(".measure")
    expect(measures).to_contain_text(f"mem by margins{score['mem_margin']:.3f} ± {score['se_margin']:.3f}")
    low, high = score["margin_interval"]
    expect(measures).to_contain_text(f"95 % interval by margins{low:.3f} to {high:.3f}")
    expect(measures).to_contain_text(f"Privacy risk{score['risk']:.3f}")
    expect(page.locator(".influence").filter(has_text="beyond chance").first).to_be_visible()


def test_a_standard_error_of_0_is_not_shown_as_certainty(page: Page, service: Service):
    alike = ask(service, "scores", range="se::0", limit=1)["scores"][0]
    visit(page, service, f"train/{alike['index']}")
    measures = page.locator(".measure")
    expect(measures).to_contain_text(f"mem{alike['mem']:.3f} (all trials alike)")
    low, high = alike["interval"]
    expect(measures).to_contain_text(f"95 % interval{low:.3f} to {high:.3f}")


def test_more_training_samples_that_a_test_sample_rests_on_are_a_press_away(page: Page, service: Service):
    found = ask(service, "pairs", limit=1000)["pairs"]
    counts = {one["test_index"]: sum(other["test_index"] == one["test_index"] for other in found) for one in found}
    test, count = max(counts.items(), key=lambda one: one[1])
    assert count > 24
    visit(page, service, f"test/{test}")
    rows = page.locator(".influence")
    expect(rows).to_have_count(24)
    page.locator('[data-part="chance"] summary').click()
    page.get_by_role("button", name="More training samples").click()
    expect(rows).to_have_count(min(48, len(ask(service, "pairs", test_index=test)["pairs"])))
    expect(rows.nth(24).get_by_role("link").first).to_be_focused()


def test_keys_lead_to_neighbours_by_index_and_by_mem(page: Page, service: Service):
    order = [one["index"] for one in ask(service, "scores", limit=1000)["scores"]]
    place = order.index(next(index for index in order[900:] if 0 < index < 1436))  # among the many with mem 0
    start = order[place]
    visit(page, service, f"train/{start}")
    for key, index in [("j", start + 1), ("k", start), ("n", order[place + 1]), ("n", order[place + 2])]:
        page.keyboard.press(key)
        at(page, f"train/{index}")
    for back in (1, 0, -1):
        page.keyboard.press("p")
        at(page, f"train/{order[place + back]}")


def test_the_ends_have_no_neighbours_beyond_them(page: Page, service: Service):
    most = ask(service, "scores", limit=1)["scores"][0]["index"]
    least = ask(service, "scores", offset=1436)["scores"][0]["index"]
    steps = page.get_by_role("navigation", name="Neighbours").get_by_role("link")
    visit(page, service, f"train/{most}")
    expect(steps.filter(has_text="less memorized")).to_be_visible()
    expect(steps.filter(has_text="more memorized")).to_have_count(0)
    visit(page, service, f"train/{least}")
    expect(steps.filter(has_text="more memorized")).to_be_visible()
    expect(steps.filter(has_text="less memorized")).to_have_count(0)
    for path, only in [
        ("train/0", "sample 1"),
        ("train/1436", "sample 1435"),
        ("test/0", "sample 1"),
        ("test/359", "sample 358"),
    ]:
        visit(page, service, path)
        expect(steps.filter(has_text=re.compile("sample [0-9]"))).to_have_text(re.compile(f"{only}(?![0-9])"))


def test_the_histogram_marks_where_a_sample_stands(page: Page, service: Service):
    most = ask(service, "scores", limit=1)["scores"][0]
    visit(page, service, f"train/{most['index']}")
    chart = page.get_by_role("img", name=re.compile("^Histogram of mem"))
    expect(chart).to_have_attribute("aria-label", re.compile(f"is at {most['mem']:.3f}$"))
    mark, bars = chart.locator("line.here").bounding_box(), chart.locator("rect.typical").first.bounding_box()
    assert mark is not None
    assert bars is not None
    assert mark["x"] > bars["x"] + bars["width"]


def test_images_are_enlarged_side_by_side_until_escape(page: Page, service: Service):
    pair = ask(service, "pairs", limit=1, order="holds")["pairs"][0]
    train, test = pair["train_index"], pair["test_index"]
    visit(page, service, f"test/{test}")
    opener = page.get_by_role("button", name=f"Enlarge train {train} and test {test}")
    opener.click()
    dialog = page.get_by_role("dialog", name=f"Enlarged: train {train} and test {test}")
    expect(dialog.get_by_role("img")).to_have_count(2)
    require_accessible(page)
    page.keyboard.press("j")  # the keys of the page rest meanwhile
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    at(page, f"test/{test}")
    opener.click()
    dialog.get_by_role("link", name=f"train {train}").click()
    at(page, f"train/{train}")
    expect(dialog).to_have_count(0)


def test_a_sample_without_influences_says_so(page: Page, service: Service):
    pairs = ask(service, "pairs", limit=1000, infl_min=0)
    floor = pairs["floor"]
    test = next(index for index in range(360) if not ask(service, "pairs", test_index=index, limit=1)["pairs"])
    visit(page, service, f"test/{test}")
    expect(page.get_by_text(f"No training sample influences it by {floor} or more")).to_be_visible()
    train = next(index for index in range(1437) if not ask(service, "pairs", train_index=index, limit=1)["pairs"])
    visit(page, service, f"train/{train}")
    expect(page.get_by_text(f"It influences no test sample by {floor} or more")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("digits/train/1437", "no training sample 1437; indices go from 0 to 1436"),
        ("digits/test/360", "no test sample 360; indices go from 0 to 359"),
        ("digits/train/first", "index must be a whole number"),
        ("nothing/train/0", "There is no study 'nothing'"),
        ("nothing/test/0", "There is no study 'nothing'"),
    ],
)
def test_an_unknown_sample_is_told_in_the_service_s_words(
    page: Page, service: Service, troubles: Troubles, path: str, sentence: str
):
    troubles.expect("404|422")
    page.goto(f"{service.url}/studies/{path}")
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    assert page.locator("h1").count() == 1


BROKEN = "all => all.filter((one) => one.complete && !one.naturalWidth).length"  # of pictures
VIEWS = [
    "/",
    "/studies/digits/train/{train}",
    "/studies/digits/test/{test}",
    "/studies/digits/pairs",
    "/studies/digits/sets",
    "/compare",
]


def test_missing_images_are_told_once_with_advice(without_images: Service, page: Page, troubles: Troubles):
    troubles.expect("404")
    pair = ask(without_images, "pairs", limit=1, order="holds")["pairs"][0]
    for view in VIEWS:
        page.goto(without_images.url + view.format(train=pair["train_index"], test=pair["test_index"]))
        settled(page)
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text("memscore datasets add")
        expect(notice).to_have_count(1)
        expect(notice.get_by_role("button", name="Try again")).to_be_visible()
        if view != "/":
            expect(page.get_by_role("img", name=re.compile("image [0-9]+.*not available")).first).to_be_visible()
            pictures = page.locator("img.picture")
            eventually(lambda pictures=pictures: pictures.evaluate_all(BROKEN) == 0)
    page.goto(f"{without_images.url}/studies/digits/sets")
    settled(page)
    require_accessible(page)
    require_narrow(page)


def test_images_that_are_there_again_are_shown(
    without_images: Service, settings_of_digits: Settings, home_of_digits: Any, page: Page, troubles: Troubles
):
    troubles.expect("404")
    visit(page, without_images, "train/0")
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    shutil.copytree(home_of_digits / "datasets", settings_of_digits.home / "datasets", dirs_exist_ok=True)
    again.click()
    expect(page.locator("img.large")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_pages_of_samples_are_accessible_and_fit_a_phone(page: Page, service: Service):
    pair = ask(service, "pairs", limit=1, order="holds")["pairs"][0]
    for path in (f"train/{pair['train_index']}", f"test/{pair['test_index']}"):
        page.set_viewport_size({"width": 1280, "height": 900})
        visit(page, service, path)
        require_accessible(page)
        require_narrow(page)


def test_what_was_removed_on_request_says_so_wherever_it_would_be_shown(
    settings_of_digits: Settings, page: Page, troubles: Troubles
):
    said = "This image was removed on request."
    with ending(Service(settings_of_digits, "--no-dispatch")) as service:
        pair = ask(service, "pairs", limit=1, order="holds")["pairs"][0]
        train, test = pair["train_index"], pair["test_index"]
        score = ask(service, f"scores/{train}")
        gone = {"train": str(train), "test": str(test), "confirm": "digits"}
        httpx.delete(f"{service.url}/v1/datasets/digits/samples", params=gone).raise_for_status()

        visit(page, service, f"train/{train}")
        expect(page.get_by_text(said).first).to_be_visible()
        expect(page.locator(".measure")).to_contain_text(f"{score['mem']:.3f}")  # what it was stays
        require_accessible(page)
        require_narrow(page)
        influenced = page.locator(".influence").filter(has=page.get_by_role("link", name=f"test {test}", exact=True))
        expect(influenced).to_contain_text(said)

        visit(page, service, f"test/{test}")
        expect(page.get_by_text(said).first).to_be_visible()
        visit(page, service, "pairs")
        expect(page.get_by_text(said).first).to_be_visible()
        visit(page, service, f"train/{train + 1}")
        expect(page.get_by_text(said)).to_have_count(0)
    assert troubles.found == []
