"""Companies of three sizes side by side, made once and kept: what lists and search are measured on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import click
from flask import Flask
from sqlalchemy import DDL, func, select

from pillar import clock
from pillar.bench.people import add_people
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, Phone, ServiceLocation
from pillar.models.staff import SignInSession, StaffUser
from pillar.models.tenant import Tenant
from pillar.permissions import Role
from pillar.services.companies import create_company
from pillar.services.staff import create_staff
from pillar.tenancy import across_tenants, using_tenant
from pillar.tokens import digest, sign_in_token

BIG, MIDDLE, SMALL = "bench-big", "bench-middle", "bench-small"
MIDDLE_SIZE, SMALL_SIZE = 10_000, 100
_OURS = (BIG, MIDDLE, SMALL)
_CHUNK = 2_000
_PASSWORD = "pillar-bench-has-no-door"  # noqa: S105 - its people sign in with a session alone
_SAMPLED = 20


@dataclass(frozen=True, slots=True)
class Bench:
    """One company to measure: its size, a signed-in browser, and words that find its customers."""

    slug: str
    customers: int
    headers: Mapping[str, str]
    words: Sequence[Mapping[str, str]]


def make_companies(app: Flask, customers: int) -> list[Bench]:
    """The big company first; what is there from an earlier run is kept and added to."""
    sizes = {BIG: customers, MIDDLE: min(MIDDLE_SIZE, customers), SMALL: min(SMALL_SIZE, customers)}
    with app.app_context():
        _check_nobody_else()
        tenants = {slug: _company(slug) for slug in sizes}
        with click.progressbar(length=sum(sizes.values()), label="Customers", file=sys.stderr) as bar:
            for slug, size in sizes.items():
                with using_tenant(db.session(), tenants[slug]):
                    _fill(size, bar.update)
        if db.engine.dialect.name == "postgresql":
            # Otherwise it would plan for empty tables until its own housekeeping comes round.
            db.session.execute(DDL("ANALYZE"))  # type: ignore[no-untyped-call]
            db.session.commit()
        return [_bench(slug, tenants[slug], size) for slug, size in sizes.items()]


def _check_nobody_else() -> None:
    with across_tenants(db.session(), "the bench looks whose database this is"):
        others = db.session.scalars(select(Tenant.slug).where(Tenant.slug.not_in(_OURS)).limit(1)).all()
    if others:
        raise click.ClickException(
            f"This database holds the company {others[0]}. Give the bench a database of its own."
        )


def _company(slug: str) -> int:
    tenant_id = db.session.scalar(select(Tenant.id).where(Tenant.slug == slug))
    if tenant_id is None:
        tenant_id = create_company(name=slug.replace("-", " ").title(), slug=slug).id
        with using_tenant(db.session(), tenant_id):
            create_staff(email=f"admin@{slug}.example", name="Bench", roles=[Role.ADMIN], password=_PASSWORD)
        db.session.commit()
    return tenant_id


def _fill(size: int, done: Callable[[int], None]) -> None:
    """Whole chunks, one transaction each: an interrupted run goes on where it stopped."""
    there = db.session.scalar(select(func.count(Customer.id))) or 0
    if there > size:
        raise click.ClickException(
            f"{there:,} customers are there already: ask for as many, or delete the bench's folder."
        )
    done(there)
    for start in range(there, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        add_people(start, stop)
        db.session.commit()
        done(stop - start)


def _bench(slug: str, tenant_id: int, size: int) -> Bench:
    with using_tenant(db.session(), tenant_id):
        token = _staff_session(slug)
        words = [_words(customer_id) for customer_id in _some_ids()]
    return Bench(slug, size, {"Cookie": f"pillar-staff={token}"}, words)


def _some_ids() -> list[int]:
    """Customers from everywhere between the first and the last."""
    first, last = db.session.execute(select(func.min(Customer.id), func.max(Customer.id))).one()
    step = max(1, (last - first) // _SAMPLED)
    near = [
        db.session.scalar(select(Customer.id).where(Customer.id >= start).order_by(Customer.id).limit(1))
        for start in range(first, last + 1, step)
    ]
    return [each for each in near if each is not None][:_SAMPLED]


def _words(customer_id: int) -> dict[str, str]:
    """What somebody would type who looks for this customer."""
    name, email, digits, street, city = db.session.execute(
        select(
            Customer.display_name, Contact.email, Phone.digits, ServiceLocation.street, ServiceLocation.city
        )
        .join(CustomerContact, CustomerContact.customer_id == Customer.id)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .join(Phone, Phone.contact_id == Contact.id)
        .join(ServiceLocation, ServiceLocation.customer_id == Customer.id)
        .where(Customer.id == customer_id)
        .limit(1)
    ).one()
    first, last = name.split(maxsplit=1)
    national = digits[-10:]
    return {
        "name": last,
        "name and surname": f"{first} {last}",
        "phone": f"({national[:3]}) {national[3:6]}-{national[6:]}",
        "last four": national[-4:],
        "email": email,
        "street": street,
        "name and city": f"{last} {city}",
        "city": "Dayton",
        "no hit": "qwrtz",
        "two letters": last[:2],
    }


def _staff_session(slug: str) -> str:
    token, now = sign_in_token(), clock.now()
    query = select(StaffUser.id).where(StaffUser.email == f"admin@{slug}.example")
    db.session.add(
        SignInSession(
            token_hash=digest(token),
            staff_id=db.session.scalars(query).one(),
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=12),
        )
    )
    db.session.commit()
    return token
