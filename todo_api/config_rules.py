"""What a valid setting is. A problem is a text without the value of the setting."""

import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from psycopg2 import OperationalError, ProgrammingError, connect
from psycopg2.extensions import make_dsn, parse_dsn

Problem = Callable[[str, Any], str | None]
"""Takes the name of a variable and its value. Returns what is wrong with it, without the value."""

EMBEDDED = "embedded"
"""The `DATABASE_URL` that asks for the PostgreSQL of development."""

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: a key at least as long as the hash
MAKE_SECRET = "make one: openssl rand -base64 32"  # noqa: S105 -- a command

# Better Auth's default, and the placeholders of guides and templates. They are words alone.
PLACEHOLDER = re.compile(r"better-auth-secret-[0-9]+|(change|replace|your)(-([a-z]+|32))+", re.I)
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
HEADERS = "names of headers, separated by commas: letters, digits and hyphens; no *"


def must_be(what: str, is_valid: Callable[[Any], bool]) -> Problem:
    """Return the rule that a value is valid, or else must be ``what``."""
    return lambda name, value: None if is_valid(value) else f"{name} must be {what}"


log_level_problem = must_be(f"one of {', '.join(LOG_LEVELS)}", LOG_LEVELS.__contains__)
headers_problem = must_be(HEADERS, lambda names: all(map(HEADER_NAME.fullmatch, names)))


def secret_problem(name: str, secret: str) -> str | None:
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


def text_problem(name: str, text: str) -> str | None:
    """Check a text that tokens must equal, or that the log shows."""
    if QUOTED.fullmatch(text):
        return f"{name} {IS_QUOTED}"
    return None if text.isprintable() else f"{name} must be printable text in UTF-8"


def origins_problem(name: str, origins: tuple[str, ...]) -> str | None:
    found = (origin_problem(name, origin) for origin in origins or ("",))
    return next(filter(None, found), None)


def origin_problem(name: str, origin: str) -> str | None:
    if not origin.isascii():
        return f"{name} has a host that is not ASCII; write it as browsers do: xn--..."
    found = ORIGIN.fullmatch(origin)
    if not found or int((found[1] or ":0")[1:]) > MAX_PORT:
        rule = "a scheme, a host and a port if there is one; no path, no *"
        return (
            f"{name} must be origins such as https://app.example.com, separated by commas: {rule}"
        )
    if DEFAULT_PORT.fullmatch(origin):
        return f"{name} has a default port; leave out :80 and :443, as browsers do"
    host = str(urlsplit(origin).hostname)
    if IP_ADDRESS.fullmatch(host) and not is_canonical(host):
        return f"{name} has an IP address that browsers write in another way: 127.0.0.1, [::1]"
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
