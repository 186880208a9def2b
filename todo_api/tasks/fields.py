"""Field types, and the fields that several shapes share."""

import re
from datetime import date
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from todo_api.limits import (
    DEFAULT_PAGE_SIZE,
    MAX_ID,
    MAX_PAGE_SIZE,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    PRIORITIES,
)

# PostgreSQL cannot store NUL in text, and a lone surrogate has no UTF-8 encoding.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # and line separators
NO_NUL_PATTERN = r"^[^\u0000]*$"
# Without line separators: written out, they break the JavaScript of generated clients.
ON_ONE_LINE = r"([^\u0000-\u001f\u007f-\u009f\u2027-\u202a]|[\u2027\u202a])*"
TAG_PATTERN = rf"^{ON_ONE_LINE}[^\s\u0000-\u001f\u007f-\u009f]{ON_ONE_LINE}$"
TITLE_PATTERN = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
MAX_EXACT_FLOAT = 2**53  # above it, a float stands for several integers
BETWEEN_MESSAGE = "Must have {min} to {max} characters."
AT_MOST_MESSAGE = "Must have at most {max} characters."


class Text(fields.String):
    """A string that PostgreSQL can store."""

    default_error_messages = {"invalid": "Must be a JSON string."}  # noqa: RUF012

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, *args, **kwargs))
        if UNSTORABLE.search(text):
            raise ValidationError("Must not contain NUL characters or lone surrogates.")
        return text


class Title(Text):
    """A string that is trimmed before its length is checked."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, *args, **kwargs).strip()


class StrictBoolean(fields.Boolean):
    """A JSON true or false. Strings and numbers are invalid."""

    default_error_messages = {"invalid": "Must be true or false."}  # noqa: RUF012

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise self.make_error("invalid")


class PageSize(fields.Integer):
    """A page size in ASCII digits. `int` would accept 1_0 and Arabic digits too."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if re.fullmatch(r"[1-9][0-9]{0,9}", value) and int(value) <= MAX_PAGE_SIZE:
            return int(value)
        raise ValidationError(f"Must be a whole number from 1 to {MAX_PAGE_SIZE}.")


class WholeNumber(fields.Integer):
    """A JSON number without a fraction. Strings and booleans are invalid."""

    def __init__(self, *, minimum: int, maximum: int, **options: Any) -> None:
        limits = {"minimum": minimum, "maximum": maximum}
        options["metadata"] = options.get("metadata", {}) | limits
        super().__init__(**options)
        self.minimum, self.maximum = minimum, maximum

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        exact = type(value) is int or (type(value) is float and abs(value) <= MAX_EXACT_FLOAT)
        if exact and self.minimum <= value <= self.maximum and value == int(value):
            return int(value)
        raise ValidationError(f"Must be a whole number from {self.minimum} to {self.maximum}.")


class CalendarDate(fields.Date):
    """A calendar date as YYYY-MM-DD. ISO 8601 also has weeks and days of the year."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                return date.fromisoformat(value)
        except (TypeError, ValueError):
            pass
        raise ValidationError("Must be an existing date in the form YYYY-MM-DD.")


class Tag(Text):
    """A string on one line, trimmed and lower-cased before its length is checked."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        tag = super()._deserialize(value, *args, **kwargs).strip().lower()
        if CONTROL.search(tag):
            raise ValidationError("Must be one line without control characters.")
        return tag


class BoundedList(fields.List[Any]):
    """A list whose length is validated before its items: a body may have 60,000 of them."""

    default_error_messages = {"invalid": "Must be a JSON array."}  # noqa: RUF012

    def __init__(self, item: fields.Field[Any], *, max_items: int, **options: Any) -> None:
        options["metadata"] = {"maxItems": max_items} | options.get("metadata", {})
        super().__init__(item, **options)
        self.max_items = max_items

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.max_items:
            raise ValidationError(f"Must have at most {self.max_items} items.")
        return super()._deserialize(value, *args, **kwargs)


class Tags(BoundedList):
    """Tags in the order given. Duplicates are dropped; the first is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(tag_field(), max_items=MAX_TAGS, **options)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return list(dict.fromkeys(super()._deserialize(value, *args, **kwargs)))


def page_size_field(description: str) -> PageSize:
    limits = {"minimum": 1, "maximum": MAX_PAGE_SIZE}
    metadata = limits | {"description": description, "examples": [20]}
    return PageSize(load_default=DEFAULT_PAGE_SIZE, metadata=metadata)


def id_field() -> WholeNumber:
    return WholeNumber(minimum=1, maximum=MAX_ID, metadata={"format": "int64", "examples": [1]})


def time_field(example: str | None, description: str) -> fields.DateTime:
    metadata = {"description": description, "examples": [example]}
    return fields.DateTime(allow_none=example is None, metadata=metadata)


def priority_field(**options: Any) -> Text:
    return Text(validate=OneOf(PRIORITIES), metadata={"examples": ["high"]}, **options)


def tag_field() -> Tag:
    return Tag(
        validate=Length(min=1, max=MAX_TAG_LENGTH, error=BETWEEN_MESSAGE),
        metadata={
            "description": "Trimmed and converted to lower case.",
            "pattern": TAG_PATTERN,
            "examples": ["home"],
        },
    )


def count_field() -> fields.Integer:
    return fields.Integer(required=True, metadata={"minimum": 0, "examples": [1]})
