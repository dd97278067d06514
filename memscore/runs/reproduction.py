"""Reproduced figures and tables of the paper, from their folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from memscore.errors import Damaged, NotFound
from memscore.messages.runs import ReproducedClaim, ReproducedItem, ReproductionDetail, ReproductionVerdict
from memscore.runs.contents import read_bytes, read_json, read_object
from memscore.runs.finding import items_of
from memscore.runs.layout import CLAIMS, ITEMS, MADE, PAGE, VERDICTS
from memscore.texts import harmless
from memscore.validation import sentence

PICTURE = ".png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
VERDICTS_OF = TypeAdapter(list[ReproductionVerdict])
CLAIMS_OF = TypeAdapter(list[ReproducedClaim])


def reproduction_of(folder: Path, path: str) -> ReproductionDetail:
    """All items in a folder, and the paper's claims if they were decided. Raises Damaged if those cannot be read."""
    try:
        claims = CLAIMS_OF.validate_python(read_json(folder / CLAIMS))
    except FileNotFoundError:
        claims = []
    except ValidationError as error:
        raise Damaged(f"{CLAIMS} cannot be read ({sentence(error)}).") from error
    return ReproductionDetail(path=path, claims=claims, items=[_item(one) for one in items_of(folder)])


def picture_of(folder: Path, item: str, name: str) -> bytes:
    """A picture of an item, a PNG. Raises NotFound, or Damaged if it is none."""
    there = next((one for one in items_of(folder) if one.name == item), None)
    if there is None or name not in _pictures(there):
        raise NotFound(f"The item {item!r} has no picture {name!r}.")
    try:
        content = read_bytes(there / f"{name}{PICTURE}")
    except FileNotFoundError as error:
        raise NotFound(f"The item {item!r} has no picture {name!r}.") from error
    if not content.startswith(SIGNATURE):
        raise Damaged(f"{ITEMS}/{item}/{name}{PICTURE} is no picture.")
    return content


def _item(folder: Path) -> ReproducedItem:
    about: dict[str, Any] = {"name": folder.name, "title": folder.name, "figures": _pictures(folder)}
    try:
        about["title"] = _title(folder) or folder.name
        made = read_object(folder / MADE)
        about |= {name: made[name] for name in ("shown", "command", "date", "device", "seeds") if name in made}
        about["verdicts"] = VERDICTS_OF.validate_python(read_json(folder / VERDICTS))
        return ReproducedItem(**about)
    except FileNotFoundError:
        problem = "one of its files is gone"
    except Damaged as error:
        problem = str(error)
    except ValidationError as error:
        problem = f"its files cannot be read ({sentence(error)})"
    return ReproducedItem(name=folder.name, title=folder.name, figures=about["figures"], problem=problem)


def _title(folder: Path) -> str | None:
    """The heading of its page."""
    try:
        first = read_bytes(folder / PAGE).decode(errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return None
    return harmless(first.removeprefix("# ")) if first.startswith("# ") else None


def _pictures(folder: Path) -> list[str]:
    return sorted(one.stem for one in folder.glob(f"*{PICTURE}") if not one.is_symlink())
