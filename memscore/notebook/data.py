"""Registering what Python users hold: arrays, frames, tensors, datasets of any package, or the name of a source."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from memscore.datasets import SOURCES, SourceOptions
from memscore.datasets.columns import SampleColumns
from memscore.datasets.copies import with_findings
from memscore.datasets.dataset import Dataset
from memscore.datasets.frames import dataset_of
from memscore.datasets.options import ROLES
from memscore.datasets.storage import descriptions_in, put_back_descriptions
from memscore.errors import Conflict, InvalidInput, MemscoreError, NotFound
from memscore.notebook.application import Application
from memscore.store import datasets
from memscore.study.spec import NAME_PATTERN
from memscore.workflows.datasets import ensure_registered, load_named, register

Columns = SampleColumns | Mapping[str, Any]
"""Columns of the samples: a mapping describes the training samples alone."""


@dataclass(frozen=True)
class Given:
    """What a caller says of the data, besides the data."""

    labels: Any = None
    test: Any = None
    test_labels: Any = None
    test_share: float | None = None
    columns: Columns | None = None
    roles: Mapping[str, str] | None = None
    class_names: Sequence[str] | None = None
    seed: int = 0
    resize: int | None = None


@contextmanager
def registered(
    application: Application, data: Any, given: Given, name: str | None, on_note: Callable[[str], None]
) -> Generator[str]:
    """Register a dataset in the home folder, for a block that gets its name, by default one made of its fingerprint.

    If the block is refused before it posts a job, a dataset that was new is removed again: its name stays free for
    the data that the caller meant. Data that is stored under another name gets back the names of samples and other
    columns that it had. `on_note` is called with what reading a new dataset changed and found in it.
    Raises InvalidInput or InvalidDataset with one sentence, NotFound for an unknown source, Conflict if the name is
    taken.
    """
    before = _names(application)
    undo: list[Callable[[], object]] = []
    found = _registered(application, data, given, name, on_note, undo)
    try:
        yield found
    except (InvalidInput, Conflict, NotFound):
        with suppress(MemscoreError):
            for one in undo:
                one()
        if found not in before:
            with suppress(MemscoreError):  # by now a study may use it, or another process has removed it
                application.client.remove_dataset(found, confirm=found)
        raise


def _names(application: Application) -> set[str]:
    with application.database.reading() as connection:
        return {record.name for record in datasets.listing(connection)}


def _registered(
    application: Application,
    data: Any,
    given: Given,
    name: str | None,
    on_note: Callable[[str], None],
    undo: list[Callable[[], object]],
) -> str:
    """Register a dataset and return its name; `undo` gets what brings stored data back. Raises as `registered`."""
    if isinstance(data, str):
        return _of_source(application, data, given, name, on_note, undo)
    if isinstance(data, Dataset):
        _refuse(given, ("labels", "test", "test_labels", "test_share", "columns", "class_names"), "data is a Dataset")
    dataset = _dataset_of(data, given)
    name = name or f"data-{dataset.fingerprint[:8]}"
    if not re.match(NAME_PATTERN, name):
        raise InvalidInput(f"{name!r} is not a valid name: use at most 63 letters, digits, '.', '_' and '-'.")
    return _kept(application, name, dataset, on_note, undo)


def _dataset_of(data: Any, given: Given) -> Dataset:
    """The dataset of any Python objects. Raises InvalidInput or InvalidDataset."""
    test: Any = given.test
    test_labels = given.test_labels
    if isinstance(test, tuple) and test_labels is None and len(cast("tuple[Any, ...]", test)) == 2:
        test, test_labels = cast("tuple[Any, Any]", test)
    if isinstance(data, tuple) and isinstance(given.labels, tuple):
        raise InvalidInput(
            "data and labels are both tuples: give the training part as data and labels, and the test part as test and "
            "test_labels."
        )
    beside = given.labels is not None and not isinstance(given.labels, str)
    if test is not None and test_labels is None and beside:
        raise InvalidInput("test_labels is missing: give one label for each sample of test.")
    return dataset_of(
        data,
        given.labels,
        test,
        test_labels,
        options=options_of(given),
        class_names=given.class_names,
        columns=given.columns if isinstance(given.columns, SampleColumns) else SampleColumns(given.columns or {}),
        seed=given.seed,
    )


def _of_source(
    application: Application,
    source: str,
    given: Given,
    name: str | None,
    on_note: Callable[[str], None],
    undo: list[Callable[[], object]],
) -> str:
    """Register what a source names; a dataset that is registered already is used by its name."""
    _refuse(given, ("test", "test_labels", "columns", "class_names"), f"data names the source {source}")
    options = options_of(given, SourceOptions(downloads=application.settings.home / "downloads"))
    if given.labels is not None and not isinstance(given.labels, str):
        raise InvalidInput(f"data names the source {source}, which has its own: leave out labels, or name a column.")
    plain = ":" not in source and (given.labels, given.test_share, given.resize, given.roles or None) == (None,) * 4
    if plain and name in (None, source):
        try:
            return ensure_registered(application.database, application.settings, source).name
        except NotFound as error:
            raise NotFound(
                f"There is no dataset {source!r}: give arrays, the name of a registered dataset "
                f"({_known(application)}), or a source: {', '.join(SOURCES)}, npz:FILE, csv:FILE, folder:DIR and more."
            ) from error
    named, dataset = load_named(source, name, options)
    return _kept(application, named, dataset, on_note, undo)


def options_of(given: Given, options: SourceOptions = SourceOptions()) -> SourceOptions:
    """The options of a source or a table that the caller's arguments mean. Raises InvalidInput."""
    roles: dict[str, Any] = dict(given.roles or {})
    if unknown := sorted(set(roles) - set(ROLES)):
        raise InvalidInput(f"roles has {unknown[0]!r}; a column can be: {', '.join(ROLES)}.")
    if isinstance(given.labels, str):
        roles["label"] = given.labels
    return SourceOptions(downloads=options.downloads, test_share=given.test_share, resize=given.resize, **roles)


def _kept(
    application: Application,
    name: str,
    dataset: Dataset,
    on_note: Callable[[str], None],
    undo: list[Callable[[], object]],
) -> str:
    """Register a dataset, and look at a new one for copies first. Raises Conflict if the name is another's."""
    with application.database.reading() as connection:
        found = {record.name: record for record in datasets.listing(connection)}.get(name)
    if found is not None and found.fingerprint != dataset.fingerprint:
        raise Conflict(f"The name {name!r} belongs to another dataset; give another name, or none.")
    if found is None:
        dataset = with_findings(dataset)
        for text in dataset.notes:
            on_note(text)
    home = application.settings.home
    descriptions = descriptions_in(home, dataset.fingerprint)
    undo.append(lambda: put_back_descriptions(home, dataset.fingerprint, descriptions))
    return register(application.database, application.settings, name, dataset).name


def _known(application: Application) -> str:
    with application.database.reading() as connection:
        names = [record.name for record in datasets.listing(connection, 5)]
    return ", ".join(names) if names else "none yet"


def _refuse(given: Given, names: tuple[str, ...], why: str) -> None:
    unwanted = [name for name in names if getattr(given, name) is not None]
    if unwanted:
        raise InvalidInput(f"{why}, which has its own: leave out {', '.join(unwanted)}.")
