"""Serves many images of a dataset in one file, so that a gallery makes one request per page."""

from __future__ import annotations

import io
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath

from api.dependencies import DatabaseOf, DatasetInPath, HomeOf
from api.file_answers import ConditionsOf, Representation
from api.routes.datasets import A_MINUTE, PNG_RESPONSES, arrays_of, require_image
from memscore.errors import InvalidInput
from memscore.store import datasets

MOST_IMAGES = 500
MOST_PIXELS = 2**23  # of one answer
FAST = 1  # zlib's level: higher ones hardly compress images of this size further

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.get("/{name}/{split}/sprite.png", operation_id="get_sprite", responses=PNG_RESPONSES, response_class=Response)
def get_sprite(
    database: DatabaseOf,
    home: HomeOf,
    conditions: ConditionsOf,
    name: DatasetInPath,
    split: Annotated[Literal["train", "test"], InPath(description="training or test samples", examples=["train"])],
    indices: Annotated[
        str,
        Query(
            max_length=5000,
            description=f"indices of at most {MOST_IMAGES} samples, separated by commas",
            examples=["17,4,23"],
            json_schema_extra={"pattern": f"^[0-9]{{1,9}}(,[0-9]{{1,9}}){{0,{MOST_IMAGES - 1}}}$"},
        ),
    ],
    columns: Annotated[int, Query(ge=1, le=MOST_IMAGES, description="images per row")] = 10,
) -> Response:
    """The images of many samples in one, row by row in the order of the request; unused cells are black."""
    wanted = indices_in(indices)
    with database.reading() as connection:
        record = datasets.by_name(connection, name)
    for index in wanted:
        require_image(record, split, index)
    height, width = record.image_shape[:2]
    rows = -(-len(wanted) // columns)
    if rows * columns * height * width > MOST_PIXELS:
        raise InvalidInput(
            f"The images together would have over {MOST_PIXELS:,} pixels; request fewer at once, or fewer columns."
        )
    stored = arrays_of(home, record.fingerprint)
    pixels = (stored.x_train if split == "train" else stored.x_test)[wanted]
    sprite = Representation.of(_png(pixels, rows, columns), f"{record.name}-{split}.png", "image/png")
    return sprite.answer(conditions, A_MINUTE, inline=True)


def indices_in(text: str) -> list[int]:
    """The indices in a query. Raises InvalidInput."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise InvalidInput("indices: give whole numbers separated by commas, such as 17,4,123.")
    if len(parts) > MOST_IMAGES:
        raise InvalidInput(f"indices: {len(parts)} images are too many for one answer; request at most {MOST_IMAGES}.")
    return [int(part) for part in parts]


def _png(images: np.ndarray, rows: int, columns: int) -> bytes:
    """Images uint8 [k, H, W, C] in a grid."""
    from PIL import Image  # its import takes a tenth of the service's start

    count, height, width, channels = images.shape
    grid = np.zeros((rows * columns, height, width, channels), np.uint8)
    grid[:count] = images
    sheet = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(buffer, "PNG", compress_level=FAST)
    return buffer.getvalue()
