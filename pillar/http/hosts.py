"""Whose host a request came to: the installation's, a company's own, or nobody's (1.2).

A company answers at its verified host name and at `<slug>.<PILLAR_BASE_DOMAIN>`. There only its own pages exist; the
office and what vendors call stay on the installation's host. `g.host_tenant_id` is what the other pages go by.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from flask import abort, g, request
from sqlalchemy import select
from sqlalchemy.sql.elements import ColumnElement

from pillar.config import Config
from pillar.database import reading
from pillar.environment import LOOPBACK
from pillar.extensions import db
from pillar.host_names import is_dns_name, name_of
from pillar.models.tenant import SLUG, Tenant, TenantStatus
from pillar.services.host_names import PROBE_PATH

_LOOPBACK_HOSTS = frozenset(f"[{name}]" if ":" in name else name for name in LOOPBACK)
# Only on the installation's own host.
_OURS_ALONE = ("/admin", "/webhooks", "/readyz")
_KNOWN_SECONDS, _UNKNOWN_SECONDS = 30.0, 5.0
_MOST_REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class HostOwner:
    """The company that a host belongs to."""

    tenant_id: int
    slug: str


_remembered: dict[str, tuple[float, HostOwner | None]] = {}
_lock = Lock()


def admit(config: Config) -> None:
    """Before anything else: links and cookies must not be made for a name that is not ours or a company's."""
    name = name_of(request.host)
    if name in own_hosts(config) or request.path.startswith(PROBE_PATH):
        return
    owner = _owner_of(name, config)
    if owner is None:
        abort(400)
    g.host_tenant_id, g.host_slug = owner.tenant_id, owner.slug
    if any(request.path == path or request.path.startswith(f"{path}/") for path in _OURS_ALONE):
        abort(404)


def own_hosts(config: Config) -> frozenset[str]:
    """The installation's own names; in development any name of this machine."""
    own = frozenset({name_of(urlsplit(config.base_url).netloc)})
    return own if config.is_production else own | _LOOPBACK_HOSTS


def forget() -> None:
    """Ask anew for every host: a company's was changed. Other processes notice within half a minute."""
    with _lock:
        _remembered.clear()


def _owner_of(name: str, config: Config) -> HostOwner | None:
    now = time.monotonic()
    known = _remembered.get(name)
    if known is not None and known[0] > now:
        return known[1]
    owner = _look_up(name, config) if is_dns_name(name) else None
    with _lock:
        # Whoever makes names up must not fill the memory.
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[name] = (now + (_KNOWN_SECONDS if owner else _UNKNOWN_SECONDS), owner)
    return owner


def _look_up(name: str, config: Config) -> HostOwner | None:
    query = select(Tenant.id, Tenant.slug).where(_belongs(name, config), Tenant.status != TenantStatus.CLOSED)
    with reading(db.session):
        row = db.session.execute(query).one_or_none()
    return HostOwner(row.id, row.slug) if row else None


def _belongs(name: str, config: Config) -> ColumnElement[bool]:
    label, _dot, domain = name.partition(".")
    if config.base_domain and domain == config.base_domain and SLUG.fullmatch(label):
        return Tenant.slug == label
    return (Tenant.custom_host == name) & Tenant.custom_host_verified_at.is_not(None)
