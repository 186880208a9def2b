"""The commands that a newcomer runs do what they are asked, and no more."""

import subprocess
import sys

from tests import ROOT


def test_help_of_the_benchmark_starts_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--help"],
        cwd=ROOT,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: python -m benchmarks.run")
