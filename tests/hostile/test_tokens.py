"""Attacks on the token: each is a 401 with the right challenge."""

import base64
import codecs
import hashlib
import hmac
import json
from collections.abc import Callable
from time import time
from typing import Any

import pytest

from tests import SECRET
from tests.support.client import Client, JsonResponse, Token

NOW = int(time())
CLAIMS = {"sub": "ann", "iat": NOW, "exp": NOW + 900}


def encode(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(
    claims: Any = CLAIMS,
    header: Any = None,
    *,
    key: bytes = SECRET.encode(),
    digest: str = "sha256",
) -> str:
    """Return a token with any header and payload, correctly signed by default."""
    message = f"{encode(header or {'alg': 'HS256', 'typ': 'JWT'})}.{encode(claims)}"
    return f"{message}.{encode(hmac.digest(key, message.encode(), digest))}"


def unsigned(algorithm: str) -> str:
    return f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(CLAIMS)}."


def tampered(change: Callable[[list[str]], Any]) -> str:
    parts = signed().split(".")
    change(parts)
    return ".".join(parts)


def twice(name: str, first: Any, second: Any) -> bytes:
    """Return claims with a duplicate name."""
    rest = json.dumps({key: value for key, value in CLAIMS.items() if key != name})
    doubled = f'"{name}": {json.dumps(first)}, "{name}": {json.dumps(second)}'
    return f"{{{doubled}, {rest[1:]}".encode()


ATTACKS: dict[str, str] = {
    # no signature
    **{f"alg {name!r}": unsigned(name) for name in ("none", "None", "NONE", "nOnE", "", "null")},
    "alg none with a valid signature": signed(header={"alg": "none"}),
    "empty signature": tampered(lambda parts: parts.__setitem__(2, "")),
    "signature stripped": ".".join(signed().split(".")[:2]),
    "signature cut": signed()[:-4],
    "signature of another payload": tampered(
        lambda parts: parts.__setitem__(1, encode(CLAIMS | {"sub": "mallory"}))
    ),
    "signature of another header": tampered(
        lambda parts: parts.__setitem__(0, encode({"alg": "HS256", "typ": "JWT", "x": 1}))
    ),
    # other algorithms and keys
    "HS384": signed(header={"alg": "HS384"}, digest="sha384"),
    "HS512": signed(header={"alg": "HS512"}, digest="sha512"),
    "RS256 over the secret": signed(header={"alg": "RS256"}),
    "ES256 over the secret": signed(header={"alg": "ES256"}),
    "EdDSA over the secret": signed(header={"alg": "EdDSA"}),
    "alg hs256": signed(header={"alg": "hs256"}),
    "no alg": signed(header={"typ": "JWT"}),
    "alg a list": signed(header={"alg": ["HS256"]}),
    "alg null": signed(header={"alg": None}),
    "another secret": signed(key=b"another-secret-0123456789abcdefghij"),
    "empty key": signed(key=b""),
    "secret decoded from base64": signed(key=base64.urlsafe_b64decode(SECRET[:36])),
    "hash of the secret": signed(key=hashlib.sha256(SECRET.encode()).digest()),
    "secret with a line feed": signed(key=f"{SECRET}\n".encode()),
    "key in the token": signed(
        header={"alg": "HS256", "jwk": {"kty": "oct", "k": encode(b"mallory")}}, key=b"mallory"
    ),
    "kid to a file": signed(header={"alg": "HS256", "kid": "/dev/null"}, key=b""),
    "kid not a string": signed(header={"alg": "HS256", "kid": 7}),
    "jku": signed(header={"alg": "HS256", "jku": "https://evil.example.com"}, key=b"mallory"),
    "x5u": signed(header={"alg": "HS256", "x5u": "https://evil.example.com"}, key=b"mallory"),
    "crit unknown": signed(header={"alg": "HS256", "crit": ["x"], "x": 1}),
    "crit empty": signed(header={"alg": "HS256", "crit": []}),
    "b64 false": signed(header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
    "typ of another kind": signed(header={"alg": "HS256", "typ": "dpop+jwt"}),
    "typ not a string": signed(header={"alg": "HS256", "typ": 7}),
    "typ of another media type": signed(header={"alg": "HS256", "typ": "text/jwt"}),
    "typ with the prefix twice": signed(
        header={"alg": "HS256", "typ": "application/application/jwt"}
    ),
    # headers that are no JSON in UTF-8 (RFC 7515, sections 4 and 10.12)
    "header with a byte order mark": signed(header=codecs.BOM_UTF8 + b'{"alg": "HS256"}'),
    "header in UTF-16": signed(header='{"alg": "HS256"}'.encode("utf-16-le")),
    "header with NaN": signed(header=b'{"alg": "HS256", "x": NaN}'),
    "header with Infinity": signed(header=b'{"alg": "HS256", "x": [-Infinity]}'),
    "alg twice": signed(header=b'{"alg": "none", "alg": "HS256"}'),
    "typ twice": signed(header=b'{"alg": "HS256", "typ": "x", "typ": "JWT"}'),
    "member of a nested object twice": signed(header=b'{"alg": "HS256", "x": {"y": 1, "y": 2}}'),
    # invalid payloads
    "payload a list": signed([CLAIMS]),
    "payload a string": signed("ann"),
    "payload null": signed(None),
    "payload no JSON": signed(b"{"),
    "payload not UTF-8": signed(b'{"sub": "\xff"}'),
    "payload with a byte order mark": signed(codecs.BOM_UTF8 + json.dumps(CLAIMS).encode()),
    "payload in UTF-16": signed(json.dumps(CLAIMS).encode("utf-16")),
    "payload in UTF-32": signed(json.dumps(CLAIMS).encode("utf-32-be")),
    "payload with NaN": signed(CLAIMS | {"x": float("nan")}),
    "payload with Infinity": signed(CLAIMS | {"x": {"y": float("inf")}}),
    "payload nested": signed(b"[" * 2_500),
    "header nested": f"{encode(b'[' * 4_500)}.e30.x",
    "payload compressed": signed(header={"alg": "HS256", "zip": "DEF"}, claims=b"\x78\x9c"),
    "nested token": signed(header={"alg": "HS256", "cty": "JWT"}, claims=signed().encode()),
    # claims
    **{
        f"without {name}": signed({k: v for k, v in CLAIMS.items() if k != name}) for name in CLAIMS
    },
    **{f"{name} null": signed(CLAIMS | {name: None}) for name in CLAIMS},
    **{
        f"sub {sub!r:.20}": signed(CLAIMS | {"sub": sub})
        for sub in (
            *("", " ", "\t\n", "\u3000", 7, True, ["ann"], {"id": "ann"}, 1.5),
            *("x" * 256, "a\u0000", "\ud800", "x" * 4_000),
        )
    },
    **{
        f"{name} {kind}": signed(CLAIMS | {name: value})
        for name in ("exp", "iat", "nbf")
        for kind, value in {
            "empty": "",
            "a word": "soon",
            "a string of digits": str(NOW),
            "true": True,
            "false": False,
            "a list": [NOW],
            "an object": {},
        }.items()
    },
    **{
        f"exp {text:.9}": signed(json.dumps(CLAIMS).replace(str(NOW + 900), text).encode())
        for text in ("Infinity", "-Infinity", "NaN", "1e400", "9" * 400 + ".0", "9" * 5_000)
    },
    "iat in the future": signed(CLAIMS | {"iat": NOW + 3600}),
    "iat far in the future": signed(CLAIMS | {"iat": 2**70}),
    "nbf in the future": signed(CLAIMS | {"nbf": NOW + 3600}),
    "sub twice": signed(twice("sub", "mallory", "ann")),
    "exp twice": signed(twice("exp", 1, NOW + 900)),
    # Better Auth's other tokens under the same secret
    "e-mail verification": signed({"email": "ann@example.com", "iat": NOW, "exp": NOW + 900}),
    "e-mail change": signed(
        {"email": "ann@example.com", "updateTo": "eve@example.com", "iat": NOW, "exp": NOW + 900}
    ),
    "cookie cache": signed(
        {
            "session": {
                "session": {"id": "s", "userId": "ann", "token": "t"},
                "user": {"id": "ann"},
            },
            "expiresAt": (NOW + 900) * 1000,
            "iat": NOW,
            "exp": NOW + 900,
        }
    ),
    "user id in other claims": signed(
        {"id": "ann", "userId": "ann", "user": {"id": "ann"}, "iat": NOW, "exp": NOW + 900}
    ),
    # not a token
    "empty": "",
    "no dot": "x",
    "one dot": "a.b",
    "two dots": "a.b.c",
    "two dots after a space": " a.b.c",
    "not ASCII around two dots": "é.è.à",
    "four parts": signed() + ".x",
    "five parts": ".".join("abcde"),
    "dots": "..",
    "padded base64": signed() + "=",
    "characters that base64 skips": signed().replace(".", ".!", 1),
    "standard base64": signed({**CLAIMS, "x": "???>>>"}).replace("_", "/").replace("-", "+") + "+/",
    "space in it": signed().replace(".", ". ", 1),
    "comma": signed() + "," + signed(),
    "quoted": f'"{signed()}"',
    "not ASCII": "é" + signed(),
    "huge": "a" * 7_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_rejected(anonymous: Client, attack: str) -> None:
    response = anonymous.get("/api/tasks", headers={"Authorization": f"Bearer {ATTACKS[attack]}"})
    assert_unauthorized(response, 'Bearer error="invalid_token"')


def test_scheme_without_a_token_is_rejected(anonymous: Client) -> None:
    response = anonymous.get("/api/tasks", headers={"Authorization": "Bearer"})
    assert_unauthorized(response, 'Bearer error="invalid_token"')


def assert_unauthorized(response: JsonResponse, challenge: str) -> None:
    assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert (response.status_code, response.json) == (
        401,
        {
            "detail": "A valid bearer token is required",
            "status_code": 401,
            "error_type": "authentication_error",
        },
    )


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "Application/JWT", None])
def test_unaltered_base_token_is_accepted(anonymous: Client, typ: str | None) -> None:
    header = {"alg": "HS256"} | ({"typ": typ} if typ else {})
    headers = {"Authorization": f"Bearer {signed(header=header)}"}
    assert anonymous.get("/api/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", " ", "Basic YW5uOmFubg==", "Digest x", "Token {}", "JWT {}", "{}", "Bearer{}", "Bearer:{}",
     "Bearer\t{}", "Negotiate {}"],
)  # fmt: skip
def test_other_authorization_schemes_are_ignored(anonymous: Client, authorization: str) -> None:
    headers = {"Authorization": authorization.format(signed())}
    assert_unauthorized(anonymous.get("/api/tasks", headers=headers), "Bearer")


def test_duplicate_authorization_is_rejected(anonymous: Client, token: Token) -> None:
    environ = {"HTTP_AUTHORIZATION": f"Bearer {token('ann')},Bearer {token('bob')}"}
    response = anonymous.get("/api/tasks", environ_overrides=environ)
    assert_unauthorized(response, 'Bearer error="invalid_token"')


@pytest.mark.parametrize(
    "place",
    [
        {"query_string": {"access_token": signed()}},
        {"query_string": {"token": signed()}},
        {"headers": {"Cookie": f"better-auth.session_token={signed()}"}},
        {"headers": {"Cookie": f"token={signed()}; Authorization=Bearer {signed()}"}},
        {"headers": {"X-Authorization": f"Bearer {signed()}"}},
        {"headers": {"Proxy-Authorization": f"Bearer {signed()}"}},
        {"data": {"access_token": signed()}},
        {"json": {"access_token": signed(), "token": signed()}},
    ],
)
def test_token_outside_the_authorization_header_is_ignored(
    anonymous: Client, place: dict[str, Any]
) -> None:
    assert_unauthorized(anonymous.post("/api/tasks", **place), "Bearer")
