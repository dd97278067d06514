"""Render the API reference from the docstrings into build/api-reference.

python scripts/api_reference.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pdoc
import pdoc.doc
import pdoc.render
from pdoc import _pydantic
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import memscore
from memscore import client

PUBLIC = (
    "memscore",
    "memscore.client",
    "memscore.errors",
    "memscore.messages",
    "memscore.scores",
    "memscore.study.spec",
    "memscore.study.recipes",
    "memscore.exchange",
    "memscore.datasets",
    "memscore.learning.networks",
    "memscore.settings",
    "memscore.workflows",
    "memscore.notebook",
    "memscore.sampling",
    "trainer.sampling",
    "trainer.methods",
    "trainer.attacks",
    "trainer.evaluation",
    "trainer.config",
    "trainer.run",
)
"""What users import: packages include their modules, unless `__all__` leaves them out."""

ARRAY = re.compile(r"numpy\.ndarray\[tuple\[Any, \.\.\.\], numpy\.dtype\[((?:[^][]|\[\w+\])+)\]\]")
UNPACKED = re.compile(r"\*<class '([\w.]+)'>")
CONSTRAINED = re.compile(r"Annotated\[(.+?), (?:\w+\(.*?\), )?FieldInfo\(.*?\)\]\)\]")  # pydantic's checks

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "build" / "api-reference"


def main() -> None:
    """Render the pages and print the path of the first."""
    for module in (memscore, client):  # they import their names on first use, so pdoc would not find them
        for name in module.__all__:
            setattr(module, name, getattr(module, name))
    pdoc.doc._remove_collections_abc = _plainly(pdoc.doc._remove_collections_abc)
    _pydantic.default_value = _default
    pdoc.render.configure(footer_text=f"memscore {memscore.__version__}", template_directory=HERE / "templates")
    pdoc.pdoc(*PUBLIC, output_directory=OUTPUT)
    print(OUTPUT / "index.html")


def _plainly(shortened: Callable[[str], str]) -> Callable[[str], str]:
    """Extend pdoc's shortening of an annotation's text, so that it reads as in the source."""

    def plain(annotation: str) -> str:
        text = shortened(annotation).replace("typing.", "")
        return CONSTRAINED.sub(r"\1", UNPACKED.sub(r"Unpack[\1]", ARRAY.sub(r"NDArray[\1]", text)))

    return plain


def _default(parent: object, name: str, value: Any) -> Any:
    """The value shown for a class's attribute: for a model's field its default, if it has one."""
    if not (isinstance(parent, type) and issubclass(parent, BaseModel) and name in parent.model_fields):
        return value
    field = parent.model_fields[name]
    return inspect.Signature.empty if field.default is PydanticUndefined else field.default


if __name__ == "__main__":
    main()
