"""The settings of a process. Nothing else reads the environment."""

import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from psycopg2 import OperationalError, ProgrammingError, connect
from psycopg2.extensions import make_dsn, parse_dsn

from todo_api.limits import MAX_TASKS_PER_USER

EMBEDDED = "embedded"
"""The `DATABASE_URL` that asks for the PostgreSQL of development."""

SECRETS = (
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRET_PREVIOUS",
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
)
"""The settings that may also come from a file, which NAME_FILE names."""
MAX_FILE_BYTES = 64 * 1024
MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: a key at least as long as the hash
MAKE_SECRET = "make one: openssl rand -base64 32"  # noqa: S105 -- a command

# Better Auth's default, and the placeholders of guides and templates. They are words alone.
PLACEHOLDER = re.compile(
    r"better-auth-secret-[0-9]+|(change|replace|your)(-([a-z]+|32))+", re.IGNORECASE
)
QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
IS_QUOTED = "is in quotes, which `docker run --env-file` keeps; remove them"
# PyJWT rejects these as HMAC keys, but only at the first request.
ASYMMETRIC_KEY = re.compile(r"-----BEGIN |(ssh|ecdsa|sk)-")
# After the user, an @ is percent-encoded: libpq would take the rest of a password for a host.
POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+psycopg2)?://(?:[^@/]*@)?[^@?]*(?:\?(.*))?")
INVALID_URL = (
    "is not a valid URL: postgresql://user:password@host:port/database, "
    "with the special characters of user and password percent-encoded"
)
UNKNOWN_PARAMETER = re.compile(r'invalid URI query parameter: "\w+"')
NOWHERE = {"host": "/dev/null", "hostaddr": "", "port": "1"}  # libpq checks values, then fails
# libpq reads numbers only when it has an address.
UNUSABLE = re.compile(
    r"client_encoding=(?!utf-?8\Z)|(?:(?:connect|tcp_user)_timeout|keepalives\w*)=(?!-?[0-9]{1,9}\Z)",
    re.IGNORECASE,
)
PORT = re.compile(r"[0-9]{0,5}")
# Of any scheme: the page of an app is on capacitor://localhost, tauri://localhost or app://name.
ORIGIN = re.compile(r"(?ai)[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?")
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")  # flask-cors takes some other characters for a pattern
IP_ADDRESS = re.compile(r"[0-9][0-9.]*|.*:.*")
DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443", re.I)
MAX_PORT = 65_535
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigError(ValueError):
    """Invalid settings, one line each. No line has the value of a setting."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Config:
    """The settings. Raises `ConfigError` for an invalid one. Times are in seconds."""

    better_auth_secret: str = field(repr=False)
    database_url: str = field(repr=False)
    better_auth_secret_previous: str | None = field(default=None, repr=False)
    database_url_unpooled: str | None = field(default=None, repr=False)
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    frontend_origins: tuple[str, ...] = ("http://localhost:3000",)
    cors_allow_headers: tuple[str, ...] = ()
    log_level: str = "INFO"
    max_tasks_per_user: int = MAX_TASKS_PER_USER
    pool_size: int = 10  # gunicorn.conf.py has twice as many threads
    pool_timeout: float = 5
    pool_recycle: int = 3600
    statement_timeout: float = 5
    user_turns: int = 3
    user_requests: int = 12
    user_timeout: float = 1
    max_waiting: int = 10

    def __post_init__(self) -> None:
        if problems := [problem for problem in self.find_problems() if problem]:
            raise ConfigError(problems)

    def find_problems(self) -> Iterator[str | None]:
        """Check each setting."""
        yield secret_problem("BETTER_AUTH_SECRET", self.better_auth_secret)
        if self.better_auth_secret_previous is not None:
            yield secret_problem("BETTER_AUTH_SECRET_PREVIOUS", self.better_auth_secret_previous)
        yield url_problem("DATABASE_URL", self.database_url)
        if self.database_url_unpooled is not None:
            yield url_problem("DATABASE_URL_UNPOOLED", self.database_url_unpooled)
        for name, text in (("JWT_AUDIENCE", self.jwt_audience), ("JWT_ISSUER", self.jwt_issuer)):
            if text and QUOTED.fullmatch(text):
                yield f"{name} {IS_QUOTED}"
        yield next(filter(None, map(origin_problem, self.frontend_origins or ("",))), None)
        if not all(map(HEADER_NAME.fullmatch, self.cors_allow_headers)):
            yield (
                "CORS_ALLOW_HEADERS must be names of headers, separated by commas: letters, digits "
                "and hyphens; no *"
            )
        if self.log_level not in LOG_LEVELS:
            yield f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}"
        if self.max_tasks_per_user < 1:
            yield "MAX_TASKS_PER_USER must be a whole number, at least 1"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read the settings from the environment. An empty variable counts as unset."""
        secrets = read_secrets(SECRETS, environ)

        def optional(name: str) -> str | None:
            return environ.get(name) or None

        most = environ.get("MAX_TASKS_PER_USER") or str(cls.max_tasks_per_user)
        origins = environ.get("FRONTEND_URL") or ",".join(cls.frontend_origins)
        return cls(
            better_auth_secret=secrets["BETTER_AUTH_SECRET"],
            better_auth_secret_previous=secrets["BETTER_AUTH_SECRET_PREVIOUS"] or None,
            database_url=secrets["DATABASE_URL"],
            database_url_unpooled=secrets["DATABASE_URL_UNPOOLED"] or None,
            jwt_audience=optional("JWT_AUDIENCE"),
            jwt_issuer=optional("JWT_ISSUER"),
            frontend_origins=tuple(o.rstrip("/") for o in split(origins)),
            cors_allow_headers=split(environ.get("CORS_ALLOW_HEADERS", "")),
            log_level=environ.get("LOG_LEVEL", "").upper() or cls.log_level,
            max_tasks_per_user=int(most) if re.fullmatch("[0-9]{1,18}", most) else 0,
        )

    @classmethod
    def for_migrations(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read only the URL that migrations use: the direct one, or else the service's."""
        for name in ("DATABASE_URL_UNPOOLED", "DATABASE_URL"):
            if url := read_secrets([name], environ)[name]:
                break
        if problem := url_problem(name, url):
            raise ConfigError([problem])
        return cls(better_auth_secret=token_hex(), database_url=url)  # migrations sign nothing

    @cached_property
    def token_keys(self) -> tuple[bytes, ...]:
        """The HMAC keys a token may be signed with, the current one first."""
        secrets = (self.better_auth_secret, self.better_auth_secret_previous)
        return tuple(secret.encode() for secret in secrets if secret)

    def keys_for(self, use: str) -> tuple[bytes, ...]:
        """Return keys for a use that is not a token's, in the same order.

        Each use has keys of its own, so that nothing signed for one is valid for another.
        """
        return tuple(derive_key(key, use) for key in self.token_keys)


def read_secrets(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return settings that may come from files. Raise `ConfigError` for those that cannot."""
    values, problems = {}, []
    for name in names:
        try:
            values[name] = read_secret(name, environ)
        except OSError as error:
            problems.append(f"{name}_FILE: {error.strerror}: {error.filename}")
        except ValueError as error:
            problems.append(f"{name}_FILE {error}")
    if problems:
        raise ConfigError(problems)
    return values


def read_secret(name: str, environ: Mapping[str, str]) -> str:
    """Return a setting, or the content of its file without the last line feed.

    No error has the content. None has a relative path, because that may be the secret itself.
    """
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if not path:
        return value
    if value not in ("", EMBEDDED):  # .flaskenv sets DATABASE_URL=embedded
        raise ValueError(f"and {name} are both set; unset one of them")
    if not Path(path).is_absolute():
        raise ValueError("must be the absolute path of a file")
    with open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"names a file of more than {MAX_FILE_BYTES} bytes: {path}")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"names a file that is not UTF-8: {path}") from None


@cache
def derive_key(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"todo_api {use}".encode(), "sha256")


def secret_problem(name: str, secret: str) -> str | None:
    """Return what is wrong with a secret, without its value."""
    if not secret:
        return f"{name} is not set; set it to the secret of your Better Auth server"
    if secret != secret.strip():
        return f"{name} starts or ends with white space; remove it here and in Better Auth"
    if QUOTED.fullmatch(secret):
        return f"{name} {IS_QUOTED} here and in Better Auth"
    if len(secret.encode(errors="surrogateescape")) < MIN_SECRET_BYTES:
        return f"{name} is shorter than {MIN_SECRET_BYTES} bytes; {MAKE_SECRET}"
    if PLACEHOLDER.fullmatch(secret):
        return f"{name} is a placeholder of a guide or a template; {MAKE_SECRET}"
    if ASYMMETRIC_KEY.match(secret) or not secret.isprintable():
        return f"{name} must be plain text, not a PEM or SSH key"
    return None


def split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def origin_problem(origin: str) -> str | None:
    if not origin.isascii():
        return "FRONTEND_URL has a host that is not ASCII; write it as browsers do: xn--..."
    found = ORIGIN.fullmatch(origin)
    if not found or int((found[1] or ":0")[1:]) > MAX_PORT:
        return (
            "FRONTEND_URL must be origins such as https://app.example.com, separated by commas: a "
            "scheme, a host and a port if there is one; no path, no *"
        )
    if DEFAULT_PORT.fullmatch(origin):
        return "FRONTEND_URL has a default port; leave out :80 and :443, as browsers do"
    host = str(urlsplit(origin).hostname)
    if IP_ADDRESS.fullmatch(host) and not is_canonical(host):
        return "FRONTEND_URL has an IP address that browsers write in another way: 127.0.0.1, [::1]"
    return None


def is_canonical(address: str) -> bool:
    with suppress(ValueError):
        return str(ip_address(address)) == address
    return False


def url_problem(name: str, url: str) -> str | None:
    if url == EMBEDDED:
        return None
    if not url:
        return f"{name} is not set; set it to a postgresql:// URL"
    if QUOTED.fullmatch(url):
        return f"{name} {IS_QUOTED}"
    if url != "".join(url.split()):
        return f"{name} contains white space; percent-encode or remove it"
    if not (found := POSTGRES_URL.fullmatch(url)):
        return f"{name} {INVALID_URL}"
    return parameter_problem(name, url, found[1] or "")


def parameter_problem(name: str, url: str, query: str) -> str | None:
    """Return what libpq would refuse. Most of its words quote a part of the URL."""
    names = re.findall(r"(?:^|&)(\w+)=", query)
    if len(set(names)) < len(names):
        return f"{name} has a duplicate parameter"
    try:
        parameters = parse_url(url)
    except (ProgrammingError, UnicodeError) as error:
        unknown = UNKNOWN_PARAMETER.search(str(error))
        if unknown and "@" not in query:  # else its name may be a part of the password
            return f"{name} has a parameter that libpq rejects: {unknown[0]}"
        return f"{name} {INVALID_URL}"
    if unusable := unusable_values(parameters):
        advice = "see https://www.postgresql.org/docs/current/libpq-connect.html"
        return f"{name} has a parameter with an unusable value, {unusable}: {advice}"
    ports = [PORT.fullmatch(port) for port in parameters.get("port", "").split(",")]
    valid = all(port and 0 < int(port[0] or 1) <= MAX_PORT for port in ports)
    hosts = (parameters.get("host") or parameters.get("hostaddr", "")).split(",")
    valid &= len(ports) in (1, len(hosts)) and bool(parameters.get("dbname"))
    return None if valid else f"{name} {INVALID_URL}"


def unusable_values(parameters: dict[str, str]) -> str:
    """Return the names of the parameters whose values libpq rejects, which it does to connect."""
    unusable = {name for name, value in parameters.items() if UNUSABLE.match(f"{name}={value}")}
    try:
        connect(make_dsn(**parameters | NOWHERE), async_=True)
    except OperationalError as error:
        # GSSAPI needs TCP. Its value has passed then.
        if NOWHERE["host"] not in str(error) and "over a local socket" not in str(error):
            words = set(re.findall(r"\w+", str(error)))
            unusable |= parameters.keys() & words or {"several, or a variable such as PGSSLMODE"}
    return ", ".join(sorted(unusable))


def parse_url(url: str) -> dict[str, str]:
    """Return the parameters of a URL as libpq reads it."""
    return parse_dsn(url.replace("+psycopg2://", "://", 1))
