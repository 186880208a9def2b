"""The settings of a process. Nothing else reads the environment."""

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

EMBEDDED = "embedded"
"""The `DATABASE_URL` that asks for the PostgreSQL of development."""

POOL_SIZE = 10
"""Database connections, and so request threads, of one process."""

MAX_BODY_BYTES = 128 * 1024

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: a key at least as long as the hash

# Better Auth's default and the placeholders of guides.
PUBLIC_SECRET = re.compile(
    r"better-auth-secret(-\d+)?|(your|change|replace|example|development|my)[-_ ].*", re.I
)
# PyJWT rejects these as HMAC keys, but only at the first request.
ASYMMETRIC_KEY = re.compile(r"-----BEGIN |(ssh|ecdsa|sk)-")
POSTGRES_SCHEME = re.compile(r"postgres(ql)?(\+psycopg2)?://")
# The scheme and user, the hosts, the rest. libpq takes several hosts, separated by commas.
DATABASE_URL = re.compile(r"(\w+(?:\+\w+)?://(?:[^/?#@]*@)?)([^/?#@]*)(/+[^/?#].*)")
DATABASE_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^][:]*))(?::([0-9]*))?", re.I)
ORIGIN = re.compile(r"https?://[a-z0-9_.-]+(:[1-9][0-9]{0,4})?", re.I)
DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443", re.I)
MAX_PORT = 65_535
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigError(ValueError):
    """An invalid setting. The message names the variable, never its value."""


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
    log_level: str = "INFO"
    pool_size: int = POOL_SIZE
    pool_timeout: float = 5
    pool_recycle: int = 3600
    statement_timeout: float = 5

    def __post_init__(self) -> None:
        check_secret("BETTER_AUTH_SECRET", self.better_auth_secret)
        if self.better_auth_secret_previous is not None:
            check_secret("BETTER_AUTH_SECRET_PREVIOUS", self.better_auth_secret_previous)
        check_database_url("DATABASE_URL", self.database_url)
        if self.database_url_unpooled is not None:
            check_database_url("DATABASE_URL_UNPOOLED", self.database_url_unpooled)
        for origin in self.frontend_origins:
            check_origin(origin)
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Config":
        """Read the settings from the environment. An empty variable counts as unset."""

        def optional(name: str) -> str | None:
            return environ.get(name) or None

        origins = environ.get("FRONTEND_URL", "").split(",")
        return cls(
            better_auth_secret=environ.get("BETTER_AUTH_SECRET", ""),
            better_auth_secret_previous=optional("BETTER_AUTH_SECRET_PREVIOUS"),
            database_url=environ.get("DATABASE_URL", ""),
            database_url_unpooled=optional("DATABASE_URL_UNPOOLED"),
            jwt_audience=optional("JWT_AUDIENCE"),
            jwt_issuer=optional("JWT_ISSUER"),
            frontend_origins=tuple(o.strip().rstrip("/") for o in origins if o.strip())
            or cls.frontend_origins,
            log_level=environ.get("LOG_LEVEL", "").upper() or cls.log_level,
        )

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


@cache
def derive_key(key: bytes, use: str) -> bytes:
    return hmac.digest(key, f"todo_api {use}".encode(), "sha256")


def check_secret(name: str, secret: str) -> None:
    if not secret:
        raise ConfigError(f"{name} is not set; set it to the secret of your Better Auth server")
    if secret != secret.strip():
        raise ConfigError(
            f"{name} starts or ends with white space; remove it here and in Better Auth"
        )
    if len(secret.encode(errors="surrogateescape")) < MIN_SECRET_BYTES:
        raise ConfigError(
            f"{name} is shorter than {MIN_SECRET_BYTES} bytes; make one: openssl rand -base64 32"
        )
    if PUBLIC_SECRET.fullmatch(secret):
        raise ConfigError(
            f"{name} is a published default or placeholder; make one: openssl rand -base64 32"
        )
    if ASYMMETRIC_KEY.match(secret) or not secret.isprintable():
        raise ConfigError(f"{name} must be plain text, not a PEM or SSH key")


def check_origin(origin: str) -> None:
    found = ORIGIN.fullmatch(origin)
    if not found or int((found[1] or ":0")[1:]) > MAX_PORT:
        raise ConfigError(
            "FRONTEND_URL must be origins such as https://app.example.com, separated by commas: a "
            "scheme, a host and a port if there is one; no path, no *"
        )
    if DEFAULT_PORT.fullmatch(origin):
        raise ConfigError("FRONTEND_URL has a default port; leave out :80 and :443, as browsers do")


def check_database_url(name: str, url: str) -> None:
    if url == EMBEDDED:
        return
    if url != "".join(url.split()):
        raise ConfigError(f"{name} contains white space; percent-encode or remove it")
    if not POSTGRES_SCHEME.match(url):
        raise ConfigError(f"{name} must be set to a postgresql:// URL")
    parts = DATABASE_URL.fullmatch(url)
    hosts = [DATABASE_HOST.fullmatch(host) for host in parts[2].split(",")] if parts else [None]
    if not all(host and 0 < int(host[3] or 1) <= MAX_PORT for host in hosts):
        raise ConfigError(
            f"{name} is not a valid URL: postgresql://user:password@host:port/database, "
            "with the special characters of user and password percent-encoded"
        )
