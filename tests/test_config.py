"""Settings: where they come from, what is refused, what is made."""

import multiprocessing
import os
import stat

import pytest
from cryptography.fernet import Fernet

from pillar.config import Config, ConfigError
from pillar.environment import fernet_key, resolve_database_url

LONG = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def development(**variables):
    return Config.from_env(variables)


def production(**variables):
    settings = {
        "PILLAR_ENV": "production",
        "PILLAR_SECRET_KEY": LONG,
        "CUSTOMER_TOKEN_SECRET": LONG,
        "PILLAR_DATA_KEYS": LONG,
        "PILLAR_BASE_URL": "https://portal.example.com",
    }
    return Config.from_env(settings | variables)


def complaints(**variables):
    with pytest.raises(ConfigError) as caught:
        production(**variables)
    return str(caught.value)


def test_development_needs_no_variable(tmp_path):
    config = development()
    assert config.data_dir == tmp_path / "var"
    assert config.database_url == f"sqlite:///{tmp_path}/var/pillar.sqlite3"
    assert config.is_sqlite
    assert config.embedded_valkey
    assert config.redis_url == ""
    assert (config.base_url, config.host, config.port) == ("http://127.0.0.1:8000", "127.0.0.1", 8000)
    assert config.limits_enabled
    assert not config.is_production


def test_missing_keys_are_made_once_and_kept_private(tmp_path):
    first, second = development(), development()
    assert first.secret_key == second.secret_key
    assert first.customer_token_secrets == second.customer_token_secrets
    assert first.data_keys == second.data_keys
    assert len({first.secret_key, *first.customer_token_secrets, *first.data_keys}) == 3
    assert min(len(key) for key in (first.secret_key, *first.customer_token_secrets)) >= 32
    assert stat.S_IMODE((tmp_path / "var/secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_variable_that_is_set_but_empty_counts_as_missing():
    config = development(PILLAR_SECRET_KEY="", PILLAR_PORT=" ", REDIS_URL="", DATABASE_URL="")
    assert len(config.secret_key) >= 32
    assert config.port == 8000
    assert config.embedded_valkey


def test_a_key_that_is_given_is_not_made_and_a_later_missing_one_is_added(tmp_path):
    development(PILLAR_SECRET_KEY="given", CUSTOMER_TOKEN_SECRET="given too", PILLAR_DATA_KEYS=LONG)
    assert not (tmp_path / "var").exists()
    made = development(PILLAR_SECRET_KEY="given").data_keys
    config = development()
    assert config.data_keys == made
    assert config.secret_key != "given"


def _secret_key(folder, results):
    os.chdir(folder)
    results.put(Config.from_env({}).secret_key)


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    processes = [context.Process(target=_secret_key, args=(tmp_path, results)) for _ in range(8)]
    for process in processes:
        process.start()
    keys = {results.get() for _ in processes}
    for process in processes:
        process.join()
    assert len(keys) == 1


def test_the_env_file_is_read_in_development_and_the_environment_wins(tmp_path):
    (tmp_path / ".env").write_text(
        "# ours\nexport PILLAR_PORT=9000\nPILLAR_BASE_DOMAIN='Pillar.Example'\n"
        "PILLAR_HOST=\nGEOCODER=none # off\n"
    )
    config = development(PILLAR_HOST="0.0.0.0")
    assert config.port == 9000
    assert config.base_domain == "pillar.example"
    assert config.base_url == "http://127.0.0.1:9000"
    assert config.geocoder == "none"
    assert development(PILLAR_PORT="9001").port == 9001


def test_production_reads_neither_the_env_file_nor_made_keys(tmp_path):
    development()
    (tmp_path / ".env").write_text(f"PILLAR_SECRET_KEY={LONG}\n")
    assert "PILLAR_SECRET_KEY is missing" in complaints(PILLAR_SECRET_KEY="", PILLAR_DATA_DIR="var")


def test_production_starts_with_good_settings():
    config = production(REDIS_URL="rediss://cache.example/0", DATABASE_URL="postgres://u:p@db/pillar")
    assert config.is_production
    assert config.database_url == "postgresql+psycopg://u:p@db/pillar"
    assert not config.is_sqlite
    assert not config.embedded_valkey
    assert config.warnings() == []


def test_production_names_everything_that_is_wrong_at_once():
    text = complaints(
        PILLAR_SECRET_KEY="short",
        PILLAR_DATA_KEYS="",
        CUSTOMER_TOKEN_SECRET=f"{LONG},short",
        PILLAR_BASE_URL="http://portal.example.com",
        PILLAR_CLOCK_FILE="clock",
        PILLAR_LIMITS="off",
        FLASK_DEBUG="1",
    )
    for name in (
        "PILLAR_SECRET_KEY is shorter",
        "PILLAR_DATA_KEYS is missing",
        "CUSTOMER_TOKEN_SECRET is shorter",
        "PILLAR_BASE_URL",
        "PILLAR_CLOCK_FILE",
        "PILLAR_LIMITS",
        "FLASK_DEBUG",
    ):
        assert name in text
    assert "short," not in text


@pytest.mark.parametrize(
    "key", ["change-me-change-me-change-me-change-me", "Your-Secret-key-goes-here-1234567890"]
)
def test_production_refuses_default_keys(key):
    assert "PILLAR_SECRET_KEY is a default value" in complaints(PILLAR_SECRET_KEY=key)


@pytest.mark.parametrize("ring", [",", " , "])
def test_production_refuses_a_ring_without_keys(ring):
    assert "PILLAR_DATA_KEYS is shorter" in complaints(PILLAR_DATA_KEYS=ring)


def test_production_without_a_token_secret_runs_and_warns():
    config = production(CUSTOMER_TOKEN_SECRET="")
    assert config.customer_token_secrets == ()
    assert "CUSTOMER_TOKEN_SECRET is missing" in config.warnings()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PILLAR_ENV", "staging"),
        ("PILLAR_PORT", "eighty"),
        ("PILLAR_PORT", "70000"),
        ("PILLAR_PORT", "-1"),
        ("TRUSTED_PROXIES", "²"),
        ("PILLAR_LEASE_SECONDS", "0"),
        ("PILLAR_LIMITS", "maybe"),
        ("PILLAR_BASE_URL", "portal.example.com"),
        ("PILLAR_BASE_URL", "https://[broken"),
        ("DATABASE_URL", "mysql://db/pillar"),
        ("REDIS_URL", "memcached://cache"),
        ("STRIPE_API_BASE", "http://stripe.example"),
        ("TWILIO_API_BASE", "http://127.0.0.1@twilio.example"),
        ("SENDGRID_API_BASE", "ftp://127.0.0.1"),
    ],
)
def test_wrong_values_are_named_without_being_repeated(name, value):
    with pytest.raises(ConfigError) as caught:
        development(**{name: value})
    assert [problem.split()[0] for problem in caught.value.problems] == [name]


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:9999", "http://localhost:1", "http://[::1]:5", "https://stripe.example/"]
)
def test_vendors_may_be_moved_to_https_or_to_this_machine(base):
    assert development(STRIPE_API_BASE=base).stripe_api_base == base.rstrip("/")


def test_rings_are_split_and_data_keys_become_fernet_keys():
    config = development(CUSTOMER_TOKEN_SECRET="new, old,", PILLAR_DATA_KEYS=f"{LONG},{LONG}x")
    assert config.customer_token_secrets == ("new", "old")
    assert config.data_keys == (fernet_key(LONG), fernet_key(f"{LONG}x"))
    sealed = Fernet(config.data_keys[0]).encrypt(b"seed")
    assert Fernet(fernet_key(LONG)).decrypt(sealed) == b"seed"


def test_no_secret_shows_in_the_repr():
    config = development(
        PILLAR_SECRET_KEY="s3cret-a",
        CUSTOMER_TOKEN_SECRET="s3cret-b",
        STRIPE_SECRET_KEY="s3cret-c",
        DATABASE_URL="postgresql://u:s3cret-d@db/p",
        REDIS_URL="redis://:s3cret-e@cache",
        SENDGRID_API_KEY="s3cret-f",
        TWILIO_AUTH_TOKEN="s3cret-g",
    )
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("", "sqlite:////srv/pillar/pillar.sqlite3"),
        ("sqlite:////elsewhere/file.db", "sqlite:////elsewhere/file.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgresql://u@db/p", "postgresql+psycopg://u@db/p"),
        ("postgresql+psycopg://u@db/p", "postgresql+psycopg://u@db/p"),
    ],
)
def test_database_addresses(tmp_path, url, resolved):
    folder = tmp_path.__class__("/srv/pillar")
    assert resolve_database_url(url, folder) == resolved


def test_a_relative_sqlite_file_is_below_the_working_directory(tmp_path):
    assert resolve_database_url("sqlite:///file.db", tmp_path) == f"sqlite:///{tmp_path}/file.db"


def test_a_process_alone_finds_the_embedded_valkey(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var/valkey.json").write_text('{"socket": "/run/a folder/valkey.sock"}')
    assert development().redis_url == "unix:///run/a%20folder/valkey.sock"
    (tmp_path / "var/valkey.json").write_text("{half")
    assert development().redis_url == ""


def test_cookies_are_bound_to_the_host_over_https():
    flask = production().as_flask()
    assert flask["SESSION_COOKIE_NAME"] == "__Host-pillar"
    assert flask["SESSION_COOKIE_SECURE"] is True
    plain = development().as_flask()
    assert plain["SESSION_COOKIE_NAME"] == "pillar"
    assert plain["SESSION_COOKIE_SECURE"] is False
    assert plain["SESSION_COOKIE_HTTPONLY"] is True
    assert plain["SESSION_COOKIE_SAMESITE"] == "Lax"
    assert plain["MAX_CONTENT_LENGTH"] == 1024 * 1024
