"""Start the service, a database for Better Auth and the Next.js app, for `make demo` and others."""

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

import psycopg2
from dotenv import dotenv_values

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.node import install_packages, missing_node  # noqa: E402
from tests.support.serving import GUNICORN, free_port  # noqa: E402
from todo_api.commands.run import check_port  # noqa: E402
from todo_api.database import embedded  # noqa: E402
from todo_api.database.url import EMBEDDED_FOLDER  # noqa: E402

FLASK = [sys.executable, "-m", "flask"]
NEXT = [str(HERE / "node_modules/.bin/next")]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TELEMETRY = {"NEXT_TELEMETRY_DISABLED": "1"}
TEST = ["node", "--test", "--test-concurrency=1", "--test-timeout=600000", "--test-reporter=spec"]
TEST_GUIDE = [*TEST, "--import", "./unit/loader.mjs", "e2e/guide.mjs", "e2e/recipes.mjs"]
GUIDE = [ROOT / "docs/nextjs.md", ROOT / "docs/nextjs-recipes.md"]
GUIDE_APP = HERE / ".guide"  # here, so that it finds the packages of the example
ENDED = "One of the processes stopped. The lines above say why."

# The guide tells readers to copy lib/api.ts. instrumentation.ts runs the migration.
COPIED = ("package.json", "tsconfig.json", "instrumentation.ts", "lib/api.ts", "lib/api-types.ts")
LAYOUT = """import Link from "next/link";

const paths = ["/tasks", "/server-tasks", "/edit-tasks", "/query-tasks"];

export default function Layout({ children }: { children: React.ReactNode }) {
  const links = paths.map((path) => <Link key={path} href={path} prefetch={false}>{path}</Link>);
  return <html lang="en"><body><nav>{links}</nav>{children}</body></html>;
}
"""
# As in a new app. Next.js then keeps the state of a page that one leaves by a link.
CONFIG = """const config = { cacheComponents: true, partialPrefetching: true };
export default config;
"""

Environment = dict[str, str]
Command = Sequence[str | Path]


def demo() -> None:
    """Serve the app and the service until Ctrl-C, with the database and secret of `make run`."""
    settings = {
        "FRONTEND_PORT": "3000",
        **dotenv_values(ROOT / ".flaskenv"),
        **dotenv_values(ROOT / ".env"),
        **os.environ,
    }
    ports = {name: str(settings[name]) for name in ("FLASK_RUN_PORT", "FRONTEND_PORT")}
    for name, port in ports.items():
        check_port("127.0.0.1", int(port), name)
    if reason := missing_node():
        sys.exit(reason)
    api_port, page_port = ports.values()
    page, api = f"http://localhost:{page_port}", f"http://localhost:{api_port}"
    secret = str(settings["BETTER_AUTH_SECRET"])
    database = embedded.start(EMBEDDED_FOLDER)
    service = os.environ | {"BETTER_AUTH_SECRET": secret, "FRONTEND_URL": page}
    service |= {"DATABASE_URL": database, "DATABASE_URL_UNPOOLED": "", "FLASK_RUN_PORT": api_port}
    app = page_settings(page, api, secret, auth_database(database))
    install_packages(HERE)
    build(app)
    subprocess.run([*FLASK, "db", "upgrade"], cwd=ROOT, env=service, check=True)
    with ExitStack() as running:
        processes = [
            running.enter_context(started([*FLASK, "run"], ROOT, service)),
            running.enter_context(started([*NEXT, "start", *listen(page_port)], HERE, app)),
        ]
        wait_for(f"{api}/ready", processes)
        wait_for(f"{page}/sign-in", processes)
        print(f"\n  app   {page}\n  API   {api}/docs\n  Press Ctrl-C to stop.\n", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        sys.exit(ENDED)


def e2e(*files: str) -> None:
    """Test the app and that of the guide in Chromium, or only these files of tests."""
    if files:
        drive(([*TEST, *files], HERE))
        return
    largest_first = sorted(HERE.glob("e2e/*.test.mjs"), key=lambda file: -file.stat().st_size)
    names = [str(file) for file in largest_first]
    # Dealt there and back, so that both halves take about as long.
    half, other_half = [*TEST, *names[::4], *names[3::4]], [*TEST, *names[1::4], *names[2::4]]
    write_guide()
    drive(
        (half, HERE),
        (other_half, HERE),
        (TEST_GUIDE, GUIDE_APP),
        first=["npm", "run", "check"],
    )


def guide() -> None:
    """Test only the app of docs/nextjs.md and docs/nextjs-recipes.md."""
    write_guide()
    drive((TEST_GUIDE, GUIDE_APP), first=["npm", "run", "lint"])


def write_guide() -> None:
    """Write the app of the guide as its pages have it."""
    shutil.rmtree(GUIDE_APP, ignore_errors=True)  # of a run that was killed
    atexit.register(shutil.rmtree, GUIDE_APP, ignore_errors=True)
    pages = "".join(page.read_text() for page in GUIDE)
    files = dict(re.findall(r"<!-- file: (\S+) -->\n```tsx?\n(.*?)```", pages, re.DOTALL))
    for name in COPIED:
        files[name] = (HERE / name).read_text()
    files |= {"app/layout.tsx": LAYOUT, "next.config.ts": CONFIG}
    for name, text in files.items():
        (GUIDE_APP / name).parent.mkdir(parents=True, exist_ok=True)
        (GUIDE_APP / name).write_text(text)


def screenshots() -> None:
    """Take the pictures of the READMEs again."""
    drive((["node", "e2e/screenshots.mjs"], HERE))


def drive(*runs: tuple[Command, Path], first: Command | None = None) -> None:
    """Run commands that drive Chromium, all at once, each against the app in a folder.

    Each command has its own service, app and database. Its output follows when it has ended.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if reason := missing_node() or ("" if browser else "Chromium is not installed"):
        print(f"skipped: {reason}")
        return
    install_packages(HERE)
    # The app reads its settings when it runs. The build only wants them to be there.
    settings = page_settings("http://localhost", "http://localhost", secrets.token_hex(), "")
    sites = {site for _, site in runs}
    with ThreadPoolExecutor() as pool:  # the app of the guide is built beside the checks
        others = [pool.submit(build, settings, site) for site in sites - {HERE}]
        if first:
            run(first, HERE, os.environ | TELEMETRY)
        run(["npm", "run", "types", "--", "--check"], HERE, dict(os.environ))
        if HERE in sites:
            build(settings, HERE)
        for other in others:
            other.result()
    stopping = Event()
    run_one = partial(run_in_chromium, str(browser), stopping)
    with ThreadPoolExecutor() as pool:
        try:
            sys.exit(max(pool.map(run_one, *zip(*runs, strict=True))))
        finally:
            stopping.set()  # after a signal, the threads still wait for their commands


def run_in_chromium(browser: str, stopping: Event, command: Command, site: Path) -> int:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder)  # runs after the server in this folder has stopped
    api_port, page_port = str(free_port()), str(free_port())
    # Both on one host: cookies ignore ports, so the tests see a cookie that is sent by mistake.
    page, api = f"http://localhost:{page_port}", f"http://localhost:{api_port}"
    secret = secrets.token_urlsafe(32)
    database = embedded.start(folder)
    service = os.environ | {"BETTER_AUTH_SECRET": secret, "FRONTEND_URL": page}
    service |= {"DATABASE_URL": database, "DATABASE_URL_UNPOOLED": ""}
    service["USER_TIMEOUT"] = "60"  # no request may get a 429 because the machine is slow
    app = page_settings(page, api, secret, auth_database(database))
    control = [sys.executable, __file__, "control", str(embedded.own_folder(folder) / "data")]
    tests = app | {"BROWSER": browser, "DATABASE_CONTROL": json.dumps(control)}
    output = folder / "output"
    with (folder / "log").open("w") as log, output.open("w") as out, ExitStack() as running:
        upgrade = [*FLASK, "db", "upgrade"]
        subprocess.run(upgrade, cwd=ROOT, env=service, stdout=log, stderr=log, check=True)
        serve = [*GUNICORN, "--bind", f"127.0.0.1:{api_port}"]
        processes = [
            running.enter_context(started(serve, ROOT, service, log)),
            running.enter_context(started([*NEXT, "start", *listen(page_port)], site, app, log)),
        ]
        wait_for(f"{api}/ready", processes)
        wait_for(f"{page}/api/auth/ok", processes)
        ran = running.enter_context(started(command, HERE, tests, out))
        while ran.poll() is None and not stopping.wait(0.5):
            pass
    logged = (folder / "log").read_text() if ran.returncode else ""
    print(logged + output.read_text(), flush=True)  # its last lines name the tests that failed
    return ran.returncode


def control(data: str, command: str) -> None:
    """Stop the PostgreSQL of the tests, or restart it with the same options."""
    pg_ctl = embedded.find_programs() / "pg_ctl"
    options = {"stop": ("-m", "fast"), "restart": ("-l", f"{data}/server.log")}[command]
    embedded.run(pg_ctl, command, "-D", data, "-w", *options)


def auth_database(url: str) -> str:
    """Create Better Auth's database on the server of ``url`` if it is missing. Return its URL."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = 'better_auth'")
        if not cursor.rowcount:
            cursor.execute("CREATE DATABASE better_auth")
    connection.close()
    return url.replace("/postgres?", "/better_auth?")


def page_settings(page: str, api: str, secret: str, database: str) -> Environment:
    """Return the environment of the app, with the settings of .env.example."""
    settings = {"BETTER_AUTH_SECRET": secret, "BETTER_AUTH_URL": page}
    settings |= {"AUTH_DATABASE_URL": database, "API_URL": api}
    return os.environ | TELEMETRY | settings


def build(app: Environment, site: Path = HERE) -> None:
    run([*NEXT, "build"], site, app)


def run(command: Command, folder: Path, environment: Environment) -> None:
    """Run a command to its end. A signal to this script ends it and its children."""
    with started(command, folder, environment) as process:
        if process.wait():
            sys.exit(f"{' '.join(map(str, command))} failed.")


def listen(port: str) -> list[str]:
    return ["--hostname", "localhost", "--port", port]


@contextmanager
def started(
    command: Command, folder: Path, environment: Environment, log: IO[str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in its own session, so that this script ends it and its children."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has already ended
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 60
    answered = False
    while time.monotonic() < deadline:
        with suppress(URLError, OSError):
            urlopen(url, timeout=5).close()
            answered = True
        time.sleep(0.5)  # let a process whose port is taken fail, even if another server responds
        if any(process.poll() is not None for process in processes):
            sys.exit(ENDED)
        if answered:
            return
    sys.exit(f"{url} does not respond.")


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "e2e": e2e,
    "guide": guide,
    "screenshots": screenshots,
    "control": control,
}

if __name__ == "__main__":
    embedded.exit_on_signals()
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        print()
