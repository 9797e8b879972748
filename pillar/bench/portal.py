"""The first page of a signed-in customer, measured beside the other pages: a list of a dozen estimates."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import insert, select

from pillar import clock
from pillar.bench.pages import Page
from pillar.extensions import db
from pillar.models.customer import Contact, CustomerContact
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.portal import PortalSession
from pillar.models.tenant import Tenant
from pillar.tenancy import using_tenant
from pillar.tokens import digest, document_token, public_id, sign_in_token

_SLUG = "acme-hvac"
_EMAIL = "john.mitchell@acme.example"
_ESTIMATES = 12
# Six milliseconds where the floor takes 3.4.
_TARGET = 0.56


def portal_page(app: Flask) -> Page:
    """Make a customer with a signed-in browser in an application that has the sample."""
    with app.app_context():
        tenant_id = db.session.execute(select(Tenant.id).where(Tenant.slug == _SLUG)).scalar_one()
        with using_tenant(db.session(), tenant_id):
            contact_id, customer_id = db.session.execute(
                select(Contact.id, CustomerContact.customer_id)
                .join(CustomerContact, CustomerContact.contact_id == Contact.id)
                .where(Contact.email == _EMAIL)
                .limit(1)
            ).one()
            db.session.execute(insert(Estimate), [_estimate(n, customer_id) for n in range(_ESTIMATES)])
            token = _session(contact_id)
            db.session.commit()
    headers = {"Cookie": f"pillar-customer={token}"}
    return Page("portal_estimates", f"/portal/{_SLUG}/estimates", _TARGET, headers)


def _estimate(n: int, customer_id: int) -> dict[str, object]:
    now = clock.now()
    return {
        "public_id": public_id(),
        "public_token": document_token(),
        "number": f"EST-2026-9{n:04d}",
        "status": EstimateStatus.SENT if n % 4 == 0 else EstimateStatus.DECLINED,
        "title": f"Furnace repair {n}",
        "customer_id": customer_id,
        "sent_at": now - timedelta(days=n),
        "valid_until": now.date() + timedelta(days=30),
        "total_cents": 123_45 * (n + 1),
    }


def _session(contact_id: int) -> str:
    token, now = sign_in_token(), clock.now()
    db.session.add(
        PortalSession(
            token_hash=digest(token),
            contact_id=contact_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(days=30),
        )
    )
    return token
