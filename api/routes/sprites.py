"""Serves many images of a dataset in one file, so that a gallery makes one request per page."""

from __future__ import annotations

import io
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath

from api.dependencies import DatabaseOf, DatasetInPath, HomeOf
from api.file_answers import ConditionsOf, Representation
from api.routes.datasets import (
    A_MINUTE,
    INDICES,
    MOST_IMAGES,
    PNG_RESPONSES,
    arrays_of,
    found,
    indices_in,
    require_image,
)
from memscore.errors import InvalidInput

GREY = 128
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
            json_schema_extra={"pattern": INDICES},
        ),
    ],
    columns: Annotated[int, Query(ge=1, le=MOST_IMAGES, description="images per row")] = 10,
) -> Response:
    """The images of many samples in one, row by row in the order of the request; unused cells are black.

    An image that was removed on request is grey.
    """
    wanted = indices_in(indices)
    record, gone = found(database, name)
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
    pixels[(gone | stored.forgotten).among(split, wanted)] = GREY
    sprite = Representation.of(_png(pixels, rows, columns), f"{record.name}-{split}.png", "image/png")
    return sprite.answer(conditions, A_MINUTE, inline=True)


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
