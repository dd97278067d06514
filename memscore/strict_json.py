"""Standard JSON: numbers that are not finite become null, since other parsers reject the NaN that Python writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast


def dumps(value: Any, **options: Any) -> str:
    """`json.dumps` with null for NaN and infinity."""
    return json.dumps(finite(value), allow_nan=False, **options)  # noqa: TID251 -- the one place


def finite(value: Any) -> Any:
    """Replace every float that is not finite with None; tuples become lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(one) for name, one in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [finite(one) for one in cast("Sequence[Any]", value)]
    return value
