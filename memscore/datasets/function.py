"""Datasets from a user's function, named as package.module:function."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from memscore.datasets.dataset import Dataset
from memscore.datasets.frames import dataset_of
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset, MemscoreError
from memscore.signals import pass_on


def load_function(name: str, options: SourceOptions) -> Dataset:
    """The dataset that a function without arguments returns, in any form that `frames.dataset_of` takes.

    Its module may be in the current folder. Raises InvalidDataset with the reason.
    """
    found = _found(name)
    if callable(found) and not hasattr(found, "__getitem__"):
        try:
            found = found()
        except MemscoreError:
            raise
        except (Exception, SystemExit) as error:
            pass_on(error)
            raise InvalidDataset(
                f"{name}() raises {type(error).__name__}: {' '.join(str(error).split())[:300] or 'no message'}"
            ) from error
    if found is None:
        raise InvalidDataset(
            f"{name} returns nothing; it must return a dataset, a table, or a pair for train and test."
        )
    return dataset_of(found, source=f"torch:{name}", options=options)


def _found(name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise InvalidDataset(f"{name!r} does not name a function; write torch:package.module:function.")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        importlib.invalidate_caches()
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InvalidDataset(
            f"{module_name} cannot be imported ({error}); go to its folder, or install it, or set PYTHONPATH."
        ) from error
    except (Exception, SystemExit) as error:
        pass_on(error)
        raise InvalidDataset(f"Importing {module_name} raises {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)  # last: for what the module imports later
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise InvalidDataset(f"{module_name} has no function {attribute}; correct the name.")
    return found
