"""The command line: one command, `memscore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memscore.launch import launch

if TYPE_CHECKING:
    from memscore.cli.program import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error meant for the user prints one sentence and exits with status 1."""
    launch("memscore.cli.program")


def __getattr__(name: str) -> Any:
    """Import the commands on first use: the import is slow, and `main` must handle Ctrl-C by then."""
    if name == "app":
        from memscore.cli.program import app

        return app
    raise AttributeError(f"module 'memscore.cli' has no attribute {name!r}")
