"""Every relative link and anchor leads somewhere, and every page can be read in a terminal."""

from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.markdown import LINKING_PAGES, PAGES, anchors, links, name_of, prose

README_LINES = 130
COLUMNS = 100


@pytest.mark.parametrize("page", LINKING_PAGES, ids=name_of)
def test_relative_links_and_anchors_lead_somewhere(page: Path) -> None:
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not broken, f"correct these links of {name_of(page)}: {broken}"


def leads_somewhere(page: Path, link: str) -> bool:
    if link.startswith(("https://", "http://")):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target))


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    pages = [page for page in PAGES[1:] if "deploy" not in page.parts and page not in linked]
    assert not pages, f"link these from README.md: {[name_of(page) for page in pages]}"


def test_readme_is_short() -> None:
    lines = len((ROOT / "README.md").read_text().splitlines())
    assert lines <= README_LINES, f"move a part of README.md to docs/: {lines} lines"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_prose_fit_in_a_terminal(page: Path) -> None:
    lines = prose(page).splitlines()
    long = [line for line in lines if len(line) > COLUMNS and not line.startswith(("|", "[", "!"))]
    assert not long, f"wrap these lines of {name_of(page)} at {COLUMNS} columns: {long}"
