"""Make the pictures of the dashboard in README and docs: `make screenshots [PHOTOS=cifar100-10.npz]`.

A service with two studies of the digits (200 and 60 trials, trained here within two minutes) is opened in Chromium, and
one with a study of digits whose labels are partly wrong. Its runs are a sweep trained here in two minutes, and the
committed reproduction.

PHOTOS is the dataset of docs/results/cifar100-10, the first ten classes of CIFAR-100: with it, pages that show samples
show photos with these scores, in full colour; without it, digits.
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
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1]))

from memscore.settings import Settings
from tests.browser.conftest import FLAGS, chromium_path, settled
from tests.browser.digits import fill
from tests.processes import CLI, Service, ending

STUDIES = {"digits": (0, 200), "digits-seed-1": (1, 60)}
WIDE, TALL, PHONE = {"width": 1180, "height": 860}, {"width": 1180, "height": 1420}, {"width": 375, "height": 780}
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


PHOTOS = {
    "study": "/studies/cifar100-10",
    "sample": "/studies/cifar100-10/train/1591",
    "pairs": "/studies/cifar100-10/pairs",
    "duplicates": "/studies/cifar100-10/duplicates",
    "sets": "/studies/cifar100-10/sets",
}


def take(page: Page, name: str, *, photos: bool = False) -> None:
    """Write what is on the screen, once all of it is drawn."""
    settled(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    save(page, name, photos=photos)


def save(page: Page, name: str, *, photos: bool = False) -> None:
    """Write what is on the screen, photos in full colour."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"dashboard-{name}.png"
    if not photos:
        image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
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


def take_photos(browser: Browser, settings: Settings, photos: Path) -> None:
    """The pages that show samples, of photos with the committed scores."""
    settings.prepare_home()
    add = [*CLI, "datasets", "add", "cifar100-10", "--from", f"npz:{photos}"]
    subprocess.run(add, env=settings.environment(), check=True, capture_output=True)
    with ending(Service(settings, "--no-dispatch")) as service:
        for table in ("scores", "pairs"):
            content = (FOLDER.parents[1] / f"docs/results/cifar100-10/{table}.npz").read_bytes()
            address = f"{service.url}/v1/studies/import?dataset=cifar100-10&name=cifar100-10"
            httpx.post(address, content=content, timeout=60).raise_for_status()
        page = browser.new_page(viewport=WIDE)  # pyright: ignore[reportArgumentType]
        for name, path in PHOTOS.items():
            page.set_viewport_size(TALL if name == "study" else WIDE)  # pyright: ignore[reportArgumentType]
            page.goto(service.url + path)
            take(page, name, photos=True)
        take_views(browser, f"{service.url}/studies/cifar100-10", photos=True)


def take_views(browser: Browser, study: str, *, photos: bool) -> None:
    """A study in the dark, and on a phone."""
    dark = browser.new_page(viewport=TALL, color_scheme="dark")  # pyright: ignore[reportArgumentType]
    dark.goto(study)
    take(dark, "study-dark", photos=photos)
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)  # pyright: ignore[reportArgumentType]
    phone.goto(study)
    take(phone, "study-phone", photos=photos)


def main(photos: Path | None) -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder) / "home", slots=1)
        fill(settings, STUDIES)
        settings = settings.model_copy(update={"runs_folder": train_runs(settings)})
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        with ending(Service(settings)) as service:
            page = browser.new_page(viewport=WIDE)  # pyright: ignore[reportArgumentType]
            for name, address in PICTURES.items():
                if photos and name in PHOTOS:
                    continue
                page.set_viewport_size(TALL if name in ("study", "run") else WIDE)  # pyright: ignore[reportArgumentType]
                page.goto(service.url + address)
                take(page, name)
            if not photos:
                take_views(browser, f"{service.url}/studies/digits", photos=False)
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
        if photos:
            take_photos(browser, Settings(home=Path(folder) / "photos", slots=1), photos)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
