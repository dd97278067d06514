"""Make the pictures of the dashboard in README and docs: `make screenshots`.

A service with two studies of the digits (200 and 60 trials, trained here within two minutes) is opened in Chromium, and
one with a study of digits whose labels are partly wrong. Its runs are a sweep trained here in two minutes, and the
committed reproduction.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1]))

from memscore.settings import Settings
from tests.browser.conftest import FLAGS, chromium_path, settled
from tests.browser.digits import fill
from tests.processes import CLI, Service, ending

STUDIES = {"digits": (0, 200), "digits-seed-1": (1, 60)}
WIDE, TALL, PHONE = {"width": 1180, "height": 860}, {"width": 1180, "height": 1180}, {"width": 375, "height": 780}
COLOURS = 64  # of a picture: a fifth of the size, and no visible difference
PICTURES = {
    "overview": "/",
    "study": "/studies/digits",
    "sample": "/studies/digits/train/188",
    "pairs": "/studies/digits/pairs",
    "duplicates": "/studies/digits/duplicates?alike=0.98",
    "sets": "/studies/digits/sets",
    "storage": "/storage",
    "compare": "/compare?a=digits&b=digits-seed-1",
    "run": "/runs/runs/digits/bat-alpha%3D2-epochs%3D12-keep_every%3D2-seed%3D0",
    "sweep": "/sweeps/runs/digits",
    "reproduction": "/reproductions/runs/mini",
    "new-job": "/jobs/new?dataset=digits&recipe=digits&trials=400",
}


def take(page: Page, name: str) -> None:
    """Write what is on the screen, once all of it is drawn."""
    settled(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    save(page, name)


def save(page: Page, name: str) -> None:
    """Write what is on the screen."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"dashboard-{name}.png"
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


def train_runs(settings: Settings) -> Path:
    """A folder of runs: a sweep of PGD and BAT with three seeds each on the digits, and the committed reproduction."""
    runs = settings.home.parent / "runs"
    fields = ("--set", "epochs=12", "--set", "keep_every=2", "--set", "alpha=2")
    about = ("--methods", "pgd,bat", "--seeds", "3", "--dataset", "digits", "--scores", "digits")
    command = [*CLI, "sweep", *about, *fields, "--output", str(runs / "digits")]
    subprocess.run(command, env=settings.environment(), check=True, capture_output=True)
    shutil.copytree(FOLDER.parents[1] / "docs/results/reproduction-mini", runs / "mini")
    return runs


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder) / "home", slots=1)
        fill(settings, STUDIES)
        settings = settings.model_copy(update={"runs_folder": train_runs(settings)})
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        with ending(Service(settings)) as service:
            page = browser.new_page(viewport=WIDE)  # pyright: ignore[reportArgumentType]
            for name, address in PICTURES.items():
                page.set_viewport_size(TALL if name in ("study", "run") else WIDE)  # pyright: ignore[reportArgumentType]
                page.goto(service.url + address)
                take(page, name)
            dark = browser.new_page(viewport=TALL, color_scheme="dark")  # pyright: ignore[reportArgumentType]
            dark.goto(f"{service.url}/studies/digits")
            take(dark, "study-dark")
            phone = browser.new_page(viewport=PHONE, device_scale_factor=2)  # pyright: ignore[reportArgumentType]
            phone.goto(f"{service.url}/studies/digits")
            take(phone, "study-phone")
            body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 2000}}
            job = httpx.post(f"{service.url}/v1/jobs", json=body).raise_for_status().json()["id"]
            page.set_viewport_size(WIDE)  # pyright: ignore[reportArgumentType]
            page.goto(f"{service.url}/jobs/{job}")
            page.wait_for_selector(r"text=/\d trials a minute/", timeout=300_000)
            page.wait_for_timeout(20_000)  # the first block began with imports, which its pace tells
            save(page, "job")  # which goes on, so the page is never idle
            httpx.post(f"{service.url}/v1/jobs/{job}/cancel").raise_for_status()
        wrong = Settings(home=Path(folder) / "wrong", slots=1)
        fill(wrong, {"digits": (0, 60)}, errors=0.03)
        with ending(Service(wrong, "--no-dispatch")) as service:
            page = browser.new_page(viewport=WIDE)  # pyright: ignore[reportArgumentType]
            page.goto(f"{service.url}/studies/digits/review")
            take(page, "review")
        browser.close()


if __name__ == "__main__":
    main()
