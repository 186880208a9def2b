"""Install a file of pinned packages into a virtual environment, and show how far it is.

If the file pins uv, uv installs the others: it is several times as fast as pip.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# A terminal shows the status in one line. A log gets a new line for each.
STATUS_SECONDS, CLEAR, END = (0.2, "\r\x1b[K", "") if sys.stdout.isatty() else (2.0, "", "\n")
ERROR_LINES = 20  # shown of a failed command, from its end
PIN = re.compile(r"^(\S+?)(?:\[\S+\])?==.*(?:\n .*)*", re.MULTILINE)
PIP = ("-m", "pip", "--disable-pip-version-check")
PIP_SETTING = re.compile(r"^(global|install|:env:)\.([\w-]+)=(.*)$", re.MULTILINE)
SECTIONS = ("global", "install", ":env:")  # a later one overrides
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
"""Settings of pip, and the variables of uv that say the same."""


Command = Sequence[str | Path]
START = time.monotonic()


class Failed(Exception):
    """A command failed. The text is what it printed."""


def main(environment: Path, requirements: Path) -> None:
    pins = {pin[1]: pin[0] for pin in PIN.finditer(requirements.read_text())}
    print(f"Installing {len(pins)} packages of {requirements} into {environment}", flush=True)
    run([sys.executable, "-m", "venv", environment])
    python = environment / "bin/python"
    if "uv" not in pins or not install_with_uv(python, pins["uv"], requirements):
        install_with_pip(python, requirements, len(pins))
    print(f"Installed in {time.monotonic() - START:.0f} s", flush=True)


def install_with_uv(python: Path, pin: str, requirements: Path) -> bool:
    """Install uv with pip, then the rest with uv. Return whether that worked."""
    uv = python.with_name("uv")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pin)
        file.flush()
        try:
            install_with_pip(python, Path(file.name), 1)
            options: Command = ["--compile-bytecode", "--require-hashes", "-r", requirements]
            run([uv, "pip", "install", "--python", python, *options], uv_settings(python))
        except Failed as error:
            print(f"pip installs them, because uv cannot: {last_line(str(error))}", flush=True)
            return False
    return True


def install_with_pip(python: Path, requirements: Path, count: int) -> None:
    options: Command = ["--progress-bar=off", "--require-hashes", "-r", requirements]
    run([python, *PIP, "install", *options], count=count)


def uv_settings(python: Path) -> dict[str, str]:
    """Return where pip is configured to look for packages, as variables for uv."""
    listed = subprocess.run([python, *PIP, "config", "list"], capture_output=True, text=True).stdout
    found = sorted(PIP_SETTING.findall(listed), key=lambda each: SECTIONS.index(each[0]))
    values = {name: ast.literal_eval(value).split() for _, name, value in found}
    settings = {
        variable: ("," if name == "find-links" else " ").join(values[name])
        for name, variable in UV_VARIABLES.items()
        if name in values
    }
    # Like pip, uv may use each index. The hashes protect from a wrong file.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **settings, **os.environ}


def run(command: Command, environ: dict[str, str] | None = None, count: int = 0) -> None:
    """Run a command. While it runs, print the time and the last step that it reports."""
    with tempfile.NamedTemporaryFile("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environ)
        while True:
            try:
                process.wait(STATUS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                show_status(Path(file.name).read_text(errors="replace"), count)
        print(CLEAR, end="")
        if process.returncode:
            raise Failed(Path(file.name).read_text(errors="replace"))


def show_status(output: str, count: int) -> None:
    collected = len(re.findall(r"^Collecting ", output, re.MULTILINE))  # pip prints it for each
    number = f"{collected} of {count}: " if collected else ""
    step = re.split(r" \(|: ", last_line(output) or "preparing the environment")[0][:40]
    print(f"{CLEAR}  {time.monotonic() - START:.0f} s  {number}{step}", end=END, flush=True)


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()


if __name__ == "__main__":
    environment, requirements = map(Path, sys.argv[1:])
    try:
        main(environment, requirements)
    except Failed as error:
        end = str(error).splitlines()[-ERROR_LINES:]
        sys.exit("\n".join([*end, f"The packages of {requirements} are not installed."]))
    except KeyboardInterrupt:
        sys.exit(130)
