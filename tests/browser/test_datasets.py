"""Datasets in a browser: the first run, a published one by name, a file, samples, and what is refused."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from memscore.settings import Settings
from tests.browser.conftest import Troubles, require_accessible, require_narrow, settled
from tests.processes import Service, ending


@pytest.fixture
def empty(settings_of_sqlite: Settings) -> Generator[Service]:
    """A service that holds nothing yet, without a dispatcher."""
    with ending(Service(settings_of_sqlite, "--no-dispatch")) as started:
        yield started


def photos(folder: Path) -> Path:
    """An archive with images of two classes, in a folder of its own."""
    rng = np.random.default_rng(0)
    path = folder / "my photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cat", "dog"):
            for number in range(40):
                held = io.BytesIO()
                Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(held, "PNG")
                archive.writestr(f"photos/{name}/{number}.png", held.getvalue())
    return path


def test_an_empty_service_says_what_it_is_and_one_button_starts_a_study(empty: Service, page: Page):
    page.goto(empty.url)
    first = page.locator('[data-part="first-run"]')
    expect(first).to_contain_text("memorizes the rest")
    expect(first).to_contain_text("1.00 − 0.20 = 0.80")
    require_accessible(page)
    require_narrow(page)
    first.get_by_role("button", name="Try it: digits").click()
    expect(page).to_have_url(re.compile(r"/jobs/[0-9a-f]{16}$"))
    (job,) = httpx.get(f"{empty.url}/v1/jobs").json()["jobs"]
    assert (job["study_name"], job["target_trials"]) == ("digits", 100)
    page.goto(empty.url)
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()


def test_an_archive_of_images_becomes_a_dataset_with_its_samples(empty: Service, page: Page, tmp_path: Path):
    page.goto(f"{empty.url}/datasets")
    settled(page)
    require_accessible(page)
    page.get_by_label("File", exact=True).set_input_files(photos(tmp_path))
    expect(page.get_by_label("Name", exact=True)).to_have_value("my-photos")
    page.get_by_label("Share for testing").fill("0.25")
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(f"{empty.url}/datasets/my-photos")
    settled(page)
    expect(page.get_by_text("60 training samples and 20 test samples, 2 classes")).to_be_visible()
    expect(page.locator(".cards .card")).to_have_count(60)
    expect(page.locator('[data-index="59"]')).to_contain_text("dog")
    page.get_by_role("combobox", name="Part").select_option("test part")
    expect(page).to_have_url(re.compile("part=test$"))
    expect(page.locator(".cards .card")).to_have_count(20)
    require_accessible(page)
    require_narrow(page)
    page.get_by_role("link", name="Estimate scores").click()
    expect(page).to_have_url(re.compile(r"/jobs/new\?dataset=my-photos$"))


def test_a_published_dataset_is_added_by_its_name(empty: Service, page: Page):
    page.goto(f"{empty.url}/datasets")
    settled(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page).to_have_url(f"{empty.url}/datasets/digits")
    settled(page)
    expect(page.locator(".cards .card")).to_have_count(60)
    page.get_by_role("button", name="After").click()
    expect(page.locator('[data-index="60"]')).to_be_visible()
    page.reload()
    settled(page)
    expect(page.locator('[data-index="60"]')).to_be_visible()
    page.goto(f"{empty.url}/datasets")
    expect(page.locator('tr[data-name="digits"]')).to_contain_text("1,437")


def test_a_file_that_is_no_dataset_is_refused_in_a_sentence(
    empty: Service, page: Page, tmp_path: Path, troubles: Troubles
):
    troubles.expect("422")
    page.goto(f"{empty.url}/datasets")
    settled(page)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file that ends in")
    wrong = tmp_path / "wrong.npz"
    wrong.write_bytes(b"no arrays")
    page.get_by_label("File", exact=True).set_input_files(wrong)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong.npz")
    expect(page.get_by_role("alert")).not_to_contain_text("/tmp")


def test_tables_of_another_service_become_a_study(
    empty: Service, service: Service, page: Page, tmp_path: Path, troubles: Troubles
):
    troubles.expect("409")
    for name in ("pairs/table", "table"):
        answer = httpx.get(f"{service.url}/v1/studies/digits/{name}")
        (tmp_path / f"{name.replace('/', '-')}.npz").write_bytes(answer.content)
    httpx.post(f"{empty.url}/v1/datasets", json={"source": "digits"}).raise_for_status()
    page.goto(f"{empty.url}/datasets/digits")
    settled(page)
    page.get_by_text("Import scores made elsewhere").click()
    require_accessible(page)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_have_text("Choose a file that ends in .npz.")
    page.get_by_label("Files").set_input_files([tmp_path / "pairs-table.npz", tmp_path / "table.npz"])
    page.get_by_label("Name of the study").fill("brought")
    page.get_by_role("button", name="Import").click()
    expect(page).to_have_url(f"{empty.url}/studies/brought")
    settled(page)
    expect(page.get_by_text("Imported scores from 40 trials elsewhere, of 1,437 training")).to_be_visible()
    expect(page.get_by_role("button", name="Held-out accuracy")).to_be_visible()
    pairs = [
        httpx.get(f"{one.url}/v1/studies/{name}/pairs").json()
        for one, name in ((service, "digits"), (empty, "brought"))
    ]
    assert pairs[0]["matching"] == pairs[1]["matching"] > 0
    assert pairs[0]["pairs"][0] == pairs[1]["pairs"][0]


def test_tables_of_another_dataset_are_refused_in_a_sentence(
    empty: Service, service: Service, page: Page, tmp_path: Path, troubles: Troubles
):
    troubles.expect("409")
    (tmp_path / "table.npz").write_bytes(httpx.get(f"{service.url}/v1/studies/digits/table").content)
    query = {"name": "photos", "format": "zip"}
    sent = httpx.post(f"{empty.url}/v1/datasets/import", params=query, content=photos(tmp_path).read_bytes())
    sent.raise_for_status()
    page.goto(f"{empty.url}/datasets/photos")
    settled(page)
    page.get_by_text("Import scores made elsewhere").click()
    page.get_by_label("Files").set_input_files(tmp_path / "table.npz")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("The scores belong to a different dataset from 'photos'")
    assert httpx.get(f"{empty.url}/v1/studies").json()["studies"] == []
