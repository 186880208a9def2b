"""tools/install.py lets uv install from the indexes of pip, and pip where uv cannot."""

from pathlib import Path

import pytest

from tools.install import install_with_uv

PIP_CONFIG = """\
:env:.index-url='https://name:secret@packages.example/simple'
global.index-url='https://other.example/simple'
global.find-links='/wheels\\n/more'
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python whose pip installs nothing and prints its configuration."""
    return program(tmp_path / "python", f"cat <<'END'\n{PIP_CONFIG}END\n")


def program(file: Path, commands: str) -> Path:
    file.write_text(f"#!/bin/sh\n{commands}\n")
    file.chmod(0o755)
    return file


def test_uv_looks_where_pip_is_configured_to(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    program(tmp_path / "uv", f'echo "$UV_DEFAULT_INDEX $UV_FIND_LINKS $*" >{tmp_path}/told')
    assert install_with_uv(python, "uv==1", Path("requirements.txt"))
    index, links, *arguments = (tmp_path / "told").read_text().split()
    assert (index, links) == ("https://name:secret@packages.example/simple", "/wheels,/more")
    assert arguments[-3:] == ["--require-hashes", "-r", "requirements.txt"]


def test_reason_of_a_fallback_to_pip_is_one_line(
    python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "uv", "echo warning; echo error: no route to host; exit 2")
    assert not install_with_uv(python, "uv==1", Path("requirements.txt"))
    told = "pip installs them, because uv cannot: error: no route to host\n"
    assert capsys.readouterr().out == told
