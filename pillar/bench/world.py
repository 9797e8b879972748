"""What is measured against: the sample companies, in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.tenant import Tenant
from pillar.tenancy import using_tenant


@dataclass(frozen=True, slots=True)
class World:
    """Where the measured pages are."""

    folder: Path
    environment: Mapping[str, str]
    quote_path: str
    portal_path: str


def environment_of(folder: Path, database_url: str = "") -> dict[str, str]:
    """Settings under which a process works on the world: SQLite in its folder or another database, no Redis.

    Limits are off because one signed-in browser asks for more pages in a minute than a person may.
    """
    return {
        "PILLAR_DATA_DIR": str(folder),
        "PILLAR_ENV": "development",
        "PILLAR_LIMITS": "off",
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
    }


def find_world(app: Flask, folder: Path) -> World:
    """The pages of an application that has the sample."""
    with app.app_context():
        tenant_id = db.session.execute(select(Tenant.id).where(Tenant.slug == "acme-hvac")).scalar_one()
        with using_tenant(db.session(), tenant_id):
            quote = db.session.execute(
                select(Estimate.public_token).where(Estimate.status == EstimateStatus.SENT).limit(1)
            ).scalar_one()
    return World(
        folder=folder,
        environment=environment_of(folder),
        quote_path=f"/quote/{quote}",
        portal_path="/portal/acme-hvac",
    )
