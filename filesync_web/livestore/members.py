"""Members of a message, read from JSON that anybody may have written: what does not fit is a `WireError`."""

from __future__ import annotations

from ..core.text import is_text
from .messages import MAX_SEQ_NUM, Json, WireError


def object_of(value: Json, where: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise WireError(f"{where} must be an object")
    return value


def text_in(obj: dict[str, Json], key: str, where: str) -> str:
    value = obj.get(key)
    if not is_text(value):
        raise WireError(f"{where}.{key} must be a string of Unicode characters")
    return value


def array_in(obj: dict[str, Json], key: str, where: str) -> list[Json]:
    value = obj.get(key)
    if not isinstance(value, list):
        raise WireError(f"{where}.{key} must be an array")
    return value


def number_in(obj: dict[str, Json], key: str, where: str) -> int:
    value = obj.get(key)
    if type(value) is float and value.is_integer():  # JavaScript does not tell 1 from 1.0
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_SEQ_NUM:
        raise WireError(f"{where}.{key} must be an integer from 0 to 2^53-1")
    return value


def some_of(value: Json, where: str) -> Json | None:
    """Effect's encoded Option: the value, or None for `None` (values of this protocol are never null)."""
    option = object_of(value, where)
    if option.get("_tag") == "None":
        return None
    if option.get("_tag") == "Some" and option.get("value") is not None:
        return option["value"]
    raise WireError(f"{where} must be an encoded Option")


def option_of(value: Json | None) -> Json:
    return {"_tag": "None"} if value is None else {"_tag": "Some", "value": value}
