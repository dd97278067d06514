"""Which samples of a dataset were forgotten: overwritten on request, while their labels and scores stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from memscore.counted import counted
from memscore.datasets.columns import Split
from memscore.errors import Gone

INSTEAD = {"images": "This image was removed on request.", "features": "This sample was removed on request."}
"""What stands in place of a forgotten sample, by the kind of its dataset."""


@dataclass(frozen=True)
class Forgotten:
    """The forgotten samples of both parts by index, ascending."""

    train: tuple[int, ...] = ()
    test: tuple[int, ...] = ()

    @classmethod
    def of(cls, train: Iterable[int], test: Iterable[int]) -> Forgotten:
        """These samples, each once."""
        return cls(tuple(sorted(set(train))), tuple(sorted(set(test))))

    def __len__(self) -> int:
        return len(self.train) + len(self.test)

    def __or__(self, other: Forgotten) -> Forgotten:
        return Forgotten.of((*self.train, *other.train), (*self.test, *other.test))

    def __sub__(self, other: Forgotten) -> Forgotten:
        return Forgotten.of({*self.train} - {*other.train}, {*self.test} - {*other.test})

    def part(self, split: Split) -> tuple[int, ...]:
        """The samples of one part."""
        return self.train if split == "train" else self.test

    def among(self, split: Split, indices: Collection[int]) -> list[int]:
        """The places in `indices` that are forgotten samples of a part."""
        gone = frozenset(self.part(split))
        return [place for place, index in enumerate(indices) if index in gone]

    def has(self, split: Split, index: int) -> bool:
        """Whether a sample was forgotten."""
        return index in self.part(split)

    def require(self, dataset: str, split: Split, index: int) -> None:
        """Raises Gone if a sample of the dataset of this name was forgotten."""
        if self.has(split, index):
            raise Gone(
                f"The content of {split} sample {index} of dataset {dataset!r} was removed on request; its label and "
                "its scores stay."
            )


NONE = Forgotten()


def described(forgotten: Forgotten) -> str:
    """Samples in words: 2 training samples and 1 test sample."""
    parts = {"training sample": len(forgotten.train), "test sample": len(forgotten.test)}
    return " and ".join(counted(number, kind) for kind, number in parts.items() if number)
