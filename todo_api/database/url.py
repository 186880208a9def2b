"""DATABASE_URL, as SQLAlchemy and libpq take it. It may stand for the embedded PostgreSQL."""

from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL, make_url

from todo_api.config import DATABASE_HOST, DATABASE_URL, EMBEDDED
from todo_api.database import embedded

EMBEDDED_FOLDER = Path(__file__).parents[2] / "instance" / "postgres"

# For libpq, unless DATABASE_URL says otherwise.
CONNECTION_DEFAULTS = {
    "application_name": "todo_api",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}


def resolve_url(value: str) -> URL:
    """Return the URL to connect to. Start the embedded PostgreSQL if the setting asks for it.

    SQLAlchemy 2.1 reads `postgresql` as psycopg 3 and does not know `postgres`.
    """
    url = parse_url(embedded.start(EMBEDDED_FOLDER) if value == EMBEDDED else value)
    return url.set(drivername="postgresql+psycopg2", query=CONNECTION_DEFAULTS | dict(url.query))


def describe_database(value: str) -> str:
    """Say where the data is, for people."""
    if value == EMBEDDED:
        return (
            f"{embedded.own_folder(EMBEDDED_FOLDER)}, by a PostgreSQL that stops with this server"
        )
    url = parse_url(value)
    return f"database {url.database} on {url.host or url.query.get('host')}"


def parse_url(value: str) -> URL:
    """Return the URL. Several hosts become parameters, because SQLAlchemy's URL has one host.

    The meaning is libpq's: a parameter wins over its part of the URL, a host without a port has the
    default port, and a single ``port=`` is the port of all hosts.
    """
    start, hosts, rest = DATABASE_URL.fullmatch(value).groups()  # type: ignore[union-attr]
    url = make_url(start + rest if "," in hosts else value)
    if "," in hosts:
        found = list(filter(None, map(DATABASE_HOST.fullmatch, hosts.split(","))))
        names = ",".join(unquote(host[1] or host[2]) for host in found)
        ports = ",".join(host[3] or "" for host in found)
        url = url.set(query={"host": names, "port": ports, **url.query})
    return one_port_for_each(url)


def one_port_for_each(url: URL) -> URL:
    """Repeat the single port of several hosts, as SQLAlchemy wants it."""
    hosts, port = str(url.query.get("host")), str(url.query.get("port", ","))
    repeated = ",".join([port] * len(hosts.split(",")))
    return url if "," in port else url.update_query_dict({"port": repeated})
