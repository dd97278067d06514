"""Registered datasets and their images."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from fastapi import Path as InPath
from fastapi.openapi.models import Example

from api import errors
from api.dependencies import (
    RENAMED,
    ActorOf,
    Confirm,
    DatabaseOf,
    DatasetInPath,
    DropTables,
    DryRun,
    HomeOf,
    IndexInPath,
    KeyName,
)
from api.file_answers import PNG, ConditionsOf, Representation
from api.paging import Cursor, Limit, cursor_of, values_of
from api.uploads import Upload
from memscore.counted import counted
from memscore.datasets import SOURCES, SourceOptions, load_source
from memscore.datasets.copies import with_findings
from memscore.datasets.dataset import Dataset, kind_of
from memscore.datasets.forgotten import NONE, Forgotten
from memscore.datasets.storage import COLUMN_FILES, DESCRIPTION, folder_of, open_dataset
from memscore.datasets.uploaded import load_uploaded
from memscore.errors import Conflict, Damaged, InvalidDataset, InvalidInput, NotFound
from memscore.messages.datasets import (
    DatasetDetail,
    DatasetMessage,
    DatasetRequest,
    Datasets,
    KnownDatasets,
    UploadFormat,
)
from memscore.messages.removal import DatasetRemoved, NewName, SamplesForgotten
from memscore.store import Database, datasets, forgetting, forgotten, registering, removal
from memscore.store.datasets import DatasetRecord
from memscore.study.spec import NAME_PATTERN

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
sources = APIRouter(prefix="/v1/sources", tags=["datasets"])

PNG_RESPONSES = {**PNG, **errors.documented(410)}
DIGITS: dict[str, Example] = {"digits": {"summary": "scikit-learn's digits", "value": {"source": "digits"}}}
OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
MOST_IMAGES = 500  # samples named in one request
INDICES = f"^[0-9]{{1,9}}(,[0-9]{{1,9}}){{0,{MOST_IMAGES - 1}}}$"
ForgottenIndices = Annotated[
    str,
    Query(
        max_length=5000,
        description=f"indices of at most {MOST_IMAGES} samples to forget, separated by commas",
        examples=["17,4,23"],
        json_schema_extra={"pattern": INDICES},
    ),
]
A_MINUTE = "private, max-age=60"  # then the tag is compared: a removed dataset may give its name to another


@router.get("", operation_id="list_datasets")
def list_datasets(database: DatabaseOf, limit: Limit = 100, cursor: Cursor = None) -> Datasets:
    """Registered datasets, sorted by name."""
    (after,) = (None,) if cursor is None else values_of(cursor, str)
    with database.reading() as connection:
        found = datasets.listing(connection, limit + 1, after)
    further = cursor_of(found[limit - 1].name) if len(found) > limit else None
    return Datasets(datasets=[_message(record) for record in found[:limit]], next=further)


@router.post("", operation_id="add_dataset", status_code=201, responses=errors.documented(404, 409))
def add_dataset(
    database: DatabaseOf,
    home: HomeOf,
    actor: ActorOf,
    request: Annotated[DatasetRequest, Body(openapi_examples=DIGITS)],
) -> DatasetMessage:
    """Register a published dataset by its name. What is registered already stays as it is.

    The digits come with memscore. The files of the others are taken from the service's folder for downloads, or
    downloaded, which takes minutes. Needs the scope write.
    """
    if request.source not in SOURCES:
        raise NotFound(f"There is no published dataset {request.source!r}; known are: {', '.join(SOURCES)}.")
    with database.reading() as connection, suppress(NotFound):
        return _message(datasets.by_name(connection, request.source))
    with _of_rest():
        dataset = with_findings(_published(request.source, home))
        record = registering.register(database, home, request.source, dataset)
    log.info("%s added the dataset %s", actor, record.name)
    return _message(record)


@router.post(
    "/import",
    operation_id="import_dataset",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "a file in one of the formats",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses=errors.documented(409),
)
def import_dataset(
    database: DatabaseOf,
    home: HomeOf,
    actor: ActorOf,
    upload: Upload,
    name: Annotated[str, Query(pattern=NAME_PATTERN, description="name of the dataset")],
    format: Annotated[
        UploadFormat, Query(description="`zip`: an archive with a folder of images for each class")
    ] = "npz",
    label: Annotated[str | None, Query(max_length=200, description="column of the classes, in a table")] = None,
    resize: Annotated[
        int | None, Query(ge=1, le=4096, description="side of the images in pixels, if these differ in size")
    ] = None,
    test_share: Annotated[
        float | None, Query(gt=0, lt=1, description="share of each class for the test part, if the file has none")
    ] = None,
) -> DatasetMessage:
    """Register a dataset from a file. A repeated import changes nothing. Needs the scope write."""
    registering.require_free_name(name)
    options = SourceOptions(label=label, resize=resize, test_share=test_share)
    with _of_rest():
        dataset = with_findings(load_uploaded(upload, format, options, name=name))
        record = registering.register(database, home, name, dataset)
    log.info("%s imported the dataset %s", actor, record.name)
    return _message(record)


@sources.get("", operation_id="list_sources")
def list_sources() -> KnownDatasets:
    """The names of published datasets that can be registered."""
    return KnownDatasets(sources=sorted(SOURCES))


@router.get("/{name}", operation_id="get_dataset", responses=errors.documented(404))
def get_dataset(database: DatabaseOf, home: HomeOf, name: DatasetInPath) -> DatasetDetail:
    """One dataset, with the indices of deliberately flipped labels, and what reading the data changed."""
    with database.reading() as connection:
        record = datasets.by_name(connection, name)
        gone = forgotten.of(connection, record.fingerprint)
    try:
        notes = arrays_of(home, record.fingerprint).notes
    except (NotFound, Damaged):  # this machine has not its arrays; the rest is known all the same
        notes = ()
    return DatasetDetail(
        **_message(record).model_dump(),
        flipped_indices=list(record.flipped),
        forgotten_train=list(gone.train),
        forgotten_test=list(gone.test),
        notes=list(notes),
    )


@router.patch("/{name}", operation_id="rename_dataset", responses=errors.documented(404, 409))
def rename_dataset(
    database: DatabaseOf,
    drop_tables: DropTables,
    actor: ActorOf,
    name: DatasetInPath,
    request: Annotated[NewName, RENAMED],
) -> DatasetMessage:
    """Give a dataset another name; its studies stay. Needs the scope admin."""
    with database.writing() as connection:
        record = datasets.rename(connection, name, request.name)
    drop_tables()
    log.info("%s renamed the dataset %s to %s", actor, name, record.name)
    return _message(record)


@router.delete("/{name}", operation_id="remove_dataset", responses=errors.documented(404, 409))
def remove_dataset(
    database: DatabaseOf,
    home: HomeOf,
    actor: ActorOf,
    name: DatasetInPath,
    confirm: Confirm = None,
    dry_run: DryRun = False,
) -> DatasetRemoved:
    """Remove a dataset and its files, which no study may use. Needs the scope admin."""
    removed = removal.remove_dataset(database, home, name, confirm=confirm, dry_run=dry_run)
    if not dry_run:
        _opened.cache_clear()  # or the disk would keep the removed arrays while they are mapped
        log.info("%s removed the dataset %s", actor, removed.name)
    return DatasetRemoved(removed=not dry_run, **asdict(removed))


@router.delete("/{name}/samples", operation_id="forget_samples", responses=errors.documented(404, 409))
def forget_samples(
    database: DatabaseOf,
    home: HomeOf,
    drop_tables: DropTables,
    key_name: KeyName,
    actor: ActorOf,
    name: DatasetInPath,
    train: ForgottenIndices = "",
    test: ForgottenIndices = "",
    confirm: Confirm = None,
    dry_run: DryRun = False,
) -> SamplesForgotten:
    """Overwrite samples of a dataset, of which only labels and scores stay. Needs the scope admin."""
    parts = {"train": train, "test": test}
    wanted = Forgotten.of(*(indices_in(text, name) if text else () for name, text in parts.items()))
    told = forgetting.forget(database, home, name, wanted, confirm=confirm, dry_run=dry_run, key_name=key_name)
    if not dry_run:
        drop_tables()  # they have the samples' names
        log.info("%s had %s of the dataset %s forgotten", actor, counted(len(wanted), "sample"), told.name)
    return SamplesForgotten.model_validate({"forgotten": not dry_run, **asdict(told)})


@router.get(
    "/{name}/{split}/{index}/image.png", operation_id="get_image", responses=PNG_RESPONSES, response_class=Response
)
def get_image(
    database: DatabaseOf,
    home: HomeOf,
    conditions: ConditionsOf,
    name: DatasetInPath,
    split: Annotated[Literal["train", "test"], InPath(description="training or test samples", examples=["train"])],
    index: IndexInPath,
    scale: Annotated[int, Query(ge=1, le=16, description="pixels per pixel of the image, along each side")] = 1,
) -> Response:
    """The image of one sample."""
    record, gone = found(database, name)
    require_image(record, split, index)
    gone.require(name, split, index)
    dataset = arrays_of(home, record.fingerprint)
    dataset.forgotten.require(name, split, index)  # which the files may know alone
    payload = _png(dataset, split, index, scale)
    filename = f"{record.name}-{split}-{index}.png"
    return Representation.of(payload, filename, "image/png").answer(conditions, A_MINUTE, inline=True)


def found(database: Database, name: str) -> tuple[DatasetRecord, Forgotten]:
    """A dataset, and its forgotten samples. Raises NotFound."""
    with database.reading() as connection:
        record = datasets.by_name(connection, name)
        return record, forgotten.of(connection, record.fingerprint) if record.forgotten else NONE


def indices_in(text: str, parameter: str = "indices") -> list[int]:
    """The indices in a query's parameter. Raises InvalidInput."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise InvalidInput(
            f"{parameter}: give whole numbers below 1,000,000,000, separated by commas, such as 17,4,123."
        )
    if len(parts) > MOST_IMAGES:
        raise InvalidInput(
            f"{parameter}: {len(parts)} samples are too many for one request; name at most {MOST_IMAGES}."
        )
    return [int(part) for part in parts]


def require_image(record: DatasetRecord, split: Literal["train", "test"], index: int) -> None:
    """Raises NotFound unless the dataset has this sample, and it is an image."""
    images = kind_of(record.image_shape) == "images"
    require_sample(record, split, index, "image" if images else "sample")
    if not images:
        raise NotFound(
            f"Dataset {record.name!r} has features, not images; their texts and columns are at "
            f"/v1/datasets/{record.name}/{split}/samples."
        )


def require_sample(record: DatasetRecord, split: Literal["train", "test"], index: int, kind: str = "sample") -> None:
    """Raises NotFound unless the dataset has this sample."""
    samples = record.train_samples if split == "train" else record.test_samples
    if not samples:
        raise NotFound(f"Dataset {record.name!r} has no test part.")
    if not 0 <= index < samples:
        raise NotFound(f"Dataset {record.name!r} has no {split} {kind} {index}; indices go from 0 to {samples - 1}.")


def arrays_of(home: Path, fingerprint: str) -> Dataset:
    """A dataset's arrays, mapped from their files. Raises NotFound if these were removed, or Damaged."""
    folder = folder_of(home, fingerprint)
    return _opened(home, fingerprint, tuple(_version(folder / name) for name in (DESCRIPTION, *COLUMN_FILES.values())))


def _version(file: Path) -> tuple[int, int]:
    """What changes when a file is replaced."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns


@lru_cache(maxsize=16)
def _opened(home: Path, fingerprint: str, version: tuple[tuple[int, int], ...]) -> Dataset:
    """The arrays in a folder; `version` changes if it is created again, or its columns and notes are replaced."""
    return open_dataset(home, fingerprint)


def _png(dataset: Dataset, split: Literal["train", "test"], index: int, scale: int) -> bytes:
    from PIL import Image

    pixels = (dataset.x_train if split == "train" else dataset.x_test)[index]
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :4])
    if scale > 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _published(source: str, home: Path) -> Dataset:
    """A published dataset, from the folder for downloads or downloaded. Raises InvalidDataset."""
    try:
        return load_source(source, SourceOptions(downloads=home / "downloads"))
    except InvalidDataset as error:
        log.warning("the dataset %s cannot be added: %s", source, error)
        raise InvalidDataset(
            f"The service has no usable files of {source} and cannot download them; add it on the service's machine, "
            f"from a folder that has them: memscore datasets add {source} --root DIR"
        ) from error


@contextmanager
def _of_rest() -> Generator[None]:
    """Errors of reading data speak of fields, `label`, instead of options, `--label`; commands stay as they are."""
    try:
        yield
    except (Conflict, InvalidDataset, InvalidInput) as error:
        text, command, rest = str(error).partition("memscore datasets add ")
        fields = OPTION.sub(lambda flag: flag[1].replace("-", "_"), text)
        error.args = (f"{fields}{command}{rest}", *error.args[1:])
        raise


def _message(record: DatasetRecord) -> DatasetMessage:
    return DatasetMessage(
        name=record.name,
        fingerprint=record.fingerprint,
        source=record.source,
        train_samples=record.train_samples,
        test_samples=record.test_samples,
        image_shape=record.image_shape,
        kind=kind_of(record.image_shape),
        class_names=record.class_names,
        flipped=len(record.flipped),
        forgotten=record.forgotten,
    )
