"""The settings of a process, from the environment and from files."""

import hmac
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from math import nan
from secrets import token_hex
from typing import Any, NamedTuple

from todo_api import config_rules as rules
from todo_api.limits import MAX_TASKS_PER_USER

MAX_FILE_BYTES = 64 * 1024


class ConfigError(ValueError):
    """Invalid settings, one line each. No line has the value of a setting."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Setting(NamedTuple):
    """What is wrong with a value, and how it is read. Of a secret, NAME_FILE may name a file."""

    problem: rules.Problem
    read: Callable[[str], Any] = str
    is_secret: bool = False


def number(text: str) -> float:
    """Return the number that a setting is, or `nan`."""
    return float(text) if re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text) else nan


def whole(text: str) -> float:
    """Return the whole number that a setting is, or `nan`."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else nan


def switch(text: str) -> bool | str:
    return {"on": True, "off": False}.get(text.lower(), text)


def origins(text: str) -> tuple[str, ...]:
    return tuple(each.rstrip("/") for each in split(text))


def split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


SETTINGS = {
    "BETTER_AUTH_SECRET": Setting(rules.secret_problem, is_secret=True),
    "BETTER_AUTH_SECRET_PREVIOUS": Setting(rules.secret_problem, is_secret=True),
    "DATABASE_URL": Setting(rules.url_problem, is_secret=True),
    "DATABASE_URL_UNPOOLED": Setting(rules.url_problem, is_secret=True),
    "JWT_AUDIENCE": Setting(rules.text_problem),
    "JWT_ISSUER": Setting(rules.text_problem),
    "FRONTEND_URL": Setting(rules.origins_problem, origins),
    "CORS_ALLOW_HEADERS": Setting(rules.headers_problem, split),
    "LOG_LEVEL": Setting(rules.log_level_problem, str.upper),
    "LOG_SAMPLE": Setting(rules.must_be("a number from 0 to 1", lambda n: 0 <= n <= 1), number),
    "LOG_PROBES": Setting(rules.must_be("on or off", lambda on: isinstance(on, bool)), switch),
    "INSTANCE": Setting(rules.text_problem),
    "COMMIT": Setting(rules.text_problem),
    "TRUSTED_PROXIES": Setting(rules.must_be("a whole number", lambda n: n >= 0), whole),
    "SLOW_STATEMENT": Setting(rules.must_be("a number of seconds", lambda n: n >= 0), number),
    "MAX_TASKS_PER_USER": Setting(
        rules.must_be("a whole number, at least 1", lambda n: n >= 1), whole
    ),
    "USER_TIMEOUT": Setting(
        rules.must_be("a number of seconds, at most 3600", lambda n: 0 <= n <= 3600), number
    ),
}
"""The environment variables. `Config` has the types and the defaults, and what has no variable."""


def field_of(variable: str) -> str:
    return "frontend_origins" if variable == "FRONTEND_URL" else variable.lower()


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
    log_probes: bool = True
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
        found = [self.problem(name) for name in SETTINGS]
        if problems := [problem for problem in found if problem]:
            raise ConfigError(problems)

    def problem(self, name: str) -> str | None:
        """Return what is wrong with a setting. None is valid where it is the default."""
        field_name = field_of(name)
        value = getattr(self, field_name)
        if value is None:
            optional = getattr(Config, field_name, "") is None
            return None if optional else f"{name} is not set"
        return SETTINGS[name].problem(name, value)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read the settings from the environment. An empty variable counts as unset."""
        values: dict[str, Any] = {"better_auth_secret": "", "database_url": ""}
        problems: list[str] = []
        for name, setting in SETTINGS.items():
            try:
                text = read_secret(name, environ) if setting.is_secret else environ.get(name)
                if text:
                    values[field_of(name)] = setting.read(text)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        return cls(**values)

    def public(self) -> dict[str, Any]:
        """Return the settings that are no secrets."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}

    @classmethod
    def for_migrations(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read only the URL that migrations use: the direct one, or else the service's."""
        name = "DATABASE_URL_UNPOOLED"
        if not (url := read_secret(name, environ)):
            name = "DATABASE_URL"
            url = read_secret(name, environ)
        if problem := rules.url_problem(name, url):
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


def read_secret(name: str, environ: Mapping[str, str]) -> str:
    """Return a setting, or the content of its file without the last line feed.

    No error has the content, or the path: that may be the secret itself, by mistake.
    """
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if not path:
        return value
    if value not in ("", rules.EMBEDDED):  # .flaskenv sets DATABASE_URL=embedded
        raise ConfigError([f"{name}_FILE and {name} are both set; unset one of them"])
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "it has a character that no path has")
        raise ConfigError([f"{name}_FILE names no file that can be read: {reason}"]) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError([f"{name}_FILE names a file of more than {MAX_FILE_BYTES} bytes"])
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError([f"{name}_FILE names a file that is not UTF-8"]) from None


@cache
def derive_key(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"todo_api {use}".encode(), "sha256")
