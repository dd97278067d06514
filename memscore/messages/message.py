"""The base class of all messages."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

MOST_A_PAGE = 1000  # items that a list gives at once


class Message(BaseModel):
    """Base of all responses; unknown fields are ignored, so a newer service can add fields."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")
