"""Options for reading dataset sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from memscore.arguments import check_fields
from memscore.counted import counted
from memscore.errors import InvalidInput

T = TypeVar("T")


class Track(Protocol):
    """Yields files one by one and shows progress with the given description."""

    def __call__(self, files: Sequence[T], doing: str, /) -> Iterable[T]:
        """The files, in their order."""
        ...


def unseen(files: Sequence[T], doing: str, /) -> Iterable[T]:
    """The files, without showing progress."""
    return files


ROLES = ("label", "split", "image", "text", "id", "group")
"""What a column of a table can be, besides a feature."""
FLAGS = {"root": "--root", "classes": "--classes", "resize": "--resize", "test_share": "--test-share"}
FLAGS |= {role: f"--{role}" for role in ROLES}


@dataclass(frozen=True)
class SourceOptions:
    """Options of a source; None means not given.

    `root` is the folder of a published dataset's files, `classes` the number of classes to keep, `resize` the side of
    the images in pixels, `test_share` the share of samples for the test set. `downloads` is the folder for files
    without `root`, also for downloading; `track` shows progress. The others name columns of a table: `label` has the
    classes, `split` says which rows are for training and which for testing, `image` has the paths or the bytes of
    images, `text` is shown, `id` names the samples, `group` says which belong together. `files`:
    whether a table may name files of images, which one from elsewhere must not. Raises InvalidInput for an invalid
    value.
    """

    root: Path | None = None
    classes: int | None = None
    resize: int | None = None
    test_share: float | None = None
    downloads: Path | None = None
    track: Track = unseen
    label: str | None = None
    split: str | None = None
    image: str | None = None
    text: str | None = None
    id: str | None = None
    group: str | None = None
    files: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        if self.classes is not None and self.classes < 2:
            raise InvalidInput(f"--classes must be at least 2, not {self.classes}.")
        if self.resize is not None and not 1 <= self.resize <= 4096:
            raise InvalidInput(f"--resize must be between 1 and 4096 pixels, not {self.resize}.")
        if self.test_share is not None and not 0 < self.test_share < 1:
            raise InvalidInput(f"--test-share must be between 0 and 1, not {self.test_share:g}.")

    def described(self, source: str) -> str:
        """The source's name with the options that change its images."""
        words = [source]
        if self.classes is not None:
            words.append(f"first {counted(self.classes, 'class')}")
        if self.resize is not None:
            words.append(f"resized to {self.resize}x{self.resize}")
        if self.test_share is not None:
            words.append(f"{self.test_share:g} of each class as the test set")
        return ", ".join(words)

    def refuse_all_but(self, source: str, allowed: tuple[str, ...]) -> None:
        """Raise InvalidInput if an option is given that the source does not support."""
        for name, flag in FLAGS.items():
            if getattr(self, name) is not None and name not in allowed:
                takes = ", ".join(FLAGS[one] for one in allowed) or "none"
                raise InvalidInput(f"{flag} does not apply to the source {source}; its options: {takes}.")
