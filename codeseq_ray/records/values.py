"""What all records are made of."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

# A term can have thousands of digits; CPython's default guard (4,300 digits) would turn it into a ValueError.
sys.set_int_max_str_digits(0)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value


Integer = Annotated[int, BeforeValidator(_integer), PlainSerializer(str, return_type=str, when_used="json")]
"""An exact integer of any size; a string in JSON."""


class Value(BaseModel):
    """Base of all records: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
