"""Names of a study's samples and classes, asked of the application or a service, for the tables of commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from memscore import naming
from memscore.client import Client
from memscore.errors import NotFound

Split = Literal["train", "test"]
SPLITS: tuple[Split, Split] = ("train", "test")
MANY = 5_000
"""Samples from which the names of the whole part are asked for at once."""


@dataclass(frozen=True)
class Names:
    """Names of classes, of those samples that have an id or a file of their own, and of the samples' classes."""

    classes: tuple[str, ...] = ()
    samples: Mapping[tuple[Split, int], str] = field(default_factory=dict[tuple[Split, int], str])
    labels: Mapping[tuple[Split, int], int] = field(default_factory=dict[tuple[Split, int], int])

    @classmethod
    def of(cls, client: Client, study: str, train: Iterable[int] = (), test: Iterable[int] = ()) -> Names:
        """The names of a study's classes and of these samples."""
        dataset = client.dataset(client.study(study).dataset)
        names = Names(dataset.class_names, {}, {})
        for split, some in zip(SPLITS, (train, test), strict=True):
            names = names._with(client, dataset.name, split, sorted(set(some)))
        return names

    def _with(self, client: Client, dataset: str, split: Split, wanted: list[int]) -> Names:
        """These names and those of samples of one part."""
        if not wanted:
            return self
        labels: dict[int, int] = {}
        try:
            if len(wanted) > MANY:
                every = client.sample_names(dataset, split)
                found = {} if every is None else {index: every[index] for index in wanted}
            else:
                samples = client.samples(dataset, wanted, split)
                found = {one.index: one.name for one in samples}
                labels = {one.index: one.label for one in samples}
        except NotFound:  # of a service that does not have the dataset's files, or is too old to know names
            return self
        own = {
            (split, index): naming.legible(name) for index, name in found.items() if name and name != f"{split} {index}"
        }
        return replace(
            self,
            samples={**self.samples, **own},
            labels={**self.labels, **{(split, index): label for index, label in labels.items()}},
        )

    def class_name(self, label: int | None) -> str:
        """The name of a class, a dash for None."""
        return "-" if label is None else naming.class_name(self.classes, label)

    def has(self, split: Split) -> bool:
        """Whether any sample of a part has a name."""
        return any(one == split for one, _ in self.samples)

    def sample(self, split: Split, index: int) -> str:
        """The sample's name, or else its index."""
        return self.samples.get((split, index), str(index))

    def numbered(self, split: Split, index: int) -> str:
        """The sample's index, followed by its name if it has one."""
        name = self.samples.get((split, index))
        return str(index) if name is None else f"{index} {name}"

    def fields(self, split: Split, index: int, field_name: str = "name") -> dict[str, str]:
        """The sample's name as a field, none without one."""
        name = self.samples.get((split, index))
        return {} if name is None else {field_name: name}

    def class_fields(self, split: Split, index: int, field_name: str = "class_name") -> dict[str, str]:
        """The name of the sample's class as a field, none if it is not known."""
        label = self.labels.get((split, index))
        return {} if label is None else {field_name: self.class_name(label)}

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of training samples with `name` after the index if any has one, and names after label and suggested."""
        named = self.has("train")
        found: list[dict[str, Any]] = []
        for row in rows:
            made: dict[str, Any] = {}
            for key, value in row.items():
                made[key] = value
                if key == "index" and named:
                    made["name"] = self.samples.get(("train", value))
                elif key == "label":
                    made["class_name"] = self.class_name(value)
                elif key == "suggested":
                    made["suggested_name"] = None if value is None else self.class_name(value)
            found.append(made)
        return found
