"""What counts as equal to what a page shows, and what does not."""

from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.markdown import Block, Step, anchors, blocks, steps
from tests.docs.runner import run, shows, write_output

HTTP = 'HTTP/1.1 200 OK\r\nETag: "1"\r\n\r\n{"id": 1}'


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"at": "2026-01-01T00:00:00Z"}', '{"at": "2027-02-03T04:05:06.789Z"}'),
        ("json", '{"id": 1,\n...\n}', '{"id": 1, "title": "x"}'),
        ("json", "[1, ...]", "[1, 2]"),
        ("json", '{"next": "…"}', '{"next": "anything"}'),
        ("http", 'HTTP/1.1 200 OK\nETag: "1"\n', HTTP),
        ("http", 'HTTP/1.1 200 OK\n\n{"id": 1}', HTTP),
        ("text", "a\n...\nd\n", "a\nb\nc\nd\n"),
        ("text", "3 passed in 1.2s\n", "3 passed in 0.8s\n"),
    ],
)
def test_what_differs_between_runs_may_differ(language: str, shown: str, printed: str) -> None:
    assert shows(Block(Path(), 0, language, shown), printed)


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"id": 1}', '{"id": 2}'),
        ("json", '{"id": 1}', '{"id": 1, "title": "x"}'),
        ("json", '{"id": 1, "title": "x"}', '{"id": 1}'),
        ("json", '{"id": 1,\n...\n}', '{"id": 2, "title": "x"}'),
        ("json", '{"done": 1}', '{"done": true}'),
        ("json", "[1]", "[1, 2]"),
        ("json", "[1, ...]", "[]"),
        ("json", "", ""),
        ("http", "HTTP/1.1 201 CREATED\n", HTTP),
        ("http", 'HTTP/1.1 200 OK\nETag: "2"\n', HTTP),
        ("http", 'HTTP/1.1 200 OK\n\n{"id": 2}', HTTP),
        ("text", "a\nd\n", "a\nb\nd\n"),
        ("text", "3 passed\n", "2 passed\n"),
    ],
)
def test_other_differences_are_found(language: str, shown: str, printed: str) -> None:
    assert not shows(Block(Path(), 0, language, shown), printed)


def write_page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


@pytest.mark.parametrize("language", ["python", "json", ""])
def test_block_that_neither_runs_nor_says_why_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr("tests.docs.markdown.ROOT", folder)
    page = write_page(folder, f"```{language}\n1\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        steps(page)


def test_output_is_written_into_the_page(folder: Path) -> None:
    page = write_page(folder, "- x\n\n  ```sh\n  a\n  ```\n\n  ```json\n  ```\n- y\n")
    _, shown = blocks(page)
    write_output(shown, '{"id": 1}')
    assert page.read_text().endswith('  ```json\n  {"id": 1}\n  ```\n- y\n')


def test_lines_that_fit_the_output_are_not_written_again(folder: Path) -> None:
    page = write_page(folder, "```text\nrevision …\nat 2026-01-01T00:00:00Z\na\n```\n")
    (shown,) = blocks(page)
    write_output(shown, "revision 0010\nat 2027-02-03T04:05:06Z\nb\n")
    assert page.read_text() == "```text\nrevision …\nat 2026-01-01T00:00:00Z\nb\n```\n"


def test_diff_whose_context_changed_fails(folder: Path) -> None:
    checkout = folder / "checkout"
    checkout.mkdir()
    (checkout / "x").write_text("a\nB\nc\n")
    text = "--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@\n a\n b\n+new\n c\n"
    step = Step(Block(ROOT / "page.md", 1, "diff", text), None)
    with pytest.raises(AssertionError, match=r"page\.md:1 failed"):
        run([step], checkout, 1, {})


def test_anchors_are_those_of_github(folder: Path) -> None:
    page = write_page(folder, "# A `b` c: [d](e)\n\n## x_y, z!\n\n## x_y, z!\n")
    assert anchors(page) == {"a-b-c-d", "x_y-z", "x_y-z-1"}
