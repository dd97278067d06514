"""Check of the settings: which variables are set, and whether their values are valid and their names known."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from memscore import settings as settings_module
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, warning
from memscore.settings import PREFIX
from memscore.store.database import shown_url

SECRET = frozenset(("RAY_AUTH_TOKEN", "MEMSCORE_KEY", "MEMSCORE_KEY_PEPPER"))


def check(context: Context) -> Iterator[Diagnosis]:
    """Check all variables that are set; secrets are not shown."""
    given, known = settings_module.given(), settings_module.known()
    _, complaints = settings_module.load_possible()
    for complaint in complaints:
        yield problem("settings", complaint, "correct that variable, or unset it; docs/settings.md lists them all")
    unknown = sorted(given.keys() - known)
    for name in unknown:
        close = get_close_matches(name.removeprefix(PREFIX), (one.removeprefix(PREFIX) for one in known), 1)
        yield warning(
            "settings",
            f"{name} is not a known setting",
            f"did you mean {PREFIX}{close[0]}?" if close else "unset it; docs/settings.md lists all variables",
        )
    set_here = ", ".join(f"{name}={_shown(name, given[name])}" for name in sorted(given) if name in known)
    if not complaints:
        yield ok("settings", set_here or "no variable is set, so all settings have their defaults")


def _shown(name: str, value: str) -> str:
    if name in SECRET:
        return "***"
    if name == "MEMSCORE_DATABASE_URL":
        try:
            return shown_url(make_url(value))
        except ArgumentError:
            return "(not a URL)"
    return value
