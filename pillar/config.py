"""Settings: read once from the environment into one frozen object."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pillar.environment import KEY_VARIABLES, ConfigError, Reader, present, resolve_database_url
from pillar.secrets_file import complete_secrets, read_env_file

Env = Literal["development", "production"]

__all__ = ["Config", "ConfigError", "Env"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting, typed. `from_env` reads and checks them; tests build it directly.

    `data_keys` are Fernet keys: `from_env` derives them from PILLAR_DATA_KEYS with `environment.fernet_key`.
    """

    data_dir: Path
    secret_key: str = field(repr=False)
    customer_token_secrets: tuple[str, ...] = field(default=(), repr=False)
    data_keys: tuple[str, ...] = field(default=(), repr=False)
    env: Env = "development"
    testing: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = ""
    base_domain: str = ""
    database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    embedded_valkey: bool = False
    trusted_proxies: int = 0
    stripe_secret_key: str = field(default="", repr=False)
    stripe_webhook_secret: str = field(default="", repr=False)
    stripe_connect_webhook_secret: str = field(default="", repr=False)
    stripe_accounts_webhook_secret: str = field(default="", repr=False)
    stripe_api_base: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", repr=False)
    twilio_api_base: str = ""
    sendgrid_api_key: str = field(default="", repr=False)
    sendgrid_webhook_public_key: str = ""
    sendgrid_api_base: str = ""
    geocoder: str = "none"
    clock_file: Path | None = None
    limits_enabled: bool = True
    lease_seconds: int = 30

    def __post_init__(self) -> None:
        """Fill in what follows from the other settings."""
        object.__setattr__(self, "data_dir", self.data_dir.absolute())
        object.__setattr__(self, "database_url", resolve_database_url(self.database_url, self.data_dir))
        object.__setattr__(
            self, "base_url", (self.base_url or _own_address(self.host, self.port)).rstrip("/")
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment (and, in development, `.env` and the made keys), or raise `ConfigError`."""
        values = present(os.environ if environ is None else environ)
        if values.get("PILLAR_ENV", "development") == "development":
            values = read_env_file(Path(".env")) | values
        data_dir = Path(values.get("PILLAR_DATA_DIR", "var")).absolute()
        if values.get("PILLAR_ENV", "development") == "development":
            values = (
                complete_secrets(data_dir, [name for name in KEY_VARIABLES if name not in values]) | values
            )
        return cls(**Reader(values, data_dir).fields())  # type: ignore[arg-type]

    @property
    def is_production(self) -> bool:
        """Whether real people and real vendors are on the other side."""
        return self.env == "production"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is the embedded one."""
        return self.database_url.startswith("sqlite")

    @property
    def has_base_url(self) -> bool:
        """Whether the public address was set, not made up from where we listen."""
        return self.base_url != _own_address(self.host, self.port)

    @property
    def is_https(self) -> bool:
        """Whether people reach us over TLS."""
        return self.base_url.startswith("https://")

    def warnings(self) -> list[str]:
        """What runs, but not wholly: a sentence for each."""
        if self.customer_token_secrets:
            return []
        sentence = (
            "CUSTOMER_TOKEN_SECRET is missing: personal portal links, file links and unsubscribe links "
            "cannot be made, and messages that need them fail with the category 'link setup'."
        )
        return [sentence]

    def as_flask(self) -> dict[str, object]:
        """What Flask and its extensions read."""
        return {
            "PILLAR_CONFIG": self,
            "SECRET_KEY": self.secret_key,
            "TESTING": self.testing,
            "DEBUG": False,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "MAX_CONTENT_LENGTH": 1024 * 1024,
            "SESSION_COOKIE_NAME": "__Host-pillar" if self.is_https else "pillar",
            "SESSION_COOKIE_SECURE": self.is_https,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_PATH": "/",
            "PERMANENT_SESSION_LIFETIME": timedelta(days=30),
            "PREFERRED_URL_SCHEME": "https" if self.is_https else "http",
            "WTF_CSRF_TIME_LIMIT": None,
        }


def _own_address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
