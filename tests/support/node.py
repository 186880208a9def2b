"""Node.js, for the example's front end and a peer of the benchmark."""

import shutil
import subprocess
from pathlib import Path

OLDEST_NODE = (20, 9)


def missing_node(oldest: tuple[int, int] = OLDEST_NODE) -> str:
    """Return why nothing in Node can run here, or an empty string."""
    version = "{}.{}".format(*oldest)
    if not shutil.which("node") or not shutil.which("npm"):
        return f"Node {version} or newer and npm are required. Install them first."
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    major, minor, _ = told.strip().lstrip("v").split(".")
    if (int(major), int(minor)) < oldest:
        return f"Node {version} or newer is required. This is {told.strip()}."
    return ""


def install_packages(folder: Path) -> None:
    """Install the packages of the lockfile if they are not installed."""
    installed = folder / "node_modules/.package-lock.json"
    lock = folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=folder, check=True)
