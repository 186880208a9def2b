"""The responses to requests that gunicorn itself refuses, in the form of the service's errors."""

import json
from http import HTTPStatus
from traceback import walk_tb
from typing import Any

from gunicorn.http.errors import ConfigurationProblem
from gunicorn.http.message import Request
from gunicorn.util import http_date

# The `error_type` and the `detail` of each status code. gunicorn's own texts quote the request.
REFUSALS = {
    400: ("validation_error", "Malformed HTTP. Check the request line, Host and other headers."),
    404: ("not_found_error", "No such path."),
    414: ("uri_too_long_error", "The URL is too long. Send at most 8 KiB."),
    417: ("expectation_failed_error", "Send no Expect header, or 100-continue."),
    431: (
        "request_header_fields_too_large_error",
        "Too many or too large headers. Send at most 64, each at most 8 KiB.",
    ),
    500: ("internal_server_error", "Internal error."),
    501: ("not_implemented_error", "Send the body with a Content-Length, not a Transfer-Encoding."),
}


class RefusalSocket:
    """Stands for the socket of a client to which gunicorn sends an error: HTML with few headers."""

    def __init__(self, sock: Any, request: Any, error: BaseException) -> None:
        self.sock = sock
        self.is_outside = isinstance(error, ConfigurationProblem)  # of the path in SCRIPT_NAME
        self.is_head = request.method == "HEAD" if request else is_of_head(error)

    def gettimeout(self) -> float:
        return 0.0  # then gunicorn does not change it

    def sendall(self, response: bytes) -> None:
        """Send the same status code with a JSON body, which the response to a HEAD lacks."""
        status = HTTPStatus(404 if self.is_outside else int(response.split()[1]))
        error_type, detail = REFUSALS.get(status, REFUSALS[400])
        body = json.dumps({"detail": detail, "status_code": status, "error_type": error_type})
        head = (
            f"HTTP/1.1 {status} {status.phrase}",
            f"Date: {http_date()}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "",
            "" if self.is_head else body,
        )
        self.sock.sendall("\r\n".join(head).encode())


def is_of_head(error: BaseException) -> bool:
    """Return whether a HEAD could not be parsed. Only the frames of gunicorn's parser know it."""
    for frame, _ in walk_tb(error.__traceback__):
        known = frame.f_locals
        if isinstance(known.get("self"), Request):
            line = known.get("data", b"") if frame.f_code.co_name == "read_line" else b""
            if known["self"].method == "HEAD" or line.startswith(b"HEAD "):
                return True
    return False
