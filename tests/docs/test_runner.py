"""What counts as equal to what a page shows, and what does not."""

from pathlib import Path

import pytest

from tests.docs.markdown import Block, anchors, blocks, steps
from tests.docs.runner import shows, write_output

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
        ("json", '{"q": ""}', '{"q": ""}'),
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


@pytest.mark.parametrize(
    ("language", "shown", "printed", "written"),
    [
        (
            "text",
            "revision …\nat 2026-01-01T00:00:00Z\na",
            "revision 0010\nat 2027-02-03T04:05:06Z\nb",
            "revision …\nat 2026-01-01T00:00:00Z\nb",
        ),
        ("text", "a\n...\nd", "a\nb\nc\nD", "a\n...\nD"),
        ("text", "...\na\nd\n...", "x\ny\na\nb\n\nd\nz", "...\na\nb\n\nd\n..."),
        ("text", "a\n\nb\n...", "a\n\nB\nc", "a\n\nB\n..."),
        (
            "json",
            '{\n  "id": 1,\n  "title": "x",\n  ...\n}',
            '{"id": 2, "color": null, "title": "x"}',
            '{\n  "id": 2,\n  "title": "x",\n  ...\n}',
        ),
        (
            "json",
            '{\n  "id": 1,\n  "old": 1,\n  ...\n}',
            '{"id": 1, "title": "x"}',
            '{\n  "id": 1,\n  ...\n}',
        ),
        (
            "json",
            '[\n  {\n    "id": 1,\n    ...\n  },\n  ...\n]',
            '[{"id": 2, "title": "x"}, {"id": 3, "title": "y"}]',
            '[\n  {\n    "id": 2,\n    ...\n  },\n  ...\n]',
        ),
        (
            "json",
            '{"tasks": [1], "next": "…", "at": "2026-01-01T00:00:00Z", "p95": 0.5}',
            '{"tasks": [1, 2], "next": "abc", "at": "2027-01-01T00:00:00Z", "p95": 0.7}',
            '{"tasks": [1, 2], "next": "…", "at": "2026-01-01T00:00:00Z", "p95": 0.7}',
        ),
        ("json", "[]", '[{"id": 1}]', '[{"id": 1}]'),
        ("text", "", "a\nb", "a\nb"),
        ("json", "", '{"id": 1}', '{"id": 1}'),
        ("http", "", HTTP, 'HTTP/1.1 200 OK\n\n{"id": 1}'),
        ("http", 'HTTP/1.1 200 OK\nETag: "2"', HTTP, 'HTTP/1.1 200 OK\nETag: "1"'),
        (
            "http",
            'HTTP/1.1 201 CREATED\nLocation: /1\nETag: "1"\n\n{\n  "id": 1,\n  ...\n}',
            'HTTP/1.1 200 OK\nDate: x\nETag: "1"\nLocation: /1\n\n{"id": 1, "title": "x"}',
            'HTTP/1.1 200 OK\nLocation: /1\nETag: "1"\n\n{\n  "id": 1,\n  ...\n}',
        ),
    ],
)
def test_only_what_does_not_fit_is_written_again(
    folder: Path, language: str, shown: str, printed: str, written: str
) -> None:
    page = write_page(folder, f"```{language}\n{shown}\n```\n")
    (block,) = blocks(page)
    write_output(block, printed)
    assert page.read_text() == f"```{language}\n{written}\n```\n"
    (block,) = blocks(page)
    assert shows(block, printed)


def test_anchors_are_those_of_github(folder: Path) -> None:
    page = write_page(folder, "# A `b` c: [d](e)\n\n## x_y, z!\n\n## x_y, z!\n")
    assert anchors(page) == {"a-b-c-d", "x_y-z", "x_y-z-1"}
