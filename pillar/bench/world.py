"""What is measured against: the sample companies and some thousand customers, in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
from flask import Flask
from sqlalchemy import insert, select

from pillar import clock
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.staff import SignInSession, StaffUser
from pillar.models.tenant import Tenant
from pillar.tenancy import using_tenant
from pillar.text import fold
from pillar.tokens import digest, public_id, sign_in_token

_CHUNK = 5_000
_FIRST = "Ana Bill Carla Deshawn Elena Frank Grace Hal Ines Joan Kim Luis Mary Noor Omar Priya".split()
_LAST = "Albright Brennan Carter Duarte Ellison Huang Ito Kowalczyk Okafor Petrakis Rahman Shah Young".split()
_STREETS = "Alder Brown Catalpa Far Hills Huffman Linden Oakwood Salem Shroyer Wayne Xenia".split()


@dataclass(frozen=True, slots=True)
class World:
    """Where the measured pages are, and how to ask for them."""

    folder: Path
    environment: Mapping[str, str]
    quote_path: str
    portal_path: str
    staff_headers: Mapping[str, str]


def environment_of(folder: Path) -> dict[str, str]:
    """Settings under which a process works on the world: SQLite in its folder, no Redis, development.

    Limits are off because one signed-in browser asks for more pages in a minute than a person may.
    """
    return {
        "PILLAR_DATA_DIR": str(folder),
        "PILLAR_ENV": "development",
        "PILLAR_LIMITS": "off",
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }


def make_world(app: Flask, folder: Path, customers: int) -> World:
    """Add customers and a signed-in browser to an application that has the sample; a progress bar goes along."""
    with app.app_context():
        tenant_id = db.session.execute(select(Tenant.id).where(Tenant.slug == "acme-hvac")).scalar_one()
        with using_tenant(db.session(), tenant_id):
            _add_customers(customers)
            token = _staff_session()
            quote = db.session.execute(
                select(Estimate.public_token).where(Estimate.status == EstimateStatus.SENT).limit(1)
            ).scalar_one()
    return World(
        folder=folder,
        environment=environment_of(folder),
        quote_path=f"/quote/{quote}",
        portal_path="/portal/acme-hvac",
        staff_headers={"Cookie": f"pillar-staff={token}"},
    )


def _add_customers(count: int) -> None:
    with click.progressbar(length=count, label="Customers", file=sys.stderr) as bar:
        for start in range(0, count, _CHUNK):
            rows = [_customer(n) for n in range(start, min(start + _CHUNK, count))]
            db.session.execute(insert(Customer), rows)
            db.session.commit()
            bar.update(len(rows))


def _customer(n: int) -> dict[str, object]:
    name = f"{_LAST[n % len(_LAST)]}, {_FIRST[n // len(_LAST) % len(_FIRST)]} {n}"
    street = f"{n % 9_000 + 1} {_STREETS[n % len(_STREETS)]} Street"
    return {
        "public_id": public_id(),
        "display_name": name,
        "sort_name": fold(name),
        "search_text": f" {fold(name)} {fold(street)} dayton 937555{n % 10_000:04d}",
        "billing_street": street,
        "billing_city": "Dayton",
        "billing_state": "OH",
    }


def _staff_session() -> str:
    token, now = sign_in_token(), clock.now()
    staff_id = db.session.execute(
        select(StaffUser.id).where(StaffUser.email == "admin@acme.example")
    ).scalar_one()
    db.session.add(
        SignInSession(
            token_hash=digest(token),
            staff_id=staff_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=12),
        )
    )
    db.session.commit()
    return token
