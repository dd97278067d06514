"""A browser, a service with two studies of the digits, and pages that complain of what a reader would not see."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from memscore.settings import Settings
from tests.browser.digits import fill
from tests.processes import Service, ending

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 15_000  # milliseconds that anything on a page may take on busy cores
STUDIES = {"digits": (0, 40), "digits-2": (1, 20)}  # names, with seed and trials
OLD = frozenset(("digits-2",))  # whose pairs have neither weighted q-values nor posteriors

SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  const add = (list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value; };
  new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 500);
})"""
"""The cumulative layout shift of a page so far."""

expect.set_options(timeout=PATIENCE)


def chromium_path() -> str:
    """The browser. Skips where it is asked to, and fails where there is none."""
    if os.environ.get("MEMSCORE_NO_BROWSER"):
        pytest.skip("MEMSCORE_NO_BROWSER is set")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("there is no Chromium: apt-get install chromium, or set MEMSCORE_NO_BROWSER=1", pytrace=False)
    return found


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Chromium. For a module, since Playwright's event loop keeps other tests from having one of their own."""
    path = chromium_path()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def home_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with two studies of the digits; tests copy it."""
    return _made_once(tmp_path_factory, "digits", lambda settings: fill(settings, STUDIES, old=OLD))


@pytest.fixture
def settings_of_digits(home_of_digits: Path, tmp_path: Path) -> Settings:
    """Settings of a service with a copy of that home, for tests that change something."""
    return copied(home_of_digits, tmp_path / "service")


@pytest.fixture(scope="session")
def service(home_of_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """A service with both studies that no test changes."""
    with ending(Service(copied(home_of_digits, tmp_path_factory.mktemp("service")), "--no-dispatch")) as started:
        yield started


@pytest.fixture(scope="session")
def home_of_errors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a study of the digits, of which 43 have a wrong label; tests copy it."""
    return _made_once(tmp_path_factory, "errors", lambda settings: fill(settings, {"digits": (0, 40)}, errors=0.03))


@pytest.fixture
def service_of_errors(home_of_errors: Path, tmp_path: Path) -> Generator[Service]:
    """A service of its own with that study."""
    with ending(Service(copied(home_of_errors, tmp_path / "errors"), "--no-dispatch")) as started:
        yield started


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Settings], None]) -> Path:
    """A home folder that the first process of a run which needs it makes for all of them."""
    base = factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    home = shared / f"home-of-{name}"
    with FileLock(shared / f"{name}.lock"):
        if not home.is_dir():
            making = Settings(home=shared / f"{name}-in-the-making", slots=1)
            make(making)
            making.home.rename(home)
    return home


def copied(home: Path, folder: Path) -> Settings:
    """Settings with a copy of a home folder."""
    shutil.copytree(home, folder / "home")
    return Settings(home=folder / "home", slots=1)


class Troubles:
    """What went wrong on pages that a reader would not see. `expect` names what a test brings about on purpose."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """A regular expression of troubles that are meant to come."""
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        """Take down what goes wrong on a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._asked)

    def unexpected(self) -> list[str]:
        """What no test expected."""
        return [one for one in self.found if not any(re.search(pattern, one) for pattern in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # so end calls of a view that was left
            self.found.append(f"request failed: {request.url}: {request.failure}")

    def _asked(self, request: Request) -> None:
        if not re.match(r"(http://127\.0\.0\.1:\d+/|data:|blob:)", request.url):
            self.found.append(f"request to another host: {request.url}")


@pytest.fixture
def troubles() -> Generator[Troubles]:
    """The troubles of all pages of a test; any that it did not expect fails it at its end."""
    found = Troubles()
    yield found
    assert found.unexpected() == []


NewContext = Callable[..., BrowserContext]


@pytest.fixture
def new_context(browser: Browser, troubles: Troubles) -> Generator[NewContext]:
    """Makes contexts (cookies and storage of their own), with Playwright's options, whose pages are watched."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))  # pyright: ignore[reportArgumentType]
        context.set_default_timeout(PATIENCE)
        context.on("page", troubles.watch)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A page of a new context."""
    return new_context().new_page()


def settled(page: Page) -> None:
    """Wait until the view of the present address is drawn."""
    page.wait_for_selector("#main:not([aria-busy]) h1")


def require_accessible(page: Page) -> None:
    """No violation of axe's rules, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
    page.emulate_media(color_scheme="light")


def require_narrow(page: Page) -> None:
    """Nothing reaches beyond the width of a phone."""
    page.set_viewport_size({"width": 375, "height": 800})
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0, f"the page is {over} pixels wider than the screen"
