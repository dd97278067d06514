"""Charts that are drawn again and again: each keeps one observer of its width, which ends with its view."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.processes import Service

MOVES = 8
COUNTED = """
  const live = new Set();
  window.ResizeObserver = class extends ResizeObserver {
    observe(...given) { live.add(this); super.observe(...given); }
    disconnect() { live.delete(this); super.disconnect(); }
  };
  window.liveObservers = () => live.size;
"""


def live_observers(page: Page) -> int:
    return page.evaluate("liveObservers()")


def leave(page: Page) -> None:
    """Go to a view without charts, in the same document."""
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page).to_have_url(re.compile("/jobs$"))
    settled(page)


def test_moves_of_a_slider_leave_the_observers_of_a_chart_at_one(page: Page, service: Service):
    page.add_init_script(COUNTED)
    page.goto(f"{service.url}/studies/digits/sets")
    settled(page)
    slider = page.get_by_role("slider", name="Atypical above", exact=True)
    slider.focus()
    for move in range(1, MOVES + 1):
        page.keyboard.press("ArrowRight")
        shown = f"{0.15 + move / 100:.2f}".rstrip("0")
        expect(page.get_by_role("img", name=re.compile(f"the thresholds 0.02 and {shown}$"))).to_be_visible()
    assert live_observers(page) == 1
    leave(page)
    assert live_observers(page) == 0


def test_other_thresholds_of_a_comparison_leave_its_observers_at_one(page: Page, service: Service):
    page.add_init_script(COUNTED)
    page.goto(f"{service.url}/compare?a=digits&b=digits-2")
    settled(page)
    threshold = page.get_by_label("Atypical above", exact=True)
    for move in range(1, MOVES + 1):
        shown = f"{0.15 + move / 100:.2f}".rstrip("0")
        threshold.fill(shown)
        expect(page.get_by_role("rowheader", name=f"Atypical in both (mem above {shown})")).to_be_visible()
    expect(
        page.get_by_role("img", name=re.compile("^Heat map of mem in digits against mem in digits-2"))
    ).to_be_visible()
    expect(page.get_by_role("list", name="Samples in a cell")).to_have_count(1)
    assert live_observers(page) == 1
    leave(page)
    assert live_observers(page) == 0


@pytest.mark.parametrize("address", ["/studies/digits/sets", "/compare?a=digits&b=digits-2", "/studies/digits"])
def test_charts_follow_the_width_of_the_page(page: Page, service: Service, address: str):
    page.goto(f"{service.url}{address}")
    settled(page)
    chart = page.locator("svg.chart").first
    expect(chart).to_be_visible()
    for width in (900, 400, 700):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "svg => Number(svg.getAttribute('width')) === svg.parentNode.clientWidth",
            arg=chart.element_handle(),
        )
