"""Field types, and the fields that several shapes share."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import Any
from unicodedata import category, combining, normalize

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from todo_api import limits
from todo_api.errors import Message, about

# PostgreSQL cannot store NUL in text, and a lone surrogate has no UTF-8 encoding.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # and line separators
# Nothing to see: controls, formats, marks without a letter, spaces. Then letters that are blank.
INVISIBLE = {"Cc", "Cf", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"}
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
NO_NUL_PATTERN = r"^[^\u0000]*$"
# Without line separators: written out, they break the JavaScript of generated clients.
ON_ONE_LINE = r"([^\u0000-\u001f\u007f-\u009f\u2027-\u202a]|[\u2027\u202a])*"
TAG_PATTERN = rf"^{ON_ONE_LINE}[^\s\u0000-\u001f\u007f-\u009f]{ON_ONE_LINE}$"
TITLE_PATTERN = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
MAX_MARKS = 30  # in a row, as in UAX #15: to normalize them takes quadratic time
NOT_IN_LIST = Message(OneOf.default_message, "not_in_list")


class Text(fields.String):
    """A string that PostgreSQL can store, in NFC: what looks equal is equal."""

    default_error_messages = {"invalid": Message("Must be a JSON string.", "wrong_type")}  # noqa: RUF012

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, *args, **kwargs))
        if UNSTORABLE.search(text):
            raise invalid("Must not contain NUL characters or lone surrogates.", "not_storable")
        if not text.isascii() and longest_run_of_marks(text) > MAX_MARKS:
            message = f"Must have at most {MAX_MARKS} combining marks in a row."
            raise invalid(message, "too_many_marks", MAX_MARKS)
        return normalize("NFC", text)


def longest_run_of_marks(text: str) -> int:
    """Return how many combining characters follow each other at most."""
    runs = groupby(text, key=lambda each: combining(each) > 0)
    return max((sum(1 for _ in run) for is_mark, run in runs if is_mark), default=0)


class Title(Text):
    """A string that is trimmed before its length is checked."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, *args, **kwargs).strip()


class StrictBoolean(fields.Boolean):
    """A JSON true or false. Strings and numbers are invalid."""

    default_error_messages = {"invalid": Message("Must be true or false.", "wrong_type")}  # noqa: RUF012

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise self.make_error("invalid")


class WholeNumber(fields.Integer):
    """A JSON number without a fraction. Strings and booleans are invalid."""

    def __init__(self, *, minimum: int, maximum: int, **options: Any) -> None:
        text = f"Must be a whole number from {minimum} to {maximum}."
        least = Range(min=minimum, error=Message(text, "too_small", minimum))
        most = Range(max=maximum, error=Message(text, "too_large", maximum))
        messages: dict[str, Any] = {"invalid": Message(text, "wrong_type")}
        super().__init__(validate=[least, most], error_messages=messages, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) is not int and not (type(value) is float and value.is_integer()):
            raise self.make_error("invalid")
        return int(value)


class PageSize(WholeNumber):
    """A page size in ASCII digits. `int` would accept 1_0 and Arabic digits too."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        number = int(value) if re.fullmatch(r"0|-?[1-9][0-9]{0,99}", value) else value
        return super()._deserialize(number, *args, **kwargs)


class CalendarDate(fields.Date):
    """A calendar date as YYYY-MM-DD. ISO 8601 also has weeks and days of the year."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        with suppress(TypeError, ValueError):
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                return date.fromisoformat(value)
        raise invalid("Must be an existing date in the form YYYY-MM-DD.", "not_a_date")


class Tag(Text):
    """A string on one line, trimmed and lower-cased before its length is checked.

    The lower case of U+0130, the Turkish capital i, keeps its dot as a character of its own. It is
    dropped, so that U+0130 is `i`. Lower-case letters may have a composed form that capitals lack.
    """

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        tag = super()._deserialize(value, *args, **kwargs).strip().lower()
        if CONTROL.search(tag):
            raise invalid("Must be one line without control characters.", "not_one_line")
        return normalize("NFC", re.sub("i\u0307+", "i", tag))


class BoundedList(fields.List[Any]):
    """A list whose length is validated before its items: a body may have 60,000 of them."""

    default_error_messages = {"invalid": Message("Must be a JSON array.", "wrong_type")}  # noqa: RUF012

    def __init__(self, item: fields.Field[Any], *, max_items: int, **options: Any) -> None:
        options["metadata"] = {"maxItems": max_items} | options.get("metadata", {})
        super().__init__(item, **options)
        self.max_items = max_items

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.max_items:
            raise invalid(f"Must have at most {self.max_items} items.", "too_many", self.max_items)
        return super()._deserialize(value, *args, **kwargs)


class Tags(BoundedList):
    """Tags in the order given. Duplicates are dropped; the first is kept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(tag_field(), max_items=limits.MAX_TAGS, **options)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return list(dict.fromkeys(super()._deserialize(value, *args, **kwargs)))


def invalid(*message: Any) -> ValidationError:
    return ValidationError(Message(*message))


def page_size_field(description: str) -> PageSize:
    return PageSize(
        minimum=1,
        maximum=limits.MAX_PAGE_SIZE,
        load_default=limits.DEFAULT_PAGE_SIZE,
        metadata=about(description, 20),
    )


def id_field() -> WholeNumber:
    metadata = {"format": "int64", "examples": [1]}
    return WholeNumber(minimum=1, maximum=limits.MAX_ID, metadata=metadata)


def time_field(example: str | None, description: str) -> fields.DateTime:
    return fields.DateTime(allow_none=example is None, metadata=about(description, example))


def priority_field(**options: Any) -> Text:
    choice = OneOf(limits.PRIORITIES, error=NOT_IN_LIST)
    return Text(validate=choice, metadata={"examples": ["high"]}, **options)


def tag_field() -> Tag:
    text = "Trimmed and converted to lower case. With a visible character."
    metadata = about(text, "home", pattern=TAG_PATTERN)
    return Tag(validate=label_rules(limits.MAX_TAG_LENGTH), metadata=metadata)


def label_rules(maximum: int) -> list[Callable[[str], Any]]:
    """Return the validators of a title or tag: its length, and that there is something to see."""
    text = f"Must have 1 to {maximum} characters."
    return [
        Length(min=1, error=Message(text, "too_short", 1)),
        Length(max=maximum, error=Message(text, "too_long", maximum)),
        must_be_visible,
    ]


def must_be_visible(text: str) -> None:
    if text and not any(category(each) not in INVISIBLE and each not in BLANK for each in text):
        raise invalid("Must have a visible character.", "not_visible")


def at_most(maximum: int) -> Length:
    text = f"Must have at most {maximum} characters."
    return Length(max=maximum, error=Message(text, "too_long", maximum))


def count_field() -> fields.Integer:
    return fields.Integer(metadata={"minimum": 0, "examples": [1]})
