"""The settings of a process, from the environment and from files."""

import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from math import nan
from secrets import token_hex
from typing import Any

from todo_api.config_rules import (
    EMBEDDED,
    HEADER_NAME,
    origin_problem,
    secret_problem,
    text_problem,
    url_problem,
)
from todo_api.limits import MAX_TASKS_PER_USER

SECRETS = (
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRET_PREVIOUS",
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
)
"""The settings that may also come from a file, which NAME_FILE names."""
MAX_FILE_BYTES = 64 * 1024
MAX_USER_TIMEOUT = 3600
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SWITCH = {"": True, "on": True, "off": False}


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
    log_sample: float = 1
    log_probes: bool | None = True  # None: invalid
    instance: str | None = None
    commit: str | None = None
    trusted_proxies: int = 0
    slow_statement: float = 1
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
        for name in ("JWT_AUDIENCE", "JWT_ISSUER", "INSTANCE", "COMMIT"):
            yield text_problem(name, getattr(self, name.lower()))
        yield next(filter(None, map(origin_problem, self.frontend_origins or ("",))), None)
        if not all(map(HEADER_NAME.fullmatch, self.cors_allow_headers)):
            yield (
                "CORS_ALLOW_HEADERS must be names of headers, separated by commas: letters, digits "
                "and hyphens; no *"
            )
        yield from self.find_problems_of_the_log()
        if self.max_tasks_per_user < 1:
            yield "MAX_TASKS_PER_USER must be a whole number, at least 1"
        if not 0 <= self.user_timeout <= MAX_USER_TIMEOUT:
            yield f"USER_TIMEOUT must be a number of seconds, at most {MAX_USER_TIMEOUT}"

    def find_problems_of_the_log(self) -> Iterator[str]:
        if self.log_level not in LOG_LEVELS:
            yield f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}"
        if not 0 <= self.log_sample <= 1:
            yield "LOG_SAMPLE must be a number from 0 to 1"
        if self.log_probes is None:
            yield "LOG_PROBES must be on or off"
        if self.trusted_proxies < 0:
            yield "TRUSTED_PROXIES must be a whole number"
        if not self.slow_statement >= 0:
            yield "SLOW_STATEMENT must be a number of seconds"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read the settings from the environment. An empty variable counts as unset."""
        secrets = read_secrets(SECRETS, environ)

        def optional(name: str) -> str | None:
            return environ.get(name) or None

        return cls(
            better_auth_secret=secrets["BETTER_AUTH_SECRET"],
            better_auth_secret_previous=secrets["BETTER_AUTH_SECRET_PREVIOUS"] or None,
            database_url=secrets["DATABASE_URL"],
            database_url_unpooled=secrets["DATABASE_URL_UNPOOLED"] or None,
            jwt_audience=optional("JWT_AUDIENCE"),
            jwt_issuer=optional("JWT_ISSUER"),
            frontend_origins=origins(environ.get("FRONTEND_URL"), cls.frontend_origins),
            cors_allow_headers=split(environ.get("CORS_ALLOW_HEADERS", "")),
            log_level=environ.get("LOG_LEVEL", "").upper() or cls.log_level,
            log_sample=number(environ.get("LOG_SAMPLE"), cls.log_sample),
            log_probes=SWITCH.get(environ.get("LOG_PROBES", "").lower()),
            instance=optional("INSTANCE"),
            commit=optional("COMMIT"),
            trusted_proxies=whole(environ.get("TRUSTED_PROXIES"), cls.trusted_proxies),
            slow_statement=number(environ.get("SLOW_STATEMENT"), cls.slow_statement),
            max_tasks_per_user=whole(environ.get("MAX_TASKS_PER_USER"), cls.max_tasks_per_user),
            user_timeout=number(environ.get("USER_TIMEOUT"), cls.user_timeout),
        )

    def public(self) -> dict[str, Any]:
        """Return the settings that are no secrets."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}

    @classmethod
    def for_migrations(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read only the URL that migrations use: the direct one, or else the service's."""
        name = "DATABASE_URL_UNPOOLED"
        if not (url := read_secrets([name], environ)[name]):
            name = "DATABASE_URL"
            url = read_secrets([name], environ)[name]
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
            problems.append(f"{name}_FILE names no file that can be read: {error.strerror}")
        except ValueError as error:
            problems.append(f"{name}_FILE {error}")
    if problems:
        raise ConfigError(problems)
    return values


def read_secret(name: str, environ: Mapping[str, str]) -> str:
    """Return a setting, or the content of its file without the last line feed.

    No error has the content, or the path: that may be the secret itself, by mistake.
    """
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if not path:
        return value
    if value not in ("", EMBEDDED):  # .flaskenv sets DATABASE_URL=embedded
        raise ValueError(f"and {name} are both set; unset one of them")
    with open(path, "rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"names a file of more than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8") from None


def number(text: str | None, default: float) -> float:
    """Return the number that a setting is, or the default if it is not set. `nan` is invalid."""
    if not text:
        return default
    return float(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text) else nan


def whole(text: str | None, default: int) -> int:
    """Return the whole number that a setting is, or the default. -1 is invalid."""
    if not text:
        return default
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else -1


def origins(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.rstrip("/") for each in split(text)) if text else default


def split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


@cache
def derive_key(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"todo_api {use}".encode(), "sha256")
