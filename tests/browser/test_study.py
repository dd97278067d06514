"""A study's page: histogram, gallery and its filters, classes, quality, and what it says when something is missing."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error, Locator, Page, Route, expect

from memscore.datasets.storage import open_dataset
from memscore.exchange.evidence_file import read_evidence
from memscore.exchange.feldman_zhang import published_of
from memscore.settings import Settings
from memscore.store import datasets, open_database, studies
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design
from tests.browser.conftest import NewContext, Troubles, require_accessible, require_narrow, settled
from tests.processes import Service, ending

SAMPLES = 1437
MOST_CARDS = 150  # in the page at once, however long the gallery


def visit(page: Page, service: Service, query: str = "", study: str = "digits") -> None:
    """Open a study's page, and wait for its first images."""
    page.goto(f"{service.url}/studies/{study}{query}")
    settled(page)
    expect(page.locator("[data-drawn]").first).to_be_visible()


def matching(page: Page) -> Locator:
    return page.locator('[data-part="matching"]')


def indices(page: Page) -> list[int]:
    """Indices of the cards, in the gallery's order."""
    cards = page.locator('[data-part="gallery"] a[data-index]')
    return [int(index) for index in cards.evaluate_all("cards => cards.map((card) => card.dataset.index)")]


def ask(service: Service, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{service.url}/v1/studies/digits/{path}", params=query)
    assert answer.is_success, answer.text
    return answer.json()


def first_indices(service: Service, path: str = "scores", count: int = 20, **query: Any) -> list[int]:
    return [row["index"] for row in ask(service, path, limit=count, **query)["scores"]]


def expect_first(page: Page, index: int) -> None:
    expect(page.locator('[data-part="gallery"] a[data-index]').first).to_have_attribute("data-index", str(index))


def test_the_most_memorized_samples_come_first_and_lead_to_their_pages(page: Page, service: Service):
    visit(page, service)
    expect(matching(page)).to_have_text("all 1,437 samples")
    wanted = first_indices(service)
    assert indices(page)[:20] == wanted
    picture = page.locator("[data-drawn] .picture").first
    assert f"indices={wanted[0]}%2C{wanted[1]}" in picture.evaluate("element => element.style.backgroundImage")
    page.locator("[data-index]").first.click()
    expect(page).to_have_url(f"{service.url}/studies/digits/train/{wanted[0]}")


def test_the_brush_filters_the_gallery_and_is_kept_in_the_address(page: Page, service: Service):
    visit(page, service)
    box = page.locator('[data-part="histogram"] .overlay').bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"mem_min=0\.\d+&mem_max=0\.\d+"))
    least, most = float(page.get_by_label("mem from").input_value()), float(page.get_by_label("mem to").input_value())
    found = ask(service, "scores", mem_min=least, mem_max=most)
    expect(matching(page)).to_have_text(f"{found['matching']} of 1,437 samples")
    expect_first(page, found["scores"][0]["index"])
    page.get_by_role("button", name="Clear range").click()
    expect(matching(page)).to_have_text("all 1,437 samples")
    assert "mem_min" not in page.url
    assert page.locator('[data-part="histogram"] .selection').is_hidden()


def test_a_bar_is_read_by_pointing_and_listed_by_a_click(page: Page, service: Service):
    visit(page, service)
    bar = page.locator('[data-part="histogram"] rect.atypical').last  # the most memorized
    box = bar.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*place)
    readout = page.locator("output").first
    expect(readout).to_have_text(re.compile(r"^mem \S+ to 1\.000: \d+ samples?$"))
    said = readout.inner_text()
    page.mouse.click(*place)
    expect(page).to_have_url(re.compile(r"mem_min=0\.\d+&mem_max=1"))
    count = re.findall(r"\d+(?= sample)", said)[0]
    expect(matching(page)).to_have_text(f"{count} of 1,437 samples")
    page.mouse.click(*place)
    expect(matching(page)).to_have_text("all 1,437 samples")
    page.mouse.move(0, 0)
    expect(readout).to_have_text(re.compile("^Point at a bar"))


def test_a_tap_lists_a_bar(new_context: NewContext, service: Service):
    page = new_context(viewport={"width": 800, "height": 900}, has_touch=True).new_page()
    visit(page, service)
    bar = page.locator('[data-part="histogram"] rect.atypical').last
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*place)
    expect(page).to_have_url(re.compile(r"mem_min=0\.\d+&mem_max=1"))
    expect(page.locator("output").first).to_have_text(re.compile(r"^mem \S+ to 1\.000: \d+ samples?$"))
    page.touchscreen.tap(*place)
    expect(matching(page)).to_have_text("all 1,437 samples")


def test_bars_can_be_as_high_as_their_counts(page: Page, service: Service):
    visit(page, service)
    title = page.locator('[data-part="histogram"] .axis-title').last
    expect(title).to_have_text("samples (log scale)")
    page.get_by_role("combobox", name="Scale").select_option("linear")
    expect(title).to_have_text("samples")
    heights = [
        float(one.get_attribute("height") or 0) for one in page.locator('[data-part="histogram"] rect.typical').all()
    ]
    page.reload()
    expect(title).to_have_text("samples")
    assert max(heights) > 100
    require_accessible(page)


def test_cells_of_two_columns_answer_and_filter(page: Page, service: Service):
    visit(page, service)
    page.get_by_text("Two columns at once").click()
    cells = page.get_by_role("application", name="Cells of two columns")
    expect(cells.locator("rect[class^=d]").first).to_be_visible()
    require_accessible(page)
    cells.press("ArrowRight")  # to the fullest cell
    readout = page.locator('[data-part="two-columns"] output')
    expect(readout).to_have_text(re.compile(r"^p_out \S+ to \S+, p_in \S+ to \S+: \d[\d,]* samples$"))
    counts = ask(service, "density")["counts"]
    most = max(max(line) for line in counts)
    expect(readout).to_contain_text(f": {most:,} samples")
    cells.press("ArrowLeft")
    expect(readout).not_to_contain_text(f": {most:,} samples")
    shown = re.findall(r": ([\d,]+) sample", readout.inner_text())[0]
    cells.press("Enter")
    expect(page).to_have_url(re.compile("range=p_out%3A0"))
    expect(matching(page)).to_have_text(f"{shown} of 1,437 samples")
    page.get_by_role("combobox", name="Upwards").select_option("mem")
    expect(page).to_have_url(re.compile("y=mem"))
    page.reload()
    expect(matching(page)).to_have_text(f"{shown} of 1,437 samples")
    expect(cells.locator("rect[class^=d]").first).to_be_visible()
    page.get_by_role("button", name="Clear all filters").click()
    expect(matching(page)).to_have_text("all 1,437 samples")


def test_any_column_can_be_bounded(page: Page, service: Service):
    visit(page, service)
    bounds = page.get_by_role("form", name="Bounds of a column")
    bounds.get_by_role("combobox", name="Column").select_option("se")
    bounds.get_by_role("button", name="Add").click()
    expect(bounds).to_contain_text("Give a bound.")
    bounds.get_by_label("at least", exact=True).fill("0.3")
    bounds.get_by_label("at most", exact=True).fill("0.1")
    bounds.get_by_role("button", name="Add").click()
    expect(bounds).to_contain_text("The range is empty")
    bounds.get_by_label("at least", exact=True).fill("")
    bounds.get_by_role("button", name="Add").click()
    of_se = ask(service, "scores", range="se::0.1")
    expect(matching(page)).to_have_text(f"{of_se['matching']:,} of 1,437 samples")
    bounds.get_by_role("combobox", name="Column").select_option("p_out")
    bounds.get_by_label("at least", exact=True).fill("0.2")
    bounds.get_by_label("at most", exact=True).fill("0.9")
    bounds.get_by_role("button", name="Add").click()
    both = ask(service, "scores", range="se::0.1,p_out:0.2:0.9")
    expect(matching(page)).to_have_text(f"{both['matching']:,} of 1,437 samples")
    require_accessible(page)
    bounds.get_by_role("button", name="End p_out 0.2 to 0.9").click()
    expect(matching(page)).to_have_text(f"{of_se['matching']:,} of 1,437 samples")


def test_a_sample_opened_from_a_list_leads_through_it(page: Page, service: Service):
    listed = ask(service, "scores", label=8, sort="mem")
    wanted = [row["index"] for row in listed["scores"]]
    visit(page, service, "?label=8&sort=mem")
    page.locator(f'[data-index="{wanted[1]}"]').click()
    place = page.locator('[data-part="in-list"]')
    expect(place).to_contain_text(f"2 of {listed['matching']} in this list")
    expect(page).to_have_url(re.compile(rf"/train/{wanted[1]}\?label=8&sort=mem&at=1$"))
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(rf"/train/{wanted[2]}\?label=8&sort=mem&at=2$"))
    expect(place).to_contain_text(f"3 of {listed['matching']}")
    require_accessible(page)
    page.keyboard.press("k")
    expect(place).to_contain_text(f"2 of {listed['matching']}")
    page.keyboard.press("k")
    expect(place).to_contain_text(f"1 of {listed['matching']}")
    expect(place.get_by_role("link", name="previous")).to_have_count(0)
    place.get_by_role("link", name="this list").click()
    expect(page).to_have_url(re.compile(r"/studies/digits\?label=8&sort=mem$"))
    page.goto(f"{service.url}/studies/digits/train/{wanted[5]}?label=8&sort=mem&at=0")  # no longer its place
    settled(page)
    expect(place).to_have_count(0)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(f"/train/{wanted[5] + 1}$"))


def test_one_key_lists_all_keys(page: Page, service: Service):
    visit(page, service)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("go to a sample by its index")
    require_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_label("Go to sample").press("?")
    expect(dialog).to_have_count(0)


def test_a_range_can_be_typed_or_moved_by_arrow_keys(page: Page, service: Service):
    visit(page, service)
    page.get_by_label("mem from").fill("0.5")
    expect(matching(page)).to_have_text(f"{ask(service, 'scores', mem_min=0.5)['matching']} of 1,437 samples")
    expect(page.locator('[data-part="histogram"] .selection')).to_be_visible()
    handle = page.get_by_role("slider", name="Smallest mem")
    expect(handle).to_have_attribute("aria-valuenow", "0.500")
    handle.press("ArrowLeft")
    least = float(page.get_by_label("mem from").input_value())
    assert 0.4 < least < 0.5
    expect(matching(page)).to_have_text(f"{ask(service, 'scores', mem_min=least)['matching']} of 1,437 samples")


def test_an_address_restores_filters_and_order(page: Page, service: Service):
    visit(page, service, "?label=8&set=atypical&mem_max=0.6&sort=mem&classes=-atypical")
    found = ask(service, "scores", label=8, set="atypical", mem_max=0.6, sort="mem")
    expect(matching(page)).to_have_text(f"{found['matching']} of 1,437 samples")
    assert indices(page) == [row["index"] for row in found["scores"]]
    assert page.get_by_role("combobox", name="Class", exact=True).input_value() == "8"
    assert page.get_by_role("combobox", name="Show").input_value() == "atypical"
    assert page.get_by_role("combobox", name="Sort by").input_value() == "mem"
    assert page.get_by_label("mem to").input_value() == "0.6"
    expect(page.get_by_role("columnheader", name="Atypical")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Clear all filters").click()
    expect(matching(page)).to_have_text("all 1,437 samples")
    expect(page).to_have_url(f"{service.url}/studies/digits?sort=mem&classes=-atypical")


def test_a_class_of_the_table_filters_the_gallery_and_the_histogram(page: Page, service: Service):
    visit(page, service)
    classes = ask(service, "classes")["classes"]
    page.get_by_role("button", name="Atypical").click()
    most = max(classes, key=lambda one: one["atypical"] / one["samples"])
    row = page.locator('[data-part="classes"] tbody tr').first
    expect(row).to_have_attribute("data-label", str(most["label"]))
    row.get_by_role("link").click()
    expect(matching(page)).to_have_text(f"{most['samples']} of 1,437 samples")
    expect_first(page, first_indices(service, label=most["label"])[0])
    expect(page.locator('[data-part="histogram"] svg')).to_have_attribute(
        "aria-label", re.compile(f"^Histogram of mem of class {most['name']}: {most['samples']} training samples")
    )
    assert f"label={most['label']}" in page.url


def test_suspected_label_errors_come_with_a_note(page: Page, service: Service):
    visit(page, service)
    page.get_by_role("combobox", name="Show").select_option("suspects")
    expect(page.get_by_text("Look at each before you change its label")).to_be_visible()
    wanted = first_indices(service, "suspects")
    expect_first(page, wanted[0])
    assert indices(page)[:20] == wanted
    assert page.get_by_role("combobox", name="Sort by").is_disabled()
    page.get_by_label("mem from").fill("0.9")  # the list has no range: this leaves it
    expect(page.get_by_role("combobox", name="Show")).to_have_value("")
    expect(page.get_by_text("Look at each before you change its label")).to_be_hidden()
    expect(matching(page)).to_have_text(f"{ask(service, 'scores', mem_min=0.9)['matching']} of 1,437 samples")


def test_suspects_show_the_vote_the_cut_off_and_given_against_predicted(page: Page, service_of_errors: Service):
    service = service_of_errors
    found = ask(service, "suspects", limit=500)
    assert found["suspected"] > 0
    visit(page, service, "?set=suspects")
    expect(page.get_by_text("Look at each before you change its label")).to_be_visible()
    expect(page.get_by_text(found["note"])).to_be_visible()
    for row in found["scores"][:3]:
        card = page.locator(f'[data-part=gallery] a[data-index="{row["index"]}"]')
        expect(card.locator(".mark.suspect")).to_have_text(f"→ {row['suggested']}")
        expect(card.locator("strong")).to_have_text(f"{100 * row['label_error']:.0f} %")
        share = f"{100 * row['share']:.0f} % of held-out trials say {row['suggested']}"
        expect(card).to_have_attribute("aria-label", re.compile(share))
    beyond = next(row for row in found["scores"] if row["suggested"] is not None and not row["suspected"])
    assert beyond["label_error"] <= found["scores"][found["suspected"] - 1]["label_error"]
    page.get_by_text("Given against predicted class").click()
    table = page.locator("[data-part=confusion] table")
    first = found["confusion"][0]
    expect(table.locator("tbody tr").first).to_have_text(f"{first['given']}{first['predicted']}{first['count']}")
    require_accessible(page)


def test_the_privacy_of_whole_models_names_the_attacker(page: Page, service: Service):
    risks = ask(service, "risk", limit=1)
    visit(page, service)
    privacy = page.locator("[data-part=privacy]")
    for name, row in (("tpr_at_0_001", "0.1 % false alarms"), ("tpr_at_0_01", "at 1 % false alarms")):
        shown, one = privacy.locator(f'[data-rate="{name}"]'), risks["privacy"][name]
        expect(shown).to_contain_text(row)
        expect(shown).to_contain_text(
            f"{100 * one['value']:.1f} %{100 * one['low']:.1f} % to {100 * one['high']:.1f} %"
        )
    expect(privacy.locator('[data-rate="auc"]')).to_contain_text(f"{risks['privacy']['auc']['value']:.3f}")
    expect(privacy).to_contain_text("The attacker knows the recipe and trains models on subsets of the same data")
    expect(privacy).to_contain_text(f"{risks['privacy']['targets']} models attacked")


@pytest.mark.parametrize("order", ["-se", "label", "index"])
def test_the_gallery_is_sorted(page: Page, service: Service, order: str):
    visit(page, service)
    page.get_by_role("combobox", name="Sort by").select_option(order)
    wanted = first_indices(service, sort=order)
    expect_first(page, wanted[0])
    assert indices(page)[:20] == wanted


def test_the_gallery_is_walked_by_keys(page: Page, service: Service):
    visit(page, service, "?sort=index")
    focused = page.locator("[data-part=gallery] a:focus")
    columns = int(page.locator('[data-part="gallery"]').get_attribute("aria-colcount") or 0)
    assert page.locator('[data-part="gallery"] a[tabindex="0"]').count() == 1
    page.locator('[data-part="gallery"] a[tabindex="0"]').focus()
    for key, index in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowUp", 0),
        ("End", SAMPLES - 1),
        ("ArrowLeft", SAMPLES - 2),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect(focused).to_have_attribute("data-index", str(index))
        expect(focused).to_be_in_viewport()
    page.keyboard.press("PageDown")
    expect(focused).to_have_attribute("data-index", re.compile(f"^{3 * columns}$|^{4 * columns}$|^{5 * columns}$"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/train/"))


def test_scrolling_shows_later_samples_with_few_elements(page: Page, service: Service):
    visit(page, service, "?sort=index")
    gallery = page.locator('[data-part="gallery"]')
    gallery.evaluate("element => element.scrollIntoView()")
    gallery.evaluate("element => element.scrollTo(0, element.scrollHeight / 2)")
    expect(gallery.locator(f'[data-index="{SAMPLES // 2}"][data-drawn]')).to_be_visible()
    gallery.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    last = gallery.locator(f'[data-index="{SAMPLES - 1}"][data-drawn]')
    expect(last).to_be_in_viewport()
    assert gallery.locator("a").count() <= MOST_CARDS
    shown = indices(page)
    assert shown == list(range(shown[0], SAMPLES))


def test_the_way_back_leads_to_the_same_place(page: Page, service: Service):
    visit(page, service, "?sort=index")
    gallery = page.locator('[data-part="gallery"]')
    gallery.evaluate("element => element.scrollIntoView()")
    gallery.evaluate("element => element.scrollTo(0, 2000)")
    expect(gallery.locator("[data-index='200'][data-drawn]")).to_be_visible()
    card = gallery.locator("[data-index][data-drawn]").nth(30)
    card.scroll_into_view_if_needed()
    top = gallery.evaluate("element => element.scrollTop")
    assert top > 1500
    index = card.get_attribute("data-index")
    card.click()
    expect(page).to_have_url(re.compile(rf"/train/{index}\?sort=index&at={index}$"))
    settled(page)
    page.go_back()
    expect(gallery.locator(f'[data-index="{index}"]')).to_be_focused()
    expect(gallery.locator(f'[data-index="{index}"][data-drawn]')).to_be_in_viewport()
    assert gallery.evaluate("element => element.scrollTop") == top


def test_newer_scores_are_shown_without_losing_the_place(page: Page, service: Service):
    digest = ask(service, "classes")["digest"]
    newer = False

    def answer(route: Route) -> None:
        try:
            response = route.fetch()
            text = response.text()
            if newer:
                text = text.replace(digest, "0" * 64).replace('"index":730,', '"index":7,')
                text = text.replace('"atypical":', '"atypical":1')
            route.fulfill(response=response, body=text)
        except Error:
            pass  # the page gave the call up meanwhile

    page.route(re.compile(r"/v1/studies/digits(\?|$|/(scores|classes|findings|histogram|quality))"), answer)
    visit(page, service, "?sort=index")
    gallery = page.locator('[data-part="gallery"]')
    gallery.evaluate("element => element.scrollTo(0, element.scrollHeight / 2)")
    old = gallery.locator('[data-index="730"][data-drawn]')
    expect(old).to_be_visible()
    top = gallery.evaluate("element => element.scrollTop")
    newer = True
    gallery.evaluate("element => element.scrollBy(0, 1500)")  # a page that comes says that there are newer scores
    expect(page.locator('[data-finding="atypical"]')).to_contain_text(f"1{ask(service, 'findings')['atypical']} with")
    gallery.evaluate("(element, top) => element.scrollTo(0, top)", top)
    expect(gallery.locator('[data-index="7"][data-drawn]')).to_be_visible()
    expect(old).to_have_count(0)
    assert gallery.evaluate("element => element.scrollTop") == top


def test_every_order_on_offer_is_one_of_the_service(page: Page, service: Service):
    visit(page, service)
    sort = page.get_by_role("combobox", name="Sort by")
    orders = sort.locator("option").evaluate_all("all => all.map((one) => one.value)")
    assert {order.removeprefix("-") for order in orders if order} >= {"mem_margin", "mem_low", "mem_high", "n_out"}
    for order in orders:
        first = ask(service, "scores", sort=order or "-mem", limit=1)["scores"][0]["index"]
        sort.select_option(order)
        expect(page.locator('[data-part="gallery"] a.card').first).to_have_attribute("data-index", str(first))


def test_a_sample_is_shown_beside_the_list_by_keys_alone(page: Page, service: Service):
    listed = ask(service, "scores", sort="-mem", limit=3)["scores"]
    visit(page, service, "?sort=-mem")
    gallery = page.locator('[data-part="gallery"]')
    drawer = page.locator('[data-part="drawer"]')
    button = page.get_by_role("button", name="Details beside the list")
    expect(gallery.locator(f'[data-index="{listed[0]["index"]}"][data-drawn]')).to_be_visible()
    expect(drawer).to_be_hidden()
    gallery.locator("a.card").first.focus()
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "true")
    for place, one in enumerate(listed):
        expect(drawer.get_by_role("heading")).to_have_text(re.compile(f"Training sample {one['index']}: "))
        expect(drawer).to_contain_text(f"{place + 1} of 1,437 in this list")
        expect(drawer.locator("dd strong").first).to_have_text(f"{one['mem']:.3f}")
        expect(gallery.locator(f'a.card[data-index="{one["index"]}"]')).to_be_focused()
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(gallery.locator("a.card:focus")).to_have_count(1)


def test_a_sample_is_shown_beside_the_list_by_mouse(page: Page, service: Service):
    visit(page, service, "?sort=-mem")
    gallery, drawer = page.locator('[data-part="gallery"]'), page.locator('[data-part="drawer"]')
    cards = gallery.locator("a.card[data-drawn]")
    expect(cards.nth(4)).to_be_visible()
    page.get_by_role("button", name="Details beside the list").click()
    expect(drawer.get_by_role("heading")).to_be_visible()
    expect(drawer.get_by_role("button", name="The sample before")).to_be_disabled()
    index = cards.nth(4).get_attribute("data-index")
    cards.nth(4).click()
    expect(drawer.get_by_role("heading")).to_have_text(re.compile(f"Training sample {index}: "))
    expect(page).to_have_url(re.compile(r"/studies/digits\?sort=-mem$"))
    drawer.get_by_role("button", name="The sample behind").click()
    expect(drawer).to_contain_text("6 of 1,437 in this list")
    expect(drawer).not_to_have_attribute("aria-busy", "true")
    require_accessible(page)
    page.get_by_role("combobox", name="Show", exact=True).select_option("atypical")
    expect(drawer).to_contain_text("1 of 62 in this list")
    drawer.get_by_role("button", name="The sample behind").click()
    expect(drawer.get_by_role("button", name="The sample behind")).to_be_focused()
    marked = gallery.locator("a.card[aria-current]")
    expect(marked).to_have_count(1)
    index = marked.get_attribute("data-index")
    expect(drawer.get_by_role("heading")).to_have_text(re.compile(f"Training sample {index}: "))
    drawer.get_by_role("link", name="Open its page").click()
    expect(page).to_have_url(re.compile(rf"/studies/digits/train/{index}\?.*at=1"))
    page.go_back()
    expect(drawer.get_by_role("heading")).to_have_text(re.compile(f"Training sample {index}: "))
    expect(marked).to_have_attribute("data-index", str(index))


def test_an_empty_list_leaves_nothing_beside_it(page: Page, service: Service):
    page.goto(f"{service.url}/studies/digits?mem_min=0.999&mem_max=0.9991")
    expect(page.get_by_text("No sample matches")).to_be_visible()
    page.get_by_role("button", name="Details beside the list").click()
    drawer = page.locator('[data-part="drawer"]')
    expect(drawer.get_by_role("link", name="Open its page")).to_be_hidden()
    page.get_by_role("button", name="Clear all filters").first.click()
    expect(drawer.get_by_role("heading")).to_be_visible()
    expect(drawer).to_contain_text("1 of 1,437 in this list")


def test_findings_come_first_and_lead_to_what_they_count(page: Page, service: Service):
    found = ask(service, "findings")
    visit(page, service)
    expect(page.locator('[data-part="sentence"]')).to_have_text(found["sentence"])
    tile = page.locator('[data-finding="undecided"]')
    expect(tile.locator("strong")).to_have_text(str(found["undecided"]))
    tile.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/studies/digits\?set=undecided$"))
    expect(matching(page)).to_have_text(f"{found['undecided']} of 1,437 samples")
    page.locator('[data-finding="class"]').get_by_role("link").click()
    most = found["most_memorized"]
    expect(matching(page)).to_have_text(f"{most['atypical']} of 1,437 samples")
    page.locator('[data-finding="pairs"]').get_by_role("link").click()
    expect(page).to_have_url(f"{service.url}/studies/digits/pairs")
    page.go_back()
    page.locator('[data-finding="suspects"]').get_by_role("link").click()
    expect(page).to_have_url(f"{service.url}/studies/digits/review")


def test_verdicts_are_on_the_cards_and_choose_samples(page: Page, service_of_errors: Service):
    service = service_of_errors
    first, second, third = ask(service, "suspects", limit=3)["scores"]
    here = f"{service.url}/v1/studies/digits/reviews"
    for row, said in (
        (first, {"verdict": "error", "label": first["suggested"]}),
        (second, {"verdict": "fine"}),
        (third, {"verdict": "error", "reviewer": "ada"}),
        (third, {"verdict": "fine", "reviewer": "ben"}),
    ):
        httpx.put(f"{here}/{row['index']}", json=said).raise_for_status()
    visit(page, service, "?set=suspects")
    marks = page.locator('[data-part="gallery"] .mark.reviewed')
    expect(marks).to_have_text([f"✓ {first['suggested']}", "✓ fine", "≠ disputed"])
    expect(page.get_by_role("link", name="reviewed: the reviewers disagree")).to_have_attribute(
        "data-index", str(third["index"])
    )
    page.get_by_role("combobox", name="Review").select_option("not reviewed")
    expect(matching(page)).to_have_text(re.compile(r"^\d+ suspected come first, in 1,434 of 1,437 samples$"))
    expect(marks).to_have_count(0)
    page.get_by_role("combobox", name="Show").select_option("all samples")
    page.get_by_role("combobox", name="Review").select_option("to relabel")
    expect(matching(page)).to_have_text("1 of 1,437 samples")
    expect_first(page, first["index"])
    require_accessible(page)


def test_the_size_of_images_is_chosen_and_remembered(page: Page, service: Service):
    visit(page, service)
    gallery = page.locator('[data-part="gallery"]')
    columns = int(gallery.get_attribute("aria-colcount") or 0)
    slider = page.get_by_role("slider", name="Size")
    slider.fill("200")
    expect(gallery).not_to_have_attribute("aria-colcount", str(columns))
    fewer = int(gallery.get_attribute("aria-colcount") or 0)
    assert 2 <= fewer < columns
    expect_first(page, first_indices(service)[0])
    page.reload()
    expect(page.locator("[data-drawn]").first).to_be_visible()
    expect(gallery).to_have_attribute("aria-colcount", str(fewer))
    expect(slider).to_have_value("200")


def test_a_slash_leads_to_a_sample_by_its_index(page: Page, service: Service):
    visit(page, service)
    page.locator("body").press("/")
    field = page.get_by_role("spinbutton", name="Go to sample")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type("1437")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{service.url}/studies/digits")  # there is no such sample
    field.fill("730")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{service.url}/studies/digits/train/730")


@pytest.mark.parametrize("query", ["?label=3&set=atypical&sort=-se", "?set=suspects", "?sort=index"])
def test_exactly_what_is_listed_is_downloaded(page: Page, service: Service, query: str):
    visit(page, service, query)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download this list").click()
    rows = list(csv.DictReader(started.value.path().read_text().splitlines()))
    parts = dict(part.split("=") for part in query.removeprefix("?").split("&"))
    listed = "suspects" if parts.pop("set", None) == "suspects" and "label" not in parts else "scores"
    if listed == "scores" and "set=atypical" in query:
        parts["set"] = "atypical"
    expected = ask(service, listed, limit=1000, **parts)
    assert len(rows) == expected["matching"]
    assert [int(row["index"]) for row in rows[:1000]] == [row["index"] for row in expected["scores"]]
    first = expected["scores"][0]
    assert float(rows[0]["mem"]) == first["mem"]
    assert float(rows[0]["mem_low"]) == first["interval"][0]
    if listed == "suspects":
        assert started.value.suggested_filename == "digits.suspects.csv"
        assert rows[0]["suggested"] == str(first["suggested"])


def test_samples_are_selected_by_mouse_and_key_and_taken_away(page: Page, service: Service):
    visit(page, service)
    bar = page.get_by_role("group", name="Selected samples")
    cards = page.locator('[data-part="gallery"] a.card')
    first, second = (cards.nth(place) for place in (0, 1))
    indices = sorted(int(card.get_attribute("data-index") or -1) for card in (first, second))
    first.hover()
    page.get_by_role("button", name=f"Select training sample {first.get_attribute('data-index')}", exact=True).click()
    expect(page).to_have_url(re.compile("/studies/digits$"))  # the sample itself was not opened
    expect(bar).to_contain_text("1 sample selected")
    second.focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("2 samples selected")
    expect(page.locator('[role="gridcell"][aria-selected="true"]')).to_have_count(2)
    require_accessible(page)
    with page.expect_download() as started:
        bar.get_by_role("button", name="Download selected").click()
    rows = list(csv.DictReader(started.value.path().read_text().splitlines()))
    assert [int(row["index"]) for row in rows] == indices
    score = ask(service, f"scores/{indices[0]}")
    assert (float(rows[0]["mem"]), float(rows[0]["mem_low"])) == (score["mem"], score["interval"][0])
    second.focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("1 sample selected")
    bar.get_by_role("button", name="Clear").click()
    expect(bar.get_by_role("button", name="Clear")).to_be_hidden()
    expect(page.locator('[role="gridcell"][aria-selected="true"]')).to_have_count(0)


def test_a_whole_list_is_selected_and_judged_at_once(service_of_errors: Service, page: Page):
    visit(page, service_of_errors, "?label=3&set=atypical")
    listed = ask(service_of_errors, "scores", label=3, set="atypical", limit=1000)["scores"]
    bar = page.get_by_role("group", name="Selected samples")
    bar.get_by_role("button", name="Select all").click()
    expect(bar).to_contain_text(f"{len(listed)} samples selected")
    bar.get_by_role("button", name="Labels are right").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f'Say "fine" on {len(listed)} samples?')
    dialog.get_by_role("button", name="Leave them").click()
    assert ask(service_of_errors, "decisions")["index"] == []
    bar.get_by_role("button", name="Labels are right").click()
    dialog.get_by_role("button", name="Do it").click()
    expect(page.locator(".mark.reviewed").first).to_have_text("✓ fine")
    expect(page.locator('[role="gridcell"][aria-selected="true"]')).to_have_count(0)
    decided = ask(service_of_errors, "decisions")
    assert sorted(decided["index"]) == sorted(row["index"] for row in listed)
    assert set(decided["decision"]) == {"fine"}


def test_nothing_that_matches_and_a_wrong_filter_are_told(page: Page, service: Service, troubles: Troubles):
    troubles.expect("422")
    page.goto(f"{service.url}/studies/digits?mem_min=0.98&mem_max=0.99")
    expect(page.get_by_text("No sample matches")).to_be_visible()
    page.goto(f"{service.url}/studies/digits?set=none")
    expect(page.get_by_role("alert")).to_contain_text("set")
    expect(page.locator('[data-part="classes"] tbody tr')).to_have_count(10)


def test_checks_say_what_they_mean(page: Page, service: Service):
    visit(page, service)
    for check in ask(service, "quality")["checks"]:
        shown = page.locator(f'[data-check="{check["key"]}"]')
        expect(shown).to_contain_text(check["value"])
        expect(shown).to_contain_text(check["meaning"])
        if check["verdict"] != "pass":
            expect(shown).to_contain_text(check["advice"])
    expect(page.get_by_role("img", name=re.compile("^Calibration: predicted"))).to_be_visible()


def test_more_trials_are_forecast_in_words_and_as_a_curve(page: Page, service: Service):
    visit(page, service)
    part = page.get_by_role("region", name="What more trials would bring")
    errors = {one["trials"]: f"{one['standard_error']:.3f}" for one in ask(service, "precision")["points"]}
    expect(part).to_contain_text(f"After 40 trials: a standard error of mem of at most {errors[40]} for 95 %")
    expect(part).to_contain_text(f"After 120, expect a standard error of mem of at most {errors[120]} for 95 %")
    part.get_by_role("slider", name="Trials").fill("40")
    expect(part.get_by_role("status")).to_contain_text("After 40 trials: standard error of mem ")
    expect(part.locator("path.curve.dashed")).to_have_count(3)


def test_the_table_is_downloaded(page: Page, service: Service):
    visit(page, service)
    with page.expect_download() as download:
        page.get_by_role("link", name="Score table, .csv").click()
    text = Path(download.value.path()).read_text()
    assert len(text.splitlines()) == 1 + SAMPLES


def test_the_page_is_accessible_and_fits_a_phone(page: Page, service: Service):
    visit(page, service, "?mem_min=0.1")
    expect(page.locator("[data-check]").first).to_be_visible()
    require_accessible(page)
    require_narrow(page)
    expect(page.locator('[data-part="gallery"]')).to_have_attribute("aria-colcount", "3")


def test_what_is_missing_is_told(page: Page, settings_of_digits: Settings, troubles: Troubles):
    troubles.expect("404|409")
    database = open_database(f"sqlite:///{settings_of_digits.home / 'memscore.db'}")
    with database.writing() as connection:
        record = datasets.by_name(connection, "digits")
        studies.ensure(connection, record, RECIPES["digits"], Design(seed=7), "empty")
    database.close()
    with ending(Service(settings_of_digits, "--no-dispatch")) as service:
        _no_scores(page, service)
        _imported(page, service, settings_of_digits.home, record.fingerprint)
        shutil.rmtree(settings_of_digits.home / "datasets")
        _no_images(page, service)


def _no_scores(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/studies/empty")
    settled(page)
    expect(page.get_by_text("No scores yet")).to_be_visible()
    require_accessible(page)
    job = {"dataset": "digits", "recipe": "digits", "design": {"seed": 7}, "target": {"trials": 10}}
    httpx.post(f"{service.url}/v1/jobs", json=job).raise_for_status()
    page.reload()
    expect(page.locator('[data-part="job"]')).to_contain_text("10 trials")


def _imported(page: Page, service: Service, home: Path, fingerprint: str) -> None:
    arrays = open_dataset(home, fingerprint)
    evidence = read_evidence(io.BytesIO(httpx.get(f"{service.url}/v1/studies/digits/evidence").content))
    published = published_of(evidence.unpacked(), arrays.y_train, arrays.y_test).encode()
    query = {"dataset": "digits", "name": "published"}
    httpx.post(f"{service.url}/v1/studies/import", params=query, content=published).raise_for_status()
    visit(page, service, study="published")
    expect(page.get_by_text("Imported scores of")).to_be_visible()
    expect(page.locator('[data-check="fit"]')).to_contain_text("cannot be told")
    assert page.get_by_role("link", name="Evidence, .npz").count() == 0
    assert page.locator('[data-part="accuracies"]').count() == 0


def _no_images(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/studies/digits?sort=index")
    advice = page.locator(".samples").get_by_role("alert")
    expect(advice).to_have_count(1)
    expect(advice).to_contain_text(re.compile("dataset", re.IGNORECASE))
    expect(page.locator("[data-part=gallery] .picture.gone").first).to_be_visible()
    page.locator('[data-part="gallery"]').evaluate("element => element.scrollTo(0, element.scrollHeight)")
    expect(page.locator(f'[data-part="gallery"] [data-index="{SAMPLES - 1}"]')).to_be_visible()
    expect(advice).to_have_count(1)
    require_accessible(page)


def test_a_study_is_removed_after_its_name_was_typed(settings_of_digits: Settings, page: Page, troubles: Troubles):
    with ending(Service(settings_of_digits, "--no-dispatch")) as service:
        body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 400}}
        job = httpx.post(f"{service.url}/v1/jobs", json=body).json()["id"]
        visit(page, service)
        remove = page.locator('[data-action="remove"]')
        troubles.expect("409")
        remove.click()
        expect(page.get_by_role("alert")).to_contain_text(f"Job {job} of study 'digits' is queued")
        httpx.post(f"{service.url}/v1/jobs/{job}/cancel")
        remove.click()
        dialog, yes = page.get_by_role("dialog"), page.get_by_role("button", name="Remove the study")
        expect(dialog).to_contain_text("This removes 40 trials, ")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(yes).to_be_disabled()
        require_accessible(page)
        dialog.get_by_label("Type digits").fill("digit")
        expect(yes).to_be_disabled()
        dialog.get_by_label("Type digits").press("Enter")
        page.get_by_role("button", name="Keep it").click()
        expect(dialog).to_have_count(0)
        assert httpx.get(f"{service.url}/v1/studies/digits").status_code == 200
        remove.click()
        dialog.get_by_label("Type digits").fill("digits")
        yes.click()
        expect(page).to_have_url(f"{service.url}/")
        expect(page.locator('[data-study="digits-2"]')).to_be_visible()
        expect(page.locator('[data-study="digits"]')).to_have_count(0)
        assert httpx.get(f"{service.url}/v1/studies/digits").status_code == 404


def test_a_study_gets_another_name_on_its_page(settings_of_digits: Settings, page: Page, troubles: Troubles):
    with ending(Service(settings_of_digits, "--no-dispatch")) as service:
        visit(page, service)
        rename = page.locator('[data-action="rename"]')
        troubles.expect("409")
        rename.click()
        page.get_by_label("New name").fill("digits-2")
        page.get_by_label("New name").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("digits-2")
        page.get_by_role("button", name="Keep the name").click()
        rename.click()
        require_accessible(page)
        page.get_by_label("New name").fill("finer")
        page.get_by_role("button", name="Rename the study").click()
        expect(page).to_have_url(f"{service.url}/studies/finer")
        expect(page.get_by_role("heading", level=1)).to_have_text("finer")
        expect(page.get_by_role("alert")).to_have_count(0)
        assert httpx.get(f"{service.url}/v1/studies/finer").json()["trials"] == 40
        page.goto("about:blank")  # or the page would ask a service that has ended
