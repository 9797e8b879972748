"""The environment's strings, read and checked; every complaint is collected before the start is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

MIN_KEY_LENGTH = 32
PLACEHOLDERS = ("change-me", "changeme", "change_me", "your-secret", "your_secret", "replace-me", "insecure")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_VARIABLES = ("PILLAR_SECRET_KEY", "CUSTOMER_TOKEN_SECRET", "PILLAR_DATA_KEYS")
VALKEY_ADDRESS_FILE = "valkey.json"


class ConfigError(Exception):
    """The settings cannot be used; the text names every one that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"Pillar cannot start with these settings:\n{listed}")


def present(environ: Mapping[str, str]) -> dict[str, str]:
    """A variable that is set but empty counts as missing."""
    return {name: value.strip() for name, value in environ.items() if value.strip()}


class Reader:
    """Turns strings into fields and collects every complaint, so that one start names them all."""

    def __init__(self, values: dict[str, str], data_dir: Path) -> None:
        self.values = values
        self.data_dir = data_dir
        self.problems: list[str] = []

    def fields(self) -> dict[str, object]:
        """All the fields of Config, or `ConfigError`."""
        fields = self._server() | self._keys() | self._stores() | self._vendors() | self._development_only()
        if fields["env"] == "production":
            self._check_production(cast("str", fields["base_url"]))
        if self.problems:
            raise ConfigError(self.problems)
        return fields

    def _server(self) -> dict[str, object]:
        env = self.values.get("PILLAR_ENV", "development")
        if env not in ("development", "production"):
            self.problems.append("PILLAR_ENV must be development or production")
        base_url = self.values.get("PILLAR_BASE_URL", "")
        if base_url and not _is_web_address(base_url):
            self.problems.append("PILLAR_BASE_URL must be an address such as https://portal.example.com")
        return {
            "env": env,
            "host": self.values.get("PILLAR_HOST", "127.0.0.1"),
            "port": self._whole_number("PILLAR_PORT", 8000, 0, 65535),
            "base_url": base_url,
            "base_domain": self.values.get("PILLAR_BASE_DOMAIN", "").lower().strip("."),
            "trusted_proxies": self._whole_number("TRUSTED_PROXIES", 0, 0, 10),
            "lease_seconds": self._whole_number("PILLAR_LEASE_SECONDS", 30, 1, 3600),
        }

    def _keys(self) -> dict[str, object]:
        return {
            "secret_key": self.values.get("PILLAR_SECRET_KEY", ""),
            "customer_token_secrets": self._ring("CUSTOMER_TOKEN_SECRET"),
            "data_keys": tuple(fernet_key(secret) for secret in self._ring("PILLAR_DATA_KEYS")),
        }

    def _stores(self) -> dict[str, object]:
        database_url = resolve_database_url(self.values.get("DATABASE_URL", ""), self.data_dir)
        if not database_url.startswith(("sqlite://", "postgresql+psycopg://")):
            self.problems.append("DATABASE_URL must begin with postgresql:// or sqlite:///")
        redis_url = self.values.get("REDIS_URL", "")
        if redis_url and not redis_url.startswith(("redis://", "rediss://", "unix://")):
            self.problems.append("REDIS_URL must begin with redis://, rediss:// or unix://")
        return {
            "data_dir": self.data_dir,
            "database_url": database_url,
            "embedded_valkey": not redis_url,
            "redis_url": redis_url or embedded_address(self.data_dir),
        }

    def _vendors(self) -> dict[str, object]:
        secrets = (
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_CONNECT_WEBHOOK_SECRET",
            "STRIPE_ACCOUNTS_WEBHOOK_SECRET",
            "TWILIO_ACCOUNT_SID",
            "TWILIO_AUTH_TOKEN",
            "SENDGRID_API_KEY",
            "SENDGRID_WEBHOOK_PUBLIC_KEY",
        )
        fields: dict[str, object] = {name.lower(): self.values.get(name, "") for name in secrets}
        for name in ("STRIPE_API_BASE", "TWILIO_API_BASE", "SENDGRID_API_BASE"):
            base = self.values.get(name, "")
            if base and not _is_safe_vendor_address(base):
                self.problems.append(f"{name} must be https (plain http only on this machine)")
            fields[name.lower()] = base.rstrip("/")
        return fields | {"geocoder": self.values.get("GEOCODER", "none").lower()}

    def _development_only(self) -> dict[str, object]:
        clock_file = self.values.get("PILLAR_CLOCK_FILE", "")
        limits = self.values.get("PILLAR_LIMITS", "on").lower()
        if limits not in ("on", "off"):
            self.problems.append("PILLAR_LIMITS must be on or off")
        return {
            "clock_file": Path(clock_file).absolute() if clock_file else None,
            "limits_enabled": limits != "off",
        }

    def _check_production(self, base_url: str) -> None:
        for name in KEY_VARIABLES:
            self._check_key(name)
        if not base_url.lower().startswith("https://"):
            self.problems.append("PILLAR_BASE_URL must be set to the public https address")
        if "PILLAR_CLOCK_FILE" in self.values:
            self.problems.append("PILLAR_CLOCK_FILE is for development only")
        if self.values.get("PILLAR_LIMITS", "on").lower() != "on":
            self.problems.append("PILLAR_LIMITS=off is for development only")
        if self.values.get("FLASK_DEBUG", "0").lower() not in ("0", "false", "no"):
            self.problems.append("FLASK_DEBUG is for development only")

    def _check_key(self, name: str) -> None:
        if name not in self.values:
            # Without CUSTOMER_TOKEN_SECRET only the links it signs are missing (see Config.warnings).
            if name != "CUSTOMER_TOKEN_SECRET":
                self.problems.append(f"{name} is missing")
            return
        keys = (self.values[name],) if name == "PILLAR_SECRET_KEY" else self._ring(name) or ("",)
        if any(placeholder in key.lower() for key in keys for placeholder in PLACEHOLDERS):
            self.problems.append(f"{name} is a default value")
        if any(len(key) < MIN_KEY_LENGTH for key in keys):
            self.problems.append(f"{name} is shorter than {MIN_KEY_LENGTH} characters")

    def _ring(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.values.get(name, "").split(",") if part.strip())

    def _whole_number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.values.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            self.problems.append(f"{name} must be a whole number from {least} to {most}")
            return default
        return int(text)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = bool(parts.hostname) and not parts.query and not parts.fragment
    return is_plain and parts.scheme in ("http", "https")


def _is_safe_vendor_address(url: str) -> bool:
    if not _is_web_address(url):
        return False
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def fernet_key(secret: str) -> str:
    """The Fernet key for one entry of PILLAR_DATA_KEYS, which may be any string of 32 characters or more."""
    digest = hmac.new(b"pillar data key v1", secret.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()


def resolve_database_url(url: str, data_dir: Path) -> str:
    """The address for SQLAlchemy: our SQLite file when none is given, psycopg for PostgreSQL."""
    if not url:
        return f"sqlite:///{data_dir.absolute() / 'pillar.sqlite3'}"
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg://{rest}"
    is_relative_file = len(rest) > 1 and rest[0] == "/" and not rest.startswith(("//", "/:memory:"))
    if scheme == "sqlite" and is_relative_file:
        # Flask-SQLAlchemy would put it beside the package.
        return f"sqlite:///{Path(rest[1:]).absolute()}"
    return url


def embedded_address(data_dir: Path) -> str:
    """Where the embedded Valkey of this data directory listens, or an empty string when none was started."""
    try:
        socket = json.loads((data_dir / VALKEY_ADDRESS_FILE).read_text())["socket"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f"unix://{quote(socket)}"
