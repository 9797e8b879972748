"""How a company looks to its customers, cached per process by the settings' version."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from pillar import colour
from pillar.models.customer import address_line
from pillar.models.tenant import PLAIN_COLOR, AppOffer, LastFour, Tenant
from pillar.phones import display
from pillar.text import initial

_CACHED_COMPANIES = 2_000


@dataclass(frozen=True, slots=True)
class CompanyProfile:
    """Everything a page or a mail shows of the company. Each part falls back to the company's own account (9.3)."""

    tenant_id: int
    public_id: str
    version: int
    slug: str
    name: str
    initial: str
    logo_url: str | None
    brand_color: str
    brand_style: str
    email: str
    phone_display: str
    phone_href: str
    address_line: str
    hours_line: str
    time_zone: str
    portal_enabled: bool
    document_link_days: int | None
    signin_last4: LastFour
    pwa: AppOffer

    @property
    def offers_app(self) -> bool:
        """Whether customers are told that they can put the portal on their home screen (1.15)."""
        return self.pwa is AppOffer.OFFER

    @property
    def portal_url(self) -> str:
        """The path of the portal's home."""
        return f"/portal/{self.slug}"


_cache: dict[int, CompanyProfile] = {}
_lock = Lock()


def profile(session: Session, tenant_id: int, version: int) -> CompanyProfile:
    """The company's look. `version` is what the caller just read: an older cached one is read again."""
    cached = _cache.get(tenant_id)
    if cached is not None and cached.version == version:
        return cached
    tenant = session.scalars(select(Tenant).where(Tenant.id == tenant_id)).one()
    fresh = profile_of(tenant)
    with _lock:
        if len(_cache) >= _CACHED_COMPANIES:
            _cache.clear()
        _cache[tenant_id] = fresh
    return fresh


def profile_of(tenant: Tenant) -> CompanyProfile:
    """Resolve the chain: portal fields, then the company's account, then plain."""
    name = tenant.shown_name
    color = tenant.primary_color or PLAIN_COLOR
    return CompanyProfile(
        tenant_id=tenant.id,
        public_id=tenant.public_id,
        version=tenant.settings_version,
        slug=tenant.slug,
        name=name,
        initial=initial(name),
        logo_url=f"/portal/{tenant.slug}/logo/{tenant.logo_key}" if tenant.logo_key else None,
        brand_color=color,
        brand_style=colour.style(color),
        email=tenant.email,
        phone_display=display(tenant.phone_e164) if tenant.phone_e164 else "",
        phone_href=f"tel:{tenant.phone_e164}" if tenant.phone_e164 else "",
        address_line=address_line(tenant.street, tenant.city, tenant.state, tenant.postal_code),
        hours_line=tenant.hours,
        time_zone=tenant.time_zone,
        portal_enabled=tenant.portal_enabled,
        document_link_days=tenant.document_link_days,
        signin_last4=tenant.signin_last4,
        pwa=tenant.pwa,
    )
