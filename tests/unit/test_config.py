"""Which settings stop startup, and how the environment is read."""

from pathlib import Path

import pytest

from todo_api.config import Config, ConfigError

SECRET = "0123456789abcdefghijklmnopqrstuv"
ENVIRON = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": "postgresql://u:p@host/db"}
PEM = "-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"


@pytest.mark.parametrize("name", ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"])
@pytest.mark.parametrize(
    "secret",
    [
        SECRET[:-1],
        f" {SECRET}",
        f"{SECRET}\n",
        PEM,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        f"{SECRET}\udcff",
    ],
)
def test_unsafe_secret_is_rejected_without_its_value(name: str, secret: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} ") as error:
        Config.from_env({**ENVIRON, name: secret})
    assert secret.strip() not in str(error.value)


@pytest.mark.parametrize(
    "secret",
    [
        "better-auth-secret-12345678901234567890",
        "better-auth-secret-123456789012345678901234567890",
        "change-me-change-me-change-me-change-me",
        "change-me-min-32-chars-cryptorandom-string",
        "change-me-to-a-long-random-string",
        "CHANGE-ME-TO-A-LONG-RANDOM-STRING",
        "change-me-to-a-random-string-at-least-32-chars",
        "change-this-to-a-random-32-plus-char-string",
        "replace-this-with-a-random-secret-at-least-32-characters",
        "replace-with-a-long-random-secret",
        "replace-with-a-long-random-string",
        "replace-with-a-strong-random-secret",
        "replace-with-at-least-32-random-characters",
        "your-existing-or-generated-secret-at-least-32-characters",
        "your-secret-key-at-least-32-characters",
        "your-secret-key-at-least-32-characters-long",
        "your-secret-key-min-32-characters",
        "your-secret-key-min-32-characters-long",
        "your-super-secret-key-at-least-32-characters-long",
        "your-super-secret-key-min-32-characters-long",
        "your-super-secure-secret-key-minimum-32-characters",
    ],
)
def test_published_placeholder_is_rejected(secret: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config.from_env({**ENVIRON, "BETTER_AUTH_SECRET": secret})
    assert str(error.value) == (
        "BETTER_AUTH_SECRET is a placeholder of a guide or a template;"
        " make one: openssl rand -base64 32"
    )


@pytest.mark.parametrize("start", ["my", "your", "change", "example", "development"])
def test_secret_may_start_as_a_placeholder_does(start: str) -> None:
    secret = f"{start}-own-existing-app-secret-{SECRET}"
    assert Config.from_env({**ENVIRON, "BETTER_AUTH_SECRET": secret}).better_auth_secret == secret


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(
    "name",
    [
        *("BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS", "DATABASE_URL"),
        *("DATABASE_URL_UNPOOLED", "JWT_AUDIENCE", "JWT_ISSUER"),
    ],
)
def test_value_that_kept_the_quotes_of_its_file_is_named(name: str, quote: str) -> None:
    value = ENVIRON.get(name, SECRET)
    with pytest.raises(ConfigError, match=rf"^{name} is in quotes, ") as error:
        Config.from_env({**ENVIRON, name: f"{quote}{value}{quote}"})
    assert len(error.value.problems) == 1
    assert value not in str(error.value)


@pytest.mark.parametrize("secret", [f'"{SECRET}', f"{SECRET}'", f"'{SECRET}\"", f"a'{SECRET}'"])
def test_secret_may_contain_quotes(secret: str) -> None:
    assert Config.from_env({**ENVIRON, "BETTER_AUTH_SECRET": secret}).better_auth_secret == secret


def test_none_is_valid_only_where_it_is_the_default() -> None:
    unset = {"frontend_origins": None, "log_probes": None, "trusted_proxies": None}
    with pytest.raises(ConfigError) as error:
        Config(None, None, None, None, **unset)  # type: ignore[arg-type]
    assert error.value.problems == (
        "BETTER_AUTH_SECRET is not set",
        "DATABASE_URL is not set",
        "FRONTEND_URL is not set",
        "LOG_PROBES is not set",
        "TRUSTED_PROXIES is not set",
    )


def test_all_invalid_settings_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        Config.from_env(
            {
                "BETTER_AUTH_SECRET_PREVIOUS": "short",
                "DATABASE_URL_UNPOOLED": "postgresql://u:p@host/db?pgbouncer=true",
                "FRONTEND_URL": "*,nonsense",
                "LOG_LEVEL": "loud",
                "MAX_TASKS_PER_USER": "many",
            }
        )
    named = [problem.partition(" ")[0] for problem in error.value.problems]
    assert named == [
        "BETTER_AUTH_SECRET",
        "BETTER_AUTH_SECRET_PREVIOUS",
        "DATABASE_URL",
        "DATABASE_URL_UNPOOLED",
        "FRONTEND_URL",
        "LOG_LEVEL",
        "MAX_TASKS_PER_USER",
    ]
    assert "\n" not in "".join(error.value.problems)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"DATABASE_URL": "postgresql://u@a/db"}, "postgresql://u@a/db"),
        (
            {"DATABASE_URL": "nonsense", "DATABASE_URL_UNPOOLED": "postgresql://u@b/db"},
            "postgresql://u@b/db",
        ),
    ],
)
def test_migrations_need_only_the_url_that_they_use(environ: dict[str, str], url: str) -> None:
    config = Config.for_migrations(environ | {"LOG_LEVEL": "loud", "FRONTEND_URL": "*"})
    assert config.database_url == url


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED"])
def test_migrations_name_the_url_that_is_invalid(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} ") as error:
        Config.for_migrations({name: "nonsense"})
    assert len(error.value.problems) == 1


def test_migrations_without_a_url_name_it() -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL is not set"):
        Config.for_migrations({})


@pytest.mark.parametrize("name", ["BETTER_AUTH_SECRET", "DATABASE_URL"])
def test_missing_required_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} "):
        Config.from_env({**ENVIRON, name: ""})


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED"])
@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///todo.db",
        "mysql://u:hunter2@host/db",
        "postgresql+psycopg://u:hunter2@host/db",
        "postgresql://u:hunter2@host:port/db",
        "postgresql://u:hunter2@host:0/db",
        "postgresql://u:hunter2@host:99999/db",
        "postgresql://u:hunter2@a:5432,b:port/db",
        "postgresql://u:hunter2@a,b:0/db",
        "postgresql://u:hunter2@a/db?port=0",
        "postgresql://u:hunter2@a/db?port=1,hunter2",
        "postgresql://u:hunter2@a,b,c/db?port=1,2",
        "postgresql://u:hunter2@a/db?connect_timeout=9999999999",
        "postgresql://u:hunter2@[::1,b/db",
        "postgresql://u:hunt@er2@host/db",
        "postgresql://u:1/hunt@er2@host/db",
        "postgresql://u:1/a?hunter2=b@host/db",
        "postgresql://u:hunter2%zz@host/db",
        "postgresql://u:hunter2%ff@host/db",
        "postgresql://u:hunter2\udcff@host/db",
        "postgresql://u:hunter2@host/db?hunter2",
        "postgresql://u:hunter2@host/db?sslmode=hunter2",
        "postgresql://u:hunter2@host",
        "host=host,dbname=db,password=hunter2",
        "postgresql://u:hunter2@host/db\n",
        " postgresql://u:hunter2@host/db",
    ],
)
def test_invalid_database_url_is_rejected_without_its_value(name: str, url: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} ") as error:
        Config.from_env({**ENVIRON, name: url})
    assert "hunt" not in str(error.value)


@pytest.mark.parametrize("hosts", ["a:5432,b:5432", "a,b:6432", "[::1]:5432,[fe80::2]", "a,b,c"])
def test_several_hosts_are_accepted(hosts: str) -> None:
    url = f"postgresql://u:p@{hosts}/db?target_session_attrs=read-write"
    assert Config.from_env({**ENVIRON, "DATABASE_URL": url}).database_url == url


def test_embedded_is_accepted_as_database_url() -> None:
    assert Config.from_env({**ENVIRON, "DATABASE_URL": "embedded"}).database_url == "embedded"


def test_defaults() -> None:
    assert Config.from_env(ENVIRON) == Config(
        better_auth_secret=SECRET,
        better_auth_secret_previous=None,
        database_url="postgresql://u:p@host/db",
        database_url_unpooled=None,
        jwt_audience=None,
        jwt_issuer=None,
        frontend_origins=("http://localhost:3000",),
        log_level="INFO",
        pool_size=10,
        pool_timeout=5,
        pool_recycle=3600,
        statement_timeout=5,
    )


def test_every_variable_is_read() -> None:
    config = Config.from_env(
        {
            "BETTER_AUTH_SECRET": SECRET,
            "BETTER_AUTH_SECRET_PREVIOUS": SECRET[::-1],
            "DATABASE_URL": "postgres://u@pooled/db",
            "DATABASE_URL_UNPOOLED": "postgres://u@direct/db",
            "JWT_AUDIENCE": "todo",
            "JWT_ISSUER": "https://auth.example.com",
            "FRONTEND_URL": "https://a.example.com/, http://b.example.com:8080",
            "CORS_ALLOW_HEADERS": "X-Trace, x-app-version,",
            "LOG_LEVEL": "warning",
            "LOG_SAMPLE": "0.05",
            "LOG_PROBES": "Off",
            "INSTANCE": "one",
            "COMMIT": "0a1b2c3",
            "TRUSTED_PROXIES": "2",
            "SLOW_STATEMENT": "0.25",
            "MAX_TASKS_PER_USER": "50",
            "USER_TIMEOUT": "0.5",
        }
    )
    assert config.token_keys == (SECRET.encode(), SECRET[::-1].encode())
    assert config.database_url == "postgres://u@pooled/db"
    assert config.database_url_unpooled == "postgres://u@direct/db"
    assert (config.jwt_audience, config.jwt_issuer) == ("todo", "https://auth.example.com")
    assert config.frontend_origins == ("https://a.example.com", "http://b.example.com:8080")
    assert config.cors_allow_headers == ("X-Trace", "x-app-version")
    assert config.log_level == "WARNING"
    assert (config.log_sample, config.log_probes, config.slow_statement) == (0.05, False, 0.25)
    assert (config.instance, config.commit, config.trusted_proxies) == ("one", "0a1b2c3", 2)
    assert (config.max_tasks_per_user, config.user_timeout) == (50, 0.5)
    assert not {name for name in config.public() if "secret" in name or "url" in name}


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://app.example.com:65536",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "http://127.1:3000",
        "http://[0:0:0:0:0:0:0:1]:3000",
        "https://*.example.com",
        "example.com",
        "https://example.com/app",
        "https://a.com,*",
        "null",
        ",",
        "http://[::1]:0",
        "capacitor://",
        "chrome-extension://abc/page.html",
        "://localhost",
        "localhost:3000",
    ],
)
def test_invalid_origin_is_rejected(origins: str) -> None:
    with pytest.raises(ConfigError, match=r"^FRONTEND_URL "):
        Config.from_env({**ENVIRON, "FRONTEND_URL": origins})


def test_internationalised_origin_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match=r"^FRONTEND_URL .* xn--") as error:
        Config.from_env({**ENVIRON, "FRONTEND_URL": "https://bücher.example"})
    assert "bücher" not in str(error.value)


@pytest.mark.parametrize("names", ["*", "X-Mine, *", "X.*", "X Mine", "X-Müll", "X$", "X_Mine"])
def test_invalid_allowed_header_is_rejected(names: str) -> None:
    with pytest.raises(ConfigError, match=r"^CORS_ALLOW_HEADERS "):
        Config.from_env({**ENVIRON, "CORS_ALLOW_HEADERS": names})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_SAMPLE", "1.5"),
        ("LOG_SAMPLE", "-1"),
        ("LOG_SAMPLE", "10%"),
        ("LOG_PROBES", "maybe"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "one"),
        ("SLOW_STATEMENT", "1s"),
        ("MAX_TASKS_PER_USER", "0"),
        ("USER_TIMEOUT", "1s"),
        ("USER_TIMEOUT", "86400"),
        ("INSTANCE", "a\udcff"),
        ("COMMIT", "a\nb"),
        ("JWT_ISSUER", "a\udcff"),
    ],
)
def test_unusable_value_is_rejected(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be [^%]*$"):
        Config.from_env({**ENVIRON, name: value})


def test_unknown_log_level_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"^LOG_LEVEL "):
        Config.from_env({**ENVIRON, "LOG_LEVEL": "loud"})


@pytest.mark.parametrize("most", ["0", "-1", "1e5", "1_000", "٣", "9" * 19])
def test_quota_must_be_a_positive_number(most: str) -> None:
    with pytest.raises(ConfigError, match=r"^MAX_TASKS_PER_USER "):
        Config.from_env({**ENVIRON, "MAX_TASKS_PER_USER": most})
    assert Config.from_env({**ENVIRON, "MAX_TASKS_PER_USER": "7"}).max_tasks_per_user == 7


def test_secret_is_encoded_as_utf8() -> None:
    secret = "passwörter-sind-keine-schlüssel!"
    assert Config.from_env({**ENVIRON, "BETTER_AUTH_SECRET": secret}).token_keys == (
        secret.encode(),
    )


def test_repr_contains_no_secret() -> None:
    config = Config.from_env({**ENVIRON, "BETTER_AUTH_SECRET_PREVIOUS": SECRET[::-1]})
    assert SECRET not in repr(config)
    assert SECRET[::-1] not in repr(config)
    assert "u:p@host" not in repr(config)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secrets_are_read_from_files_without_their_last_line_feed(tmp_path: Path, end: str) -> None:
    values = {
        "BETTER_AUTH_SECRET": "passwörter-sind-keine-schlüssel!",
        "BETTER_AUTH_SECRET_PREVIOUS": SECRET,
        "DATABASE_URL": "postgresql://u:p@pooled/db",
        "DATABASE_URL_UNPOOLED": "postgresql://u:p@direct/db",
    }
    files = {}
    for name, value in values.items():
        (tmp_path / name).write_bytes(f"{value}{end}".encode())
        files[f"{name}_FILE"] = str(tmp_path / name)
    assert Config.from_env(files) == Config.from_env(values)
    assert Config.for_migrations(files).database_url == values["DATABASE_URL_UNPOOLED"]


def test_rules_for_values_hold_for_those_of_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n\n")
    with pytest.raises(ConfigError, match=r"^BETTER_AUTH_SECRET starts or ends with white space"):
        Config.from_env(
            {"BETTER_AUTH_SECRET_FILE": str(file), "DATABASE_URL": ENVIRON["DATABASE_URL"]}
        )


def test_file_takes_precedence_over_the_database_of_flaskenv(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(ENVIRON["DATABASE_URL"])
    config = Config.for_migrations({"DATABASE_URL": "embedded", "DATABASE_URL_FILE": str(file)})
    assert config.database_url == ENVIRON["DATABASE_URL"]


def test_files_that_cannot_be_read_are_named_with_the_reason(tmp_path: Path) -> None:
    huge, binary = tmp_path / "huge", tmp_path / "binary"
    huge.write_text(SECRET * 3000)
    binary.write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(ConfigError) as error:
        Config.from_env(
            {
                "BETTER_AUTH_SECRET_FILE": str(huge),
                "BETTER_AUTH_SECRET_PREVIOUS_FILE": str(binary),
                "DATABASE_URL_FILE": str(tmp_path / "absent"),
                "DATABASE_URL_UNPOOLED_FILE": str(tmp_path),
            }
        )
    assert error.value.problems == (
        "BETTER_AUTH_SECRET_FILE names a file of more than 65536 bytes",
        "BETTER_AUTH_SECRET_PREVIOUS_FILE names a file that is not UTF-8",
        "DATABASE_URL_FILE names no file that can be read: No such file or directory",
        "DATABASE_URL_UNPOOLED_FILE names no file that can be read: Is a directory",
    )


@pytest.mark.parametrize("secret", [SECRET, f"/{SECRET}", SECRET * 300, f"{SECRET}\0"])
def test_secret_in_the_place_of_its_file_is_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"^BETTER_AUTH_SECRET_FILE ") as error:
        Config.from_env({"BETTER_AUTH_SECRET_FILE": secret})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("name", ["BETTER_AUTH_SECRET", "DATABASE_URL"])
def test_value_and_file_of_a_setting_exclude_each_other(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        Config.from_env({**ENVIRON, f"{name}_FILE": str(tmp_path / "file")})
    assert error.value.problems == (f"{name}_FILE and {name} are both set; unset one of them",)


def test_migrations_read_no_file_that_they_do_not_need(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    unused = {"BETTER_AUTH_SECRET_FILE": absent, "DATABASE_URL_FILE": absent}
    url = ENVIRON["DATABASE_URL"]
    assert Config.for_migrations(unused | {"DATABASE_URL_UNPOOLED": url}).database_url == url
