"""DATABASE_URL, as libpq takes it. It may stand for the embedded PostgreSQL."""

from pathlib import Path

from todo_api.config_rules import EMBEDDED, parse_url
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


def connection_parameters(url: str) -> dict[str, str]:
    """Return the parameters of libpq. Start the embedded PostgreSQL if the setting asks for it."""
    return CONNECTION_DEFAULTS | parse_url(
        embedded.start(EMBEDDED_FOLDER) if url == EMBEDDED else url
    )


def describe_database(url: str) -> str:
    """Say where the data is, for people."""
    if url == EMBEDDED:
        folder = embedded.own_folder(EMBEDDED_FOLDER)
        return f"{folder}, by a PostgreSQL that stops with this server"
    parameters = parse_url(url)
    return f"database {parameters['dbname']} on {parameters.get('host')}"
