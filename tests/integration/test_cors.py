"""CORS: the allowed origins, methods and headers; every response is readable."""

import pytest

from tests.support.client import Client, MakeApp
from tests.support.log import Lines

ORIGIN = "http://localhost:3000"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type",
}

REQUEST_HEADERS = {
    "authorization", "content-type", "accept", "x-request-id", "if-match", "if-none-match",
    "idempotency-key", "traceparent", "tracestate", "baggage", "sentry-trace",
}  # fmt: skip


ORIGINS = (
    "https://a.example.com",
    "http://[::1]:3000",
    "https://[2001:db8::5]",
    "http://my_host.local:8080",
    "capacitor://localhost",
    "tauri://localhost",
    "app://.",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "safari-web-extension://0F5AB6F5-7F0C-4C1B-8E0C-2C8F0C7D6A11",
)


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


@pytest.mark.parametrize(
    "path",
    [
        "/api/tasks",
        "/api/tasks/1",
        "/api/tasks/1/complete",
        "/api/tasks/1-nope",
        "/api/tasks/0",
        "/api/x",
    ],
)
def test_preflight_needs_no_token(anonymous: Client, path: str) -> None:
    response = anonymous.options(path, headers=PREFLIGHT)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Max-Age"] == "600"
    assert names(response.headers["Access-Control-Allow-Headers"]) == REQUEST_HEADERS
    assert names(response.headers["Access-Control-Allow-Methods"]) == {
        "get", "head", "post", "put", "patch", "delete", "options",
    }  # fmt: skip


@pytest.mark.parametrize("requested", ["", "authorization", "x-evil", "authorization, " * 500])
def test_preflight_allows_the_same_headers_whatever_it_asks_for(
    anonymous: Client, requested: str
) -> None:
    headers = PREFLIGHT | {"Access-Control-Request-Headers": requested}
    allowed = anonymous.options("/api/tasks", headers=headers).headers[
        "Access-Control-Allow-Headers"
    ]
    assert names(allowed) == REQUEST_HEADERS
    assert len(allowed) < 200


def test_preflight_allows_the_headers_of_the_setting(make_app: MakeApp, lines: Lines) -> None:
    app = make_app(cors_allow_headers=("X-Trace", "x-app-version"))
    asked = PREFLIGHT | {"Access-Control-Request-Headers": "traceparent,x-trace,X-App-Version"}
    allowed = (
        Client(app).options("/api/tasks", headers=asked).headers["Access-Control-Allow-Headers"]
    )
    assert names(allowed) == REQUEST_HEADERS | {"x-trace", "x-app-version"}
    assert lines.events("WARNING") == []


def test_refused_header_is_logged_as_a_warning(anonymous: Client, lines: Lines) -> None:
    asked = {"Access-Control-Request-Headers": "authorization,x-mine, x-Mine,x-\x1b[2J"}
    assert anonymous.options("/api/tasks", headers=PREFLIGHT | asked).status_code == 204
    warning, _ = lines.parsed()
    assert (warning["level"], warning["headers"]) == ("WARNING", "x-mine, x-\\x1b[2j")
    assert warning["event"] == "header refused: if your page sends it, add it to CORS_ALLOW_HEADERS"


def test_header_that_a_stranger_asks_for_is_not_logged(anonymous: Client, lines: Lines) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "x-mine"}
    anonymous.options("/api/tasks", headers=PREFLIGHT | asked)
    assert [line["event"][:14] for line in lines.parsed()] == ["origin refused", "request"]


def test_own_page_of_a_host_with_an_underscore_is_no_stranger(
    anonymous: Client, lines: Lines
) -> None:
    headers = {"Host": "todo_api:8000", "Origin": "http://todo_api:8000"}
    anonymous.get("/health", headers=headers)
    assert lines.events("WARNING") == []


def test_many_refused_headers_are_one_short_line(anonymous: Client, lines: Lines) -> None:
    asked = {"Access-Control-Request-Headers": ",".join(f"x-\x85{n}" for n in range(900))}
    anonymous.options("/api/tasks", headers=PREFLIGHT | asked)
    assert lines.parsed()[0]["headers"].startswith("x-\\x850, x-\\x851, ")
    assert len(lines.getvalue().splitlines()[0]) < 1_000


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "http://localhost:3001", "http://localhost:30000", "null"],
)
def test_other_origin_gets_no_cors_headers(client: Client, origin: str) -> None:
    for response in (
        client.options("/api/tasks", headers=PREFLIGHT | {"Origin": origin}),
        client.get("/api/tasks", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
@pytest.mark.parametrize("origin", ["https://app.example.com", "null", "http://["])
def test_refused_origin_is_logged_as_a_warning(
    client: Client, lines: Lines, method: str, origin: str
) -> None:
    client.open("/api/tasks", method=method, headers=PREFLIGHT | {"Origin": origin})
    warning, request = lines.parsed()
    assert (warning["level"], warning["origin"]) == ("WARNING", origin)
    assert warning["event"] == "origin refused: if it is yours, add it to FRONTEND_URL"
    assert warning["request_id"] == request["request_id"]


def test_hostile_origin_is_one_short_line(client: Client, lines: Lines) -> None:
    origin = 'https://x"\x85\t\x1b[2J' + "y" * 9_000
    client.get("/api/tasks", headers={"Origin": origin})
    warning, _ = lines.parsed()
    assert warning["origin"].startswith('https://x"\\x85\\t\\x1b[2Jyyy')
    assert len(lines.getvalue().splitlines()[0]) < 600


@pytest.mark.parametrize("headers", [{}, {"Origin": ORIGIN}, {"Origin": "http://localhost"}])
def test_other_requests_log_no_warning(
    client: Client, lines: Lines, headers: dict[str, str]
) -> None:
    client.post("/api/tasks", json={"title": "x"}, headers=headers)
    assert lines.events("WARNING") == []


def test_request_without_an_origin_gets_no_cors_headers(client: Client) -> None:
    response = client.get("/api/tasks")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/api/tasks", {}, None, 200),
        ("POST", "/api/tasks", {}, b"{}", 400),
        ("GET", "/api/tasks", {"Authorization": "Bearer x"}, None, 401),
        ("GET", "/api/tasks/1-nope", {}, None, 404),
        ("PUT", "/api/tasks", {}, None, 405),
        ("POST", "/api/tasks", {"Transfer-Encoding": "chunked"}, b"{}", 411),
        ("POST", "/api/tasks", {}, b" " * 131_073, 413),
        ("POST", "/api/tasks", {"Content-Type": "text/plain"}, b"x", 415),
    ],
)
def test_every_response_is_readable_across_origins(
    client: Client, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"} | headers
    response = client.open(path, method=method, headers=headers, data=body)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert names(response.headers["Access-Control-Expose-Headers"]) == {
        "link", "location", "etag", "idempotency-replayed", "retry-after",
        "sync-token", "x-request-id",
    }  # fmt: skip


def test_503_is_readable_across_origins(make_app: MakeApp, client: Client) -> None:
    app = make_app(database_url="postgresql+psycopg2://u:p@127.0.0.1:1/db")
    other = Client(app, client.token)
    response = other.get("/api/tasks", headers={"Origin": ORIGIN})
    assert response.status_code == 503
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_each_allowed_origin_gets_its_own_header(make_app: MakeApp) -> None:
    app = make_app(frontend_origins=("https://a.example.com", ORIGIN))
    for origin in ("https://a.example.com", ORIGIN):
        response = Client(app).get("/health", headers={"Origin": origin})
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://aXexample.com",
        "https://a.example.com.evil.com",
        "https://a.example.com\n",
        "xhttps://a.example.com",
        "http://:3000",
        "http://1:3000",
        "http://::1:3000",
        "http://[::1]:30000",
        "http://[::1].evil.com:3000",
        "capacitor://localhostage",
    ],
)
def test_origin_is_compared_as_a_whole_and_not_as_a_pattern(make_app: MakeApp, origin: str) -> None:
    app = make_app(frontend_origins=ORIGINS)
    environ = {"HTTP_ORIGIN": origin}  # a header of the test client takes no line feed
    response = Client(app).get("/health", environ_overrides=environ)
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("origin", ORIGINS)
def test_origin_of_any_form_is_allowed(make_app: MakeApp, origin: str) -> None:
    app = make_app(frontend_origins=ORIGINS)
    for response in (
        Client(app).get("/health", headers={"Origin": origin}),
        Client(app).options("/api/tasks", headers=PREFLIGHT | {"Origin": origin}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("headers", [{}, {"Origin": ORIGIN}, {"Origin": "http://other.example"}])
def test_origin_is_added_to_what_a_response_varies_by(
    make_app: MakeApp, headers: dict[str, str]
) -> None:
    app = make_app()

    @app.get("/varied")
    def varied() -> tuple[str, dict[str, str]]:
        return "", {"Vary": "Accept"}

    response = Client(app, "").get("/varied", headers=headers)
    assert names(",".join(response.headers.getlist("Vary"))) == {"accept", "origin"}
