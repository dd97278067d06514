"""Commands on datasets: add, list, show, image."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import (
    GroupColumn,
    IdColumn,
    ImageColumn,
    Json,
    KeptClasses,
    LabelColumn,
    Output,
    Resize,
    Root,
    SplitColumn,
    TestShare,
    TextColumn,
    Url,
)
from memscore.cli.written import print_added
from memscore.console import out, print_json, print_record, print_table
from memscore.datasets import SourceOptions
from memscore.datasets.copies import with_findings
from memscore.datasets.sources import KNOWN
from memscore.errors import InvalidInput
from memscore.files import write_file
from memscore.progress import progress_lines, tracked
from memscore.workflows.datasets import load_named, register
from memscore.workflows.embedded import opened_database


def add_dataset(
    source: Annotated[str, typer.Argument(metavar="NAME", help=f"{KNOWN}; or any name with --from.")],
    origin: Annotated[
        str | None, typer.Option("--from", help="The source, if NAME is your own name for the dataset.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name to register it under.")] = None,
    root: Root = None,
    classes: KeptClasses = None,
    resize: Resize = None,
    test_share: TestShare = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    image: ImageColumn = None,
    text: TextColumn = None,
    ids: IdColumn = None,
    group: GroupColumn = None,
    flip: Annotated[float | None, typer.Option("--flip-labels", help="Share of training labels to make wrong.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the flipped labels.")] = 0,
    from_review: Annotated[
        str | None, typer.Option(metavar="STUDY", help="The dataset of this study, corrected by its reviews.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a dataset: store its arrays in the home folder and its name in the database."""
    settings = settings_module.load()
    if from_review is not None:
        others = (origin, name, root, classes, resize, test_share, label, split, image, text, ids, group, flip)
        if any(one is not None for one in others):
            raise InvalidInput("--from-review takes NAME alone: everything else is that of the study's dataset.")
        from memscore.cli.reviews import apply_reviews

        apply_reviews(from_review, source, None, as_json)
        return
    roles = (label, split, image, text, ids, group)
    options = SourceOptions(root, classes, resize, test_share, settings.home / "downloads", tracked, *roles)
    if origin is not None and name is None:
        name = source
    name, dataset = load_named(origin or source, name, options, flipped_share=flip, seed=seed)
    with progress_lines(f"looking for copies in {name}", lines=not as_json):
        dataset = with_findings(dataset)
    with progress_lines(f"adding {name}", lines=not as_json), opened_database(settings) as database:
        record = register(database, settings, name, dataset)
    if as_json:
        print_json({**record.__dict__, "flipped": list(record.flipped), "notes": list(dataset.notes)})
    else:
        print_added(record, dataset.notes)


def list_datasets(url: Url = None, as_json: Json = False) -> None:
    """List the registered datasets."""
    with opened_client(url) as client:
        message = client.datasets()
    if as_json:
        print_json(message)
        return
    planted = any(one.flipped for one in message.datasets)
    forgotten = any(one.forgotten for one in message.datasets)
    print_table(
        (
            "name",
            "train",
            "test",
            "sample",
            "classes",
            *(("labels flipped on purpose",) if planted else ()),
            *(("removed on request",) if forgotten else ()),
            "fingerprint",
        ),
        (
            (
                one.name,
                one.train_samples,
                one.test_samples,
                "x".join(map(str, one.image_shape)),
                len(one.class_names),
                *((one.flipped,) if planted else ()),
                *((one.forgotten,) if forgotten else ()),
                one.fingerprint[:12],
            )
            for one in message.datasets
        ),
    )


def show_dataset(name: str, url: Url = None, as_json: Json = False) -> None:
    """Show one dataset, with the indices of labels flipped on purpose."""
    with opened_client(url) as client:
        dataset = client.dataset(name)
    if as_json:
        print_json(dataset)
        return
    fields = dataset.model_dump(mode="json")
    count, places = fields.pop("flipped"), fields.pop("flipped_indices")
    if count:
        fields |= {"labels flipped on purpose": count, "of the training samples": places}
    gone = {split: fields.pop(f"forgotten_{split}") for split in ("train", "test")}
    if fields.pop("forgotten"):
        fields |= {f"removed on request, {split}": some for split, some in gone.items() if some}
    print_record(fields, as_json=False)


def dataset_image(
    name: str,
    split: Annotated[Literal["train", "test"], typer.Argument()],
    index: int,
    output: Output,
    scale: Annotated[int, typer.Option(min=1, max=16, help="Enlarge each pixel by this factor.")] = 1,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write the image of one sample as PNG."""
    with opened_client(url) as client:
        write_file(output, client.image(name, split, index, scale))
    if as_json:
        print_json({"file": str(output)})
    else:
        out.print(f"Image written to {output}")
