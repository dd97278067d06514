"""How much is drawn at random: little in `make test`, much in `make test-all`, which sets THOROUGH."""

import os


def examples(thorough: int, quick: int) -> int:
    """The number of examples of a property."""
    return thorough if os.environ.get("THOROUGH") else quick
