"""What the pages of the documentation consist of: blocks, links, headings, tables and code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

from tests import ROOT

PAGES = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/nextjs/README.md")
] + sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
"""The pages whose blocks run."""
LINKING_PAGES = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "http_server/README.md"]
LINKING_PAGES += sorted(ROOT.glob("benchmarks/*.md"))

COMMANDS = {"sh", "sql"}
OUTPUTS = {"json", "http", "text"}
PICTURES = {"mermaid"}
MARKS = re.compile(r"(?P<name>serves|exits|file|not run)(?:[: ]+(?P<value>.+))?", re.DOTALL)

FENCE = re.compile(
    r"(?:^ *<!-- (?P<mark>[^>]*?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
TARGET = re.compile(r"\]\(([^)\s]+)\)|<(?:img|source)[^>]* src(?:set)?=\"([^\"]+)\"")
CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment before it, such as `not run: needs a Fly account`."""

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""

    def __str__(self) -> str:
        place = f"{name_of(self.page)}:{self.line}"
        return f"{place} {self.value}" if self.mark == "not run" else place


@dataclass(frozen=True)
class Step:
    """A block to run, and the block that shows what it prints."""

    block: Block
    shown: Block | None


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        mark = MARKS.fullmatch(found["mark"] or "")
        yield Block(
            page,
            text[: found.start("language")].count("\n") + 1,
            found["language"],
            dedent(found["text"]),
            mark["name"] if mark else "",
            " ".join((mark["value"] or "").split()) if mark else "",
        )


def steps(page: Path) -> list[Step]:
    """Return the blocks of a page that run. Raise for a block that neither runs nor says why."""
    found: list[Step] = []
    previous: Block | None = None
    for block in blocks(page):
        if block.mark == "not run" or block.language in PICTURES:
            previous = None
        elif block.language in COMMANDS or block.mark == "file":
            found.append(Step(block, None))
            previous = block
        elif block.language in OUTPUTS and previous is not None:
            found[-1] = Step(previous, block)
            previous = None
        else:
            raise AssertionError(f"{block}: say with a comment where it goes, or why it never runs")
    return found


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return FENCE.sub("", page.read_text())


def not_run(language: str) -> list[Block]:
    """Return the blocks of a language that never run. Their names say why."""
    found = (block for page in PAGES for block in blocks(page))
    return [block for block in found if block.mark == "not run" and block.language == language]


def commands_for(test: str) -> list[str]:
    """Return the commands that a test of another file runs, which their comments name."""
    return [block.text for block in not_run("sh") if test in block.value]


def links(page: Path) -> list[str]:
    """Return the targets of links and pictures."""
    return ["".join(found) for found in TARGET.findall(CODE.sub("", prose(page)))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    found: list[str] = []
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\]\([^)]*\)", "", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def rows(page: Path, header: str) -> list[list[str]]:
    """Return the rows of the tables whose first cell is ``header``."""
    found: list[list[str]] = []
    inside = False
    for line, following in pairwise([*prose(page).splitlines(), ""]):
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if following.startswith("|--") or following.startswith("| --"):
            inside = bool(cells) and cells[0] == header
        elif not cells:
            inside = False
        elif inside and set(cells[0]) - set("-: "):
            found.append(cells)
    return found


def first_code(rows_: list[list[str]]) -> list[str]:
    """Return the code in the first cell of each row, several if the cell has several."""
    return [name for row in rows_ for name in CODE.findall(row[0])]
