"""The lists of CONTRIBUTING.md name files, and what is in them: `file`, `name`, `name`: words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.markdown import CODE, HEADING, prose

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
ITEM = re.compile(r"^\d+\. .+\n(?: +.+\n)*", re.MULTILINE)
PLACES = re.compile(r"\d+\. ((?:`[^`]+`,\s+)+`[^`]+`):")
FILE = re.compile(r"[\w./-]+\.(?:py|mako|md|mjs|sql|ts|tsx)")


def lists() -> dict[str, str]:
    """Return the text under each heading of the part with the lists."""
    part = re.split(r"^## ", prose(CONTRIBUTING), flags=re.MULTILINE)
    (lists,) = (text for text in part if text.startswith("Where to change what\n"))
    return dict(text.split("\n", 1) for text in re.split(r"^### ", lists, flags=re.MULTILINE)[1:])


def places(item: str) -> Iterator[tuple[str, str]]:
    """Return the names of an item, each with its file."""
    found = PLACES.match(item)
    assert found, f"begin with `file`, `name`: {item}"
    file, *others = CODE.findall(found[1])
    for code in others:
        if FILE.fullmatch(code):
            file = code
        else:
            yield file, code


def contains(file: Path, name: str) -> bool:
    """Return whether code defines a name, a page has a heading, or another file has a text."""
    text = file.read_text() if file.exists() else ""
    if file.suffix == ".md":
        return any(name in heading for heading in HEADING.findall(text))
    if file.suffix == ".py" and name.isidentifier():
        return name in definitions(text)
    return name in text


def definitions(code: str) -> set[str]:
    """Return the functions and classes of a module, and the names that it assigns."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize("title", lists())
def test_places_to_change_are_in_the_code(title: str) -> None:
    found = [place for item in ITEM.findall(lists()[title]) for place in places(item)]
    assert found
    absent = [place for place in found if not contains(ROOT / place[0], place[1])]
    assert not absent, f"in CONTRIBUTING.md, {title}, correct the places {absent}"
