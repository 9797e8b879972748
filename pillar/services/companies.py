"""Companies: made once with their portal address, then changed by their admins (1.1, 9.3, 9.6)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import AuditHead, entity_of, note_event
from pillar.models.base import columns_of
from pillar.models.tenant import Tenant
from pillar.tenancy import current_tenant_id, using_tenant

SETTINGS = frozenset(
    {
        *(
            "name",
            "email",
            "phone_e164",
            "street",
            "city",
            "state",
            "postal_code",
            "hours",
            "public_site_url",
        ),
        *("time_zone", "on_acceptance", "estimate_valid_days", "default_terms", "requires_totp"),
        *("tax_label", "tax_rate_ppm", "tax_rounding"),
    }
)
BRAND = frozenset({"display_name", "primary_color", "logo_key"})
PORTAL = frozenset({"portal_enabled", "signin_last4", "pwa", "document_link_days"})


def create_company(*, name: str, slug: str, time_zone: str = "America/New_York", **settings: Any) -> Tenant:
    """Make a company and the head of its audit chain. Its portal is live at once."""
    _check_zone(time_zone)
    if db.session.scalar(select(Tenant.id).where(Tenant.slug == slug)) is not None:
        raise RuleViolation("That portal address is taken. Choose another.", field="slug")
    tenant = Tenant(name=_named(name), slug=slug, time_zone=time_zone, **settings)
    db.session.add(tenant)
    db.session.flush()
    tenant_id, entity = tenant.id, entity_of(tenant)
    with using_tenant(db.session(), tenant_id):
        db.session.add(AuditHead())
        db.session.flush()
        note_event(db.session(), "company.created", entity, name=name, slug=slug, time_zone=time_zone)
    # Each scope has its own identity map: the object from before is not in this one.
    return db.session.get_one(Tenant, tenant_id)


def current_company() -> Tenant:
    """The bound tenant's own row."""
    return db.session.scalars(select(Tenant).where(Tenant.id == current_tenant_id())).one()


def settings_version(tenant_id: int) -> int:
    """How often a company's settings were changed: what its cached look is compared with."""
    return db.session.scalars(select(Tenant.settings_version).where(Tenant.id == tenant_id)).one()


def update_settings(tenant: Tenant, **changes: Any) -> None:
    """Change the company's account; what really changed is audited with before and after."""
    if "time_zone" in changes:
        _check_zone(changes["time_zone"])
    if "name" in changes:
        changes["name"] = _named(changes["name"])
    _change(tenant, "company.settings_changed", SETTINGS, changes)


def update_brand(tenant: Tenant, **changes: Any) -> None:
    """Change how the company looks to its customers."""
    _change(tenant, "company.brand_changed", BRAND, changes)


def update_portal(tenant: Tenant, **changes: Any) -> None:
    """Change how customers get in."""
    _change(tenant, "company.portal_changed", PORTAL, changes)


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Every zone that there is."""
    return frozenset(available_timezones())


def _change(tenant: Tenant, action: str, allowed: frozenset[str], changes: Mapping[str, Any]) -> None:
    if unknown := set(changes) - allowed:
        raise TypeError(f"Not a setting: {sorted(unknown)}")
    changed = sorted(name for name, value in changes.items() if getattr(tenant, name) != value)
    if not changed:
        return
    before = columns_of(tenant, changed)
    for name in changed:
        setattr(tenant, name, changes[name])
    note_event(db.session(), action, entity_of(tenant), before=before, after=columns_of(tenant, changed))


def _named(name: str) -> str:
    if not name.strip():
        raise RuleViolation("Give the company a name.", field="name")
    return name


def _check_zone(time_zone: str) -> None:
    if time_zone not in time_zones():
        raise RuleViolation("Choose a time zone from the list, such as America/New_York.", field="time_zone")
