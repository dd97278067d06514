"""Every public name that the API reference shows has a docstring of its own."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from scripts.api_reference import PUBLIC


def with_modules(name: str) -> Iterator[str]:
    """A package and its modules, unless its `__all__` leaves these out."""
    module = importlib.import_module(name)
    yield name
    if hasattr(module, "__path__") and not hasattr(module, "__all__"):
        for found in pkgutil.iter_modules(module.__path__):
            yield from with_modules(f"{name}.{found.name}")


MODULES = [module for name in PUBLIC for module in with_modules(name)]


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The functions and classes that a module has for its users."""
    for name in getattr(module, "__all__", vars(module)):
        value = getattr(module, name)
        own = hasattr(module, "__all__") or getattr(value, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (inspect.isclass(value) or inspect.isroutine(value)):
            yield name, value


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines itself."""
    for name, value in vars(kind).items():
        if not name.startswith("_"):
            if isinstance(value, classmethod | staticmethod):
                yield name, value.__func__
            elif inspect.isroutine(value) or isinstance(value, property):
                yield name, value


def documented(value: Any) -> bool:
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    generated = dataclasses.is_dataclass(value) and (text or "").startswith(f"{getattr(value, '__name__', '')}(")
    return bool(text) and not generated


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name: str):
    module = importlib.import_module(name)
    assert module.__doc__, name
    missing: list[str] = []
    for label, value in public(module):
        if not documented(value):
            missing.append(label)
        if inspect.isclass(value) and not issubclass(value, enum.Enum):
            missing += [f"{label}.{part}" for part, member in members(value) if not documented(member)]
    assert missing == []


def test_what_a_user_meets_first_is_among_them():
    names = {f"{module}.{name}" for module in MODULES for name, _ in public(importlib.import_module(module))}
    assert {"memscore.Client", "memscore.AsyncClient", "memscore.ScoreTable", "memscore.PairsTable"} <= names
    assert {"memscore.errors.NotFound", "trainer.sampling.weighted_sampler", "trainer.evaluation.evaluate"} <= names
    assert any(module.startswith("memscore.workflows.") for module in MODULES)
