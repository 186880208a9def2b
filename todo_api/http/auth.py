"""Authentication: the rules for tokens, and the guard of every task endpoint."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, wraps
from math import isfinite
from time import time
from typing import Any

import jwt
from jwt.utils import base64url_decode
from werkzeug.exceptions import Unauthorized

from todo_api.config import Config
from todo_api.context import current_request, request_state, settings
from todo_api.errors import NO_TOKEN_MESSAGE
from todo_api.http import strict_json
from todo_api.http.facts import describe, error_name
from todo_api.limits import MAX_USER_ID_LENGTH

LEEWAY = 10  # seconds between the clocks of Better Auth's server and this one
SUBJECT = re.compile(rf"(?=.*\S)[^\x00\ud800-\udfff]{{1,{MAX_USER_ID_LENGTH}}}", re.DOTALL)
COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)  # RFC 7515, section 3.1
NUMERIC_DATES = ("exp", "iat", "nbf")
AUTH_FAILURES = {
    "missing": "There is no `Authorization: Bearer` header. Usual cause: the page sends no token, "
    "because nobody is signed in.",
    "malformed": "It is not a JWT, or its header is malformed. Usual cause: a session token of "
    "Better Auth's `bearer()` plugin, or the text `undefined`.",
    "wrong_algorithm": "It is not signed with HS256. Usual cause: Better Auth's `jwt()` plugin "
    "without a `sign` function.",
    "wrong_signature": "It is signed with another secret. Usual cause: `BETTER_AUTH_SECRET` "
    "differs from that of the Better Auth server.",
    "wrong_type": "The `typ` in its header is not `JWT`. Usual cause: a token for another purpose.",
    "claim_missing": "`sub`, `iat` or `exp` is missing, or `aud` or `iss` where `JWT_AUDIENCE` or "
    "`JWT_ISSUER` is set. Usual cause: `sign` leaves it out.",
    "invalid_subject": f"`sub` is not a text of 1 to {MAX_USER_ID_LENGTH} characters that is not "
    "blank. Usual cause: `sign` puts something else than the user's id there.",
    "invalid_time": "`exp`, `iat` or `nbf` is not a number of seconds. Usual cause: `sign` makes "
    "it a text.",
    "expired": "`exp` is in the past. Usual cause: the page keeps the token instead of asking for "
    "a new one. Better Auth's tokens are valid for 15 minutes.",
    "not_yet_valid": f"`iat` or `nbf` is more than {LEEWAY} seconds in the future. Usual cause: "
    "the clock of this machine or of the Better Auth server is wrong.",
    "wrong_audience": "`aud` does not contain `JWT_AUDIENCE`. Usual cause: the token is for "
    "another service.",
    "wrong_issuer": "`iss` is not `JWT_ISSUER`. Usual cause: the base URL of Better Auth changed.",
}
"""Why a token is refused: the names in the log's `auth_failure`, and what each one means."""


class NoToken(Unauthorized):
    """A 401 for a request without credentials. ``reason`` is for the log."""

    challenge = "Bearer"

    def __init__(self, reason: str = "missing", detail: str = NO_TOKEN_MESSAGE) -> None:
        super().__init__(detail)
        self.reason = reason

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", self.challenge)]


class InvalidToken(NoToken):
    """A 401 for a rejected token, with the error code of RFC 6750, section 3.1."""

    challenge = 'Bearer error="invalid_token"'


def require_user(view: Callable[..., Any]) -> Callable[..., Any]:
    """Run a view only with a valid token. The token's subject is then `request_state().user`."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            request_state().user = subject(bearer_token(), settings())
        except NoToken as error:
            request_state().auth_failure = error.reason
            raise
        return view(*args, **kwargs)

    return describe(guarded, security=[{"bearer": []}], responses={401: error_name(401)})


def bearer_token() -> str:
    """Return the token in the Authorization header (RFC 6750, section 2.1)."""
    scheme, _, token = current_request().headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NoToken
    return token.strip(" ")


def subject(token: str, config: Config) -> str:
    """Return the user of a valid token. Raise `InvalidToken` for any other."""
    if not COMPACT.fullmatch(token):  # PyJWT's base64 skips invalid characters
        raise InvalidToken("malformed")
    try:
        claims = decode(token, config)
        if int(claims["exp"]) <= time() - LEEWAY:  # the claims may come from the cache
            raise jwt.ExpiredSignatureError
    except jwt.ExpiredSignatureError:
        raise InvalidToken("expired", "Token expired") from None
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise InvalidToken(REASONS.get(type(error), "malformed")) from None
    user: str = claims["sub"]
    return user


@lru_cache(maxsize=1024)
def decode(token: str, config: Config) -> dict[str, Any]:
    """Return the verified claims, signed with the current secret or the previous one.

    Cached: verifying took an eighth of a request, and a page sends one token for minutes. Failures
    are not cached. `exp` is checked on every use.
    """
    for key in config.token_keys:
        with suppress(jwt.InvalidSignatureError):
            return verify(token, key, config)
    raise InvalidToken("wrong_signature")


def verify(token: str, key: bytes, config: Config) -> dict[str, Any]:
    claims: dict[str, Any] = tokens.decode(
        token,
        key,
        algorithms=["HS256"],
        audience=config.jwt_audience,
        issuer=config.jwt_issuer,
        leeway=LEEWAY,
        options={"verify_aud": config.jwt_audience is not None},
    )
    parse_object(base64url_decode(token.partition(".")[0]))
    return claims


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse a header or claims. PyJWT accepts duplicate keys, NaN, UTF-16 and byte order marks."""
    try:
        value = strict_json.loads(text)
    except ValueError:
        raise InvalidToken("malformed") from None
    if not isinstance(value, dict):
        raise InvalidToken("malformed")
    return value


class StrictJWT(jwt.PyJWT):
    """Rejects what PyJWT accepts: other types of token, malformed claims."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of a token with a valid signature, before PyJWT checks them."""
        typ = str(decoded["header"].get("typ", "JWT")).lower()  # RFC 8725, section 3.11
        if typ.removeprefix("application/") != "jwt":
            raise InvalidToken("wrong_type")
        claims = parse_object(decoded["payload"])
        # PyJWT itself checks that it is there, and a string.
        if "sub" in claims and not SUBJECT.fullmatch(str(claims["sub"])):
            raise InvalidToken("invalid_subject")
        # PyJWT calls int() on these, which accepts "9999999999" and true as well.
        if not all(is_numeric_date(claims.get(name, 0)) for name in NUMERIC_DATES):
            raise InvalidToken("invalid_time")
        return claims


REASONS: dict[type[Exception], str] = {
    jwt.InvalidAlgorithmError: "wrong_algorithm",
    jwt.MissingRequiredClaimError: "claim_missing",
    jwt.exceptions.InvalidSubjectError: "invalid_subject",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidAudienceError: "wrong_audience",
    jwt.InvalidIssuerError: "wrong_issuer",
}


def is_numeric_date(value: object) -> bool:
    """Return whether ``value`` is a NumericDate (RFC 7519, section 2): a fraction is allowed."""
    return type(value) is int or (type(value) is float and isfinite(value))


tokens = StrictJWT(options={"require": ["sub", "exp", "iat"], "verify_jti": False})
