"""JSON straight from NumPy: numbers in the shortest form at their precision, NaN as null."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


def encode(content: Any) -> bytes:
    """Plain values, NumPy scalars and contiguous arrays as JSON."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def answer(content: Any) -> Response:
    """A response of such JSON."""
    return Response(encode(content), media_type="application/json")
