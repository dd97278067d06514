"""docs/settings.md against the settings: the page is the generated one, and it lists every variable."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from memscore.settings import Settings, known

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "settings.md").read_text()


def test_the_page_is_the_generated_one():
    generated = runpy.run_path(str(DOCS / "tables" / "settings.py"))["page"]()
    assert generated == PAGE, "run `python docs/tables/settings.py`"


def test_every_setting_is_listed_once_with_its_meaning():
    rows = re.findall(r"^\| `(\w+)` \| .+ \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(known())
    assert all(field.description for field in Settings.model_fields.values())
