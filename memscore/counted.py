"""A number with its noun: 1 dataset, 2 classes, 1,437 training samples."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """The number with the noun, singular or plural: box and boxes, study and studies, sample and samples."""
    return f"{count:,} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("epoch"):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"
