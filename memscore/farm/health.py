"""Health checks of containers: `python -m memscore.farm.health dispatcher`, or `ray-head`; status 1 prints the problem.

dispatcher: one leads. Of several, the others stand by without a trace, so their check reports the leader's state.
ray-head: the head node is alive. Its dashboard may answer without it, and `ray start --block` may keep running.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from memscore import settings as settings_module
from memscore.errors import MemscoreError
from memscore.farm.ray_jobs import RayJobsLauncher
from memscore.settings import Settings
from memscore.store import leadership, open_database
from memscore.store.migrate import require_current


def dispatcher_trouble(settings: Settings) -> str | None:
    """One sentence if no dispatcher leads, or None. Raises StoreError if the database cannot be used."""
    database = open_database(settings.database, create=False)
    try:
        require_current(database)
        with database.reading() as connection:
            leader = leadership.current(connection, leadership.LEADER)
    finally:
        database.close()
    if leader is None or leader.seconds_left < 0:
        return "No dispatcher leads."
    return None


def head_trouble(settings: Settings) -> str | None:
    """One sentence on why the head at `settings.ray_url` accepts no drivers, or None."""
    return RayJobsLauncher(settings).unavailable()


CHECKS: dict[str, Callable[[Settings], str | None]] = {"dispatcher": dispatcher_trouble, "ray-head": head_trouble}


def main(arguments: list[str]) -> int:
    """Run the check named by the only argument; returns the exit status."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"Give one of: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    try:
        trouble = CHECKS[arguments[0]](settings_module.load())
    except MemscoreError as error:
        trouble = str(error)
    if trouble is not None:
        print(trouble, file=sys.stderr)
    return int(trouble is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
