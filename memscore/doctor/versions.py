"""Check of the installed packages: versions and compatibility."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

import memscore
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, warning

OLDEST_PYTHON = (3, 11)
SHOWN = ("torch", "torchvision", "ray", "numpy", "sqlalchemy", "alembic", "psycopg", "fastapi", "uvicorn", "pydantic")
OF_JOBS = ("ray", "torch", "torchvision")  # needed only on hosts that run jobs


def check(context: Context) -> Iterator[Diagnosis]:
    """Check Python, the packages and their requirements, without importing them."""
    here = ", ".join(f"{name} {version}" for name in SHOWN if (version := installed(name)))
    yield ok("versions", f"memscore {memscore.__version__}, Python {platform.python_version()}, {here}")
    if sys.version_info < OLDEST_PYTHON:
        yield problem("Python", f"version {platform.python_version()} is too old", "install Python 3.11 or newer")
    missing, unfit = unmet(["memscore", *SHOWN])
    elsewhere = [name for name in missing if name in OF_JOBS and context.settings.launcher != "local"]
    missing = [name for name in missing if name not in elsewhere]
    if missing:
        yield warning("packages", f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    for sentence in unfit:
        yield problem("packages", sentence, "install the versions of requirements.lock: make setup")


def installed(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def unmet(names: list[str]) -> tuple[list[str], list[str]]:
    """Missing requirements of packages, and sentences on installed versions that do not meet the requirements."""
    missing, unfit = set[str](), list[str]()
    for name in names:
        if not installed(name):
            continue
        for line in metadata.requires(name) or []:
            try:
                needed = Requirement(line)
            except InvalidRequirement:
                continue
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            version = installed(needed.name)
            if version is None:
                missing.add(needed.name)
            elif not needed.specifier.contains(version, prereleases=True):
                unfit.append(
                    f"{name} {installed(name)} needs {needed.name}{needed.specifier}, but {version} is installed"
                )
    return sorted(missing), unfit
