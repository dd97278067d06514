"""Time the dashboard on a study of 50,000 samples, in Chromium: `python benchmarks/dashboard.py`.

Measures the time from the start of navigation to the first paint and to all images of the gallery's first view; the
page's longest task while its gallery is scrolled from top to bottom and in jumps; the time from the end of a brush on
the histogram to the new gallery; how long the details of a sample beside the gallery, two columns at once, the
selection of all samples, the forecast of precision and the first suspect of the review take, with the longest task of
each; and the service's memory before and after. The service, the browser and this script share the machine.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from large_study import fill, real_images
from machine import header
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' helpers for browsers and processes

from memscore.settings import Settings
from tests.browser.conftest import FLAGS, chromium_path
from tests.processes import Service, ending

FIRST_VIEW, LONGEST_TASK = 1.0, 100.0  # limits: seconds, milliseconds
ROUNDS = 3
STEPS = 150  # of a scroll through the gallery
STEPPED = 10  # samples
BRUSHES = ((0.55, 0.7), (0.75, 0.9), (0.3, 0.45))  # shares of the histogram's width
GALLERY, CARD = '[data-part="gallery"]', '[data-part="gallery"] [data-index]'

DRAWN = f"""() => {{
  const view = document.querySelector('{GALLERY}')?.getBoundingClientRect();
  const cards = [...document.querySelectorAll('{CARD}')].filter((card) => {{
    const box = card.getBoundingClientRect();
    return box.bottom > view.top && box.top < view.bottom;
  }});
  return cards.length > 0 && cards.every((card) => "drawn" in card.dataset) && performance.now();
}}"""
BRUSHED = f"""(before) => document.querySelector('[data-part="matching"]').innerText !== before && ({DRAWN})()"""
WATCH = """
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: "longtask", buffered: true });
"""
SCROLL = f"""(share) => {{
  const gallery = document.querySelector('{GALLERY}');
  const own = gallery.scrollHeight > gallery.clientHeight + 1 && getComputedStyle(gallery).overflowY !== "visible";
  const scroller = own ? gallery : document.scrollingElement;
  const top = own ? 0 : gallery.getBoundingClientRect().top + scrollY;
  const length = own ? gallery.scrollHeight - gallery.clientHeight : gallery.scrollHeight - innerHeight;
  scroller.scrollTop = top + share * length;
}}"""


def first_view(page: Page, address: str) -> tuple[float, float, int]:
    """Seconds to the first paint and to all visible images, and bytes transferred."""
    page.goto(address, wait_until="commit")
    seconds = page.wait_for_function(DRAWN).json_value() / 1000
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    size = page.evaluate("performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0)")
    return painted, seconds, size


def first_views(browser: Browser, address: str) -> None:
    """Time the first view with an empty cache, and again with a filled one."""
    found: dict[str, list[tuple[float, float, int]]] = {"cold": [], "warm": []}
    for _ in range(ROUNDS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        for kind in found:
            page = context.new_page()
            found[kind].append(first_view(page, address))
            page.close()
        context.close()
    for kind, times in found.items():
        painted, shown, size = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"  first view, {kind} cache: painted after {painted:.2f} s, all images in view after {shown:.2f} s "
            f"(limit {FIRST_VIEW:.0f} s), {size / 1000:,.0f} kB"
        )


def scrolling(page: Page, address: str) -> None:
    """Print the longest tasks while the gallery is scrolled through, and in jumps."""
    page.add_init_script(WATCH)
    first_view(page, address)
    page.wait_for_timeout(500)
    page.evaluate("window.tasks.length = 0")
    for step in range(STEPS + 1):
        page.evaluate(SCROLL, step / STEPS)
        page.wait_for_timeout(30)
    page.wait_for_function(DRAWN)
    walk = page.evaluate("window.tasks")
    page.evaluate("window.tasks.length = 0")
    waits: list[float] = []
    for share in (0.5, 0.1, 0.9, 0.33, 0.66, 0.0):
        begun = time.perf_counter()
        page.evaluate(SCROLL, share)
        page.wait_for_timeout(20)
        page.wait_for_function(DRAWN)
        waits.append(time.perf_counter() - begun)
    jumps = page.evaluate("window.tasks")
    nodes = page.evaluate(f"document.querySelectorAll('{CARD}').length")
    for name, tasks in (("through 50,000 samples", walk), ("jumps in the gallery", jumps)):
        print(
            f"  {name}: longest task {max(tasks, default=0):.0f} ms (limit {LONGEST_TASK:.0f}), {len(tasks)} over 50 ms"
        )
    print(
        f"  a jump to its images: {statistics.median(waits):.2f} s, at most {max(waits):.2f}; {nodes} cards in the page"
    )


def brushing(page: Page, address: str) -> None:
    """Print the time from the end of a brush to the new gallery."""
    first_view(page, address)
    page.locator('[data-part="histogram"] svg').scroll_into_view_if_needed()
    box = page.locator('[data-part="histogram"] svg').bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    matching = page.locator('[data-part="matching"]')
    waits: list[float] = []
    for first, last in BRUSHES:
        before = matching.inner_text()
        page.mouse.move(box["x"] + first * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + last * box["width"], middle)
        begun = time.perf_counter()
        page.mouse.up()
        page.wait_for_function(BRUSHED, arg=before)
        waits.append(time.perf_counter() - begun)
    print(f"  from a brush to its images: {statistics.median(waits):.2f} s, at most {max(waits):.2f}")


def parts(page: Page, address: str) -> None:
    """Print how long other parts of the page take, and the longest task of each."""
    page.add_init_script(WATCH)
    first_view(page, address)
    page.wait_for_timeout(1500)

    def timed(name: str, act: Callable[[], object]) -> None:
        page.evaluate("window.tasks.length = 0")
        begun = time.perf_counter()
        act()
        seconds = time.perf_counter() - begun
        page.wait_for_timeout(300)
        longest = max(page.evaluate("window.tasks"), default=0)
        print(f"  {name}: {seconds:.2f} s, longest task {longest:.0f} ms (limit {LONGEST_TASK:.0f})")

    drawer = page.locator('[data-part="drawer"]')

    def beside() -> None:
        page.get_by_role("button", name="Details beside the list").click()
        drawer.locator("h3").wait_for()

    def steps() -> None:
        page.locator(f"{CARD}").first.focus()
        for _ in range(STEPPED):
            before = drawer.locator("h3").inner_text()
            page.keyboard.press("ArrowRight")
            expect(drawer.locator("h3")).not_to_have_text(before)

    def columns() -> None:
        page.get_by_text("Two columns at once").click()
        page.locator(".two-columns rect").nth(20).wait_for()

    def everything() -> None:
        page.get_by_role("button", name="Select all").click()
        expect(page.get_by_text("50,000 samples selected")).to_be_visible(timeout=60_000)

    def forecast() -> None:
        page.locator("#precision").wait_for()

    def review() -> None:
        page.goto(f"{address}/review", wait_until="commit")
        page.locator('[data-part="suspect"], .review img, main img').first.wait_for()

    timed("details of a sample beside the gallery", beside)
    timed(f"{STEPPED} steps through the list beside them", steps)
    timed("two columns at once", columns)
    timed("all 50,000 samples selected", everything)
    timed("forecast of precision, asked for with the page", forecast)
    timed("the first suspect of the review", review)


def memory(service: Service) -> str:
    """The memory of the serving process, in total and without mapped file pages."""
    used = max((process.memory_info() for process in service.find("serve")), key=lambda one: one.rss)
    return f"{used.rss / 1e6:.0f} MB ({(used.rss - used.shared) / 1e6:.0f} MB without files)"


def main() -> None:
    """Measure and print."""
    print(header("The dashboard on 50,000 samples"))
    print(f"  images: {'synthetic' if real_images() is None else 'CIFAR-100'}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder) / "home", slots=1)
        settings.prepare_home()
        address = fill(settings.home)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        with ending(Service(settings, "--no-dispatch")) as service:
            before = memory(service)
            address = f"{service.url}/studies/{address}"
            first_views(browser, address)
            scrolling(browser.new_page(viewport={"width": 1280, "height": 900}), address)
            brushing(browser.new_page(viewport={"width": 1280, "height": 900}), address)
            parts(browser.new_page(viewport={"width": 1280, "height": 900}), address)
            print(f"  memory of the service: {before} before, {memory(service)} after")
        browser.close()


if __name__ == "__main__":
    main()
